"""Hostile patterns and grammars: they work, with Python's own verdicts, or are refused by a bound, in bounded time.

Times are CPU times, so that a loaded machine is no reason to fail.
"""

import itertools
import re
import subprocess
import sys
import textwrap

import pytest
from cpu_time import within

import gcd
from gcd.errors import GrammarError, LimitError

VOCAB = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), b"ab", b"aa", b"ba", None], eos_ids=[259])


def accepts(compiled: gcd.CompiledGrammar, text: str) -> bool:
    matcher = compiled.matcher()
    return bool(matcher.accept_bytes(text.encode()) and matcher.is_complete)


# -- what works -------------------------------------------------------------------------------

FINE = {  # pattern -> the same without the hostility, for re
    "(a|a)*": "a*",
    "(a|a)*b": "a*b",
    "(a*)*": "a*",
    "(a*)*b": "a*b",
    "(a+)+b": "a+b",
    "(a|b|ab)*c": "[ab]*c",
    "(a|aa|aaa)*b": "a*b",
    "((a*)+)?" * 20: "a*",
    "(" * 150 + "a" + ")*" * 150: "a*",
    "(?:(?:a|b)*?(?:ab|ba)+?)*c?": "(?:[ab]*(?:ab|ba))?c?",
    ".*.*.*.*=.*": ".*=.*",
    "(?!.*abc)(?!.*bca)(?!.*cab)[abc]*": "(?!.*(?:abc|bca|cab))[abc]*",
    "(?=.*a)(?=.*b)(?=.*c)[abc]*": "(?=.*a)(?=.*b)(?=.*c)[abc]*",
    "(?:(?<=a)b|(?<=b)c|(?<!c)a)*": "(?:(?<=a)b|(?<=b)c|(?<!c)a)*",
    "(?:a|b|c|=){1,3}?(?:a{2}|=)*": "[abc=]{1,3}(?:aa|=)*",
    "[ab]*a[ab]{8}": "[ab]*a[ab]{8}",
}


@pytest.mark.parametrize("pattern", FINE)
def test_fine_patterns(pattern: str):
    """Compiled in a moment, with the verdicts of re.fullmatch."""
    with within(4):
        compiled = gcd.compile(gcd.Grammar.from_regex(pattern), VOCAB)
    judge = re.compile(FINE[pattern])
    for text in [*map("".join, itertools.product("abc=", repeat=4)), "", "a", "ab", "a" * 40, "bab" * 4, "a" * 5000]:
        with within(1):  # for who backtracks, exponential
            assert accepts(compiled, text) == bool(judge.fullmatch(text)), text


