"""The subset of PostgreSQL: a real server is the oracle of what prepares."""

from __future__ import annotations

import lark
import pytest
import sqlalchemy
from sql import walks
from sql.scope_worlds import vocabulary

import gcd
from gcd.sql import from_database
from gcd.sql.catalogue import Catalogue, Column, Table
from gcd.sql.postgresql_syntax import POSTGRESQL
from gcd.sql.postgresql_types import CLASSES, class_of

SCRIPTS = {
    "shop": """
        CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL, city varchar(20), born date, vip boolean,
            since timestamptz, token uuid, data jsonb);
        CREATE TABLE product (id bigint PRIMARY KEY, name text, price numeric(10, 2), weight real, tags text[],
            "Odd Name" int, "group" text);
        CREATE TABLE orders (id int PRIMARY KEY, customer_id int, placed timestamp, total double precision,
            status varchar, took interval, at time);
        CREATE TABLE order_item (order_id int, product_id bigint, quantity smallint);
        CREATE SCHEMA sales;
        CREATE TABLE sales.region (id int, code char(3), year int);
        CREATE VIEW big AS SELECT id, name, born FROM customer WHERE id > 10
    """,
    "odd names": """
        CREATE TABLE "MiXeD" ("CamelCase" int, snake_case text, "UPPER" date, "camelcase" text);
        CREATE TABLE "select" ("from" int, "where" text, "a b" real, "say ""hi"" " text, "Größe" real, "x'; --" bool);
        CREATE TABLE plain (date date, count int, max text, year int, value numeric, name text, "timestamp" timestamp,
            "left" int, coalesce int);
        CREATE TABLE day (hour int, key text, action boolean, type text)
    """,
    "one name, other types": """
        CREATE TABLE a (id int, x int, y text, z date);
        CREATE TABLE b (id uuid, x text, y numeric, z interval);
        CREATE TABLE c (id bigint, x boolean, w timestamptz, v time with time zone);
        CREATE TYPE mood AS ENUM ('sad', 'happy');
        CREATE TABLE d (x mood, y bytea, z xml, u int[], w money)
    """,
}


