"""`bench json`'s own arithmetic: cases, walks, verdicts, the process that watches, figures, the report."""

import gzip
import json
import random
import sys
from types import SimpleNamespace

import numpy as np
import pytest

WHY = "the project's root is not on the path: run as python -m pytest"
cases = pytest.importorskip("bench.maskbench.cases", reason=WHY)
bounds = pytest.importorskip("bench.maskbench.bounds", reason=WHY)
figures = pytest.importorskip("bench.maskbench.figures", reason=WHY)
report = pytest.importorskip("bench.maskbench.report", reason=WHY)
verdicts = pytest.importorskip("bench.maskbench.verdicts", reason=WHY)
watch = pytest.importorskip("bench.maskbench.watch", reason=WHY)
worker = pytest.importorskip("bench.maskbench.worker", reason=WHY)
command = pytest.importorskip("bench.json", reason=WHY)
engine = pytest.importorskip("bench.harness.engine", reason=WHY)


def entry(file, *valid):
    return {
        "file": file,
        "schema": {"type": "object"},
        "tests": [{"data": {"a": 1, "b": [2]}, "valid": v} for v in valid],
    }


# -- cases ------------------------------------------------------------------------------------


class TestCases:
    def test_one_file_for_each_schema_or_one_line(self, tmp_path):
        (tmp_path / "a.json").write_text(json.dumps(entry("-", True)))
        (tmp_path / "other.json").write_text("[1]")
        (tmp_path / "b.jsonl").write_text(json.dumps(entry("b", False)) + "\n" + json.dumps(entry("c")) + "\n")
        with gzip.open(tmp_path / "d.jsonl.gz", "wt") as lines:
            lines.write(json.dumps(entry("d", True, False)) + "\n")
        found = {case.file: case for case in cases.read(tmp_path)}
        assert sorted(found) == ["a.json", "b", "c", "d"]
        assert [each.valid for each in found["d"].instances] == [True, False]
        assert found["a.json"].instances[0].text == '{"a": 1, "b": [2]}'
        assert found["a.json"].instances[0].shuffled == '{"b": [2], "a": 1}'

    def test_the_order_comes_from_the_names(self, tmp_path):
        for name in "abcdef":
            (tmp_path / f"{name}.json").write_text(json.dumps(entry(name)))
        order = [case.file for case in cases.read(tmp_path)]
        assert order == [case.file for case in cases.read(tmp_path, seed=1)] != sorted(order)

    def test_nothing_there_is_an_error(self, tmp_path):
        with pytest.raises(cases.MissingCasesError, match="--data"):
            cases.read(tmp_path)

    def test_shuffling_changes_the_order_of_every_object_with_two_names(self):
        data = {"x": {"a": 1, "b": 2}, "y": [{"c": 1, "d": {"e": 1}}]}
        for seed in range(10):
            found = cases.shuffled(data, random.Random(seed))
            assert found == data
            assert list(found) == ["y", "x"]
            assert list(found["x"]) == ["b", "a"]
            assert list(found["y"][0]) == ["d", "c"]
        assert cases.shuffled([1, {"a": 2}], random.Random(0)) == [1, {"a": 2}]

    def test_the_documents_under_bounds_fit_the_smallest(self):
        assert {each.bound for each in bounds.cases()} == {10, 1_000, 100_000}
        assert all(len(json.loads(each.text)) == 8 for each in bounds.cases())


# -- the worker ---------------------------------------------------------------------------------


class Engine:
    """Digits in rising order; the schema is how many at least. Refuses the schema "no" and gives up after a 7."""

    def __init__(self, lies_about=None):
        self.row = np.zeros((1, 1), dtype=np.int32)
        self.lies_about = lies_about

    def compile_schema(self, schema):
        if schema == "no":
            raise engine.UnsupportedError("a reason")
        return int(schema)

    def session(self, least):
        state = SimpleNamespace(last=-1, n=0)

        def fill():
            bits = sum(1 << t for t in range(10) if t > state.last) | (1 << 10) * (state.n >= least)
            self.row[0, 0] = bits ^ (1 << self.lies_about if self.lies_about is not None else 0)

        def accept(token):
            if token == 8 and state.last == 7:
                raise RuntimeError("gave up")
            if not state.last < token <= 9:
                return False
            state.last, state.n = token, state.n + 1
            return True

        return engine.Session(fill, accept, accept, lambda: state.n >= least)


def make_worker(lies_about=None, **job):
    made = object.__new__(worker.Worker)
    made.engine = Engine(lies_about)
    made.row = made.engine.row[0].view(np.uint32)
    made.job = {"seconds": 10.0, "eos_ids": [10], "again": False, "artefacts": False, **job}
    return made


