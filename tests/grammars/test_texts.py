"""Real texts: whatever the field's own tool takes, Lark takes with the shipped grammar."""

import pytest
from lark import Lark, Tree
from lark.exceptions import LarkError
from lark.indenter import PythonIndenter

from grammars import corpus, field_tools, shipped

FEWEST = {
    ("json", "conformance"): 3000,
    ("json", "library"): 500,
    ("arithmetic", "library"): 1500,
    ("sql", "conformance"): 300,
    ("sql", "library"): 0,  # the standard library's tests aren't installed everywhere
    ("python", "library"): 400,
}


REAL = [pytest.param(*key, marks=[pytest.mark.conformance] * ("conformance" in key)) for key in corpus.SOURCES]


@pytest.mark.parametrize("limit", [pytest.param(1000, id="some"), pytest.param(None, id="all", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("name", "source"), REAL)
def test_real_texts(name: str, source: str, limit: int | None, request: pytest.FixtureRequest):
    if source == "conformance":
        request.getfixturevalue("conformance_data")  # skips where it's missing
    if name == "sql" and not field_tools.sqlite_has_the_dialect():
        pytest.skip(field_tools.OTHER_SQLITE)
    if limit and name == "python":
        limit = 60  # the others are checked below
    texts = corpus.texts(name, limit, source=source)
    assert len(texts) >= min(FEWEST[name, source], limit or 10**9)
    assert [text for text in texts if not shipped.lark_accepts(name, text)] == []
    assert [text for text in texts if not field_tools.accepts(name, text)] == []


@pytest.mark.conformance
def test_sql_of_other_dialects(conformance_data):
    """Of the statements that sqlite3 refuses, the grammar takes next to none."""
    refused = [each for each in corpus.sql_statements(conformance_data) if not field_tools.accepts("sql", each)]
    assert len(refused) > 100
    taken = {each: field_tools.complaint("sql", each) for each in refused if shipped.lark_accepts("sql", each)}
    assert len(taken) <= 0.01 * len(refused), taken


def test_texts_are_deterministic_and_limited():
    for name in shipped.NAMES:
        few = corpus.texts(name, 7, most_chars=3000)
        assert len(few) == 7
        assert max(map(len, few)) <= 3000
        assert few == corpus.texts(name, 9, most_chars=3000)[:7]


@pytest.mark.parametrize(("name", "what"), [(name, what) for name in shipped.NAMES for what in corpus.LONG_TEXTS[name]])
@pytest.mark.parametrize(
    "size", [pytest.param(100_000, id="100 KB"), pytest.param(corpus.MEGABYTE, id="1 MB", marks=pytest.mark.slow)]
)
def test_long_texts(name: str, what: str, size: int):
    text = corpus.LONG_TEXTS[name][what](size)
    assert 0.95 * size < len(text.encode()) < 1.05 * size
    assert shipped.lark_accepts(name, text)
    assert field_tools.accepts(name, text)


# -- Python: against Lark's own grammar, module by module ----------------------------------------


def larks_own() -> Lark:
    return Lark.open_from_package(
        "lark", "python.lark", ["grammars"], parser="lalr", start="file_input", postlex=PythonIndenter()
    )


def outline(parser: Lark, text: str):
    """A syntax tree without the prefix that an import gives to names; None where Lark refuses the text."""

    def plain(node):
        if isinstance(node, Tree):
            return (str(node.data).removeprefix("python__"), [*map(plain, node.children)])
        return node and (node.type.removeprefix("python__"), str(node))

    try:
        return plain(parser.parse(text))
    except (LarkError, AssertionError):
        return None


@pytest.mark.parametrize("share", [pytest.param(0.05, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)])
def test_python_modules(share: float, capsys: pytest.CaptureFixture[str]):
    """The import gives each module of the standard library the verdict and the tree of Lark's own python.lark."""
    own, ours = larks_own(), shipped.load("python")
    paths = corpus.library_modules()
    modules = {path: text for path in paths[: int(share * len(paths))] if (text := corpus.module_text(path))}
    refused = []
    for path, text in modules.items():
        tree = outline(ours, text)
        assert tree == outline(own, text), path
        if tree is None:
            refused.append(f"{path.parent.name}/{path.name}")
    with capsys.disabled():
        print(f"\n{len(refused)} of {len(modules)} modules refused by Lark's python.lark: {', '.join(refused)}")
    assert len(refused) <= 0.05 * len(modules)
