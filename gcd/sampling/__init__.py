"""Sampling that states its law: what a constraint leaves of a model's distribution, drawn right or with its weight.

One way through: a `LanguageModel` gives log-probabilities for a batch of prefixes, a `Constraint` says which tokens may
come next, and a method (`gcd.sampling.methods`) draws with both. Nothing here is imported by ``import gcd``; numpy is
needed, torch and transformers by `HFModel` only.
"""
