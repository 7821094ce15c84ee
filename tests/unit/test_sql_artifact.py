"""`gcd.sql.load`: an artefact beside the database that it was compiled for."""

import pytest
import sqlalchemy
from sql.databases import memory
from sql.scope_worlds import vocabulary

import gcd
from gcd.errors import ArtifactError, DatabaseError
from gcd.grammar.load import from_lark
from gcd.sql import from_database, load

SCRIPT = "CREATE TABLE t (a, b); CREATE TABLE u (c)"


@pytest.fixture
def artefact(tmp_path):
    grammar = from_database(memory(SCRIPT))
    gcd.compile(grammar, vocabulary(grammar.catalogue)).save(tmp_path / "t.gcd")
    return tmp_path / "t.gcd"


def test_the_same_schema(artefact):
    matcher = load(artefact, memory(SCRIPT)).matcher()
    assert matcher.accept_bytes(b"select a from t")
    assert matcher.is_complete


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE t ADD COLUMN d", "DROP TABLE u", "CREATE VIEW v AS SELECT a FROM t", "ALTER TABLE u RENAME TO w"],
)
def test_a_schema_that_changed(artefact, change):
    connection = memory(SCRIPT)
    connection.execute(change)
    with pytest.raises(DatabaseError, match="schema isn't the one") as caught:
        load(artefact, connection)
    assert caught.value.reason == "changed"
    assert "compile it again" in str(caught.value)
    assert "t.gcd" in str(caught.value)


def test_rows_are_no_change(artefact):
    connection = memory(SCRIPT)
    connection.execute("INSERT INTO t VALUES (1, 2)")
    assert load(artefact, connection).matcher().accept_bytes(b"select")


def test_other_options(artefact):
    with pytest.raises(DatabaseError, match="other options") as caught:
        load(artefact, memory(SCRIPT), require_limit=True)
    assert caught.value.reason == "changed"
    with pytest.raises(DatabaseError, match="schema isn't the one"):
        load(artefact, memory(SCRIPT), tables=["t"])


def test_an_artefact_of_something_else(tmp_path):
    gcd.compile(from_lark('start: "a"'), gcd.Vocabulary.from_bytes([b"a", b""], eos_ids=[1])).save(tmp_path / "a.gcd")
    with pytest.raises(DatabaseError, match="isn't of a database's statements") as caught:
        load(tmp_path / "a.gcd", memory(SCRIPT))
    assert caught.value.reason == "changed"


def test_nothing_of_the_address_is_kept(tmp_path):
    path = tmp_path / "secret-place.db"
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a, b)")
    engine.dispose()
    grammar = from_database(f"sqlite:///{path}")
    gcd.compile(grammar, vocabulary(grammar.catalogue)).save(tmp_path / "t.gcd")
    assert b"secret-place" not in (tmp_path / "t.gcd").read_bytes()


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ArtifactError):
        load(tmp_path / "none.gcd", memory(SCRIPT))
