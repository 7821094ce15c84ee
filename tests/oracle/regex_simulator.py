"""A slow, obvious interpreter of NFA programs. FOR TESTS ONLY: it says what a program means, not how to run it.

It follows the text of `gcd.regex.program` sentence by sentence: an ordered list of threads, one character at a time,
lookarounds evaluated on the whole text whenever a thread meets one. Nothing is cached, no state is shared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gcd.regex.program import DONE, NO_MAX, NfaProgram, Op

__all__ = ["Simulator", "instruction_count"]

Thread = tuple[int, int]
"""A pc, and how often its class was eaten if it is a counted one."""


@dataclass(frozen=True)
class Simulator:
    program: NfaProgram

    def match(self, pattern: int, text: bytes, pos: int = 0) -> int | None:
        """Where the match that Python prefers ends, in bytes; None if there is none. `pos` begins a character."""
        start = self.program.starts[pattern]
        return None if start == DONE else self.run(start, text, pos)

    def run(self, start: int, text: bytes, pos: int) -> int | None:
        end = None
        threads: list[Thread] = [(start, 0)]
        while True:
            eating, accepted = self.closure(threads, text, pos)
            if accepted:
                end = pos
            if not eating or pos == len(text):
                return end
            threads = []
            after = pos + character_length(text, pos)
            for pc, count in eating:
                op, root, following, _, _ = self.instruction(pc)
                if self.eats(root, text[pos:after]):
                    threads.append((following, count) if op == Op.CLASS else (pc, count + 1))
            pos = after

    def ends(self, start: int, text: bytes, pos: int) -> Iterator[int]:
        """All places where any match that begins at `pos` ends, preferred or not."""
        threads: list[Thread] = [(start, 0)]
        while threads:
            eating, accepted = self.closure(threads, text, pos, cut=False)
            if accepted:
                yield pos
            if pos == len(text):
                return
            threads = []
            after = pos + character_length(text, pos)
            for pc, count in eating:
                op, root, following, _, _ = self.instruction(pc)
                if self.eats(root, text[pos:after]):
                    threads.append((following, count) if op == Op.CLASS else (pc, count + 1))
            pos = after

    def closure(self, threads: list[Thread], text: bytes, pos: int, *, cut: bool = True) -> tuple[list[Thread], bool]:
        """The threads that wait for a character, best first, and whether one accepts. `cut`: forget those after it."""
        eating: list[Thread] = []
        accepted = False
        seen: set[tuple[Thread, bool]] = set()
        todo = [(thread, False) for thread in reversed(threads)]
        while todo:
            thread, eats = todo.pop()
            if (thread, eats) in seen:
                continue
            seen.add((thread, eats))
            pc, count = thread
            op, a, b, c, d = self.instruction(pc)
            if eats or op == Op.CLASS:
                eating.append(thread)
            elif op == Op.SPLIT:
                todo += [((target, count), False) for target in reversed(self.program.splits[a : a + b])]
            elif op == Op.LOOKAHEAD:
                if (self.run(self.program.lookaheads[a], text, pos) is not None) == bool(c):
                    todo.append(((b, count), False))
            elif op == Op.LOOKBEHIND:
                if self.looks_back(self.program.lookbehinds[a], text, pos) == bool(c):
                    todo.append(((b, count), False))
            elif op == Op.EOF:
                if pos == len(text):
                    todo.append(((b, count), False))
            elif op in (Op.REPEAT, Op.LAZY_REPEAT):
                ways = []
                if d == NO_MAX or count < d:
                    ways.append(((pc, count), True))
                if count >= c:
                    ways.append(((b, 0), False))
                todo += ways if op == Op.LAZY_REPEAT else reversed(ways)  # the last one comes first
            elif op in (Op.COUNT, Op.LAZY_COUNT):
                count = count + 1 if d != NO_MAX else min(count + 1, c)
                ways = []
                if d == NO_MAX or count < d:
                    ways.append(((a, count), False))
                if count >= c:
                    ways.append(((b, 0), False))
                todo += ways if op == Op.LAZY_COUNT else reversed(ways)
            else:
                assert op == Op.ACCEPT
                accepted = True
                if cut:
                    break
        return eating, accepted

    def looks_back(self, start: int, text: bytes, pos: int) -> bool:
        starts = [i for i in range(pos + 1) if i == len(text) or text[i] & 0xC0 != 0x80]
        return any(pos in self.ends(start, text, i) for i in starts)

    def eats(self, root: int, character: bytes) -> bool:
        node = root
        for byte in character:
            assert node != DONE
            for i in range(self.program.node_start[node], self.program.node_start[node + 1]):
                if self.program.range_lo[i] <= byte <= self.program.range_hi[i]:
                    node = self.program.range_to[i]
                    break
            else:
                return False
        return node == DONE

    def instruction(self, pc: int) -> tuple[int, int, int, int, int]:
        op, a, b, c, d = self.program.code[5 * pc : 5 * pc + 5]
        return op, a, b, c, d


def character_length(text: bytes, pos: int) -> int:
    lead = text[pos]
    return 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


def instruction_count(program: NfaProgram) -> int:
    return len(program.code) // 5
