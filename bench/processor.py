"""The logits processor: its share of a real model's step, and a mask with its application to a 128k row.

SmolLM2-135M-Instruct writes under a grammar, at batch 1 and 16, sampling, so that rows differ. Timed are the whole
``generate()`` and, inside it, the processor's calls. Tables are filled as ``gcd compile`` fills them; a first, untimed
run warms up the model. The second table walks JSON texts token by token over the Llama-3 vocabulary: at each position
the mask is filled and applied to a fresh float32 row of 128,256 logits on the CPU.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.engines import ROOT

GRAMMARS = ("json", "sql", "arithmetic")
BATCHES = (1, 16)
TARGET_SHARE = 0.02
TARGET_APPLY = 100e-6


def main(argv: list[str]) -> int:
    """Measure, and print a table with the targets beside the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench processor", description=__doc__.partition("\n")[0])
    parser.add_argument("--tokens", type=int, default=48, help="length of each output (default 48)")
    parser.add_argument("--threads", type=int, default=None, help="torch's threads (default: torch's own choice)")
    parser.add_argument("--grammars", nargs="*", default=GRAMMARS, choices=GRAMMARS)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args(argv)
    os.environ["HF_HUB_OFFLINE"] = "1"

    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    if options.threads:
        torch.set_num_threads(options.threads)
    load = os.getloadavg()[0]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, load average {load:.1f}\n")
    steps = list(generate(options.grammars, options.tokens))
    rows = [apply_row(name) for name in options.grammars if name == "json"]
    if options.json:
        figures = {"threads": torch.get_num_threads(), "load_average": load, "steps": steps, "rows": rows}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def generate(grammars: list[str], n_tokens: int) -> Any:
    """A row of the first table for each grammar and batch."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    import gcd

    folder = tool("get_test_model.py")
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    vocab = gcd.Vocabulary.from_pretrained(folder)
    print(f"{'grammar':<12}{'batch':>6}{'step':>11}{'call':>11}{'call p99':>11}{'share':>9}   target")
    for name in grammars:
        compiled = gcd.compile(gcd.Grammar.from_lark(ROOT / "grammars" / f"{name}.lark"), vocab)
        compiled.fill_tables()
        for batch in BATCHES:
            prompts = [f"Text number {i} in the language {name}:\n" for i in range(batch)]
            inputs = tokenizer(prompts, return_tensors="pt", padding=True)
            kwargs = {"do_sample": True, "temperature": 0.8, "top_k": 0, "max_new_tokens": n_tokens}
            torch.manual_seed(0)
            model.generate(**inputs, **kwargs | {"max_new_tokens": 4})
            processor = Timed(gcd.GrammarLogitsProcessor(compiled))
            began = time.perf_counter()
            model.generate(**inputs, logits_processor=[processor], **kwargs)
            seconds = time.perf_counter() - began
            calls = processor.seconds
            row = {
                "grammar": name,
                "batch": batch,
                "calls": len(calls),
                "step_seconds": seconds / len(calls),
                "call_seconds": statistics.median(calls),
                "call_p99_seconds": quantile(calls, 0.99),
                "share": sum(calls) / seconds,
            }
            met = "met" if row["share"] <= TARGET_SHARE else "MISSED"
            print(
                f"{name:<12}{batch:>6}{ms(row['step_seconds']):>11}{us(row['call_seconds']):>11}"
                f"{us(row['call_p99_seconds']):>11}{row['share']:>9.2%}   <= {TARGET_SHARE:.0%}: {met}"
            )
            yield row


class Timed:
    """A logits processor that keeps how long each call of another took."""

    supports_continuous_batching = False

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.seconds: list[float] = []

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        before = self.inner.seconds
        out = self.inner(input_ids, scores)
        self.seconds.append(self.inner.seconds - before)
        return out


def apply_row(name: str) -> dict[str, Any]:
    """The second table's row: fill and apply, at each token of texts that the model's tokenizer spells."""
    import torch
    from tokenizers import Tokenizer

    import gcd

    folder = tool("get_tokenizers.py", "llama3")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    vocab = gcd.Vocabulary.from_pretrained(folder)
    compiled = gcd.compile(gcd.Grammar.from_lark(ROOT / "grammars" / f"{name}.lark"), vocab)
    compiled.fill_tables()
    text = json.dumps(
        [{"id": i, "name": f"row {i}", "tags": ["a", "é", None], "price": i / 7, "ok": i % 2 == 0} for i in range(20)]
    )
    bitmask = gcd.allocate_token_bitmask(1, vocab.width)
    scores = torch.randn(1, vocab.width)
    fill, both = [], []
    for _ in range(2):
        matcher = compiled.matcher()
        for token in tokenizer.encode(text, add_special_tokens=False).ids:
            logits = scores.clone()
            began = time.perf_counter()
            matcher.fill_bitmask(bitmask)
            filled = time.perf_counter()
            gcd.apply_token_bitmask_inplace(logits, bitmask)
            done = time.perf_counter()
            fill.append(filled - began)
            both.append(done - began)
            assert matcher.accept(token), "the text left the grammar"
    row = {
        "grammar": name,
        "width": vocab.width,
        "positions": len(both),
        "fill_seconds": statistics.median(fill),
        "both_seconds": statistics.median(both),
        "both_p99_seconds": quantile(both, 0.99),
    }
    met = "met" if row["both_seconds"] <= TARGET_APPLY else "MISSED"
    print(f"\n{'grammar':<12}{'width':>8}{'mask':>11}{'mask+apply':>12}{'p99':>11}   target (median)")
    print(
        f"{name:<12}{vocab.width:>8,}{us(row['fill_seconds']):>11}{us(row['both_seconds']):>12}"
        f"{us(row['both_p99_seconds']):>11}   <= {us(TARGET_APPLY)}: {met}"
    )
    return row


def tool(script: str, *args: str) -> Path:
    """Run a tool of the project, and return the folder that it prints."""
    command = [sys.executable, str(ROOT / "tools" / script), *args]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def quantile(values: list[float], q: float) -> float:
    """The value below which a share of `q` lies."""
    return sorted(values)[min(len(values) - 1, int(q * len(values)))]


def us(seconds: float) -> str:
    """Microseconds."""
    return f"{seconds * 1e6:.1f} us"


def ms(seconds: float) -> str:
    """Milliseconds."""
    return f"{seconds * 1e3:.1f} ms"
