"""What is fuzzed: each target makes its input from a seed, feeds it to gcd, and says what came of it.

Either one of gcd's errors is raised, or what is made works. Anything else (another exception, answers that contradict
each other, a crash, a hang) is a finding; `fuzz.__main__` watches for those from outside of the process.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzz.damage import damaged_json, damaged_sections, damaged_text
from fuzz.walking import allowed_tokens, use
from fuzz.worlds import CASES, bytes_vocabulary, compile_case
from json_schema.fuzz_schemas import Writer

import gcd
from gcd.artifact import Artifact, write_artifact
from gcd.composition import optional, repeated
from gcd.exactness import KINDS

__all__ = ["TARGETS", "Target"]

LIMITS = gcd.Limits(max_lexer_states=20_000, memo_bytes=50_000_000, seconds=5.0)
GRAMMARS = Path(__file__).parents[2] / "grammars"

SCHEMAS: list[Any] = [
    {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3}, "b": {"enum": ["x", "yz"]}}},
    {"anyOf": [{"type": "string", "pattern": "^[a-c]{2,5}$"}, {"type": "array", "uniqueItems": True, "maxItems": 3}]},
    {"$ref": "#/$defs/t", "$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}}},
    {"type": "object", "patternProperties": {"^a": {"type": "number", "multipleOf": 0.5}}, "minProperties": 2},
    {"not": {"const": [1, {"a": None}]}, "if": {"type": "string"}, "then": {"minLength": 2}},
]


@dataclass(frozen=True)
class Target:
    """`prepare` runs once in a folder of its own; `run` once for each seed, and may raise one of gcd's errors."""

    prepare: Callable[[Path], Any]
    run: Callable[[Any, random.Random, Path], str]


def nothing(_folder: Path) -> None:
    """For targets that need no preparation."""


# -- artefacts --------------------------------------------------------------------------------


def sections_of(compiled: Any, folder: Path) -> dict[str, bytes]:
    """What an artefact holds, its two hashes included."""
    path = folder / "sound.gcd"
    compiled.save(path)
    artifact = Artifact.open(path)
    sections = {name: bytes(artifact.section(name)) for name in artifact.sizes}
    return {**sections, "hash": artifact.grammar_hash, "fingerprint": artifact.fingerprint}


def grammar_artifacts(folder: Path) -> list[dict[str, bytes]]:
    """Of each case as compiled, and with its tables filled."""
    found = []
    for case in CASES:
        compiled = compile_case(case)
        for n in (0, 60):
            compiled.fill_tables(n, 0.5)
            found.append(sections_of(compiled, folder))
    return found


def schema_artifacts(folder: Path) -> list[dict[str, bytes]]:
    """Of a few schemas."""
    vocab = bytes_vocabulary()
    compiled = [gcd.compile(gcd.Grammar.from_json_schema(schema), vocab, lenient=KINDS) for schema in SCHEMAS]
    return [sections_of(one, folder) for one in compiled]


GRAMMAR_SECTIONS = {"tables": 6, "rows": 4, "lists": 1, "locals": 3, "summaries": 3, "sets": 2, "meta": 1, "trie": 3}
SCHEMA_SECTIONS = {"schema": 8, "meta": 1, "trie": 1}


def load_damaged(weights: dict[str, int]) -> Callable[[list[dict[str, bytes]], random.Random, Path], str]:
    """Loads a file with damaged sections and checksums that are right again."""

    def run(sound: list[dict[str, bytes]], draw: random.Random, folder: Path) -> str:
        path = folder / "damaged.gcd"
        sections = damaged_sections(draw.choice(sound), sound, weights, draw)
        hashes = sections.pop("hash"), sections.pop("fingerprint")
        if draw.random() < 0.7:  # else its trie may be one that is open already
            hashes = hashes[0], draw.randbytes(32)
        write_artifact(path, *hashes, sections)
        compiled = gcd.load(path, limits=LIMITS)
        outcome = use(compiled, draw, sound=False)
        compiled.fill_tables(30, 2.0)
        if draw.random() < 0.1:
            _ = compiled.vocab
            compiled.save(path.with_suffix(".again"))
        return outcome

    return run


def load_noise(sound: list[dict[str, bytes]], draw: random.Random, folder: Path) -> str:
    """Loads a file whose bytes were changed anywhere, so that checksums are wrong."""
    path = folder / "noise.gcd"
    sections = dict(draw.choice(sound))
    hashes = sections.pop("hash"), sections.pop("fingerprint")
    write_artifact(path, *hashes, sections)
    data = bytearray(path.read_bytes())
    for _ in range(draw.randint(1, 4)):
        at = draw.choice([draw.randrange(400), draw.randrange(len(data))]) % len(data)
        data[at : at + draw.randrange(3)] = draw.randbytes(draw.randrange(3))
    path.write_bytes(data)
    return use(gcd.load(path, limits=LIMITS), draw, sound=False)


