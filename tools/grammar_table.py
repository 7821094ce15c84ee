"""Measure the shipped grammars and write the table into grammars/README.md.

    python tools/grammar_table.py [NAME...]

Without names all of them are measured; with names only their rows are written again. The vocabulary is that of Llama 3
(128,256 tokens). Times are the best of three, of one thread.
"""

import re
import sys
import tempfile
import time
from pathlib import Path

from get_tokenizers import cache_dir

import gcd
from gcd.grammar import builtin

README = Path(__file__).parents[1] / "grammars" / "README.md"
COLUMNS = ("grammar", "mode", "terminals", "productions", "lexer states", "compile, s", "artefact, KB")
HEAD = f"| {' | '.join(COLUMNS)} |\n|---|---|--:|--:|--:|--:|--:|\n"
BEGIN, END = "<!-- tools/grammar_table.py -->\n", "<!-- end -->"
FILL = 2000


def columns(compiled: gcd.CompiledGrammar) -> tuple[str, ...]:
    """The columns of a row that are the same on every machine."""
    info = compiled.info
    numbers = (len(info.terminals), info.n_productions, compiled.stats()["analysed_states"])
    return info.mode, *(f"{n:,}" for n in numbers)


def row(name: str, vocab: gcd.Vocabulary) -> str:
    """A row of the table."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        compiled = gcd.compile(gcd.Grammar.builtin(name), vocab)
        times.append(time.perf_counter() - began)
    known = columns(compiled)
    compiled.fill_tables(FILL, 60.0)
    with tempfile.TemporaryDirectory() as folder:
        artefact = Path(folder) / "made.gcd"
        compiled.save(artefact)
        size = artefact.stat().st_size
    return f"| {' | '.join([name, *known, f'{min(times):.2f}', f'{size / 1000:,.0f}'])} |"


def rows(page: str) -> dict[str, str]:
    """name -> row, of the table in a page."""
    table = page.partition(BEGIN)[2].partition(END)[0]
    return {m[1]: m[0] for m in re.finditer(r"^\| ([\w-]+) \|.*$", table, re.MULTILINE) if m[1] != "grammar"}


def main() -> int:
    """Measure, and write the page again."""
    page = README.read_text(encoding="utf-8")
    known = rows(page)
    vocab = gcd.Vocabulary.from_pretrained(cache_dir() / "tokenizers" / "llama3")
    for name in sys.argv[1:] or builtin.names():
        known[name] = row(name, vocab)
        print(known[name], flush=True)
    head, _, rest = page.partition(BEGIN)
    table = "\n".join(known[name] for name in builtin.names() if name in known)
    README.write_text(f"{head}{BEGIN}{HEAD}{table}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
