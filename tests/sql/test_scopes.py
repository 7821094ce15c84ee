"""SQL with scopes: sqlite3 is the oracle of what prepares, `check` the oracle of masks."""

from __future__ import annotations

import contextlib
import sqlite3
from itertools import chain, combinations

import pytest
from sql.scope_worlds import LETTERS, SHOP, Statements, catalogue, database, vocabulary
from sql.test_walks import refusal

import gcd
from gcd._native.matcher import Matcher
from gcd._native.sql import SqlEngine
from gcd.sql import from_database
from gcd.sql.catalogue import Catalogue, Column, Table
from gcd.sql.options import STATEMENTS
from gcd.sql.scope_grammar import ScopedSql
from gcd.sql.sqlite_syntax import SQLITE

BYTES = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), b""], eos_ids=[256])


@pytest.fixture(scope="module")
def shop():
    connection = database(SHOP)
    names = catalogue(connection)
    return connection, gcd.compile(ScopedSql(names), vocabulary(names))


def prepares(connection: sqlite3.Connection, statement: str) -> bool:
    return refusal(connection, statement) is None


def accepts(compiled: gcd.CompiledGrammar, statement: str) -> bool:
    matcher = compiled.matcher()
    data = statement.encode()
    return matcher.viable_bytes(data) == len(data) and matcher.accept_bytes(data) and matcher.is_complete


GOOD = """
select 1
SELECT id, name FROM customer
select c.name, o.placed from customer as c join orders o on c.id = o.customer_id where city = 'x' order by 2 limit 3
select count(*) from customer group by city having count(*) > 1
select name from customer where id in (select customer_id from orders where total > 3)
select name from (select name from customer) x where name like 'a%' escape '!'
with t as (select id, name from product) select * from t where t.id = 1
with t(a, b) as (values (1, 2)) select a + b from t
select (select max(total) from orders where customer_id = c.id) from customer c
select id from customer union select id from orders order by id
select id from customer join orders using(id)
select name from customer natural join product
select quantity * price from order_item join product on product_id = id
select name, city from (select name as name, city from customer)
select 1 as a$1 from (select 1 as a$b$) where $a = 1
select c.id as id from customer c join orders o on o.customer_id = c.id order by total, (id) collate nocase desc
select price, total, city from (select price, name, total from product, orders) p, customer c where c.name = p.name
select sum(total) over (order by id range between 2 preceding and :n following exclude ties) from orders
select row_number() over (partition by city order by name rows between 1 preceding and current row) from customer
select case when id > 1 then 'a' else 'b' end as k from customer group by k
select "odd ""table".[ a b], "select" from "odd ""table"
select `ü`, key from [odd "table]
select sum(total) s from orders order by s
select x from single where exists(select 1 from customer where id = x)
select customer.* from customer
select *, 1 from customer;
select c.rowid from customer c
select total from orders where total not between 1 and 2 and not id is not null
select cast(id as text) collate nocase from customer
select id from customer where id = (select id from orders limit 1) or id not in (1, -2, 0x1F, .5, 1e3)
select city, count(*) from customer group by 1 order by 2 desc nulls last
select count(distinct city), sum(id) filter (where id > 1), sum(id) over () from customer
select * from (values (1, 'it''s'), (x'ab', null)) v where v.column1 = 1
select id from customer where id in (select id from product where customer.city = name)
select 1 -- a comment
select /* another */ id from customer /* and */ -- the end
select id, ? + :x from customer where name = @y or name = $z or id = ?12 limit ?
select true, id is not false from customer where false limit 1 + (select count(*) from product) offset true
select cast(id as unsigned big int), cast(name as "my type" (1, -2)) from customer
select (id, name) = (1, 'x'), (id, name) in (select id, city from customer) from customer where (1, 2) < (id, 3)
select id from single, customer where x in single and id not in (values (1))
select main.customer.id from main.customer
select rowid, oid from customer order by _rowid_
select sum(sum(total)) over (order by customer_id) from orders group by customer_id
select count(*) from customer having count(*) > 1
select sum(total) over w, rank() over v from orders window w as (partition by placed), v as (order by total)
select sum(id) over (order by id groups between 1 preceding and current row exclude ties) from customer
select * from (customer c join orders o on o.customer_id = c.id)
select c.name from single join (customer c join orders o on o.customer_id = c.id) on c.id = x
select * from (customer cross join single) as z
select * from (customer as c) as d where d.id = 1
with recursive t(n) as (select 1 union all select n + 1 from t where n < 9 limit 3) select n from t
with t as (select id, name from product union select p.id, t.name from t join product p on p.id = t.id) select * from t
with product as (select id from main.customer) select id from product
with x as (select 1 as "left") select left, full.left as right from x as full
""".strip().splitlines()

