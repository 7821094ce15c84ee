"""`gcd.sql.generate`: from a question to a statement that the database prepares, and to its rows."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from gcd.compiler import compile as compile_grammar
from gcd.errors import SamplingError
from gcd.sampling.api import sample
from gcd.sampling.constraint import GrammarConstraint
from gcd.sampling.sample import Samples, log_mean_exp
from gcd.sampling.warp import Warped
from gcd.sql.fence import FENCE, FencedAnswers
from gcd.sql.prompt import prompt as make_prompt
from gcd.sql.read_only import Rows, run
from gcd.sql.reflect import from_database

__all__ = ["Answer", "answer_prompt", "generate"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One statement, and what is known about it.

    Attributes:
        statement: it is prepared by the database.
        log_weight: log of its importance weight; see `gcd.sampling.sample.Sample`. Of several samples one is chosen in
            proportion to their weights, and this is the log of the mean weight, an estimate of log P(constraint).
        rows: what it returned, if that was asked for.
        samples: everything that was drawn.
    """

    statement: str
    log_weight: float
    rows: Rows | None
    samples: Samples


def generate(
    model: Any,
    tokenizer: Any,
    database: Any,
    question: str,
    *,
    method: str = "local",
    n: int = 1,
    max_tokens: int = 128,
    temperature: float = 0.2,
    rows: bool = False,
    seconds: float = 5.0,
    max_rows: int = 1000,
    where: Any = None,
    dialect: str | None = None,
    statements: Iterable[str] = ("select",),
    tables: Collection[str] | None = None,
    require_limit: bool = False,
    functions: Collection[str] | None = None,
    seed: int = 0,
    lenient: Collection[str] = frozenset({"viability"}),
    **options: Any,
) -> Answer:
    """Let a model answer a question on a database by a statement that the database prepares.

    Args:
        model: a causal language model of transformers; or a `gcd.HFModel` (or another `LanguageModel`), which keeps
            vocabulary and prompt from call to call.
        tokenizer: its tokenizer; None if `model` is a `LanguageModel`. Its chat template is used, if it has one.
        database: as for `gcd.sql.from_database`.
        question: what to ask; it stands behind the schema in the prompt.
        method: as for `gcd.sample`: "local" masks; "awrs" and "smc" keep the model's law and weigh what they draw.
        n: how many samples, or particles, to choose one from.
        max_tokens: the most tokens of a statement, its end included. The masks see to it that it is finished by then.
        temperature: of the model's law, which is what `method` keeps and weighs.
        rows: run the statement, on a connection that can't write.
        seconds, max_rows: bounds on that run.
        where: a further predicate, or a list of them: `gcd.sql.runs`, `gcd.sql.returns_rows`, or any of `gcd.sampling`.
            Where it can't be satisfied, methods other than "local" say so by a weight of 0.
        dialect, statements, tables, require_limit, functions: as for `gcd.sql.from_database`.
        seed: of all randomness.
        lenient: as for `gcd.compile`.
        options: the method's own.

    Raises:
        DatabaseError: as `from_database` and `gcd.sql.run` do.
        SamplingError: no sample satisfies everything.
        TokenBudgetError: no statement is as short as `max_tokens`.
    """
    grammar = from_database(database, dialect, statements, tables, require_limit=require_limit, functions=functions)
    language_model = _language_model(model, tokenizer)
    asked = answer_prompt(language_model, make_prompt(grammar.catalogue, question))
    answers = Warped(FencedAnswers(language_model), temperature=temperature)
    compiled = compile_grammar(grammar, language_model.vocab, lenient=lenient)
    in_time = GrammarConstraint(compiled, max_tokens=max_tokens)
    constraint = [in_time, *(where if isinstance(where, list | tuple) else [where])] if where is not None else in_time
    drawn = sample(answers, constraint, asked, n, method=method, max_tokens=max_tokens, seed=seed, **options)
    chosen = _chosen(drawn, seed)
    if chosen is None:
        raise SamplingError(
            f"no statement of {max_tokens} tokens satisfies everything",
            remedy="raise n or max_tokens; tables= makes the schema, and so the choice, smaller",
        )
    found = run(database, chosen, seconds=seconds, max_rows=max_rows) if rows else None
    weight = log_mean_exp([s.log_weight for s in drawn]) if drawn.log_z is None or n == 1 else drawn.log_z
    return Answer(chosen, weight, found, drawn)


def _chosen(drawn: Samples, seed: int) -> str | None:
    """One finished statement, drawn in proportion to the weights."""
    finished = [s for s in drawn if s.finished and s.log_weight > -math.inf]
    if not finished:
        return None
    top = max(s.log_weight for s in finished)
    weights = [math.exp(s.log_weight - top) for s in finished]
    return random.Random(f"gcd.sql/{seed}").choices(finished, weights)[0].text.strip()


def _language_model(model: Any, tokenizer: Any) -> Any:
    if tokenizer is None or hasattr(model, "vocab"):
        return model
    from gcd.sampling.hf_model import HFModel

    return HFModel(model, tokenizer)


def answer_prompt(model: Any, text: str) -> list[int]:
    """A prompt's ids, in the tokenizer's chat template where it has one, and in them a fenced block that is open."""
    tokenizer = getattr(model, "tokenizer", None)
    if tokenizer is None or not getattr(tokenizer, "chat_template", None):
        return list(model.encode(f"{text}\n{FENCE}sql\n"))
    chat = [{"role": "user", "content": text}]
    rendered = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    rendered += f"{FENCE}sql\n"
    return list(tokenizer(rendered, add_special_tokens=False).input_ids)
