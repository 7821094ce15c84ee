"""Turns the core's exceptions into those of `gcd.errors`; for the other modules here, nothing to call from Python."""
