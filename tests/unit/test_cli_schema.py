"""The command line over JSON Schemas: compile, inspect, check, explain."""

import json

import pytest

from gcd.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tokenizer_folder):
    """A schema, and what `gcd compile` makes of it for GPT-2."""
    path = tmp_path_factory.mktemp("schema")
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3}}, "required": ["a"]}
    (path / "s.json").write_text(json.dumps(schema))
    assert run("compile", str(path / "s.json"), "-t", str(tokenizer_folder("gpt2")), "-o", str(path / "s.gcd")) == 0
    return path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return stop.value.code or 0


def test_check(folder, capsys):
    assert run("check", str(folder / "s.gcd"), '{"a":3}') == 0
    assert run("check", str(folder / "s.gcd"), '{"a":2}') == 1
    assert "inside of: a number" in capsys.readouterr().out


def test_inspect(folder, capsys):
    assert run("inspect", str(folder / "s.gcd"), "--verify") == 0
    shown = capsys.readouterr().out
    assert "json-schema" in shown
    assert "exact: proven" in shown


def test_explain(folder, capsys):
    assert run("explain", str(folder / "s.gcd"), '{"a" 3}') == 1
    assert "a colon" in capsys.readouterr().out


def test_schemas_that_are_wrong_have_a_place(folder, capsys, tokenizer_folder):
    (folder / "wrong.json").write_text('{"properties": {"a": {"type": "int"}}}')
    code = run("compile", str(folder / "wrong.json"), "-t", str(tokenizer_folder("gpt2")), "-o", str(folder / "w.gcd"))
    assert code == 3
    assert "#/properties/a/type" in capsys.readouterr().err
