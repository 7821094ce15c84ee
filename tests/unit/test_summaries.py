"""Summaries where they could go wrong in silence: many levels closed at once, and artefacts saved again."""

import numpy as np

import gcd

INDENTED = (
    "start: (_NEWLINE | stmt)*\nstmt: NAME _NEWLINE | NAME _NEWLINE _INDENT stmt+ _DEDENT\n"
    "NAME: /[a-z]+/\n_NEWLINE: /(\\n *)+/\n%declare _INDENT _DEDENT"
)


def test_one_newline_closes_many_levels_with_short_tokens():
    vocab = gcd.Vocabulary.from_bytes([b"a", b" ", b"\n", None], eos_ids=[3])
    matcher = gcd.compile(gcd.Grammar.from_lark(INDENTED, postlex="python"), vocab).matcher()
    for level in range(1, 60):
        assert matcher.accept_bytes(b"a\n" + b" " * level)
    assert matcher.accept_bytes(b"a\n")
    mask = np.zeros(1, np.int32)
    matcher.fill_bitmask(mask)
    assert mask[0] == 0b1111
    assert matcher.accept(0)


def test_an_artefact_saved_again_holds_as_much(tmp_path):
    vocab = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(128)), None], eos_ids=[128])
    nested = gcd.Grammar.from_lark('start: "[" [start ("," start)*] "]" | NUM\nNUM: /[0-9]+/')
    compiled = gcd.compile(nested, vocab)
    compiled.fill_tables(50)
    compiled.save(tmp_path / "first.gcd")
    gcd.load(tmp_path / "first.gcd").save(tmp_path / "second.gcd")
    again = gcd.load(tmp_path / "second.gcd")
    matcher, mask = again.matcher(), np.zeros(5, np.int32)
    for byte in b"[1,[2,3]]":
        matcher.fill_bitmask(mask)
        assert matcher.accept(byte)
    assert again.stats()["summaries"] == 0
