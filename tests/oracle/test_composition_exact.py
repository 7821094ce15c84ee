"""Compositions of compiled grammars: every mask beside what the pattern of the whole says, asked token by token.

The oracle writes the composition as one regular expression and asks the `regex` module whether a text matches it, or
could still. What isn't regular (nested brackets) is held against an enumeration.
"""

import random

import numpy as np
import pytest
import regex

import gcd
from gcd.composition import concatenation, optional, repeated, union

WORDS = [
    "ab",
    "ba",
    "aab",
    "a1",
    "1a",
    "b12",
    "][",
    "[[",
    "]]a",
    "a]",
    "1]",
    "true",
    "1t",
    "e1",
    '"}',
    " a",
    "aa",
    "11",
]
VOCAB = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), *map(str.encode, WORDS), None], eos_ids=[274])
LETTERS = b'ab1[]teru "{}2'
TOKENS = [*LETTERS, *range(256, 256 + len(WORDS)), *VOCAB.eos_ids]
"""The tokens that are asked about."""

SPACE = r"[ \n\r\t]{0,40}"
LEAVES = {
    "letters": (gcd.Grammar.from_regex("[ab]+"), "[ab]+"),
    "digits": (gcd.Grammar.from_regex("[12]{1,3}"), "[12]{1,3}"),
    "lazy": (gcd.Grammar.from_regex("a|ab|b(?!a)"), "a|ab|b"),
    "choices": (gcd.Grammar.from_choices(["a", "ab", "1"]), "a|ab|1"),
    "words": (gcd.Grammar.from_lark('start: W+\nW: /[ab]+1/\n%ignore " "'), " *(?:[ab]+1 *)+"),
    "maybe": (gcd.Grammar.from_lark('start: ("a" "b"?)?'), "(?:ab?)?"),
    "schema": (gcd.Grammar.from_json_schema({"enum": [True, [True]]}), r"W(?:true|\[WtrueW\])W".replace("W", SPACE)),
}  # fmt: skip
COMPILED = {name: gcd.compile(grammar, VOCAB) for name, (grammar, _) in LEAVES.items()}


def random_tree(draw: random.Random, depth: int):
    """A composition and its pattern."""
    if depth == 0 or draw.random() < 0.25:
        name = draw.choice(list(LEAVES))
        return COMPILED[name], f"(?:{LEAVES[name][1]})"
    kind = draw.choice(["then", "then", "or", "option", "star"])
    one, pattern = random_tree(draw, depth - 1)
    if kind == "option":
        return optional(one), f"(?:{pattern})?"
    if kind == "star":
        return repeated(one), f"(?:{pattern})*"
    other, more = random_tree(draw, depth - 1)
    if kind == "then":
        return (one + other if draw.random() < 0.5 else concatenation(one, other)), pattern + more
    return (one | other if draw.random() < 0.5 else union(one, other)), f"(?:{pattern}|{more})"


