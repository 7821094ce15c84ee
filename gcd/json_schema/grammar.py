"""`load`: a JSON Schema in any of its forms -> `SchemaGrammar`, what `gcd.compile` takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from gcd.errors import SchemaError, UnsupportedError
from gcd.json_schema.compiler import SchemaCompiler
from gcd.json_schema.dialects import DIALECTS, DRAFT_2020, Dialect, by_uri
from gcd.json_schema.program import OutputOptions, Path, SchemaProgram, pointer
from gcd.json_schema.references import References
from gcd.json_schema.source import read
from gcd.limits import Limits

if TYPE_CHECKING:
    from referencing import Registry

__all__ = ["CoverageEntry", "SchemaGrammar", "load"]

_DEFAULT_LIMITS = Limits()


class CoverageEntry(NamedTuple):
    """What became of one keyword."""

    pointer: str
    keyword: str
    status: str
    """``exact``; ``annotation``: it constrains nothing, by the standard; ``tightened``: it allows less than it says."""
    why: str = ""


@dataclass(frozen=True, eq=False)
class SchemaGrammar:
    """A JSON Schema, ready to be compiled. Immutable."""

    program: SchemaProgram
    dialect: str
    name: str = ""
    """The file that it came from."""
    _keywords: list[tuple[Path, Dialect]] = field(default_factory=list, repr=False)
    _marks: dict[Path, tuple[str, str]] = field(default_factory=dict, repr=False)

    @property
    def coverage(self) -> tuple[CoverageEntry, ...]:
        """What became of each keyword, in the order in which they were read."""
        entries = []
        for at, dialect in self._keywords:
            status, why = self._marks.get(at, ("exact", ""))
            if at not in self._marks and at[1] not in dialect.handlers:
                status = "annotation"
                why = "" if at[1] in dialect.annotations else "unknown keyword"
            entries.append(CoverageEntry(pointer(at), at[1], status, why))
        return tuple(entries)


def load(
    schema: object,
    *,
    dialect: str | None = None,
    format: str = "assert",  # noqa: A002 - the keyword's name
    registry: Registry[Any] | Mapping[str, Any] | None = None,
    additional_properties: str = "schema",
    options: OutputOptions = OutputOptions(),  # noqa: B008 - frozen
    limits: Limits = _DEFAULT_LIMITS,
) -> SchemaGrammar:
    """Read a JSON Schema."""
    if format not in ("assert", "annotate"):
        raise ValueError(f'format must be "assert" or "annotate", not {format!r}')
    if additional_properties not in ("schema", "closed"):
        raise ValueError(f'additional_properties must be "schema" or "closed", not {additional_properties!r}')
    value, name = read(schema, limits)
    if dialect is None:
        chosen = _dialect_of(value, DRAFT_2020, ((None, ""), "$schema"))
    elif dialect in DIALECTS:
        chosen = DIALECTS[dialect]
    else:
        raise ValueError(f"dialect must be one of {', '.join(DIALECTS)}, not {dialect!r}")
    compiler = SchemaCompiler(
        value,
        References(value, chosen, registry, _dialect_of),
        assert_formats=format == "assert",
        ordered=options.property_order == "schema",
        closed=additional_properties == "closed",
        limits=limits,
    )
    program = compiler.compile(options)
    return SchemaGrammar(program, chosen.name, name, compiler.keywords, compiler.marks)


def _dialect_of(schema: Any, default: Dialect, at: Path) -> Dialect:
    """The dialect that a schema's ``$schema`` asks for."""
    uri = schema.get("$schema") if type(schema) is dict else None
    if uri is None:
        return default
    if type(uri) is not str:
        raise SchemaError.at(pointer(at), "$schema must be a URI, a string")
    found = by_uri(uri)
    if found is None and "json-schema.org/draft-0" in uri:
        raise UnsupportedError.of("draft 3", f"{uri} is not supported", place=pointer(at), remedy="draft 4 or later")
    return found or default