BAD = """
select 1 from (orders, customer as c) as t where c.oid
select 1 from ((orders as o cross join customer) as t join single on o.rowid = x)
select c.id as id from customer as c join orders as o on o.customer_id = c.id order by id + 1
select c.id as id from customer as c join orders as o on o.customer_id = c.id order by id is null
select c.id as id from customer as c join orders as o on o.customer_id = c.id order by (id, 1) = (1, 1)
select c.id as id from customer as c join orders as o on o.customer_id = c.id order by -id
select c.id as id from customer as c join orders as o on o.customer_id = c.id group by id
select c.id from customer as c join orders as o on o.customer_id = c.id order by id
select sum(total) over (order by id, total range 2 preceding) from orders
select sum(total) over (range 2 preceding) from orders
select foo from customer
select name from orders
select name from customer, product
select name, price, city from product, customer
select c.placed from customer c
select id from customer order by 2
select id from customer group by 0
select a.id from customer a, product a
select count(id) from customer where count(*) > 1
select sum(count(*)) from customer
select name from customer order by count(*)
select count(*) k from customer where k > 1
select (select 1, 2)
select 1 in (select 1, 2)
select id from customer union select 1, 2
select * from customer union select * from orders, product
select upper(name, 1) from customer
select max() from customer
select coalesce(1)
select row_number() from customer
select 1 where row_number() over () = 1
select *
select x.* from customer y
select total from orders limit total
select id from customer join single using (id)
select id from customer having count(*) > 1
with t as (select 1) select 2 from u
with t(a, b) as (select 1) select a from t
select name from customer order by name collate nope
values (1, 2), (3)
select "name
select 1; select 2
select 1 /* comment
select nope(1)
select (select sum(c.id) from product where c.id = 1) from customer c where (select sum(c.id) from product) > 1
select id from (select id from customer) where name = 'x'
select ?0
select :
select (id, name) from customer
select (id, name) = (1, 2, 3) from customer
select (id, name) = (1, 2) + 1 from customer
select (id, name) in (select id from customer) from customer
select id from customer where id in orders
select id from customer limit id
select rowid from customer, orders
select sum(sum(total)) from orders
select sum(count(distinct sum(total))) over () from orders
select sum(total) over w from orders
select sum(total) over w from orders window v as (order by id)
select id from customer having id > 1
select temp.customer.id from main.customer
select c.rowid from single join (customer c join orders) on 1
select x from single join (customer c join orders o on x = 1) on 1
with recursive t(n) as (select 1 union all select n from t a, t b) select n from t
with recursive t(n) as (select 1 union all select count(n) from t) select n from t
with recursive t(n) as (select n from t union select 1) select n from t
with t(n) as (select 1 union all select (select n from t)) select n from t
select (select 1 from product group by customer.id) from customer
select y.id from (select name from customer) y
""".strip().splitlines()


@pytest.mark.parametrize("statement", GOOD)
def test_accepts_what_prepares(shop, statement):
    connection, compiled = shop
    assert prepares(connection, statement)
    assert accepts(compiled, statement)


@pytest.mark.parametrize("statement", BAD)
def test_refuses_what_does_not_prepare(shop, statement):
    connection, compiled = shop
    # several statements and comments without an end are no part of the language, whatever sqlite3 makes of them
    assert "/*" in statement or not prepares(connection, statement)
    assert not accepts(compiled, statement)


