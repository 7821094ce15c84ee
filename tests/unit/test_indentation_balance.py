"""Indentation is called exact only where the productions keep the stack's promises."""

from pathlib import Path

import pytest
from lark.indenter import PythonIndenter

import gcd

VOCAB = gcd.Vocabulary.from_bytes([bytes([b]) for b in range(128)] + [None], eos_ids=[128])
HEAD = '%declare _INDENT _DEDENT\n_NEWLINE: /(\\r?\\n[\\t ]*)+/\nLPAR: "("\nRPAR: ")"\n'


def read(rules: str) -> gcd.Grammar:
    return gcd.Grammar.from_lark(rules + HEAD, postlex=PythonIndenter())


@pytest.mark.parametrize(
    "rules",
    [
        'start: "a" _NEWLINE _DEDENT | "c"\n',
        'start: "a" _NEWLINE _INDENT "b" | "c"\n',
        'start: "if" _NEWLINE _INDENT "a" _DEDENT "b" | "c"\n',
        'start: LPAR "a" _NEWLINE "b" RPAR | "c"\n',
        'start: "a" RPAR | "c"\n',
        'start: LPAR start | "a" _NEWLINE\n',
        'start: "a" _INDENT "b" _NEWLINE _DEDENT | "c"\n',
    ],
)
def test_unbalanced_is_refused(rules):
    with pytest.raises(gcd.InexactError, match="indentation can't be proven"):
        gcd.compile(read(rules), VOCAB)
    assert not gcd.compile(read(rules), VOCAB, lenient={"viability"}).exactness.exact


def test_balanced_is_exact():
    rules = 'start: stmt+\nstmt: "a" _NEWLINE | "if" LPAR RPAR _NEWLINE _INDENT stmt+ _DEDENT\n'
    assert gcd.compile(read(rules), VOCAB).exactness.exact


def test_a_newline_that_cannot_begin_a_line_again_is_refused():
    rules = 'start: stmt+\nstmt: "a" _NEWLINE | "if" _NEWLINE _INDENT stmt+ _DEDENT\n'
    grammar = gcd.Grammar.from_lark(rules + HEAD.replace("(\\r?\\n[\\t ]*)+", "\\n *"), postlex=PythonIndenter())
    with pytest.raises(gcd.InexactError, match="line ends"):
        gcd.compile(grammar, VOCAB)


def test_a_newline_without_a_line_end_is_refused():
    # ";" alone would be accepted as a newline lexeme, and no sentence goes on from there.
    grammar = gcd.Grammar.from_lark(
        'start: ("a" _NEWLINE)*\n' + HEAD.replace("]*)+", "]*)+|;"), postlex=PythonIndenter()
    )
    with pytest.raises(gcd.InexactError, match="line ends"):
        gcd.compile(grammar, VOCAB)


def test_python_is_exact():
    path = Path(__file__).parents[2] / "grammars" / "python.lark"
    assert gcd.compile(gcd.Grammar.from_lark(path), VOCAB).exactness.exact
