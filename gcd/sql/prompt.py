"""The prompt of `gcd.sql.generate`: the schema and the question, as a model is likely to have seen them."""

from __future__ import annotations

from gcd.sql.catalogue import Catalogue, Table

__all__ = ["prompt", "schema_text"]

_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def schema_text(catalogue: Catalogue) -> str:
    """The tables as CREATE TABLE statements, one a line; names are quoted where they must be.

    >>> from gcd.sql.catalogue import Column
    >>> tables = (Table("main", "city", (Column("id", "INTEGER"), Column("full name", "TEXT"))),)
    >>> print(schema_text(Catalogue("sqlite", tables)))
    CREATE TABLE city (id INTEGER, "full name" TEXT);
    """
    default = next((t.schema for t in catalogue.tables if t.schema in ("main", "public")), None)
    return "\n".join(_table(table, default) for table in catalogue.tables)


def prompt(catalogue: Catalogue, question: str) -> str:
    """What a chat model is asked: schema, question, and to answer by one statement."""
    return (
        f"The tables of a {_NAMES[catalogue.dialect]} database:\n\n{schema_text(catalogue)}\n\n"
        f"Answer the question by one SQL statement, without explanation.\nQuestion: {question}"
    )


def _table(table: Table, default: str | None) -> str:
    name = _quoted(table.name)
    if table.schema not in (None, default):
        name = f"{_quoted(str(table.schema))}.{name}"
    columns = [f"{_quoted(c.name)} {c.type}".rstrip() for c in table.columns if not c.hidden]
    return f"CREATE {'VIEW' if table.kind == 'view' else 'TABLE'} {name} ({', '.join(columns)});"


def _quoted(name: str) -> str:
    from gcd.sql.names import spellings

    plain = len(spellings(name)) > 3 or (len(spellings(name)) == 3 and "]" in name and name.isidentifier())
    return name if plain else '"' + name.replace('"', '""') + '"'
