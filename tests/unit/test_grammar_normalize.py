"""The passes keep the language, and end in the normal form."""

import random
import time
from itertools import product

import pytest

from gcd.errors import GrammarError
from gcd.grammar import normalize as passes
from gcd.grammar.draft import END, Draft, Forbids, Rule
from gcd.grammar.ir import Terminal
from gcd.grammar.load import from_lark
from gcd.grammar.normalize import normalize

TERMINALS = [Terminal(name, name) for name in "xyz"]
LENGTH = 4


def draft_of(rules, n_names, forbids=()):
    """Rules as (lhs, symbols, forbid at the end); symbols are nonterminals, or letters."""
    draft = Draft(shifts=[(0, 0), (1, 0), (2, 0)], starts=[("start", 0, 0)])
    for i in range(n_names):
        draft.nonterminal("abcdef"[i])
    for lhs, symbols, end in rules:
        rhs = tuple(~"xyz".index(s) if isinstance(s, str) else s for s in symbols)
        forbid = draft.forbids.intern(set(end))
        draft.rules.append(Rule(lhs, rhs, (*[0] * len(rhs), forbid) if forbid else ()))
    return draft


def language(rules, shift, forbids, n_names):
    """For each nonterminal: its texts of up to LENGTH terminals, with what is forbidden in each gap around them.

    Straight from the meaning of a forbid: a derivation is its terminals and, before, between and behind them, the union
    of all sets that act in that place.
    """
    texts = [set() for _ in range(n_names)]
    changed = True
    while changed:
        changed = False
        for rule in rules:
            acting = [forbids[f] for f in rule.forbid] or [frozenset()] * (len(rule.rhs) + 1)
            partial = {((), (acting[0],))}
            for i, symbol in enumerate(rule.rhs):
                own = {((shift(symbol),), (frozenset(), frozenset()))} if symbol < 0 else texts[symbol]
                partial = {
                    (w + w2, (*gaps[:-1], gaps[-1] | gaps2[0], *gaps2[1:-1], gaps2[-1] | acting[i + 1]))
                    if len(gaps2) > 1
                    else (w, (*gaps[:-1], gaps[-1] | gaps2[0] | acting[i + 1]))
                    for w, gaps in partial
                    for w2, gaps2 in own
                    if len(w) + len(w2) <= LENGTH
                }
            allowed = {
                (w, g) for w, g in partial if all(t not in forbidden for t, forbidden in zip(w, g, strict=False))
            }
            if not allowed <= texts[rule.lhs]:
                texts[rule.lhs] |= allowed
                changed = True
    return texts


def sentences(texts):
    return {w for w, gaps in texts if END not in gaps[-1]}


def normalized_sentences(result):
    rules = [Rule(p.lhs, tuple(~s.id if s.is_terminal else s.id for s in p.rhs), p.forbid) for p in result.productions]
    texts = language(rules, lambda symbol: ~symbol, result.forbids, len(result.nonterminals))
    (start,) = result.starts
    found = sentences(texts[start.nonterminal]) if start.nonterminal >= 0 else set()
    assert () not in found
    return found | ({()} if start.nullable else set())


def assert_normal(result):
    heads = {p.lhs for p in result.productions}
    assert heads == set(range(len(result.nonterminals)))
    units = {(p.lhs, p.rhs[0].id) for p in result.productions if len(p.rhs) == 1 and not p.rhs[0].is_terminal}
    for _ in heads:
        units |= {(a, d) for a, b in units for c, d in units if b == c}
    assert not any(a == b for a, b in units), "a unit cycle"
    assert all(p.rhs for p in result.productions)
    assert len({(p.lhs, p.rhs, p.forbid) for p in result.productions}) == len(result.productions)
    # Each nonterminal is reached, and derives something.
    productive, grown = set(), True
    while grown:
        more = {
            p.lhs for p in result.productions if all(s.is_terminal or s.id in productive for s in p.rhs)
        } - productive
        productive |= more
        grown = bool(more)
    assert productive == heads
    reached = {s.nonterminal for s in result.starts} - {-1}
    grown = True
    while grown:
        more = {s.id for p in result.productions if p.lhs in reached for s in p.rhs if not s.is_terminal} - reached
        reached |= more
        grown = bool(more)
    assert reached == heads


def random_rules(choose, n_names, with_forbids):
    rules = {}
    for lhs in range(n_names):
        for _ in range(choose.randint(1, 3)):
            symbols = tuple(
                choose.choice([*range(n_names), *"xyz"]) for _ in range(choose.choice([0, 1, 1, 2, 2, 3, 5]))
            )
            end = (
                frozenset(choose.sample([END, 0, 1, 2], choose.randint(1, 2)))
                if with_forbids and choose.random() < 0.4
                else frozenset()
            )
            rules[lhs, symbols] = end
    return [(lhs, symbols, end) for (lhs, symbols), end in rules.items()]


@pytest.mark.parametrize("kept", [False, True], ids=["as rules", "kept"])
@pytest.mark.parametrize("with_forbids", [False, True])
def test_random_grammars_keep_their_language(with_forbids, kept, monkeypatch):
    if kept:
        if not with_forbids:
            return
        monkeypatch.setattr(passes, "_split_by_forbids", lambda draft: False)
    monkeypatch.setattr(passes, "_MAX_SPLIT", 1000)
    choose = random.Random(7)
    empty = 0
    for _ in range(250):
        n_names = choose.randint(1, 4)
        rules = random_rules(choose, n_names, with_forbids)
        draft = draft_of(rules, n_names)
        forbids = draft.forbids
        before = language(draft.rules, lambda symbol: ~symbol, forbids, n_names)
        expected = sentences(before[0])
        try:
            result = normalize(draft, (), TERMINALS)
        except GrammarError:
            assert not expected, rules
            empty += 1
            continue
        assert normalized_sentences(result) == expected, rules
        assert_normal(result)
        assert kept or not any(p.forbid for p in result.productions)
    assert 10 < empty < 200


