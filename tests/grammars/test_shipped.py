"""The grammar files: what their headers state, and that Lark reads them as stated."""

import re

import pytest
from lark import Lark, lexer
from lark.indenter import PythonIndenter

import gcd
from grammars import shipped

BYTES = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), None], eos_ids=[256])
EVERY = (*shipped.NAMES, *shipped.FORMATS)
OURS = [name for name in shipped.NAMES if name != "python"]


def test_every_grammar_is_tested():
    assert sorted(path.stem for path in shipped.FOLDER.glob("*.lark")) == sorted(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_header(name: str):
    """Source, dialect and gaps stand before the first rule."""
    header = re.match(r"(//.*\n)+", shipped.path(name).read_text(encoding="utf-8"))
    assert header
    for heading in ("Source:", "Dialect:", "Known gaps"):
        assert heading in header[0]


@pytest.mark.parametrize("name", shipped.FORMATS)
def test_no_conflicts_of_rules(name: str, monkeypatch: pytest.MonkeyPatch):
    """Among the terminals of these, order is meant (or looking for overlaps takes a minute)."""
    monkeypatch.setattr(lexer, "_check_regex_collisions", lambda *_: None)
    shipped.load(name, strict=True)


@pytest.mark.parametrize("name", OURS)
def test_no_conflicts(name: str):
    """Neither among the rules, which LALR would resolve in silence, nor among terminals of one priority."""
    shipped.load(name, strict=True)


@pytest.mark.parametrize("name", EVERY)
def test_readme_rows(name: str):
    """grammars/README.md says what each is; the other row, written by tools/grammar_table.py, is up to date."""
    page = (shipped.FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"| [{name}.lark]({name}.lark) |" in page
    row = re.search(rf"^\| {name} \|(.*)\|$", page, re.MULTILINE)
    assert row
    mode, *numbers, _seconds, _size = (cell.strip() for cell in row[1].split("|"))
    compiled = gcd.compile(gcd.Grammar.builtin(name), BYTES)
    info = compiled.info
    assert mode == info.mode
    expected = (len(info.terminals), info.n_productions, compiled.stats()["analysed_states"])
    assert numbers == [f"{n:,}" for n in expected], "run tools/grammar_table.py"


def test_python_is_larks_own():
    """The import brings every terminal and rule of Lark's python.lark, with its priorities, under other names."""
    own = Lark.open_from_package(
        "lark", "python.lark", ["grammars"], parser="lalr", start="file_input", postlex=PythonIndenter()
    )
    ours = shipped.load("python")

    def plain(name: str) -> str:
        return name.replace("python__", "").lstrip("_")

    def terminals(parser: Lark):
        return sorted((plain(t.name), t.priority, str(t.pattern), sorted(t.pattern.flags)) for t in parser.terminals)

    def rules(parser: Lark):
        shapes = ((rule.origin.name, [symbol.name for symbol in rule.expansion], rule.options) for rule in parser.rules)
        return sorted((plain(name), [*map(plain, body)], options.priority) for name, body, options in shapes)

    assert terminals(ours) == terminals(own)
    assert re.sub(r"\d+", "", str(rules(ours))) == re.sub(r"\d+", "", str(rules(own)))
    assert [plain(t) for t in ours.ignore_tokens] == [plain(t) for t in own.ignore_tokens]