class Database:
    """One database of the server, its grammar, and whether it prepares a statement."""

    def __init__(self, server: str, name: str, script: str) -> None:
        admin = sqlalchemy.create_engine(server, poolclass=sqlalchemy.pool.NullPool, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        self.url = server.replace("/postgres?", f"/{name}?")
        self.engine = sqlalchemy.create_engine(self.url, poolclass=sqlalchemy.pool.NullPool)
        self.connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        for statement in filter(str.strip, script.split(";\n")):
            self.connection.exec_driver_sql(statement)
        self.driver = self.connection.connection.dbapi_connection
        self.grammar = from_database(self.url)
        self.compiled = gcd.compile(self.grammar, vocabulary(self.grammar.catalogue))

    def refusal(self, statement: str) -> str | None:
        """What the server says against it."""
        try:
            with self.driver.cursor() as cursor:
                cursor.execute("PREPARE p AS " + statement.rstrip().rstrip(";"))
                cursor.execute("DEALLOCATE p")
        except Exception as error:
            return str(error).split("\n")[0]
        return None

    def accepts(self, statement: str) -> bool:
        matcher, data = self.compiled.matcher(), statement.encode()
        return matcher.viable_bytes(data) == len(data) and matcher.accept_bytes(data) and matcher.is_complete


@pytest.fixture(scope="module")
def databases(postgresql_server):
    made = [Database(postgresql_server, f"language{i}", script) for i, script in enumerate(SCRIPTS.values())]
    yield dict(zip(SCRIPTS, made, strict=True))
    for each in made:
        each.connection.close()


GOOD = """
select 1
SELECT id, Name FROM Customer;
select c.name, o.total from customer as c join orders o on c.id = o.customer_id where o.total > 3 and city = 'x' limit 3
select city, count(*) from customer group by city having count(*) > 1 order by count(*) desc
select name from customer where born > '2020-01-31' and vip
select name from customer where since < '2020-12-31 23:59' and not vip
select name from customer where id in (select customer_id from orders where total > 3)
select x.name from (select name from customer) x where name like 'a%'
with t as (select id, name from product) select * from t where t.id = 1
with t(a, b) as (select id, name from product) select a + 1, lower(b) from t
select (select max(total) from orders where customer_id = c.id) from customer c
select id from customer union select id from product order by id
select id, price from product intersect select 1, 2.5
select quantity * price from order_item join product on product_id = id
select row_number() over (partition by city order by name) from customer
select case when id > 1 then 'a' else 'b' end as k from customer group by k
select "Odd Name", "group" from product
select sum(total) s from orders order by s
select extract(year from placed), count(*) from orders group by 1
select lower(name) || '!' from customer where name is not null
select cast(id as text), total::numeric, null::uuid from orders
select placed + took, now() - placed from orders
select count(distinct city), sum(id) filter (where id > 1) from customer
select id from customer where born between '2020-01-01' and '2021-01-01'
select coalesce(total, 0) from orders
select data from customer where data is not null
select count(data) from customer
select region.code, year from sales.region
select substr(name, 1, 2), round(total) from customer, orders where orders.customer_id = customer.id
select avg(price), max(weight) from product where price * 2 + 1 > weight and id % 2 = 0
select name from customer where exists (select 1 from orders where customer_id = customer.id)
select date_trunc('month', placed) as m, sum(total) from orders group by m order by m
select distinct city from customer order by city desc nulls last limit 5 offset 2
select customer.name, sum(total) from customer join orders on customer.id = customer_id group by customer.name
select id from customer where token = null and id is distinct from -1
select id from customer join big using (id, name)
select name from customer natural join big
""".strip().splitlines()

BAD = """
select foo from customer
select ID, "Name" from customer
select name from orders
select name from customer, product
select id from customer order by 2
select name + 1 from customer
select name from customer where id
select name from customer where name = 1
select name from customer where born = 'yesterday or so'
select name from customer where born > '2021-02-30'
select name from customer where vip > 1
select name, count(*) from customer
select name, count(*) from customer group by city
select name from customer group by city
select city from customer group by city order by name
select count(*) from customer where count(*) > 1
select id from customer union select name from product
select id from customer union select id, name from product
select case when vip then 1 else 'a' end || 'b' from customer
select name from (select name, name from customer) x
select round(total, 1) from orders
select substr(name, id) from product
select sum(name) from customer
select price from product, order_item natural join product as p
select id from customer, orders join product on name = 'x'
select customer.id from customer, orders join product on customer.id = product.id
select id from customer order by 'x'
select id from customer order by (99)
select distinct city from customer order by name
select id%-1 from customer
select 12::date
select current_date + 12345678901
select year from region
select id a, name a from customer order by a
select id::text, name as id from customer order by id
select total from orders limit total
select [id] from customer
select "nothing" from customer
select id from customer where vip is distinct from vip notnull
""".strip().splitlines()

LEFT_OUT = """
select * from customer group by id, name
select data = data from customer
select distinct data from customer
select data, count(*) from customer group by data
select tags from product order by tags || tags
select count(*) from customer group by id % 2
select * from customer join big using (id)
select public.customer.id from customer
select e'x'
select 1 -- comment
insert into order_item values (1, 2, 3)
values (1)
""".strip().splitlines()


@pytest.mark.parametrize("statement", GOOD)
def test_accepts_what_prepares(databases, statement):
    assert databases["shop"].refusal(statement) is None
    assert databases["shop"].accepts(statement)


@pytest.mark.parametrize("statement", BAD)
def test_refuses_what_does_not_prepare(databases, statement):
    assert databases["shop"].refusal(statement) is not None
    assert not databases["shop"].accepts(statement)


@pytest.mark.parametrize("statement", LEFT_OUT)
def test_left_out(databases, statement):
    """As docs/sql.md says."""
    assert not databases["shop"].accepts(statement)


def refused(database: Database, seed: int, n: int, **options: bool) -> list[str]:
    drawn = walks.statements(database.compiled, seed, n, **options)
    return [f"{said}: {statement!r}" for statement in drawn if (said := database.refusal(statement)) is not None]


@pytest.mark.parametrize(("name", "n"), [("shop", 200), ("odd names", 160), ("one name, other types", 140)])
def test_random_statements_prepare(databases, name, n):
    assert not refused(databases[name], 1, n)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("seed", range(20))
def test_twenty_thousand_statements_prepare(databases, name, seed):
    """334 of each name and seed: 20,040."""
    assert not refused(databases[name], 100 + seed, 334)


def test_statements_within_a_budget_prepare(databases):
    assert not refused(databases["odd names"], 2, 4, budget=True)


def test_masks_are_what_check_says(databases):
    for database in databases.values():
        compiled = database.compiled
        bitmask = gcd.allocate_token_bitmask(1, compiled.width)
        for statement in walks.statements(compiled, 3, 6):
            matcher, data = compiled.matcher(), statement.encode()
            for at in range(0, len(data), 5):
                matcher.fill_bitmask(bitmask)
                allowed = [t for t in range(compiled.width) if int(bitmask[0][t // 32]) >> (t % 32) & 1]
                assert allowed == [t for t in range(compiled.width) if matcher.check(t)], data[:at]
                assert matcher.accept_bytes(data[at : at + 5])


def test_keywords_that_stay_names(databases):
    """Each of them, as table and column, wherever the syntax has a name of the catalogue."""
    database = databases["shop"]
    for word in sorted(POSTGRESQL.names["operand"]):
        database.connection.exec_driver_sql(f'CREATE TABLE "{word}" ("{word}" int, b text)')
        try:
            for statement in (
                f"select {word}, {word}.{word}, abs({word}) + -{word} from {word} where {word} = 1 order by {word}",
                f"select case when {word} > {word} then {word} else {word} end, ({word}), count(*) from {word} "
                f"group by {word}, {word}.{word} having {word} in ({word}) and {word} between {word} and {word}",
                f"select x.{word} from {word} as x join {word} as y using ({word}) where x.b like 'y' and {word} <> 1",
                f"select cast({word} as int), {word} is null, {word}::text, max({word}) filter (where {word} = 1) "
                f"from {word} group by {word}",
                f"select extract(year from null::date), row_number() over (partition by {word} order by {word}) "
                f"from {word}",
            ):
                assert database.refusal(statement) is None, statement
        finally:
            database.connection.exec_driver_sql(f'DROP TABLE "{word}"')


def test_keywords_are_the_servers(databases):
    rows = databases["shop"].connection.exec_driver_sql("SELECT word FROM pg_get_keywords()")
    assert {row[0] for row in rows} <= POSTGRESQL.keywords | POSTGRESQL.never_invented


def test_classes_of_types(databases):
    columns = {c.name: c for t in databases["shop"].grammar.catalogue.tables for c in t.columns}
    classes = {
        name: class_of(columns[name].type) for name in ("price", "since", "at", "tags", "token", "quantity", "city")
    }
    assert classes == {
        "price": "numeric", "since": "stamp", "at": "time", "tags": "other", "token": "uuid", "quantity": "int",
        "city": "text",
    }  # fmt: skip
    assert class_of("public.mood") == class_of('"text"') == class_of("") == "other"
    assert set(CLASSES) >= set(classes.values())


def test_a_limit_can_be_required(databases):
    grammar = from_database(databases["shop"].url, require_limit=True)
    compiled = gcd.compile(grammar, vocabulary(grammar.catalogue))
    for statement, fine in (("select 1", False), ("select id from customer limit 3", True)):
        matcher = compiled.matcher()
        assert (matcher.accept_bytes(statement.encode()) and matcher.is_complete) == fine


def test_the_context_free_part_is_lark_text(databases):
    text = databases["shop"].grammar.to_lark()
    assert text.startswith("// PostgreSQL narrowed to one database: 6 tables")
    assert "scope hook" in text
    parser = lark.Lark(text, parser="earley", lexer="dynamic")
    for statement in GOOD:
        parser.parse(statement)


def test_a_catalogue_without_a_server():
    """Names of the first schema need no schema, others do."""
    tables = tuple(Table(schema, name, (Column("a", "int"),)) for schema, name in (("public", "t"), ("s", "u")))
    names = Catalogue("postgresql", tables, schemas=("public", "s"))
    compiled = gcd.compile(gcd.sql.SqlGrammar(names, gcd.sql.SqlOptions()), vocabulary(names))
    for statement, fine in (("select a from t", True), ("select a from s.u", True), ("select a from u", False)):
        matcher = compiled.matcher()
        assert (matcher.accept_bytes(statement.encode()) and matcher.is_complete) == fine, statement
