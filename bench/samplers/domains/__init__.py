"""Tasks in the shape of the AWRS paper's (Lipkin et al. 2025, section 5), five domains, made for a small model.

Every prompt shows how it is done and ends with a line break; the answer is one line. So any token that begins with a
line break ends a text, and the bare model can take part. Nothing here depends on who samples.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["DOMAINS", "Example", "examples", "few_shots"]

DOMAINS = {
    "patterns": "regexes with lookaround and backreferences",
    "json": "documents of JSON Schemas",
    "molecules": "SMILES of a class of molecules",
    "queries": "SQL on a small database",
    "plans": "plans of actions, PDDL-like",
}
"""Name -> what it is about; each is a module of this package (`json_documents` for "json")."""


@dataclass(frozen=True)
class Example:
    """One task.

    Attributes:
        domain, name: which.
        prompt: ends with a line break.
        max_tokens: budget of the answer, its end among them.
        score: how good an answer is that the condition takes, in [0, 1].
        complete: whether a text satisfies the condition.
        condition: makes the condition as a predicate on prefixes, in Python; None: `schema` says it all.
        grammar: makes what gcd gets besides: the part of the condition that is a grammar.
        grammar_key: equal for examples with equal grammars.
        schema: the condition as a JSON Schema.
    """

    domain: str
    name: str
    prompt: str
    max_tokens: int
    score: Callable[[str], float]
    complete: Callable[[str], bool]
    condition: Callable[[], Any] | None = None
    grammar: Callable[[], Any] | None = None
    grammar_key: str = ""
    schema: Any = field(default=None, compare=False)


def examples(domain: str, n: int, data: Path) -> list[Example]:
    """The first `n` examples of a domain; fewer where there are no more.

    Args:
        domain: of `DOMAINS`.
        n: how many.
        data: the folder of the conformance data.

    Raises:
        ImportError: a package that the domain needs is missing.
        OSError: so is the data.
    """
    module = import_module(f"{__name__}.{'json_documents' if domain == 'json' else domain}")
    found: list[Example] = module.examples(n, data)
    return found


def few_shots(head: str, question: str, answer: str, shots: list[tuple[str, str]], asked: str) -> str:
    """A prompt: each question and its answer on lines of their own, then the one that is asked."""
    blocks = [f"{question}: {q}\n{answer}:\n{a}\n" for q, a in shots]
    return "\n".join([head, *blocks, f"{question}: {asked}\n{answer}:\n"])
