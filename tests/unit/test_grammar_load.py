"""`from_lark`: options, header comments, errors with their places, and bounds."""

import re
import time

import pytest
from lark import Lark
from lark.exceptions import LarkError
from lark.indenter import Indenter, PythonIndenter
from lark.lark import PostLex

from gcd import Grammar, Limits
from gcd.errors import GcdError, GrammarError, LimitError, UnsupportedError
from gcd.grammar.load import from_lark

SIMPLE = 'start: "a" B*\nB: /b+/\n%ignore " "\n'
AMBIGUOUS = 'start: a | b\na: "x"\nb: "x"\n'


class SpaceIndenter(Indenter):
    NL_type = "NL"
    OPEN_PAREN_types = ()
    CLOSE_PAREN_types = ()
    INDENT_type = "INDENT"
    DEDENT_type = "DEDENT"
    tab_len = 4


INDENTED = 'start: "a" NL (INDENT start DEDENT)?\nNL: /\\n */\n%declare INDENT DEDENT\n'


# -- modes and options --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options", "mode"),
    [
        (SIMPLE, {}, "lalr/contextual"),
        (SIMPLE, {"parser": "lalr"}, "lalr/contextual"),
        (SIMPLE, {"lexer": "contextual"}, "lalr/contextual"),
        (SIMPLE, {"lexer": "basic"}, "lalr/basic"),
        (SIMPLE, {"parser": "earley"}, "earley/dynamic"),
        (SIMPLE, {"parser": "earley", "lexer": "basic"}, "earley/basic"),
        (SIMPLE, {"lexer": "dynamic"}, "earley/dynamic"),
        (SIMPLE, {"lexer": "dynamic_complete"}, "earley/dynamic_complete"),
        (AMBIGUOUS, {}, "earley/dynamic"),
        (AMBIGUOUS, {"lexer": "basic"}, "earley/basic"),
        (INDENTED, {"postlex": SpaceIndenter}, "lalr/contextual"),
        (INDENTED, {"postlex": SpaceIndenter(), "parser": "earley"}, "earley/basic"),
        (SIMPLE, {"postlex": "python"}, "lalr/contextual"),
    ],
)
def test_modes(text, options, mode):
    grammar = from_lark(text, **options)
    assert grammar.mode == mode
    assert grammar.independent == ("dynamic" in mode)
    assert grammar.all_lengths == ("complete" in mode)
    assert bool(grammar.lexsets) == (not grammar.independent)
    assert (grammar.indentation is not None) == ("postlex" in options)
    assert ("read with the general parser" in " ".join(grammar.notes)) == (text is AMBIGUOUS)


def test_grammar_reads_lark_itself():
    assert Grammar.from_lark(SIMPLE) == from_lark(SIMPLE)
    assert Grammar.from_lark("b: SIMPLE\nSIMPLE: /x/", "b").starts[0].name == "b"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"parser": "lalr", "lexer": "dynamic"}, 'parser="lalr" has no lexer'),
        ({"parser": "earley", "lexer": "contextual"}, 'parser="earley" has no lexer'),
        ({"lexer": "dynamic", "postlex": SpaceIndenter}, "post-lexer can't be used"),
    ],
)
def test_options_that_exclude_each_other(options, said):
    with pytest.raises(GrammarError, match=re.escape(said)):
        from_lark(INDENTED, **options)


