"""Matchers: one sequence's position in a compiled grammar."""

from collections.abc import Iterable, Sequence
from typing import Any, Self

from typing_extensions import Buffer, disjoint_base

from gcd._native.composition import ComposedEngine
from gcd._native.engine import Engine
from gcd._native.schema import SchemaEngine
from gcd._native.sql import SqlEngine
from gcd.explain import Explanation
from gcd.grammar_info import GrammarInfo

@disjoint_base
class Matcher:
    """One sequence's position in a compiled grammar; `CompiledGrammar.matcher` makes it.

    At any time a token is *allowed* exactly if the text so far, followed by the token, can still become a sentence; an
    end-of-sequence token, exactly if the text so far is one. Not to be shared between threads; the grammar behind it
    may be.
    """

    def __new__(
        cls,
        engine: Engine | SchemaEngine | ComposedEngine | SqlEngine,
        start: int = 0,
        info: GrammarInfo | None = None,
        max_tokens: int | None = None,
    ) -> Self:
        """At the beginning of a text of start symbol number `start`; `info` names things in explanations.

        Args:
            max_tokens: see `CompiledGrammar.matcher`.

        Raises:
            ValueError: no such start symbol; a budget below 1.
            TokenBudgetError: no text is known to be that short.
        """
    @property
    def engine(self) -> Engine | SchemaEngine | ComposedEngine | SqlEngine:
        """The compiled grammar's native part."""
    @property
    def info(self) -> GrammarInfo | None:
        """The grammar's names, for explanations."""
    def accept(self, token: int) -> bool:
        """Move over a token.

        Returns:
            False if the token isn't allowed; the state is unchanged then.

        Raises:
            MatcherError: the id is out of range, or the sequence has ended.
        """
    def check(self, token: int) -> bool:
        """Whether a token is allowed. Computes no mask and changes nothing; False after the end.

        Raises:
            MatcherError: the id is out of range.
        """
    def accept_tokens(self, tokens: Iterable[int]) -> int:
        """Move over tokens up to the first that isn't allowed; return over how many.

        Raises:
            MatcherError: an id is out of range; the tokens before it are accepted.
        """
    def validate(self, tokens: Iterable[int]) -> int:
        """How many of the tokens could be accepted one after another; the state is unchanged.

        Raises:
            MatcherError: an id is out of range.
        """
    def accept_bytes(self, data: Buffer) -> bool:
        """Move over text whose tokens aren't known. All or nothing, and one step for `rollback`.

        Returns:
            False if the text so far, followed by `data`, can't become a sentence; the state is unchanged then.

        Raises:
            MatcherError: the sequence has ended.
        """
    def viable_bytes(self, data: Buffer) -> int:
        """How many bytes of `data`, from its beginning, can follow the text so far; the state is unchanged."""
    def rollback(self, n: int) -> None:
        """Undo the last `n` steps, the end of the sequence among them.

        Raises:
            MatcherError: fewer steps were made.
        """
    def reset(self) -> None:
        """Go back to the beginning of the text."""
    def fork(self) -> Matcher:
        """A matcher in the same state, with the same history, that goes its own way."""
    def token_bytes(self, token: int) -> bytes:
        """A token's bytes; empty if it is no text (special, or a hole).

        Raises:
            MatcherError: the id is out of range.
        """
    def expected(self) -> tuple[list[int], list[int]]:
        """Ids of the terminals whose lexeme the text is in the middle of, and of those that may begin here."""
    def explain(self, token: int) -> Explanation:
        """Why a token is allowed or refused: the byte at which it fails, what is expected there, and by which line.

        Raises:
            MatcherError: the id is out of range.
        """
    def forced_bytes(self, most: int = 4096) -> bytes:
        """What every continuation begins with, up to `most` bytes; nothing where the text may end."""
    def forced_tokens(self, most: int = 4096) -> list[int]:
        """Tokens for the forced bytes.

        The last of them are held back where the text that follows could turn out to belong to a longer token.
        """
    @property
    def readings(self) -> list[tuple[int, int]]:
        """(parser state, lexer state) of every reading of the text that is still alive, as ids of the engine."""
    def completion(self) -> list[int] | None:
        """Tokens that bring the text to its end, without the end-of-sequence token; None if no way was found.

        The fewest that the search found: never less than what it takes, seldom more.

        Raises:
            MatcherError: the sequence has ended.
        """
    @property
    def max_tokens(self) -> int | None:
        """The token budget; None without one."""
    @property
    def tokens_left(self) -> int | None:
        """What is left of the token budget, the end-of-sequence token's included; None without one."""
    @property
    def n_accepted(self) -> int:
        """Steps since the beginning: tokens, and calls of `accept_bytes`."""
    @property
    def is_complete(self) -> bool:
        """Whether the text so far is a sentence: an end-of-sequence token is allowed, or was accepted."""
    @property
    def is_finished(self) -> bool:
        """Whether an end-of-sequence token was accepted."""
    @property
    def is_dead(self) -> bool:
        """Whether nothing can follow, not even the end. Never so if the grammar was compiled exactly."""
    def fill_bitmask(self, bitmask: Any, row: int = 0) -> None:
        """Write which tokens are allowed into a row of a bitmask; all zero after the end. Releases the GIL.

        Args:
            bitmask: int32 of shape ``(batch, words)`` or ``(words,)`` on the CPU, a torch tensor or a writable buffer,
                with ``words`` as `gcd.allocate_token_bitmask` has it: token t is bit ``t % 32`` of word ``t // 32``.
                Rows may lie apart, the words of a row may not.
            row: which row.

        Raises:
            TypeError: no such tensor or buffer.
            ValueError: another number of words than this vocabulary needs, or words that don't lie side by side.
            IndexError: no such row.
        """

def fill_bitmasks(matchers: Sequence[Matcher | None], bitmask: Any, threads: int = 0) -> None:
    """Write the masks of a batch into the rows of a bitmask. Releases the GIL.

    Masks that are known are copied, the others worked out by native threads.

    Args:
        matchers: row i gets the mask of ``matchers[i]``; None leaves its row as it is. All of one vocabulary, none
            twice.
        bitmask: int32 of shape ``(batch, words)`` on the CPU, as for `Matcher.fill_bitmask`.
        threads: how many threads at most; default one for each processor.

    Raises:
        TypeError: no such tensor or buffer, or something that isn't a matcher.
        ValueError: a matcher stands in the batch twice, or the bitmask has another number of words.
        IndexError: more matchers than rows.
    """

def accept_each(matchers: Sequence[Matcher | None], tokens: Buffer) -> list[int]:
    """Move each of several matchers over a token of its own.

    Args:
        matchers: None stands for nothing to move, as does a matcher whose sequence has ended.
        tokens: int64 of shape ``(matchers,)``, contiguous or not; one that is out of range is refused.

    Returns:
        The indices of the matchers that refused their token and stayed as they were.

    Raises:
        ValueError: not as many tokens as matchers, or not int64.
    """
