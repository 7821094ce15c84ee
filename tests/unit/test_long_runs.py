"""A grammar's tables under many texts: parsers that grow full have successors, and masks stay what they are."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from lark.indenter import Indenter

import gcd

WORDS = [bytes([b]) for b in b'[](),:{} \n"abcx01+-'] + [
    b"((",
    b"))",
    b"]]",
    b"[[",
    b", ",
    b"\n ",
    b"\n  ",
    b"if ",
    b"x:",
]
VOCAB = gcd.Vocabulary.from_bytes([*WORDS, None], eos_ids=[len(WORDS)])
EOS = len(WORDS)
BRACKETS = """
start: value ("," value)*
value: "[" [start] "]" | "(" start ")" | /[abc]+/ | /[01]+/ ("+" | "-") value
%ignore " "
"""
INDENTED = r"""
start: (statement | _NEWLINE)*
?statement: "x" _NEWLINE | "if" (value | "(" value ")") ":" block
value: "a" ("," "a")* | "[" [value] "]"
block: _NEWLINE _INDENT statement+ _DEDENT
_NEWLINE: /(\n[ ]*)+/
%ignore / +/
%declare _INDENT _DEDENT
"""
AMBIGUOUS = 'start: start start | "a" | "[" start "]" | /[ab]+/ | "(" start ")" | start "+" start'


class Blocks(Indenter):
    NL_type, INDENT_type, DEDENT_type = "_NEWLINE", "_INDENT", "_DEDENT"
    OPEN_PAREN_types, CLOSE_PAREN_types = ["LSQB", "LPAR"], ["RSQB", "RPAR"]
    tab_len = 8


def grammars():
    return {
        "brackets": (gcd.Grammar.from_lark(BRACKETS), 60),
        "indentation": (gcd.Grammar.from_lark(INDENTED, postlex=Blocks), 70),
        "ambiguous": (gcd.Grammar.from_lark(AMBIGUOUS, parser="earley"), 60),
    }


def mask(matcher):
    bitmask = gcd.allocate_token_bitmask(1, VOCAB.width)
    matcher.fill_bitmask(bitmask)
    return [i for i in range(VOCAB.width) if int(bitmask[0, i // 32]) >> i % 32 & 1]


@pytest.mark.parametrize("name", ["brackets", "indentation", "ambiguous"])
def test_a_full_parser_has_a_successor(name):
    grammar, most = grammars()[name]
    few = gcd.compile(grammar, VOCAB, gcd.Limits(max_parser_states=most))
    many = gcd.compile(grammar, VOCAB)
    rng = random.Random(11)
    pairs = [(few.matcher(), many.matcher())]
    for step in range(6000):
        a, b = pairs[rng.randrange(len(pairs))]
        tokens = mask(b)
        assert mask(a) == tokens, step
        what = rng.random()
        if what < 0.04 and len(pairs) < 4:
            pairs.append((a.fork(), b.fork()))
        elif what < 0.08 and len(pairs) > 1:
            pairs.remove((a, b))
        elif b.n_accepted and what < 0.2:
            n = rng.randrange(1, min(6, b.n_accepted) + 1)
            a.rollback(n), b.rollback(n)
        elif b.n_accepted > 10 or b.is_finished:
            a.reset(), b.reset()
        else:
            token = rng.choice(tokens)
            assert a.check(token)
            assert a.accept(token)
            assert b.accept(token)
            assert a.is_complete == b.is_complete
            assert a.expected() == b.expected()
    assert many.stats()["generation"] == 0
    assert many.stats()["parser_states"] > most
    assert few.stats()["generation"] > 3


def test_one_text_that_needs_too_many_states():
    compiled = gcd.compile(gcd.Grammar.from_lark(BRACKETS), VOCAB, gcd.Limits(max_parser_states=60))
    matcher = compiled.matcher()
    with pytest.raises(gcd.LimitError) as caught:
        matcher.accept_tokens([WORDS.index(b"[")] * 200)
    assert caught.value.limit == "max_parser_states"
    matcher.reset()
    assert matcher.accept(WORDS.index(b"["))


def test_budgets_in_a_long_run():
    """The search for endings makes states, too."""
    compiled = gcd.compile(gcd.Grammar.from_lark(BRACKETS), VOCAB, gcd.Limits(max_parser_states=150))
    rng = random.Random(3)
    for _ in range(40):
        matcher = compiled.matcher(max_tokens=12)
        for _ in range(12):
            token = rng.choice(mask(matcher))
            assert matcher.accept(token)
            if token == EOS:
                break
        assert matcher.is_finished
    assert compiled.stats()["generation"] > 0


@pytest.mark.parametrize("name", ["brackets", "indentation"])
def test_threads_move_on_together(name):
    grammar, most = grammars()[name]
    few = gcd.compile(grammar, VOCAB, gcd.Limits(max_parser_states=3 * most))
    many = gcd.compile(grammar, VOCAB)

    def texts(seed):
        rng = random.Random(seed)
        out = []
        for _ in range(60):
            matcher, masks = many.matcher(), []
            for _ in range(12):
                masks.append(mask(matcher))
                token = rng.choice([t for t in masks[-1] if t != EOS])
                assert matcher.accept(token)
                masks.append(token)
            out.append(masks)
        return out

    expected = [texts(seed) for seed in range(4)]

    def walk(part):
        for masks in part:
            matcher = few.matcher()
            for known, token in zip(masks[::2], masks[1::2], strict=True):
                if mask(matcher) != known or not matcher.accept(token):
                    return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(walk, expected))
    assert few.stats()["generation"] > 0
