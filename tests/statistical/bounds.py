"""Bounds at level 1e-4 for Monte-Carlo checks, without scipy."""

import math

SIGMAS = 3.89
"""Standard errors beyond which a normal mean lies with probability 1e-4, both sides together."""


def assert_mean(values, expected, sigmas=SIGMAS):
    """The mean of independent values is `expected`, up to chance."""
    n = len(values)
    mean = math.fsum(values) / n
    variance = math.fsum((v - mean) ** 2 for v in values) / (n - 1)
    error = math.sqrt(variance / n)
    assert abs(mean - expected) <= sigmas * error + 1e-12 * abs(expected), (mean, expected, error)


def assert_law(counts, law):
    """Counts of outcomes come from a law: {outcome: probability}; chi-square with rare outcomes put together."""
    n = sum(counts.values())
    assert set(counts) <= {x for x, p in law.items() if p > 0}
    cells, rest_count, rest_p = [], 0, 0.0
    for outcome, p in law.items():
        if p * n >= 5:
            cells.append((counts.get(outcome, 0), float(p) * n))
        else:
            rest_count += counts.get(outcome, 0)
            rest_p += float(p)
    if rest_p * n >= 1e-9:
        cells.append((rest_count, rest_p * n))
    statistic = sum((seen - expected) ** 2 / expected for seen, expected in cells)
    degrees = len(cells) - 1
    assert degrees >= 1
    assert statistic <= chi_square_bound(degrees), (statistic, degrees)


def chi_square_bound(degrees, z=3.72):
    """The 1 - 1e-4 quantile of chi-square (Wilson and Hilferty 1931; right to a percent)."""
    return degrees * (1 - 2 / (9 * degrees) + z * math.sqrt(2 / (9 * degrees))) ** 3 * 1.01
