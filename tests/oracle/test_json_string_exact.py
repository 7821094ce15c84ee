"""Grammars in JSON strings: every mask beside an enumeration of all ways to write the sentences."""

import itertools
import json
import random

import numpy as np
import pytest
import regex

import gcd
from gcd.composition import json_string, optional, recursive, repeated

WORDS = [
    b'"a', b'a"', b'""', b'"}', b'x"', b'"y', b'a"y', b"ab", b"a\\", b"\\u", b"\\u0", b"\\u00", b"\\u006", b"\\u0061",
    b"\\u0061a", b"61", b'61"', b"\\n", b'\\n"', b"a\\n", b"\\\\", b'\\"', b'\\\\"', b"\\ud8", b"\\uD83d\\", b"3d\\u",
    b"\\ude00", b"e00", b"\xc3\xa9", b'\xa9"', b"a\xc3", b"\xf0\x9f", b"\x98\x80", b"\\u00e9\xc3", b"\n", b"a\n",
    b"\\/",
]  # fmt: skip
TOKENS = [*(bytes([b]) for b in range(256)), *(word for word in WORDS if len(word) > 1)]
VOCAB = gcd.Vocabulary.from_bytes([*TOKENS, None], eos_ids=[len(TOKENS)])
SHORT = {'"': '"', "\\": "\\", "/": "/", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}


def cases(digits: str) -> list[str]:
    return ["".join(way) for way in itertools.product(*({d.lower(), d.upper()} for d in digits))]


def spellings(character: str) -> list[str]:
    """All that RFC 8259 allows for a character in a string."""
    units = [character.encode("utf-16-be")[i : i + 2].hex() for i in range(0, len(character.encode("utf-16-be")), 2)]
    ways = ["".join("\\u" + u for u in pair) for pair in itertools.product(*map(cases, units))]
    if character in SHORT:
        ways.append("\\" + SHORT[character])
    if character not in '"\\' and character >= " ":
        ways.append(character)
    return ways


def strings(text: str) -> set[str]:
    """All JSON strings of a value."""
    return {f'"{"".join(ways)}"' for ways in itertools.product(*map(spellings, text))}


def bits(matcher) -> set[int]:
    mask = np.zeros(-(-VOCAB.width // 32), np.int32)
    matcher.fill_bitmask(mask)
    return {i for i in range(VOCAB.width) if mask[i // 32] >> (i % 32) & 1}


def choices(*texts: str) -> gcd.CompiledGrammar:
    return gcd.compile(gcd.Grammar.from_choices(texts), VOCAB)


def holds(compiled: gcd.CompiledGrammar, sentences: set[str], seed: int, places: int) -> None:
    """At prefixes, each token's bit, check() and is_complete are what the enumeration says."""
    wanted = {text.encode() for text in sentences}
    prefixes = {text[:n] for text in wanted for n in range(len(text) + 1)}
    draw = random.Random(seed)
    for text in [b"", *draw.sample(sorted(prefixes), min(places, len(prefixes)))]:
        matcher = compiled.matcher()
        assert not text or matcher.accept_bytes(text)
        expected = {t for t, token in enumerate(TOKENS) if text + token in prefixes}
        expected |= set(VOCAB.eos_ids) if text in wanted else set()
        assert bits(matcher) == expected, text
        assert matcher.is_complete == (text in wanted)
        for token in draw.sample(range(VOCAB.width), 20):
            assert matcher.check(token) == (token in expected)
        for token in expected - set(VOCAB.eos_ids):
            assert matcher.accept(token)
            matcher.rollback(1)
        assert bits(matcher) == expected
        forced = matcher.forced_bytes(20)
        assert (
            not forced or len({more[: len(text) + 1] for more in prefixes if more[: len(text)] == text} - {text}) == 1
        )


@pytest.mark.parametrize(
    "values",
    [["a"], ["a", "ab\n"], ["é", "\xe8"], ["\U0001f600"], ["\ud7ff", "\ue000"], ['"', "\\", "/"], ["\x00", "\x1f\x7f"]],
    ids=ascii,
)
def test_all_ways_to_write_a_value(values):
    compiled = json_string(choices(*values))
    assert compiled.exactness.exact
    holds(compiled, set().union(*map(strings, values)), 1, 80)


def test_between_other_parts():
    compiled = choices("x", "") + json_string(optional(choices("a"))) + optional(choices("y", "}"))
    written = strings("a") | strings("")
    holds(compiled, {b + s + e for b in ("x", "") for s in written for e in ("", "y", "}")}, 2, 80)


def test_strings_in_strings():
    compiled = json_string(json_string(choices("a", "")) + choices("y"))
    once = {s + "y" for s in strings("a") | strings("")}
    holds(compiled, set().union(*map(strings, once)), 3, 120)


def test_any_number_of_sentences_in_a_string():
    def ways(text: str) -> str:
        return "".join(f"(?:{'|'.join(map(regex.escape, spellings(c)))})" for c in text)

    pattern = regex.compile(f'"(?:{ways("a")}{ways("b")}|{ways(chr(10))})*"y?')
    compiled = json_string(repeated(choices("ab", "\n"))) + optional(choices("y"))
    asked = [t for t, token in enumerate(TOKENS) if token.isascii()]
    for seed in range(12):
        draw, matcher, text = random.Random(seed), compiled.matcher(), b""
        for _ in range(10):
            allowed = bits(matcher)
            viable = {t for t in asked if pattern.fullmatch((text + TOKENS[t]).decode(), partial=True)}
            assert allowed - set(VOCAB.eos_ids) == viable, text
            assert matcher.is_complete == bool(pattern.fullmatch(text.decode()))
            if not viable:
                break
            token = draw.choice(sorted(viable))
            assert matcher.accept(token)
            text += TOKENS[token]


def test_a_recursion_through_strings():
    # A value is "a", or a list with one value, written in a string.
    begin, end = choices("["), choices("]")
    compiled = recursive(lambda value: choices("a") | begin + json_string(value) + end)
    text = "a"
    for _ in range(4):
        text = f"[{json.dumps(text)}]"
        matcher = compiled.matcher()
        assert matcher.accept_bytes(text.encode())
        assert matcher.is_complete
    beginning = recursive(lambda value: choices("a") | json_string(value))  # a quote comes first, so this is fine
    matcher = beginning.matcher()
    assert matcher.accept_bytes(json.dumps(json.dumps("a")).encode())
    assert matcher.is_complete
    with pytest.raises(gcd.GrammarError, match="no sentence"):
        recursive(lambda value: json_string(value))


def test_random_texts_say_what_the_grammar_says():
    grammar = gcd.Grammar.from_lark('start: "{" [pair ("," pair)*] "}"\npair: KEY ":" KEY\nKEY: /"[^"]{0,3}"/')
    inner = gcd.compile(grammar, VOCAB)
    compiled = json_string(inner)
    for seed in range(30):
        draw, matcher, text = random.Random(seed), compiled.matcher(), b""
        for _ in range(40):
            allowed = sorted(bits(matcher))
            if set(VOCAB.eos_ids) & set(allowed):
                break
            # Rather ends than goes on.
            closing = [t for t in allowed if TOKENS[t].endswith((b'"', b"}"))]
            token = draw.choice(closing if closing and draw.random() < 0.6 else allowed)
            assert matcher.accept(token)
            text += TOKENS[token]
        if matcher.is_complete:
            value = inner.matcher()
            assert value.accept_bytes(json.loads(text).encode())
            assert value.is_complete
