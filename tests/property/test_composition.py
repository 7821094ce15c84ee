"""Restrictions and joined grammars, against their definition: all short texts of a grammar, one by one."""

import re
from itertools import product

import pytest
from lark.indenter import Indenter

import gcd
from gcd import Grammar, GrammarError, UnsupportedError, Vocabulary

ALPHABET = "ab ,()if="
TOKENS = [*(bytes([b]) for b in range(256)), b"ab", b"a,", b")(", b"f=", b"(a", b", b", b"ba)"]
VOCAB = Vocabulary.from_bytes([*TOKENS, None], eos_ids=[len(TOKENS)])

LARK = {
    "list": 'start: "(" (item ("," item)*)? ")"\nitem: A | start\nA: /[ab]+/\n%ignore " "',
    "keyword": 'start: "if" NAME | NAME "=" NAME\nNAME: /[abif]+/\n%ignore " "',
    "keyword elsewhere": 'start: "if" x | "(" x ")"\nx: NAME | "if" NAME\nNAME: /[abif]+/\n%ignore " "',
    "empty": 'start: (A ("," A)*)?\nA: /a+|b/',
    "lookaround": "start: A+\nA: /a(?!b)/ | /b(?=,|$)/ | /(?<=b),/",
    "flags": 'start: A B?\nA: /A\\ b | ab/xi\nB: "(" /./s ")"',
}
MODES = [("lalr", "contextual"), ("lalr", "basic"), ("earley", "dynamic"), ("earley", "basic")]

# conditions and what they mean
CONDITIONS = [
    ({"must_not_include": ["ab"]}, lambda t: "ab" not in t),
    ({"must_not_include": ["a,", "b b", "("]}, lambda t: not any(p in t for p in ("a,", "b b", "("))),
    ({"must_include": ["b"]}, lambda t: "b" in t),
    ({"must_include": ["a", "b"], "must_not_include": ["bb"]}, lambda t: "a" in t and "b" in t and "bb" not in t),
    ({"matching": r"(?:..){1,2}"}, lambda t: re.fullmatch(r"(?:..){1,2}", t) is not None),
    ({"matching": r"[^b]*B?[^b]*", "flags": re.I}, lambda t: re.fullmatch(r"[^b]*B?[^b]*", t, re.I) is not None),
    ({"matching": "(?x) [^,]* # no comma"}, lambda t: "," not in t),
    ({"matching": r".*a$", "must_include": ["b"]}, lambda t: re.fullmatch(r".*a$", t) is not None and "b" in t),
]  # fmt: skip


def sentences(compiled, most=5, alphabet=ALPHABET):
    """All texts of the language up to a length, by single bytes."""
    matcher, found = compiled.matcher(), set()

    def grow(text):
        if matcher.is_complete:
            found.add(text)
        for character in alphabet if len(text) < most else "":
            if matcher.accept_bytes(character.encode()):
                grow(text + character)
                matcher.rollback(1)

    grow("")
    return found


def no_dead_end(compiled, most=3):
    """Every text that tokens can spell can be ended."""
    matcher = compiled.matcher()

    def walk(depth):
        allowed = [t for t in range(VOCAB.width) if matcher.check(t)]
        assert allowed
        for token in allowed if depth else ():
            if TOKENS[token : token + 1] and set(TOKENS[token].decode("latin1")) <= set(ALPHABET):
                assert matcher.accept(token)
                walk(depth - 1)
                matcher.rollback(1)

    walk(most)


@pytest.mark.parametrize("name", LARK)
@pytest.mark.parametrize("mode", MODES, ids="/".join)
def test_restrictions(name, mode):
    """Exactly the sentences that meet the condition; proven, so without dead ends."""
    grammar = Grammar.from_lark(LARK[name], parser=mode[0], lexer=mode[1])
    plain = sentences(gcd.compile(grammar, VOCAB))
    assert len(plain) > 3
    for condition, holds in CONDITIONS:
        expected = {text for text in plain if holds(text)}
        try:
            compiled = gcd.compile(grammar.restrict(**condition), VOCAB)
        except GrammarError:
            assert not expected, condition
            continue
        assert compiled.exactness.exact
        assert sentences(compiled) == expected, condition
        no_dead_end(compiled, 2)


