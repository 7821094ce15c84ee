"""minLength, maxLength, pattern, format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gcd.errors import GrammarError, LimitError, UnsupportedError
from gcd.json_schema.builder import TRUE
from gcd.json_schema.ecma_pattern import search_regex
from gcd.json_schema.formats import FORMATS, OLD_HOSTNAME
from gcd.json_schema.program import NONE, Path, pointer

if TYPE_CHECKING:
    from gcd.json_schema.compiler import SchemaCompiler
    from gcd.json_schema.references import Scope

__all__ = ["format_", "max_length", "min_length", "pattern", "pattern_regex"]


def min_length(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """At least that many characters (code points)."""
    return c.program.text(c.program.length(min(c.count(value, at), NONE - 1)), at)


def max_length(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """At most that many characters (code points)."""
    return c.program.text(c.program.length(0, c.count(value, at)), at)


def pattern(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """The ECMA-262 regular expression matches somewhere in the string."""
    if not isinstance(value, str):
        c.error(at, f"pattern must be a string, not {c.shown(value)}", 'a string: "^[a-z]+$"')
    return c.program.text(pattern_regex(c, value, at), at)


def pattern_regex(c: SchemaCompiler, text: str, at: Path) -> int:
    """The regex of strings in which the pattern is found."""
    regex = c.patterns.get(text)
    if regex is None:
        try:
            regex = c.patterns[text] = search_regex(text, c.program, c.limits)
        except (GrammarError, LimitError) as error:
            error.place = f"{pointer(at)}, {error.place}" if error.place else pointer(at)
            if isinstance(error, (UnsupportedError, LimitError)):
                raise
            remedy = error.remedy or "a pattern that JavaScript's RegExp(pattern, 'u') takes"
            c.error(at, f"this is no regular expression of ECMA-262 (flag u): {error.cause}", remedy)
    return regex


def format_(c: SchemaCompiler, value: Any, schema: dict[str, Any], at: Path, scope: Scope) -> int:
    """One of the specification's formats; others are annotations."""
    if not isinstance(value, str):
        c.error(at, f"format must be a string, not {c.shown(value)}", 'a string: "date-time"')
    known = FORMATS.get(value)
    if known is None:
        c.mark(at, "annotation", f"the specification has no format {value!r}")
        c.unknown_formats[at] = value
        return TRUE
    if not (c.assert_formats or scope.dialect.asserts_formats):
        c.mark(at, "annotation", "formats are annotations here")
        return TRUE
    if value == "hostname" and scope.dialect.hostnames_by_letters:
        known = OLD_HOSTNAME
    if known.tightened:
        c.mark(at, "tightened", known.tightened)
    regex = c.formats.get(known.name)
    if regex is None:
        regex = c.formats[known.name] = known.regex(c.program)
    return c.program.text(regex, at)
