"""Random schemas and documents: our verdict and jsonschema's are the same."""

import json
import random

import pytest
from json_schema import random_schemas
from json_schema.jsonschema_oracle import CLASSES, validator
from json_schema.reference import document, is_valid

from gcd import json_schema


def compare(seeds, dialect):
    """Compare verdicts; returns how many documents were valid and how many not."""
    n = {True: 0, False: 0}
    for seed in seeds:
        rnd = random.Random(seed)
        schema = random_schemas.whole(rnd, dialect)
        program = json_schema.load(schema, dialect=dialect).program
        oracle = validator(schema, dialect)
        for _ in range(15):
            text = random_schemas.text(rnd, 3)
            value = document(text)
            verdict = is_valid(program, value)
            assert verdict == oracle.is_valid(value), (seed, dialect, json.dumps(schema), text)
            n[verdict] += 1
    return n


@pytest.mark.parametrize("dialect", CLASSES)
def test_verdicts(dialect):
    n = compare(range(60), dialect)
    assert min(n.values()) > 100


@pytest.mark.slow
@pytest.mark.parametrize("dialect", CLASSES)
def test_many_verdicts(dialect):
    n = compare(range(1000, 2400), dialect)
    assert min(n.values()) > 3000
