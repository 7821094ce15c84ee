"""Worlds with a name: the traps that are known, with the values worked out by hand.

`test_reference.py` holds the oracle to them, `tests/property/test_mask_named.py` the engine.
"""

from dataclasses import dataclass

from oracle.reference import World

__all__ = ["NAMED", "Named"]


@dataclass(frozen=True)
class Named:
    """A world and the masks expected in it."""

    world: World
    masks: dict[bytes, tuple[set[bytes], bool]]
    """After each prefix: the texts of the tokens that may follow, and whether it is complete."""
    budget: int = 3000
    """What the oracle needs to find these values."""
    empty: bool = False
    """No text belongs to the language: compiling refuses it, or everything is dead."""

    def __str__(self) -> str:
        return self.world.name


def named(
    name: str,
    grammar: str,
    tokens: list[bytes],
    masks: dict[bytes, tuple[set[bytes], bool]],
    *,
    parser: str = "lalr",
    lexer: str = "auto",
    eos: int = 1,
    budget: int = 3000,
    empty: bool = False,
) -> Named:
    """Ids are the tokens in order, then `eos` ids for the end of sequence."""
    vocabulary = (*tokens, *[None] * eos)
    eos_ids = tuple(range(len(tokens), len(vocabulary)))
    return Named(World(name, grammar, vocabulary, eos_ids, parser, lexer), masks, budget, empty)


DYNAMIC = {"parser": "earley", "lexer": "dynamic"}
COMPLETE = {"parser": "earley", "lexer": "dynamic_complete"}

