"""SQL that one database prepares: the front end, which turns a database into a `SqlGrammar`.

::

    live database -> reflect (sqlite_catalogue, postgresql_catalogue)
    DDL           -> ddl                                    -> catalogue -> grammar: SqlGrammar
                                                                         -> lark_text, scope_text: the context-free
                                                                            part as text
"""

from typing import TYPE_CHECKING

from gcd.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from gcd.sql.answer import Answer, generate
    from gcd.sql.artifact import load
    from gcd.sql.catalogue import Catalogue, Column, Function, Table
    from gcd.sql.ddl import from_ddl
    from gcd.sql.grammar import SqlGrammar
    from gcd.sql.options import SqlOptions
    from gcd.sql.read_only import Rows, returns_rows, run, runs
    from gcd.sql.reflect import from_database

# public name -> the module that defines it: SQLAlchemy, sqlglot and lark are imported by those that need them
_PUBLIC = {
    "Answer": "gcd.sql.answer",
    "Catalogue": "gcd.sql.catalogue",
    "Column": "gcd.sql.catalogue",
    "Function": "gcd.sql.catalogue",
    "Rows": "gcd.sql.read_only",
    "SqlGrammar": "gcd.sql.grammar",
    "SqlOptions": "gcd.sql.options",
    "Table": "gcd.sql.catalogue",
    "from_database": "gcd.sql.reflect",
    "from_ddl": "gcd.sql.ddl",
    "generate": "gcd.sql.answer",
    "load": "gcd.sql.artifact",
    "returns_rows": "gcd.sql.read_only",
    "run": "gcd.sql.read_only",
    "runs": "gcd.sql.read_only",
}

__all__ = [
    "Answer",
    "Catalogue",
    "Column",
    "Function",
    "Rows",
    "SqlGrammar",
    "SqlOptions",
    "Table",
    "from_database",
    "from_ddl",
    "generate",
    "load",
    "returns_rows",
    "run",
    "runs",
]


__getattr__, __dir__ = lazy_exports(__name__, globals(), _PUBLIC)
