"""What the commands show: facts about a compiled grammar, progress, sizes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from gcd.errors import text_width
from gcd.limits import Limits

if TYPE_CHECKING:
    from gcd.compiled_grammar import CompiledGrammar

__all__ = ["Facts", "columns", "progress", "progress_bar", "size"]


@dataclass
class Facts:
    """Facts about a compiled grammar in groups: for programs as `data`, for people as lines."""

    data: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, compiled: CompiledGrammar) -> Facts:
        """The facts that every compiled grammar has."""
        info, vocab, exactness = compiled.info, compiled.vocab, compiled.exactness
        facts = cls()
        facts.add(
            "grammar",
            mode=info.mode,
            starts=list(info.starts),
            terminals=len(info.terminals),
            productions=info.n_productions,
            hash=info.hash,
        )
        facts.add(
            "vocabulary",
            width=vocab.width,
            eos_ids=list(vocab.eos_ids),
            eos=[vocab.token_name(t) for t in vocab.eos_ids],
            fingerprint=vocab.fingerprint,
        )
        facts.add(
            "exactness",
            exact=exactness.exact,
            kinds=sorted(exactness.kinds),
            reasons=list(exactness.reasons),
            notes=list(exactness.notes),
        )
        stats, limits = compiled.stats(), Limits()
        facts.add("automata", **stats)
        used = {
            "max_grammar_bytes": len(info.source.encode("utf-8", "surrogatepass")),
            "max_terminals": len(info.terminals),
            "max_productions": info.n_productions,
            "max_lexer_states": stats.get("lexer_states", stats.get("states", 0)),
            "max_rows": stats.get("rows", 0),
            "memo_bytes": stats.get("mask_bytes", 0) + stats.get("row_bytes", 0),
        }
        facts.add("limits", **{name: {"used": n, "default": getattr(limits, name)} for name, n in used.items()})
        return facts

    def add(self, group: str, **facts: Any) -> None:
        """Add a group of facts."""
        self.data[group] = facts

    def show(self, skip: tuple[str, ...] = ()) -> None:
        """Print a line for each group."""
        for group, facts in self.data.items():
            if group not in skip:
                lines = getattr(self, f"_{group}", self._plain)(facts)
                for i, line in enumerate(lines):
                    click.echo(f"  {'' if i else group:<11} {line}")

    @staticmethod
    def _grammar(facts: dict[str, Any]) -> list[str]:
        if facts["mode"] == "json-schema":  # its automaton is built as texts need it
            return ["json-schema"]
        return [
            f"{facts['mode']}, start {', '.join(facts['starts'])}; "
            f"{facts['terminals']:,} terminals, {facts['productions']:,} productions"
        ]

    @staticmethod
    def _vocabulary(facts: dict[str, Any]) -> list[str]:
        ends = ", ".join(f"{name} ({i})" for name, i in zip(facts["eos"], facts["eos_ids"], strict=True)) or "nothing"
        return [f"{facts['width']:,} columns, ends with {ends}; fingerprint {facts['fingerprint'][:12]}"]

    @staticmethod
    def _exactness(facts: dict[str, Any]) -> list[str]:
        first = "exact: proven" if facts["exact"] else f"inexact ({', '.join(facts['kinds'])})"
        return [first, *facts["reasons"], *(f"note: {note}" for note in facts["notes"])]

    @staticmethod
    def _automata(facts: dict[str, Any]) -> list[str]:
        shown = ("lexer_states", "parser_states", "states", "shapes", "rows", "summaries", "readings", "masks")
        return [", ".join(f"{facts[name]:,} {name.replace('_', ' ')}" for name in shown if facts.get(name))]

    @staticmethod
    def _limits(facts: dict[str, Any]) -> list[str]:
        rows = [
            (name, f"{n['used']:,}", f"of {n['default']:,}", f"{n['used'] / n['default']:.1%}" if n["used"] else "")
            for name, n in facts.items()
        ]
        return columns(rows, right=frozenset({1, 2, 3}))

    @staticmethod
    def _artefact(facts: dict[str, Any]) -> list[str]:
        checked = "; all checksums are right" if facts["verified"] else ""
        sections = columns([(name, size(n)) for name, n in facts["sections"].items()], right=frozenset({1}))
        return [f"format {facts['format_version']}, written by gcd {facts['gcd_version']}{checked}", *sections]

    @staticmethod
    def _terminals(facts: dict[str, Any]) -> list[str]:
        rows = []
        for t in facts["listed"]:
            where = ", ".join(filter(None, [t["source"], f"line {t['line']}" if t["line"] else ""]))
            pattern = t["pattern"] if len(t["pattern"]) <= 60 else t["pattern"][:59] + "…"
            rows.append((t["name"], where, "".join(c if c.isprintable() else repr(c)[1:-1] for c in pattern)))
        return columns(rows)

    @staticmethod
    def _plain(facts: dict[str, Any]) -> list[str]:
        return [", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())]


@contextmanager
def progress(n_stages: int) -> Iterator[Callable[[str], None]]:
    """Yield a function to be called with the name of each stage as it begins; a terminal shows a bar of stages."""
    if not sys.stderr.isatty():
        yield lambda _stage: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    parts = (SpinnerColumn(), TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn())
    with Progress(*parts, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=n_stages)
        begun = 0

        def tell(stage: str) -> None:
            nonlocal begun
            bar.update(task, description=stage, completed=begun)
            begun += 1

        yield tell


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function to be called with how many more are done; a terminal shows a bar. None: nothing is shown."""
    if total is None or not sys.stderr.isatty():
        yield lambda _n: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*parts, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda n: bar.advance(task, n)


def columns(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Lines of a table without rules: each column as wide as its widest cell; those in `right` end flush.

    >>> columns([("a", "1"), ("bcd", "20")], right=frozenset({1}))
    ['a     1', 'bcd  20']
    """
    width = [max((text_width(row[i]) for row in rows), default=0) for i in range(max(map(len, rows), default=0))]
    lines = []
    for row in rows:
        padded = ((" " * (width[i] - text_width(cell)), cell, i in right) for i, cell in enumerate(row))
        cells = (pad + cell if flush else cell + pad for pad, cell, flush in padded)
        lines.append("  ".join(cell for cell, w in zip(cells, width, strict=True) if w).rstrip())
    return lines


def size(n_bytes: int) -> str:
    """A number of bytes for people.

    >>> size(999), size(48_200), size(1_260_000)
    ('999 B', '48.2 KB', '1.3 MB')
    """
    if n_bytes < 1000:
        return f"{n_bytes} B"
    return f"{n_bytes / 1e3:.1f} KB" if n_bytes < 1_000_000 else f"{n_bytes / 1e6:.1f} MB"
