"""Drawing tokens without replacement from a row of log-probabilities."""

from typing import Any, Self

from typing_extensions import Buffer, disjoint_base

@disjoint_base
class Urn:
    """The tokens that are left of a row, each weighted with its probability. Reused from row to row.

    Nothing is lost to cancellation: what is left is a sum of positive numbers, never 1 minus what is gone, and the
    weights are scaled up when little is left. Only a token of log-probability minus infinity is never drawn. Not to be
    shared between threads.
    """

    width: int
    """Columns of a row."""

    def __new__(cls, width: int) -> Self:
        """An urn for rows of `width` columns; to be filled before use."""
    def fill(self, row: Any) -> None:
        """Put all tokens in.

        Args:
            row: log-probabilities, a numpy array of float32 or float64 of shape ``(width,)``; they need not be
                normalized. Not to be changed while the urn is in use.

        Raises:
            ModelError: NaN or plus infinity among them, or all are minus infinity.
            TypeError: another kind of array.
            ValueError: another number of columns.
        """
    def draw(self, u: float) -> int:
        """A token with probability proportional to its weight, if `u` is uniform on [0, 1); it stays in.

        Returns:
            the token; -1 if none of positive probability is left.
        """
    def remove(self, token: int) -> None:
        """Take a token out; once more does nothing.

        Raises:
            IndexError: there is no such token.
        """
    def restrict(self, words: Buffer) -> None:
        """Take out all tokens that a mask doesn't allow.

        Args:
            words: int32 of shape ``(ceil(width / 32),)``, as in a bitmask.
        """
    @property
    def log_mass(self) -> float:
        """log of the sum of the probabilities that are left, as they were filled in; minus infinity if none is."""
    def log_share(self) -> float:
        """log of the share that is left: `log_mass` less what it was with everything in. At most 0."""
    def log_share_of(self, token: int) -> float:
        """log of the share that a token had with everything in, whether it is left or not."""
    def misses(self, u: float, log_start: float = 0.0) -> int:
        """How many draws *with* replacement would hit tokens that were taken out before one hits a token that is left.

        `log_start` is `log_share` when the draws began: what was out before doesn't count. Geometric, by inversion of
        `u`, uniform on [0, 1). Bounded by 9e15, which stands for never.
        """