class TestWorker:
    def test_verdicts_and_a_mask_at_every_position(self):
        result = make_worker().case("2", [([1, 2], None), ([1], [1]), ([2, 1], None)])
        (good, none), (short, _), (refused, _) = result["walks"]
        assert none is None
        assert good["accepted"]
        assert len(good["masks"]) == 3
        assert len(good["accepts"]) == 2
        assert not short["accepted"]
        assert len(short["masks"]) == 2
        assert (refused["accepted"], refused["refused_at"], len(refused["masks"])) == (False, 1, 2)
        assert not any("disagrees" in walk or "failed" in walk for walk in (good, short, refused))
        assert result["first_mask_ns"] >= result["compile_ns"] > 0

    def test_refusals_and_giving_up_are_told_apart(self):
        made = make_worker()
        assert made.case("no", []) == {"refused": "a reason"}
        assert "ValueError" in made.case("x", [])["crashed"]
        walk = made.case("1", [([7, 8], None)])["walks"][0][0]
        assert walk["failed"] == "RuntimeError: gave up"
        assert not walk["accepted"]

    def test_a_mask_that_says_something_else_is_noted(self):
        assert make_worker(lies_about=3).case("1", [([1, 3], None)])["walks"][0][0]["disagrees"] == 1
        assert make_worker(lies_about=10).case("1", [([1], None)])["walks"][0][0]["disagrees"] == 1

    def test_time_is_up(self):
        assert make_worker(seconds=-1.0).case("1", [([1], None)])["timeout"] == -1.0

    def test_bounds(self):
        found = make_worker().bound("1", [1, 2])
        assert 0 < found["mean_us"] < 1000
        assert make_worker().bound("3", [1, 2])["refused"] == "the document"
        assert make_worker().bound("no", [1])["refused"] == "a reason"


# -- the process that watches -------------------------------------------------------------------


SCRIPT = """
import json, os, sys, time
job, log = json.load(open(sys.argv[1])), open(sys.argv[2], "a")
def say(**line):
    print(json.dumps(line), file=log, flush=True)
say(versions={"toy": "1"})
for number in range(job["first"], len(job["cases"])):
    say(started=number)
    what = job["cases"][number]
    if what == "hang":
        time.sleep(60)
    if what == "die":
        os._exit(3)
    say(done=number, walks=[])
    say(peak_rss_mb=10 + number)
say(finished=True)
"""


def watched(monkeypatch, tmp_path, *what):
    script = tmp_path / "toy.py"
    script.write_text(SCRIPT)
    monkeypatch.setattr(watch, "GRACE", 0.5)
    run = watch._process
    monkeypatch.setattr(watch, "_process", lambda command, *rest: run([command[0], str(script), *command[3:]], *rest))
    monkeypatch.setattr(watch, "interpreter", lambda engine: sys.executable)
    return watch.run({"engine": "toy", "cases": list(what), "bounds": [], "seconds": 0.5})


class TestWatch:
    def test_goes_on_after_what_hangs_or_dies(self, monkeypatch, tmp_path):
        outcome = watched(monkeypatch, tmp_path, "fine", "hang", "fine", "die", "fine")
        kinds = [next(iter(result)) for result in outcome.results]
        assert kinds == ["walks", "timeout", "walks", "crashed", "walks"]
        assert outcome.processes == 3
        assert outcome.values["peak_rss_mb"] == 14
        assert outcome.error is None

    def test_parts_are_joined(self):
        parts = [watch.Outcome([{"n": i}], [], {"peak_rss_mb": p}, None, 1, 2.0) for i, p in enumerate((5, 9, 3))]
        whole = watch.joined(parts)
        assert [result["n"] for result in whole.results] == [0, 1, 2]
        assert (whole.values["peak_rss_mb"], whole.processes, whole.seconds) == (9, 3, 6.0)


# -- verdicts, figures, report ------------------------------------------------------------------


def walk(accepted, masks=(1000, 2000), **more):
    return {"accepted": accepted, "masks": list(masks), "accepts": [500] * (len(masks) - 1), **more}


def case(file, *valid):
    return cases.Case(file, "{}", tuple(cases.Instance(v, "1", None) for v in valid))


