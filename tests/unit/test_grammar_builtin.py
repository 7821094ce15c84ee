"""The grammars that come with gcd, by name: `Grammar.builtin`, ``gcd grammars``, and their way into a wheel."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import gcd
from gcd.cli import main
from gcd.errors import GrammarError
from gcd.grammar import builtin

ROOT = Path(__file__).parents[2]
BYTES = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), None], eos_ids=[256])


def run(*args, **options):
    return CliRunner().invoke(main, [str(a) for a in args], **options)


def test_names():
    assert builtin.names() == sorted(path.stem for path in (ROOT / "grammars").glob("*.lark"))
    assert {"json", "sql", "python"} < set(builtin.names())


def test_a_grammar():
    compiled = gcd.compile(gcd.Grammar.builtin("semver"), BYTES)
    matcher = compiled.matcher()
    assert matcher.accept_bytes(b"1.2.3-rc.1")
    assert matcher.is_complete
    assert not compiled.matcher().accept_bytes(b"01")


def test_start_and_options():
    assert [start.name for start in gcd.Grammar.builtin("sql", "script").starts] == ["script"]
    assert gcd.Grammar.builtin("semver", parser="earley", lexer="dynamic").mode == "earley/dynamic"
    with pytest.raises(GrammarError, match="there is no rule 'nope'"):
        gcd.Grammar.builtin("sql", "nope")


@pytest.mark.parametrize("name", ["sq", "../grammars/sql", "", "sql.lark", "SQL"])
def test_unknown_name(name):
    with pytest.raises(GrammarError, match="comes with gcd"):
        gcd.Grammar.builtin(name)


def test_unknown_name_has_a_remedy():
    with pytest.raises(GrammarError) as error:
        builtin.path("sqll")
    assert error.value.remedy == "'sql'"


@pytest.mark.parametrize("name", builtin.names())
def test_header(name):
    header = builtin.header(name)
    assert header.name == name
    assert header.title
    assert header.source
    assert header.dialect
    assert header.gaps
    assert header.options["parser"] in ("lalr", "earley")


def test_command_list():
    lines = run("grammars").output.splitlines()
    assert [line.split()[0] for line in lines] == builtin.names()
    assert run("grammars", "list").output.splitlines() == lines
    listed = json.loads(run("grammars", "list", "--json").output)
    assert [each["name"] for each in listed] == builtin.names()
    assert listed[0]["gaps"]


def test_command_show():
    text = builtin.path("csv").read_text()
    assert run("grammars", "show", "csv").output == text
    shown = json.loads(run("grammars", "show", "csv", "--json").output)
    assert shown["text"] == text
    assert shown["path"] == str(builtin.path("csv"))
    assert shown["source"] == "RFC 4180, section 2."
    failed = run("grammars", "show", "cvs")
    assert failed.exit_code == 3
    assert "no grammar 'cvs' comes with gcd" in failed.stderr
    assert "'csv'" in failed.stderr


def test_compile_by_name(tmp_path, monkeypatch, tokenizer_folder):
    """The name of a grammar stands for it where no file of this name is there."""
    monkeypatch.chdir(tmp_path)
    tokenizer = tokenizer_folder("gpt2")
    done = run("compile", "semver", "-t", tokenizer, "--fill", 0)
    assert done.exit_code == 0, done.output
    assert run("check", "semver.gcd", "1.2.3").exit_code == 0
    assert run("check", "semver.gcd", "1.2").exit_code == 1
    Path("semver").write_text('start: "x"')
    assert run("compile", "semver", "-t", tokenizer, "--fill", 0).exit_code == 0
    assert run("check", "semver.gcd", "x").exit_code == 0


def test_compile_of_nothing(tmp_path, monkeypatch, tokenizer_folder):
    monkeypatch.chdir(tmp_path)
    assert run("compile", "nope", "-t", tokenizer_folder("gpt2")).exit_code == 3


@pytest.mark.slow
def test_a_build_holds_them(tmp_path):
    """What `build_py` makes is what a wheel holds; from there they are found in the package."""
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    code = "import gcd.grammar.builtin as b; print(b.__file__, b.path('sql'), len(b.names()))"
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    module, sql, n = found.stdout.split()
    assert Path(module).is_relative_to(tmp_path)
    assert sql == str(tmp_path / "gcd" / "grammars" / "sql.lark")
    assert int(n) == len(builtin.names())
