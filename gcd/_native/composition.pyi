"""Compiled grammars put together: an automaton whose edges are whole grammars."""

from collections.abc import Iterable, Sequence

from typing_extensions import disjoint_base

from gcd._native.engine import Engine
from gcd._native.schema import SchemaEngine
from gcd._native.sql import SqlEngine
from gcd._native.trie import TokenTrie

@disjoint_base
class ComposedEngine:
    """Engines on the edges of an automaton; see `gcd.composition`."""

    def __init__(
        self,
        trie: TokenTrie,
        parts: tuple[tuple[Engine | SchemaEngine | SqlEngine, int], ...],
        n_nodes: int,
        edges: Iterable[tuple[int, int, int]],
        rules: Sequence[tuple[Sequence[int], Sequence[int]]],
        eos_ids: Sequence[int],
    ) -> None:
        """From (engine, number of its start symbol) for each part; edges (node, part, node); rules (starts, finals).

        The first rule is what a text is. An edge's part may also be the number of parts plus that of a rule; with the
        number of rules added, it is the rule's sentences, each written as a JSON string.

        Raises ValueError where a number is out of bounds, GrammarError for a vocabulary with bytes that are no token.
        """
    @property
    def trie(self) -> TokenTrie:
        """The vocabulary's."""
    @property
    def parts(self) -> tuple[tuple[Engine | SchemaEngine | SqlEngine, int], ...]:
        """As given."""
    @property
    def eos_ids(self) -> tuple[int, ...]:
        """The ids that end a sequence."""
    @property
    def exact(self) -> bool:
        """All parts are."""
    @property
    def reason(self) -> str:
        """Why it isn't exact."""
    @property
    def n_starts(self) -> int: ...
    @property
    def n_terminals(self) -> int:
        """Of all parts; they are numbered one part after another."""
    def start_alive(self, i: int) -> bool:
        """Some part has a sentence."""
    def explore(self, max_masks: int, seconds: float) -> int:
        """Fill the parts' tables."""
    def counts(self) -> dict[str, int]:
        """How many parts, and at how many places tokens with a cut inside are known."""
