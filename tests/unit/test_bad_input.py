"""Bad input from end to end: a typed error with place, cause and remedy, in bounded time, and nothing is spoilt."""

import ctypes
import pickle
import re
from array import array

import numpy as np
import pytest
import torch
from cpu_time import within

import gcd
from gcd.errors import GcdError, GrammarError, MatcherError, UnsupportedError
from grammars import shipped

EOS, HOLE = 258, 259
VOCAB = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), b"ab", b"aa", None, None], eos_ids=[EOS])
WORDS = -(-VOCAB.width // 32)


def compile_lark(text: str, limits: gcd.Limits | None = None, **options) -> gcd.CompiledGrammar:
    return gcd.compile(gcd.Grammar.from_lark(text, **options), VOCAB, limits)


def bits(matcher) -> bytes:
    mask = bytearray(4 * WORDS)
    matcher.fill_bitmask(memoryview(mask).cast("i"))
    return bytes(mask)


# -- grammars ---------------------------------------------------------------------------------

WRONG = {
    "unparsable": ('start: "a" |\n  ) b\n', {}, GrammarError, 2, "expecting"),
    "unclosed string": ('start: "a\n', {}, GrammarError, 1, "not closed"),
    "undefined rule": ('start: "a"\n  | foo\n', {}, GrammarError, 2, "'foo' is used but not defined"),
    "undefined terminal": ("start: FOO\n", {}, GrammarError, 1, "'FOO' is used but not defined"),
    "unproductive": ('start: a\na: "x" a\n', {}, GrammarError, 1, "language is empty"),
    "declared without a hook": ("%declare B\nstart: B\n", {}, GrammarError, 2, "language is empty"),
    "no separator": ("start: A A\nA: /a+/\n", {}, GrammarError, None, "language of 'start' is empty"),
    "nothing that has a token": ('start: "\u00e9"\n', {}, GrammarError, None, "language of 'start' is empty"),
    "empty-matching terminal": ('start: "x" A\nA: /a*/\n', {}, GrammarError, 2, "can match the empty text"),
    "backreference": ("start: A\nA: /(a)\\1/\n", {}, UnsupportedError, 1, "backreference"),
    "conditional": ("start: A\nA: /(a)?(?(1)b|c)/\n", {}, UnsupportedError, 1, "conditional group"),
    "locale flag": ("start: A\nA: /a/l\n", {}, UnsupportedError, 2, "locale"),
    "NUL byte": ('start: "a" \0\n', {}, GrammarError, 1, "NUL"),
    "surrogate": ('start: "\ud800"\n', {}, GrammarError, 1, "surrogate"),
    "import that leads out": ("%import ..secret.X\nstart: X\n", {}, GrammarError, 1, "expects a name"),
    "import of nothing": ("%import nothing.X\nstart: X\n", {}, GrammarError, 1, "no grammar 'nothing'"),
    "LALR conflict": ('start: a | b\na: "x"\nb: "x"\n', {"parser": "lalr"}, GrammarError, 2, "educe"),
}  # fmt: skip

ASCII = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(128)), None], eos_ids=[128])


@pytest.mark.parametrize("name", WRONG)
def test_wrong_grammars(name: str):
    text, options, kind, line, said = WRONG[name]
    for _ in range(2):
        with pytest.raises(kind, match=re.escape(said)) as caught, within(1):
            gcd.compile(gcd.Grammar.from_lark(text, **options), ASCII)
        error = caught.value
        assert error.cause
        assert error.line == line
        if line:
            assert error.place
            assert error.snippet
            assert "^" in error.snippet
        else:
            assert error.remedy
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy)) == (kind, str(error))
    fine = gcd.compile(gcd.Grammar.from_lark('start: "a"\n'), ASCII).matcher()
    assert fine.accept(ord("a"))
    assert fine.is_complete


@pytest.mark.parametrize(
    "arguments",
    [
        ("start: 'a'", VOCAB),
        (None, VOCAB),
        (gcd.Grammar.from_regex("a"), [b"a"]),
        (gcd.Grammar.from_regex("a"), "gpt2"),
        (gcd.Grammar.from_regex("a"), None),
        (gcd.Grammar.from_regex("a"), VOCAB, 5),
        (gcd.Grammar.from_regex("a"), VOCAB, None, "viability"),
    ],
    ids=repr,
)
def test_wrong_arguments(arguments):
    with pytest.raises(TypeError, match="must be"):
        gcd.compile(*arguments)


