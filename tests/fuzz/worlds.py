"""Small grammars of every kind that an artefact must carry, with vocabularies of a few hundred tokens.

For tests that save and load; `CASES` names them. Nothing here is random but the walks, and these have seeds.
"""

import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import gcd

__all__ = ["CASES", "Case", "bits_of", "bytes_vocabulary", "compile_case", "lockstep", "mask_of"]

WORDS = [
    *[b"ab", b"abc", b"aab", b"bb", b"if", b"iff", b"for", b"foo", b"  ", b" a", b" b", b"\n  ", b"\n    ", b"\n\n"],
    *[b'"a', b'":', b'", "', b'{"', b"}}", b"[1", b"1,", b"12", b"1.5", b"..", b"/*", b"*/", b"true", b"null", b"->"],
    *[b"):", b"()", b"x = ", b"y:", b"def", b"pass", b"\xc3", b"\xa9 ", "é".encode(), "ß€".encode()],
]


def bytes_vocabulary(*, without: bytes = b"", extra: Sequence[bytes] = WORDS) -> gcd.Vocabulary:
    """Single bytes, all but those in `without`, some words, a hole, a special token, two ids that end a sequence."""
    tokens: list[bytes | None] = [None if bytes([b]) in without else bytes([b]) for b in range(256)]
    tokens += [*extra, None, None, None, None]
    n = len(tokens)
    return gcd.Vocabulary.from_bytes(tokens, eos_ids=[n - 2, n - 1], special_ids=[n - 3], width=n + 5)


@dataclass(frozen=True)
class Case:
    """A grammar, its options, and what the vocabulary lacks."""

    name: str
    grammar: str
    options: dict[str, Any] = field(default_factory=dict)
    without: bytes = b""

    def __str__(self) -> str:
        return self.name


JSON = r"""
start: value
value: object | array | STRING | NUMBER | "true" | "false" | "null"
object: "{" [pair ("," pair)*] "}"
array: "[" [value ("," value)*] "]"
pair: STRING ":" value
STRING: /"([^"\\\x00-\x1f]|\\["\\bfnrt]|\\u[0-9a-f]{4})*"/
NUMBER: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/
%ignore /[ \t\n]+/
"""

KEYWORDS = r"""
start: statement+
statement: "if" expr "{" statement* "}" | "for" NAME "in" expr ";" | NAME "=" expr ";"
expr: expr "+" term | term
term: NAME | INT | FLOAT | INT ".." INT | "(" expr ")"
NAME: /[a-z_]\w*/
INT: /\d+/
FLOAT: /\d+\.\d+/
COMMENT: /\/\*(.|\n)*?\*\//
%ignore COMMENT
%ignore /\s+/
"""

BLOCKS = r"""
start: (_NEWLINE | statement)*
statement: "pass" _NEWLINE | "def" NAME "(" [NAME ("," NAME)*] ")" ":" _NEWLINE _INDENT statement+ _DEDENT
NAME: /[a-z]+/
LPAR: "("
RPAR: ")"
_NEWLINE: /(\r?\n[\t ]*)+/
%declare _INDENT _DEDENT
%ignore /[ ]+/
"""

CASES = [
    Case("json", JSON),
    Case("keywords", KEYWORDS),
    Case("basic lexer", KEYWORDS, {"parser": "lalr", "lexer": "basic"}),
    Case(
        "earley, dynamic",
        'start: s\ns: s s | "a" | B | "if"\nB: /b+/\n%ignore " "',
        {"parser": "earley", "lexer": "dynamic"},
    ),
    Case(
        "earley, every length",
        'start: A B? | A A "if"\nA: /a+b?/\nB: /b+/\n%ignore / +/',
        {"parser": "earley", "lexer": "dynamic_complete"},
    ),
    Case(
        "earley, basic",
        "start: x+\nx: NAME | INT\nNAME: /[a-z]+/\nINT: /[0-9]+/",
        {"parser": "earley", "lexer": "basic"},
    ),
    Case("indentation", BLOCKS, {"postlex": "python"}),
    Case(
        "several starts",
        'one: "a"+ two?\ntwo: "b" three | "12"\nthree: /[if]+/ | one',
        {"start": ["three", "one", "two"]},
    ),
    Case("nullable start", 'start: A*\nA: "ab" | "b"\n%ignore " "'),
    Case(
        "lookbehind",
        r"""start: (W | D)+
W: /(?<![0-9])[a-z]+\b/
D: /(?<=[a-z])[0-9]+(?!\.)/ | /(?<![a-z])[0-9]+;/
""",
    ),
    Case("counted", "start: (A B)+\nA: /[ab]{2,40}/\nB: /[1-5]{3,}|\\.{1,7}/"),
    Case("enum", 'start: W ("," W)*\nW: ' + " | ".join(f'"{a}{b}{c}"' for a in "aif" for b in "bo1" for c in "o2.")),
    Case("characters", 'start: /[à-ÿ€]+/ ("->" /[^a-z\\n]{1,5}/)*'),
    Case("without some bytes", JSON, without=b"{:\xa9"),
    Case("indentation without some bytes", BLOCKS, {"postlex": "python"}, without=b"\n)"),
]


def compile_case(case: Case, vocab: gcd.Vocabulary | None = None) -> gcd.CompiledGrammar:
    """Compiled afresh."""
    grammar = gcd.Grammar.from_lark(case.grammar, **case.options)
    return gcd.compile(grammar, vocab or bytes_vocabulary(without=case.without))


def mask_of(matcher: Any, width: int) -> array:
    """A matcher's mask, as words."""
    words = array("I", bytes(4 * ((width + 31) // 32)))
    matcher.fill_bitmask(words)
    return words


def bits_of(mask: array) -> list[int]:
    """The token ids of a mask."""
    return [32 * w + i for w, word in enumerate(mask) if word for i in range(32) if word >> i & 1]


def lockstep(
    compiled: Sequence[gcd.CompiledGrammar], *, walks: int, steps: int, seed: int = 0, start: str | None = None
) -> Iterator[list[array]]:
    """Random texts through several engines at once: each position's masks, in the order of the engines.

    The first engine's mask chooses the next token, and every engine must take it. Long tokens are drawn more often than
    their number says, and the end of the sequence seldom.
    """
    width, ends = compiled[0].width, set(compiled[0].eos_ids)
    rest = random.Random(seed)
    for _ in range(walks):
        matchers = [c.matcher(start) for c in compiled]
        for _ in range(steps):
            masks = [mask_of(m, width) for m in matchers]
            yield masks
            allowed = bits_of(masks[0])
            texts = [t for t in allowed if t not in ends]
            if not allowed:
                break
            words = [t for t in texts if len(matchers[0].token_bytes(t)) > 1]
            token = rest.choice(words if words and rest.random() < 0.5 else texts or allowed)
            if ends & set(allowed) and rest.random() < 0.05:
                token = min(ends & set(allowed))
            assert [m.accept(token) for m in matchers] == [True] * len(matchers), token
            if token in ends:
                break
