"""Questions in SQL: a small real model alone, under a generic grammar, under the database's own schema, and with SMC.

Each question is put to each arm with the same prompt (schema and question), temperature and budget of tokens. Counted
are statements that SQLite prepares, that run and return rows, that are the reference (exact match) and that return its
rows (execution match), with Wilson's 95 % intervals. Writes a record (JSON) and a report (Markdown).
"""

import argparse
import json
import os
import random
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.cfg import RECORDS, ROOT, commit
from bench.harness import system
from bench.text_to_sql.databases import DATABASES, open_database
from bench.text_to_sql.questions import QUESTIONS, Question
from bench.text_to_sql.verdicts import interval, judge

ARMS = {
    "base": "the model alone",
    "generic": "grammars/sql.lark, masked",
    "names": "the database's names, context-free, masked",
    "schema": "the database's own schema, masked",
    "awrs": "the schema, AWRS",
    "smc": "the schema and 'returns rows', AWRS-SMC with particles",
}
SHARES = ("prepares", "rows", "exact", "execution")


class Bench:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        import gcd

        self.options = options
        torch.set_num_threads(options.threads)
        model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
        self.model = gcd.HFModel(model, AutoTokenizer.from_pretrained(options.model))
        self.compiled: dict[Any, Any] = {}

    def file(self, name: str) -> Path:
        self.options.databases.mkdir(parents=True, exist_ok=True)
        return open_database(name, self.options.databases, self.options.data)

    def constraint(self, arm: str, database: str) -> Any:
        """What the arm's texts must satisfy; compiled once."""
        import gcd
        from gcd.sampling.constraint import GrammarConstraint
        from gcd.sql import from_database, returns_rows

        if arm == "base":
            return None
        key = ("generic", None) if arm == "generic" else ("names" if arm == "names" else "schema", database)
        if key not in self.compiled:
            if arm == "generic":
                grammar: Any = gcd.Grammar.from_lark(ROOT / "grammars" / "sql.lark")
            else:
                grammar = from_database(self.file(database))
                grammar = grammar.context_free(invented=False) if arm == "names" else grammar
            self.compiled[key] = gcd.compile(grammar, self.model.vocab, lenient={"viability"})
        in_time = GrammarConstraint(self.compiled[key], max_tokens=self.options.max_tokens)
        return [in_time, returns_rows(self.file(database))] if arm == "smc" else in_time

    def answer(self, arm: str, question: Question, seed: int) -> dict[str, Any]:
        """One arm's answer to one question, with its verdict."""
        import gcd
        from gcd.sampling import Warped
        from gcd.sql import from_database
        from gcd.sql.answer import answer_prompt
        from gcd.sql.fence import FencedAnswers
        from gcd.sql.prompt import prompt

        file = self.file(question.database)
        asked = answer_prompt(self.model, prompt(from_database(file).catalogue, question.text))
        constraint = self.constraint(arm, question.database)
        answers = Warped(FencedAnswers(self.model), temperature=self.options.temperature)
        method = {"awrs": "awrs", "smc": "smc"}.get(arm, "local")
        draw: Callable[..., Any] = partial(gcd.sample, answers, constraint, asked, max_tokens=self.options.max_tokens)
        began = time.perf_counter()
        problem = ""
        drawn: Any = ()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                drawn = draw(self.options.particles if arm == "smc" else 1, method=method, seed=seed)
        except gcd.GcdError as error:
            problem = str(error)
        seconds = time.perf_counter() - began
        whole = [s for s in drawn if s.finished and s.log_weight > float("-inf")]
        best = max(whole, key=lambda s: s.log_weight, default=None)
        text = best.text.strip() if best else ""
        tokens = sum(len(s.ids) for s in drawn)
        return {
            "arm": arm,
            "database": question.database,
            "question": question.text,
            "statement": text,
            "finished": best is not None,
            **judge(file, text, question.sql)._asdict(),
            "seconds": seconds,
            "model_seconds": getattr(drawn, "model_seconds", 0.0),
            "checks": getattr(drawn, "n_checks", 0),
            "masks": getattr(drawn, "n_masks", 0),
            "tokens": tokens,
            "problem": problem,
        }


