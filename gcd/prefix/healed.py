"""Lines of healed prompts: the forced bytes first, then the grammar."""

from __future__ import annotations

import numpy as np

from gcd._native.matcher import Matcher
from gcd.healing import HealedMatcher, HealedPrompt
from gcd.prefix.line import Constraint, Line, Words

__all__ = ["HealedConstraint", "HealedLine"]


class HealedConstraint(Constraint):
    """What the text behind a trimmed prompt is held to.

    Attributes:
        prompt: the prompt.
    """

    def __init__(self, prompt: HealedPrompt) -> None:
        super().__init__(prompt.compiled, prompt.start)
        self.prompt = prompt

    def line(self) -> Line:
        """A line without tokens."""
        return HealedLine(self, self.prompt.matcher())  # type: ignore[arg-type] # has the methods that a line uses


class HealedLine(Line):
    """One text that begins with forced bytes. Its matcher is a `HealedMatcher`."""

    __slots__ = ()

    def pending(self) -> Matcher | None:
        """The grammar's matcher, once the forced bytes are there."""
        if self.off or self.matcher.is_finished or self._healed.is_in_prefix:
            return None
        return self._healed.sentence

    def write(self, words: Words, columns: int) -> None:
        """Write the line's mask, if no matcher is pending; tokens from `columns` on don't count."""
        if self.off or self.matcher.is_finished:
            super().write(words, columns)
        else:
            words[:] = 0
            self._healed.fill_bitmask(words[: -(-self.constraint.compiled.width // 32)].view(np.int32))

    @property
    def _healed(self) -> HealedMatcher:
        return self.matcher  # type: ignore[return-value]
