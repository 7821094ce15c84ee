"""Masks under a token budget beside plain ones, on texts drawn from them: what `max_tokens=` costs.

Texts are drawn from the budgeted masks themselves, the shortest of four random tokens at each step, so both kinds of
mask are asked at the same places; a budget is what the grammar's completion needs and some tokens more. The first text
finds all tables empty. There is no target: the figures are what docs/token-budgets.md speaks of.
"""

import argparse
import random
import time
from typing import Any

import numpy as np

import gcd

GRAMMARS = ("json", "arithmetic", "sql", "python")
SPARE = (5, 20, 60)
RECORD = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "born": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"enum": ["red", "green", "blue"]}, "uniqueItems": True},
        "score": {"type": "number", "minimum": 0, "maximum": 100},
    },
    "required": ["name", "born"],
}


def main(argv: list[str]) -> int:
    """Print a line for each grammar."""
    parser = argparse.ArgumentParser(prog="python -m bench budgets", description=__doc__)
    parser.add_argument("--tokenizer", default="llama3", help="its name in $GCD_CACHE/tokenizers, or a folder")
    parser.add_argument("--texts", type=int, default=40, help="for each grammar (default 40)")
    options = parser.parse_args(argv)
    vocab = gcd.Vocabulary.from_pretrained(options.tokenizer)
    print(
        f"{vocab.width:,} columns; microseconds; budgets: what is needed and {', '.join(map(str, SPARE))} tokens more"
    )
    print("| grammar | masks | budgeted: median | mean | p99 | max | plain: median | mean | p99 | max |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for name in (*GRAMMARS, "a JSON Schema"):
        grammar = gcd.Grammar.builtin(name) if name in GRAMMARS else gcd.Grammar.from_json_schema(RECORD)
        budgeted, plain = measure(gcd.compile(grammar, vocab), options.texts)
        print(f"| {name} | {len(plain):,} | {figures(budgeted)} | {figures(plain)} |", flush=True)
    return 0


def measure(compiled: gcd.CompiledGrammar, texts: int) -> tuple[list[float], list[float]]:
    """Microseconds of every mask of some texts, under a budget and without."""
    rng = random.Random(1)
    rows = np.zeros((2, -(-compiled.width // 32)), dtype=np.int32)
    budgeted: list[float] = []
    plain: list[float] = []
    needed = len(compiled.matcher().completion() or []) + 1
    for _ in range(texts):
        matcher, free = compiled.matcher(max_tokens=needed + rng.choice(SPARE)), compiled.matcher()
        while not matcher.is_finished:
            budgeted.append(timed(matcher, rows, 0))
            plain.append(timed(free, rows, 1))
            if (rows[0] & ~rows[1]).any():
                raise SystemExit("a budgeted mask has a token that the plain one hasn't")
            ids = np.flatnonzero(np.unpackbits(rows[0].view(np.uint8), bitorder="little"))
            token = min((int(rng.choice(ids)) for _ in range(4)), key=lambda t: len(matcher.token_bytes(t)))
            if not (matcher.accept(token) and free.accept(token)):
                raise SystemExit(f"token {token} is in the mask, and refused")
    return budgeted, plain


def timed(matcher: Any, rows: Any, row: int) -> float:
    began = time.perf_counter()
    matcher.fill_bitmask(rows, row)
    return (time.perf_counter() - began) * 1e6


def figures(times: list[float]) -> str:
    return " | ".join(f"{x:,.1f}" for x in (np.median(times), np.mean(times), np.percentile(times, 99), max(times)))
