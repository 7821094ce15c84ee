"""Private memory of processes that serve one mapped artefact, beside that of one that compiles the grammar.

Every process answers the same texts, a mask for each token, over the Llama-3 vocabulary (128,256 columns); then it says
what it holds, while all the others still do. *Private* is what the kernel counts as this process's alone
(``Private_Clean`` and ``Private_Dirty`` in ``/proc/self/smaps_rollup``); pages of the artefact that several processes
map count for none of them. The *full compile* reads the tokenizer and the grammar, compiles, and fills the tables as
``gcd compile`` does. *Loaded* processes each load the artefact on their own; *forked* ones come from one that loaded it
before. In brackets stands what is left without the memory of a process that has only imported gcd and numpy; forked
processes share that, too. The *share* is the larger one of loaded and full compile, both without it, and of forked and
full compile as they are.
"""

import argparse
import gc
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.batch import json_texts, sql_texts
from bench.engines import ROOT
from bench.processor import tool

PROCESSES = 8
TARGET = 0.2
GRAMMARS = {"json": json_texts, "sql": sql_texts}


def main(argv: list[str]) -> int:
    """Measure, and print a table with the target beside the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench memory", description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=PROCESSES, help=f"at one time (default {PROCESSES})")
    parser.add_argument("--texts", type=int, default=64, help="that each answers (default 64)")
    parser.add_argument("--grammars", nargs="*", default=list(GRAMMARS), choices=GRAMMARS)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args(argv)
    os.environ["HF_HUB_OFFLINE"] = "1"
    folder = tool("get_tokenizers.py", "llama3")
    rows = []
    print(f"{options.processes} processes, {options.texts} texts each; MB of private memory (net of the interpreter)\n")
    print(f"{'grammar':<9}{'full compile':>18}{'loaded':>18}{'forked':>9}{'artefact':>10}{'share':>8}   target")
    for name in options.grammars:
        with tempfile.TemporaryDirectory() as place:
            row = measure(name, folder, Path(place) / f"{name}.gcd", options.processes, options.texts)
        rows.append(row)
        shown = "".join(f"{row[k] / 1e6:>9.1f} ({max(0, row[k + '_net']) / 1e6:>5.1f})" for k in ("compile", "loaded"))
        shown += f"{row['forked'] / 1e6:>9.1f}"
        met = "met" if row["share"] <= TARGET else "MISSED"
        print(f"{name:<9}{shown}{row['artifact'] / 1e6:>10.1f}{row['share']:>8.2f}   <= {TARGET}: {met}", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"processes": options.processes, "rows": rows}, indent=1) + "\n")
    return 0


def measure(name: str, folder: Path, path: Path, processes: int, texts: int) -> dict[str, Any]:
    """The figures of one grammar, in bytes; medians over the processes."""
    ids_path = path.with_suffix(".ids")
    (bare,) = together([only_import])
    (full,) = together([lambda: full_compile(name, folder, path, ids_path, texts)])
    loaded = statistics.median(together([lambda: serve(load(path), ids_path)] * processes))
    forked = statistics.median(from_one(path, ids_path, processes))
    row = {"grammar": name, "bare": bare, "compile": full, "loaded": loaded, "forked": forked}
    row |= {f"{key}_net": row[key] - bare for key in ("compile", "loaded")}
    share = max(row["loaded_net"] / row["compile_net"], forked / full)
    return {**row, "artifact": path.stat().st_size, "share": share}


def together(jobs: list[Callable[[], Any]]) -> list[int]:
    """Run each job in a process of its own; its private memory when all are done, and what they made is still there."""
    context = multiprocessing.get_context("fork")  # of this process, which has read neither grammar nor artefact
    barrier = context.Barrier(len(jobs))
    answers = context.SimpleQueue()

    def run(job: Callable[[], Any]) -> None:
        kept = job()
        gc.collect()
        barrier.wait()
        answers.put(private())
        barrier.wait()
        del kept

    children = [context.Process(target=run, args=(job,)) for job in jobs]
    for child in children:
        child.start()
    found = [answers.get() for _ in children]
    for child in children:
        child.join()
    return found


def from_one(path: Path, ids_path: Path, processes: int) -> list[int]:
    """As a pre-fork server does it: one process loads, its children answer."""
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    def parent() -> None:
        compiled = load(path)
        gc.collect()
        gc.freeze()  # what is here already stays out of the children's collections, which write to every object
        for share in together([lambda: serve(compiled, ids_path)] * processes):
            answers.put(share)

    child = context.Process(target=parent)
    child.start()
    found = [answers.get() for _ in range(processes)]
    child.join()
    return found


def only_import() -> Any:
    """What every process has."""
    import numpy

    import gcd

    return numpy.zeros(1), gcd.load


def full_compile(name: str, folder: Path, path: Path, ids_path: Path, texts: int) -> Any:
    """Compile, fill the tables, save, answer; the tokens go to a file for the others."""
    from tokenizers import Tokenizer

    import gcd

    vocab = gcd.Vocabulary.from_pretrained(folder)
    compiled = gcd.compile(gcd.Grammar.from_lark(ROOT / "grammars" / f"{name}.lark"), vocab)
    compiled.fill_tables()
    compiled.save(path)
    reader, writer = os.pipe()
    if os.fork() == 0:  # the tokenizer of the library isn't part of what is measured
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in GRAMMARS[name]()[:texts]]
        ids_path.write_text(json.dumps(ids))
        os.write(writer, b"1")
        os._exit(0)
    os.read(reader, 1)
    os.wait()
    return vocab, serve(compiled, ids_path)


def load(path: Path) -> Any:
    """The artefact, mapped."""
    import gcd

    return gcd.load(path)


def serve(compiled: Any, ids_path: Path) -> Any:
    """A mask for every token of every text."""
    import numpy

    mask = numpy.zeros(-(-compiled.width // 32), numpy.int32)
    matchers = []
    for ids in json.loads(ids_path.read_text()):
        matcher = compiled.matcher()
        for token in ids:
            matcher.fill_bitmask(mask)
            assert matcher.accept(token), "the text left the grammar"
        matchers.append(matcher)
    return compiled, matchers


def private() -> int:
    """Bytes that are this process's alone."""
    time.sleep(0.2)  # the others, too, are done
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))
