"""The domain tasks of `python -m bench sampling`: conditions and scores, resuming, and the figures."""

import json
import random

import pytest

WHY = "the project's root is not on the path: run as python -m pytest"
domains = pytest.importorskip("bench.samplers.domains", reason=WHY)
domain_run = pytest.importorskip("bench.samplers.domain_run", reason=WHY)
domain_report = pytest.importorskip("bench.samplers.domain_report", reason=WHY)
plans = pytest.importorskip("bench.samplers.domains.plans", reason=WHY)


def test_plans_are_validated():
    start = plans.State("hall", ("garden", "hall"))
    goal = {"cup": "kitchen"}
    plan = " ".join(plans.shortest(start, goal))
    assert plan == "(move hall garden) (pick cup garden) (move garden hall) (move hall kitchen) (drop cup kitchen)"
    task = plans.example(0, start, goal, [])
    state = task.condition()
    assert all(state.ask([plan[:i] for i in range(len(plan) + 1)]))
    assert task.complete(plan)
    assert task.score(plan) == 1
    assert task.complete("(pick book hall)")
    assert task.score("(pick book hall)") == 0
    for wrong in ("(move kitchen", "(pick cup", "(drop", "(move hall garden)x", "(move hall garden)  ", ")"):
        assert not state.ask([wrong])[0], wrong
    for unfinished in ("", "(move hall gar", "(move hall garden) "):
        assert not task.complete(unfinished)


def test_plans_and_their_grammar_agree():
    import gcd

    rng = random.Random(0)
    vocab = gcd.Vocabulary.from_bytes([bytes([b]) for b in range(256)] + [None], eos_ids=[256])
    compiled = gcd.compile(gcd.Grammar.from_lark(plans.GRAMMAR), vocab)
    for _ in range(50):
        state, text = plans.task(rng, (2, 5))[0], []
        for _ in range(5):
            action, state = rng.choice(list(state.actions().items()))
            text.append(action)
        matcher = compiled.matcher()
        assert matcher.accept_bytes(" ".join(text).encode())
        assert matcher.is_complete


def test_classes_of_molecules():
    pytest.importorskip("partialsmiles")
    from bench.samplers.domains import molecules

    for name, (group, text) in molecules.CLASSES.items():
        known = text.split()
        assert len(set(known)) == 12
        turns = [molecules.example(name, turn) for turn in range(12)]
        assert len({task.prompt for task in turns}) == 12
        for smiles in known:
            assert turns[0].complete(smiles), (name, smiles)
            assert molecules.re.search(group, smiles), (name, smiles)
        shown = turns[0].prompt.splitlines()[1:]
        assert [turns[0].score(s) for s in known] == [float(s not in shown) for s in known]
    assert molecules.example("nitriles", 0).score("CCCCCC") == 0
    assert not molecules.example("nitriles", 0).complete("C(")


@pytest.mark.conformance
def test_queries_are_executed(conformance_data):
    from bench.samplers.domains import queries

    tasks = queries.examples(100, conformance_data)
    assert len(tasks) >= 20
    for task, (_, reference) in zip(tasks, queries.QUESTIONS, strict=True):
        assert task.complete(reference), reference
        assert task.score(reference) == 1
    first = tasks[0]
    assert first.score("SELECT COUNT(Singer_ID) FROM singer") == 1
    assert first.score("SELECT 5") == 0
    assert first.score("DELETE FROM singer") == 0
    huge = "SELECT count(*) FROM " + ", ".join(f"singer s{i}" for i in range(12))
    assert first.score(huge) == 0  # ended by the number of steps
    assert first.score("SELECT count(*) FROM singer") == 1


@pytest.mark.conformance
def test_patterns_and_schemas_are_there(conformance_data):
    for domain in ("patterns", "json"):
        found = domains.examples(domain, 48, conformance_data)
        assert len(found) == 48
        assert len({task.name for task in found}) == 48
        assert all(task.prompt.endswith(":\n") for task in found)
    palindrome = domains.examples("patterns", 48, conformance_data)[0].__class__
    assert palindrome is domains.Example
    from bench.samplers.domains import patterns

    task = patterns.example(r"(\w)(\w)\2\1")
    assert [task.score(t) for t in ("abba", "abab")] == [1, 0]


def test_missing_data_is_said(tmp_path):
    assert domain_run.tasks("patterns", 3, tmp_path).startswith("FileNotFoundError")


def test_a_run_goes_on_with_the_next_example(tmp_path, monkeypatch, capsys):
    calls = []

    def runner(folder):
        def run(example, method, seed):
            calls.append((example.name, method, seed))
            if len(calls) == 3:
                raise ValueError("no such\nthing")
            return {"quality": 1.0, "valid": 1.0, "seconds": 2.0, "tokens": 3, "checks": 6, "texts": []}

        return run

    monkeypatch.setitem(domain_run.RUNNERS, "gcd", runner)
    path = tmp_path / "rows.jsonl"
    options = {"examples": 2, "repeats": 1, "methods": ["local", "AWRS-SMC"], "minutes": 5, "domains": ["plans"]}

    def run(**other):
        domain_run.main(["gcd", "", str(tmp_path), str(path), json.dumps(options | other)])
        return domain_run.read(path)

    assert run(minutes=-1) == []
    first = run(examples=1)
    assert [row["quality"] for row in first] == [1, 1]
    path.write_text(path.read_text() + '{"engine": "gc')  # cut off
    rows = run()
    assert len(calls) == len(rows) == 4
    assert [row.get("error") for row in rows] == [None, None, "ValueError: no such\nthing", None]
    assert rows[2]["quality"] == 0
    text = "\n".join(domain_report.report({"rows": rows}))
    assert "| gcd: local | 2 (1 failed) | 0.50 (0.00 to 1.00) |" in text
    assert "ValueError: no such thing" in text
    assert "plans (plans of actions, PDDL-like): 0 of 2 examples were solved by no method." in text
    capsys.readouterr()


def row(engine, example, seconds, quality):
    return {
        "engine": engine,
        "domain": "json",
        "example": example,
        "method": "AWRS-SMC",
        "repeat": 0,
        "seconds": seconds,
        "quality": quality,
        "valid": quality,
    }


def test_libraries_are_compared_on_the_same_examples():
    rows = [row("gcd", "a", 1, 0), row("gcd", "b", 1, 0), row("gcd", "c", 9, 0), row("genlm", "a", 4, 0)]
    rows += [row("genlm", "b", 2, 1), row("genlm", "d", 50, 0)]
    (line,) = [text for text in domain_report.side_by_side(rows) if "| json |" in text]
    assert line.startswith("| AWRS-SMC | json | 2 | 3.0 (2.0 to 4.0) | -0.50 (-1.00 to 0.00) |")
    assert "can't do this" in "\n".join(domain_report.unable(rows))


def test_bootstrap_interval():
    values = [random.Random(i).random() for i in range(400)]
    mean, low, high = domain_report.interval(values)
    assert low < mean < high
    assert (high - low) / 2 == pytest.approx(1.96 * (1 / 12 / 400) ** 0.5, rel=0.1)


def test_ends_are_line_breaks_and_all_bytes_can_be_written():
    import gcd

    vocab = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), b"\n\n", b"a\n", None, None], eos_ids=[258])
    found = domain_run.ending_at_lines(vocab)
    assert found.eos_ids == (10, 256, 258)
    assert found.tokens[259] == b"\n"
    assert {token for token in found.tokens if token and len(token) == 1} == {bytes([b]) for b in range(256)}
    assert found.tokens[257] == b"a\n"
