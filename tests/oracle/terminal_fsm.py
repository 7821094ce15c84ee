"""The oracle for single terminals: interegular's automaton of a regular expression, stepped over tokens.

Unlike `reference.py` it has no bound: the states of (automaton, bytes of a character that has begun) are finitely
many, so which of them lead to the end, by tokens, is decided exactly.

interegular knows sets of strings, not Python's ordered choice. Where the two differ (``a|ab`` takes "a" and stops)
the terminal is compared in the form ``(?:…)(?![\\s\\S])``: only a match that reaches the end of the text counts, so
backtracking makes the language the set. interegular gets what is inside the brackets.
"""

from collections.abc import Iterable

import interegular

__all__ = ["TerminalOracle"]

State = tuple[object, bytes]
"""Of the automaton, None where it is stuck; and the bytes of a character whose end is missing."""


class TerminalOracle:
    """Texts that match `pattern` whole, spelled by these tokens.

    With `ahead`, ("=" or "!", pattern), also those that begin, or don't begin, with that pattern: a lookahead as an
    intersection or a difference of automata. (interegular's own lookaheads count what they see as part of the match.)
    """

    def __init__(self, pattern: str, tokens: Iterable[bytes], ahead: tuple[str, str] | None = None):
        fsm = interegular.parse_pattern(pattern).to_fsm()
        if ahead:
            begun = interegular.parse_pattern(f"(?:{ahead[1]})[\\s\\S]*").to_fsm()
            fsm = fsm & begun if ahead[0] == "=" else fsm - begun
        self.fsm = fsm.reduce()
        self.tokens = sorted(set(tokens))
        self.start: State = (self.fsm.initial, b"")
        self._alive = self._those_that_end()

    def step(self, state: State, token: bytes) -> State:
        """The state after the token's bytes."""
        at, begun = state
        for byte in token:
            begun += bytes([byte])
            try:
                character = begun.decode()
            except UnicodeDecodeError as error:
                if error.reason == "unexpected end of data":
                    continue
                return None, b""
            begun = b""
            at = self.fsm.map.get(at, {}).get(self.fsm.alphabet[character])
            if at is None:
                return None, b""
        return at, begun

    def accepts(self, state: State) -> bool:
        """Whether the text may end here."""
        at, begun = state
        return at in self.fsm.finals and not begun

    def live(self, state: State) -> bool:
        """Whether tokens lead from here to an end."""
        return state in self._alive

    def _those_that_end(self) -> set[State]:
        """All states that tokens reach and from which tokens reach an end."""
        reached, queue = {self.start}, [self.start]
        before: dict[State, set[State]] = {}
        while queue:
            state = queue.pop()
            for token in self.tokens:
                after = self.step(state, token)
                before.setdefault(after, set()).add(state)
                if after[0] is not None and after not in reached:
                    reached.add(after)
                    queue.append(after)
        alive, queue = set(), [s for s in reached if self.accepts(s)]
        while queue:
            state = queue.pop()
            if state not in alive:
                alive.add(state)
                queue.extend(before.get(state, ()))
        return alive
