"""JSON Schema: the front end, which turns a schema into a `SchemaProgram` for the native engine."""

from gcd.json_schema.grammar import CoverageEntry, SchemaGrammar, load
from gcd.json_schema.program import OutputOptions, SchemaProgram

__all__ = ["CoverageEntry", "OutputOptions", "SchemaGrammar", "SchemaProgram", "load"]
