"""The bounds on what a compilation may use. Each is enforced while building, with a `LimitError` that carries the
number; nothing is ever truncated in silence, and nothing fails in the middle of an output."""

import math
import time
from dataclasses import dataclass, fields

from gcd.errors import LimitError

__all__ = ["Deadline", "Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds for `gcd.compile` and what is built lazily behind it.

    The defaults let every natural grammar through and stop a hostile one within a minute and a gigabyte. All are
    positive; `seconds` may be ``math.inf``.

    >>> Limits(max_repeat=10).check("max_repeat", 11)
    Traceback (most recent call last):
    gcd.errors.LimitError: max_repeat: 11 is over the limit of 10
      try: a simpler grammar, or gcd.Limits(max_repeat=...)
    """

    max_grammar_bytes: int = 4_000_000
    """UTF-8 bytes of one grammar, imports included; checked before anything is parsed."""
    max_nesting: int = 200
    """Depth of brackets in a grammar or pattern; checked before anything that recurses sees the text."""
    max_repeat: int = 100_000
    """Largest bound of a counted repetition (``~n..m``, ``{n,m}``)."""
    max_terminals: int = 200_000
    """Terminals after preparation; an enum of 50,000 words has as many."""
    max_productions: int = 1_000_000
    """Productions after expansion of templates, options and repetitions."""
    max_lexer_states: int = 200_000
    """States of the lexer's automaton, built while compiling or lazily later."""
    max_parser_states: int = 1_000_000
    """States of the parser, built lazily as texts need them. Half of them are for texts that are gone: when they are
    used up the next ones begin with an empty table, so no number of texts reaches the limit, and a single one only if
    it needs that many by itself."""
    max_rows: int = 200_000
    """Rows (one for each lexer state that a token can start in) with their sub-rows."""
    memo_bytes: int = 256_000_000
    """Bytes for the masks that are kept, and what they are put together from. When it is full, new masks are worked
    out each time they are needed: slower, no error. The parser's items may take twice as much (64 MB in any case);
    that is a bound, which only grammars with thousands of rules that may all be left out have been seen to reach."""
    seconds: float = 60.0
    """Time for one compilation, by the monotonic clock."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            whole = field.name != "seconds"
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
                raise TypeError(f"Limits.{field.name} must be {'an int' if whole else 'a number'}, not {value!r}")
            if not value > 0:  # also refuses NaN
                raise ValueError(f"Limits.{field.name} must be positive, not {value!r}")

    def check(self, name: str, reached: float, **where: object) -> None:
        """Raise `LimitError` if `reached` is over the field `name`; `where` as in `gcd.errors.GrammarError`."""
        allowed = getattr(self, name)
        if reached > allowed:
            raise LimitError.of(name, allowed, reached, **where)

    def deadline(self) -> "Deadline":
        """Start the clock for `seconds`."""
        return Deadline(self.seconds)


class Deadline:
    """A started clock. Long loops call `check` now and then.

    Attributes:
        seconds: the time allowed.
        ends: when it ends on `time.monotonic`'s clock; ``inf`` for no end.
    """

    __slots__ = ("ends", "seconds")

    def __init__(self, seconds: float = math.inf) -> None:
        self.seconds = seconds
        self.ends = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left; 0 when the time is up."""
        return max(0.0, self.ends - time.monotonic())

    def check(self, what: str) -> None:
        """Raise `LimitError` if the time is up. `what` names the work under way, for the message."""
        over = time.monotonic() - self.ends
        if over > 0:
            raise LimitError.of("seconds", self.seconds, round(self.seconds + over, 1), place=what)