def test_unknown_leniency():
    with pytest.raises(ValueError, match="kinds are"):
        gcd.compile(gcd.Grammar.from_regex("a"), VOCAB, lenient={"everything"})


@pytest.mark.parametrize(
    ("pattern", "column"), [("(a)b\\1", 5), ("a(?P<n>b)(?P=n)", 10), ("(a)(?(1)b)", 4), ("ab{9999999}", 3)]
)
def test_regex_errors_point_into_the_pattern(pattern: str, column: int):
    with pytest.raises(GcdError) as caught:
        gcd.Grammar.from_regex(pattern)
    assert caught.value.column == column


def test_patterns_say_where_they_are_defined():
    with pytest.raises(UnsupportedError, match=r"pattern of B, line 1, column 4 \(defined at line 3, column 1\)"):
        compile_lark('start: "x" B\n\nB: /(a)\\1/\n')


def test_too_many_lookbehinds():
    """64 are fine; the terminal with one more is named, and where it is defined."""
    text = "start: " + " | ".join(f"T{i}" for i in range(65))
    text += "".join(f"\nT{i}: /(?<!{chr(0x4E00 + i)})[ab]/" for i in range(65))
    with pytest.raises(UnsupportedError, match=r"pattern of T64, .* \(defined at line 66, column 1\)") as caught:
        compile_lark(text)
    assert caught.value.construct == "too many lookbehinds"
    assert compile_lark(text.replace(" | T64", "")).exactness.exact


# -- matchers ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compiled() -> gcd.CompiledGrammar:
    return compile_lark('start: "a"+ "b"\n')


@pytest.fixture
def matcher(compiled):
    """After "aa"."""
    matcher = compiled.matcher()
    assert matcher.accept_tokens([97, 97]) == 2
    return matcher


@pytest.fixture
def unspoilt(matcher):
    """Whatever a test does to the matcher leaves it where it was."""
    before = bits(matcher)
    yield matcher
    assert bits(matcher) == before
    assert matcher.n_accepted == 2
    assert matcher.accept(98)
    assert matcher.is_complete


@pytest.mark.parametrize("token", [-1, VOCAB.width, 2**32, 2**63, -(2**70)])
def test_token_out_of_range(unspoilt, token: int):
    for method in (unspoilt.accept, unspoilt.check, unspoilt.explain, unspoilt.token_bytes):
        with pytest.raises(MatcherError, match=f"{token} is out of range") as caught:
            method(token)
        assert "0..259" in caught.value.remedy
    for method in (unspoilt.validate,):
        with pytest.raises(MatcherError, match="out of range"):
            method([97, token])
    fork = unspoilt.fork()
    with pytest.raises(MatcherError, match="out of range"):
        fork.accept_tokens([97, token])
    assert fork.n_accepted in (2, 3)  # what came before it may have been taken


@pytest.mark.parametrize("token", ["a", b"a", 1.0, None, [97]], ids=repr)
def test_token_of_a_wrong_type(unspoilt, token):
    for method in (unspoilt.accept, unspoilt.check, unspoilt.explain, unspoilt.rollback):
        with pytest.raises(TypeError):
            method(token)
    with pytest.raises(TypeError):
        unspoilt.validate([97, token])
    with pytest.raises(TypeError):
        unspoilt.accept_tokens(5)


@pytest.mark.parametrize("token", [EOS, HOLE, 0])
def test_tokens_that_are_refused(unspoilt, token: int):
    assert not unspoilt.check(token)
    assert not unspoilt.accept(token)
    assert unspoilt.validate([token]) == 0
    assert unspoilt.accept_tokens([token, 97]) == 0
    assert "refused" in str(unspoilt.explain(token))


@pytest.mark.parametrize(
    "data",
    [None, "a", 97, [97], np.array([97], np.int32), memoryview(b"aaa")[::2]],
    ids=["none", "text", "number", "list", "wide items", "strided"],  # not repr: an address in an id differs by process
)
def test_bytes_of_a_wrong_type(unspoilt, data):
    for method in (unspoilt.accept_bytes, unspoilt.viable_bytes):
        with pytest.raises((TypeError, ValueError, BufferError)):
            method(data)


@pytest.mark.parametrize("data", [b"x", b"aax", b"ba", b"\xff", b"aab\0", b"a" * 1000 + b"c"])
def test_bytes_that_are_refused(unspoilt, data: bytes):
    assert not unspoilt.accept_bytes(data)


