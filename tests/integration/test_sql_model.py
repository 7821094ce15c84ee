"""Statements by the real model under the masks of a database, within a budget of tokens: SQLite prepares all."""

from __future__ import annotations

import importlib.util
import sqlite3
from pathlib import Path

import pytest
from sql import databases

import gcd
from gcd.sql import from_database
from gcd.sql.answer import answer_prompt
from gcd.sql.prompt import prompt

NAMES = ("views", "foreign keys", "spaces", "keywords", "case", "thirty real tables")
QUESTIONS = (
    "How many rows are there?",
    "Which rows come first?",
    "What are the names, without repeating any?",
    "Count the rows of each group and show the largest groups first.",
    "Which rows of the first table have no partner in the second one?",
    "What is the average, and what is the maximum?",
    "Join two tables and show a column of each.",
    "Show the ten latest rows.",
)
SAMPLES, BUDGET = 6, 40


def shop() -> sqlite3.Connection:
    """The shop of tools/make_shop.py."""
    spec = importlib.util.spec_from_file_location("make_shop", Path(__file__).parents[2] / "tools" / "make_shop.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    connection = sqlite3.connect(":memory:")
    module.make(connection)
    return connection


@pytest.mark.slow
@pytest.mark.model
def test_three_hundred_statements(smollm2_folder):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(smollm2_folder)
    model = AutoModelForCausalLM.from_pretrained(smollm2_folder)
    language_model = gcd.HFModel(model, tokenizer)
    drawn, refused = 0, []
    for make in (shop, *(databases.ALL[name] for name in NAMES)):
        connection = make()
        grammar = from_database(connection)
        compiled = gcd.compile(grammar, language_model.vocab, lenient={"viability"})
        for question in QUESTIONS:
            asked = answer_prompt(language_model, prompt(grammar.catalogue, question))
            output = model.generate(
                torch.tensor([asked]), attention_mask=torch.ones(1, len(asked), dtype=torch.long), do_sample=True,
                top_k=0, max_new_tokens=BUDGET, num_return_sequences=SAMPLES, pad_token_id=tokenizer.eos_token_id,
                logits_processor=[gcd.GrammarLogitsProcessor(compiled, max_tokens=BUDGET)],
            )  # fmt: skip
            for row in output[:, len(asked) :]:
                statement = tokenizer.decode(row, skip_special_tokens=True)
                drawn += 1
                try:
                    connection.execute("explain " + statement)
                except sqlite3.Error as error:
                    refused.append(f"{error}: {statement!r}")
    assert drawn >= 300
    assert not refused
