"""SynCode's grammars, which another engine for constrained decoding ships: loaded unmodified, with Lark's verdicts.

SynCode reads them with a fork of Lark (LALR, basic lexer); here Lark itself is the judge. Their source distribution is
fetched, so the tests are slow.
"""

import random
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from lark import Lark
from lark.indenter import Indenter, PythonIndenter

import gcd
from gcd.errors import InexactError
from grammars import mutants, shipped

pytestmark = pytest.mark.slow

BYTES = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), None], eos_ids=[256])


class SyncodeIndenter(Indenter):
    """The names that SynCode's own indenter declares."""

    NL_type = "_NL"
    OPEN_PAREN_types = PythonIndenter.OPEN_PAREN_types
    CLOSE_PAREN_types = PythonIndenter.CLOSE_PAREN_types
    INDENT_type = "_INDENT"
    DEDENT_type = "_DEDENT"
    tab_len = 4


TEXTS = {
    "c": [
        "int main(int a, char b) { int x = a + 2 * (b - 1); if (x <= 10) { x = -x; } else { return f(x, 1); } }",
        "void f() { for (int i = 0; i < 9; i = i + 1) { g(); } while (a != b) { return 1; } // done\n\n }",
        "",
        "float h() { /* a\nb */ return 0 ; }",
    ],
    "calc": ["113 + 235 * (1111 - 2.5e3) / 4", "1", "((7))", "3 -\n 4"],
    "go": [
        'package main\nimport "fmt"\n',
        "package main\n\nfunc add(a int, b int) int {\n\treturn a + b\n}\n",
        "package p\n\nfunc f() {\n\tfor i := 0; i < 10; i++ {\n\t\tx[i] = 0x1F\n\t}\n}\n",
        "package p; var x, y = 1, []int{1, 2}; type T struct { a int; };",
        "package p\nfunc g(m map[string]int) (int) {\n\tif v := m[`k`]; v > 0 {\n\t\tgo h(v)\n\t}\n\treturn -1 // x\n}",
    ],
    "invariants": [
        "```\nloop invariant x <= y + 1;\n```",
        '```\nloop invariant (\\true && ~(a == f(b, "s")));\nloop invariant i < 10 ==> x[0]\n```',
        "```\nloop invariant a ? b : c > -1.5;\nloop invariant \\false;\n```",
    ],
    "java": [
        "package a.b; import java.util.*; public class A extends B implements C { }",
        "class A { private int x = 1; void f(int y) { if (x < y) { x = y + 1; } else return; } }",
        "class A { static int[] g() { for (int i = 0; i < 10; i++) { h(i); } return null; } }",
        "interface I { int f(); } ;",
    ],
    "json": [
        '{"a": [1, -2.5e3, true, null], "b": {"c": ""}}',
        "[]",
        '[ "x" , {} ]\n',
        '[1., .5, +3, "\\"]',
    ],
    "prover9": [
        "Predicates:\nCat(x) ::: x is a cat\nPremises:\n∀x (Cat(x) → ¬Dog(x)) ::: .\nConclusion:\nCat(tom) ::: tom\n",
        "Predicates: P(x, y) ::: \n Premises: ∃y (P(y, 1) ∧ P(2, y) ∨ P(a, b)) ::: \n Conclusion: (P(a, b)) ::: \n",
    ],
    "python": [
        "def f(a, b=1, *c, **d):\n\tif a:\n\t\treturn [x for x in b if x]\n\telse:\n\t\tpass\n\nclass A(B):\n\tx = 1\n",
        "import os, sys as s\nfrom a.b import c\nx = {1: 'a', 2: \"b\"}\nfor i in range(10):\n    print(i, end='')\n",
        "try:\n  f(\n1,\n2)\nexcept E as e:\n  raise\nfinally:\n  y += 3 # c\n",
        "@d\nasync def g():\n\tawait h()\n\twith a as b: x = not a or b and c\n",
        "\n\n# only this\n",
        "while True:\n    lambda x: x ** -2\n    break\n",
    ],
    "sql": [
        "SELECT a, b.c FROM t WHERE a = 1 AND b LIKE 'x%' ORDER BY a DESC LIMIT 10;",
        "select count(distinct x) as n from t left outer join u on t.id = u.id group by y having sum(z) > 2",
        "SELECT * FROM (SELECT a FROM t) AS s UNION ALL SELECT b FROM u -- end",
        "select case when a > 1 then 2 else 3 end from t where x in (1, 2) and y is not null",
    ],
    "tiny": ["cdcd", "dd", "ccdd", "cccdd"],
}
"""For each grammar of theirs; Lark takes some of them only in some ways of reading."""

READINGS = [
    (name, *reading)
    for name in TEXTS
    for reading in (("lalr", "basic"), ("lalr", "contextual"), ("earley", "dynamic"))
    if (name, reading[0]) != ("python", "earley")  # Lark's dynamic lexer fails on what an indenter makes
]
EDITS = 150

Fetch = Callable[..., Path]


@pytest.fixture(scope="module")
def folder(fetched: Fetch) -> Path:
    return fetched("get_sources.py", "syncode") / "syncode" / "parsers" / "grammars"


def test_all_of_them(folder: Path):
    """A grammar that is added is noticed."""
    assert {path.stem for path in folder.glob("*.lark")} == set(TEXTS)


@pytest.mark.parametrize(("name", "parser", "lexer"), READINGS, ids=map(" ".join, READINGS))
def test_verdicts(folder: Path, name: str, parser: str, lexer: str, capsys: pytest.CaptureFixture[str]):
    path = folder / f"{name}.lark"
    postlex = SyncodeIndenter if name == "python" else None
    judge = Lark.open(str(path), parser=parser, lexer=lexer, postlex=postlex and postlex())
    grammar = gcd.Grammar.from_lark(path, parser=parser, lexer=lexer, postlex=postlex)
    if postlex:
        # Its newline terminal may end with a comment, behind which no column is left to go on from.
        with pytest.raises(InexactError, match="newline terminal that indentation watches"):
            gcd.compile(grammar, BYTES)
        compiled = gcd.compile(grammar, BYTES, lenient={"viability"})
    else:
        compiled = gcd.compile(grammar, BYTES)
        assert compiled.exactness.exact
    edited = mutants.edits(TEXTS[name], random.Random(name))
    verdicts = Counter[bool]()
    for text in [*TEXTS[name], *islice(edited, EDITS)]:
        expected = shipped.parses(judge, text)
        matcher = compiled.matcher()
        assert (matcher.accept_bytes(text.encode()) and matcher.is_complete) == expected, text
        verdicts[expected] += 1
    with capsys.disabled():
        print(f"\n{name:10} {parser}/{lexer:10} takes {verdicts[True]}, refuses {verdicts[False]}", end="")
    assert len(verdicts) == 2
