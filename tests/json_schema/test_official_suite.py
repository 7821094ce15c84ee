"""The official JSON Schema test suite, draft 2020-12: the front end's programs, and the engine over single bytes."""

import pytest
from json_schema.judges import JUDGES, tally
from json_schema.suites import official, remotes

pytestmark = pytest.mark.conformance

PARTS = (
    # part, format, tests, share that must pass
    ("required", "annotate", 1299, 0.97),
    ("optional", "assert", 162, 0.95),
    ("optional/format", "assert", 764, 0.90),
)


CASES = [
    # Evaluating the formats' expressions by definition takes half a minute.
    pytest.param(
        judge,
        *case,
        id=f"{judge}-{case[0]}",
        marks=[pytest.mark.slow] * (case[0] == "optional/format" and judge == "program"),
    )
    for judge in JUDGES
    for case in PARTS
]


@pytest.mark.parametrize(("judge", "part", "formats", "documents", "least"), CASES)
def test_nothing_is_judged_wrong_and_little_is_refused(conformance_data, judge, part, formats, documents, least):
    found = tally(JUDGES[judge], official(conformance_data, part), format=formats, registry=remotes(conformance_data))
    assert found.documents == documents
    assert found.wrong_accepts == []
    if part != "optional/format":
        # Formats may be tightened: the grammar's coverage says which.
        assert found.wrong_rejects == []
    assert found.share >= least, found.causes()
    for name, why in found.refusals.items():
        # A refusal says where and what: the suite's user can do something about it.
        assert "#" in why, (name, why)