# -- texts ------------------------------------------------------------------------------------

LARK_PIECES = [
    *(
        "|",
        ":",
        "?",
        "*",
        "+",
        "~2",
        "~1..3",
        "(",
        ")",
        "[",
        "]",
        "->",
        " alias",
        "!",
        "_",
        "%ignore ",
        "%import ",
        ",",
    ),
    *('"a"', '"if"i', "/a+/", "/[^x]/", "/(?=a)b/s", r"/\b\w+\b/", "/(?<!a)b{2,4}?/", ".2", "\n", "  ", "A", "start"),
    *("start: A\n", "A: /x*y/\n", "%declare B\n", "%extend A: /z/\n", "%override A: /q/\n", "{x}", "common.INT", "//"),
    *(
        "\\",
        "\x00",
        "\u00e9",
        "\U0001f600",
        "%json {}",
        "a{b}",
        "B{x, y}: x y\n",
        "..",
        '"\\x41".."\\x5a"',
        "~0",
        "~-1",
    ),
]
REGEX_PIECES = [
    *("a", "b", "ab", ".", "|", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{0,}", "{3,2}", "*+", "{2,}+"),
    *(
        "(",
        ")",
        "(?:",
        "(?=",
        "(?!",
        "(?<=",
        "(?<!",
        "(?>",
        "(?i:",
        "(?-i:",
        "(?s:",
        "(?x: ",
        "(?P<n>",
        "(?P=n)",
        "(?#",
    ),
    *("[ab]", "[^a]", "[a-", "]", "[", "[]a]", "[\\d-z]", "\\d", "\\W", "\\s", "\\b", "\\B", "\\A", "\\Z", "^", "$"),
    *(
        "\\1",
        "\\x41",
        "\\u00e9",
        "\\N{DIGIT ONE}",
        "\\",
        "é",
        "ß",
        "\u017f",
        "K",
        "\n",
        "\U0001f600",
        "(?i)",
        "\\0",
        "\\777",
    ),
]


def lark_texts(folder: Path) -> tuple[list[tuple[str, dict[str, Any]]], Any]:
    """Grammars to begin with, and the vocabulary."""
    texts = [(case.grammar, case.options) for case in CASES]
    texts += [(path.read_text(), {}) for path in sorted(GRAMMARS.glob("*.lark")) if path.stat().st_size < 3000]
    return texts, bytes_vocabulary()


def read_lark(state: Any, draw: random.Random, folder: Path) -> str:
    """Reads, compiles and walks a Lark grammar with edits."""
    texts, vocab = state
    text, options = draw.choice(texts)
    text = damaged_text(text, LARK_PIECES, draw)
    if draw.random() < 0.3:
        options = {
            "parser": draw.choice(["auto", "lalr", "earley"]),
            "lexer": draw.choice(["auto", "basic", "dynamic"]),
        }
    compiled = gcd.compile(gcd.Grammar.from_lark(text, limits=LIMITS, **options), vocab, LIMITS, lenient=KINDS)
    return use(compiled, draw)


def read_regex(vocab: Any, draw: random.Random, folder: Path) -> str:
    """Compiles a pattern; texts that it writes are those that Python's `re` matches."""
    pattern = "".join(draw.choices(REGEX_PIECES, k=draw.randint(1, 9)))
    flags = draw.choice([0, 0, 0, re.I, re.S, re.M, re.X, re.A])
    compiled = gcd.compile(gcd.Grammar.from_regex(pattern, flags, limits=LIMITS), vocab, LIMITS, lenient=KINDS)
    expected = re.compile(pattern, flags)
    for _ in range(3):
        matcher, data = compiled.matcher(), b""
        for _ in range(8):
            allowed = [t for t in allowed_tokens(matcher, compiled.width) if t not in compiled.eos_ids]
            text = data.decode("utf-8", "ignore")
            if text.encode() == data:
                assert matcher.is_complete == (expected.fullmatch(text) is not None), f"{pattern!r} on {text!r}"
            if not allowed:
                break
            token = draw.choice(allowed)
            assert matcher.accept(token)
            data += matcher.token_bytes(token)
    return use(compiled, draw, steps=5)


def read_tokenizer(state: Any, draw: random.Random, folder: Path) -> str:
    """Reads a damaged tokenizer file."""
    kinds, damage = state
    path = folder / "tokenizer"
    path.write_bytes(damage(draw.choice(kinds), draw))
    vocab = gcd.Vocabulary.from_pretrained(path, eos_ids=[])
    assert len(vocab.tokens) == vocab.width
    return "read"


def tokenizers(folder: Path) -> Any:
    """Sound files of each kind; they are kept beside the tests of the readers."""
    from unit.test_vocab_formats import SOUND, damage

    return list(SOUND.values()), damage


def read_schema(vocab: Any, draw: random.Random, folder: Path) -> str:
    """Reads, compiles and walks a random schema, here and there with an odd value in it."""
    schema = Writer(draw).write()
    if isinstance(schema, dict) and draw.random() < 0.5:
        schema = json.loads(damaged_json(json.dumps(schema).encode(), draw))
    grammar = gcd.Grammar.from_json_schema(schema, limits=LIMITS)
    return use(gcd.compile(grammar, vocab, LIMITS, lenient=KINDS), draw)


# -- sequences --------------------------------------------------------------------------------


def matchers(folder: Path) -> list[Any]:
    """Compiled grammars of each kind, fresh ones: their tables fill as the run goes on."""
    vocab = bytes_vocabulary()
    schemas = [gcd.compile(gcd.Grammar.from_json_schema(s), vocab, LIMITS, lenient=KINDS) for s in SCHEMAS]
    cases = [compile_case(case, vocab) for case in CASES if not case.without]
    free = gcd.compile(gcd.Grammar.any_text(until=":"), vocab)
    composed = [
        cases[0] | schemas[0],
        optional(cases[6]) + free + schemas[1],
        repeated(cases[3] + cases[11]) + cases[0],
    ]
    return cases + [compile_case(case) for case in CASES if case.without] + schemas + composed


def sequence(compiled_ones: list[Any], draw: random.Random, folder: Path) -> str:
    """Random calls of one matcher and its forks; each must stand where its accepted tokens alone lead to."""
    compiled = draw.choice(compiled_ones)
    start = draw.choice(compiled.info.starts)
    open_ones: list[tuple[Any, list[Any]]] = [(compiled.matcher(start), [])]
    for _ in range(40):
        at = draw.randrange(len(open_ones))
        matcher, steps = open_ones[at]
        match draw.randrange(9):
            case 0 | 1 | 2 | 3:
                allowed = allowed_tokens(matcher, compiled.width)
                if allowed:
                    token = draw.choice(allowed)
                    assert matcher.accept(token)
                    steps.append(token)
            case 4 if not matcher.is_finished:
                token = draw.randrange(compiled.width)
                if matcher.accept(token):
                    steps.append(token)
            case 5 if not matcher.is_finished:
                data = draw.choice([b"", b"a", b'{"', b"if", b"[1", draw.randbytes(1)])
                if matcher.accept_bytes(data):
                    steps.append(data)
            case 6:
                n = draw.randint(0, len(steps))
                matcher.rollback(n)
                del steps[len(steps) - n :]
            case 7 if len(open_ones) < 6:
                open_ones.append((matcher.fork(), list(steps)))
            case 8:
                matcher.validate(draw.choices(range(compiled.width), k=3))
                if draw.random() < 0.1:
                    matcher.reset()
                    steps.clear()
    for matcher, steps in open_ones:
        again = compiled.matcher(start)
        for step in steps:
            assert again.accept_bytes(step) if isinstance(step, bytes) else again.accept(step)
        assert matcher.n_accepted == again.n_accepted == len(steps)
        assert (matcher.is_complete, matcher.is_finished) == (again.is_complete, again.is_finished)
        assert allowed_tokens(matcher, compiled.width) == allowed_tokens(again, compiled.width)
    return "agrees"


def vocabulary(_folder: Path) -> Any:
    """Single bytes and some words."""
    return bytes_vocabulary()


TARGETS = {
    "artifact": Target(grammar_artifacts, load_damaged(GRAMMAR_SECTIONS)),
    "schema-artifact": Target(schema_artifacts, load_damaged(SCHEMA_SECTIONS)),
    "artifact-noise": Target(grammar_artifacts, load_noise),
    "lark": Target(lark_texts, read_lark),
    "regex": Target(vocabulary, read_regex),
    "tokenizer": Target(tokenizers, read_tokenizer),
    "schema": Target(vocabulary, read_schema),
    "sequence": Target(matchers, sequence),
}