@pytest.mark.parametrize(
    "options", [{"parser": "cyk"}, {"lexer": "standard"}, {"g_regex_flags": re.DEBUG}, {"start": []}, {"start": ""}]
)
def test_wrong_values(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        from_lark(SIMPLE, **options)


def test_wrong_types():
    for wrong in (None, 3, b"start: A"):
        with pytest.raises(TypeError, match="a str or a path"):
            from_lark(wrong)


def test_contextual_lexer_was_asked_for_and_lalr_refuses():
    with pytest.raises(GrammarError, match="reduce/reduce conflict") as caught:
        from_lark(AMBIGUOUS, lexer="contextual")
    assert (caught.value.line, caught.value.column) == (2, 1)


# -- post-lexers --------------------------------------------------------------------------------


class Overridden(SpaceIndenter):
    def handle_NL(self, token):
        yield token


class Other(PostLex):
    always_accept = ()

    def process(self, stream):
        return stream


@pytest.mark.parametrize(("postlex", "named"), [(Overridden(), "handle_NL"), (Other(), "Other"), (Other, "Other")])
def test_post_lexers_that_are_programs(postlex, named):
    with pytest.raises(UnsupportedError, match=named) as caught:
        from_lark(INDENTED, postlex=postlex)
    assert caught.value.construct == "post-lexer"


def test_indentation():
    grammar = from_lark(INDENTED, postlex=SpaceIndenter)
    names = [t.name for t in grammar.terminals]
    spec = grammar.indentation
    assert (names[spec.newline], names[spec.indent], names[spec.dedent]) == ("NL", "INDENT", "DEDENT")
    assert (spec.open_parens, spec.close_parens, spec.tab_len) == ((), (), 4)
    assert [grammar.terminals[i].declared for i in (spec.newline, spec.indent, spec.dedent)] == [False, True, True]
    # Without a hook nothing produces the declared terminals: the alternative that needs them is dropped, with a note.
    assert any("needs INDENT" in note for note in from_lark(INDENTED).notes)


def test_indenter_whose_names_the_grammar_lacks():
    grammar = from_lark('start: "(" "a" ")"', postlex=PythonIndenter)
    spec = grammar.indentation
    assert [grammar.terminals[i].name for i in spec.open_parens + spec.close_parens] == ["LPAR", "RPAR"]
    assert grammar.terminals[spec.newline].declared


# -- header comments ----------------------------------------------------------------------------


def test_header():
    text = "// A toy.\n// gcd: parser=earley lexer=basic start=one,two\n\n" + 'one: "a"\ntwo: "b" one\n'
    grammar = from_lark(text)
    assert grammar.mode == "earley/basic"
    assert [s.name for s in grammar.starts] == ["one", "two"]
    assert from_lark(text, start="two").starts[0].name == "two"
    assert from_lark(text, parser="lalr").mode == "lalr/basic"
    assert from_lark(text, lexer="dynamic").mode == "earley/dynamic"
    python = from_lark("# gcd: postlex=python\n" + 'start: "a" _NEWLINE\n_NEWLINE: /\\n */\n')
    assert python.indentation.tab_len == 8
    # Explicit arguments win over the header's post-lexer, too.
    spaces = from_lark("# gcd: postlex=python\n" + INDENTED, postlex=SpaceIndenter)
    assert spaces.indentation.tab_len == 4


def test_a_comment_after_the_first_rule_is_no_header():
    assert from_lark(SIMPLE + "// gcd: parser=earley\n").mode == "lalr/contextual"
    assert from_lark("// about gcd: parser=earley\n" + SIMPLE).mode == "lalr/contextual"


@pytest.mark.parametrize(
    ("header", "said", "column"),
    [
        ("parser=cyk", "parser must be one of", 9),
        ("lexer=standard", "lexer must be one of", 9),
        ("parser=lalr  colour=red", "'colour=red' is no option", 22),
        ("parser", "'parser' is no option", 9),
        ("start=a start=b", "given twice", 17),
        ("postlex=ruby", "one post-lexer only: python", 9),
        ("start=nowhere", "there is no rule 'nowhere'", 9),
    ],
)
def test_wrong_headers(header, said, column):
    with pytest.raises(GrammarError) as caught:
        from_lark(f"// gcd: {header}\n{SIMPLE}")
    assert said in caught.value.cause
    assert (caught.value.line, caught.value.column) == (1, column)


# -- wrong grammars -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said", "line", "column"),
    [
        ('start: foo\nfo: "x"', "'foo' is used but not defined", 1, 8),
        ("start: FOO\n// BAZ\nFOO: BAZ", "'BAZ' is used but not defined", 3, 6),
        ("start: a{B}\nB: /x/", "'a' is used but not defined", 1, 8),
        ('start: "a"\nstart: "b"', "'start' defined more than once", 2, 1),
        ('start: "a"\n%ignore FOO', "marked to ignore but were not defined", 2, 9),
        ('start: "a" start', "the language is empty", 1, 1),
        ('a: "b"\n\nstart: b\nb: c\nc: b', "the language is empty", 3, 1),
        ('start: "a" |* ', "misplaced operator", 1, 13),
        ('start "a"\n', "missing colon", 1, 7),
        ('start: "a" )', "')' can't stand here", 1, 12),
        ('start: "a" (', "this bracket is never closed", 1, 12),
        ('start: "a', "this string is not closed", 1, 8),
        ("start: /a", "this regular expression is not closed", 1, 8),
        ('start: "a" $ "b"', "unexpected input", 1, 12),
        ('start: A\nA: "x" A?', "'A' contains itself", 2, 1),
        ('start: A\nA: B | "c"\nB: "x" A', "contains itself", 2, 1),
        ('start: A\nA: ""', "empty terminals are not allowed", 2, 4),
        ('start: a{"x"}\na{t,u}: t u', "wrong number of template arguments", 2, 1),
        ('start: "ab".."c"', "ends of a range", 1, 8),
        ('start: "a"~5..2', "a repetition of at least 5 and at most 2", 1, 15),
        ("start: foo\n%declare foo", "only terminals can be", 1, 8),
        ('%override foo: "a"\nstart: "a"', "cannot override", 1, 11),
        ('%extend foo: "a"\nstart: "a"', "can't extend", 1, 9),
        ('start: A\nA: start "x"', "rules aren't allowed inside terminals", 1, 1),
        ('start: "\0"', "NUL", 1, 9),
        ('start: "\ud800"', "surrogate", 1, 9),
        ("start: A\nA: /[/\n", "is no regular expression", 2, 1),
    ],
)
def test_wrong_grammars(text, said, line, column):
    with pytest.raises(GrammarError) as caught:
        from_lark(text)
    error = caught.value
    assert said in error.cause
    assert (error.line, error.column) == (line, column)
    assert error.snippet.endswith("^")


