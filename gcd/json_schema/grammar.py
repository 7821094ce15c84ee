"""`load`: a JSON Schema in any of its forms -> `SchemaGrammar`, what `gcd.compile` takes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from gcd.json_schema.compiler import SchemaCompiler
from gcd.json_schema.dialects import DIALECTS, DRAFT_2020, Dialect
from gcd.json_schema.formats import FORMATS
from gcd.json_schema.guards import Guards, guards_of
from gcd.json_schema.memo import Memo, key_of
from gcd.json_schema.metaschemas import MetaSchemas
from gcd.json_schema.program import OutputOptions, Path, SchemaProgram, pointer
from gcd.json_schema.references import References
from gcd.json_schema.source import read
from gcd.json_schema.spelling import likely_meant
from gcd.limits import Limits

if TYPE_CHECKING:
    from referencing import Registry

__all__ = ["CoverageEntry", "SchemaGrammar", "load"]

_DEFAULT_LIMITS = Limits()
_DEFAULT_OPTIONS = OutputOptions()
_FORMAT_NAMES = tuple(FORMATS)


class CoverageEntry(NamedTuple):
    """What became of one keyword."""

    pointer: str
    """Where it stands: ``#/properties/a/format``."""
    keyword: str
    status: str
    """``exact``: it means what the standard says. ``annotation``: by the standard, or the way it stands here, it
    constrains nothing. ``tightened``: some of what it allows is left out, never anything let in that it forbids."""
    why: str = ""


