"""docs/grammar-support.md is the specification; this runs it: every example, judged by Lark and by gcd.

An example is a fenced block of Lark with verdicts in comments; the page says what they mean. To add one, edit the page.
"""

import json
import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lark
import pytest
from lark import Lark
from lark.exceptions import LarkError
from lark.indenter import DedentError, PythonIndenter
from oracle.checks import read_bits

import gcd

PAGE = Path(__file__).parents[2] / "docs" / "grammar-support.md"
BLOCK = re.compile(r"^```lark\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADER = re.compile(r"^// gcd: (.*)$", re.MULTILINE)
VERDICT = re.compile(
    r"^// (?:(?P<mode>(?:lalr|earley)/\w+) )?"
    r"(?P<verb>takes|refuses|mode|note|both refuse the grammar|gcd refuses the grammar|the language is empty|"
    r"known bug, only Lark takes)"
    r"(?:: (?P<rest>.*))?$",
    re.MULTILINE,
)

TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass
class Example:
    """One block of the page, read in one mode."""

    line: int
    grammar: str
    options: dict[str, str]
    """parser, lexer, start, postlex: of the header line, or of the mode."""
    takes: list[str] = field(default_factory=list)
    refuses: list[str] = field(default_factory=list)
    bugs: list[str] = field(default_factory=list)
    """Texts that only Lark takes."""
    notes: list[str] = field(default_factory=list)
    mode: str | None = None
    refusal: tuple[str, str, str] | None = None
    """Who refuses the grammar, with which error, in which words."""

    def __str__(self) -> str:
        return f"line {self.line} {'/'.join(self.options.get(key, 'auto') for key in ('parser', 'lexer'))}"


def examples() -> list[Example]:
    page = PAGE.read_text()
    found = []
    for block in BLOCK.finditer(page):
        text, line = block[1], page.count("\n", 0, block.start()) + 2
        header = HEADER.search(text)
        own = dict(option.split("=") for option in header[1].split()) if header else {}
        by_mode: dict[str | None, Example] = {}
        for verdict in VERDICT.finditer(text):
            options = dict(own)
            if verdict["mode"]:
                options["parser"], options["lexer"] = verdict["mode"].split("/")
            example = by_mode.setdefault(verdict["mode"], Example(line, text, options))
            read_verdict(example, verdict["verb"], verdict["rest"] or "")
        assert by_mode, f"{PAGE.name}:{line}: an example without a verdict"
        comments = text.count("\n// ") + text.startswith("// ")
        assert comments == len(VERDICT.findall(text)) + bool(header), f"{PAGE.name}:{line}: a comment that isn't read"
        found += by_mode.values()
    return found


def read_verdict(example: Example, verb: str, rest: str) -> None:
    if verb in ("takes", "refuses", "known bug, only Lark takes"):
        texts = example.bugs if verb.startswith("known") else getattr(example, verb)
        texts.extend(json.loads(written) for written in TEXT.findall(rest))
    elif verb == "mode":
        example.mode = rest
    elif verb == "note":
        example.notes.append(rest)
    elif verb == "the language is empty":
        example.refusal = ("gcd", "GrammarError", "the language")
    else:
        who, (error, words) = verb.split()[0], rest.split(", ", 1)
        example.refusal = (who, error, words)


EXAMPLES = examples()


def load_lark(example: Example) -> Lark:
    options: dict[str, Any] = {k: v for k, v in example.options.items() if v != "auto" and k in ("parser", "lexer")}
    if example.options.get("postlex") == "python":
        options["postlex"] = PythonIndenter()
    start = example.options.get("start", "start")
    if "parser" in options:
        return Lark(example.grammar, start=start, **options)
    try:
        return Lark(example.grammar, start=start, parser="lalr", **options)
    except lark.exceptions.GrammarError:
        return Lark(example.grammar, start=start, parser="earley", **options)


def parses(judge: Lark, text: str) -> bool:
    try:
        judge.parse(text)
    except (LarkError, DedentError):
        return False
    except (AssertionError, IndexError):  # the indenter's: a bracket too many, a newline terminal without a newline
        assert judge.options.postlex
        return False
    except RuntimeError as error:
        if "multiple start symbol items" not in str(error):
            raise
        # else Earley's chart holds the whole text, and only the tree failed
    return True


def load_gcd(example: Example) -> gcd.Grammar:
    """With the options of the header line, unless the example is read in another mode."""
    modes = {key: example.options[key] for key in ("parser", "lexer") if key in example.options}
    return gcd.Grammar.from_lark(example.grammar, **modes)


def vocabulary(texts: list[str]) -> gcd.Vocabulary:
    """Every byte, and every piece of two to four bytes of the texts."""
    data = [text.encode() for text in texts]
    pieces = {t[i : i + n] for t in data for n in (2, 3, 4) for i in range(len(t) - n + 1)}
    tokens = [bytes([b]) for b in range(256)] + sorted(pieces)
    return gcd.Vocabulary.from_bytes([*tokens, None], eos_ids=[len(tokens)])


class Asked:
    """gcd on whole texts, spelled in several ways."""

    def __init__(self, compiled: gcd.CompiledGrammar, vocab: gcd.Vocabulary):
        self._compiled = compiled
        self._width = vocab.width
        self._tokens = {t: i for i, t in enumerate(vocab.tokens) if t}
        self._eos = vocab.eos_ids[0]

    def accepts_bytes(self, text: str) -> bool:
        matcher = self._compiled.matcher()
        return matcher.accept_bytes(text.encode()) and matcher.is_complete

    def takes(self, text: str) -> bool:
        data = text.encode()
        verdict = self.accepts_bytes(text)
        draw = random.Random(text)
        for longest in (1, 4, 4, 4):
            assert self._spell(data, longest, draw) == verdict, f"{text!r} depends on its tokens"
        return verdict

    def _spell(self, data: bytes, longest: int, draw: random.Random) -> bool:
        """Token by token: mask, check and accept must agree, and a mask is never empty."""
        matcher = self._compiled.matcher()
        at = 0
        while at < len(data):
            token = self._tokens[data[at : at + draw.randint(1, longest)]]
            at += len(self._compiled.vocab.tokens[token] or b"")
            bits = read_bits(matcher, self._width)
            assert any(bits), f"a dead end before {data[:at]!r}"
            assert bits[token] == matcher.check(token) == matcher.accept(token)
            if not bits[token]:
                return False
        bits = read_bits(matcher, self._width)
        assert any(bits), f"a dead end after {data!r}"
        assert bits[self._eos] == matcher.is_complete
        return bits[self._eos]


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.refusal is None], ids=str)
def test_texts(example: Example):
    judge, grammar = load_lark(example), load_gcd(example)
    if example.mode:
        assert grammar.mode == example.mode
    for note in example.notes:
        assert any(note in own for own in grammar.notes), grammar.notes
    texts = example.takes + example.refuses
    assert texts
    vocab = vocabulary(texts)
    compiled = gcd.compile(grammar, vocab)
    assert compiled.exactness.exact
    asked = Asked(compiled, vocab)
    for text in texts:
        assert parses(judge, text) == (text in example.takes), f"Lark on {text!r}"
        assert asked.takes(text) == (text in example.takes), f"gcd on {text!r}"
    for text in example.bugs:
        assert parses(judge, text)
        assert not asked.accepts_bytes(text), f"{text!r} is mended: say so on the page"
    if example.bugs:
        return
    for text in neighbours(texts):
        assert asked.accepts_bytes(text) == parses(judge, text), f"Lark and gcd on {text!r}"


def neighbours(texts: list[str], most: int = 500) -> list[str]:
    """Texts like these, with a letter more, less or other."""
    letters = sorted(set("".join(texts)))
    found = set(letters)
    for text in texts:
        for i in range(len(text) + 1):
            found |= {text[:i] + letter + text[i:] for letter in letters}
            found |= {text[:i] + letter + text[i + 1 :] for letter in ("", *letters)}
    return random.Random(1).sample(sorted(found), min(most, len(found)))


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.refusal], ids=str)
def test_refusals(example: Example):
    who, error, words = example.refusal
    if who == "both":
        with pytest.raises((LarkError, re.error)):
            load_lark(example).parse("")
    else:
        load_lark(example)
    with pytest.raises(getattr(gcd, error)) as raised:
        gcd.compile(load_gcd(example), vocabulary([]))
    if error == "UnsupportedError":
        assert raised.value.construct == words
    else:
        assert words in raised.value.cause


def test_the_page_is_read():
    assert len(EXAMPLES) > 60
    assert PAGE.read_text().count("```lark\n") == len({e.line for e in EXAMPLES})
