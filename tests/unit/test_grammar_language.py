"""The IR denotes what Lark accepts: `oracle.ir_recognizer` over the IR against `Lark.parse`, text by text."""

import gc
import random
import signal
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import lark
import pytest
from lark import Lark
from lark.exceptions import UnexpectedInput
from lark.indenter import DedentError, Indenter, PythonIndenter
from oracle.ir_recognizer import Recognizer

from gcd.errors import GrammarError, UnsupportedError
from gcd.grammar.load import from_lark

LIBRARY = Path(lark.__file__).parent / "grammars"


class LarkBroken(Exception):
    """Lark has no verdict: it reduces empty rules for ever, where priorities settle what no LR parser can; or it fails
    with an internal error."""


@contextmanager
def time_limit(seconds):
    """Without the garbage collector: an exception raised inside one of its callbacks is printed and lost, and Lark
    would go on to fill the memory."""

    def stop(*_):
        raise LarkBroken

    before = signal.signal(signal.SIGALRM, stop)
    collects = gc.isenabled()
    gc.disable()
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if collects:
            gc.enable()
        signal.signal(signal.SIGALRM, before)


class Judge:
    """Lark on whole texts."""

    def __init__(self, text, start="start", **options):
        self.lark = Lark(text, start=start, **options)
        self.indented = options.get("postlex") is not None

    def accepts(self, text, start=None):
        try:
            self.lark.parse(text, start=start)
        except (UnexpectedInput, DedentError):
            return False
        except RuntimeError as error:  # "Earley should not generate multiple start symbol items!"
            raise LarkBroken from error
        except (AssertionError, IndexError):  # the indenter's: a bracket too many, a comment without a line break
            assert self.indented
            return False
        return True


def assert_same(grammar, judge, texts, start=None):
    """Both verdicts on all texts. Returns how many were accepted."""
    recognizer = Recognizer(grammar)
    accepted = 0
    for text in texts:
        expected = judge.accepts(text, start)
        assert recognizer.accepts(text, start) == expected, f"{text!r}: Lark says {expected}"
        accepted += expected
    assert recognizer.forks == 0
    return accepted


def all_texts(letters, length):
    for n in range(length + 1):
        yield from map("".join, product(letters, repeat=n))


def mutants(texts, count, seed, letters):
    """Texts with a few characters removed, doubled, exchanged or put in, and halves of two texts joined."""
    choose = random.Random(seed)
    for _ in range(count):
        text = choose.choice(texts)
        for _ in range(choose.choice([1, 1, 1, 2, 3])):
            at = choose.randrange(len(text) + 1)
            kind = choose.randrange(4)
            if kind == 0:
                text = text[:at] + text[at + 1 :]
            elif kind == 1:
                text = text[:at] + choose.choice(letters) + text[at:]
            elif kind == 2:
                text = text[:at] + choose.choice(letters) + text[at + 1 :]
            else:
                other = choose.choice(texts)
                text = text[:at] + other[choose.randrange(len(other) + 1) :]
        yield text


# -- named grammars: one point each -------------------------------------------------------------

JSON = r"""
?start: value
?value: object | array | string | SIGNED_NUMBER -> number | "true" -> true | "false" -> false | "null" -> null
array  : "[" [value ("," value)*] "]"
object : "{" [pair ("," pair)*] "}"
pair   : string ":" value
string : ESCAPED_STRING
%import common (ESCAPED_STRING, SIGNED_NUMBER, WS)
%ignore WS
"""
JSON_TEXTS = [
    '{"a": [1, 2.5e-3, -7], "b": {"c": null}}',
    "[true, false]",
    '"x\\"y"',
    " [ ] ",
    "{}",
    "12",
    '[{"k":"v"},[[]]]',
]
ARITHMETIC = """
?start: sum
?sum: product | sum "+" product | sum "-" product
?product: atom | product "*" atom | product "/" atom
?atom: NUMBER | "-" atom | NAME | "(" sum ")"
%import common.CNAME -> NAME
%import common (NUMBER, WS_INLINE)
%ignore WS_INLINE
"""

