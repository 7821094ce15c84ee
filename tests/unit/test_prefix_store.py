"""The store of lines: whatever a host shows, states are those of the ids; and memory is bounded."""

import random

import numpy as np
import pytest

import gcd
from gcd._native.matcher import accept_each
from gcd.prefix.line import Constraint
from gcd.prefix.store import Prefixes

EOS = 5
VOCAB = gcd.Vocabulary.from_bytes([b"a", b"b", b"c", b"(", b")", None], eos_ids=[EOS])
BRACKETS = Constraint(gcd.compile(gcd.Grammar.from_lark('start: "(" start* ")" | "a" "b"? | "c"'), VOCAB))
LETTERS = Constraint(gcd.compile(gcd.Grammar.from_lark('start: LETTER~1..30\nLETTER: "a" | "b" | "c"'), VOCAB))


def state(line):
    return line.off, line.matcher.is_finished, line.matcher.n_accepted, line.matcher.readings


def fresh(constraint, ids):
    line = constraint.line()
    for token in ids:
        line.accept(token)
    return line


def check(store, rows, at, **told):
    """The states are those of lines that follow the generated ids from their beginning."""
    lines = store.follow(np.array(rows, dtype=np.int64).reshape(len(rows), -1), **told)
    assert store.begin == at
    per = len(rows) // len(store.constraints)
    assert len({id(line) for line in lines if line is not None}) == sum(line is not None for line in lines)
    for row, (line, ids) in enumerate(zip(lines, rows, strict=True)):
        constraint = store.constraints[row // per]
        if constraint is None:
            assert line is None
        else:
            assert line.constraint is constraint
            expected = state(fresh(constraint, ids[at:]))
            assert state(line) == expected or (line.off and expected[0])
            assert store.generated(row) == ids[at:]


def extended(rng, row, constraint, begin):
    matcher = (constraint or LETTERS).compiled.matcher()
    good = [t for t in range(6) if matcher.accept_tokens(row[begin:]) == len(row) - begin and matcher.check(t)]
    return [*row, rng.choice(good) if good and rng.random() < 0.9 else rng.randrange(6)]


@pytest.mark.parametrize("constraints", [(BRACKETS,), (BRACKETS, LETTERS), (LETTERS, None, BRACKETS)])
@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_beams(constraints, dtype):
    """Rows swap, double and die, within their prompt; now and then all goes back to an earlier step."""
    rng = random.Random(0)
    store = Prefixes(constraints)
    for _ in range(6):
        prompts = [[rng.randrange(6), rng.randrange(6)] for _ in constraints]
        rows, past = [p for p in prompts for _ in range(4)], []
        check(store, rows, 2, new=True)
        for _ in range(25):
            past.append(rows)
            groups = [rows[i * 4 : i * 4 + 4] for i in range(len(constraints))]
            rows = [
                extended(rng, rng.choice(group), constraint, 2)
                for group, constraint in zip(groups, constraints, strict=True)
                for _ in range(4)
            ]
            if rng.random() < 0.2:
                rows = rng.choice(past)
            check(store, rows, 2)


def test_groups_of_beams_take_turns():
    """Group beam search: each group's rows are shown in a call of their own."""
    rng = random.Random(1)
    store = Prefixes([BRACKETS])
    groups = [[[7, 7]] * 3 for _ in range(4)]
    for _ in range(30):
        for g, rows in enumerate(groups):
            check(store, rows, 2)
            groups[g] = [extended(rng, rng.choice(rows), BRACKETS, 2) for _ in rows]


def test_batches_of_candidates():
    """Contrastive search: k candidates of each row, of which one goes on."""
    rng = random.Random(2)
    store, rows = Prefixes([BRACKETS, LETTERS]), [[0], [1]]
    for _ in range(20):
        check(store, rows, 1)
        both = zip(rows, store.constraints, strict=True)
        candidates = [extended(rng, row, constraint, 1) for row, constraint in both for _ in range(4)]
        check(store, candidates, 1)
        rows = [rng.choice(candidates[:4]), rng.choice(candidates[4:])]


def test_memory_is_bounded():
    """Dying beams leave lines; the oldest go, and states are right although they went."""
    rng = random.Random(3)
    store = Prefixes([LETTERS], most_lines=10, most_tokens=200)
    rows = [[0]] * 2
    check(store, rows, 1)
    past = [rows]
    for step in range(200):
        rows = [extended(rng, rng.choice(rows), LETTERS, 1) for _ in rows]
        if step % 20 == 19:
            rows = past[rng.randrange(len(past) - 10, len(past))]
        check(store, rows, 1, same=True)
        past.append(rows)
        assert store.n_kept <= 10
        assert sum(len(key[1]) // 8 for key in store._kept) <= 200
        assert store._kept_tokens == sum(len(key[1]) // 8 for key in store._kept)


def test_what_was_dropped_is_followed_again():
    """From the same caller, ids of which nothing is known belong to the text if lines were dropped; else not."""
    for most_tokens, begin in ((1 << 20, 5), (0, 1)):
        store = Prefixes([LETTERS], most_tokens=most_tokens)
        store.follow(np.array([[0]]))
        for ids in ([0, 1], [0, 2], [0, 2, 1], [0, 1, 1]):
            store.follow(np.array([ids]), same=True)
        check(store, [[0, 0, 0, 0, 1]], begin, same=True)


def test_a_new_text():
    """Jumps, other prompts and shorter ids begin a text, as does a caller who says so."""
    store = Prefixes([BRACKETS])
    check(store, [[1, 2]], 2)
    check(store, [[1, 2, 3]], 2)
    check(store, [[1, 2, 3, 0, 4]], 5)  # two tokens that nobody saw
    check(store, [[1, 2, 3, 0, 4, 3]], 5)
    check(store, [[2, 2, 3, 0, 4, 3, 3]], 7)
    check(store, [[2, 2]], 2)
    check(store, [[2, 2, 3]], 2)
    check(store, [[2, 2, 3]], 3, new=True)
    check(store, [[2, 2, 3], [2, 2, 0]], 3)  # another prompt beside a known one


def test_begin_told():
    store = Prefixes([BRACKETS])
    for ids in ([0, 3, 0, 4], [0, 3], [1, 3, 3, 0, 1], [0], [0, 3, 3]):
        check(store, [ids], 1, begin=1)


def test_rows_for_each_grammar():
    store = Prefixes([BRACKETS, None])
    with pytest.raises(ValueError, match="3 rows for 2 grammars"):
        store.follow(np.zeros((3, 1), dtype=np.int64))


def test_each_matcher_its_token():
    """The native step of a whole batch: None and what has ended stay, refusals come back."""
    matchers = [BRACKETS.compiled.matcher() for _ in range(6)]
    matchers[1].accept_tokens([2, EOS])
    tokens = np.array([[0, 9], [1, 9], [1, 9], [EOS, 9], [7, 9], [-1, 9]])[:, 0]
    assert accept_each([*matchers[:4], None, matchers[5]], tokens) == [2, 3, 5]
    assert [m.n_accepted for m in matchers] == [1, 2, 0, 0, 0, 0]
    with pytest.raises(ValueError, match="6 matchers and 5 tokens"):
        accept_each(matchers, tokens[:5])
