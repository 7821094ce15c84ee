"""A small real model with and without grammars, side by side: what `make demo` shows.

    python tools/demo.py [--tokens N]

Compiles three of the grammars for the model's tokenizer with the command line, as one would offline, loads the
artefacts, asks SmolLM2-135M-Instruct a few questions (greedy search), and lets json, sqlite3 and Lark judge what it
writes. Exits with status 1 if a constrained text that came to its end is not in its grammar.
"""

import argparse
import ast
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import lark
import torch
from get_test_model import cache_dir, fetch
from rich.console import Console
from rich.table import Table
from rich.text import Text
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

import gcd

GRAMMARS = Path(__file__).parent.parent / "grammars"


@dataclass(frozen=True)
class Task:
    """A grammar, who judges its texts besides Lark, an example to begin the chat with, and questions."""

    grammar: str
    judge: Callable[[str], object]
    example: tuple[str, str] | None
    questions: tuple[str, ...]


def prepare(statement: str) -> None:
    """Let SQLite parse a statement. That it knows no such table is no matter of syntax."""
    try:
        sqlite3.connect(":memory:").execute(f"EXPLAIN {statement}")
    except sqlite3.Error as error:
        if not str(error).startswith("no such"):
            raise


TASKS = (
    Task(
        "json",
        json.loads,
        None,
        (
            "Describe a cat as JSON with the keys name, colour and age.",
            "The book Dune, written by Frank Herbert in 1965, as JSON with the keys title, author and year.",
            "Give me a JSON object with the name, age and city of a person.",
        ),
    ),
    Task(
        "sql",
        prepare,
        None,
        (
            "Give me SQL code that lists the names of all singers older than 40.",
            "Update the age of Anna to 32 in the table singer, in SQL.",
            "Write an SQL statement that selects the average price of products for each category.",
        ),
    ),
    Task(
        "arithmetic",
        lambda text: ast.parse(text.strip(), mode="eval"),
        ("the sum of 3 and 4, times 5", "(3 + 4) * 5"),
        (
            "ten minus three, divided by two",
            "seconds in 3 hours",
            "What is 12 times 7 plus 3? Write only the expression.",
        ),
    ),
)


def main() -> int:
    """Compile, generate, judge, show."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tokens", type=int, default=60, help="length of an output at most (default 60)")
    most = parser.parse_args().tokens
    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    torch.set_num_threads(1)  # enough for so small a model, and on a busy machine threads mostly wait for each other
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    began = time.perf_counter()
    folder = fetch(cache_dir() / "models" / "smollm2")
    with tempfile.TemporaryDirectory() as scratch:
        compiled = {task.grammar: compile_offline(task.grammar, folder, Path(scratch), console) for task in TASKS}
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        counts = [show(task, compiled[task.grammar], model, tokenizer, most, console) for task in TASKS]
    n = sum(len(task.questions) for task in TASKS)
    free, bound, broken = map(sum, zip(*counts, strict=True))
    console.print(f"\n[bold]valid: {free} of {n} unconstrained, {bound} of {n} constrained[/]", end="")
    console.print(f" ({time.perf_counter() - began:.0f} s in all)")
    return 1 if broken else 0


def compile_offline(name: str, folder: Path, scratch: Path, console: Console) -> gcd.CompiledGrammar:
    """The artefact of a grammar, made by another process, and loaded in this one."""
    target = scratch / f"{name}.gcd"
    shown = str(folder).replace(str(Path.home()), "~")
    console.print(f"[bold]$ gcd compile grammars/{name}.lark --tokenizer {shown} -o {target.name}[/]")
    command = [sys.executable, "-m", "gcd", "compile", GRAMMARS / f"{name}.lark", "--tokenizer", folder, "-o", target]
    subprocess.run([*map(str, command), "--json"], check=True, stdout=subprocess.DEVNULL)
    compiled = gcd.load(target)
    console.print(f"  {target.stat().st_size / 1e6:.1f} MB, {compiled.exactness}, loaded in {compiled.seconds:.3f} s")
    return compiled


def show(
    task: Task, compiled: gcd.CompiledGrammar, model: Any, tokenizer: Any, most: int, console: Console
) -> tuple[int, int, int]:
    """Answer a task's questions both ways and print a table.

    Returns how many texts are valid unconstrained, how many constrained, and how many of the latter ended and aren't.
    """
    oracle = lark.Lark((GRAMMARS / f"{task.grammar}.lark").read_text(), parser="lalr", lexer="contextual")
    processor = gcd.GrammarLogitsProcessor(compiled)
    example = [("user", task.example[0]), ("assistant", task.example[1])] if task.example else []
    chats = [[*example, ("user", q)] for q in task.questions]
    free, _ = answer(chats, model, tokenizer, most)
    bound, seconds = answer(chats, model, tokenizer, most, [processor])

    table = Table(
        title=f"\n{task.grammar}.lark", title_justify="left", title_style="bold", show_lines=True, expand=True
    )
    for title, ratio in (("asked", 3), ("unconstrained", 6), ("constrained", 5)):
        table.add_column(title, ratio=ratio, overflow="fold")
    n_free = n_bound = n_broken = 0
    for question, *outputs in zip(task.questions, free, bound, strict=True):
        errors = [verdict(text, task, oracle) for text, _ended in outputs]
        cells = []
        for (text, ended), error in zip(outputs, errors, strict=True):
            mark = Text("valid", "green") if error is None else Text(f"invalid: {error}", "red")
            if not ended:
                mark.append(f" (cut off after {most} tokens)", "yellow")
            cells.append(Text(text.rstrip("\n") + "\n").append_text(mark))
        table.add_row(question, *cells)
        constrained_ended = outputs[1][1]
        n_free += errors[0] is None
        n_bound += errors[1] is None
        n_broken += errors[1] is not None and constrained_ended
    console.print(table)
    console.print(f"gcd took {processor.seconds / seconds:.1%} of the time of constrained generation")
    return n_free, n_bound, n_broken


def answer(
    chats: list[list[tuple[str, str]]], model: Any, tokenizer: Any, most: int, processors: list[Any] | None = None
) -> tuple[list[tuple[str, bool]], float]:
    """For each chat what the model writes and whether it came to an end; and the seconds that took. One batch."""
    messages = [[{"role": role, "content": text} for role, text in chat] for chat in chats]
    prompts = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    inputs = tokenizer(prompts, return_tensors="pt", padding=True)
    began = time.perf_counter()
    out = model.generate(**inputs, max_new_tokens=most, do_sample=False, logits_processor=processors)
    seconds = time.perf_counter() - began
    new = out[:, inputs["input_ids"].shape[1] :]
    texts = tokenizer.batch_decode(new, skip_special_tokens=True)
    return [(text, tokenizer.eos_token_id in ids) for text, ids in zip(texts, new.tolist(), strict=True)], seconds


def verdict(text: str, task: Task, oracle: lark.Lark) -> str | None:
    """What is wrong with a text, in one line; None if both judges take it."""
    try:
        task.judge(text)
        oracle.parse(text)
    except (ValueError, SyntaxError, sqlite3.Error, lark.exceptions.LarkError) as error:
        return (error.msg if isinstance(error, SyntaxError) else str(error)).partition("\n")[0]
    return None


if __name__ == "__main__":
    sys.exit(main())
