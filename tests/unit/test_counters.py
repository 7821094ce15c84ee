"""Counted repetition: exact at the edges of its bounds, and as cheap at 100,000 as at 10."""

import re

import pytest
from cpu_time import within

import gcd
from gcd.regex import compiler as regex_compiler

BYTES = gcd.Vocabulary.from_bytes([bytes([b]) for b in range(256)] + [None], eos_ids=[256])
TOKENS = [b"a", b"b", b"c", b"-", b" ", b'"', b"\\", b"n", b"\xc3", b"\xa9", b"ab", b"aaa", b"aaaaaaaa", "é".encode()]
TOKENS += ["aé".encode(), b"\xa9a", b'a"', b"a-a", b"\\\\"]
PIECES = gcd.Vocabulary.from_bytes([*TOKENS, None], eos_ids=[len(TOKENS)])
COARSE = gcd.Vocabulary.from_bytes([b"aa", b"ab", b"b", b"aaa", b"a-", b"-", "é".encode(), b"c", None], eos_ids=[8])


def mask_of(matcher, width):
    mask = memoryview(bytearray(4 * -(-width // 32))).cast("i")
    matcher.fill_bitmask(mask)
    return {t for t in range(width) if mask[t // 32] >> (t % 32) & 1}


def verdict(compiled, text):
    """Whether the text is a sentence, and whether some text that begins with it is."""
    matcher = compiled.matcher()
    if not matcher.accept_bytes(text.encode()):
        return False, False
    return matcher.is_complete, True


# -- verdicts -----------------------------------------------------------------------------------

EDGES = [
    ("[a-z]{2,1000}", "a", (1, 2, 3, 500, 999, 1000, 1001)),
    ("[a-z]{70}", "a", (69, 70, 71)),
    ("[a-z]{300,}", "a", (1, 298, 299, 300, 301, 700)),
    ("a{0,90}", "a", (0, 1, 89, 90, 91)),
    (r"\w{1,100}", "é", (1, 99, 100, 101)),
    (".{3,200}", "日", (2, 3, 199, 200, 201)),
    (r"[\w\d\s]{1,1000}", "ж ", (1, 499, 500, 501)),
    ("(?:ab){3,100}", "ab", (2, 3, 99, 100, 101)),
    (r"(?:[^\"\\]|\\.){80,90}", r"a\n", (39, 40, 41, 44, 45, 46)),
    ("(?:[ab]-?){66,70}", "a-", (65, 66, 70, 71)),
    (r"[a-z]{2,100}\b", "a", (1, 2, 100, 101)),
    ("(?=a{90})[ab]{2,300}", "a", (89, 90, 91, 300, 301)),
    ("(?!a{90})[ab]{2,300}", "a", (2, 89, 90, 91)),
    ("(?:x[a-w]{1,80}){1,3}", "xaaaa", (0, 1, 3, 4)),
    ("[ab]{1,80}?a{1,80}", "a", (1, 2, 160, 161)),
    ("(?:a|ab){70,80}", "ab", (69, 70, 80, 81)),
    ("(?:[a-w]{1,500}x){0,200}", "abx", (1, 199, 200, 201)),
    (r"(?:a\b ){66,99}", "a ", (65, 66, 99, 100)),
    ("(?:ab(?!c)){66,}", "ab", (65, 66, 67, 200)),
]


SPELT_IN_PIECES = [edge for edge in EDGES if not set(edge[1].encode()) - set(b"".join(TOKENS))]


@pytest.mark.parametrize(
    ("pattern", "piece", "times", "vocab"),
    [(*edge, BYTES) for edge in EDGES] + [(*edge, PIECES) for edge in SPELT_IN_PIECES],
    ids=[f"bytes-{e[0]}" for e in EDGES] + [f"pieces-{e[0]}" for e in SPELT_IN_PIECES],
)
def test_the_edges_of_the_bounds(pattern, piece, times, vocab):
    compiled = gcd.compile(gcd.Grammar.from_regex(pattern), vocab)
    assert "proven" in str(compiled.exactness)
    for n in times:
        text = piece * n
        complete, alive = verdict(compiled, text)
        assert complete == bool(re.fullmatch(pattern, text)), (pattern, n)
        assert alive >= complete


def test_a_lexeme_begins_where_a_counted_one_ends():
    grammar = gcd.Grammar.from_lark("start: (WORD | NUMBER)+\nWORD: /[a-z]{2,200}/\nNUMBER: /[0-9]{1,100}/")
    compiled = gcd.compile(grammar, BYTES)
    for text, good in (
        ("a" * 200, True),
        ("a" * 201, False),
        ("a" * 202, True),
        ("a" * 200 + "1" * 101 + "ab", True),
        ("a1", False),
        ("ab" + "1" * 250 + "a", False),
        ("a" * 400, True),
        ("a" * 401, False),
    ):
        assert verdict(compiled, text)[0] is good, (text[:3], len(text))


def test_the_last_letter_is_refused_where_none_may_follow():
    r"""A word's maximum is a dead end if the next word needs two letters: the mask knows that at 199 letters."""
    compiled = gcd.compile(gcd.Grammar.from_lark("start: WORD\nWORD: /[a-z]{2,200}/"), BYTES)
    matcher = compiled.matcher()
    matcher.accept_bytes(b"a" * 199)
    assert mask_of(matcher, 257) == set(range(97, 123)) | {256}
    matcher.accept_bytes(b"a")
    assert mask_of(matcher, 257) == {256}


def test_keywords_and_priorities_beside_a_count():
    grammar = gcd.Grammar.from_lark(
        'start: (NAME | IF | LONG)+\nNAME: /[a-z]{1,300}/\nIF: "if"\nLONG.2: /x[a-f]{100,250};/\n%ignore / {1,80}/',
        parser="lalr",
    )
    compiled = gcd.compile(grammar, BYTES)
    for text, good in (
        ("if" + "a" * 298, True),
        ("x" + "a" * 99 + ";", False),
        ("x" + "a" * 100 + ";", True),
        ("x" + "a" * 250 + ";if", True),
        ("x" + "a" * 251 + ";", False),
        ("a" + " " * 80 + "b", True),
        ("a" + " " * 161 + "b", True),
        (" " * 90, False),
    ):
        assert verdict(compiled, text)[0] is good, (text[:3], len(text))


# -- masks --------------------------------------------------------------------------------------

SAME = [
    "start: T\nT: /[ab]{2,40}/",
    "start: T\nT: /[ab]{30,}/",
    "start: T*\nT: /a{12,30}|[ab]{3,25}c/",
    'start: T ("-" T)*\nT: /[^-]{1,40}?/',
    "start: (T | U)*\nT: /[a-c]{10,40}/\nU: /ab{2,20}-/",
    "start: T U\nT: /a{1,30}/\nU: /[ab]{9,31}/",
    'start: (T | KW)*\nT: /[a-z]{1,30}/\nKW: "aab"\n%ignore /-{1,20}/',
    r"start: T+" + "\n" + r"T: /[é-ö]{1,20}\b|[aé]{9,33}-/",
    "start: T\nT: /(?=[ab]{12,30}c)[a-c]{5,40}/",
    "start: T\nT: /(?![ab]{12}c)[a-c]{5,40}/",
    "start: T\nT: /(?:[ab]{1,20}-)*/",
    r'start: "\"" T "\""' + "\n" + r'T: /(?:[^"\\]|\\.){5,30}/',
    "start: T\nT: /(?:ab?){9,25}/",
    "start: (T | U)+\nT: /(?:a|ab){10,30}/\nU: /(?:a-)+b/",
    r"start: T" + "\n" + r"T: /\w{3,9}(?:-\w{3,9}){0,20}/",
    "start: T\nT: /(?:(?:ab|c){0,12}-){2,14}/",
]


@pytest.mark.parametrize("text", SAME)
@pytest.mark.parametrize("vocab", [PIECES, COARSE], ids=["pieces", "coarse"])
@pytest.mark.parametrize("parser", ["lalr", "earley"])
def test_counted_is_the_same_as_copied(text, vocab, parser, monkeypatch):
    """Counting is decided by one constant. Whatever it is, all masks on the way along a text are the same."""
    compiled = []
    for copy_up_to in (0, 10**9):
        monkeypatch.setattr(regex_compiler, "COPY_UP_TO", copy_up_to)
        try:
            compiled.append(gcd.compile(gcd.Grammar.from_lark(text, parser=parser), vocab))
        except gcd.GrammarError as error:
            compiled.append(str(error))
    if isinstance(compiled[0], str):
        assert compiled[0] == compiled[1]
        return
    assert str(compiled[0].exactness) == str(compiled[1].exactness)
    for first in range(vocab.width - 1):
        matchers = [c.matcher() for c in compiled]
        for step in range(60):
            masks = [mask_of(m, vocab.width) for m in matchers]
            assert masks[0] == masks[1], (text, first, step)
            tokens = sorted(masks[0] - {vocab.width - 1})
            if not tokens:
                break
            # One token over and over, as long as it may come; then whatever is there.
            token = first if first in tokens else tokens[(first + 7 * step) % len(tokens)]
            assert all(m.accept(token) for m in matchers)


# -- cost ---------------------------------------------------------------------------------------

FLAT = [
    ("[a-z]{2,%d}", "a"),
    (".{1,%d}", "aé"),
    (r"[\w\d\s]{1,%d}", "é 1"),
    (r'"[^"\\]{5,%d}"', None),
    (r"(?:[^\"\\]|\\.){0,%d}", r"a\n"),
    (r"\w{3,64}(?:-\w{3,64}){0,%d}", "abc-"),
]


@pytest.mark.parametrize(("pattern", "piece"), FLAT)
def test_the_cost_is_flat(pattern, piece):
    states = []
    for bound in (1_000, 100_000):
        with within(2):
            compiled = gcd.compile(gcd.Grammar.from_regex(pattern % bound), BYTES)
        assert "proven" in str(compiled.exactness)
        states.append(compiled.stats()["lexer_states"])
        assert compiled.stats()["contexts"] < 10
    assert states[0] == states[1]
    assert states[0] < 10_000
    if piece is not None:
        matcher = compiled.matcher()
        before = compiled.stats()["rows"]
        with within(5):
            for byte in (piece * 2_000).encode():
                assert matcher.accept_bytes(bytes([byte]))
                mask_of(matcher, 257)
        assert compiled.stats()["rows"] - before < 300, "counts far from their bounds share their rows"


@pytest.mark.parametrize("counted", ["[ab]{2,5000}", "(?:a|b ){2,5000}"])
def test_a_count_keeps_its_masks_when_saved(counted, tmp_path):
    compiled = gcd.compile(gcd.Grammar.from_lark(f'start: T ("-" T)*\nT: /{counted}/'), PIECES)
    matcher = compiled.matcher()
    for _ in range(300):
        mask_of(matcher, PIECES.width)
        assert matcher.accept(TOKENS.index(b"aaa"))
    compiled.save(tmp_path / "count.gcd")
    loaded = gcd.load(tmp_path / "count.gcd")
    for n in (1, 2, 3, 100, 901, 4990, 4998, 4999, 5000):
        a, b = compiled.matcher(), loaded.matcher()
        assert a.accept_bytes(b"a" * n)
        assert b.accept_bytes(b"a" * n)
        assert mask_of(a, PIECES.width) == mask_of(b, PIECES.width), n


# -- budgets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["((a{0,100}){0,100}){0,100}", "(?:(?:a{1,90}b?){1,90}){1,90}c"])
def test_counts_of_counts_end_in_a_limit(pattern):
    with within(40), pytest.raises(gcd.LimitError) as caught:
        gcd.compile(gcd.Grammar.from_regex(pattern), BYTES, gcd.Limits(seconds=1000))
    assert caught.value.limit == "max_lexer_states"
