"""Terminals and lexsets: what Lark's lexers hold in each parser state."""

import re
from pathlib import Path

import lark
import pytest
from lark import Lark
from lark.indenter import PythonIndenter
from lark.lexer import PatternRE, PatternStr, TerminalDef

from gcd.errors import GrammarError, UnsupportedError
from gcd.grammar.automaton import Automaton
from gcd.grammar.load import from_lark
from gcd.grammar.terminals import TerminalTable, inline_flags

LIBRARY = Path(lark.__file__).parent / "grammars"

GRAMMARS = {
    "keywords": 'start: ("if" NAME | "else"i | NAME "in" NAME)+\nNAME: /[a-z]+/\n%ignore /[ ]+/',
    "priorities": 'start: (A | B | C)+\nA.2: "if"\nB: /[a-z]+/\nC.-1: "else"',
    "flags": 'start: (A | "if" | "ELSE"i)+\nA: /[a-z]+/i\n%ignore "if"\n%ignore "z"',
    "two regexes": 'start: (A "x" | B "x" | "ab")+\nA: /[a-x]+/\nB: /[b-z]+/\n%ignore /x[ ]*/',
}


def table_of(parser, independent=False):
    used = [s.name for rule in parser.rules for s in rule.expansion if s.is_term]
    return TerminalTable(parser.terminals, parser.ignore_tokens, used, independent=independent)


def assert_lexset_is(table, number, lexer):
    """One lexset against one of Lark's basic lexers."""
    lexset = table.lexsets[number]
    names = [t.name for t in table.terminals]
    scanner = lexer.scanner
    assert [names[i] for i in lexset.order] == [t.name for t in scanner.terminals]
    unless = {names[u.regex]: [names[i] for i in u.literals] for u in lexset.unless}
    expected = {
        name: [t.name for t in callback.scanner.terminals]
        for name, callback in lexer.callback.items()
        if name not in lexer.ignore_types
    }
    assert unless == expected


@pytest.mark.parametrize("name", [*GRAMMARS, "lark.lark", "python.lark"])
def test_lexsets_are_lark_s_contextual_lexers(name):
    python = name == "python.lark"
    parser = Lark(
        GRAMMARS[name] if name in GRAMMARS else (LIBRARY / name).read_text(),
        start="file_input" if python else "start",
        parser="lalr",
        postlex=PythonIndenter() if python else None,
    )
    table = table_of(parser)
    automaton = Automaton(parser.rules, parser.options.start, table.numbers)
    lark_table = parser.parser.parser._parse_table
    accepted = table.bits(["_NEWLINE"] if python else [])
    lexers = parser.parser.lexer.lexer.lexers if python else parser.parser.lexer.lexers
    symbols = {~n: name for name, n in table.numbers.items()}
    seen = {}
    todo = [(automaton.roots[0][0], lark_table.start_states[parser.options.start[0]])]
    while todo:
        ours, theirs = todo.pop()
        if ours in seen:
            continue
        seen[ours] = theirs
        assert_lexset_is(table, table.lexset(automaton.actions[ours] >> 1 | accepted), lexers[theirs])
        for symbol, target in automaton.transitions[ours].items():
            key = automaton.names[symbol] if symbol >= 0 else symbols[symbol]
            todo.append((target, lark_table.states[theirs][key][1]))
    assert len(seen) == len(lexers)


@pytest.mark.parametrize("name", GRAMMARS)
def test_basic_lexer(name):
    parser = Lark(GRAMMARS[name], parser="lalr", lexer="basic")
    table = table_of(parser)
    assert_lexset_is(table, table.lexset_of_all(), parser.parser.lexer)


def test_equal_lexsets_share_an_id():
    # Two key sets that differ by a terminal without text.
    table = TerminalTable([TerminalDef("A", PatternStr("a"))], [], ["A", "DECLARED"], independent=False)
    assert table.numbers == {"A": 0, "DECLARED": 1}
    assert table.lexset(0b01) == table.lexset(0b11)
    # Two sets that differ by a keyword that the lexer never looks for, nor finds by its rule: the priority differs.
    both = [TerminalDef("N", PatternRE("[a-z]+")), TerminalDef("K", PatternStr("k"))]
    table = TerminalTable(both, [], ["N", "K"], independent=False)
    assert table.lexset(0b01) != table.lexset(0b11)
    assert table.lexsets[1].order == (0,)
    assert [(u.regex, u.literals) for u in table.lexsets[1].unless] == [(0, (1,))]


