"""gcd: grammar-constrained decoding with exact token masks, compiled offline.

``import gcd`` is cheap: a public name is imported when it is first used, and neither torch nor
transformers is needed before a name that works on tensors or models is.
"""

from typing import TYPE_CHECKING

from gcd.lazy_exports import lazy_exports

if TYPE_CHECKING:  # the same names as in _PUBLIC, for type checkers and editors; a test compares the two
    from gcd._native.matcher import fill_bitmasks
    from gcd.bitmask import allocate_token_bitmask, apply_token_bitmask_inplace
    from gcd.compiled_grammar import CompiledGrammar, load
    from gcd.compiler import compile  # noqa: A004 - the name that users type
    from gcd.errors import (
        ArtifactError,
        DatabaseError,
        GcdError,
        GrammarError,
        InexactError,
        LimitError,
        MatcherError,
        ModelError,
        PredicateError,
        SamplingError,
        SchemaError,
        SchemaRefError,
        TokenBudgetError,
        TokenizerError,
        UnsupportedError,
    )
    from gcd.exactness import Exactness
    from gcd.generate_json import generate_json
    from gcd.grammar.ir import Grammar
    from gcd.healing import HealedMatcher, HealedPrompt, heal
    from gcd.limits import Limits
    from gcd.processor import GrammarLogitsProcessor
    from gcd.sampling.api import sample
    from gcd.sampling.grammar_aligned_processor import GrammarAlignedLogitsProcessor
    from gcd.sampling.hf_model import HFModel
    from gcd.vocab import Vocabulary

__version__ = "0.1.0"

# public name -> the module that defines it
_PUBLIC = {
    "ArtifactError": "gcd.errors",
    "CompiledGrammar": "gcd.compiled_grammar",
    "DatabaseError": "gcd.errors",
    "Exactness": "gcd.exactness",
    "GcdError": "gcd.errors",
    "Grammar": "gcd.grammar.ir",
    "GrammarAlignedLogitsProcessor": "gcd.sampling.grammar_aligned_processor",
    "GrammarError": "gcd.errors",
    "GrammarLogitsProcessor": "gcd.processor",
    "HealedMatcher": "gcd.healing",
    "HealedPrompt": "gcd.healing",
    "HFModel": "gcd.sampling.hf_model",
    "InexactError": "gcd.errors",
    "LimitError": "gcd.errors",
    "MatcherError": "gcd.errors",
    "ModelError": "gcd.errors",
    "PredicateError": "gcd.errors",
    "SamplingError": "gcd.errors",
    "SchemaError": "gcd.errors",
    "SchemaRefError": "gcd.errors",
    "TokenBudgetError": "gcd.errors",
    "TokenizerError": "gcd.errors",
    "UnsupportedError": "gcd.errors",
    "Limits": "gcd.limits",
    "Vocabulary": "gcd.vocab",
    "allocate_token_bitmask": "gcd.bitmask",
    "apply_token_bitmask_inplace": "gcd.bitmask",
    "compile": "gcd.compiler",
    "fill_bitmasks": "gcd._native.matcher",
    "generate_json": "gcd.generate_json",
    "heal": "gcd.healing",
    "load": "gcd.compiled_grammar",
    "sample": "gcd.sampling.api",
}

__all__ = [
    "ArtifactError",
    "CompiledGrammar",
    "DatabaseError",
    "Exactness",
    "GcdError",
    "Grammar",
    "GrammarAlignedLogitsProcessor",
    "GrammarError",
    "GrammarLogitsProcessor",
    "HFModel",
    "HealedMatcher",
    "HealedPrompt",
    "InexactError",
    "LimitError",
    "Limits",
    "MatcherError",
    "ModelError",
    "PredicateError",
    "SamplingError",
    "SchemaError",
    "SchemaRefError",
    "TokenBudgetError",
    "TokenizerError",
    "UnsupportedError",
    "Vocabulary",
    "__version__",
    "allocate_token_bitmask",
    "apply_token_bitmask_inplace",
    "compile",
    "fill_bitmasks",
    "generate_json",
    "heal",
    "load",
    "sample",
]


__getattr__, __dir__ = lazy_exports(__name__, globals(), _PUBLIC)
