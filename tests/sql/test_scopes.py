"""SQL with scopes: sqlite3 is the oracle of what prepares, `check` the oracle of masks."""

from __future__ import annotations

import contextlib
import sqlite3
from itertools import chain, combinations

import pytest
from sql.scope_worlds import LETTERS, SHOP, Statements, catalogue, database, vocabulary

import gcd
from gcd._native.matcher import Matcher
from gcd._native.sql import SqlEngine
from gcd.sql.catalogue import Catalogue, Column, Table
from gcd.sql.scope_grammar import ScopedSql
from gcd.sql.sqlite_syntax import SQLITE

BYTES = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), b""], eos_ids=[256])


@pytest.fixture(scope="module")
def shop():
    connection = database(SHOP)
    names = catalogue(connection)
    return connection, gcd.compile(ScopedSql(names), vocabulary(names))


def prepares(connection: sqlite3.Connection, statement: str) -> bool:
    try:
        connection.execute("explain " + statement)
    except sqlite3.Error:
        return False
    return True


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
""".strip().splitlines()

BAD = """
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
select 1 -- comment
select nope(1)
select (select sum(c.id) from product where c.id = 1) from customer c where (select sum(c.id) from product) > 1
select id from (select id from customer) where name = 'x'
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
    # comments and several statements are left out of the language, whatever sqlite3 makes of them
    assert "--" in statement or not prepares(connection, statement)
    assert not accepts(compiled, statement)


@pytest.mark.parametrize(("script", "seed"), [(SHOP, 1), (LETTERS, 2)])
def test_random_statements_prepare(script, seed):
    connection = database(script)
    names = catalogue(connection)
    compiled = gcd.compile(ScopedSql(names), vocabulary(names))
    statements = Statements(compiled, seed)
    ended = 0
    for n in range(40):
        text, whole = statements.draw(soft=(5, 15, 30)[n % 3])
        if whole:
            ended += 1
            connection.execute("explain " + text.decode())
    assert ended >= 10


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
        statements.draw(soft=15, hard=60)
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