NAMED = [
    # START isn't the lexer's first state (algorithms A.2)
    named(
        "end inside a terminal",
        "start: /(ab)*a/",
        [b"a", b"b", b"ab", b"ba"],
        {
            b"": ({b"a", b"ab"}, False),
            b"a": ({b"b", b"ba"}, True),
            b"ab": ({b"a", b"ab"}, False),
            b"aba": ({b"b", b"ba"}, True),
        },
    ),
    named(
        "nullable start",
        'start: A*\nA: "a"',
        [b"a", b"aa", b"b"],
        {b"": ({b"a", b"aa"}, True), b"a": ({b"a", b"aa"}, True)},
    ),
    named(
        "nullable start between ignored",
        'start: A*\nA: "a"\n%ignore " "',
        [b"a", b" ", b" a", b"b"],
        {b"": ({b"a", b" ", b" a"}, True), b"  ": ({b"a", b" ", b" a"}, True), b"a ": ({b"a", b" ", b" a"}, True)},
    ),
    named(
        "epsilon before the end",
        'start: "a" x y\nx: "b"?\ny: z*\nz: "c"',
        [b"a", b"b", b"c", b"bc", b"abcc"],
        {
            b"": ({b"a", b"abcc"}, False),
            b"a": ({b"b", b"c", b"bc"}, True),
            b"ab": ({b"c"}, True),
            b"ac": ({b"c"}, True),
        },
    ),
    # Adjacency: what follows a lexeme can be swallowed by it
    named("adjacent twins", "start: A A\nA: /a+/", [b"a", b"aa"], {b"": (set(), False)}, empty=True),
    named(
        "adjacent twins, dynamic", "start: A A\nA: /a+/", [b"a", b"aa"], {b"": (set(), False)}, empty=True, **DYNAMIC
    ),
    named(
        "adjacent twins, complete",
        "start: A A\nA: /a+/",
        [b"a", b"aa"],
        {b"": ({b"a", b"aa"}, False), b"a": ({b"a", b"aa"}, False), b"aa": ({b"a", b"aa"}, True)},
        **COMPLETE,
    ),
    named(
        "adjacent twins, separated",
        'start: A A\nA: /a+/\n%ignore " "',
        [b"a", b" ", b"a a"],
        {
            b"": ({b"a", b" ", b"a a"}, False),
            b"a": ({b"a", b" ", b"a a"}, False),
            b"a ": ({b"a", b" "}, False),
            b"a a": ({b"a", b" "}, True),
            b"a a ": ({b" "}, True),
        },
    ),
    named(
        "the greedy one takes all",
        "start: A B\nA: /a+/\nB: /a/",
        [b"a", b"aa"],
        {b"": (set(), False)},
        empty=True,
        lexer="contextual",
    ),
    named(
        "the lazy one takes one",
        "start: A B\nA: /a+?/\nB: /a/",
        [b"a", b"aa", b"aaa"],
        {b"": ({b"a", b"aa"}, False), b"a": ({b"a"}, False), b"aa": (set(), True)},
    ),
    named(
        "greedy, then a class",
        "start: A B\nA: /a+/\nB: /[ab]/",
        [b"a", b"b", b"ab"],
        {b"": ({b"a", b"ab"}, False), b"aa": ({b"a", b"b", b"ab"}, False), b"aab": (set(), True)},
        lexer="contextual",
    ),
    # The lexer rolls back to an earlier match
    named(
        "1..2",
        'start: INT | FLOAT | INT DD INT\nINT: /[12]+/\nFLOAT: /[12]+\\.[12]+/\nDD: ".."',
        [b"1", b"2", b".", b"..", b"1.", b".2", b"1..2"],
        {
            b"": ({b"1", b"2", b"1.", b"1..2"}, False),
            b"1": ({b"1", b"2", b".", b"..", b"1.", b".2", b"1..2"}, True),
            b"1.": ({b"1", b"2", b".", b".2"}, False),
            b"1..": ({b"1", b"2"}, False),
            b"1..2": ({b"1", b"2"}, True),
            b"1.2": ({b"1", b"2"}, True),
        },
    ),
    named(
        "unclosed comment is two operators",
        'start: e\ne: N | "*" e | e "/" e\nN: "a"\n%ignore /\\/\\*[\\s\\S]*?\\*\\//',
        [b"a", b"/", b"*", b"/*", b"*/"],
        {
            b"": ({b"a", b"/", b"*", b"/*", b"*/"}, False),  # "*/" goes on with "* a comment"
            b"/": ({b"*", b"*/"}, False),
            b"a": ({b"/", b"/*"}, True),
            b"a/": ({b"a", b"/", b"*", b"/*", b"*/"}, False),
            b"a/*": ({b"a", b"/", b"*", b"/*", b"*/"}, False),
            b"a/*a": ({b"a", b"/", b"*", b"/*", b"*/"}, True),  # a / (*a)
            b"a/*a*/": ({b"/", b"/*"}, True),  # a, then a comment
            b"a/*a*a": ({b"a", b"/", b"*", b"/*", b"*/"}, False),  # a comment, if it's closed
        },
    ),
    named(
        "a comment must be closed",
        'start: N ("/" N)*\nN: "a"\n%ignore /\\/\\*[\\s\\S]*?\\*\\//',
        [b"a", b"/", b"*", b"*/", b"/a"],
        {
            b"": ({b"a", b"/"}, False),
            b"/": ({b"*", b"*/"}, False),
            b"a": ({b"/", b"/a"}, True),
            b"a/": ({b"a", b"/", b"*", b"*/"}, False),
            b"a/*": ({b"a", b"/", b"*", b"*/", b"/a"}, False),
            b"a/**": ({b"a", b"/", b"*", b"*/"}, False),
            b"a/**/": ({b"/", b"/a"}, True),
        },
    ),
    # Who wins: priorities, keywords, ordered choice
    named(
        "keyword by priority",
        'start: KW NAME | NAME\nKW.2: "if"\nNAME: /[aif]+/',
        [b"i", b"f", b"a", b"if", b"iff"],
        {
            b"": ({b"i", b"f", b"a", b"if", b"iff"}, False),
            b"i": ({b"i", b"f", b"a", b"if", b"iff"}, True),
            b"if": ({b"i", b"f", b"a", b"if", b"iff"}, False),
            b"iff": ({b"i", b"f", b"a", b"if", b"iff"}, True),
            b"fif": ({b"i", b"f", b"a", b"if", b"iff"}, True),
        },
    ),
    named(
        "keyword by default",
        'start: "if" NAME | NAME\nNAME: /[aif]+/\n%ignore " "',
        [b"i", b"f", b"a", b"if", b"iff", b" "],
        {
            b"if": ({b"i", b"f", b"a", b"if", b"iff", b" "}, False),
            b"iff": ({b"i", b"f", b"a", b"if", b"iff", b" "}, True),
            b"iff ": ({b" "}, True),
            b"if ": ({b"i", b"f", b"a", b"if", b"iff", b" "}, False),
        },
    ),
    named(
        "a keyword is a name where no keyword fits",
        'start: "if" NAME ";"\nNAME: /[if]+/\n%ignore " "',
        [b"i", b"if", b"if ", b";", b" "],
        {
            b"if": ({b"i", b"if", b"if ", b" "}, False),
            b"if if": ({b"i", b"if", b"if ", b";", b" "}, False),
        },
        lexer="contextual",
    ),
    named(
        "a keyword is no name in the basic lexer",
        'start: "if" NAME ";"\nNAME: /[if]+/\n%ignore " "',
        [b"i", b"if", b" if", b";", b" "],
        {
            b"if ": ({b"i", b"if", b" if", b" "}, False),
            b"if if": ({b"i", b"if"}, False),  # still the keyword
            b"if ifif": ({b"i", b"if", b";", b" "}, False),
        },
        lexer="basic",
        budget=20_000,
    ),
    named(
        "ordered choice",
        "start: /a|ab/",
        [b"a", b"b", b"ab"],
        {b"": ({b"a"}, False), b"a": (set(), True)},
    ),
    named(
        "ordered choice, then the rest",
        'start: T "b"?\nT: /a|ab/',
        [b"a", b"b", b"ab", b"abb"],
        {b"": ({b"a", b"ab"}, False), b"a": ({b"b"}, True), b"ab": (set(), True)},
    ),
    named(
        "shadowed at every accept",
        'start: A "x" | B "y"\nA.2: /[ab]+/\nB: /a+/',
        [b"a", b"b", b"x", b"y", b"ax", b"ay"],
        {b"": ({b"a", b"b", b"ax"}, False), b"a": ({b"a", b"b", b"x", b"ax"}, False), b"ax": (set(), True)},
    ),
    named(
        "word boundary",
        'start: (KW | W)+\nKW.2: /\\bif\\b/\nW: /[if]/\n%ignore " "',
        [b"i", b"f", b"if", b" "],
        {b"if": ({b"i", b"f", b"if", b" "}, True), b"": ({b"i", b"f", b"if", b" "}, False)},
    ),
    # Lookaheads that a thread takes along until something else depends on them
    named(
        "names that are no keyword, with a keyword behind them",
        'start: (NAME | KW)+\nNAME: /(?!(if|in)(?![a-z]))[a-z]+/\nKW: /if(?![a-z])/\n%ignore " "',
        [b"i", b"f", b"n", b"x", b" ", b"if", b"fx"],
        {
            b"": ({b"i", b"f", b"n", b"x", b" ", b"if", b"fx"}, False),
            b"i": ({b"i", b"f", b"n", b"x", b" ", b"if", b"fx"}, True),
            b"if": ({b"i", b"f", b"n", b"x", b" ", b"if", b"fx"}, True),
            b"in": ({b"i", b"f", b"n", b"x", b"if", b"fx"}, False),
        },
    ),
    named(
        "a loop that looks ahead in every round",
        "start: C+\nC: /<(?:(?!>>)[a>])*>>/",
        [b"<", b"a", b">", b">>", b"a>", b">><"],
        {
            b"": ({b"<"}, False),
            b"<a": ({b"a", b">", b">>", b"a>", b">><"}, False),
            b"<>": ({b"a", b">", b"a>"}, False),
            b"<>>": ({b"<"}, True),
        },
    ),
    named(
        "a better alternative with a lookahead",
        'start: A C\nA: /(?!aab)[ab]+b|a/\nC: "ac"',
        [b"a", b"b", b"c", b"ab"],
        {
            b"": ({b"a", b"b", b"ab"}, False),
            b"aa": ({b"a", b"c", b"ab"}, False),
            b"aac": (set(), True),
        },
    ),
    named(
        "lookahead and lookbehind",
        "start: A B\nA: /a(?=b)/\nB: /(?<=a)b+(?!c)/",
        [b"a", b"b", b"c", b"ab", b"bb"],
        {b"": ({b"a", b"ab"}, False), b"a": ({b"b", b"bb"}, False), b"ab": ({b"b", b"bb"}, True)},
    ),
    # The parser
    named(
        "a shift that loses sentences",
        'start: opt "a" "b"\nopt: "a" |',
        [b"a", b"b", b"ab", b"aa", b"aab"],
        {
            b"": ({b"a", b"aa", b"aab"}, False),
            b"a": ({b"a", b"ab"}, False),
            b"aa": ({b"b"}, False),
            b"aab": (set(), True),
        },
    ),
    named(
        "no shift in the general parser",
        'start: opt "a" "b"\nopt: "a" |',
        [b"a", b"b", b"ab", b"aa", b"aab"],
        {b"": ({b"a", b"ab", b"aa", b"aab"}, False), b"a": ({b"a", b"b", b"ab"}, False), b"ab": (set(), True)},
        **DYNAMIC,
    ),
    named(
        "dangling else",
        'start: s\ns: "i" s | "i" s "e" s | "a"',
        [b"i", b"a", b"e", b"ae", b"aee", b"ia"],
        {
            b"": ({b"i", b"a", b"ia"}, False),
            b"ia": ({b"e"}, True),
            b"ii": ({b"i", b"a", b"ae", b"aee", b"ia"} - {b"aee"}, False),
            b"iia": ({b"e"}, True),
            b"iiae": ({b"i", b"a", b"ae", b"ia"}, False),
            b"iiaea": ({b"e"}, True),
            b"iiaeaea": (set(), True),
        },
    ),
    named(
        "brackets need the stack",
        'start: "(" start ")" | "x"',
        [b"(", b")", b"x", b"))", b")))", b"x)", b"(("],
        {
            b"": ({b"(", b"x", b"(("}, False),
            b"((": ({b"(", b"x", b"x)", b"(("}, False),
            b"((x": ({b")", b"))"}, False),
            b"((x)": ({b")"}, False),
            b"((x))": (set(), True),
        },
    ),
    named(
        "right recursion",
        'start: "a" start | "b"',
        [b"a", b"b", b"aa", b"ab", b"ba"],
        {b"": ({b"a", b"b", b"aa", b"ab"}, False), b"aaa": ({b"a", b"b", b"aa", b"ab"}, False), b"ab": (set(), True)},
    ),
    named(
        "ambiguous both ways",
        "start: s\ns: s s s | s s | A\nA: /a/",
        [b"a", b"aa", b"b"],
        {b"": ({b"a", b"aa"}, False), b"a": ({b"a", b"aa"}, True), b"aaaa": ({b"a", b"aa"}, True)},
        **DYNAMIC,
    ),
    # Tokens
    named(
        "three lexemes in one token",
        'start: "[" [N ("," N)*] "]"\nN: /[0-9]+/\n%ignore " "',
        [b"[", b"]", b"1", b",", b"[1,", b",1]", b"1,1", b"1 ,1", b", ]", b" "],
        {
            b"": ({b"[", b"[1,", b" "}, False),
            b"[": ({b"]", b"1", b"1,1", b"1 ,1", b" "}, False),
            b"[1": ({b"]", b"1", b",", b",1]", b"1,1", b"1 ,1", b" "}, False),
            b"[1 ": ({b"]", b",", b",1]", b" "}, False),
            b"[1]": ({b" "}, True),
        },
    ),
    named(
        "not every text can be spelled",
        'start: "a" ("b" | "c" "d" | "a")',
        [b"a", b"ab", b"ac", b"c", b"cd", b"dd"],
        {b"": ({b"a", b"ab"}, False), b"a": ({b"a", b"cd"}, False), b"ab": (set(), True)},
    ),
    named(
        "only pairs can be spelled",
        'start: "a"*',
        [b"aa", b"aaaa", b"b"],
        {b"": ({b"aa", b"aaaa"}, True), b"aa": ({b"aa", b"aaaa"}, True)},
    ),
    named(
        "no spelling at all",
        'start: "ab"',
        [b"a", b"bb", b"aa"],
        {b"": (set(), False)},
        empty=True,
    ),
    named(
        "bytes that are no text",
        "start: /[^a]+/",
        [b"a", b"\x00", b"\xff", b"\xc3", b"\xa9", b"\xc3\xa9", b"\xe2\x82", b"\x80", b"\xa9b", b"b\xc3"],
        {
            b"": ({b"\x00", b"\xc3", b"\xc3\xa9", b"\xe2\x82", b"b\xc3"}, False),
            b"\xc3": ({b"\xa9", b"\xa9b", b"\x80"}, False),
            b"\xe2\x82": ({b"\xa9", b"\xa9b", b"\x80"}, False),
            b"\x00": ({b"\x00", b"\xc3", b"\xc3\xa9", b"\xe2\x82", b"b\xc3"}, True),
        },
    ),
    named(
        "duplicates and several ends",
        'start: "a" "b"?',
        [b"a", b"a", b"b", b"b", b"ab"],
        {b"": ({b"a", b"ab"}, False), b"a": ({b"b"}, True), b"ab": (set(), True)},
        eos=3,
    ),
    named(
        "s matches the long s",
        'start: "s"i',
        [b"s", b"S", b"\xc5", b"\xbf", "ſ".encode(), b"\xc5\xbf\xc5"],
        {b"": ({b"s", b"S", b"\xc5", "ſ".encode()}, False), b"\xc5": ({b"\xbf"}, False), b"\xc5\xbf": (set(), True)},
    ),
    named(
        "k matches the kelvin sign",
        'start: "k"i',
        [b"k", b"K", b"\xe2", b"\x84", b"\xaa", b"\xe2\x84", b"\xe2\x84\xaa"],
        {
            b"": ({b"k", b"K", b"\xe2", b"\xe2\x84", b"\xe2\x84\xaa"}, False),
            b"\xe2": ({b"\x84"}, False),
            b"\xe2\x84": ({b"\xaa"}, False),
        },
    ),
    # White space
    named(
        "ignored before, after and between",
        'start: "a" "b"?\n%ignore " "',
        [b"a", b"b", b" ", b" a", b"a b", b"ab ", b"  "],
        {
            b"": ({b"a", b" ", b" a", b"a b", b"ab ", b"  "}, False),
            b" ": ({b"a", b" ", b" a", b"a b", b"ab ", b"  "}, False),
            b"a": ({b"b", b" ", b"  "}, True),
            b"a ": ({b"b", b" ", b"  "}, True),
            b"a b ": ({b" ", b"  "}, True),
        },
    ),
    named(
        "ignored after the end, dynamic",
        'start: "a"+\n%ignore " "',
        [b"a", b" ", b"a a", b"b"],
        {b"": ({b"a", b" ", b"a a"}, False), b"a ": ({b"a", b" ", b"a a"}, True), b" ": ({b"a", b" ", b"a a"}, False)},
        **DYNAMIC,
    ),
    named(
        "a name may not go on, dynamic",
        'start: NAME "x"\nNAME: /[a-z]+/',
        [b"a", b"x", b"ax"],
        {b"": (set(), False)},
        empty=True,
        **DYNAMIC,
    ),
]
