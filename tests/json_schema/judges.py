"""The same question to the front end and to the engine: is this text a valid document?

`by_program` reads the schema with gcd's front end and evaluates its program by definition (reference.py); `by_engine`
compiles it and walks the text's bytes with a matcher. Where the first is right and the second isn't, look there.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from json_schema import reference
from json_schema.judgement import RefusedTextError, loads
from json_schema.suites import Group

import gcd
import gcd.json_schema

Judge = Callable[[str], bool]

BYTES = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), None], eos_ids=[256])
"""A vocabulary of single bytes, and one id that ends a sequence."""

UNSATISFIABLE = "unsatisfiable"
"""What the refusal of a schema that no document satisfies says."""


def by_program(schema: Any, **options: Any) -> Judge:
    """The front end's program, evaluated."""
    program = gcd.json_schema.load(schema, **options).program

    def judge(text: str) -> bool:
        try:
            loads(text)
        except RefusedTextError:
            return False
        return reference.is_valid(program, reference.document(text))

    return judge


def by_engine(schema: Any, **options: Any) -> Judge:
    """The engine, byte by byte. Which prefixes may dead-end is no matter of verdicts."""
    grammar = gcd.Grammar.from_json_schema(schema, **options)
    compiled = gcd.compile(grammar, BYTES, lenient={"viability", "tightened"})

    def judge(text: str) -> bool:
        matcher = compiled.matcher()
        return bool(matcher.accept_bytes(text.encode("utf-8", "surrogatepass")) and matcher.is_complete)

    return judge


JUDGES: dict[str, Callable[..., Judge]] = {"program": by_program, "engine": by_engine}


@dataclass(slots=True)
class Tally:
    """Verdicts on many documents."""

    documents: int = 0
    right: int = 0
    wrong_accepts: list[str] = field(default_factory=list)
    wrong_rejects: list[str] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    """By schema: why it isn't taken."""
    refused_documents: int = 0

    @property
    def share(self) -> float:
        """Of the documents that are judged right."""
        return self.right / self.documents

    def causes(self) -> Counter[str]:
        """How many schemas are refused with each first line."""
        return Counter(why.splitlines()[0] for why in self.refusals.values())


def tally(make: Callable[..., Judge], groups: Iterable[Group], **options: Any) -> Tally:
    """Every document of every group. Typed errors at compile time are refusals, any other exception is a failure."""
    found = Tally()
    for group in groups:
        found.documents += len(group.tests)
        try:
            judge = make(group.schema, **options)
        except gcd.GcdError as error:
            if UNSATISFIABLE in str(error):
                # That's a verdict: no document is valid.
                judge = _none
            else:
                found.refusals[group.name] = f"{type(error).__name__}: {error}"
                found.refused_documents += len(group.tests)
                continue
        for test in group.tests:
            accepted = judge(test.text)
            place = f"{group.name}: {test.description}"
            if accepted is test.valid:
                found.right += 1
            elif accepted:
                found.wrong_accepts.append(place)
            else:
                found.wrong_rejects.append(place)
    return found


def _none(text: str) -> bool:
    return False
