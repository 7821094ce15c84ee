"""Random walks over the masks of MaskBench's schemas: whatever comes out is valid, and every walk can be ended."""

from collections import Counter
from random import Random

import pytest
from json_schema.judgement import RefusedTextError, loads, validator
from json_schema.suites import maskbench
from json_schema.walks import Walker, required_names

import gcd

pytestmark = pytest.mark.conformance


@pytest.mark.parametrize(
    ("step", "walks", "least_schemas"), [(40, 3, 25), pytest.param(3, 7, 300, marks=pytest.mark.slow)]
)
def test_whatever_the_masks_allow_is_valid(conformance_data, gpt2_vocab, step, walks, least_schemas):
    walker, counts, wrong = Walker(gpt2_vocab, Random(step)), Counter(), []
    for group in maskbench(conformance_data)[step - 1 :: step]:
        try:
            compiled = gcd.compile(gcd.Grammar.from_json_schema(group.schema), gpt2_vocab)
        except gcd.GcdError:
            counts["not compiled"] += 1
            continue
        counts["schemas"] += 1
        valid = validator(group.schema, formats=True)
        for _ in range(walks):
            text, end = walker.walk(compiled.matcher(), required_names(group.schema))
            counts[end] += 1
            if end == "too long":
                # Nothing tells the walk how to end: 2,000 tokens weren't enough.
                continue
            if end != "finished":
                wrong.append(f"{group.name}: {end} after {text[-200:]!r}")
                continue
            try:
                ok = valid(loads(text.decode()))
            except (RefusedTextError, UnicodeDecodeError):
                ok = False
            if not ok:
                wrong.append(f"{group.name}: not valid: {text[:400]!r}")
    assert wrong == []
    assert counts["schemas"] >= least_schemas, counts
    assert counts["finished"] >= 0.97 * walks * counts["schemas"], counts


@pytest.mark.parametrize(
    ("step", "walks", "least_schemas"), [(40, 2, 25), pytest.param(3, 7, 300, marks=pytest.mark.slow)]
)
def test_documents_within_a_token_budget_are_valid(conformance_data, gpt2_vocab, step, walks, least_schemas, capsys):
    rng = Random(step)
    walker, counts, wrong = Walker(gpt2_vocab, rng), Counter(), []
    for group in maskbench(conformance_data)[step - 1 :: step]:
        try:
            compiled = gcd.compile(gcd.Grammar.from_json_schema(group.schema), gpt2_vocab)
        except gcd.GcdError:
            counts["not compiled"] += 1
            continue
        plan = compiled.matcher().completion()
        if plan is None:
            counts["without a known completion"] += 1
            continue
        counts["schemas"] += 1
        valid = validator(group.schema, formats=True)
        for _ in range(walks):
            budget = len(plan) + 1 + rng.choice([0, 1, 5, 20, 60])
            matcher = compiled.matcher(max_tokens=budget)
            text, end = walker.walk_within_budget(matcher)
            counts[end] += 1
            try:
                ok = end == "finished" and matcher.n_accepted <= budget and valid(loads(text.decode()))
            except (RefusedTextError, UnicodeDecodeError):
                ok = False
            if not ok:
                wrong.append(f"{group.name}, {budget} tokens: {end}, {text[:400]!r}")
    with capsys.disabled():
        print(f"\n  walks within a token budget: {dict(counts)}", flush=True)
    assert wrong == []
    assert counts["schemas"] >= least_schemas
    assert counts["without a known completion"] <= 0.01 * counts["schemas"]
