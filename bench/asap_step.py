"""ASAp beyond mask and forward: a step, a commit, a stored prefix; and its logits processor.

Three parts, on one thread:

* a step at 128k columns (the Llama-3 tokenizer), visit and draw, against one log-softmax of the same row by torch.
  The masks are JSON's, at each token of a text, and sets of columns at random. Draws go through a trie that other
  texts were committed to;
* what a stored prefix takes, and what a commit takes, at depth 10,000 too;
* a call of `GrammarAlignedLogitsProcessor` at 49k columns, mask and all, for JSON, one row.
"""

import argparse
import json
import math
import random
import statistics
import time
from pathlib import Path
from typing import Any

from bench.processor import ROOT, quantile, tool, us

TARGET_SOFTMAX = 1.5
TARGET_SPARSE = 30e-6  # where fewer than SPARSE tokens are allowed
SPARSE = 1000
TARGET_BYTES = 2048
TARGET_CALL = 300e-6
"""A thousandth of 0.3 s: what a call of transformers-GAD's processor takes where it is fastest (few tokens allowed)."""


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench asap_step", description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args(argv)
    import torch

    torch.set_num_threads(1)
    figures = {"steps": steps(), "trie": trie(), "processor": processor()}
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def is_sparse(kind: str) -> bool:
    """Whether a kind of mask allows fewer than `SPARSE` tokens."""
    return "under" in kind or any(share in kind for share in ("0.05%", "0.70%"))


def verdict(ok: bool) -> str:
    return "met" if ok else "MISSED"


def texts(n: int, seed: int) -> list[str]:
    """JSON documents that differ here and there."""
    rng = random.Random(seed)
    rows = []
    for _ in range(n):
        items = [
            {"id": rng.randrange(1000), "name": rng.choice(["Ann", "Bo", "Cy"]), "tags": ["é", None], "ok": True}
            for _ in range(3)
        ]
        rows.append(json.dumps(items))
    return rows