@pytest.mark.parametrize("count", [50, 5000, 99_999])
def test_large_repetitions_of_rules(count: int):
    with within(5):
        compiled = gcd.compile(gcd.Grammar.from_lark(f'start: item~{count}\nitem: "a" | "b"\n'), VOCAB)
        assert accepts(compiled, "ab" * (count // 2) + "a" * (count % 2))
        assert not accepts(compiled, "a" * (count - 1))
        assert not accepts(compiled, "a" * (count + 1))


def words(n: int) -> list[str]:
    return [f"word{i * 7919 % 1_000_003}" for i in range(n)]


def test_many_choices():
    some = words(50_000)
    with within(6):
        compiled = gcd.compile(gcd.Grammar.from_choices(some), VOCAB)
    assert all(accepts(compiled, word) for word in some[::97])
    assert not any(accepts(compiled, word + "x") or accepts(compiled, word[:-1] + "x") for word in some[::97])
    matcher = compiled.matcher()
    assert matcher.forced_bytes() == b"word"


ENUMS = {
    "one rule": lambda words: "start: " + " | ".join(f'"{word}"' for word in words),
    "one terminal": lambda words: "start: A\nA: " + " | ".join(f'"{word}"' for word in words),
    "a terminal each": lambda words: (
        "start: "
        + " | ".join(f"T{i}" for i in range(len(words)))
        + "".join(f'\nT{i}: "{w}"' for i, w in enumerate(words))
    ),
    "a list of them": lambda words: 'start: item ("," item)*\nitem: ' + " | ".join(f'"{word}"' for word in words),
}


@pytest.mark.parametrize("n", [3000, pytest.param(50_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("how", ENUMS)
def test_many_alternatives(how: str, n: int):
    some = words(n)
    with within(2 + n / 1000):
        compiled = gcd.compile(gcd.Grammar.from_lark(ENUMS[how](some) + "\n"), VOCAB)
    assert all(accepts(compiled, word) for word in some[:: n // 50])
    assert not any(accepts(compiled, word + "x") for word in some[:: n // 50])
    assert not accepts(compiled, "word")


@pytest.mark.parametrize("n", [300, pytest.param(50_000, marks=pytest.mark.slow)])
def test_many_alternatives_for_the_dynamic_lexer(n: int):
    """It works or is refused by a bound."""
    some = words(n)
    with within(1 + n / 1000):
        try:
            compiled = gcd.compile(gcd.Grammar.from_lark(ENUMS["one rule"](some) + "\n", parser="earley"), VOCAB)
        except LimitError:
            assert n > 1000
        else:
            assert all(accepts(compiled, word) for word in some[:: n // 50])


CHAINS = {
    "right": lambda n: "start: r0\n" + "".join(f'r{i}: "a" r{i + 1}\n' for i in range(n)) + f'r{n}: "b"\n',
    "left": lambda n: "start: r0\n" + "".join(f'r{i}: r{i + 1} "a"\n' for i in range(n)) + f'r{n}: "b"\n',
    "unit": lambda n: "start: r0\n" + "".join(f"r{i}: r{i + 1}\n" for i in range(n)) + f'r{n}: "b"\n',
    "options": lambda n: "start: r0\n" + "".join(f'r{i}: "a"? r{i + 1}?\n' for i in range(n)) + f'r{n}: "b"\n',
}


@pytest.mark.parametrize("n", [300, pytest.param(5000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("how", CHAINS)
@pytest.mark.parametrize("parser", ["lalr", "earley"])
def test_long_chains_of_rules(how: str, n: int, parser: str):
    if how == "options":
        parser = parser.replace("lalr", "auto")  # there are conflicts
        n = min(n, 150)  # each of n states has n items
    with within(1 + n / 100):
        compiled = gcd.compile(gcd.Grammar.from_lark(CHAINS[how](n), parser=parser), VOCAB)
        text = {"right": "a" * n + "b", "left": "b" + "a" * n, "unit": "b", "options": "a" * n + "b"}[how]
        assert accepts(compiled, text)
        assert not accepts(compiled, "a" + text)


AMBIGUOUS = {
    'start: start start | "a"\n': ["a", "a" * 300],
    'start: start start start | start start | "a" |\n': ["", "a" * 200],
    'start: a*\na: b*\nb: c*\nc: "a"*\n': ["", "a" * 200],
    'start: "a" start "a" | "a"\n': ["a", "a" * 201],
    'start: a | b | c\na: "a" a | "a"\nb: b "a" | "a"\nc: "a" c "a" | "a" | "aa"\n': ["a", "a" * 200],
}


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_ambiguous_grammars(text: str):
    """Cubic or worse for who builds forests."""
    with within(5):
        compiled = gcd.compile(gcd.Grammar.from_lark(text, parser="earley"), VOCAB)
        for sentence in AMBIGUOUS[text]:
            assert accepts(compiled, sentence)


# -- what is refused --------------------------------------------------------------------------

BLOWUP = "[ab]*a[ab]{30}"
FEW = {"max_lexer_states": 3000}
REFUSED = {
    "states": (lambda: gcd.Grammar.from_regex(BLOWUP), FEW, "max_lexer_states"),
    "states, Lark": (lambda: gcd.Grammar.from_lark(f"start: A\nA: /{BLOWUP}/\n"), FEW, "max_lexer_states"),
    "contexts": (lambda: gcd.Grammar.from_regex(LOOKAHEADS), FEW, "max_lexer_states"),
    "seconds": (lambda: gcd.Grammar.from_regex(BLOWUP), {"max_lexer_states": 10**9, "seconds": 0.5}, "seconds"),
    "seconds, none": (lambda: gcd.Grammar.from_regex("[ab]*a[ab]{10}"), {"seconds": 1e-9}, "seconds"),
}
LOOKAHEADS = "".join(f"(?=.*{chr(97 + i)})" for i in range(20)) + ".*"


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_a_bound(name: str):
    make, bounds, field = REFUSED[name]
    with within(6), pytest.raises(LimitError) as caught:
        gcd.compile(make(), VOCAB, gcd.Limits(**bounds))
    assert caught.value.limit == field
    assert field in caught.value.remedy
    fine = gcd.compile(gcd.Grammar.from_regex("[ab]*a[ab]{3}"), VOCAB, gcd.Limits(**bounds | {"seconds": 60}))
    assert accepts(fine, "babbb")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('start: "a"~1000000\n', "max_repeat"),
        ('start: "a"~0..99999999999\n', "max_repeat"),
        ("start: /a{1000000}/\n", "max_repeat"),
        ('start: (("a"~100)~100)~100\n', "max_productions"),
        ('start: ("a"|"b")~30\n', "max_productions"),
        ("start: " + '"a"? ' * 40 + "\n", "max_productions"),
        ("start: " + "(" * 10_000 + '"a"' + ")" * 10_000 + "\n", "max_nesting"),
        ("start: /" + "(" * 10_000 + "a" + ")" * 10_000 + "/\n", "max_nesting"),
        ("start: A0\n" + "".join(f"A{i}: A{i + 1} A{i + 1}\n" for i in range(60)) + 'A60: "a"\n', None),
        ('start: t{"a"}\nt{x}: x | t{t{x}}\n', "max_grammar_bytes"),
        ('start: t{"a", "b"}\nt{x, y}: x | t{y, t{x, y}}\n', "max_grammar_bytes"),
        ('start: "a"' + ' "a"' * 2_000_000 + "\n", None),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_grammars_refused_by_a_bound(text: str, field: str | None):
    with within(8), pytest.raises(LimitError) as caught:
        gcd.Grammar.from_lark(text)
    assert field in (None, caught.value.limit)


def test_regex_nesting():
    for depth in (201, 1000, 10_000, 100_000):
        with within(4), pytest.raises((LimitError, GrammarError)):
            gcd.Grammar.from_regex("(" * depth + "a" + ")" * depth)


# -- memory -----------------------------------------------------------------------------------

HUNGRY = {
    "states": 'gcd.Grammar.from_regex("[ab]*a[ab]{30}")',
    "lookaheads": r'gcd.Grammar.from_regex("".join(f"(?=.*{chr(97 + i)})" for i in range(25)) + ".*")',
    "alternatives": 'gcd.Grammar.from_lark("start:" + "|".join(f"/w{i}/" for i in range(50_000)), parser="earley")',
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HUNGRY)
def test_default_limits_bound_time_and_memory(name: str):
    """Within about the minute and twice the gigabyte that `Limits` speaks of: compiled or refused, never killed."""
    code = f"""
        import resource, time, gcd
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        vocab = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), None], eos_ids=[256])
        began = time.process_time()
        try:
            print("exact", gcd.compile({HUNGRY[name]}, vocab).exactness.exact)
        except gcd.LimitError as error:
            print(error)
        print(round(time.process_time() - began), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
    """

    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    seconds, megabytes = map(int, done.stdout.splitlines()[-1].split())
    assert seconds < 80, done.stdout
    assert megabytes < 2000, done.stdout


@pytest.mark.slow
def test_parser_items_are_bounded():
    """Each rule may be left out, so that a state holds as many items as there are pairs of rules."""
    text = "start: r0\n" + "".join(f'r{i}: "a"? r{i + 1}?\n' for i in range(1000)) + 'r1000: "b"\n'
    compiled = gcd.compile(gcd.Grammar.from_lark(text, parser="earley"), VOCAB, gcd.Limits(memo_bytes=1_000_000))
    matcher = compiled.matcher()
    with within(20), pytest.raises(LimitError) as caught:
        matcher.accept_bytes(b"a" * 1000 + b"b")
    assert caught.value.limit == "memo_bytes"
    assert matcher.accept_bytes(b"a")


def test_readings_of_an_ambiguous_text_go_on_together():
    """`11` is one lexeme or two, each in several roles: apart, the readings would treble with every token."""
    text = 'start.2: T0 (T0 start~2)~0..2 start~0..2 | "1"~1..2\nT0: "11"i\n'
    vocab = gcd.Vocabulary.from_bytes([b"11", b"1", None], eos_ids=[2])
    matcher = gcd.compile(gcd.Grammar.from_lark(text, parser="earley"), vocab).matcher()
    with within(10):
        assert all(matcher.accept(0) for _ in range(30))
    assert len(matcher.readings) <= 4
    assert matcher.is_complete