def test_ignored_terminals_never_stand_in_rules():
    for lexer in ("basic", "dynamic"):
        grammar = from_lark('start: (NAME "ab")+\nNAME: /[a-c]+/\n%ignore "ab"', lexer=lexer, parser="earley")
        used = {s.id for p in grammar.productions for s in p.rhs if s.is_terminal}
        assert not used & set(grammar.ignore)
        assert len([t for t in grammar.terminals if t.pattern == "ab"]) == 2


def terminal(text, name, **options):
    (found,) = [t for t in from_lark(text, **options).terminals if t.name == name]
    return found


def test_patterns_and_flags():
    a = terminal('start: "a+"i', "__ANON_0")
    assert (a.pattern, a.flags, a.is_literal, a.example) == (r"a\+", re.I, True, "a+")
    a = terminal("start: A\nA: /a.b/is", "A")
    assert (a.pattern, a.flags, a.is_literal, a.example) == ("a.b", re.I | re.S, False, "a")
    assert terminal("start: A\nA: /a.b/m", "A", g_regex_flags=re.X).flags == re.M | re.X
    assert terminal("start: A\nA: /a/u", "A", g_regex_flags=re.A).flags == 0
    assert terminal("start: A\nA: /a/", "A", g_regex_flags=re.A | re.U ^ re.U).flags == re.A
    assert terminal("start: A\nA: /(?i)(?s)a./", "A", lexer="dynamic").flags == re.I | re.S
    assert terminal("start: A\nA: /(?i)(?s)a./", "A", lexer="dynamic").pattern == "a."
    assert terminal('start: SIGNED_NUMBER\nSIGNED_NUMBER: "+" /[0-9]+/', "SIGNED_NUMBER").example == "signed number"
    assert terminal("start: /[a-z]/", "__ANON_0").example == "/[a-z]/"
    assert terminal("start: A\nA: /a/", "A", regex=True).dialect == "regex"


def test_spans():
    text = '// one\nstart: A "xy"\n  | /r/ b\nA.2: "a"\nb: "b"+\n'
    grammar = from_lark(text)
    spans = {t.example: (t.span.line, t.span.column) for t in grammar.terminals}
    assert spans == {"a": (4, 1), "xy": (2, 10), "/r/": (3, 5), "b": (5, 4)}
    assert [(n.name, n.span.line) for n in grammar.nonterminals] == [("start", 2), ("b", 5), ("__b_plus_0", 5)]


def test_inline_flags():
    assert inline_flags("(?i)(?s)a.b") == ("a.b", "is")
    assert inline_flags(" (?x) a") == (" a", "x")
    assert inline_flags("(?i:a)") == ("(?i:a)", "")


@pytest.mark.parametrize(
    ("text", "said", "where"),
    [
        ("start: A\nA: /a*/", "A can match the empty text", (2, 1)),
        ('start: "x" /(?=a)/', "can match the empty text", (1, 12)),
        ("start: /a(/", "is no regular expression", (1, 8)),
        ("start: /a**/", "is no regular expression", (1, 8)),
        ('start: "a" /(?i)a/', "flags inside a pattern", (1, 12)),
        ('start: "a"\n%declare X\n%ignore X', "can't be ignored", None),
    ],
)
def test_refused(text, said, where):
    with pytest.raises(GrammarError) as caught:
        from_lark(text)
    assert said in caught.value.cause
    if where:
        assert (caught.value.line, caught.value.column) == where
        assert "^" in caught.value.snippet


def test_group_names_are_used_once_in_a_lexset():
    for text in ("start: A B | B\nA: /(?P<x>a)/\nB: /(?P<x>b)/", "start: A | B\nA: /(?P<B>a)/\nB: /b/"):
        with pytest.raises(re.error):
            Lark(text, parser="lalr").parse("b")
        with pytest.raises(GrammarError, match="used twice"):
            from_lark(text)
        assert from_lark(text, lexer="dynamic").productions
    assert from_lark("start: A B\nA: /(?P<x>a)/\nB: /(?P<x>b)/").productions  # never in one lexset


def test_locale_flag_is_refused_by_name():
    for text, options in (("start: /a/l", {}), ('start: "a"', {"g_regex_flags": re.L})):
        with pytest.raises(UnsupportedError) as caught:
            from_lark(text, **options)
        assert caught.value.construct == "locale flag"


def test_no_warning_of_python_about_a_set_escapes():
    """Lark asks `re` for the width of a pattern, also of the regex module's; warnings are errors here."""
    pytest.importorskip("regex")
    assert from_lark("start: /[[a-z]--[aeiou]]/", regex=True).terminals[0].pattern == "[[a-z]--[aeiou]]"
    assert from_lark("start: A | /[[x]/\nA: /[[y]c/ | /[[a-z]b/").mode == "lalr/contextual"