class Lines(Indenter):
    NL_type = "_NL"
    OPEN_PAREN_types = ()
    CLOSE_PAREN_types = ()
    INDENT_type = "_INDENT"
    DEDENT_type = "_DEDENT"
    tab_len = 8


def test_restricted_indentation():
    """Where a line break may be the first lexeme, and declared terminals have no pattern."""
    text = "start: _NL? line+\nline: NAME _NL [_INDENT line+ _DEDENT]\n%declare _INDENT _DEDENT\n"
    text += "NAME: /[ab]+/\n_NL: /(\\n *)+/\n"
    grammar = Grammar.from_lark(text, parser="lalr", postlex=Lines())
    alphabet = "ab \n"
    plain = sentences(gcd.compile(grammar, VOCAB), 6, alphabet)
    assert "a\n b\n" in plain
    for condition, holds in CONDITIONS[:4]:
        compiled = gcd.compile(grammar.restrict(**condition), VOCAB)
        assert compiled.exactness.exact
        assert sentences(compiled, 6, alphabet) == {t for t in plain if holds(t)}


def test_restricted_choices_and_patterns():
    choices = ["a", "ab", "b,", "(ab)", ""]
    for grammar in (Grammar.from_choices(choices), Grammar.from_regex("|".join(map(re.escape, choices)))):
        for condition, holds in CONDITIONS:
            expected = {text for text in choices if holds(text)}
            try:
                compiled = gcd.compile(grammar.restrict(**condition), VOCAB)
            except GrammarError:
                assert not expected
                continue
            assert sentences(compiled) == expected


def test_restricted_verbose_pattern():
    """A comment at the end of a verbose pattern doesn't swallow what is put around it."""
    grammar = Grammar.from_regex("(?xi) A [ab]* # two or more")
    compiled = gcd.compile(grammar.restrict(must_include=["b"], matching="(?x) a.* # x"), VOCAB)
    assert sentences(compiled, 3) == {"ab", "aab", "aba", "abb"}


def test_restricted_twice():
    grammar = Grammar.from_lark(LARK["list"])
    both = grammar.restrict(must_include=["a"]).restrict(must_not_include=["b"])
    expected = {t for t in sentences(gcd.compile(grammar, VOCAB)) if "a" in t and "b" not in t}
    assert sentences(gcd.compile(both, VOCAB)) == expected
    assert [note.partition(":")[0] for note in both.notes] == ["restricted", "restricted"]


def test_the_masks_of_a_restriction():
    """Bit by bit: a token is allowed if what follows can still meet the condition."""
    grammar = Grammar.from_lark(LARK["list"]).restrict(must_include=["a,"], must_not_include=["(a"])
    compiled = gcd.compile(grammar, VOCAB)
    matcher = compiled.matcher()
    for text, token, allowed in (
        ("(", b"(a", False),
        ("(", b"ab", False),
        ("(b", b"a,", True),
        ("(b", b")", False),
        ("(ba,b", b")", True),
    ):
        matcher.reset()
        assert matcher.accept_bytes(text.encode())
        assert matcher.check(TOKENS.index(token)) == allowed, (text, token)


def test_real_grammar(smollm2_vocab):
    """Phrases in a JSON text, on a real vocabulary."""
    json_grammar = Grammar.from_lark('start: v\nv: S | "[" [v ("," v)*] "]" | "{" [S ":" v ("," S ":" v)*] "}"\n'
                                     'S: /"[^"\\\\]*"/\n%ignore /[ \\n]+/')  # fmt: skip
    compiled = gcd.compile(
        json_grammar.restrict(must_include=['"name"'], must_not_include=["null", "\n"]), smollm2_vocab
    )
    assert compiled.exactness.exact
    for text, fits in (
        ('{"name": "x"}', True),
        ('{"nam": "e"}', False),
        ('["name"]', True),
        ('["name", "nullable"]', False),
        ('{"name":\n"x"}', False),
    ):
        matcher = compiled.matcher()
        assert (matcher.accept_bytes(text.encode()) and matcher.is_complete) == fits, text


