"""`python -m bench sampling`: what was measured is kept, a run that was cut off goes on, gaps are shown as such."""

import json
from pathlib import Path

import pytest

WHY = "the project's root is not on the path: run as python -m pytest"
sampling = pytest.importorskip("bench.sampling", reason=WHY)
toy = pytest.importorskip("bench.samplers.toy", reason=WHY)

STEP = {"law": "flat", "valid": "one token, rank 64,000", "z": 1e-5, "steps": 5, "outside_us": 10.0}
STEP |= {"outside_p90_us": 12.0, "checks": 3.0, "zero_weights": 0.0, "mean_weight_over_z": 1.0}


def test_a_run_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    calls = []

    def step(options):
        calls.append("step")
        return {"gcd": [STEP], "genlm": [{**STEP, "outside_us": 50.0}]}

    def smc(options):
        calls.append("smc")
        if calls.count("smc") == 1:
            raise KeyboardInterrupt
        return {"gcd": {"missing": "no model"}, "gcd-predicate": {"missing": "no model"}, "genlm": {"missing": "x"}}

    monkeypatch.setitem(sampling.RUN, "step", step)
    monkeypatch.setitem(sampling.RUN, "smc", smc)
    command = ["--parts", "step,smc", "--out", str(tmp_path)]
    with pytest.raises(KeyboardInterrupt):
        sampling.main(command)
    assert sampling.main(command) == 0
    assert calls == ["step", "smc", "smc"]
    (record,) = tmp_path.glob("*-sampling.json")
    assert json.loads(record.read_text())["parts"]["step"]["gcd"] == [STEP]
    said = capsys.readouterr().out
    assert "| 5 × | ≥ 10 | **MISS** |" in said
    assert "not measured: no model" in said
    assert not list(tmp_path.glob("*running*"))


def test_unknown_part(capsys):
    with pytest.raises(SystemExit):
        sampling.main(["--parts", "nope"])
    assert "there are toy" in capsys.readouterr().err


def test_toy_worlds_are_enumerated(monkeypatch, tmp_path):
    monkeypatch.setattr(toy, "SIZES", (5, 20))
    monkeypatch.setattr(toy, "WORLDS", {"five bits": toy.five_bits})
    monkeypatch.setattr(toy, "METHODS", {})
    rows = list(toy.runs(3, 60))
    assert {r["method"] for r in rows} == {"floor", *toy.VARIANTS}
    assert all(0 <= r["tv"][1] <= r["tv"][0] <= r["tv"][2] <= 1 for r in rows)
    for make in (toy.five_bits, lambda: toy.random_world(1)):
        assert sum(make()[2].values()) == pytest.approx(1)
    panels = sampling.panels({"parts": {"toy": rows}})
    assert [panel.title.partition(" from")[0] for panel in panels] == [
        "five bits: total variation",
        "five bits: KL in nats",
    ]
    assert {name for panel in panels for name in panel.series} == {"floor", *toy.VARIANTS}
    assert "<svg" in sampling.chart(panels)


def test_asap_figures_stand_beside_their_targets():
    steps = [
        {"mask": "random, 0.05% allowed", "raw": False, "median_seconds": 20e-6, "softmax_seconds": 50e-6},
        {"mask": "JSON, 1,000 or more", "raw": True, "median_seconds": 100e-6, "softmax_seconds": 50e-6},
    ]
    parts = {"asap": {"steps": steps, "trie": {"bytes": 90}, "processor": {"median_seconds": 2e-4}}}
    found = [(figure, target) for _, figure, _, target, _ in sampling.targets({"parts": parts})]
    assert found == [
        (2.0, 1.5),
        (pytest.approx(20), pytest.approx(30)),
        (90, 2048),
        (pytest.approx(200), pytest.approx(300)),
    ]


def test_another_commit_is_in_the_record(tmp_path, monkeypatch, capsys):
    command = ["--parts", "step", "--out", str(tmp_path)]

    def step(options):
        raise KeyboardInterrupt

    monkeypatch.setitem(sampling.RUN, "step", step)
    with pytest.raises(KeyboardInterrupt):
        sampling.main(command)
    (running,) = tmp_path.glob("*running*/record.json")
    record = json.loads(running.read_text())
    running.write_text(json.dumps(record | {"commits": ["before"]}))
    monkeypatch.setitem(sampling.RUN, "step", lambda options: {"gcd": [STEP], "genlm": {"missing": "x"}})
    assert sampling.main(command) == 0
    assert "commit before, then " in capsys.readouterr().out


def test_domains_go_to_both_libraries(tmp_path, monkeypatch, capsys):
    """Each in its own Python, with its own share of the work; what is missing is said; rows end in the record."""
    asked = []

    def worker(python, module, engine, folder, data, path, settings, limit):
        asked.append((engine, json.loads(settings)))
        row = {"engine": engine, "domain": "plans", "example": "1", "method": "AWRS-SMC", "repeat": 0}
        with Path(path).open("a") as file:
            file.write(json.dumps(row | {"quality": 0.5, "valid": 1.0, "seconds": 2.0}) + "\n")
        return {"missing_domains": {"molecules": "no package"}} if engine == "gcd" else {"missing": "it died"}

    monkeypatch.setattr(sampling, "worker", worker)
    monkeypatch.setattr(sampling, "test_model", lambda: "model")
    monkeypatch.setattr(sampling, "genlm_python", lambda: tmp_path)
    assert sampling.main(["--parts", "domains", "--examples", "3", "--out", str(tmp_path)]) == 0
    assert [(engine, s["examples"], len(s["methods"])) for engine, s in asked] == [("gcd", 3, 5), ("genlm", 3, 1)]
    said = capsys.readouterr().out
    for text in (
        "molecules: not measured: no package",
        "genlm-control: not measured: it died",
        "| gcd: AWRS-SMC | 1 |",
    ):
        assert text in said
    (record,) = tmp_path.glob("*-sampling.json")
    assert len(json.loads(record.read_text())["parts"]["domains"]["rows"]) == 2
    monkeypatch.setattr(sampling, "genlm_python", lambda: None)
    assert sampling.main(["--parts", "domains", "--full", "--out", str(tmp_path)]) == 0
    assert asked[-1][1]["examples"] == 48
    assert "run `make bench-genlm`" in capsys.readouterr().out
