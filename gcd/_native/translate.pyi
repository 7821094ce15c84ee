"""Turns the core's exceptions into those of `gcd.errors`; for the other modules here, nothing to call from Python."""

LIMITS: dict[int, str]
"""The fields of `gcd.Limits` that the core watches, in the order of its error kinds."""