@pytest.mark.parametrize("mode", MODES, ids="/".join)
def test_free_text_before(mode):
    """Up to the first marker anything, behind it a sentence."""
    for name in ("list", "keyword", "empty"):
        grammar = Grammar.from_lark(LARK[name], parser=mode[0], lexer=mode[1])
        plain = sentences(gcd.compile(grammar, VOCAB))
        compiled = gcd.compile(Grammar.any_text(until=",,") + grammar, VOCAB)
        assert compiled.exactness.exact
        texts = ("".join(t) for n in range(2, 6) for t in product(ALPHABET, repeat=n))
        expected = {t for t in texts if ",," in t and t.partition(",,")[2] in plain}
        assert len(expected) > 10
        assert sentences(compiled, 5) == expected
        no_dead_end(compiled, 2)


def test_any_text_alone():
    compiled = gcd.compile(Grammar.any_text(until="ab"), VOCAB)
    assert sentences(compiled, 4) >= {"ab", "aab", "b ab"}
    assert all(t.endswith("ab") and t.count("ab") == 1 for t in sentences(compiled, 4))


def test_choices_before():
    choices = Grammar.from_choices(["a(", "b", "if"])
    grammar = Grammar.from_lark(LARK["list"])
    got = sentences(gcd.compile(choices + grammar, VOCAB))
    plain = sentences(gcd.compile(grammar, VOCAB))
    assert got == {c + t for c in ("a(", "b", "if") for t in plain if len(c + t) <= 5}
    one = gcd.compile(Grammar.from_choices(["a", "b"]) + Grammar.from_choices(["a", ""]), VOCAB)
    assert sentences(one) == {"a", "b", "aa", "ba"}


def test_joined_then_restricted():
    """The condition is on the whole text."""
    joined = Grammar.any_text(until="=") + Grammar.from_lark(LARK["list"])
    compiled = gcd.compile(joined.restrict(must_include=["ab"], must_not_include=["ba"]), VOCAB)
    got = sentences(compiled)
    assert {"ab=()", "=(ab)"} <= got
    assert all("ab" in t and "ba" not in t for t in got)


@pytest.mark.parametrize(
    ("make", "kind", "said"),
    [
        (lambda g: g.restrict(matching="("), GrammarError, "no regular expression"),
        (lambda g: g.restrict(matching=r"(a)\1"), UnsupportedError, "backreference"),
        (lambda g: g.restrict(must_include=[""]), GrammarError, "empty phrase"),
        (lambda g: g.restrict(must_include="ab"), TypeError, "not one str"),
        (lambda g: g.restrict(must_not_include=[1]), TypeError, "collection of str"),
        (lambda g: g.restrict(must_include=["if"]), None, ""),
        (lambda g: Grammar.from_choices([""]).restrict(must_include=["a"]), GrammarError, "only one is the empty text"),
        (lambda g: g + g, UnsupportedError, "isn't clear where"),
        (lambda g: Grammar.from_choices(["a", "ab"]) + g, UnsupportedError, "isn't clear where"),
        (lambda g: Grammar.from_regex("a") + g, UnsupportedError, "isn't clear where"),
        (
            lambda g: Grammar.any_text(until="x") + g.restrict(must_include=["a"]),
            UnsupportedError,
            "looks at what comes",
        ),
        (lambda g: Grammar.any_text(until=""), GrammarError, "empty text"),
        (lambda g: Grammar.any_text(until=5), TypeError, "must be a str"),
        (lambda g: g + "x", TypeError, "unsupported operand"),
    ],
)
def test_refusals(make, kind, said):
    grammar = Grammar.from_lark(LARK["list"])
    if kind is None:
        with pytest.raises(GrammarError, match="language of 'start' is empty"):
            gcd.compile(make(grammar), VOCAB)
        return
    with pytest.raises(kind, match=said):
        make(grammar)


def test_dynamic_complete_is_refused():
    grammar = Grammar.from_lark(LARK["list"], parser="earley", lexer="dynamic_complete")
    with pytest.raises(UnsupportedError, match="shortened lexemes"):
        grammar.restrict(must_include=["a"])
    with pytest.raises(UnsupportedError, match="dynamic_complete"):
        Grammar.any_text(until="x") + grammar
