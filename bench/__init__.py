"""Benchmarks: gcd beside its peers. ``python -m bench --help``; what the numbers mean: METHODOLOGY.md."""