@pytest.mark.parametrize(("script", "seed"), [(SHOP, 3), (LETTERS, 4)])
def test_masks_are_what_check_says(script, seed):
    names = catalogue(database(script))
    compiled = gcd.compile(ScopedSql(names), vocabulary(names))
    statements = Statements(compiled, seed)
    for _ in range(6):
        matcher, text = compiled.matcher(), b""
        for _ in range(30):
            allowed = statements.allowed(matcher)
            assert allowed == [t for t in range(compiled.width) if matcher.check(t)], text
            choices = [t for t in allowed if t not in compiled.eos_ids and len(statements.tokens[t]) > 1]
            if not choices:
                break
            token = statements.random.choice(choices)
            matcher.accept(token)
            text += statements.tokens[token]


def test_names_before_from_by_brute_force():
    """Every set of bare names in front of FROM lives iff some set of tables has each of them in exactly one."""
    connection = database(LETTERS)
    names = catalogue(connection)
    compiled = gcd.compile(ScopedSql(names), vocabulary(names))
    tables = {t.name: {c.name for c in t.columns} for t in names.tables}
    choices = list(chain.from_iterable(combinations(tables, n) for n in range(1, 4)))
    for used in chain.from_iterable(combinations("abc", n) for n in range(1, 4)):
        covers = [c for c in choices if all(sum(name in tables[t] for t in c) == 1 for name in used)]
        # behind the last name a dot could follow: it would be a qualifier then
        prefix = f"select {', '.join(used)} from".encode()
        alive = compiled.matcher().viable_bytes(prefix) == len(prefix)
        assert alive == bool(covers), (used, covers)
        for cover in choices:
            whole = f"select {', '.join(used)} from {', '.join(cover)}"
            assert accepts(compiled, whole) == prepares(connection, whole) == (cover in covers), whole


_PLACES = {
    "operand": ("select {0}, {0}.{0}, 1 + -{0} from t as {0}", "select b from t as {0} where {0}.b = {0} order by {0}"),
    "label": ("select b {0} from t", "select 1 {0}", "select (b) {0}, 2 from t"),
    "alias": ("select 1 from t {0}", "select 1 from t {0} left join t as x on 1", "select 1 from (select 1) {0}, t"),
    "any": (
        "select 1 as {0} from {0} as {0}",
        "select t.{0} from t join {0} using ({0})",
        "with x({0}) as (select 1) select * from x",
    ),
}


@pytest.mark.parametrize("place", _PLACES)
def test_keywords_that_may_be_names(place):
    """Where SQLite takes a keyword for a name, and only there, the engine does."""
    for word in sorted(SQLITE.keywords):
        connection = database(f'create table "{word}"("{word}", b); create table t("{word}", b)')
        compiled = gcd.compile(ScopedSql(catalogue(connection)), BYTES)
        for template in _PLACES[place]:
            statement = template.format(word)
            assert accepts(compiled, statement) <= prepares(connection, statement), statement
            if word in SQLITE.names[place]:
                assert accepts(compiled, statement), statement


def test_functions_called_like_keywords(shop):
    connection, compiled = shop
    for word in ("replace", "like", "glob"):
        statement = f"select {word}('a', 'b'{', 1' * (word == 'replace')})"
        assert prepares(connection, statement)
        assert accepts(compiled, statement) == (word == "replace")  # the others aren't in this catalogue


def test_keywords_are_sqlites():
    for word in SQLITE.keywords:
        assert prepares(database(""), f'select 1 as "{word}"')


def test_the_artefact_says_the_same(shop, tmp_path):
    _, compiled = shop
    compiled.save(tmp_path / "shop.gcd")
    loaded = gcd.load(tmp_path / "shop.gcd")
    assert accepts(loaded, "select name from customer where id = 1")
    assert not accepts(loaded, "select name from customer where idx = 1")
    assert loaded.info.hash == compiled.info.hash


