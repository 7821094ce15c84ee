"""Grammars from files: Lark, a regular expression, a list of choices, JSON Schema, an artefact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gcd.compiled_grammar import CompiledGrammar, load
from gcd.errors import GrammarError, UnsupportedError
from gcd.limits import Limits
from gcd.vocab import Vocabulary

__all__ = ["KINDS", "compiled_for", "file_of", "named", "read_grammar"]

KINDS = {".lark": "lark", ".regex": "regex", ".re": "regex", ".txt": "choices", ".json": "schema"}
"""The ending of a file -> what it holds."""

_LABEL = b"gcd\x00art\n"


def read_grammar(
    path: str,
    kind: str = "auto",
    start: Sequence[str] = (),
    *,
    guards: str = "off",
    limits: Limits | None = None,
    **lark: Any,
) -> Any:
    """The grammar in a file.

    Args:
        path: the file; or, where there is none, the name of a grammar that comes with gcd.
        kind: "lark", "regex", "choices" (a line each) or "schema"; "auto": by the file's ending, else Lark.
        start: start symbols, of a Lark grammar.
        guards: of a JSON Schema: "off" or "safe".
        limits: bounds on the work.
        lark: further options of `Grammar.from_lark`.

    Raises:
        GrammarError: it is wrong.
        OSError: it can't be read.
        click.BadParameter: options that this kind doesn't have.
    """
    from gcd.grammar.ir import Grammar

    path = file_of(path)
    kind = KINDS.get(Path(path).suffix, "lark") if kind == "auto" else kind
    limits = limits or Limits()
    if guards != "off" and kind != "schema":
        raise click.BadParameter(f"{path} is no JSON Schema, and only those have guards", param_hint="--guards")
    if kind == "lark":
        return Grammar.from_lark(Path(path), list(start) or None, limits=limits, **lark)
    given = ["start"] * bool(start) + [name for name, value in lark.items() if value and value != "auto"]
    if given:
        option = f"--{given[0].replace('_paths', '-path')}"
        raise click.BadParameter(f"{path} is not a Lark grammar, and only those have it", param_hint=option)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise GrammarError(f"not UTF-8: {error.reason} at byte {error.start}", name=path) from error
    if kind == "choices":
        return Grammar.from_choices([line for line in text.splitlines() if line], limits=limits)
    if kind == "regex":
        return Grammar.from_regex(text.removesuffix("\n"), limits=limits)
    from_schema: Callable[..., Any] | None = getattr(Grammar, "from_json_schema", None)
    if from_schema is None:
        raise UnsupportedError.of("JSON Schema", "this version of gcd doesn't read JSON Schema", name=path)
    return from_schema(text, guards=guards, limits=limits)


def file_of(path: str) -> str:
    """The path itself; where nothing is there, that of the grammar that comes with gcd by this name."""
    if not Path(path).exists():
        from gcd.grammar import builtin

        if path in builtin.names():
            return str(builtin.path(path))
    return path


def compiled_for(path: str, vocab: Vocabulary, start: str | None, lenient: Sequence[str] = ()) -> CompiledGrammar:
    """A compiled grammar for a vocabulary: an artefact is loaded, anything else compiled.

    Raises:
        ArtifactError: it was compiled for another vocabulary.
    """
    path = file_of(path)
    with Path(path).open("rb") as file:
        is_artifact = file.read(len(_LABEL)) == _LABEL
    if is_artifact:
        return load(path, vocab)
    from gcd.compiler import compile as compile_grammar

    with named(path):
        return compile_grammar(read_grammar(path, start=[start] if start else []), vocab, lenient=frozenset(lenient))


@contextmanager
def named(path: str) -> Iterator[None]:
    """Give the grammar's file to errors that know a place in it, but not its name."""
    try:
        yield
    except GrammarError as error:
        if error.place is None or error.place.startswith("line "):
            error.place = f"{path}, {error.place}" if error.place else path
        raise
