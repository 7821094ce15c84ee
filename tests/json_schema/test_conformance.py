"""The official suite and MaskBench's labels: front end and reference evaluator against other people's verdicts."""

import gzip
import json
import time

import pytest
from json_schema.reference import document, is_valid

from gcd import json_schema
from gcd.errors import GcdError
from gcd.json_schema import grammar
from gcd.json_schema.memo import Memo

pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def suite(conformance_data):
    return conformance_data / "json-schema-test-suite"


@pytest.fixture(scope="module")
def remotes(suite):
    folder = suite / "remotes"
    return {
        f"http://localhost:1234/{path.relative_to(folder)}": json.loads(path.read_text(encoding="utf-8"))
        for path in folder.rglob("*.json")
    }


def outcomes(folder, remotes, form):
    """(file, case, test, verdict, expected) for each test in a folder of the suite; the verdict may be "refused"."""
    for path in sorted(folder.glob("*.json")):
        for case in json.loads(path.read_text(encoding="utf-8")):
            try:
                program = json_schema.load(case["schema"], format=form, registry=remotes).program
            except GcdError:
                program = None
            for test in case["tests"]:
                verdict = is_valid(program, document(json.dumps(test["data"]))) if program else "refused"
                yield path.stem, case["description"], test["description"], verdict, test["valid"]


def test_required_part(suite, remotes):
    found = list(outcomes(suite / "tests/draft2020-12", remotes, "annotate"))
    assert len(found) >= 1299
    assert [row for row in found if row[3] is not row[4]] == []


def test_optional_part(suite, remotes):
    found = list(outcomes(suite / "tests/draft2020-12/optional", remotes, "annotate"))
    assert len(found) >= 162
    assert [row for row in found if row[3] is not row[4]] == []


def test_formats(suite, remotes):
    found = list(outcomes(suite / "tests/draft2020-12/optional/format", remotes, "assert"))
    assert len(found) >= 764
    wrong = [row for row in found if row[3] is not row[4]]
    assert [row for row in wrong if row[3] is not False] == []  # nothing is accepted that shouldn't be
    # What is left out is what coverage says: these formats are "tightened".
    assert {row[0] for row in wrong} <= {"hostname", "idn-hostname", "ecmascript-regex", "regex"}
    assert len(wrong) <= 0.06 * len(found)


def maskbench(conformance_data):
    with gzip.open(conformance_data / "maskbench" / "dev.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def wrong_labels(rows):
    """(file, what is wrong) for each instance on which we and the label differ."""
    for row in rows:
        program = json_schema.load(row["schema"]).program
        for i, test in enumerate(row["tests"]):
            verdict = is_valid(program, document(json.dumps(test["data"])))
            if verdict is not test["valid"]:
                yield row["file"], i, "wrong accept" if verdict else "wrong reject"


def test_some_of_maskbench(conformance_data):
    rows = maskbench(conformance_data)
    assert len(rows) > 1000
    assert list(wrong_labels(rows[::10])) == []


@pytest.mark.slow
def test_all_of_maskbench(conformance_data):
    assert list(wrong_labels(maskbench(conformance_data))) == []


def test_reading_takes_less_than_a_millisecond(conformance_data, monkeypatch):
    """CPU time for each of the schemas, none of them read before: the median, and the mean but for the largest."""
    monkeypatch.setattr(grammar, "_MEMO", Memo(max_bytes=0))
    rows = maskbench(conformance_data)
    for row in rows[:50]:  # formats are made once in a process
        json_schema.load(row["schema"])
    times = []
    for row in rows:
        start = time.process_time()
        json_schema.load(row["schema"]).program.to_bytes()
        times.append(time.process_time() - start)
    times.sort()
    print(f"median {times[len(times) // 2] * 1e3:.3f} ms, p99 {times[int(len(times) * 0.99)] * 1e3:.2f} ms")
    assert times[len(times) // 2] < 0.001
    assert sum(times[: int(len(times) * 0.99)]) / len(times) < 0.002
