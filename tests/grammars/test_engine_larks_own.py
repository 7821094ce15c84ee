"""Lark's own grammars: those of the installed package, and all that its tests and examples make.

The latter need Lark's source distribution, which is fetched, so these tests are slow. What they parse is parsed here
too, with the same verdict.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lark
import pytest
from lark import Lark
from lark.indenter import Indenter, PythonIndenter

import gcd
from gcd.errors import GcdError, UnsupportedError
from grammars import corpus, shipped

BYTES = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), None], eos_ids=[256])
LIBRARY = Path(lark.__file__).parent / "grammars"


def verdict(compiled: gcd.CompiledGrammar, text: str, start: str | None = None) -> bool:
    matcher = compiled.matcher(start)
    return bool(matcher.accept_bytes(text.encode()) and matcher.is_complete)


# -- the installed package --------------------------------------------------------------------


def test_lark_lark():
    """Lark's grammar of grammars, on Lark's grammars and ours, and on what is left of them at each bar."""
    path = LIBRARY / "lark.lark"
    judge = Lark.open(str(path), parser="lalr")
    compiled = gcd.compile(gcd.Grammar.from_lark(path, parser="lalr"), BYTES)
    assert compiled.exactness.exact
    taken = 0
    for file in [*LIBRARY.glob("*.lark"), *map(shipped.path, shipped.NAMES)]:  # the rest is in test_formats.py
        whole = file.read_text(encoding="utf-8")
        for text in [whole, *(whole[:at] for at, char in enumerate(whole) if char in "|\n")]:
            expected = shipped.parses(judge, text)
            taken += expected
            assert verdict(compiled, text) == expected, (file.name, text[-80:])
    assert taken > 100


@pytest.mark.parametrize("start", ["single_input", "file_input", "eval_input"])
def test_python_lark(start: str):
    """As a path and with its post-lexer, without the file in ``grammars/``."""
    judge = Lark.open_from_package(
        "lark", "python.lark", ["grammars"], parser="lalr", start=start, postlex=PythonIndenter()
    )
    grammar = gcd.Grammar.from_lark(LIBRARY / "python.lark", start, parser="lalr", postlex="python")
    compiled = gcd.compile(grammar, BYTES)
    assert compiled.exactness.exact
    texts = [text for text, _ in zip(corpus.definitions(400), range(60), strict=False)]
    texts += [
        "1 + 1",
        "1 + 1\n",
        "x = 1; y = 2\n",
        "",
        "\n",
        "if x:\n    pass\n",
        "if x:\n    pass\n\n",
        "f(\n)",
        "[1,\n2]\n\n",
    ]
    verdicts = {text: shipped.parses(judge, text) for text in texts}
    assert {True, False} == set(verdicts.values())
    for text, expected in verdicts.items():
        assert verdict(compiled, text) == expected, text


@pytest.mark.parametrize("library", ["common", "unicode", "python"])
def test_every_terminal_of_the_library(library: str):
    """Each by itself, as an import."""
    path = LIBRARY / f"{library}.lark"
    names = [line.split(":")[0].split(".")[0].strip() for line in path.read_text().splitlines() if line[:1].isupper()]
    assert names
    for name in names:
        grammar = f"%import {library}.{name}\nstart: {name}\n"
        judge = Lark(grammar, parser="lalr", regex=library == "unicode")
        compiled = gcd.compile(gcd.Grammar.from_lark(grammar, parser="lalr", regex=library == "unicode"), BYTES)
        for text in [
            "",
            "a",
            "A",
            "7",
            "12.5e-3",
            "+1",
            '"x"',
            "# c",
            "// c\n",
            "/* */",
            " \t",
            "\n",
            "é",
            "中",
            "0x1F",
            "if",
        ]:
            assert verdict(compiled, text) == shipped.parses(judge, text), (name, text)


# -- the source distribution ------------------------------------------------------------------


REFUSED = {"recursion", "lookaround with lexer='dynamic_complete'"}
"""Constructs in there that aren't regular, or whose meaning isn't the text's."""


