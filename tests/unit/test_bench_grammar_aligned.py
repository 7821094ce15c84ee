"""The bench's figures: KL, its floor, the union as target, paired means; nothing is drawn here."""

import math
import random

import pytest

bench = pytest.importorskip("bench.grammar_aligned", reason="the bench isn't on the path: an installed gcd is tested")


def result(counts, log_p, weighted=False, weight=0.0, dead=0):
    samples = [[str(k), [k, 9], log_p[k], weight, True] for k, n in counts.items() for _ in range(n)]
    samples += [["", [3], -1.0, -math.inf, False]] * dead
    return {
        "samples": samples,
        "weighted": weighted,
        "seconds": 1.0,
        "rows": 5,
        "n_draws": len(samples),
        "probability": None,
    }


LOG_P = {0: math.log(0.4), 1: math.log(0.1)}


def test_kl_of_the_empirical_law():
    target, log_mass = bench.target_of({"a": result({0: 3}, LOG_P), "b": result({1: 1}, LOG_P, dead=2)})
    assert target == {(0, 9): pytest.approx(0.8), (1, 9): pytest.approx(0.2)}
    assert math.exp(log_mass) == pytest.approx(0.5)
    assert bench.kl([((0, 9), 4.0), ((1, 9), 1.0)], target) == pytest.approx(0)
    assert bench.kl([((0, 9), 1.0)], target) == pytest.approx(math.log(1 / 0.8))
    few, many = (bench.floor(n, target, random.Random(0)) for n in (5, 500))
    assert few > many > 0
    assert many == pytest.approx(1 / (2 * 500), rel=0.3)  # (kinds - 1) / 2n


def test_report():
    name = "binary-5"
    results = {
        name: {
            "local": result({0: 4, 1: 4}, LOG_P),
            "weighted": result({0: 4}, LOG_P, weighted=True, weight=-1.0, dead=4),
            "cars": result({0: 7, 1: 1}, LOG_P),
        },
        "binary-8": {"local": result({}, LOG_P, dead=3), "weighted": result({}, LOG_P), "cars": result({}, LOG_P)},
    }
    figures = bench.figures(results[name], 8)
    assert figures["target"]["log_likelihood"] == pytest.approx(0.8 * LOG_P[0] + 0.2 * LOG_P[1])
    assert figures["local"]["kl"] == pytest.approx(0.5 * math.log(0.5 / 0.8) + 0.5 * math.log(0.5 / 0.2))
    low, high = figures["local"]["kl_interval"]
    assert low <= figures["local"]["kl"] <= high
    assert [point[0] for point in figures["local"]["curve"]] == [1, 2, 4, 8]
    assert figures["local"]["curve"][-1][1] == figures["local"]["kl"]
    assert bench.sizes(3, 8) == [1, 2, 3]
    (panel,) = bench.panels(results, 8)  # one task without a sentence has none
    assert panel.title.startswith("binary-5: KL")
    assert panel.series["cars"][-1] == (8, figures["cars"]["kl"])
    text = bench.report(results, 8)
    assert "Means over the 1 of 2 tasks" in text
    assert "No method found a sentence" in text
    assert f"| cars | {figures['cars']['kl']:.2f} |" in text
