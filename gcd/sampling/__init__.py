"""Sampling that states its law: what a constraint leaves of a model's distribution, drawn right or with its weight.

One way through: a `LanguageModel` gives log-probabilities for a batch of prefixes, a `Constraint` says which tokens may
come next, and a method (`gcd.sampling.methods`) draws with both. Nothing here is imported by ``import gcd``; numpy is
needed, torch and transformers by `HFModel` only.
"""

from gcd.sampling.api import SamplingWarning, sample
from gcd.sampling.constraint import Constraint, ConstraintState, GrammarConstraint, NoConstraint, Product
from gcd.sampling.cost_model import CostModel
from gcd.sampling.expected_future_grammaticality import GrammaticalityTrie
from gcd.sampling.generate import custom_generate
from gcd.sampling.grammar_probability import GrammarProbability, estimate_probability
from gcd.sampling.language_model import LanguageModel, ModelState
from gcd.sampling.methods import METHODS, Task, row_seed
from gcd.sampling.ngram_model import NGramModel
from gcd.sampling.predicate import Predicate, predicate
from gcd.sampling.remembered import Remembered
from gcd.sampling.sample import Sample, Samples
from gcd.sampling.table_model import TableModel
from gcd.sampling.warp import Warped

__all__ = [
    "METHODS",
    "Constraint",
    "ConstraintState",
    "CostModel",
    "GrammarConstraint",
    "GrammarProbability",
    "GrammaticalityTrie",
    "LanguageModel",
    "ModelState",
    "NGramModel",
    "NoConstraint",
    "Predicate",
    "Product",
    "Remembered",
    "Sample",
    "Samples",
    "SamplingWarning",
    "TableModel",
    "Task",
    "Warped",
    "custom_generate",
    "estimate_probability",
    "predicate",
    "row_seed",
    "sample",
]
