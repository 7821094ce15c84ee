"""The engines, one file each, behind the interface of bench/harness/engine.py.

gcd runs in the project's environment, the peers in theirs (``make bench`` builds it).
"""

import os
import sys
from importlib import import_module
from pathlib import Path

from bench.harness.engine import Engine

ROOT = Path(__file__).parents[2]

ENGINES = ("gcd", "llguidance", "xgrammar")
PEERS = ENGINES[1:]

SCHEMA_ENGINES = (*ENGINES, "outlines_core", "lm_format_enforcer")
"""Those that take JSON Schema."""

SUFFIXES = {"gcd": ".lark", "llguidance": ".lark", "xgrammar": ".gbnf"}


def load_engine(name: str) -> type[Engine]:
    """The engine's class; imports the engine."""
    found: type[Engine] = import_module(f"bench.engines.{name}").Adapter
    return found


def interpreter(name: str) -> Path | None:
    """The Python that the engine is installed in (BENCH_PYTHON for the peers); None where it can't be found."""
    if name == "gcd":
        return Path(sys.executable)
    path = Path(os.environ.get("BENCH_PYTHON") or ROOT / ".venv-bench" / "bin" / "python")
    return path if path.exists() else None


def writings(engine: str, grammar: str) -> list[Path]:
    """The files that write a grammar for an engine, the plainest first; ours where it has none of its own."""
    ours = ROOT / "grammars" / f"{grammar}.lark"
    if engine == "gcd":
        return [ours]
    folder = ROOT / "bench" / "grammars" / engine
    suffix = SUFFIXES[engine]
    return [*sorted(folder.glob(f"{grammar}{suffix}")), *sorted(folder.glob(f"{grammar}-*{suffix}"))] or [ours]