def bits(matcher) -> set[int]:
    mask = np.zeros(-(-VOCAB.width // 32), np.int32)
    matcher.fill_bitmask(mask)
    return {i for i in range(VOCAB.width) if mask[i // 32] >> (i % 32) & 1}


@pytest.mark.parametrize("seed", range(60))
def test_masks_of_random_compositions(seed):
    draw = random.Random(seed)
    compiled, pattern = random_tree(draw, 3)
    assert compiled.exactness.exact
    whole = regex.compile(pattern)
    for _ in range(4):
        matcher, text = compiled.matcher(), b""
        for _ in range(6):
            allowed = bits(matcher)
            said = {t for t in TOKENS if t in allowed}
            complete = whole.fullmatch(text.decode()) is not None
            expected = set(VOCAB.eos_ids) if complete else set()
            for t in TOKENS:
                if t not in VOCAB.eos_ids and whole.fullmatch((text + VOCAB.tokens[t]).decode(), partial=True):
                    expected.add(t)
            assert said == expected, (pattern, text)
            assert matcher.is_complete == complete
            assert not matcher.is_dead
            for t in draw.sample(TOKENS, 8):
                assert matcher.check(t) == (t in allowed)
            texts = sorted(said - set(VOCAB.eos_ids))
            if not texts:
                break
            token = draw.choice(texts)
            assert matcher.accept(token)
            text += VOCAB.tokens[token]
        # Back and forth: the place depends on the text alone.
        n = draw.randint(0, matcher.n_accepted)
        before = bits(matcher)
        fork = matcher.fork()
        matcher.rollback(n)
        assert bits(fork) == before
        matcher.reset()
        assert matcher.accept_bytes(text)
        assert bits(matcher) == before


def nested(most: int) -> set[str]:
    """Sentences of n: "[" n* "]" up to some length."""
    found = {n: set() for n in range(most + 1)}
    found[2] = {"[]"}
    lists = {0: {""}}
    for size in range(2, most + 1, 2):
        lists[size] = {a + b for k in range(2, size + 1, 2) for a in found[k] for b in lists[size - k]}
        if size + 2 <= most:
            found[size + 2] = {f"[{inside}]" for inside in lists[size]}
    return set().union(*found.values())


def test_nesting_after_letters_and_before_them():
    brackets = gcd.compile(gcd.Grammar.from_lark('start: "[" start* "]"'), VOCAB)
    letters = gcd.compile(gcd.Grammar.from_choices(["a", "aa", "ab"]), VOCAB)
    compiled = letters + brackets + optional(letters) + brackets
    sentences = {
        a + b + c + d
        for a in ("a", "aa", "ab")
        for b in nested(6)
        for c in ("", "a", "aa", "ab")
        for d in nested(6)
        if len(b + d) <= 8
    }
    prefixes = {text[:n] for text in sentences for n in range(len(text) + 1)}
    asked = [t for t in TOKENS if t not in VOCAB.eos_ids]
    # Up to there a text can be finished within the enumeration: two pairs more.
    for text in sorted(p for p in prefixes if len(p) <= 4 and p.count("[") <= 2):
        matcher = compiled.matcher()
        assert matcher.accept_bytes(text.encode())
        allowed = bits(matcher)
        for t in asked:
            more = text + VOCAB.tokens[t].decode()
            if more.count("[") <= 3:
                assert (t in allowed) == (more in prefixes), (text, VOCAB.tokens[t])
        assert matcher.is_complete == (text in sentences)


def test_forced_text_and_explanations():
    schema = {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"], "additionalProperties": False}
    head = gcd.compile(gcd.Grammar.from_choices(["call:"]), VOCAB)
    compiled = head + gcd.compile(gcd.Grammar.from_json_schema(schema), VOCAB)
    matcher = compiled.matcher()
    assert matcher.forced_bytes() == b"call:"
    assert matcher.viable_bytes(b"call:[") == 5
    refused = matcher.explain(ord("x"))
    assert (refused.allowed, refused.failing_byte) == (False, 0)
    assert matcher.accept_bytes(b"call:")
    assert "a value" in str(matcher.explain(ord("]")))
    matcher.fill_bitmask(np.zeros(-(-VOCAB.width // 32), np.int32))
    assert compiled.stats() == {"parts": 2, "places": 1}


def test_parts_that_do_not_fit():
    letters = COMPILED["letters"]
    other = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), None], eos_ids=[256])
    with pytest.raises(ValueError, match="one vocabulary"):
        _ = letters + gcd.compile(LEAVES["letters"][0], other)
    with pytest.raises(TypeError):
        union()
    with pytest.raises(TypeError):
        concatenation(letters, LEAVES["letters"][0])
    with pytest.raises(TypeError):
        _ = letters + "text"
    holes = gcd.Vocabulary.from_bytes([b"a", b"ab", None], eos_ids=[2])
    some = gcd.compile(gcd.Grammar.from_regex("a|ab"), holes)
    with pytest.raises(gcd.UnsupportedError, match="token of its own"):
        _ = some + some


def test_inexact_parts_are_named():
    narrow = gcd.Grammar.from_json_schema({"type": "string", "format": "email"})
    compiled = gcd.compile(narrow, VOCAB, lenient={"tightened"})
    both = COMPILED["letters"] | compiled
    assert both.exactness.exact == compiled.exactness.exact
    assert both.exactness.kinds == compiled.exactness.kinds
    assert all(reason.startswith("part 2: ") for reason in both.exactness.reasons)


def test_cuts_without_end_are_bounded():
    """Each bracket may begin the nested part: as many readings as brackets, until that is an error."""
    free = gcd.compile(gcd.Grammar.from_regex(r"(?s:.)*"), VOCAB)
    compiled = free + gcd.compile(gcd.Grammar.from_lark('start: "[" start* "]"'), VOCAB)
    matcher = compiled.matcher()
    assert matcher.accept_bytes(b"[" * 900)
    with pytest.raises(gcd.LimitError, match="too many ways to cut"):
        matcher.accept_bytes(b"[" * 300)
    assert matcher.n_accepted == 1


def test_parts_that_were_loaded(tmp_path):
    for name in ("letters", "schema"):
        COMPILED[name].save(tmp_path / f"{name}.gcd")
    letters, schema = (gcd.load(tmp_path / f"{name}.gcd", VOCAB) for name in ("letters", "schema"))
    ids = [ord("a"), ord("b"), 256, 273]
    alone, loaded = (COMPILED["letters"] + COMPILED["schema"]).matcher(), (letters + schema).matcher()
    for token in ids:
        assert bits(alone) == bits(loaded)
        assert alone.accept(token) == loaded.accept(token)
