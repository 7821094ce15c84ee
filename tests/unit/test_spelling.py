"""Vocabularies in which some bytes are no tokens: what a text can go on with depends on how it can be spelled."""

import itertools
from pathlib import Path

import pytest

import gcd

SQL = Path(__file__).parents[2] / "grammars" / "sql.lark"


def allowed(matcher, vocab):
    bitmask = gcd.allocate_token_bitmask(1, vocab.width)
    matcher.fill_bitmask(bitmask)
    return {vocab.tokens[i] for i in range(vocab.width) if int(bitmask[0, i // 32]) >> i % 32 & 1}


@pytest.mark.parametrize("missing", [b"\n", b'"', b" ", b"e"])
def test_one_byte_that_no_token_writes_alone(missing):
    """As where a stop sequence is a line end: thousands of places inside of tokens, few that differ."""
    words = [" " * blank + "".join(w) for blank in (0, 1) for w in itertools.product("adelst", repeat=5)]
    ends = ["\n\n", ";\n", " \n", ")\n", '""', '("', '",', " =", "  ", ", ", "de", "el", "se"]
    tokens = [t.encode() for t in words + ends] + [bytes([b]) for b in (9, 10, 13, *range(32, 256))]
    tokens = [t for t in tokens if t != missing]
    vocab = gcd.Vocabulary.from_bytes([*tokens, None], eos_ids=[len(tokens)])
    compiled = gcd.compile(gcd.Grammar.from_lark(SQL), vocab)
    assert compiled.exactness.exact
    assert compiled.stats()["analysed_states"] < 10_000


def test_what_only_some_tokens_can_go_on_with():
    """`b` may stand behind `a` alone; tokens that are others put together change nothing."""
    tokens = [b"a", b"c", b"ab", b"cc", b"cab", b"caba", b"ccab"]
    grammar = gcd.Grammar.from_lark('start: "c" "b" | "ca" "b"? | "aba" | "a" ";"')
    vocab = gcd.Vocabulary.from_bytes([*tokens, None], eos_ids=[len(tokens)])
    compiled = gcd.compile(grammar, vocab)
    assert compiled.exactness.exact
    matcher = compiled.matcher()
    assert allowed(matcher, vocab) == {b"c", b"ab", b"cab"}
    assert matcher.accept(tokens.index(b"c"))
    assert allowed(matcher, vocab) == {b"a", b"ab"}
    matcher.reset()
    assert matcher.accept(tokens.index(b"ab"))
    assert allowed(matcher, vocab) == {b"a"}


def test_an_artefact_keeps_the_places(tmp_path):
    tokens = [b"a", b"b", b"a\n", b"b\n\n", b"\n\n", b" "]
    grammar = gcd.Grammar.from_lark('start: (NAME NL)+\nNAME: /[ab]+/\nNL: /\\n+/\n%ignore " "')
    vocab = gcd.Vocabulary.from_bytes([*tokens, None], eos_ids=[len(tokens)])
    compiled = gcd.compile(grammar, vocab)
    compiled.fill_tables(max_masks=20)
    compiled.save(tmp_path / "names.gcd")
    again = gcd.load(tmp_path / "names.gcd", vocab)
    for text in itertools.chain.from_iterable(itertools.product(range(len(tokens)), repeat=n) for n in range(4)):
        masks = []
        for c in (compiled, again):
            matcher = c.matcher()
            masks.append(allowed(matcher, vocab) if matcher.accept_tokens(text) == len(text) else None)
        assert masks[0] == masks[1]