def report(record: dict[str, Any]) -> str:
    """The record as a page."""
    answers = record["answers"]
    lines = [
        "# SQL: questions on databases",
        "",
        f"{record['when']}, {record['commit']}, {record['machine']['cpu']} ({record['machine']['cpus']} CPUs, load "
        f"{record['machine']['load_average_before']} before), {record['seconds'] / 60:.1f} min. Temperature "
        f"{record['temperature']}, at most {record['max_tokens']} tokens, {record['particles']} particles.",
        "",
        "Shares in %, with 95 % intervals; *finished*: ended within the budget of tokens.",
        "",
        "| arm | questions | finished | prepares | returns rows | exact match | execution match | s a question "
        "| checks a token |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for arm, words in ARMS.items():
        of = [a for a in answers if a["arm"] == arm]
        if not of:
            continue
        cells = []
        for key in ("finished", *SHARES):
            hits = sum(a[key] for a in of)
            low, high = interval(hits, len(of))
            cells.append(f"{100 * hits / len(of):.0f} ({100 * low:.0f}–{100 * high:.0f})")
        tokens = sum(a["tokens"] for a in of)
        seconds = sum(a["seconds"] for a in of) / len(of)
        checks = f"{sum(a['checks'] for a in of) / tokens:.2f}" if tokens else "–"
        lines.append(f"| **{arm}**: {words} | {len(of)} | {' | '.join(cells)} | {seconds:.1f} | {checks} |")
    wrong = [a for a in answers if a["arm"] in ("schema", "awrs", "smc") and a["finished"] and not a["prepares"]]
    lines += ["", f"Finished under the schema, and yet not prepared by SQLite: {len(wrong)}."]
    lines += [f"* {a['database']}: `{' '.join(a['statement'].split())}`: {a['error']}" for a in wrong]
    failed = [a for a in answers if a["problem"]]
    lines += [f"* {a['arm']}, {a['database']}: {a['problem'].splitlines()[0]}" for a in failed]
    return "\n".join(lines) + "\n"


def parse(argv: list[str]) -> argparse.Namespace:
    """The command's options."""
    cache = Path(os.environ.get("GCD_CACHE") or Path.home() / ".cache" / "gcd")
    data = Path(os.environ.get("GCD_CONFORMANCE_DATA") or ROOT / ".." / "shared" / "data")
    parser = argparse.ArgumentParser("python -m bench sql", description=__doc__.partition("\n")[0])
    parser.add_argument("--arms", default="base,generic,schema,smc", help=f"comma-separated, of {', '.join(ARMS)}")
    parser.add_argument("--questions", type=int, default=len(QUESTIONS), help="how many, from all databases")
    parser.add_argument("--minutes", type=float, default=30.0, help="no new question after so long")
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--particles", type=int, default=4)
    parser.add_argument("--temperature", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--model", type=Path, default=cache / "models" / "smollm2")
    parser.add_argument("--data", type=Path, default=data, help="the conformance data")
    parser.add_argument("--databases", type=Path, default=cache / "bench-sql", help="where databases are kept")
    parser.add_argument("--out", type=Path, default=RECORDS, help="folder for record and report")
    options = parser.parse_args(argv)
    options.arms = options.arms.split(",")
    if not set(options.arms) <= set(ARMS):
        parser.error(f"--arms: choose from {', '.join(ARMS)}")
    return options


def chosen(options: argparse.Namespace) -> list[Question]:
    """The questions in an order in which every beginning has all databases in it."""
    there = [name for name in DATABASES if name not in ("tpch", "concert_singer") or options.data.is_dir()]
    shuffled = random.Random(options.seed).sample(QUESTIONS, len(QUESTIONS))
    place = {q: [p for p in shuffled if p.database == q.database].index(q) for q in shuffled}
    return sorted((q for q in shuffled if q.database in there), key=lambda q: place[q])[: options.questions]


def main(argv: list[str]) -> int:
    """Put the questions; write record and report."""
    options = parse(argv)
    began = time.time()
    record: dict[str, Any] = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "commit": commit(),
        "machine": {
            "cpu": system.cpu_model(),
            "cpus": os.cpu_count(),
            "load_average_before": system.load_average(),
        },
        "temperature": options.temperature,
        "max_tokens": options.max_tokens,
        "particles": options.particles,
        "answers": [],
    }
    bench = Bench(options)
    for i, question in enumerate(chosen(options)):
        if time.time() - began > 60 * options.minutes:
            break
        for arm in options.arms:
            record["answers"].append(bench.answer(arm, question, options.seed + i))
        print(f"[{time.time() - began:6.0f} s] {i + 1} {question.database}: {question.text}", flush=True)
    record["seconds"] = time.time() - began
    options.out.mkdir(parents=True, exist_ok=True)
    stem = f"{record['when'].replace(':', '')}-sql"
    (options.out / f"{stem}.json").write_text(json.dumps(record, indent=1) + "\n")
    text = report(record)
    (options.out / f"{stem}.md").write_text(text)
    print(text)
    print(f"-> {options.out / stem}.*")
    return 0