CASES = [case("right", True, False), case("empty"), case("loose", False), case("tight", True), case("gives up", True)]
CASES += [case("refused", True), case("slow", True), case("dies", True)]
RESULTS = [
    {"walks": [[walk(True), walk(False)], [walk(False, [1000]), None]], "compile_ns": 10, "first_mask_ns": 20},
    {"walks": [], "compile_ns": 10, "first_mask_ns": 30},
    {"walks": [[walk(True), walk(True)]], "compile_ns": 10, "first_mask_ns": 40},
    {"walks": [[walk(False), None]], "compile_ns": 10, "first_mask_ns": 50},
    {"walks": [[walk(False, failed="gave up"), None]], "compile_ns": 10, "first_mask_ns": 60},
    {"refused": "no 'x' at #/properties/a/b: 17 is too many"},
    {"timeout": 30.0, "walks": [], "compile_ns": 1, "first_mask_ns": 1},
    {"crashed": "signal"},
]


class TestVerdicts:
    def test_every_kind_is_counted_once(self):
        found = verdicts.judge(CASES, RESULTS)
        assert (found.schemas, found.with_instances, found.right, found.right_with_instances) == (8, 7, 2, 1)
        assert (found.refused, found.timeouts, found.crashes, found.failed) == (1, 1, 1, 1)
        assert (found.wrong_accepts, found.schemas_with_wrong_accepts) == (1, 1)
        assert (found.wrong_rejects, found.schemas_with_wrong_rejects) == (1, 1)
        assert (found.shuffled_valid, found.shuffled_valid_accepted) == (1, 0)
        assert (found.shuffled_invalid, found.shuffled_wrong_accepts) == (1, 1)
        assert found.files["accepts what is invalid"] == ["loose#0"]

    def test_causes_leave_out_places_and_numbers(self):
        same = {
            verdicts.cause(f"no 'x' at #/properties/{name}: {n} is too many") for n, name in ((1, "a"), (22, "b/c"))
        }
        assert same == {"no 'x' at …: n is too many"}
        assert verdicts.cause("") == "no message"

    def test_only_schemas_that_all_finished_are_timed(self):
        other = [*RESULTS[:1], {"refused": "-"}, *RESULTS[2:]]
        assert figures.common({"a": RESULTS}) == [0, 1, 2, 3, 4]
        assert figures.common({"a": RESULTS, "b": other}) == [0, 2, 3, 4]

    def test_two_engines_are_compared_where_both_walked(self):
        theirs = [{**RESULTS[0], "walks": [[walk(True, [10_000]), walk(True, [10_000] * 9)], [walk(True), None]]}]
        both = figures.together(RESULTS[:1], theirs, [0])
        assert both["positions"] == 1 + 2 + 1
        assert both["gcd"]["mean"] == pytest.approx((1 + 1 + 2 + 1) / 4)
        assert both["gcd_of_peer"]["mean"] == pytest.approx(5 / (10 + 20 + 1))

    def test_the_record_becomes_a_report(self):
        outcome = watch.Outcome(RESULTS, [{"mean_us": 1.0, "first_us": 2.0}] * 9, {"versions": {"toy": "1"}})
        bench = object.__new__(command.Bench)
        bench.cases = CASES
        own = bench.entry("gcd", outcome)
        other = bench.entry("llguidance", outcome)
        both = {"gcd": outcome, "llguidance": outcome}
        machine = {"cpu": "c", "cpus": 1, "system": "s", "python": "3", "load_average_before": 9.0}
        record = {
            "when": "now",
            "machine": machine | {"load_average_after": 1.0},
            "commit": "c",
            "seed": 0,
            "tokenizer": {"name": "t", "width": 11, "eos_ids": [10]},
            "schemas": 8,
            "with_instances": 7,
            "engines": {"gcd": own, "llguidance": other, "xgrammar": {"seconds": 0.0, "error": "not there"}},
            "common": bench.comparison(both, 8),
            "seconds": 60.0,
        }
        text = report.report(json.loads(json.dumps(record, default=command.plain)))
        assert "| schemas wholly right | 25 % (≥ 97) **MISS** |" in text
        assert "| instances wrongly accepted, shuffled ones too | 2  (≤ 0.00) **MISS** |" in text
        assert "| masks: mean, of llguidance's | 1 × (≤ 0.10) **MISS** |" in text
        assert "| masks: median, of xgrammar's | – × (≤ 0.25) not measured |" in text
        assert "not measured: not there" in text
        assert "**The machine was busy" in text


def test_options_are_checked_before_anything_runs(capsys):
    with pytest.raises(SystemExit):
        command.parse(["--engines", "gcd,other"])
    assert "outlines_core" in capsys.readouterr().err
    assert command.parse(["--quick"]).schemas == 60
    assert command.parse(["--quick"]).engines == ["gcd", "llguidance", "xgrammar"]
    assert "lm_format_enforcer" in command.parse([]).engines
