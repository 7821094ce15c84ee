"""A batch of 64 different texts: masks in one and two threads, and what the logits processor costs a row in Python.

Each text is at another place of another JSON or SQL text, over the Llama-3 vocabulary (128,256 columns). Masks are
*new* (a compiled grammar that has met nothing, made anew for each repetition), *loaded* (the artefact that ``gcd
compile`` makes of it, loaded anew: what a server's first batch meets) or *known* (asked for before). Beside the ratio
by the clock stands that of processor times: the busier thread of two, against one thread. Where other programs run, two
threads may have to take turns on one processor; then only the second ratio says how the work was split. (It leaves out
what a thread waits for the other.) The last table is a processor's call for the 64 rows when each goes on by one token,
less what is spent in its native calls for the batch: filling, applying, looking for rows without a score. Moving the
matchers counts as Python work. These are the calling thread's processor times, with one thread: what others do on the
machine counts little.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.engines import ROOT
from bench.processor import tool, us

ROWS = 64
TARGET_THREADS = 0.6
TARGET_PYTHON = 5e-6


def main(argv: list[str]) -> int:
    """Measure, and print tables with the targets beside the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench batch", description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=5, help="repetitions of what begins anew (default 5)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args(argv)
    os.environ["HF_HUB_OFFLINE"] = "1"

    import torch
    from tokenizers import Tokenizer

    import gcd

    torch.set_num_threads(1)
    folder = tool("get_tokenizers.py", "llama3")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    vocab = gcd.Vocabulary.from_pretrained(folder)
    print(f"{ROWS} rows, {vocab.width:,} columns, {os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f}\n")
    print(f"{'grammar':<10}{'masks':<8}{'1 thread':>12}{'2 threads':>12}{'ratio':>8}{'busier':>8}   target")
    figures: list[dict[str, Any]] = []
    worlds = {}
    for name, texts in (("json", json_texts()), ("sql", sql_texts())):
        grammar = gcd.Grammar.from_lark(ROOT / "grammars" / f"{name}.lark")
        worlds[name] = grammar, [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    for names in (["json"], ["sql"], ["json", "sql"]):
        name = "+".join(names)
        for row in threads(name, [worlds[n] for n in names], vocab, options.repeat):
            met = "met" if row["ratio"] <= TARGET_THREADS else "MISSED"
            print(
                f"{name:<10}{row['masks']:<8}{us(row['one']):>12}{us(row['two']):>12}{row['ratio']:>8.2f}"
                f"{row['busier']:>8.2f}"
                f"   <= {TARGET_THREADS}: {met}"
            )
            figures.append(row)
    print(f"\n{'grammar':<10}{'call':>12}{'native':>12}{'Python a row':>14}   target")
    for name, (grammar, tokens) in worlds.items():
        row = processor(name, grammar, vocab, tokens)
        met = "met" if row["python"] <= TARGET_PYTHON else "MISSED"
        print(
            f"{name:<10}{us(row['call']):>12}{us(row['native']):>12}{us(row['python']):>14}"
            f"   <= {us(TARGET_PYTHON)}: {met}"
        )
        figures.append(row)
    if options.json:
        options.json.write_text(json.dumps({"load_average": os.getloadavg()[0], "rows": figures}, indent=1) + "\n")
    return 0


def threads(name: str, worlds: list[tuple[Any, list[list[int]]]], vocab: Any, repeat: int) -> list[dict[str, Any]]:
    """One and two threads, for new and for known masks; medians. `worlds`: grammars, each with its texts."""
    import gcd

    bitmask = gcd.allocate_token_bitmask(ROWS, vocab.width)
    seconds: dict[tuple[str, int], list[float]] = {}
    busiest: dict[tuple[str, int], list[float]] = {}

    def fill(compiled: list[Any], n: int, kinds: tuple[tuple[str, int], ...]) -> None:
        batches = [batch(one, tokens) for one, (_, tokens) in zip(compiled, worlds, strict=True)]
        matchers = [batches[row % len(batches)][row] for row in range(ROWS)]
        for masks, times in kinds:
            for _ in range(times):
                own, all_of_them, began = time.thread_time(), time.process_time(), time.perf_counter()
                gcd.fill_bitmasks(matchers, bitmask, threads=n)
                seconds.setdefault((masks, n), []).append(time.perf_counter() - began)
                all_of_them, own = time.process_time() - all_of_them, time.thread_time() - own
                busiest.setdefault((masks, n), []).append(max(own, all_of_them - own))

    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{i}.gcd" for i in range(len(worlds))]
        for file, (grammar, _) in zip(files, worlds, strict=True):
            filled = gcd.compile(grammar, vocab)
            filled.fill_tables()
            filled.save(file)
        for _ in range(repeat):
            for n in (1, 2):
                fill([gcd.compile(grammar, vocab) for grammar, _ in worlds], n, (("new", 1), ("known", 20)))
                fill([gcd.load(file, vocab) for file in files], n, (("loaded", 1),))
    rows = []
    for masks in ("new", "loaded", "known"):
        one, two = (statistics.median(seconds[masks, n]) for n in (1, 2))
        alone, busier = (statistics.median(busiest[masks, n]) for n in (1, 2))
        rows.append(
            {"grammar": name, "masks": masks, "one": one, "two": two, "ratio": two / one, "busier": busier / alone}
        )
    return rows


def batch(compiled: Any, tokens: list[list[int]]) -> list[Any]:
    """Matchers at different places of different texts."""
    matchers = []
    for row in range(ROWS):
        ids = tokens[row]
        matcher = compiled.matcher()
        n = len(ids) * (row + 1) // (ROWS + 1)
        assert matcher.accept_tokens(ids[:n]) == n, "the text left the grammar"
        matchers.append(matcher)
    return matchers


def processor(name: str, grammar: Any, vocab: Any, tokens: list[list[int]]) -> dict[str, Any]:
    """A call for a batch in which each row goes on by a token, and its native parts on their own."""
    import torch
    from transformers import LogitsProcessorList

    import gcd
    from gcd.prefix import masks, store

    inside = 0.0

    def timed(function: Any) -> Any:
        def call(*args: Any) -> Any:
            nonlocal inside
            began = time.thread_time()
            result = function(*args)
            inside += time.thread_time() - began
            return result

        return call

    class Timed(LogitsProcessorList):  # type: ignore[misc]
        """As generate() has it, without what it does itself."""

        seconds = 0.0

        def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
            (processor,) = self
            began = time.thread_time()
            processor(input_ids, scores)
            self.seconds = time.thread_time() - began

    compiled = gcd.compile(grammar, vocab)
    prompt, steps = 100, min(40, *(len(ids) for ids in tokens))
    ids = torch.zeros(ROWS, prompt + steps, dtype=torch.int64)
    scores = torch.zeros(ROWS, vocab.width)
    calls, native = [], []
    names = ("fill_bitmasks", "apply_token_bitmask_inplace", "first_row_without_score")
    originals = [*((masks, name_of, getattr(masks, name_of)) for name_of in names)]
    originals.append((store, "accept_each", store.accept_each))
    try:
        for module, name_of, function in originals:
            setattr(module, name_of, timed(function))
        for repetition in range(6):  # masks are known from the second on
            processors = Timed([gcd.GrammarLogitsProcessor(compiled)])
            ids[:, prompt:] = 0
            for step in range(steps):
                scores.zero_()
                inside = 0.0
                processors(ids[:, : prompt + step], scores)
                if repetition and step:
                    calls.append(processors.seconds)
                    native.append(inside)
                ids[:, prompt + step] = torch.tensor([row[step] for row in tokens])
    finally:
        for module, name_of, function in originals:
            setattr(module, name_of, function)
    python = statistics.median(a - b for a, b in zip(calls, native, strict=True)) / ROWS
    return {"grammar": name, "call": statistics.median(calls), "native": statistics.median(native), "python": python}


def json_texts() -> list[str]:
    """JSON of different kinds, some hundred tokens each."""
    return [
        json.dumps(
            [
                {"id": i * k, "name": f"row {i} of {k}", "tags": ["a", "é", None], "price": i / k, "in": {"x": [i]}}
                for i in range(12)
            ],
            indent=k % 3 or None,
        )
        for k in range(1, ROWS + 1)
    ]


def sql_texts() -> list[str]:
    """Queries of different kinds."""
    return [
        "SELECT s.name, count(*), max(s.age) FROM singer AS s JOIN concert AS c ON s.id = c.singer_id "
        f"WHERE s.age > {20 + k} AND (c.year = {2000 + k} OR c.name LIKE 'a{k}%') GROUP BY s.name, s.country "
        f"HAVING count(*) > {k} ORDER BY s.name DESC LIMIT {k + 1}"
        for k in range(ROWS)
    ]
