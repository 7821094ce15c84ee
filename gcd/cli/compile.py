"""``gcd compile``."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gcd.cli.grammar_file import named, read_grammar
from gcd.cli.show import Facts, progress, size
from gcd.compiler import compile as compile_grammar
from gcd.limits import Limits
from gcd.vocab import Vocabulary

__all__ = ["run"]

_STAGES = 7
"""grammar, vocabulary, the three of `gcd.compile`, tables, save."""


def run(
    *,
    grammar: str | None,
    database: str | None,
    statements: str,
    tables: tuple[str, ...],
    kind: str,
    tokenizer: str,
    output: str | None,
    start: tuple[str, ...],
    parser: str,
    lexer: str,
    import_path: tuple[str, ...],
    matching: str | None,
    must_include: tuple[str, ...],
    must_not_include: tuple[str, ...],
    lenient: tuple[str, ...],
    guards: str,
    width: int | None,
    eos_id: tuple[int, ...],
    forbid_id: tuple[int, ...],
    fill: int,
    fill_seconds: float,
    limit: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compile, save, and say what came of it and how long it took."""
    limits = _limits(limit)
    if (grammar is None) == (database is None):
        raise click.UsageError("Give either GRAMMAR or --database.")
    # A URL may hold a password, so it is shown nowhere.
    grammar = grammar or "database"
    target = Path(output) if output else Path(Path(grammar).stem + ".gcd")
    if not target.parent.is_dir():
        raise click.BadParameter(f"there is no folder {target.parent}", param_hint="--output")
    clock = _Clock()
    with progress(_STAGES) as tell:
        tell("grammar")
        with clock.time("grammar"), named(grammar):
            ir: Any
            if database is not None:
                others: dict[str, object] = {"--start": start, "--matching": matching, "--guards": guards != "off"}
                ir = _statements(database, statements, tables, others)
            else:
                lark = {"parser": parser, "lexer": lexer, "import_paths": import_path}
                ir = read_grammar(grammar, kind, start, guards=guards, limits=limits, **lark)
            if matching is not None or must_include or must_not_include:
                ir = ir.restrict(
                    matching=matching, must_include=must_include, must_not_include=must_not_include, limits=limits
                )
        tell("vocabulary")
        with clock.time("vocabulary"):
            vocab = _vocabulary(tokenizer, width, eos_id, forbid_id)
        with clock.time("compile"), named(grammar):
            compiled = compile_grammar(ir, vocab, limits=limits, lenient=frozenset(lenient), progress=tell)
        tell("tables")
        with clock.time("tables"):
            positions = compiled.fill_tables(fill, fill_seconds)
        tell("save")
        with clock.time("save"):
            compiled.save(target)
    facts = Facts.of(compiled)
    facts.add("artefact", file=str(target), bytes=target.stat().st_size, positions_filled=positions)
    facts.add("seconds", **{name: round(seconds, 4) for name, seconds in clock.seconds.items()})
    if as_json:
        click.echo(json.dumps(facts.data))
        return
    click.echo(f"{grammar} -> {target} ({size(target.stat().st_size)})")
    facts.show(skip=("artefact", "limits", "seconds"))
    click.echo("  time        " + ", ".join(f"{name} {s:.2f} s" for name, s in clock.seconds.items()))


def _statements(database: str, statements: str, tables: tuple[str, ...], others: dict[str, object]) -> Any:
    """The grammar of a database's statements."""
    from gcd.sql import from_database

    for option, value in others.items():
        if value:
            raise click.BadParameter("only a grammar's file has it", param_hint=option)
    try:
        return from_database(
            database, statements=[kind.strip() for kind in statements.split(",")], tables=tables or None
        )
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--statements") from error


class _Clock:
    """Seconds of each stage, in their order, and in total."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - began


def _vocabulary(tokenizer: str, width: int | None, eos_ids: tuple[int, ...], forbid_ids: tuple[int, ...]) -> Vocabulary:
    try:
        return Vocabulary.from_pretrained(tokenizer, width, eos_ids=eos_ids or None, forbid_ids=forbid_ids)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _limits(texts: tuple[str, ...]) -> Limits:
    """`Limits` from NAME=VALUE."""
    fields = {f.name: f for f in dataclasses.fields(Limits)}
    values: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in fields:
            raise click.BadParameter(f"no limit {name!r}; there are {', '.join(fields)}", param_hint="--limit")
        try:
            number = float(value.replace("_", ""))
            values[name] = number if name == "seconds" or not number.is_integer() else int(number)
        except ValueError:
            raise click.BadParameter(f"{name}={value!r} is not a number", param_hint="--limit") from None
    try:
        return Limits(**values)  # type: ignore[arg-type] # checked there
    except (TypeError, ValueError) as error:
        raise click.BadParameter(str(error), param_hint="--limit") from error
