"""json.lark and arithmetic.lark against Python, corner by corner: verdicts are compared."""

import pytest

from grammars import field_tools, shipped

JSON = [
    "0", "-0", "01", "-", "1.", ".5", "1.5e+07", "1e", "1E-0", "+1", "0x1", "1_0", "-01", "1 2", "NaN", "-Infinity",
    "true", "True", "truefalse", "null null", "nul", "", " ", "[]", "[,]", "[1,]", "[1 2]", "[[], {}]", "[", "]",
    "{}", '{"a":1}', '{"a":1,}', "{a:1}", "{'a':1}", '{"a"}', '{"a":}', '{1:1}', '{"a":1,"a":2}', '{"a":1 "b":2}',
    '"', '"a', '"\\"', '"\\\\"', '"\\x"', '"\\u12"', '"\\u12aF"', '"\\uD800"', '"\\ud83d\\ude00"',
    '"\\/\\b\\f\\n\\r\\t"', '"\t"', '"\n"', '"\x00"', '"\x1f"', '"\x7f"', '"\u0080\u2028\uffff\U0001f600"', '"" ""',
    "'a'", "\t\r\n 1 \n", "\f1", "\v1", "\u00a01", "\ufeff1", "1\x00", "// a\n1", "/**/1", "# a\n1",
]  # fmt: skip

ARITHMETIC = [
    "1", "0", "00", "0_0", "01", "0_7", "1_000", "1__0", "_1", "1_", "0x_ff", "0xfg", "0X", "0b12", "0B_1", "0o8",
    "0O17", "1.", ".5", ".", "1.e5", "01.5", "09e1", "1e-_1", "1e5_0", "1_0.0_1E+1_0", "1e", "1..2", "1.5.3", "1.a",
    "1j", "1e5J", "a", "_", "a1", "match", "print", "None", "Nonesuch", "not", "nota", "lambda_", "if", "in_", "True",
    "__debug__", "1 + 2", "1 +", "+ 1", "--1", "- + -a", "~1", "not 1", "1 * -2", "1 * * 2", "1 ** 2", "2 ** -1",
    "-2 ** 2", "2 ** ** 2", "1 // 2", "1 / / 2", "1 % 2 / 3", "1 @ 2", "1 << 2", "1 < 2", "1 == 2", "a = 1", "a := 1",
    "1 if 1 else 2", "1 and 2", "(1)", "()", "((1) + 2)", "(1", "1)", "(1, 2)", "a(1)", "a[1]", "a.b", "1 2", "a b",
    "1a", "(1)(2)", "'a'", "[1]", "...", "", " ", " 1", "\t1", "1 ", "1\t\f", "1\f+\t2", "1\v", "1\u00a0", "1;",
    "1\\", "1 +", "$", "1 ?", "a!", "1\x00",
]  # fmt: skip


@pytest.mark.parametrize("text", JSON, ids=ascii)
def test_json(text: str):
    assert shipped.lark_accepts("json", text) == field_tools.accepts("json", text)


@pytest.mark.parametrize("text", ARITHMETIC, ids=ascii)
def test_arithmetic(text: str):
    assert shipped.lark_accepts("arithmetic", text) == field_tools.accepts("arithmetic", text)


@pytest.mark.parametrize("text", ["(1 +\n2)", "1 # a", "1\n", "1 + \\\n2", "é"])
def test_known_gaps_of_arithmetic(text: str):
    """What the header says that Python takes and the grammar doesn't."""
    assert field_tools.accepts("arithmetic", text)
    assert not shipped.lark_accepts("arithmetic", text)


def test_precedence():
    """The tree is Python's."""
    text = "-a ** -2 + 3 * 4 // 5 % (6 - 7) / +8"
    tree = shipped.load("arithmetic").parse(text).children[0]

    def written(node) -> str:
        signs = {"add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "mod": "%", "pow": "**"}
        if not hasattr(node, "data"):
            return str(node)
        if len(node.children) == 1:
            return f"({'-' if node.data == 'neg' else '+'}{written(node.children[0])})"
        return "(" + signs[node.data].join(map(written, node.children)) + ")"

    assert eval(written(tree), {"a": 3}) == eval(text, {"a": 3})
    assert written(tree) == "((-(a**(-2)))+((((3*4)//5)%(6-7))/(+8)))"
