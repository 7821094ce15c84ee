"""Running a model's statement: nothing is written, nothing runs on, and the user's connection is as it was."""

import sqlite3
import time
from contextlib import closing

import numpy as np
import pytest
import sqlalchemy
from sql import databases

import gcd
from gcd.errors import DatabaseError, SamplingError, TokenBudgetError
from gcd.sampling import TableModel
from gcd.sql import generate, returns_rows, run, runs
from gcd.sql.fence import FencedAnswers


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "t.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z%s:1')")
    return file


def ways(file):
    return {
        "path": file,
        "text": str(file),
        "url": f"sqlite:///{file}",
        "sqlite3": sqlite3.connect(file),
        "engine": sqlalchemy.create_engine(f"sqlite:///{file}", poolclass=sqlalchemy.pool.NullPool),
    }


@pytest.mark.parametrize("way", ["path", "text", "url", "sqlite3", "engine"])
def test_rows(file, way):
    database = ways(file)[way]
    found = run(database, "SELECT a, b AS c FROM t ORDER BY a", max_rows=2)
    assert found == (("a", "c"), [(1, "x"), (2, "y")], True)
    assert run(database, "WITH q AS (VALUES (1)) SELECT * FROM q WHERE 0").rows == []
    for refused in [
        "DELETE FROM t",
        "WITH q AS (SELECT 1) DELETE FROM t",
        "WITH q AS (SELECT 1) INSERT INTO t SELECT 1, 2 RETURNING a",
        "PRAGMA query_only = 0",
        "ATTACH 'other.db' AS x",
        "SELECT nope FROM t",
        "SELECT 1; DELETE FROM t",
        "",
    ]:
        with pytest.raises(DatabaseError) as caught:
            run(database, refused)
        assert caught.value.reason == "statement"
    assert run(database, "SELECT count(*) FROM t").rows == [(3,)]
    if way == "sqlite3":
        database.execute("DELETE FROM t")  # the user's own connection still writes
        database.close()


@pytest.mark.parametrize("way", ["path", "sqlite3"])
def test_what_runs_on_is_stopped(file, way):
    database = ways(file)[way]
    began = time.monotonic()
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(DatabaseError, match="isn't done within"):
        run(database, endless, seconds=0.2)
    assert time.monotonic() - began < 5
    with pytest.raises(DatabaseError, match="too big"):
        run(database, "SELECT length(zeroblob(900000000))")
    if way == "sqlite3":
        assert database.execute("SELECT length(zeroblob(20000000))").fetchone() == (20_000_000,)
        database.close()


def test_predicates(file):
    for text, both in [
        ("SELECT a FROM t", (True, True)),
        ("SELECT a FROM t WHERE 0", (True, False)),
        ("x", (False,) * 2),
    ]:
        assert (runs(file).ask([text], whole=True), returns_rows(file).ask([text], whole=True)) == (
            [both[0]],
            [both[1]],
        )
    with pytest.raises(gcd.GcdError, match="no such file"):
        runs(file.with_name("gone.db")).ask(["SELECT 1"], whole=True)


# -- generate, with models whose law is written down ------------------------------------------------

WORDS = [b"SELECT ", b"count(*)", b"a", b"nope(", b" FROM ", b"t", b"u", b" ", b"\n", b"```", b"``", b";", None]
END = len(WORDS) - 1
SINGLE = [bytes([i]) for i in range(256)]


def model(law) -> TableModel:
    """Words with the probabilities that `law` gives for the words so far; single bytes so that all can be spelled."""
    vocab = gcd.Vocabulary.from_bytes([*WORDS, *SINGLE], eos_ids=[END])

    def probabilities(ids):
        p = np.zeros(vocab.width)
        words = [WORDS[i] if i < len(WORDS) else SINGLE[i - len(WORDS)] for i in ids]
        answer = words[len(words) - words[::-1].index(b"\n") :] if b"\n" in words else words  # the prompt ends so
        for word, share in law(answer).items():
            p[WORDS.index(word)] = share
        return list(p)

    return TableModel(probabilities, vocab)


def wrong_then_right(words):
    """First a function that there isn't (0.75) or a column (0.25), then the rest, and the fence."""
    script = [None, None, {b" FROM ": 1.0}, {b"u": 0.5, b"t": 0.5}, {b"```": 0.5, b";": 0.5}, {b"```": 1.0}]
    at = len([w for w in words if w != b"SELECT "]) + (b"SELECT " in words)
    if at == 0:
        return {b"SELECT ": 1.0}
    if at == 1:
        return {b"nope(": 0.75, b"a": 0.25}
    return script[min(at, 5)]


@pytest.mark.parametrize("method", ["local", "awrs", "smc"])
def test_generate_keeps_to_the_schema(file, method):
    for seed in range(5):
        answer = generate(
            model(wrong_then_right), None, file, "?", method=method, n=2, rows=True, temperature=1.0, seed=seed
        )
        assert answer.statement in ("SELECT a FROM t", "SELECT a FROM t;")
        assert answer.rows is not None
        assert answer.rows.rows == [(1,), (2,), (3,)]
        assert answer.log_weight <= 1e-9


@pytest.mark.statistical
def test_generate_weighs_what_it_draws(file):
    """The mean weight is the mass that the model gives to statements of this schema: 1/4 * 1/2 (fence included)."""
    answer = generate(model(wrong_then_right), None, file, "?", method="awrs", n=400, temperature=1.0)
    weights = np.exp([s.log_weight for s in answer.samples])
    error = weights.std() / np.sqrt(len(weights))
    assert abs(weights.mean() - 0.125) < 3.9 * error + 1e-12


def test_generate_says_what_went_wrong(file):
    def rambling(words):
        return {b"SELECT ": 1.0} if not words else {b" ": 1.0}

    with pytest.raises(SamplingError, match="no statement of 12 tokens satisfies everything"), pytest.warns():
        generate(model(rambling), None, file, "?", max_tokens=12)
    with pytest.raises(TokenBudgetError, match="max_tokens=9 suffices"):
        generate(model(rambling), None, file, "?", max_tokens=8)
    with pytest.raises(DatabaseError):
        generate(model(rambling), None, file.with_name("gone.db"), "?")
    with closing(databases.memory("CREATE TABLE t (a)")) as empty:
        answer = generate(model(wrong_then_right), None, empty, "?", n=2, temperature=1.0, where=runs(empty))
        assert answer.rows is None


def test_a_fence_ends_the_answer():
    fenced = FencedAnswers(model(lambda words: {b"```": 0.5, b"``": 0.25, b"a": 0.25}))
    p = np.exp(fenced.start((), 1).log_probs())[0]
    assert p[END] == pytest.approx(0.5)
    assert p[WORDS.index(b"```")] == 0
    assert p[WORDS.index(b"``")] == pytest.approx(0.25)
    assert p.sum() == pytest.approx(1)
