"""Jump-forward: forward passes and time saved on schema-like JSON with a real model.

SmolLM2-135M-Instruct writes records whose keys, quotes and brackets the grammar forces, greedy, one prompt at a time
and all prompts in a batch; with ``generate()`` as it is, and with `gcd.hosts.jump_forward.JumpForward`. Both must write
the same text. *kept*: drafts that held; each call begins without knowledge of earlier ones. Repetitions take turns;
times are medians, of whole calls of ``generate()``.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

from bench.processor import tool

TARGET = 1.2
GRAMMAR = r"""
start: "{" "\"name\": " STRING ", \"age\": " NUMBER ", \"address\": " address ", \"married\": " ("true" | "false") "}"
address: "{" "\"street\": " STRING ", \"city\": " STRING ", \"postal_code\": " STRING "}"
STRING: /"[^"\\\n]{1,30}"/
NUMBER: /[1-9][0-9]{0,2}/
"""
PROMPTS = (
    "A person as JSON: Anna Smith, 33, lives in 5 Oxford Street in London, postal code W1D, married.\n",
    "As JSON: Bob Miller is 7 years old, lives at 12 Main Street, New York 10001.\n",
    "Describe a customer from Paris as JSON.\n",
)


def main(argv: list[str]) -> int:
    """Measure, and print a table with the target beside the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench jump", description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=3, help="repetitions (default 3)")
    parser.add_argument("--tokens", type=int, default=80, help="max_new_tokens (default 80)")
    parser.add_argument("--threads", type=int, default=None, help="torch's threads (default: torch's own choice)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args(argv)
    os.environ["HF_HUB_OFFLINE"] = "1"

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    import gcd

    logging.disable_progress_bar()
    if options.threads:
        torch.set_num_threads(options.threads)
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, load average {os.getloadavg()[0]:.1f}\n\n"
        f"{'prompts':<9}{'tokens':>8}{'forced':>8}{'passes':>8}{'saved':>8}{'kept':>7}{'generate':>11}{'jump':>9}{'faster':>8}"
        f"{'text':>7}   target"
    )
    folder = tool("get_test_model.py")
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    compiled = gcd.compile(gcd.Grammar.from_lark(GRAMMAR), gcd.Vocabulary.from_pretrained(folder))
    compiled.fill_tables()
    figures = []
    for name, prompts in (*((str(i + 1), [p]) for i, p in enumerate(PROMPTS)), ("all", list(PROMPTS))):
        row = compare(model, tokenizer, compiled, prompts, options.repeat, options.tokens)
        met = "met" if row["faster"] >= TARGET and row["same"] else "MISSED"
        print(
            f"{name:<9}{row['tokens']:>8}{row['forced']:>8.0%}{row['steps']:>8}{row['saved']:>8.0%}{row['kept']:>7.0%}"
            f"{row['generate']:>10.2f}s{row['jump']:>8.2f}s{row['faster']:>7.2f}x"
            f"{'same' if row['same'] else 'OTHER':>7}   >= {TARGET}x: {met}"
        )
        figures.append({"prompts": name, **row})
    if options.json:
        options.json.write_text(json.dumps({"load_average": os.getloadavg()[0], "rows": figures}, indent=1) + "\n")
    return 0


def compare(
    model: Any, tokenizer: Any, compiled: Any, prompts: list[str], repeat: int, max_new_tokens: int
) -> dict[str, Any]:
    """Both ways in turns: seconds, tokens, passes of a row, and whether they wrote the same."""
    import gcd
    from gcd.hosts.jump_forward import JumpForward, forced_draft

    inputs = tokenizer(prompts, return_tensors="pt", padding=True)
    seconds: dict[str, list[float]] = {"generate": [], "jump": []}
    texts: dict[str, Any] = {}
    jump = JumpForward()
    processor = gcd.GrammarLogitsProcessor(compiled)
    for _ in range(repeat):
        for way in seconds:
            jump = JumpForward() if way == "jump" else jump
            began = time.perf_counter()
            out = model.generate(
                **inputs,
                logits_processor=[processor],
                custom_generate=jump if way == "jump" else None,
                max_new_tokens=max_new_tokens,
                do_sample=False,
            )
            seconds[way].append(time.perf_counter() - began)
            texts[way] = processor.outcomes(out)
    generate, jumped = (statistics.median(seconds[way]) for way in seconds)
    forced = total = 0
    for outcome in processor.outcomes(out):
        matcher = processor.constraints[0].line()
        for token in outcome.ids:
            forced += bool(forced_draft(matcher, 1, compiled.width))
            matcher.accept(token)
        total += len(outcome.ids) + outcome.ended
    return {
        "tokens": jump.tokens,
        "forced": forced / total,
        "steps": jump.steps,
        "kept": jump.kept / max(1, jump.drafted),
        "saved": 1 - jump.steps / jump.tokens,
        "generate": generate,
        "jump": jumped,
        "faster": generate / jumped,
        "same": texts["generate"] == texts["jump"],
    }
