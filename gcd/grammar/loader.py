"""Lark's own grammar loader, with imports that stay where they belong.

Lark resolves an import by trying, in order, the `import_paths`, for a relative import the folder of the importing file
(for a grammar given as text: of the main script, or the current directory), and its own library. It follows links
anywhere, and doesn't notice files that import each other. Here an import reaches only

- Lark's own library,
- the given import paths (folders, or Lark's loader functions),
- for a grammar given as a path: its own folder and below,

never above these, nor through a link out of them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lark.lexer import Token
from lark.load_grammar import Definition, GrammarBuilder, PackageResource, _get_mangle, stdlib_loader
from lark.load_grammar import Grammar as LarkGrammar

from gcd.errors import GrammarError, LimitError
from gcd.grammar.ir import SourceSpan
from gcd.grammar.source import Source
from gcd.grammar.translate import translated
from gcd.limits import Limits

__all__ = ["ImportPath", "Importer", "load"]

ImportPath = str | os.PathLike[str] | Callable[[Any, str], tuple[Any, str]]
"""A folder, or a loader function of Lark's kind: (base path, relative path) -> (path, text)."""

_MAX_IMPORTS = 500
"""Files read for one grammar. Files that import each other end here, or at the nesting of `_MAX_DEPTH`."""
_MAX_DEPTH = 40


def load(
    source: Source,
    importer: Importer,
    check: Callable[[Mapping[str, Definition], Mapping[str, SourceSpan]], None],
) -> LarkGrammar:
    """Lark's parsed grammar.

    Args:
        source: the text.
        importer: what it may import from.
        check: is shown the definitions by name, and where each stands, before anything is done with them that takes
            time in the size of what they expand to.
    """
    builder = _Builder(importer, source, importer.main_folder, {})
    builder.load_grammar(source.text, source.name or "<string>")
    check(builder._definitions, builder.spans)
    with translated(source):
        return builder.build()


class Importer:
    """Finds and reads imported grammars, within bounds.

    Args:
        limits: the bounds on what is read in all.
        import_paths: folders and loader functions.
        main_folder: the folder of the grammar, if it was given as a path.
        size: bytes read already (the grammar itself).
    """

    def __init__(self, limits: Limits, import_paths: Sequence[ImportPath], main_folder: Path | None, size: int) -> None:
        self.limits = limits
        self.main_folder = main_folder
        self._paths = [p if callable(p) else Path(p).resolve() for p in import_paths]
        self._roots = [p for p in self._paths if isinstance(p, Path)] + ([main_folder] if main_folder else [])
        self._size = size
        self._count = 0

    def open(
        self, dotted: Sequence[str], folder: Path | PackageResource | None, relative: bool
    ) -> tuple[Source, Path | PackageResource | None]:
        """Read the grammar of a dotted name.

        Args:
            dotted: the name's parts.
            folder: the importing grammar's folder, where it has one.
            relative: the import began with a dot.

        Returns:
            The text, and the folder that its own relative imports start from.
        """
        self._count += 1
        if self._count > _MAX_IMPORTS:
            raise GrammarError(f"more than {_MAX_IMPORTS} imports", remedy="check whether grammars import each other")
        name = ".".join(dotted)
        file = str(Path(*dotted)) + ".lark"
        refused = None
        # What loader functions get as their base: None for an import by absolute name, as in Lark.
        base: Any = None
        if relative:
            base = folder if isinstance(folder, PackageResource) else os.fspath(folder or "")
        for path in [*self._paths, *([folder] if relative and isinstance(folder, Path) else [])]:
            if isinstance(path, Path):
                found = path / file
                if not found.is_file():
                    continue
                real = found.resolve()
                if not any(real.is_relative_to(root) for root in self._roots):
                    refused = found
                    continue
                return self._source(_read(real, self._room), name), found.parent
            try:
                origin, text = path(base, file)
            except OSError:
                continue
            return self._source(text, name), _folder_of(origin)
        try:
            # Lark's library. A relative import within it arrives with the folder that it gave us.
            origin, text = stdlib_loader(base, file)
        except OSError:
            pass
        else:
            return self._source(text, name), _folder_of(origin)
        if refused is not None:
            raise GrammarError(
                f"the import {name!r} leads through a link out of the folders that imports may reach: {refused}",
                remedy="name the folder that it leads to in import_paths=",
            )
        searched = ", ".join(["Lark's library", *map(str, self._roots)])
        hint = (
            "give the grammar as a path, or name its folder in import_paths=" if relative else "import_paths=[folder]"
        )
        raise GrammarError(f"there is no grammar {name!r} to import (searched: {searched})", remedy=hint)

    @property
    def _room(self) -> int:
        return max(0, self.limits.max_grammar_bytes - self._size)

    def _source(self, text: str, name: str) -> Source:
        self._size += len(text.encode("utf-8", "surrogatepass"))
        if self._size > self.limits.max_grammar_bytes:
            raise LimitError.of("max_grammar_bytes", self.limits.max_grammar_bytes, self._size, name=name)
        source = Source(text, name)
        source.check(self.limits)
        return source


