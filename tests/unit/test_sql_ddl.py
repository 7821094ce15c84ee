"""From DDL: the same catalogue as from a database made by it."""

import sqlite3
from contextlib import closing

import pytest
from sql import databases

from gcd.errors import DatabaseError, GrammarError
from gcd.sql import from_database, from_ddl

SHOP = """
-- a comment; with a semicolon
CREATE TABLE customer (id INTEGER PRIMARY KEY, "full name" TEXT NOT NULL DEFAULT 'x;y', UNIQUE ("full name"));
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INT REFERENCES customer, net REAL, gross REAL AS (net * 1.2));
CREATE UNIQUE INDEX one ON orders (customer_id, net);
CREATE VIEW big AS SELECT o.*, c."full name" FROM orders AS o JOIN customer AS c ON c.id = o.customer_id;
CREATE TRIGGER later AFTER INSERT ON orders BEGIN UPDATE orders SET net = 1; DELETE FROM customer; END;
INSERT INTO customer VALUES (1, 'Anna');
"""


def test_sqlites_ddl_makes_what_the_database_has():
    with closing(databases.memory(SHOP)) as connection:
        live = from_database(connection).catalogue
    read = from_ddl(SHOP, "sqlite")
    assert read.catalogue.fingerprint == live.fingerprint
    assert [w for w in read.warnings if "passed over" in w] == [
        "passed over: CREATE TRIGGER later AFTER INSERT ON orders BEGIN UPDATE ord…",
        "passed over: INSERT INTO customer VALUES (1, 'Anna');",
    ]


@pytest.mark.parametrize("name", sorted(set(databases.ALL) - {"attached", "full text", "r-tree"}))
def test_databases_can_be_read_from_their_own_ddl(name):
    with closing(databases.ALL[name]()) as connection:
        live = from_database(connection).catalogue
        ddl = ";\n".join(row[0] for row in connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"))
    read = from_ddl(ddl, "sqlite").catalogue
    assert read.tables == live.tables
    assert read.fingerprint == live.fingerprint


def test_postgresqls_ddl():
    read = from_ddl(
        """
        CREATE TABLE customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, "Odd ""name" int);
        CREATE TABLE sales.orders (id serial, net numeric(10, 2) DEFAULT 0, gross numeric
            GENERATED ALWAYS AS (net * 1.2) STORED, UNIQUE (id, net));
        CREATE UNIQUE INDEX one ON customer (name);
        CREATE VIEW names (n, m) AS SELECT name, id FROM customer;
        CREATE VIEW all_of_it AS SELECT * FROM customer;
        COMMENT ON TABLE customer IS 'who buys';
        """,
        "postgres",
    )
    tables = {(t.schema, t.name): t for t in read.catalogue.tables}
    customer, orders = tables["public", "customer"], tables["sales", "orders"]
    assert [c.name for c in customer.columns] == ["id", "name", 'Odd "name']
    assert customer.uniques == (("id",), ("name",))
    assert orders.uniques == (("id", "net"),)
    assert [c.generated for c in orders.columns] == [False, False, True]
    assert orders.columns[1].type == "DECIMAL(10, 2)"
    assert orders.columns[1].has_default
    assert [c.name for c in tables["public", "names"].columns] == ["n", "m"]
    assert [c.name for c in tables["public", "all_of_it"].columns] == ["id", "name", 'Odd "name']
    assert len(read.warnings) == 1
    assert "COMMENT ON TABLE" in read.warnings[0]


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_what_cant_be_read(dialect):
    with pytest.raises(GrammarError, match="DDL"):
        from_ddl("CREATE TABLE t (a int,\n b int c int d (", dialect)
    for nothing in ["", "-- nothing", "SELECT 1", ";;"]:
        with pytest.raises(DatabaseError) as caught:
            from_ddl(nothing, dialect)
        assert caught.value.reason == "empty"


def test_ddl_is_hostile_input(tmp_path):
    file = tmp_path / "x.db"
    with pytest.raises(DatabaseError):
        from_ddl(f"ATTACH '{file}' AS x; CREATE TABLE x.t (a)".partition(";")[0], "sqlite")
    with pytest.raises(GrammarError, match="unknown database"):
        from_ddl(f"ATTACH '{file}' AS x; CREATE TABLE x.t (a)", "sqlite")
    assert not file.exists()
    forever = "CREATE TABLE t AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with pytest.raises(GrammarError, match="interrupted"):
        from_ddl(forever, "sqlite")
    with pytest.raises(DatabaseError) as caught:
        from_ddl("CREATE TABLE t (a)", "oracle")
    assert caught.value.reason == "dialect"
    assert sqlite3.sqlite_version_info >= (3, 37)  # pragma_table_list