def steps() -> list[dict[str, Any]]:
    """Times of a step by how many tokens are allowed."""
    import numpy as np
    import torch
    from tokenizers import Tokenizer

    import gcd
    from gcd._native.efg_trie import EfgDraw, EfgTrie
    from gcd.sampling.constraint import pack_mask

    folder = tool("get_tokenizers.py", "llama3")
    vocab = gcd.Vocabulary.from_pretrained(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    compiled = gcd.compile(gcd.Grammar.from_lark(ROOT / "grammars" / "json.lark"), vocab)
    compiled.fill_tables()
    scores = torch.randn(64, vocab.width, generator=torch.Generator().manual_seed(0)) * 4
    rows = {True: scores.numpy(), False: torch.log_softmax(scores, -1).numpy()}
    softmax = []
    for i in range(400):
        row = scores[i % 64 : i % 64 + 1]
        began = time.perf_counter()
        torch.log_softmax(row, -1)
        softmax.append(time.perf_counter() - began)
    unit = statistics.median(softmax)
    print(f"one log-softmax of {vocab.width:,} columns: {us(unit)} (median of {len(softmax)}, 1 thread)\n")

    words = np.zeros(-(-vocab.width // 32), dtype=np.int32)
    found: dict[tuple[str, bool], list[float]] = {}
    rng = random.Random(0)
    trie = EfgTrie(vocab.width, vocab.eos_ids)
    for seed, text in enumerate(texts(130, 1)):
        raw = seed % 2 == 0
        draw, matcher = EfgDraw(trie), compiled.matcher()
        for at, token in enumerate([*tokenizer.encode(text, add_special_tokens=False).ids, vocab.eos_ids[0]]):
            logits = scores[(at + seed) % 64].clone()
            logits[token] = logits.max() + 12  # a model that wants to write this text, and nearly always does
            row = (logits if raw else torch.log_softmax(logits, -1)).numpy()
            matcher.fill_bitmask(words)
            n_allowed = int(np.unpackbits(words.view(np.uint8)).sum())
            uniform = rng.random()
            began = time.perf_counter()
            draw.visit(row, words, raw)
            drawn = draw.sample(row, uniform)
            seconds = time.perf_counter() - began
            if seed >= 30:
                kind = f"JSON, under {SPARSE:,} allowed" if n_allowed < SPARSE else f"JSON, {SPARSE:,} or more"
                found.setdefault((kind, raw), []).append(seconds)
            if drawn != token:
                break
            matcher.accept(token)
        trie.commit(draw)
    for share in (0.0005, 0.007, 0.05, 0.5, 1.0):
        for raw in (False, True):
            mask = pack_mask(np.random.default_rng(1).random(vocab.width) < share)
            kind = f"random, {share:.2%} allowed"
            for i in range(200):
                draw, row = EfgDraw(trie), rows[raw][i % 64]
                uniform = rng.random()
                began = time.perf_counter()
                draw.visit(row, mask, raw)
                draw.sample(row, uniform)
                found.setdefault((kind, raw), []).append(time.perf_counter() - began)
    out = []
    print(f"{'mask':<28}{'row':<12}{'steps':>7}{'median':>11}{'p99':>11}{'softmaxes':>11}   target")
    for (kind, raw), values in sorted(found.items(), key=lambda item: (item[0][1], item[0][0])):
        median = statistics.median(values)
        sparse = is_sparse(kind)
        ok = median <= TARGET_SOFTMAX * unit and (raw or not sparse or median <= TARGET_SPARSE)
        target = f"<= {TARGET_SOFTMAX} softmaxes" + (f" and {us(TARGET_SPARSE)}" if sparse and not raw else "")
        print(
            f"{kind:<28}{'logits' if raw else 'log-probs':<12}{len(values):>7}{us(median):>11}"
            f"{us(quantile(values, 0.99)):>11}{median / unit:>11.2f}   {target}: {verdict(ok)}"
        )
        out.append({"mask": kind, "raw": raw, "median_seconds": median, "softmax_seconds": unit, "met": ok})
    print("(logits: the row's own log-softmax is part of the step)\n")
    return out


def trie() -> dict[str, Any]:
    """Bytes and seconds of what is stored."""
    import numpy as np

    from gcd._native.efg_trie import EfgDraw, EfgTrie

    rng = random.Random(0)
    wide = EfgTrie(3, [2])
    row, words = np.log([0.45, 0.45, 0.1]), np.array([7], dtype=np.int32)
    seconds = []
    for _ in range(5000):
        draw = EfgDraw(wide)
        for _ in range(40):
            draw.visit(row, words)
            draw.sample(row, rng.random())
            if draw.is_ended:
                break
        began = time.perf_counter()
        wide.commit(draw)
        seconds.append(time.perf_counter() - began)
    deep = EfgTrie(3, [2])
    draw = EfgDraw(deep)
    for _ in range(10_000):
        draw.visit(row, words)
        draw.take(row, 0)
    draw.visit(row, words)
    draw.take(row, 2)
    began = time.perf_counter()
    deep.commit(draw)
    deep_seconds = time.perf_counter() - began
    size = max(wide.nbytes / wide.n_nodes, deep.nbytes / deep.n_nodes)
    print(f"a stored prefix: {size:.0f} bytes   <= {TARGET_BYTES}: {verdict(size <= TARGET_BYTES)}")
    print(
        f"a commit: {us(statistics.median(seconds))} (median; {wide.n_nodes:,} prefixes), of 10,000 tokens "
        f"{us(deep_seconds)}; log bound {deep.log_bound():.4f}\n"
    )
    assert math.isfinite(deep.log_bound())
    return {"bytes": size, "commit_seconds": statistics.median(seconds), "deep_commit_seconds": deep_seconds}


def processor() -> dict[str, Any]:
    """Times of the logits processor's calls."""
    import torch
    from tokenizers import Tokenizer

    import gcd

    folder = tool("get_tokenizers.py", "smollm2")
    vocab = gcd.Vocabulary.from_pretrained(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    compiled = gcd.compile(gcd.Grammar.from_lark(ROOT / "grammars" / "json.lark"), vocab)
    compiled.fill_tables()
    aligned = gcd.GrammarAlignedLogitsProcessor(compiled)
    scores = torch.randn(32, vocab.width, generator=torch.Generator().manual_seed(0)) * 4
    seconds = []
    for n, text in enumerate(texts(60, 2)):
        ids = [7, *tokenizer.encode(text, add_special_tokens=False).ids, vocab.eos_ids[0]]
        for at in range(1, len(ids)):
            row = scores[at % 32 : at % 32 + 1].clone()
            inputs = torch.tensor([ids[:at]])
            began = time.perf_counter()
            aligned(inputs, row)
            if n >= 10 and at > 1:
                seconds.append(time.perf_counter() - began)
        aligned.finish(torch.tensor([ids]))
    median = statistics.median(seconds)
    print(
        f"GrammarAlignedLogitsProcessor, {vocab.width:,} columns, JSON: {us(median)} a call (median of "
        f"{len(seconds):,}), p99 {us(quantile(seconds, 0.99))}   <= {us(TARGET_CALL)}: {verdict(median <= TARGET_CALL)}"
    )
    return {"width": vocab.width, "median_seconds": median, "p99_seconds": quantile(seconds, 0.99)}
