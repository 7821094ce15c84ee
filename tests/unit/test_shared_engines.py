"""Engines that are in use are found again, and only where they do the same."""

import gcd
from gcd._native.schema import SchemaEngine
from gcd._native.sql import SqlEngine
from gcd.limits import Limits
from gcd.shared_engines import engine_of
from gcd.sql.catalogue import Catalogue, Column, Table
from gcd.sql.scope_grammar import ScopedSql

VOCAB = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), None, None], eos_ids=[256])


def test_what_a_database_ends_with_is_its_own():
    """A program for the same tokens, but with another end of sequence, is another engine."""
    grammar = ScopedSql(Catalogue("sqlite", (Table("main", "t", (Column("a"),)),), ()))
    compiled = gcd.compile(grammar, VOCAB)
    trie, limits = compiled._engine.trie, Limits()
    first = engine_of(SqlEngine, trie, grammar.program, (256,), limits)
    assert first is compiled._engine
    assert engine_of(SqlEngine, trie, grammar.program, (257,), limits) is not first
    assert engine_of(SqlEngine, trie, grammar.program, (256,), Limits(memo_bytes=1 << 20)) is not first


def test_loading_finds_the_engine(tmp_path):
    for grammar, kind in (
        (gcd.Grammar.from_json_schema({"type": "null"}), SchemaEngine),
        (ScopedSql(Catalogue("sqlite", (Table("main", "t", (Column("b"),)),), ())), SqlEngine),
    ):
        compiled = gcd.compile(grammar, VOCAB)
        compiled.save(tmp_path / "g.gcd")
        engine = gcd.load(tmp_path / "g.gcd", VOCAB)._engine
        assert isinstance(engine, kind)
        assert engine is compiled._engine
