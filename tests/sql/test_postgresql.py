"""A real PostgreSQL, started by the test: its catalogue, its errors, and statements that can't write."""

import pytest
import sqlalchemy

from gcd.errors import DatabaseError, UnsupportedError
from gcd.sql import from_database, from_ddl, run

DDL = """
CREATE TABLE customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, "Odd ""name: %s" int);
CREATE SCHEMA sales;
CREATE TABLE sales.orders (id serial, net numeric(10, 2) DEFAULT 0, gross numeric
    GENERATED ALWAYS AS (net * 1.2) STORED, UNIQUE (id, net));
CREATE TABLE sales.customer (id int);
CREATE UNIQUE INDEX one ON customer (name);
CREATE UNIQUE INDEX partly ON customer ("Odd ""name: %s") WHERE id > 1;
CREATE UNIQUE INDEX computed ON customer (lower(name));
CREATE VIEW names (n, m) AS SELECT name, id FROM customer;
"""


@pytest.fixture(scope="module")
def url(postgresql_server):
    engine = sqlalchemy.create_engine(postgresql_server, poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        for statement in filter(str.strip, DDL.split(";")):
            connection.exec_driver_sql(statement.replace("%", "%%"))
        connection.exec_driver_sql("INSERT INTO customer (name) VALUES ('Anna'), ('Ben')")
        connection.commit()
    return postgresql_server


def test_catalogue(url):
    catalogue = from_database(url).catalogue
    assert catalogue.dialect == "postgresql"
    assert catalogue.schemas == ("public", "sales")
    tables = {(t.schema, t.name): t for t in catalogue.tables}
    assert list(tables)[:2] == [("public", "customer"), ("public", "names")]  # the search path first
    customer, orders = tables["public", "customer"], tables["sales", "orders"]
    assert [(c.name, c.type, c.generated, c.not_null) for c in customer.columns] == [
        ("id", "bigint", True, True), ("name", "text", False, True), ('Odd "name: %s', "integer", False, False)
    ]  # fmt: skip
    assert set(customer.uniques) == {("id",), ("name",)}  # neither partial nor of an expression
    assert orders.uniques == (("id", "net"),)
    assert [(c.generated, c.has_default) for c in orders.columns] == [(False, True), (False, True), (True, True)]
    assert (tables["public", "names"].kind, tables["public", "names"].writable) == ("view", False)
    assert from_database(url, tables=["sales.customer"]).catalogue.tables == (tables["sales", "customer"],)


def test_ddl_reads_as_the_server_does(url):
    live = {(t.schema, t.name): t for t in from_database(url).catalogue.tables}
    read = {(t.schema, t.name): t for t in from_ddl(DDL, "postgresql").catalogue.tables}
    assert live.keys() == read.keys()
    for key, table in live.items():
        other = read[key]
        assert [(c.name, c.generated) for c in table.columns] == [(c.name, c.generated) for c in other.columns], key
        assert (set(table.uniques), table.kind, table.writable) == (set(other.uniques), other.kind, other.writable), key


def test_functions_are_the_servers(url):
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    keywords = {"coalesce", "nullif", "greatest", "least", "trim"}  # PostgreSQL's grammar has these, its catalogue not
    with engine.connect() as connection:
        query = "SELECT proname, prokind::text FROM pg_catalog.pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace"
        there = {(str(name), str(kind)) for name, kind in connection.exec_driver_sql(query)}
    for function in from_database(url).catalogue.functions:
        kind = {"scalar": "f", "aggregate": "a", "window": "w"}[function.kind]
        assert (function.name, kind) in there or function.name in keywords, function


def test_rows(url):
    found = run(url, "SELECT name, id % 2 AS odd FROM customer ORDER BY id", max_rows=1)
    assert found == (("name", "odd"), [("Anna", 1)], True)
    writing = "WITH gone AS (DELETE FROM customer RETURNING id) SELECT * FROM gone"
    for refused in [writing, "SELECT nope FROM customer", "DELETE FROM customer", "SELECT pg_sleep(5)"]:
        with pytest.raises(DatabaseError) as caught:
            run(url, refused, seconds=0.3)
        assert caught.value.reason == "statement"
    assert run(url, "SELECT count(*) FROM customer").rows == [(2,)]


def test_errors(url):
    with pytest.raises(DatabaseError) as caught:
        from_database(url.replace("/postgres?", "/nowhere?").replace("tester@", "tester:s3cr3t@"))
    assert caught.value.reason == "unreachable"
    assert "s3cr3t" not in str(caught.value)
    with pytest.raises(DatabaseError) as caught:
        from_database(url, "sqlite")
    assert caught.value.reason == "dialect"
    with pytest.raises(UnsupportedError):
        from_database(url).context_free()
