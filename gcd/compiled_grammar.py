"""The compiled grammar: what `gcd.compile` returns and `gcd.load` reads back."""

from __future__ import annotations

from gcd._native.engine import Engine
from gcd._native.matcher import Matcher
from gcd.exactness import Exactness
from gcd.grammar.ir import Grammar
from gcd.vocab import Vocabulary

__all__ = ["CompiledGrammar"]


class CompiledGrammar:
    """A grammar compiled for a vocabulary. Immutable to its users; may be shared between threads.

    Attributes:
        vocab: the vocabulary.
        grammar: the grammar's intermediate representation.
        exactness: what the compilation vouches for.
        seconds: how long it took.
    """

    def __init__(
        self, engine: Engine, grammar: Grammar, vocab: Vocabulary, exactness: Exactness, seconds: float = 0.0
    ) -> None:
        self._engine = engine
        self.grammar = grammar
        self.vocab = vocab
        self.exactness = exactness
        self.seconds = seconds

    def matcher(self, start: str | None = None) -> Matcher:
        """A matcher at the beginning of a text.

        Args:
            start: which start symbol, if the grammar has several; default the first.

        Raises:
            ValueError: no such start symbol.
        """
        names = [s.name for s in self.grammar.starts]
        if start is None:
            return Matcher(self._engine, 0)
        if start not in names:
            raise ValueError(f"no start symbol {start!r}; this grammar has {', '.join(names)}")
        return Matcher(self._engine, names.index(start))

    def stats(self) -> dict[str, int]:
        """Sizes of the automata and tables as they stand now (they fill on demand)."""
        return dict(self._engine.counts())