def test_epsilon_with_a_forbid_restricts_its_place():
    # b may be empty, but not before y: a -> x b y | x b z.
    draft = draft_of([(0, ("x", 1, "y"), ()), (0, ("x", 1, "z"), ()), (1, (), {1}), (1, ("x",), ())], 2)
    assert normalized_sentences(normalize(draft, (), TERMINALS)) == {(0, 2), (0, 0, 1), (0, 0, 2)}


def test_start_is_nullable_unless_the_end_is_forbidden():
    for end, nullable in (((), True), ({END}, False), ({0}, True)):
        result = normalize(draft_of([(0, (), end), (0, ("x",), ())], 1), (), TERMINALS)
        assert result.starts[0].nullable is nullable


def test_the_weaker_of_two_restrictions_counts():
    draft = draft_of([(0, (1, "x"), ()), (1, (), {0}), (1, (2,), ()), (2, (), {1})], 3)
    assert normalized_sentences(normalize(draft, (), TERMINALS)) == {(0,)}


def test_many_optionals_stay_linear():
    n = 40
    rules = [(0, tuple(range(1, n + 1)), ())]
    rules += [(i, symbols, ()) for i in range(1, n + 1) for symbols in ((), ("xyz"[i % 3],))]
    draft = Draft(shifts=[(0, 0), (1, 0), (2, 0)], starts=[("start", 0, 0)])
    for _ in range(n + 1):
        draft.nonterminal("a")
    for lhs, symbols, _ in rules:
        draft.rules.append(Rule(lhs, tuple(~"xyz".index(s) if isinstance(s, str) else s for s in symbols)))
    result = normalize(draft, (), TERMINALS)
    assert len(result.productions) < 10 * n
    # All texts of length 4: each is a subsequence of yzxyzx...
    assert {w for w in normalized_sentences(result) if len(w) == 4} == set(product(range(3), repeat=4))


def test_unit_cycle_becomes_one_nonterminal():
    result = normalize(draft_of([(0, (1,), ()), (1, (0,), ()), (1, ("x",), ()), (0, ("y",), ())], 2), (), TERMINALS)
    assert len(result.nonterminals) == 1
    assert normalized_sentences(result) == {(0,), (1,)}


def test_dangling_else_becomes_open_and_closed_statements():
    # x: if, y: else, z: a statement.
    draft = draft_of([(0, ("x", 0), {1}), (0, ("x", 0, "y", 0), ()), (0, ("z",), ())], 1)
    result = normalize(draft, (), TERMINALS)
    assert len(result.nonterminals) == 3
    assert len(result.productions) == 7


def test_useless_rules_are_noted():
    text = 'start: "a" | lost | "b" WS\nlost: lost "x"\n%ignore WS\nWS: " "\n'
    grammar = from_lark(text)
    assert [n.name for n in grammar.nonterminals] == ["start"]
    assert len(grammar.productions) == 1
    assert "dropped: lost derives no text" in grammar.notes
    assert "dropped: a rule of start needs WS, which never reaches the parser" in grammar.notes


def test_conflicts_are_noted():
    (note,) = from_lark('start: "i" start | "i" start "e" start | "x"').notes
    assert note == "conflict: before E, where `start: I start` could end, Lark shifts"
    notes = from_lark('start: a "u" | b "u" | b "v"\na.2: "x"\nb: "x"').notes
    assert notes == ("conflict: before U, where `b: X` could end, Lark prefers a rule of higher priority",)


def test_too_many_copies_keep_the_restrictions(monkeypatch):
    monkeypatch.setattr(passes, "_MAX_SPLIT", -1000)
    grammar = from_lark('start: "i" start | "i" start "e" start | "x"')
    assert len(grammar.forbids) == 2
    assert "restrictions" in grammar.notes[-1]


def test_equal_inputs_give_equal_grammars():
    text = 'start: (a | b)* "x"?\na: "a" b?\nb: "b" | a "c"\n%ignore " "'
    assert from_lark(text) == from_lark(text)


def test_long_chains_do_not_recurse():
    n = 5000
    draft = Draft(shifts=[(0, 0)], starts=[("start", 0, 0)])
    for i in range(n):
        draft.nonterminal(f"a{i}")
        draft.rules.append(Rule(i, (i + 1,) if i < n - 1 else (~0,)))
    draft.rules.append(Rule(n - 1, (0,)))
    began = time.perf_counter()
    result = normalize(draft, (), TERMINALS)
    assert len(result.nonterminals) == 1
    assert time.perf_counter() - began < 5


def test_forbid_sets():
    forbids = Forbids()
    a, b, both = forbids.intern({1}), forbids.intern({2}), forbids.intern({1, 2})
    assert forbids.union(a, b) == forbids.union(b, a) == both
    assert forbids.minimal({a, both}) == {a}
    assert forbids.minimal({a, b, both}) == {a, b}
    assert forbids.minimal({0, a}) == {0}
