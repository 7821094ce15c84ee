"""`generate_json`: from a schema or a Python type to a parsed value, in one call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gcd.errors import MatcherError

if TYPE_CHECKING:
    from gcd.json_schema import Guards

__all__ = ["generate_json"]


def generate_json(
    model: Any,
    tokenizer: Any,
    schema_or_type: Any,
    prompt: str,
    *,
    max_new_tokens: int = 512,
    chat: bool = False,
    lenient: frozenset[str] = frozenset(),
    guards: Guards | str = "off",
    **generate_options: Any,
) -> Any:
    """Let a transformers model write a JSON document and parse it.

    Args:
        model: a causal language model of transformers.
        tokenizer: its tokenizer.
        schema_or_type: a JSON Schema (dict, bool, JSON text, path), or a Pydantic model or any type that its
            TypeAdapter takes. Documents are written on one line, as `json.dumps` does; for another spelling hand over
            what `gcd.Grammar.from_json_schema` makes with ``options=``.
        prompt: what to go on from; with `chat`, a user's message in the model's chat template.
        max_new_tokens: the most tokens to write. The document is finished within them: where they become scarce, only
            tokens are let through after which it still can be.
        chat: see `prompt`.
        lenient: as for `gcd.compile`.
        guards: against numbers, strings and lists without end: "off", "safe", or `gcd.json_schema.Guards`.
        generate_options: passed on to ``model.generate``.

    Returns:
        The parsed document; for a type, an instance of it, validated by Pydantic.

    Raises:
        TokenBudgetError: no document is known to take as few tokens as `max_new_tokens`; it says how many suffice.
        MatcherError: the document wasn't finished, since something among `generate_options` ended it.
        SchemaError, InexactError, LimitError: as `gcd.compile` does.
    """
    from pathlib import Path

    from gcd.json_schema import OutputOptions, SchemaGrammar, from_pydantic, load
    from gcd.processor import GrammarLogitsProcessor

    is_schema = isinstance(schema_or_type, dict | bool | str | Path | SchemaGrammar)
    if isinstance(schema_or_type, SchemaGrammar):
        if guards != "off":
            raise ValueError("guards are an option of gcd.Grammar.from_json_schema; this grammar has its own")
        grammar = schema_or_type
    else:
        spelling = OutputOptions(whitespace="fixed", item_separator=", ", key_separator=": ")
        # A type names its members: others, which Pydantic would leave out, aren't worth a model's time.
        grammar = (
            load(schema_or_type, options=spelling, guards=guards)
            if is_schema
            else from_pydantic(schema_or_type, options=spelling, guards=guards, additional_properties="closed")
        )
    processor = GrammarLogitsProcessor.from_json_schema(grammar, tokenizer, lenient=lenient, max_tokens=max_new_tokens)
    if chat:
        messages = [{"role": "user", "content": prompt}]
        prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    inputs = tokenizer(prompt, return_tensors="pt", add_special_tokens=not chat).to(model.device)
    output = model.generate(**inputs, logits_processor=[processor], max_new_tokens=max_new_tokens, **generate_options)
    ids = output[0][inputs["input_ids"].shape[1] :]
    text = tokenizer.decode(ids, skip_special_tokens=True)
    try:
        value = json.loads(text)
    except ValueError:
        raise MatcherError(
            f"the document wasn't finished: {text[:200]!r}",
            remedy="leave out of generate_options what ends a text early",
        ) from None
    if is_schema:
        return value
    from pydantic import TypeAdapter

    return TypeAdapter(schema_or_type).validate_json(text)
