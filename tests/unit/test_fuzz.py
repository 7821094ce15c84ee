"""The first inputs of each fuzz target; `make fuzz` goes on from there."""

import pytest
from cpu_time import within
from fuzz.__main__ import SECONDS, run_one
from fuzz.targets import TARGETS

INPUTS = {"artifact": 8, "artifact-noise": 8, "lark": 15, "schema": 40}
"""How many of a target's inputs; 60 of the others."""


@pytest.mark.parametrize("name", TARGETS)
def test_first_inputs(name, tmp_path, monkeypatch):
    monkeypatch.setenv("GCD_CACHE", str(tmp_path / "cache"))
    target = TARGETS[name]
    state = target.prepare(tmp_path) or ()
    outcomes = set()
    for seed in range(INPUTS.get(name, 60)):
        with within(SECONDS):
            outcomes.add(run_one(target, seed, tmp_path, state))
    # Some were refused, some worked; sequences are of sound calls.
    assert outcomes == {"agrees"} if name == "sequence" else len(outcomes) > 1