@pytest.mark.parametrize(
    "text",
    [
        'start: A\nA: "x" -> y',
        'start: "\\x"',
        "start: a\na{x}: x",
        '_a: "x" -> y\nstart: _a',
        "",
        "start",
        "%import",
        "%import common",
        "start: /(?P<a>x)(?P<a>y)/",
        'start: "a"~1..2..3',
        "\ufeffstart: A",
        'start: ("a" | "b" -> c) d',
        "%ignore",
        "%declare",
    ],
)
def test_other_wrong_grammars_are_errors_of_ours(text):
    with pytest.raises(GcdError):
        from_lark(text)


def test_remedies():
    with pytest.raises(GrammarError) as caught:
        from_lark('start: foo\nfo: "x"')
    assert caught.value.remedy == "did you mean 'fo'?"
    with pytest.raises(GrammarError) as caught:
        from_lark('begin: "x"')
    assert caught.value.remedy == "start= one of begin"
    with pytest.raises(GrammarError) as caught:
        from_lark('stat: "x"')
    assert caught.value.remedy == "start='stat'"
    with pytest.raises(GrammarError, match="is a terminal, not a rule"):
        from_lark('a: "x"\nB: "b"', start="B")
    with pytest.raises(GrammarError, match="is a template, not a rule"):
        from_lark('a: b{"x"}\nb{y}: y', start="b")


def test_a_string_that_is_neither_grammar_nor_path():
    with pytest.raises(GrammarError, match=r"no grammar: it has no rule.*\n.*pathlib"):
        from_lark("grammars/json")
    with pytest.raises(GrammarError, match="can't be read"):
        from_lark("no such file.lark")


# -- bounds: all of these must be refused at once, not after minutes ----------------------------

BACKSLASHES = "\\\\" * 5000