@pytest.mark.parametrize("n", [-1, 3, 2**31, 2**32 - 1, 2**64])
def test_rollback_too_far(unspoilt, n: int):
    with pytest.raises(MatcherError, match=r"cannot roll back .* 2 were accepted") as caught:
        unspoilt.rollback(n)
    assert caught.value.remedy


def test_after_the_end(matcher):
    assert matcher.accept_tokens([98, EOS]) == 2
    assert matcher.is_finished
    for method, argument in [(matcher.accept, 97), (matcher.accept, EOS), (matcher.accept_bytes, b"a")]:
        with pytest.raises(MatcherError, match="has ended") as caught:
            method(argument)
        assert "rollback" in caught.value.remedy
    assert not any(bits(matcher))
    assert not matcher.check(97)
    assert not matcher.check(EOS)
    assert matcher.accept_tokens([97]) == matcher.validate([97]) == matcher.viable_bytes(b"a") == 0
    assert (matcher.forced_bytes(), matcher.forced_tokens()) == (b"", [])
    assert matcher.fork().is_finished
    matcher.rollback(1)
    assert matcher.is_complete
    assert not matcher.is_finished
    assert matcher.accept(EOS)
    matcher.reset()
    assert matcher.n_accepted == 0
    assert matcher.accept(97)


def test_unknown_start(compiled):
    for start in ("x", "", 0, 3):
        with pytest.raises(ValueError, match="start symbol"):
            compiled.matcher(start)


# -- bitmasks ---------------------------------------------------------------------------------


def read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


BITMASKS = {
    "too short": np.zeros((1, WORDS - 1), np.int32),
    "too long": np.zeros((1, WORDS + 1), np.int32),
    "int64": np.zeros((1, WORDS), np.int64),
    "float32": np.zeros((1, WORDS), np.float32),
    "bool": np.zeros((1, 32 * WORDS), bool),
    "read-only": read_only(np.zeros((1, WORDS), np.int32)),
    "three axes": np.zeros((1, 1, WORDS), np.int32),
    "no axes": np.zeros((), np.int32),
    "no rows": np.zeros((0, WORDS), np.int32),
    "big-endian": np.zeros((1, WORDS), ">i4"),
    "words apart": np.zeros((1, 2 * WORDS), np.int32)[:, ::2],
    "columns first": np.asfortranarray(np.zeros((4, WORDS), np.int32)),
    "structured": np.zeros((1, WORDS), [("a", "i4")]),
    "bytes": bytes(4 * WORDS),
    "bytearray": bytearray(4 * WORDS),
    "list": [0] * WORDS,
    "none": None,
    "ctypes bytes": (ctypes.c_ubyte * (4 * WORDS))(),
    "torch int64": torch.zeros(1, WORDS, dtype=torch.int64),
    "torch too short": torch.zeros(1, WORDS - 1, dtype=torch.int32),
    "torch words apart": torch.zeros(WORDS, 4, dtype=torch.int32).T,
    "torch on another device": torch.zeros(1, WORDS, dtype=torch.int32, device="meta"),
    "torch sparse": torch.zeros(1, WORDS, dtype=torch.int32).to_sparse(),
}


@pytest.mark.parametrize("kind", BITMASKS)
def test_wrong_bitmasks(unspoilt, kind: str):
    with pytest.raises((TypeError, ValueError, BufferError, IndexError)):
        unspoilt.fill_bitmask(BITMASKS[kind], 0)
    with pytest.raises((TypeError, ValueError, BufferError, IndexError)):
        gcd.fill_bitmasks([unspoilt], BITMASKS[kind])


@pytest.mark.parametrize("row", [-1, 2, 2**31, 2**70, "0", None, 0.0], ids=repr)
def test_wrong_rows(unspoilt, row):
    bitmask = np.zeros((2, WORDS), np.int32)
    with pytest.raises((IndexError, TypeError, OverflowError)):
        unspoilt.fill_bitmask(bitmask, row)
    assert not bitmask.any()


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.zeros(WORDS, np.int32),
        lambda: np.zeros((1, WORDS), np.uint32),
        lambda: np.zeros((2, WORDS), np.int32)[::-1],
        lambda: np.zeros((2, 3 * WORDS), np.int32)[:, WORDS : 2 * WORDS],
        lambda: array("i", [0] * WORDS),
        lambda: (ctypes.c_int * WORDS)(),
        lambda: torch.zeros(WORDS, dtype=torch.int32),
        lambda: torch.zeros(2, 3 * WORDS, dtype=torch.int32)[:, WORDS : 2 * WORDS],
    ],
)
def test_odd_bitmasks_that_are_fine(matcher, make):
    bitmask = make()
    matcher.fill_bitmask(bitmask, 0)
    row = np.asarray(bitmask).reshape(-1, WORDS)[0]
    assert row.astype(np.int32).tobytes() == bits(matcher)


