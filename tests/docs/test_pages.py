"""The ``>>>`` examples of the pages on the language, the engine and its cost, and the links between pages."""

import doctest
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["grammar-support.md", "json-schema.md", "how-it-works.md", "performance.md", "artifact-format.md", "index.md"]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


@pytest.mark.parametrize("page", PAGES[:-1])
def test_examples(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(str(DOCS / page), module_relative=False, encoding="utf-8")
    assert result.attempted
    assert not result.failed, f"{result.failed} examples of {page} print something else: see above"


@pytest.mark.parametrize("page", PAGES)
def test_links(page: str):
    for target, anchor in LINK.findall((DOCS / page).read_text()):
        path = (DOCS / target).resolve() if target else DOCS / page
        assert path.exists(), f"{page} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert anchor in map(slug, headings), f"{page} links to {target}#{anchor}"


def slug(heading: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