HOSTILE = {
    "text": ('start: "a"\n//' + "x" * 5_000_000, "max_grammar_bytes"),
    "repetition": ('start: "a"~1..1000000', "max_repeat"),
    "repetition in a pattern": ("start: /a{1,1000000}/", "max_repeat"),
    "digits": ('start: "a"~1..' + "9" * 5000, None),
    "brackets": ("start: " + "(" * 10_000 + '"a"' + ")" * 10_000, "max_nesting"),
    "optionals in optionals": ("start: " + "[" * 195 + '"a"' + "]" * 195, None),
    "brackets in a pattern": ("start: /" + "(" * 10_000 + "a" + ")" * 10_000 + "/", "max_nesting"),
    "unclosed string": (f'start: "{BACKSLASHES}', None),
    "unclosed pattern": (f"start: /{BACKSLASHES}", None),
    "blank lines": ('start: "a"\n' + "\n" * 100_000, None),
    "alternatives to a power": ('start: ("a" | "b")~30', "max_productions"),
    "many optionals": ("start: " + " ".join(f'"a{i}"?' for i in range(40)), "max_productions"),
    "repetitions of repetitions": ('start: ((("a"~49)~49)~49)~49', "max_productions"),
    "terminals of terminals": (
        'start: A60\nA0: "x"\n' + "\n".join(f"A{i}: A{i - 1} A{i - 1}" for i in range(1, 61)),
        "max_productions",
    ),
    "a chain of terminals": (
        'start: A9000\nA0: "x"\n' + "\n".join(f"A{i}: A{i - 1}" for i in range(1, 9001)),
        "max_productions",
    ),
    "a growing template": ('start: a{"x"}\na{t}: t | a{b{t}}\nb{t}: t "y"', "max_grammar_bytes"),
    "a doubling template": ('start: a{"x"}\na{t}: t | a{b{t, t}}\nb{t, u}: t u', "max_grammar_bytes"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(name):
    text, limit = HOSTILE[name]
    began = time.perf_counter()
    with pytest.raises(LimitError if limit else GrammarError) as caught:
        from_lark(text)
    assert time.perf_counter() - began < 5
    if limit:
        assert caught.value.limit == limit
        assert caught.value.reached > caught.value.allowed
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "text",
    [
        'start: "a"~1..100000',
        "start: " + "(" * 190 + '"a"' + ")" * 190,
        "start: /" + "(" * 100 + "a" + ")" * 100 + "/",
        'start: "a"' + " " * 100_000 + "\n",
        'start: "' + "\\\\" * 500 + '"',
        "start: /" + "\\\\" * 500 + "/",
        'start: a{"x"}\na{t}: t | a{t} t',
        "start: " + " | ".join(f'"w{i}"' for i in range(2000)),
        'start: A30\nA0: "x"\n' + "\n".join(f"A{i}: A{i - 1}" for i in range(1, 31)),
    ],
    ids=lambda text: text[:20],
)
def test_large_texts_that_are_fine(text):
    assert from_lark(text).productions


def test_limits_are_the_caller_s():
    with pytest.raises(LimitError, match="max_terminals"):
        from_lark(SIMPLE, limits=Limits(max_terminals=2))
    with pytest.raises(LimitError, match="max_productions"):
        from_lark(SIMPLE, limits=Limits(max_productions=2))
    with pytest.raises(LimitError, match="max_grammar_bytes"):
        from_lark(SIMPLE, limits=Limits(max_grammar_bytes=20))
    with pytest.raises(LimitError, match="max_grammar_bytes"):  # the import counts, too
        from_lark("%import common.WS\nstart: WS", limits=Limits(max_grammar_bytes=100))
    with pytest.raises(LimitError, match="seconds"):
        from_lark(SIMPLE, limits=Limits(seconds=1e-9))


def test_line_ends():
    text = SIMPLE.replace("\n", "\r\n")
    assert from_lark(text).productions == from_lark(SIMPLE).productions
    with pytest.raises(GrammarError) as caught:
        from_lark(text + "c: d\r\n", start="c")
    assert (caught.value.line, caught.value.column) == (4, 4)


def test_an_empty_matching_terminal_that_no_start_reaches_is_no_reason_to_refuse():
    rules = 'start: "a"\nr0: r0+ T3+ | T3 T3\nT3: /1?/\n'  # r0 and its helper call each other, so Lark keeps them
    assert Grammar.from_lark(rules, parser="lalr").starts[0].name == "start"
    with pytest.raises(GrammarError, match="empty text"):
        Grammar.from_lark(rules, parser="lalr", lexer="basic")


@pytest.mark.parametrize(
    "rules",
    [
        'start: "a"~1..2 "a"? "a"\nr0: "ba" r0* T0\nT0: /(?<=b)(?:(?:[aa]b)*?)/\n',
        'start: "a"\nr0: "b" r0 T0\nT0: /x*/\n',
        'start: "a" | "q" b\nb: b "c" T0\nT0: /x*/\n',
        'start: "a"\n%ignore T0\nT0: /x*/\n',
        'start: a\na.2: e "y" | f "z"\ne:\nf: T0\nT0: /x*/\n',
        'start: D T0 | "a"\nT0: /x*/\n%declare D\n',
    ],
)
@pytest.mark.parametrize(
    ("parser", "lexer"),
    [("lalr", "contextual"), ("lalr", "basic"), *(("earley", e) for e in ("dynamic", "dynamic_complete", "basic"))],
)
def test_which_empty_matching_terminals_count(rules: str, parser: str, lexer: str):
    """The contextual lexer looks at those that a state looks for, the others at all that Lark keeps."""
    try:
        Lark(rules, parser=parser, lexer=lexer)
    except LarkError:
        with pytest.raises(GrammarError, match="T0 can match the empty text"):
            from_lark(rules, parser=parser, lexer=lexer)
    else:
        assert from_lark(rules, parser=parser, lexer=lexer).starts