# grammar, letters, length of all texts tried, options
SMALL = {
    "dangling else": ('start: "i" start | "i" start "e" start | "x"', "iex", 8, {}),
    "conflict deeper down": ('start: s "e" | s "f"\ns: "i" s | "i" s "e" s | "x"', "iexf", 6, {}),
    "shift loses a sentence": ('start: a "b" "c" | "a" "b" "d"\na: "a"', "abcd", 4, {}),
    "shift loses every sentence of a rule": ('start: a start "x" | "y"\na: | "z"', "xyz", 6, {}),
    "conflict over an empty rule": ('start: b start "x" | "y" | "q" b "z"\nb: | "z"', "xyzq", 5, {}),
    "copies that differ by lexing": (
        'start: "x" a R | "z" a R | "z" b\na: "a"\nb: "a" Q R\nQ.2: "q"\nR: /[qr]+/',
        "xzaqr",
        5,
        {},
    ),
    "copies that differ by a conflict": (
        'start: "x" a "e" | "z" a "e" "f" | "z" c\na: "a"\nc: "a" "e" "g"',
        "xzaefg",
        5,
        {},
    ),
    "priority of rules": ('start: a "u" | b "v" | "w"\na.2: "x"\nb: "x" | "y"', "uvwxy", 4, {}),
    "priority takes a lookahead only": ('start: a "u" | b "u" | b "v"\na.2: "x"\nb: "x"', "uvx", 4, {}),
    "ordered choice": ("start: A\nA: /a|ab/", "ab", 5, {}),
    "adjacency": ("start: A A\nA: /a+/", "ab", 6, {}),
    "adjacency with a separator": ('start: A A\nA: /a+/\n%ignore " "', "a ", 6, {}),
    "keywords against names": ('start: ("if" NAME | NAME)+\nNAME: /[fix]+/\n%ignore " "', "ifx ", 6, {}),
    "keyword of higher priority": ('start: (KW | NAME)+\nKW.2: "if"\nNAME: /[fi]+/\n%ignore " "', "if ", 7, {}),
    "keyword of lower priority": ('start: KW NAME\nKW.-1: "if"\nNAME: /[fi]+/\n%ignore " "', "if ", 7, {}),
    "keyword with flags": ('start: "IF"i NAME\nNAME: /[fiIF]+/\n%ignore " "', "ifIF ", 5, {}),
    "contextual keyword": ('start: "c" X | "d" Y\nX: /[ab]+/\nY: "ab" | "e"', "abcde", 5, {}),
    "basic lexer": ('start: "c" X | "d" Y\nX: /[ab]+/\nY: "ab" | "e"', "abcde", 5, {"lexer": "basic"}),
    "roll-back": ('start: (INT | FLOAT | "..")+\nINT: /[0-9]+/\nFLOAT: /[0-9]+\\.[0-9]+/', "1.", 8, {}),
    "rule and literal ignored": ('start: NAME+\nNAME: /[a-c]+/\n%ignore "ab"\n%ignore " "', "abc ", 6, {}),
    "ignored literal in a rule": (
        'start: (NAME "ab")+\nNAME: /[a-c]+/\n%ignore "ab"\n%ignore " "',
        "abc ",
        6,
        {"lexer": "basic"},
    ),
    "ignored word takes a literal": ('start: "a" "b"\n%ignore /[ab]/', "ab", 5, {}),
    "ignored terminal is dead in rules": ('start: "a" W? "a"\nW: "w"\n%ignore W', "aw", 6, {}),
    "many optionals": ('start: "a"? "b"? "c"? "a"? "b"?', "abc", 6, {}),
    "nullable rules": ('start: a b a b a "x"\na: "a" |\nb: "b" |', "abx", 7, {}),
    "nullable start": ('start: "a"*\n%ignore " "', "a ", 6, {}),
    "only the empty text": ('start: a\na:\n%ignore " "', "a ", 3, {}),
    "repetition": ('start: "a"~2..4 ("b" "c"?)~0..2', "abc", 8, {}),
    "long repetition": ('start: "a"~50..53 | "a"~2', "a", 60, {}),
    "template": ('start: _sep{A, ","}\n_sep{x, s}: x (s x)*\nA: "a"', "a,", 7, {}),
    "lookahead in a terminal": ("start: A B\nA: /a+(?=b)/\nB: /[ab]+/", "ab", 7, {}),
    "lookbehind in a terminal": ("start: A B?\nA: /[ab]+?(?<=b)/\nB: /a+/", "ab", 7, {}),
    "flags": ('start: "a"i /c.d/s /x # y\n+/x', "abAcdx\n", 5, {}),
    "global flags": ('start: "ab" X?\nX: /b/', "aAbB", 4, {"g_regex_flags": 2}),
    "ranges": ('start: ("a".."c" | "x")+', "abcdx", 5, {}),
    "terminals of terminals": ('start: A+\nA: B "c"? | "a" B\nB: "b"+', "abc", 6, {}),
    "right recursion": ('start: "a" start | "a"', "a", 8, {}),
    "hidden unit cycle": ('start: a\na: b a b | "x"\nb:', "x", 3, {"parser": "earley"}),
    "unit cycle": ('start: a\na: b | "x"\nb: a | "y" a', "xy", 5, {"parser": "earley"}),
    "ambiguous": ('start: start start | "x" | ', "x", 6, {"parser": "earley"}),
    "general: palindromes": ('start: "a" start "a" | "b" start "b" | ', "ab", 8, {"parser": "earley"}),
    "dynamic: ignored and read": ('start: A W? A\nA: "a"\nW: " "\n%ignore W', "a ", 6, {"parser": "earley"}),
    "dynamic: ordered choice": ("start: A+\nA: /a|ab/", "ab", 6, {"parser": "earley"}),
    "dynamic: adjacency": ("start: A A\nA: /a+/", "ab", 6, {"parser": "earley"}),
    "dynamic: overlap": ("start: A B | C\nA: /a+/\nB: /a?b/\nC: /[ab]+c/", "abc", 6, {"parser": "earley"}),
    "dynamic: priority": ('start: KW NAME?\nKW.2: "if"\nNAME: /[fi]+/\n%ignore " "', "if ", 6, {"parser": "earley"}),
    "dynamic: lookbehind": ('start: A B\nA: "a"\nB: /(?<=a)b|(?<=b)a/', "ab", 5, {"parser": "earley"}),
    "dynamic: inline flags": ("start: A\nA: /(?i)ab/", "abAB", 3, {"parser": "earley"}),
    "dynamic_complete: adjacency": (
        "start: A A\nA: /a+/",
        "ab",
        6,
        {"parser": "earley", "lexer": "dynamic_complete"},
    ),
    "dynamic_complete: lazy": (
        "start: A B\nA: /a+?b?/\nB: /a*b|a/",
        "ab",
        6,
        {"parser": "earley", "lexer": "dynamic_complete"},
    ),
    "dynamic_complete: ignored text": (
        'start: A "b"\nA: /a( a)*/\n%ignore /[ ]+/',
        "ab ",
        6,
        {"parser": "earley", "lexer": "dynamic_complete"},
    ),
    "general parser, basic lexer": (
        'start: (NAME "a")* "b"?\nNAME: /[a-c]+/\n%ignore " "',
        "abc ",
        6,
        {"parser": "earley", "lexer": "basic"},
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_all_short_texts(name):
    text, letters, length, options = SMALL[name]
    options = {"parser": "lalr"} | options
    judge = Judge(text, **options)
    accepts = {t: judge.accepts(t) for t in all_texts(letters, length)}
    if not any(accepts.values()):
        # The lexemes can't stand side by side: that is for the engine to see. Or nothing is derived at all.
        try:
            grammar = from_lark(text, **options)
        except GrammarError as error:
            if "the language is empty" not in str(error):
                raise
            return
        assert name in ("adjacency", "dynamic: adjacency", "ignored word takes a literal")
    grammar = from_lark(text, **options)
    assert assert_same(grammar, judge, accepts) == sum(accepts.values())


def test_shifted_over_rule_is_no_dead_end():
    # `shift loses a sentence`: after "a" Lark always shifts "b", so "abc" is lost, and so is "ab" as a beginning of it.
    grammar = from_lark(SMALL["shift loses a sentence"][0])
    assert grammar.forbids == (frozenset(),)
    assert {len(p.rhs) for p in grammar.productions} == {3}


@pytest.mark.parametrize("parser", ["lalr", "earley"])
def test_json(parser):
    grammar, judge = from_lark(JSON, parser=parser), Judge(JSON, parser=parser)
    texts = [*JSON_TEXTS, *mutants(JSON_TEXTS, 300 if parser == "lalr" else 60, 1, '{}[],:"1e.-tn ')]
    assert 40 < assert_same(grammar, judge, texts) + 30 < len(texts)


def test_arithmetic():
    seeds = ["1 + 2*(a-b)/-3.5", "((x))", "-1--1", "2e5 * z", "a+b*c-d"]
    texts = [*seeds, *mutants(seeds, 400, 2, "+-*/()1a. e")]
    assert 50 < assert_same(from_lark(ARITHMETIC), Judge(ARITHMETIC, parser="lalr"), texts) < len(texts)


def test_lark_on_lark():
    text = (LIBRARY / "lark.lark").read_text()
    seeds = [
        'start: "a" b* ["x"] -> y\n  | c~2..3\n',
        '?a{x, y}.2: x | (y /z/i)+\nB.3: "x".."y"\n',
        "%import common (A, B)\n%ignore WS\n// hm\n%declare X Y\n",
        '%override a: "b"\n%extend B: /c/\n',
    ]
    texts = [*seeds, *mutants(seeds, 150, 3, ":|()[]~.*%aB\n /")]
    assert 20 < assert_same(from_lark(text), Judge(text, parser="lalr"), texts) < len(texts)


PYTHON_TEXTS = [
    "x = 1\n",
    "def f(a, *b, c=1, **d) -> int:\n    return a[1:2] + b.c(d)\n",
    "if a:\n  pass\nelif b: c\nelse:\n\tx\n",
    "for x in (\n  1,\n2):\n  y = [i for i in x if i]\n  if y:\n    z\n  w\n",
    "class A(B):\n    '''doc'''\n    @d\n    async def f(self): await g\n\n\nx\n",
    "match x:\n    case [1, *_]:\n        pass\n    case {'a': b}: c\n",
    "match = 1\nprint(match)\n",
    "try:\n x\nexcept E as e:\n y\nfinally:\n z\n",
    "lambda x, y=1: x if y else not z\n# c\n",
    "with a as b, c: d; e\n",
    'f"{x}" rb"y" 0x1F 1_0.e-3j\n',
    "\n\n\nx\n",
    "a = \\\n b\n",
    "",
]


def test_python():
    text = (LIBRARY / "python.lark").read_text()
    grammar = from_lark(text, start="file_input", postlex=PythonIndenter)
    judge = Judge(text, start="file_input", postlex=PythonIndenter(), parser="lalr")
    seeds = [t for t in PYTHON_TEXTS if t]
    texts = [*PYTHON_TEXTS, "match(x)\n", "match x\n", "x # no line end", *mutants(seeds, 120, 4, "()[]:=,. \n\tx#'")]
    assert len(PYTHON_TEXTS) - 2 < assert_same(grammar, judge, texts) < len(texts)


class BracketIndenter(Indenter):
    NL_type = "NL"
    OPEN_PAREN_types = ("LPAR", "GONE")
    CLOSE_PAREN_types = ("RPAR",)
    INDENT_type = "INDENT"
    DEDENT_type = "DEDENT"
    tab_len = 2


INDENTED = r"""
start: (NL | stmt)*
stmt: "a" NL | "(" ["a"] ")" NL | "b" ":" NL INDENT stmt+ DEDENT
%declare INDENT DEDENT
NL: /(\n *)+/
%ignore " "
"""
FREE_BRACKETS = """
start: ("a" | "(" | ")" | NL | INDENT | DEDENT)*
%declare INDENT DEDENT
NL: /\\n */
"""


@pytest.mark.parametrize("lexer", ["contextual", "basic"])
def test_indenter(lexer):
    options = {"lexer": lexer, "postlex": BracketIndenter(), "parser": "lalr"}
    seeds = ["b:\n a\n a\na\n", "b:\n b:\n   a\n a\n", "(\n)\n", "\n\na\n\n", "b:\n  (a\n)\n  a\n", "b:\n a"]
    texts = [*seeds, *mutants(seeds, 600, 5, "ab:() \n")]
    assert assert_same(from_lark(INDENTED, **options), Judge(INDENTED, **options), texts) > 60


def test_indenter_with_a_free_order():
    options = {"postlex": BracketIndenter(), "parser": "lalr"}
    grammar, judge = from_lark(FREE_BRACKETS, **options), Judge(FREE_BRACKETS, **options)
    assert assert_same(grammar, judge, all_texts("a() \n", 6)) > 500


def test_indenter_without_its_newline():
    # No newline terminal: nothing is indented, but brackets are still counted.
    text = 'start: ("a" | "(" | ")")*'
    options = {"postlex": BracketIndenter(), "parser": "lalr"}
    assert assert_same(from_lark(text, **options), Judge(text, **options), all_texts("a()", 6)) > 100


def test_several_starts():
    text = 'one: "a" two | "b"\ntwo: "c" one?\nthree: two "d"\n'
    starts = ["one", "two", "three"]
    grammar = from_lark(text, starts)
    judge = Judge(text, starts, parser="lalr")
    for start in starts:
        assert 1 < assert_same(grammar, judge, all_texts("abcd", 5), start) < 100


# -- random grammars ----------------------------------------------------------------------------

TERMINALS = [
    '"a"',
    '"b"',
    '"ab"',
    '"ba"',
    "/a+/",
    "/[ab]/",
    "/a|ab/",
    "/b+a?/",
    "/(?<!a)b/",
    "/a(?!b)/",
    '"A"i',
    "/ab?/",
]


def random_grammar(choose):
    names = ["start", "x", "y", "z"][: choose.randint(1, 4)]
    named = ["T", "U", "V"][: choose.randint(0, 3)]
    symbols = [*names, *named, *named, *choose.sample(TERMINALS, 3)]
    lines = []
    for name in names:
        alternatives = []
        for _ in range(choose.randint(1, 3)):
            items = [choose.choice(symbols) + choose.choice(["", "", "", "", "?", "*", "+"])
                     for _ in range(choose.choice([0, 1, 1, 2, 2, 3]))]  # fmt: skip
            alternatives.append(" ".join(items))
        priority = choose.choice(["", "", "", ".1", ".2"])
        lines.append(f"{name}{priority}: {' | '.join(dict.fromkeys(alternatives))}")
    for name in named:
        lines.append(f"{name}{choose.choice(['', '', '.1', '.-1'])}: {choose.choice(TERMINALS)}")
    if choose.random() < 0.4:
        lines.append(f"%ignore {choose.choice([*TERMINALS, *named, '/c/', '/c+/'])}")
    return "\n".join(lines)


MODES = {
    "lalr/contextual": (60, 5),
    "lalr/basic": (40, 5),
    "earley/basic": (20, 4),
    "earley/dynamic": (30, 4),
    "earley/dynamic_complete": (20, 4),
}


@pytest.mark.parametrize("mode", MODES)
def test_random_grammars(mode):
    check_random_grammars(mode, *MODES[mode], seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_many_random_grammars(mode):
    count, length = MODES[mode]
    check_random_grammars(mode, 10 * count, length, seed=2)


def check_random_grammars(mode, count, length, seed):
    options = dict(zip(("parser", "lexer"), mode.split("/"), strict=True))
    choose = random.Random(f"{mode} {seed}")
    texts = list(all_texts("abc", length))
    judged = accepted = refused = broken = 0
    while judged < count:
        text = random_grammar(choose)
        try:
            judge = Judge(text, **options)
        except lark.exceptions.LarkError:
            with pytest.raises(GrammarError):
                from_lark(text, **options)
            refused += 1
            continue
        try:
            with time_limit(2 if mode.startswith("lalr") else 5):
                accepted += check_one(text, judge, texts, options)
        except LarkBroken:
            broken += 1
            continue
        except UnsupportedError as error:
            if error.construct != "cycle of empty rules":
                raise
            continue
        judged += 1
    assert accepted > 3 * count
    assert refused > 0 or mode.startswith("earley")
    assert broken <= count // 4


def check_one(text, judge, texts, options):
    """How many texts both accept; a language that gcd calls empty must be."""
    try:
        grammar = from_lark(text, **options)
    except UnsupportedError:
        raise
    except GrammarError as error:
        if "the language is empty" not in str(error):
            raise
        assert not any(judge.accepts(t) for t in texts), text
        return 0
    try:
        return assert_same(grammar, judge, texts)
    except AssertionError as error:
        raise AssertionError(f"{text}\n{error}") from error
