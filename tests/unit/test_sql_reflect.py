"""From a live database: everything that a statement can name, exactly as the database has it, and typed errors."""

import sqlite3
import time
from contextlib import closing

import pytest
import sqlalchemy
from sql import databases

import gcd
from gcd.errors import DatabaseError
from gcd.sql import from_database
from gcd.sql.catalogue import Column, Function


def table(grammar, name, schema=None):
    found = [t for t in grammar.catalogue.tables if t.name == name and schema in (None, t.schema)]
    assert len(found) == 1, found
    return found[0]


def names(table):
    return [column.name for column in table.columns]


@pytest.mark.parametrize("name", databases.ALL)
def test_names_are_those_that_the_database_prepares(name):
    """Each table and column can be selected under the name that the catalogue has, and no other column is there."""
    with closing(databases.ALL[name]()) as connection:
        catalogue = from_database(connection).catalogue
        assert len(databases.ALL) == 20
        for each in catalogue.tables:
            where = f"{databases.quoted(each.schema)}.{databases.quoted(each.name)}"
            listed = ", ".join(f"{databases.quoted(each.name)}.{databases.quoted(c)}" for c in names(each))
            connection.execute(f"EXPLAIN SELECT {listed} FROM {where}")
            star = connection.execute(f"SELECT * FROM {where} LIMIT 0").description
            assert [d[0] for d in star] == [c.name for c in each.columns if not c.hidden]
            plain = f"SELECT rowid FROM (SELECT {'rowid' if each.rowid else '1 AS rowid'} FROM {where})"
            connection.execute(f"EXPLAIN {plain}")
            for columns in each.uniques:
                target = ", ".join(map(databases.quoted, columns))
                if each.writable and each.kind == "table" and not any(c.generated for c in each.columns):
                    values = ", ".join(["NULL"] * len(each.columns))
                    insert = f"INSERT INTO {where} VALUES ({values}) ON CONFLICT ({target}) DO NOTHING"
                    connection.execute(f"EXPLAIN {insert}")


def test_what_stands_in_a_table():
    with closing(databases.ALL["generated"]()) as connection:
        assert table(from_database(connection), "t").columns == (
            Column("a", "INT"),
            Column("b", "INT", generated=True),
            Column("c", "INT", generated=True),
            Column("d", has_default=True),
        )
    with closing(databases.ALL["full text"]()) as connection:
        docs = table(from_database(connection), "docs")
        assert [(c.name, c.hidden) for c in docs.columns] == [
            ("title", False), ("body", False), ("docs", True), ("rank", True)
        ]  # fmt: skip
        assert docs.kind == "virtual"
        assert {t.name for t in from_database(connection).catalogue.tables} == {"docs", "t"}  # not FTS's own
    with closing(databases.ALL["views"]()) as connection:
        star = table(from_database(connection), "star")
        assert (star.kind, star.rowid, star.writable) == ("view", False, False)
        assert names(star) == ["a", "b", "a:1", "b:1"]
    with closing(databases.ALL["indexes"]()) as connection:
        indexed = table(from_database(connection), "t")
        assert indexed.uniques == (("a", "b"),)  # neither partial nor of an expression
        assert indexed.indexes == ("i", "j", "k", "l")


def test_schemas_are_searched_in_sqlites_order():
    with closing(databases.attached()) as connection:
        catalogue = from_database(connection).catalogue
        assert catalogue.schemas == ("temp", "main", "other", "odd name", "select")
        assert [(t.schema, names(t)) for t in catalogue.tables if t.name == "t"][:2] == [
            ("temp", ["a", "c"]), ("main", ["a", "b"])
        ]  # fmt: skip
        narrowed = from_database(connection, tables=["main.t", "own"]).catalogue
        assert [(t.schema, t.name) for t in narrowed.tables] == [
            ("main", "t"), ("other", "own"), ("odd name", "own"), ("select", "own")
        ]  # fmt: skip


def test_functions_with_their_arities():
    with closing(databases.memory("CREATE TABLE t (a)")) as connection:
        connection.create_function("ours", 2, lambda a, b: a)
        functions = from_database(connection).catalogue.functions
        by_name = {(f.name, f.kind): f for f in functions}
        assert by_name["ours", "scalar"] == Function("ours", (2,))
        assert by_name["substr", "scalar"].arities == (2, 3)
        assert by_name["max", "aggregate"].arities == (1,)
        assert by_name["max", "scalar"].takes(2)
        assert not by_name["max", "scalar"].takes(1)
        assert by_name["row_number", "window"].arities == (0,)
        assert by_name["count", "aggregate"].arities == (0, 1)
        assert not any(f.name in ("load_extension", "fts3_tokenizer") for f in functions)
        chosen = from_database(connection, functions=["ABS", "ours"]).catalogue.functions
        assert {f.name for f in chosen} == {"abs", "ours"}
        # SQLite agrees with every number of arguments up to five, for every function.
        for name in {f.name for f in functions}:
            for n in range(6):
                arguments = ", ".join(["NULL"] * n)
                for kinds, over in [({"scalar", "aggregate"}, ""), ({"aggregate", "window"}, " OVER ()")]:
                    try:
                        connection.execute(f"EXPLAIN SELECT {name}({arguments}){over}")
                        takes = True
                    except sqlite3.Error:
                        takes = False
                    said = any(f.takes(n) for f in functions if f.name == name and f.kind in kinds)
                    assert said == takes, (name, n, over)