def _folder_of(origin: object) -> Path | PackageResource | None:
    if isinstance(origin, PackageResource):
        return PackageResource(origin.pkg_name, os.path.split(origin.path)[0])
    return Path(origin).resolve().parent if isinstance(origin, (str, os.PathLike)) else None


def read_file(path: Path, limits: Limits) -> str:
    """The text of a grammar file, if it is a regular one and not too large."""
    return _read(path, limits.max_grammar_bytes)


def _read(path: Path, room: int) -> str:
    try:
        # Without O_NONBLOCK, opening a pipe would wait for someone to write to it.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise GrammarError("this is no regular file", name=str(path))
            data = file.read(room + 1)
            if len(data) > room:
                raise LimitError.of("max_grammar_bytes", room, status.st_size, name=str(path))
            return data.decode("utf-8").replace("\r\n", "\n")
    except OSError as error:
        raise GrammarError(f"the grammar can't be read: {error.strerror or error}", name=str(path)) from None
    except UnicodeDecodeError as error:
        raise GrammarError(f"the grammar is not UTF-8: {error.reason} at byte {error.start}", name=str(path)) from None


class _Builder(GrammarBuilder):
    """Lark's builder, which hands imports to an `Importer` and notes where definitions stand.

    Args:
        importer: reads imports.
        source: the text to load.
        folder: where its relative imports start.
        spans: by the names that definitions have in the grammar as a whole; shared by all builders of one grammar.
        depth: how many imports lead here.
    """

    def __init__(
        self,
        importer: Importer,
        source: Source,
        folder: Path | PackageResource | None,
        spans: dict[str, SourceSpan],
        depth: int = 0,
    ) -> None:
        super().__init__(False, [], {})
        self.spans = spans
        self._importer = importer
        self._source = source
        self._folder = folder
        self._depth = depth
        self._imported_sizes: dict[str, int] = {}
        self.terminal_sizes = source.terminal_sizes({}, importer.limits)

    def load_grammar(
        self, grammar_text: str, grammar_name: str = "<?>", mangle: Callable[[str], str] | None = None
    ) -> None:
        """As in Lark, with errors that point into this text."""
        with translated(self._source):
            super().load_grammar(grammar_text, grammar_name, mangle)

    def _unpack_import(self, stmt: Any, grammar_name: str) -> tuple[tuple[str, ...], bool | None, dict[str, str]]:
        dotted, base, aliases = super()._unpack_import(stmt, "<string>")  # type: ignore[no-untyped-call]
        return dotted, base is not None or None, aliases

    def _unpack_definition(self, tree: Any, mangle: Any) -> Any:
        unpacked = super()._unpack_definition(tree, mangle)  # type: ignore[no-untyped-call]
        for child in tree.children:
            if isinstance(child, Token) and child.type in ("RULE", "TERMINAL"):
                self.spans[str(unpacked[0])] = SourceSpan(child.line or 0, child.column or 0, self._source.name)
                break
        return unpacked

    def do_import(
        self,
        dotted_path: tuple[str, ...],
        base_path: Any,
        aliases: dict[str, str],
        base_mangle: Callable[[str], str] | None = None,
    ) -> None:
        """Load what an ``%import`` names. As in Lark, but for where the text comes from."""
        at = self._source.use(dotted_path[0]) or SourceSpan()
        if self._depth >= _MAX_DEPTH:
            raise self._source.error_at(
                f"imports are nested deeper than {_MAX_DEPTH}", at, remedy="check whether grammars import each other"
            )
        try:
            source, folder = self._importer.open(dotted_path, self._folder, bool(base_path))
        except GrammarError as error:
            if error.line is None and error.place is None:
                raise self._source.error_at(error.cause, at, remedy=error.remedy) from None
            raise
        mangle = _get_mangle("__".join(dotted_path), aliases, base_mangle)  # type: ignore[no-untyped-call]
        builder = _Builder(self._importer, source, folder, self.spans, self._depth + 1)
        builder.load_grammar(source.text, source.name, mangle)
        builder._remove_unused(map(mangle, aliases))  # type: ignore[no-untyped-call]
        for name in builder._definitions:
            if name in self._definitions:
                raise self._source.error_at(f"{name!r} is imported from {source.name!r}, but defined already", at)
        self._definitions.update(builder._definitions)
        for name, local in aliases.items():
            self._imported_sizes[local] = builder.terminal_sizes.get(name, 1)
        self.terminal_sizes = self._source.terminal_sizes(self._imported_sizes, self._importer.limits)
