"""The package's face: cheap to import, and every public name is there."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gcd


def test_import_is_light():
    code = "import gcd, gcd.vocab, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"gcd.vocab.vocabulary"} <= set(loaded)
    assert not {"torch", "transformers", "tokenizers", "lark", "interegular", "numpy", "rich", "click"} & set(loaded)


@pytest.mark.parametrize("name", [n for n in gcd.__all__ if n != "__version__"])
def test_public_name_exists(name):
    assert getattr(gcd, name).__name__ == name


def test_names_are_listed_once_for_each_reader():
    """__all__ (for star imports), _PUBLIC (for the interpreter) and the imports for type checkers agree."""
    tree = ast.parse(Path(gcd.__file__).read_text(encoding="utf-8"))
    guard = next(n for n in tree.body if isinstance(n, ast.If))
    typed = {alias.name: f.module for f in guard.body if isinstance(f, ast.ImportFrom) for alias in f.names}
    assert typed == gcd._PUBLIC
    assert set(gcd.__all__) == {"__version__", *gcd._PUBLIC}
    assert set(gcd.__all__) <= set(dir(gcd))


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = gcd.nope
