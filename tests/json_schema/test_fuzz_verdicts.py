"""Random schemas and documents: the front end's and the engine's verdicts against jsonschema's."""

from collections import Counter
from random import Random

import pytest
from json_schema.differences import explained, shown, shrunk
from json_schema.fuzz_schemas import Documents, Spelling, Writer
from json_schema.judgement import RefusedTextError, loads, validator
from json_schema.judges import JUDGES, UNSATISFIABLE, Judge

import gcd

DOCUMENTS = 40


def expected(valid, text):
    try:
        return valid(loads(text))
    except RefusedTextError:
        return False


def judged(make, schema) -> Judge | None:
    """The judge of a schema; None where it's refused."""
    try:
        return make(schema)
    except gcd.GcdError as error:
        return (lambda text: False) if UNSATISFIABLE in str(error) else None


def differs(make, text):
    """Whether a schema's verdict on a text differs; a schema that can't be judged doesn't."""

    def check(schema):
        try:
            judge = judged(make, schema)
            return judge is not None and judge(text) is not expected(validator(schema), text)
        except Exception:
            return False

    return check


def fuzz(make, seeds):
    """Counts, and what differs with the smallest schema that shows it."""
    counts, wrong = Counter(), []
    for seed in seeds:
        rng = Random(seed)
        schema = Writer(rng).write()
        judge = judged(make, schema)
        counts["schemas"] += 1
        if judge is None:
            counts["refused"] += 1
            continue
        valid, documents, spelling = validator(schema), Documents(rng, schema), Spelling(rng)
        for _ in range(DOCUMENTS):
            text = spelling.text(documents.value())
            right = expected(valid, text)
            counts["documents"] += 1
            counts["valid"] += right
            if judge(text) is not right:
                if name := explained(schema, text):
                    counts[name] += 1
                    continue
                less = shrunk(schema, differs(make, text))
                wrong.append(f"seed {seed}: {text!r} is {'' if right else 'in'}valid for {shown(less)}")
                break
    return counts, wrong


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("n", [150, pytest.param(2600, marks=pytest.mark.slow)])
def test_no_unexplained_difference(judge, n):
    counts, wrong = fuzz(JUDGES[judge], range(n))
    assert wrong == []
    assert counts["refused"] <= 0.005 * n, counts
    # Both verdicts have to be common, or the documents are no test.
    assert 0.3 < counts["valid"] / counts["documents"] < 0.7, counts
    if n > 2000:
        assert counts["documents"] >= 100_000
