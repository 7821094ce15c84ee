"""JSON Schema: the front end, which turns a schema into a `SchemaProgram` for the native engine.

::

    schema (dict, bool, text, path, Python type) -> source, python_types: plain values
      -> references: what refers to what   metaschemas, dialects: which keywords there are
      -> compiler with keywords/, ecma_pattern, formats/: one walk, keyword by keyword
      -> builder: tables without repetitions -> program: SchemaProgram
"""

from gcd.json_schema.grammar import CoverageEntry, SchemaGrammar, load
from gcd.json_schema.guards import SAFE_GUARDS, Guards
from gcd.json_schema.program import OutputOptions, SchemaProgram
from gcd.json_schema.python_types import from_pydantic, from_signature

__all__ = [
    "SAFE_GUARDS",
    "CoverageEntry",
    "Guards",
    "OutputOptions",
    "SchemaGrammar",
    "SchemaProgram",
    "from_pydantic",
    "from_signature",
    "load",
]