def test_a_tensor_that_changes_under_us(matcher):
    """What is remembered of a tensor doesn't outlive it."""
    bitmask = torch.zeros(1, WORDS, dtype=torch.int32)
    matcher.fill_bitmask(bitmask)
    bitmask.data = torch.zeros(1, 1, dtype=torch.int32)
    with pytest.raises(ValueError, match="words a row"):
        matcher.fill_bitmask(bitmask)
    bitmask.data = torch.zeros(1, WORDS, dtype=torch.int64)
    with pytest.raises(TypeError, match="int32"):
        matcher.fill_bitmask(bitmask)


def test_batches(compiled, matcher):
    bitmask = np.zeros((2, WORDS), np.int32)
    gcd.fill_bitmasks([], bitmask)
    for matchers in ([matcher, matcher], [matcher, compiled.matcher(), compiled.matcher()], [1], 5):
        with pytest.raises((TypeError, ValueError, IndexError)):
            gcd.fill_bitmasks(matchers, bitmask)
    narrow = gcd.Vocabulary.from_bytes([b"a", b"b", None], eos_ids=[2])
    other = gcd.compile(gcd.Grammar.from_lark('start: "a"+ "b"\n'), narrow).matcher()
    with pytest.raises(ValueError, match="words a row"):
        gcd.fill_bitmasks([matcher, other], bitmask)


# -- deep and long texts ----------------------------------------------------------------------

DEEP = [  # (grammar, opening, middle, closing, depth)
    ("json", "[", "1", "]", 10_000),
    ("json", '{"a": ', "1", "}", 500),
    ("json", '[{"a": ', "null", "}]", 500),
    ("arithmetic", "(", "1", ")", 10_000),
    ("arithmetic", "1 + (", "x", ")", 10_000),
    ("arithmetic", "-", "1", "", 10_000),
    ("arithmetic", "2 ** ", "1", "", 10_000),
    ("sql", "SELECT * FROM (", "SELECT 1", ")", 1000),
    ("python", "x = ", "1\n", "", 1000),
    ("python", "f(", "\n", ")", 1000),
]


@pytest.mark.parametrize(("name", "opening", "middle", "closing", "depth"), DEEP)
def test_deep_texts(name: str, opening: str, middle: str, closing: str, depth: int):
    """Nesting isn't bounded, and nothing recurses on it."""
    compiled = gcd.compile(gcd.Grammar.from_lark(shipped.path(name)), VOCAB)
    end = "\n" if name == "python" else ""
    text = (opening * depth + middle + closing * depth + end).encode()
    with within(10):
        matcher = compiled.matcher()
        assert matcher.accept_bytes(text)
        assert matcher.is_complete
    with within(20):
        matcher.reset()
        mask = array("i", [0] * WORDS)
        head = text[:5000]
        half = len(head) // 2
        for byte in head:
            matcher.fill_bitmask(mask)
            assert mask[byte >> 5] >> (byte & 31) & 1
            assert matcher.accept(byte)
        fork = matcher.fork()
        fork.rollback(len(head) - half)
        assert fork.accept_bytes(head[half:])
        assert bits(fork) == bits(matcher)
        matcher.forced_bytes()
        matcher.rollback(len(head))
        assert bits(matcher) == bits(compiled.matcher())


@pytest.mark.parametrize("parser", ["lalr", "earley"])
def test_deep_parentheses(parser: str):
    compiled = compile_lark('start: "(" start ")" | "x"\n', parser=parser)
    with within(5):
        for depth in (10_000, 100_000):
            matcher = compiled.matcher()
            assert matcher.accept_bytes(b"(" * depth + b"x" + b")" * (depth - 1))
            assert matcher.forced_bytes()[:1] == b")"
            assert matcher.accept_bytes(b")")
            assert matcher.is_complete
            assert not matcher.accept_bytes(b")")
