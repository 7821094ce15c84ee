"""Random walks along the masks of grammars of natural shape: every text that can end is one that Lark parses.

And the other way: every sentence that the grammar's own derivations give can be produced, in random tokens.
"""

import random

import pytest
from oracle.checks import compile_world, read_bits
from oracle.reference import Candidates, Judge, World, letters_of

JSON = r"""
start: value
?value: object | array | STRING | NUMBER | "true" | "false" | "null"
array: "[" [value ("," value)*] "]"
object: "{" [pair ("," pair)*] "}"
pair: STRING ":" value
STRING: /"(?:[^"\\]|\\["\\n]|\\u[0-9a-f]{4})*"/
NUMBER: /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?/
%ignore /[ \n]+/
"""

ARITHMETIC = r"""
?start: sum
?sum: product | sum "+" product -> add | sum "-" product -> sub
?product: power | product "*" power | product "/" power
?power: atom | atom "**" power
?atom: NUMBER | NAME | NAME "(" [sum ("," sum)*] ")" | "(" sum ")" | "-" atom
NUMBER: /[0-9]+(?:\.[0-9]+)?/
NAME: /[a-z_][a-z_0-9]*/
%ignore " "
"""

STATEMENTS = r"""
start: statement*
statement: "if" expr "then" statement ["else" statement] | "let" NAME "=" expr ";" | "{" statement* "}" | ";"
expr: NAME | INT | expr "==" expr | expr ".." expr | "not" expr
NAME: /[a-z]+/
INT: /[0-9]+/
COMMENT: /#[^\n]*/ | /\/\*.*?\*\//s
%ignore COMMENT
%ignore /\s+/
"""

QUERY = r"""
start: "select"i columns "from"i NAME ["where"i condition] [";"]
columns: "*" | NAME ("," NAME)*
condition: condition "or"i condition | condition "and"i condition | "not"i condition | comparison
comparison: NAME ("=" | "<" | "<=" | "<>") (NAME | INT | STRING)
NAME: /(?!(?:select|from|where|or|and|not)\b)[a-z_]+/i
INT: /[0-9]+/
STRING: /'(?:[^']|'')*'/
%ignore /[ \n]+/
"""

CASES = [  # (grammar, parser, lexer, letters, words)
    (JSON, "lalr", "contextual", '{}[]:," \n-.01tex\\né', ["true", "false", "null", '{"', '":', '", "', "},", '"é']),
    (JSON, "lalr", "basic", '{}[]:," -1a\\u', ["true", "null", "\\u00", "e9", '"}', "]]", "1, 2"]),
    (JSON, "earley", "dynamic", '{}[]:," 0a', ["true", "false", '{"a":', "[[", "0,0"]),
    (ARITHMETIC, "lalr", "contextual", "0123.ab_(),+-*/ ", ["**", "12", "f(", "1.5", ") * (", "- -", "a*b+"]),
    (ARITHMETIC, "earley", "dynamic", "01.a(),+-* ", ["**", "12", "f(", ")*(", "- -"]),
    (STATEMENTS, "lalr", "contextual", "iflet;{}=.#*/x1 \n", ["if", "then", "else", "not ", "==", "..", "/*", "let x"]),
    (STATEMENTS, "lalr", "basic", "iflet;{}=.#x1 \n", ["if", " then ", "else", "not", "==", "..", "1..2", "iff"]),
    (QUERY, "auto", "auto", "selctfromwhrdn*,;=<> '01", ["select", "FROM ", "where", " or ", "and", "<=", "''", "or_"]),
]  # fmt: skip


def make_world(case: int, seed: int) -> World:
    """A vocabulary of single bytes (in odd seeds not all) and random pieces."""
    grammar, parser, lexer, letters, words = CASES[case]
    draw = random.Random(f"{case} {seed}")
    singles = {bytes([b]) for b in "".join([letters, *words]).encode()}
    if seed % 2:
        singles = {s for s in sorted(singles) if draw.random() < 0.9}
    tokens = singles | {word.encode() for word in words}
    for _ in range(60):
        piece = "".join(draw.choice([*letters, *words]) for _ in range(draw.randint(2, 4))).encode()
        begin = draw.randrange(len(piece))
        tokens.add(piece[begin : begin + draw.randint(1, 8)])
    vocabulary = draw.sample(sorted(tokens), len(tokens))
    return World(f"{parser} {lexer} {seed}", grammar, (*vocabulary, None), (len(vocabulary),), parser, lexer)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("case", range(len(CASES)))
def test_what_is_complete_parses(case: int, seed: int):
    """At every step of a walk: complete <=> Lark parses the text so far; and a walk can always go on."""
    walk(make_world(case, seed), walks=8 if CASES[case][1] == "earley" else 25, steps=40)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
@pytest.mark.parametrize("case", range(len(CASES)))
def test_what_is_complete_parses_in_many_walks(case: int, seed: int):
    walk(make_world(case, seed), walks=100, steps=80)


def walk(world: World, walks: int, steps: int) -> None:
    compiled = compile_world(world)
    judge = Judge(world.grammar, world.parser, world.lexer)
    draw = random.Random(world.name)
    eos = world.eos_ids[0]
    finished = 0
    for _ in range(walks):
        matcher, text = compiled.matcher(), b""
        for _ in range(steps):
            bits = read_bits(matcher, len(world.vocabulary))
            assert matcher.is_complete == bits[eos] == judge.accepts(text), (text, world)
            finished += bits[eos]
            allowed = [i for i in world.texts if bits[i]]
            if not allowed:
                assert bits[eos], f"dead end after {text!r}\n{world}"
                break
            i = short_first(allowed, world, draw)
            assert matcher.check(i), (text, i, world)
            assert matcher.accept(i), (text, i, world)
            text += world.texts[i]
    assert finished


def short_first(allowed: list[int], world: World, draw: random.Random) -> int:
    """Mostly brackets and the like that close, so that walks come to an end at times."""
    closing = [i for i in allowed if set(world.texts[i]) <= set(b')]}";,0*/ \n')]
    return draw.choice(closing if closing and draw.random() < 0.4 else allowed)


@pytest.mark.parametrize("case", range(len(CASES)))
def test_sentences_can_be_produced(case: int):
    """Random derivations that Lark accepts: each next token is in the mask, and the end too."""
    world = make_world(case, 0)
    compiled = compile_world(world)
    judge = Judge(world.grammar, world.parser, world.lexer)
    letters = "".join(sorted({c for c in letters_of(world.texts.values()) if c.isascii() and not c.isupper()}))
    candidates = Candidates(judge.lark, world.start, letters)
    candidates.know_terminals(3)
    draw = random.Random(f"derive {case}")
    produced = 0
    for _ in range(1500):
        text = candidates.derive(draw, 1, 80)
        if text is None or not judge.accepts(text.encode()):
            continue
        produced += 1
        for _ in range(2):
            matcher = compiled.matcher()
            for i in spelling(world, text.encode(), draw):
                assert matcher.check(i), (text, i, world)
                assert matcher.accept(i), (text, i, world)
            assert matcher.is_complete, (text, world)
            assert matcher.accept(world.eos_ids[0]), (text, world)
    assert produced > 50


def spelling(world: World, text: bytes, draw: random.Random) -> list[int]:
    """The text in random tokens; all its bytes are tokens, so no choice is wrong."""
    ids, at = [], 0
    while at < len(text):
        ids.append(draw.choice([i for i, token in world.texts.items() if text.startswith(token, at)]))
        at += len(world.texts[ids[-1]])
    return ids