@dataclass
class Case:
    """One grammar with one set of options, and what Lark said."""

    entry: dict[str, Any]
    texts: dict[tuple[str, str | None], str | None] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        return self.entry["options"]

    @property
    def parser(self) -> str:
        return self.entry.get("parser") or self.options.get("parser", "earley")

    @property
    def lexer(self) -> str:
        return self.entry.get("lexer") or self.options.get("lexer", "auto")

    def out_of_scope(self) -> str | None:
        """Why it says nothing about the language of a Lark grammar."""
        if self.parser == "cyk":
            return "CYK"
        if self.lexer.startswith("<"):
            return "a lexer in Python"
        if isinstance(self.options.get("postlex"), str):
            return "a post-lexer in Python"
        if any(path.startswith("<") for path in self.options.get("import_paths", ())):
            return "a loader in Python"
        for option in ("use_bytes", "lexer_callbacks", "edit_terminals", "strict", "priority"):
            if self.options.get(option):
                return option
        if not self.entry["loaded"] and "Error" not in self.entry["why"].partition(":")[0]:
            return "not Lark's refusal"
        if not self.entry["loaded"] and self.entry["why"].startswith(("NotImplementedError", "ConfigurationError")):
            return "an option of the tree"
        return None

    def load(self, folder: Path) -> gcd.Grammar:
        options = {name: self.options[name] for name in ("g_regex_flags", "regex") if name in self.options}
        paths = [folder / path for path in self.options.get("import_paths", [])]
        if self.entry["path"] is None:
            paths.append(folder / "tests")  # a relative import in a text starts where the script is
        postlex = self.options.get("postlex")
        if postlex:
            options["postlex"] = type("Declared", (Indenter,), postlex)
        source = folder / self.entry["path"] if self.entry["path"] else self.entry["grammar"] + "\n"
        start = self.entry.get("starts") or self.options.get("start", "start")
        return gcd.Grammar.from_lark(source, start, parser=self.parser, lexer=self.lexer, import_paths=paths, **options)


@pytest.fixture(scope="module")
def sdist(fetched: Callable[..., Path]) -> Path:
    return fetched("get_sources.py", "lark").resolve()


@pytest.fixture(scope="module")
def cases(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    out = tmp_path_factory.mktemp("lark") / "records.jsonl"
    recorder = Path(__file__).with_name("lark_recorder.py")
    subprocess.run([sys.executable, recorder, sdist, out], check=True, capture_output=True)
    found: dict[str, Case] = {}
    for line in out.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        texts = entry.pop("texts")
        case = found.setdefault(json.dumps(entry), Case(entry))
        case.texts |= {(text, start): verdict for text, start, verdict in texts}
    return list(found.values())


@pytest.mark.slow
def test_tests_and_examples(cases: list[Case], sdist: Path, capsys: pytest.CaptureFixture[str]):
    """What Lark loads is compiled exactly, with its verdicts; what it refuses is refused."""
    count: Counter[str] = Counter()
    wrong = []
    for case in cases:
        why = case.out_of_scope()
        if why:
            count[f"out of scope: {why}"] += 1
            continue
        try:
            compiled = gcd.compile(case.load(sdist), BYTES)
        except GcdError as error:
            if isinstance(error, UnsupportedError) and error.construct in REFUSED:
                count[f"refused: {error.construct}"] += 1
            elif case.entry["loaded"]:
                count["Lark loads, gcd refuses"] += 1
                wrong.append(f"{error}\n{case.entry}")
            else:
                count["both refuse"] += 1
            continue
        if not case.entry["loaded"]:
            count["gcd loads, Lark refuses"] += 1
            wrong.append(f"loaded\n{case.entry}")
            continue
        count["both load"] += 1
        count["exact"] += compiled.exactness.exact
        for (text, start), refusal in case.texts.items():
            count["texts"] += 1
            if verdict(compiled, text, start) != (refusal is None):
                wrong.append(f"{refusal}: {text!r}\n{case.entry}")
    with capsys.disabled():
        print("", *(f"{times:5} {what}" for what, times in sorted(count.items())), sep="\n")
    assert not wrong, "\n\n".join(wrong)
    assert count["both load"] == count["exact"] > 500
    assert count["texts"] > 1000


@pytest.mark.slow
def test_grammar_files(sdist: Path, capsys: pytest.CaptureFixture[str]):
    """Each .lark file that Lark loads as it stands, from its first rule."""
    loaded, wrong = [], []
    for path in sorted(sdist.rglob("*.lark")):
        names = [
            line.split(":")[0].strip("?! ") for line in path.read_text(encoding="utf-8").splitlines() if ":" in line
        ]
        start = (
            "start"
            if "start" in names
            else next((name for name in names if name.isidentifier() and name.islower()), None)
        )
        if start is None or start == "%import":
            continue  # terminals only
        for parser, postlex in [("lalr", None), ("lalr", PythonIndenter), ("earley", None)]:
            try:
                Lark.open(str(path), parser=parser, start=start, postlex=postlex and postlex())
            except Exception as error:
                refusal = error
                continue
            try:
                compiled = gcd.compile(gcd.Grammar.from_lark(path, start, parser=parser, postlex=postlex), BYTES)
                assert compiled.exactness.exact
                loaded.append(f"{path.relative_to(sdist)} ({parser})")
            except GcdError as error:
                wrong.append(f"{path} {parser} {error}")
            break
        else:
            print(path, refusal)
    with capsys.disabled():
        print("", *loaded, sep="\n    ")
    assert not wrong, "\n\n".join(wrong)
    assert len(loaded) > 15
