"""A compiled grammar's native part: lexer DFA, syntax automaton, rows and masks over one token trie."""

from collections.abc import Iterable

from typing_extensions import Buffer, disjoint_base

from gcd._native.trie import TokenTrie
from gcd.grammar.ir import Grammar
from gcd.limits import Limits
from gcd.regex.program import NfaProgram

@disjoint_base
class Engine:
    """What all matchers of a compiled grammar share. Safe to use from several threads; its tables fill on demand."""

    def __init__(
        self,
        trie: TokenTrie,
        grammar: Grammar,
        program: NfaProgram,
        eos_ids: Iterable[int],
        limits: Limits,
        lenient: bool,
    ) -> None:
        """Build the automata and decide which of their states are viable.

        Args:
            trie: the vocabulary's tokens.
            grammar: the intermediate representation.
            program: the NFA program of the grammar's terminals, in their order.
            eos_ids: ids that end a sequence, each below the trie's width.
            limits: bounds on states, rows and bytes.
            lenient: go on where viability can't be decided within the limits; else that is an error.

        Raises:
            LimitError: a bound was reached.
            GrammarError: the tables are not a grammar.
        """
    @staticmethod
    def from_sections(
        trie: TokenTrie,
        tables: Buffer,
        rows: Buffer,
        lists: Buffer,
        local_sets: Buffer,
        summaries: Buffer,
        sets: Buffer,
        eos_ids: Iterable[int],
        limits: Limits,
    ) -> Engine:
        """An engine from an artefact's sections, used where they lie; the buffers are kept alive.

        Sections begin at multiples of 8 in memory. Of `lists`, `summaries` and `sets` each piece has a checksum of its
        own and is read when it is first needed; what is damaged in them comes out there, as the same error.

        Raises:
            ArtifactError: the sections are damaged, or don't belong together.
            LimitError: they hold more than `limits` allow.
        """
    def sections(self) -> dict[str, bytes]:
        """The artefact's sections but "meta" and "trie", as they stand now."""
    def explore(self, max_masks: int, seconds: float) -> int:
        """Fill the tables with what texts are likely to need; return how many positions were looked at.

        Args:
            max_masks: positions after which to stop.
            seconds: time after which to stop.
        """
    @property
    def trie(self) -> TokenTrie:
        """The vocabulary's tokens."""
    @property
    def exact(self) -> bool:
        """Whether viability is decided for all states that can be reached."""
    @property
    def reason(self) -> str:
        """Why it isn't exact; empty if it is."""
    @property
    def eos_ids(self) -> tuple[int, ...]:
        """Ids that end a sequence."""
    @property
    def n_starts(self) -> int:
        """Start symbols."""
    @property
    def n_terminals(self) -> int:
        """Terminals; their ids are below it."""
    def start_alive(self, i: int) -> bool:
        """Whether some text belongs to the language of start symbol number `i`."""
    def counts(self) -> dict[str, int]:
        """Sizes of automata and tables as they stand now, by name."""
