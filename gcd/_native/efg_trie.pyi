"""The trie of bounds on expected future grammaticality, and sequences that are drawn through it.

The *expected future grammaticality* of a prefix (ASAp: Park et al. 2024, section 4) is the probability that the model,
from there on, writes a sentence of the grammar. `EfgTrie` bounds it from above, for the prefixes that were visited;
`gcd.sampling.expected_future_grammaticality` is the class for users.
"""

from collections.abc import Iterable
from typing import Any, Self

from typing_extensions import Buffer, disjoint_base

@disjoint_base
class EfgTrie:
    """Bounds on expected future grammaticality, by prefix. Empty at first: every bound is 1. Bounds only fall.

    Not to be used by two threads at the same time.
    """

    def __new__(cls, width: int, eos_ids: Iterable[int]) -> Self:
        """An empty trie over `width` columns; a sequence ends with one of `eos_ids`.

        Raises:
            ValueError: an id out of range.
        """
    @staticmethod
    def from_section(section: Buffer, width: int, eos_ids: Iterable[int]) -> EfgTrie:
        """What `section` wrote. The bytes are hostile input.

        Raises:
            ArtifactError: they are no trie over these columns and ids.
        """
    @property
    def width(self) -> int:
        """Columns of the scores."""
    @property
    def eos_ids(self) -> tuple[int, ...]:
        """The ids that end a sequence."""
    def section(self) -> bytes:
        """The trie as bytes; the same for the same content."""
    def merge(self, other: EfgTrie) -> None:
        """Add what another trie of the same law knows.

        Raises:
            ValueError: it has other columns or end-of-sequence ids.
        """
    def commit(self, draw: EfgDraw) -> bool:
        """Add a sequence and back up the bounds on its path.

        Returns:
            Whether it ended with a sentence that had not been committed before.

        Raises:
            ValueError: it was drawn through another trie, or committed before.
        """
    def log_bound(self, prefix: Iterable[int] = ()) -> float:
        """The log of the bound on the expected future grammaticality of a prefix; 0 if nothing is known of it.

        Of the empty prefix that is an upper bound on log P(some sentence).

        Raises:
            ValueError: an id out of range.
        """
    def children(self, prefix: Iterable[int] = ()) -> list[tuple[int, float, float]] | None:
        """Of a visited prefix the tokens that were drawn after it: (token, log P, log bound). None: not visited."""
    def log_rest(self, prefix: Iterable[int] = ()) -> float | None:
        """Of a visited prefix the log of the allowed mass outside of its children. None: not visited."""
    @property
    def n_nodes(self) -> int:
        """How many prefixes were visited."""
    @property
    def nbytes(self) -> int:
        """Bytes that the trie takes."""
    @property
    def log_found(self) -> float:
        """log of the mass of all sentences that were drawn: a lower bound on log P(some sentence)."""
    @property
    def n_found(self) -> int:
        """How many different sentences were drawn."""

@disjoint_base
class EfgDraw:
    """One sequence on its way through a trie.

    At each position: `visit`, then `sample` or `take`. The law to draw from is ``q(a) = P(a) bound(a) / N`` over the
    allowed tokens a, where bounds are the trie's, and N makes it a law. Nothing changes in the trie before
    `EfgTrie.commit`.
    """

    def __new__(cls, trie: EfgTrie) -> Self:
        """At the beginning."""
    @property
    def trie(self) -> EfgTrie:
        """The trie."""
    def visit(self, row: Any, words: Any, raw: bool = False) -> float:
        """Look at the law of the next token.

        Args:
            row: float32 or float64 of shape ``(columns,)``, contiguous.
            words: the mask, int32 of shape ``(words,)``: token t is bit ``t % 32`` of ``words[t // 32]``. Columns past
                its words are not allowed.
            raw: the row holds logits; else log-probabilities.

        Returns:
            log N; minus infinity if nothing can be drawn.

        Raises:
            ModelError: a score is NaN or plus infinity (of log-probabilities, in a column that is allowed).
            TypeError: other dtypes or dimensions.
            ValueError: the position was visited before, or the sequence has ended.
        """
    def sample(self, row: Any, uniform: float) -> int:
        """Draw a token and move over it. `row` is that of `visit`, `uniform` a number in [0, 1).

        Raises:
            ValueError: the position has not been visited, or nothing can be drawn.
        """
    def law(self, row: Any, token: int) -> tuple[float, float]:
        """(log P, log q) of a token; minus infinity where it isn't allowed."""
    def take(self, row: Any, token: int) -> None:
        """Move over a token that was drawn elsewhere.

        Raises:
            ValueError: it has no chance, or the position has not been visited.
        """
    def refuse(self) -> None:
        """The last token was not allowed after all: its bound becomes 0, and the sequence ends."""
    def bounds(self) -> list[tuple[int, float]]:
        """(token, log bound) of the allowed tokens whose bound is below 1; with the mask, that makes P into q.

        Raises:
            ValueError: the position has not been visited.
        """
    @property
    def tokens(self) -> list[int]:
        """The tokens so far."""
    @property
    def log_p(self) -> float:
        """log P of the tokens so far."""
    @property
    def log_q(self) -> float:
        """log of the probability with which they were drawn."""
    @property
    def log_mass(self) -> float:
        """log N of the position that was visited last."""
    @property
    def log_bound(self) -> float:
        """The log of the bound with which that position was drawn; never below log N but for rounding."""
    @property
    def is_ended(self) -> bool:
        """Whether the last token ended the sequence, or was refused."""