@dataclass(frozen=True, eq=False)
class SchemaGrammar:
    """A JSON Schema, read and ready to be compiled. Immutable.

    Attributes:
        program: what the engine reads.
        dialect: the name of the schema's dialect ("2020-12", "draft-07", "openapi-3.0").
        name: the file that it came from, or "".
        coverage: what became of each keyword, in the order in which they were read.
        warnings: what is allowed and yet probably a mistake, with its place.
    """

    program: SchemaProgram
    dialect: str
    name: str = ""
    _keywords: tuple[tuple[Path, Dialect], ...] = field(default=(), repr=False)
    _marks: Mapping[Path, tuple[str, str]] = field(default_factory=dict, repr=False)
    _unknown_dialects: Mapping[str, Path] = field(default_factory=dict, repr=False)
    _formats: Mapping[Path, str] = field(default_factory=dict, repr=False)

    @property
    def coverage(self) -> tuple[CoverageEntry, ...]:
        """What became of each keyword. Made on request: compiling a schema doesn't need it."""
        entries = []
        for at, dialect in self._keywords:
            keyword = at[1]
            if at in self._marks:
                status, why = self._marks[at]
            elif keyword in dialect.handlers:
                status, why = "exact", ""
            else:
                status, why = "annotation", "" if keyword in dialect.annotations else "unknown keyword"
            entries.append(CoverageEntry(pointer(at), keyword, status, why))
        return tuple(entries)

    @property
    def tightened(self) -> tuple[CoverageEntry, ...]:
        """The keywords that allow less than the standard says."""
        marked = [(at, why) for at, (status, why) in self._marks.items() if status == "tightened"]
        return tuple(CoverageEntry(pointer(at), at[1], "tightened", why) for at, why in marked)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Likely mistakes: misspelled keywords and formats, keywords of other drafts, an unknown ``$schema``."""
        found = [
            f"{pointer(at)}: nobody knows the dialect {uri}; read as {self.dialect}"
            for uri, at in self._unknown_dialects.items()
        ]
        for at, dialect in self._keywords:
            keyword = at[1]
            if keyword in dialect.handlers or keyword in dialect.annotations or keyword.startswith("x-"):
                continue
            others = [name for name, d in DIALECTS.items() if keyword in d.handlers and name != "openapi-3.0"]
            if others:
                found.append(f"{pointer(at)}: {keyword} says nothing in {dialect.name}; it is one of {others[-1]}")
                continue
            meant = likely_meant(keyword, dialect.keywords)
            if meant:
                found.append(f"{pointer(at)}: {keyword} is no keyword; was {meant} meant?")
        for at, name in self._formats.items():
            meant = likely_meant(name, _FORMAT_NAMES)
            if meant:
                found.append(f"{pointer(at)}: the specification has no format {name!r}; was {meant!r} meant?")
        return tuple(found)

    @property
    def hash(self) -> bytes:
        """SHA-256 of what the engine reads, output options included: equal grammars have equal hashes."""
        return hashlib.sha256(self.program.to_bytes()).digest()


_MEMO: Memo[SchemaGrammar] = Memo(max_bytes=4_000_000)
"""Of all schemas of this process: some thousands of usual size."""


def load(
    schema: object,
    *,
    dialect: str | None = None,
    format: str = "assert",  # noqa: A002 - the keyword's name
    registry: Registry[Any] | Mapping[str, Any] | None = None,
    additional_properties: str = "schema",
    options: OutputOptions = _DEFAULT_OPTIONS,
    guards: Guards | str = "off",
    limits: Limits = _DEFAULT_LIMITS,
) -> SchemaGrammar:
    """Read a JSON Schema. An equal schema read before, with equal options and no registry, gives the same grammar.

    Args:
        schema: a dict or bool, JSON text (str or bytes), or a path (`pathlib.Path`).
        dialect: "draft-04", "draft-06", "draft-07", "2019-09", "2020-12" or "openapi-3.0"; by default what ``$schema``
            says, and 2020-12 where it says nothing.
        format: "assert": a string with one of the specification's formats must have it. "annotate": formats constrain
            nothing, as the standard has it by default (but where the meta-schema has the format-assertion vocabulary).
        registry: further documents that references may lead to: a mapping from URI to schema, or a
            `referencing.Registry`. The drafts' own meta-schemas are always there. Nothing is fetched.
        additional_properties: "schema": objects are as open as the schema leaves them, by the standard. "closed": where
            a schema names any members of an object, others are allowed only if it says so.
        options: how documents are spelled.
        guards: bounds on what is endless in JSON: "off", "safe" (`gcd.json_schema.SAFE_GUARDS`), or your own.
        limits: bounds; `max_productions` is one on the program's nodes.

    Raises:
        SchemaError: the schema is wrong; `SchemaRefError` if a reference leads nowhere or in circles.
        UnsupportedError: it uses what can't be compiled: backreferences, draft 3, an unknown required vocabulary.
        LimitError: it is too large, too deep, or takes too long.
    """
    if format not in ("assert", "annotate"):
        raise ValueError(f'format must be "assert" or "annotate", not {format!r}')
    if additional_properties not in ("schema", "closed"):
        raise ValueError(f'additional_properties must be "schema" or "closed", not {additional_properties!r}')
    if dialect is not None and dialect not in DIALECTS:
        raise ValueError(f"dialect must be one of {', '.join(DIALECTS)}, not {dialect!r}")
    guards = guards_of(guards)
    # What a registry holds may change, so only schemas that stand alone are remembered. Text is known by its bytes,
    # before it is read.
    how = (dialect, format, additional_properties, options, guards, limits)
    content = schema.encode("utf-8", "surrogatepass") if isinstance(schema, str) and registry is None else None
    key = (content or b"", ("text", *how))
    if content is not None and (known := _MEMO.get(key)):
        return known
    value, name = read(schema, limits)
    if content is None:
        content = key_of(value) if registry is None else None
        key = (content or b"", (name, *how))
        if content is not None and (known := _MEMO.get(key)):
            return known
    metaschemas = MetaSchemas(registry)
    asked = ((None, ""), "$schema")
    chosen = metaschemas.dialect(value, DRAFT_2020, asked) if dialect is None else DIALECTS[dialect]
    compiler = SchemaCompiler(
        value,
        References(value, chosen, registry, metaschemas),
        assert_formats=format == "assert",
        ordered=options.property_order == "schema",
        closed=additional_properties == "closed",
        limits=limits,
    )
    program = replace(compiler.compile(options), guards=guards)
    grammar = SchemaGrammar(
        program,
        chosen.name,
        name,
        tuple(compiler.keywords),
        compiler.marks,
        metaschemas.unknown,
        compiler.unknown_formats,
    )
    if content is not None:
        _MEMO.keep(key, grammar)
    return grammar