def test_hostile_programs_are_refused_or_harmless(shop):
    _, compiled = shop
    engine = compiled._engine
    program = engine.program
    step = max(1, len(program) // 150)
    for at in range(0, len(program), step):
        with pytest.raises((ValueError, gcd.GcdError)):
            SqlEngine(engine.trie, program[:at], (), gcd.Limits())
        damaged = bytearray(program)
        damaged[at] ^= 0x41
        with contextlib.suppress(ValueError, gcd.GcdError):
            Matcher(SqlEngine(engine.trie, bytes(damaged), (), gcd.Limits())).viable_bytes(b"select name from customer")


def test_tables_that_grow_full_are_dropped():
    names = catalogue(database(LETTERS))
    compiled = gcd.compile(ScopedSql(names), vocabulary(names), gcd.Limits(max_lexer_states=1_000))
    statements = Statements(compiled, 5)
    matcher = compiled.matcher()
    assert matcher.accept_bytes(b"select a ")
    before = statements.allowed(matcher)
    for _ in range(12):
        statements.draw(30)
    assert compiled.stats()["generation"] > 0
    assert statements.allowed(matcher) == before
    assert matcher.accept_bytes(b"from t")
    matcher.rollback(1)
    assert statements.allowed(matcher) == before


def test_a_database_without_tables():
    compiled = gcd.compile(ScopedSql(Catalogue("sqlite", ())), vocabulary(Catalogue("sqlite", ())))
    assert accepts(compiled, "select 1 + 2")
    assert not accepts(compiled, "select a")


def test_limit_can_be_required():
    names = Catalogue("sqlite", (Table(None, "t", (Column("a"),)),))
    compiled = gcd.compile(ScopedSql(names, limit_required=True), vocabulary(names))
    assert accepts(compiled, "select a from t limit 3")
    assert accepts(compiled, "select a from t union select 1 order by 1 limit 3;")
    assert not accepts(compiled, "select a from t")


def test_functions_can_be_listed(shop):
    connection, _ = shop
    names = catalogue(connection)
    compiled = gcd.compile(ScopedSql(names, functions=("abs",)), vocabulary(names))
    assert accepts(compiled, "select abs(id) from customer")
    assert not accepts(compiled, "select upper(name) from customer")


def test_another_dialect():
    with pytest.raises(ValueError, match="sqlite"):
        gcd.compile(ScopedSql(Catalogue("oracle", ())), vocabulary(Catalogue("sqlite", ())))


def test_what_the_search_cannot_settle_is_said():
    """With more tables that share a column than the search has steps, one name may stay unsettled already."""
    tables = tuple(Table(None, f"t{i}", (Column("id"),)) for i in range(4_001))
    names = Catalogue("sqlite", tables)
    words = vocabulary(Catalogue("sqlite", tables[:3]))
    with pytest.raises(gcd.InexactError, match="more than the search settles"):
        gcd.compile(ScopedSql(names), words)
    compiled = gcd.compile(ScopedSql(names), words, lenient={"tightened"})
    assert compiled.exactness.kinds == {"tightened"}
    assert gcd.compile(ScopedSql(Catalogue("sqlite", tables[:200])), words).exactness.exact


WRITES = """
insert into customer values (1, 'a', 'b', 'c')
insert into customer (id, "e-mail") values (1, 2), (3, 4) returning id, *, name as n, customer.rowid
insert or ignore into main.customer as c default values
replace into product (name, price) select name, 1 from customer where id in (select id from orders);
with t as (select 1 as a) insert into single select a from t
insert into orders values (1, 2, 3)
insert into customer (id, name) values (1, 'a') on conflict (id) do update set name = excluded.name where id > 1
insert into customer (id, name) select id, name from product where true on conflict do nothing
insert into order_item values (1,2,3) on conflict (order_id, product_id) do nothing on conflict do update set quantity=1
update customer set name = 'x', city = upper(name) where id = 1 returning id
update or fail customer as c set (name, city) = (select name, price from product), id = c.rowid
update customer set (name, city) = ('a', 'b')
update orders set customer_id=o.quantity from order_item o join product p on p.id=product_id where order_id = orders.id
with t as (select id from product) update single set x = (select max(id) from t)
delete from customer
delete from main.customer as c where c.id in (select customer_id from orders where total > c.id) returning name || 'x'
with t as (select 1 as a) delete from single where x in t
""".strip().splitlines()

BAD_WRITES = """
update customer set (name, city, name, city, name) = ('a', 'b', 'c', 'd')
select (1, 2, 3, 4, 5) = (1, 2, 3, 4)
insert into customer values (1, 2)
insert into orders (total) values (1)
insert into orders values (1, 2, 3, 4)
insert into customer (id) select id, name from product
insert into customer (id) default values
insert into customer (id) values (name)
insert into big values (1, 2)
insert into customer (id) values (1) on conflict (name) do nothing
insert into order_item values (1, 2, 3) on conflict (order_id) do nothing
insert into customer (id) select id from product on conflict do nothing
insert into customer (id) values (1) on conflict do update set name = product.name
insert into customer (id) values (1) returning count(*)
insert into customer as c (id) values (1) returning c.id
update customer set price = 1
update orders set total = 1
update customer set name = price
update customer set name = count(*)
update customer set (name, city) = (1, 2, 3)
update customer set name = p.rowid from product p join orders on 1
update customer as c set name = customer.city
update big set id = 1
delete from customer where price = 1
delete from product returning product.*
delete from big
delete from t
""".strip().splitlines()


@pytest.fixture(scope="module")
def writes():
    connection = database(SHOP)
    return connection, gcd.compile(from_database(connection, statements=STATEMENTS, parameters=True), BYTES)


@pytest.mark.parametrize("statement", WRITES)
def test_writes_what_prepares(writes, statement):
    connection, compiled = writes
    assert refusal(connection, statement) is None
    assert accepts(compiled, statement)


@pytest.mark.parametrize("statement", BAD_WRITES)
def test_refuses_to_write_what_does_not_prepare(writes, statement):
    connection, compiled = writes
    assert refusal(connection, statement) is not None
    assert not accepts(compiled, statement)


@pytest.mark.parametrize("kind", STATEMENTS)
def test_statements_of_one_kind(shop, kind):
    compiled = gcd.compile(ScopedSql(catalogue(shop[0]), (kind,)), BYTES)
    for other, statement in zip(
        STATEMENTS,
        ("select 1", "insert into single values (1)", "update single set x = 1", "delete from single"),
        strict=True,
    ):
        assert accepts(compiled, statement) == (kind == other)
        assert accepts(compiled, f"with t as (select 1) {statement}") == (kind == other)
        assert not accepts(compiled, f"with t as ({statement} returning 1) select 1")


def test_a_query_that_names_no_table_of_the_subquery_it_hides():
    """A table without a known schema can't be told from a common table expression of its name."""
    hidden = Catalogue("sqlite", (Table(None, "t", (Column("a"),)),))
    compiled = gcd.compile(ScopedSql(hidden), BYTES)
    assert not accepts(compiled, "with t as (select 1) select 1")


def test_a_column_called_true():
    connection = database('create table t("true", b)')
    compiled = gcd.compile(ScopedSql(catalogue(connection)), BYTES)
    assert accepts(compiled, "select true from t")
    assert not accepts(compiled, "select true")
    assert accepts(compiled, "select false")


def test_parameters_are_asked_for():
    statement = "select id from customer where id = ? and name = :name"
    with_parameters = gcd.compile(from_database(database(SHOP), parameters=True), BYTES)
    assert with_parameters.matcher().viable_bytes(statement.encode()) == len(statement)
    without = gcd.compile(from_database(database(SHOP)), BYTES)
    assert without.matcher().viable_bytes(statement.encode()) == statement.index("?")
    assert without.matcher().accept_bytes(b"select sum(total) over (order by id rows 2 preceding) from orders")
