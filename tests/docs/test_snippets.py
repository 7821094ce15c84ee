"""Every snippet of the README and of the pages on use is run, in the order of its page, in a folder of its own.

* ``python`` blocks with ``>>>`` are doctests; others are executed. A page's blocks share their names.
* ``console`` blocks: lines that begin with ``$ `` are given to bash; what follows must be their output (standard error
  among it), ``...`` standing for anything.
* a block after ``<!-- file: NAME -->`` is that file.
* a page that uses the real model needs it; names of models and tokenizers are links to the local ones.
"""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_USE = ("quickstart", "command-line", "hosts", "tokenizers", "composition", "sampling", "grammar-aligned")
_SERVE = ("migration", "processes", "token-budgets", "text-to-sql")
_NAMES = (*_USE, *_SERVE, "compatibility")
PAGES = ["README.md", *(f"docs/{name}.md" for name in _NAMES)]
MODEL_PAGES = {"README.md", "docs/hosts.md", "docs/command-line.md", "docs/migration.md", "docs/text-to-sql.md"}
PROSE = ["docs/glossary.md"]
MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
BLOCK = re.compile(r"^(?:<!-- (?P<note>.*?) -->\n)?```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


@pytest.fixture
def folder(tmp_path, monkeypatch, tokenizer_folder):
    """An empty folder with what the pages name, and `gcd` and `python` on the path."""
    (tmp_path / MODEL).parent.mkdir()
    (tmp_path / MODEL).symlink_to(tokenizer_folder("smollm2"))
    (tmp_path / "gpt2").symlink_to(tokenizer_folder("gpt2"))
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    bin_folder = tmp_path / ".bin"
    bin_folder.mkdir()
    gcd = f"{sys.executable} -c 'from gcd.cli import main; main(prog_name=\"gcd\")'"
    for name, command in (("gcd", gcd), ("python", sys.executable)):
        (bin_folder / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (bin_folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "page", [pytest.param(p, marks=[pytest.mark.model] if p in MODEL_PAGES else []) for p in PAGES]
)
def test_snippets(page, folder, request):
    if page in MODEL_PAGES:
        (folder / MODEL).unlink()
        (folder / MODEL).symlink_to(request.getfixturevalue("smollm2_folder"))
    text = (ROOT / page).read_text()
    names = {"__name__": "__main__"}
    n_run = 0
    for block in BLOCK.finditer(text):
        kind, body, note = block["kind"], block["body"], block["note"] or ""
        line = text.count("\n", 0, block.start("body"))
        if note.startswith("file: "):
            (folder / note.removeprefix("file: ")).write_text(body)
        elif kind == "python":
            run_python(body, names, page, line)
        elif kind == "console":
            run_console(body, folder)
        else:
            assert kind in ("", "lark"), f"{page}:{line}: a {kind} block, which nothing runs"
            continue
        n_run += 1
    assert n_run


def run_python(body, names, page, line):
    if ">>>" not in body:
        exec(compile("\n" * line + body, ROOT / page, "exec"), names)
        return
    test = doctest.DocTestParser().get_doctest(body, names, page, str(ROOT / page), line)
    said = []
    runner = doctest.DocTestRunner()
    runner.run(test, out=said.append, clear_globs=False)
    assert not runner.failures, "".join(said)
    names.update(test.globs)


def run_console(body, folder):
    commands = re.split(r"^\$ ", body, flags=re.MULTILINE)
    assert not commands[0], "a console block begins with a command"
    for part in commands[1:]:
        command, _, expected = part.partition("\n")
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False, timeout=300
        )
        got = done.stdout + done.stderr if "echo status" not in command else done.stderr + done.stdout
        pattern = ".*?".join(re.escape(piece) for piece in expected.rstrip("\n").split("..."))
        assert re.fullmatch(pattern, got.rstrip("\n"), re.DOTALL), f"$ {command}\n{got}"


@pytest.mark.parametrize("page", [*PAGES, *PROSE])
def test_links(page):
    """What a page links to is there, and has the heading."""
    text = (ROOT / page).read_text()
    for target, anchor in LINK.findall(text):
        path = ((ROOT / page).parent / target).resolve() if target else ROOT / page
        assert path.exists(), f"{page} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor in slugs, f"{page} links to {target}#{anchor}"


def test_glossary_is_sorted():
    words = re.findall(r"^\*\*([^*]+)\*\*", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    assert len(words) > 20
    assert words == sorted(words)