def test_ways_to_name_a_database(tmp_path):
    file = tmp_path / "a shop?.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (a)")
    engine = sqlalchemy.create_engine(sqlalchemy.engine.URL.create("sqlite", database=str(file)))
    with closing(sqlite3.connect(file)) as connection, engine.connect() as over:
        connection.row_factory = lambda _cursor, row: {"odd": row}
        ways = [connection, file, str(file), engine, over, engine.url]
        fingerprints = {from_database(way).catalogue.fingerprint for way in ways}
        assert len(fingerprints) == 1
        assert connection.execute("SELECT 1").fetchone() == {"odd": (1,)}  # still open
        over.exec_driver_sql("SELECT 1")
        connection.execute("ALTER TABLE t ADD b")
        assert from_database(file).catalogue.fingerprint not in fingerprints
    engine.dispose()


def test_a_thousand_tables_are_read_quickly():
    with closing(databases.big()) as connection:
        began = time.perf_counter()
        catalogue = from_database(connection).catalogue
        seconds = time.perf_counter() - began
    assert len(catalogue.tables) == 1000
    assert sum(len(t.columns) for t in catalogue.tables) == 20_000
    assert seconds < 5  # 0.15 on a quiet machine


SECRET = "s3cr3t-pa55"


@pytest.mark.parametrize(
    ("database", "reason"),
    [
        ("sqlite:////nowhere/x.db", "unreachable"),
        ("sqlite:///file:/nowhere/x.db?mode=ro&uri=true", "unreachable"),
        ("sqlite://", "empty"),
        (f"mysql+nosuchdriver://bob:{SECRET}@h/x", "dialect"),
        (f"mysql+aiomysql://bob:{SECRET}@h/x", "driver"),
        (f"nonsense://bob:{SECRET}@h/x", "dialect"),
        (f"bob:{SECRET}@h/x", "unreachable"),
        (f"sqlite:///nowhere.db?password={SECRET}", "unreachable"),
        (f"postgresql://bob:{SECRET}@h:notaport/x", "unreachable"),
    ],
)
def test_bad_databases(database, reason):
    with pytest.raises(DatabaseError) as caught:
        from_database(database)
    error = caught.value
    assert error.reason == reason
    assert error.remedy
    assert isinstance(error, gcd.GcdError)
    chain = "".join(map(str, [error, error.__cause__, error.__context__ if not error.__suppress_context__ else ""]))
    assert SECRET not in chain
    assert not __import__("pathlib").Path("nowhere.db").exists()


def test_bad_arguments(tmp_path):
    no_database = tmp_path / "text.db"
    no_database.write_text("this is no database at all, though it is long enough to look at" * 20)
    with pytest.raises(DatabaseError, match="not a database") as caught:
        from_database(no_database)
    assert caught.value.reason == "unreachable"
    with closing(databases.memory("CREATE TABLE t (a); CREATE VIEW broken AS SELECT nope FROM t")) as connection:
        grammar = from_database(connection)
        assert [t.name for t in grammar.catalogue.tables] == ["t"]
        assert any("broken is left out: no such column: nope" in warning for warning in grammar.warnings)
        for arguments, reason in [
            ({"dialect": "oracle"}, "dialect"),
            ({"dialect": "postgresql"}, "dialect"),
            ({"tables": ["u"]}, "table"),
            ({"tables": []}, "table"),
            ({"functions": ["nope"]}, "table"),
        ]:
            with pytest.raises(DatabaseError) as caught:
                from_database(connection, **arguments)
            assert caught.value.reason == reason
        for arguments in [{"statements": ["drop"]}, {"statements": []}]:
            with pytest.raises(ValueError, match="takes"):
                from_database(connection, **arguments)
        for arguments in [{"statements": "select"}, {"tables": "t"}, {"functions": "abs"}]:
            with pytest.raises(TypeError):
                from_database(connection, **arguments)
    with pytest.raises(TypeError):
        from_database(17)
