"""A database's statements, compiled: an automaton that is built as texts need it, and its masks over one token trie."""

from collections.abc import Sequence

from typing_extensions import disjoint_base

from gcd._native.trie import TokenTrie
from gcd.limits import Limits

@disjoint_base
class SqlEngine:
    """A scope program's automaton, its masks and its token trie."""

    def __init__(self, trie: TokenTrie, program: bytes, eos_ids: Sequence[int], limits: Limits) -> None:
        """Raises ValueError for a program that isn't one, LimitError where it is too large."""
    @property
    def trie(self) -> TokenTrie:
        """The vocabulary's."""
    @property
    def program(self) -> bytes:
        """As it was given."""
    @property
    def eos_ids(self) -> tuple[int, ...]:
        """The ids that end a sequence."""
    @property
    def exact(self) -> bool:
        """No statement of the language is known to be left out for want of search steps."""
    @property
    def reason(self) -> str:
        """Why it isn't exact."""
    @property
    def n_starts(self) -> int: ...
    @property
    def n_terminals(self) -> int: ...
    def start_alive(self, i: int) -> bool:
        """Some statement can be written."""
    def sections(self) -> dict[str, bytes]:
        """What an artefact stores."""
    def explore(self, max_masks: int, seconds: float) -> int:
        """Fill the tables, breadth first."""
    def counts(self) -> dict[str, int]:
        """Sizes of the automaton and its tables; ``unsettled``: searches for tables that their budget cut off."""
