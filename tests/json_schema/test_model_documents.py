"""Documents that the real model writes under schemas, within a token budget: all are finished, and all are valid."""

import json
from random import Random

import pytest
import torch
from json_schema.judgement import RefusedTextError, loads, validator
from json_schema.suites import maskbench
from transformers import AutoModelForCausalLM, AutoTokenizer

import gcd

pytestmark = [pytest.mark.conformance, pytest.mark.model]

LONGEST = 1500
"""Characters of a schema: it stands in the prompt."""
COPIES = 4
"""Documents for each schema, in one batch."""


def documents(model, tokenizer, compiled, schema, n_tokens, seed):
    """Pairs of text and whether an end-of-sequence token ended it."""
    prompt = f"A JSON document for this JSON Schema.\nSchema: {json.dumps(schema)}\nDocument: "
    inputs = tokenizer([prompt] * COPIES, return_tensors="pt")
    torch.manual_seed(seed)
    out = model.generate(
        **inputs,
        logits_processor=[gcd.GrammarLogitsProcessor(compiled, max_tokens=n_tokens)],
        do_sample=True,
        max_new_tokens=n_tokens,
        pad_token_id=tokenizer.pad_token_id,
    )
    eos = set(compiled.eos_ids)
    for ids in out[:, inputs["input_ids"].shape[1] :].tolist():
        end = next((i for i, token in enumerate(ids) if token in eos), None)
        data = b"".join(compiled.vocab.token_bytes(token) or b"" for token in ids[:end])
        yield data, end is not None


@pytest.mark.slow
@pytest.mark.parametrize(("n_schemas", "n_tokens"), [(50, 120)])
def test_documents_that_end_are_valid(conformance_data, smollm2_folder, n_schemas, n_tokens):
    tokenizer = AutoTokenizer.from_pretrained(smollm2_folder)
    model = AutoModelForCausalLM.from_pretrained(smollm2_folder, dtype=torch.float32).eval()
    vocab = gcd.Vocabulary.from_pretrained(smollm2_folder)
    groups = [group for group in maskbench(conformance_data) if len(json.dumps(group.schema)) <= LONGEST]
    Random(0).shuffle(groups)
    schemas = ended = 0
    wrong = []
    for group in groups:
        if schemas == n_schemas:
            break
        try:
            compiled = gcd.compile(gcd.Grammar.from_json_schema(group.schema), vocab)
        except gcd.GcdError:
            continue
        plan = compiled.matcher().completion()
        if plan is None or len(plan) >= n_tokens:  # strings of 10,000 characters, say: hours of the model's time
            continue
        schemas += 1
        valid = validator(group.schema, formats=True)
        for data, whole in documents(model, tokenizer, compiled, group.schema, n_tokens, schemas):
            ended += whole
            try:
                ok = whole and valid(loads(data.decode()))
            except (RefusedTextError, UnicodeDecodeError):
                ok = False
            if not ok:
                wrong.append(f"{group.name}: {'not valid' if whole else 'cut off'}: {data!r}")
    assert wrong == []
    assert schemas == n_schemas
    assert ended == COPIES * n_schemas
