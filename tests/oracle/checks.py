"""The laws that masks keep, checked state by state against a `Reference`.

`check_world` walks an engine through a world. A claim is judged by evidence:

* the oracle has a sentence through a token that the mask refuses: a violation, the sentence is shown;
* the mask allows a token for which the oracle has no sentence: the engine's own masks are searched for
  an ending, and Lark judges what is found. No ending, or one that Lark refuses, is a violation. (So it
  doesn't matter that the oracle's list is bounded.)

The engine is any object with the surface of a compiled grammar; this module imports nothing of gcd but
its public names, so that it can be tested on a fake (`test_checks.py`).
"""

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from oracle.reference import Reference, World

__all__ = ["Tally", "check_world", "compile_world", "read_bits"]

STATES = 30
"""Distinct prefixes visited breadth first in each world."""
WALKS, STEPS = 4, 10
"""Random walks beyond these, and their length in tokens."""
SEARCH = 3000
"""States searched for an ending that would justify the mask."""


@dataclass
class Tally:
    """What happened, over one world or many."""

    worlds: int = 0
    exact: int = 0
    refused: int = 0
    """Not proven exact, so not compiled: InexactError or LimitError."""
    empty: int = 0
    """Refused because no text belongs to the language, and the oracle agrees."""
    states: int = 0
    bits: int = 0
    live: int = 0
    """Bits set with a sentence as witness."""
    dead: int = 0
    """Bits clear where the oracle asserts or proves that no sentence follows."""
    unknown: int = 0
    """Bits clear beyond the oracle's depth: no sentence is known either."""
    searched: int = 0
    """Bits set beyond the oracle's list, justified by a sentence found along the masks."""
    violations: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Sum up."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def __str__(self) -> str:
        return (
            f"{self.worlds} worlds: {self.exact} exact, {self.refused} refused, {self.empty} empty; "
            f"{self.states} states, {self.bits} bits: {self.live} live, {self.searched} live by search, "
            f"{self.dead} dead, {self.unknown} beyond the bound; {len(self.violations)} violations"
        )


def compile_world(world: World) -> Any:
    """The world through gcd's public surface."""
    import gcd

    lexer = {"parser": world.parser, "lexer": world.lexer}
    grammar = gcd.Grammar.from_lark(world.grammar, start=world.start, **lexer)
    vocabulary = gcd.Vocabulary.from_bytes(list(world.vocabulary), eos_ids=world.eos_ids, special_ids=world.special_ids)
    return gcd.compile(grammar, vocabulary)


def read_bits(matcher: Any, width: int) -> list[bool]:
    """The matcher's mask, from a buffer whose every bit is wrong before the fill."""
    import gcd

    mask = gcd.allocate_token_bitmask(2, width)
    mask[:] = 0x5A5A5A5A
    matcher.fill_bitmask(mask, row=1)
    words = [int(word) & 0xFFFFFFFF for word in mask[1]]
    bits = [bool(words[i // 32] >> (i % 32) & 1) for i in range(len(words) * 32)]
    assert not any(bits[width:]), "bits beyond the vocabulary are set"
    assert all(int(word) == 0x5A5A5A5A for word in mask[0]), "another row was written"
    return bits[:width]


class Violation(Exception):
    """A law is broken; the world's check ends here."""


class WorldCheck:
    """One world, one engine."""

    def __init__(self, reference: Reference, compiled: Any, read: Callable = read_bits):
        self.reference = reference
        self.world = reference.world
        self.compiled = compiled
        self.read = lambda matcher: read(matcher, len(self.world.vocabulary))
        self.tally = Tally(worlds=1, exact=1)
        self.draw = random.Random(f"walk {self.world.name}")
        self.masks: dict[bytes, list[bool]] = {}
        """Of every prefix visited: the mask depends on the bytes alone."""
        self.path: dict[bytes, list[int]] = {b"": []}
        """Token ids that led there first."""
        self.endings: dict[bytes, bytes] = {}
        """Prefixes justified by search, with the sentence."""

    def run(self) -> Tally:
        """Check the world; violations are texts that hold all that is needed to see them again."""
        try:
            self._breadth_first()
            self._walks()
            self._known_sentences()
        except Violation as error:
            self.tally.violations.append(f"{error}\n{self.world}")
        return self.tally

    # The ways through the world

    def _breadth_first(self) -> None:
        matcher = self.compiled.matcher()
        queue = deque([(b"", matcher)])
        seen = {b""}
        while queue and len(self.masks) < STATES:
            prefix, matcher = queue.popleft()
            mask = self.state(prefix, matcher)
            for i in self._allowed(mask):
                longer = prefix + self.world.texts[i]
                if longer not in seen and len(seen) < 3 * STATES:
                    seen.add(longer)
                    fork = matcher.fork()
                    self._accept(fork, prefix, i)
                    queue.append((longer, fork))

    def _walks(self) -> None:
        for _ in range(WALKS):
            matcher, prefix = self.compiled.matcher(), b""
            ids: list[int] = []
            for _ in range(STEPS):
                allowed = self._allowed(self.masks.get(prefix) or self.state(prefix, matcher))
                if not allowed:
                    break
                ids.append(self.draw.choice(allowed))
                self._accept(matcher, prefix, ids[-1])
                prefix += self.world.texts[ids[-1]]
                self.state(prefix, matcher)
            self._rollback(matcher, ids)
            self._other_tokens(prefix)

    def _known_sentences(self) -> None:
        """Each sentence can be produced, whatever tokens spell it."""
        sentences = sorted(self.reference.sentences, key=len)
        some = sentences[:5] + self.draw.sample(sentences, min(10, len(sentences)))
        for sentence in some:
            matcher, prefix = self.compiled.matcher(), b""
            ids = self._random_tokens(sentence)
            for i in ids:
                if not matcher.check(i):
                    self.fail(prefix, f"token {i} is refused but leads to {sentence!r} ({ids})")
                self._accept(matcher, prefix, i)
                prefix += self.world.texts[i]
            self._end(sentence, matcher)

    # The laws of one state

    def state(self, prefix: bytes, matcher: Any) -> list[bool]:
        """All laws of the state after this prefix; returns its mask."""
        mask = self.read(matcher)
        known = self.masks.get(prefix)
        if known is not None:
            if known != mask:
                self.fail(prefix, f"the mask depends on the tokens: {self._ids(known)} and {self._ids(mask)}")
            return mask
        self.masks[prefix] = mask
        self.tally.states += 1
        self.tally.bits += len(mask)
        complete = self.reference.complete(prefix)
        if bool(matcher.is_complete) != complete:
            self.fail(prefix, f"is_complete is {matcher.is_complete}, Lark says {complete}")
        if not any(mask) and (prefix or self.reference.sentences):
            self.fail(prefix, "nothing may come next")
        if bool(matcher.is_dead) != (not any(mask)):
            self.fail(prefix, f"is_dead is {matcher.is_dead}, the mask is {self._ids(mask)}")
        for i, bit in enumerate(mask):
            if bool(matcher.check(i)) != bit:
                self.fail(prefix, f"check({i}) is {not bit}, the bit is {bit}")
        self._accepts(prefix, matcher, mask)
        if self.read(matcher) != mask or bool(matcher.is_complete) != complete:
            self.fail(prefix, "looking changed the state")
        self._against_oracle(prefix, matcher, mask)
        return mask

    def _accepts(self, prefix: bytes, matcher: Any, mask: list[bool]) -> None:
        """Accept succeeds exactly where the bit is set; refused, it changes nothing."""
        still = matcher.fork()  # takes all that is refused
        for i, bit in enumerate(mask):
            fork = matcher.fork() if bit else still
            if bool(fork.accept(i)) != bit:
                self.fail(prefix, f"accept({i}) is {not bit}, the bit is {bit}")
            if bit:
                fork.rollback(1)
                if self.draw.random() < 0.2 and self.read(fork) != mask:
                    self.fail(prefix, f"accept({i}) and rollback change the state")
        if self.read(still) != mask:
            self.fail(prefix, "a refused accept changes the state")

    def _against_oracle(self, prefix: bytes, matcher: Any, mask: list[bool]) -> None:
        for i, expected in enumerate(self.reference.expected_mask(prefix)):
            if i in self.world.eos_ids or i not in self.world.texts:
                if mask[i] != expected:
                    self.fail(prefix, f"token {i} is no text: the bit is {mask[i]}, not {expected}")
            elif not mask[i]:
                if expected:
                    self.fail(prefix, f"token {i} is refused, but: {self._witness(prefix, i)}")
                self.tally.dead += expected is False
                self.tally.unknown += expected is None
            elif expected:
                self.tally.live += 1
            else:
                self._justify(prefix, matcher, i)
                self.tally.searched += 1

    def _justify(self, prefix: bytes, matcher: Any, i: int) -> None:
        """Find an ending along the masks, nearest first; Lark judges it."""
        fork = matcher.fork()
        fork.accept(i)
        begin = prefix + self.world.texts[i]
        queue, seen = deque([(begin, fork)]), {begin}
        while queue and len(seen) < SEARCH:
            text, state = queue.popleft()
            if text in self.endings or state.is_complete:
                sentence = self.endings.get(text, text)
                if not self.reference.judge.accepts(sentence):
                    self.fail(prefix, f"token {i} leads to {sentence!r}, complete for the engine, not for Lark")
                self.endings[begin] = sentence
                if len(sentence.decode()) <= self.reference.bound:
                    raise AssertionError(f"the oracle missed the sentence {sentence!r}\n{self.world}")
                return
            for j in self._allowed(self.read(state)):
                longer = text + self.world.texts[j]
                if longer not in seen:
                    seen.add(longer)
                    fork = state.fork()
                    self._accept(fork, text, j)
                    queue.append((longer, fork))
        self.fail(prefix, f"token {i} is allowed, but no sentence follows ({len(seen)} states searched)")

    # Laws of several states

    def _rollback(self, matcher: Any, ids: list[int]) -> None:
        """Going back some tokens leads to the masks met on the way, at once or in steps."""
        back = self.draw.randint(0, len(ids))
        fork = matcher.fork()
        fork.rollback(back)
        prefix = self._spell(ids[: len(ids) - back])
        if self.read(fork) != self.masks[prefix]:
            self.fail(prefix, f"rollback({back}) after {ids} gives another mask")
        for i in ids[len(ids) - back :]:  # and forward again
            self._accept(fork, prefix, i)
            prefix += self.world.texts[i]
        if self.read(fork) != self.masks[prefix]:
            self.fail(prefix, f"after rollback({back}) the same tokens {ids} give another mask")
        if self.read(matcher) != self.masks[prefix]:
            self.fail(prefix, "a fork's rollback changed the matcher")
        matcher.reset()
        if self.read(matcher) != self.masks[b""]:
            self.fail(b"", f"reset after {ids} gives another mask")

    def _other_tokens(self, text: bytes) -> None:
        """Another spelling of the text leads to the same mask."""
        ids = self._random_tokens(text)
        matcher, prefix = self.compiled.matcher(), b""
        for i in ids:
            self._accept(matcher, prefix, i)
            prefix += self.world.texts[i]
        self.state(text, matcher)
        by_bytes = self.compiled.matcher()
        if text and hasattr(by_bytes, "accept_bytes"):
            by_bytes.accept_bytes(text)
            self.state(text, by_bytes)

    def _end(self, sentence: bytes, matcher: Any) -> None:
        """End of sequence: any of its ids, once; and it can be taken back."""
        before = self.read(matcher)
        for eos in self.world.eos_ids:
            if not before[eos]:
                self.fail(sentence, f"complete, but end of sequence {eos} is refused")
            self._accept(matcher, sentence, eos)
            matcher.rollback(1)
            if self.read(matcher) != before:
                self.fail(sentence, "end of sequence and rollback change the mask")

    # Small things

    def _accept(self, matcher: Any, prefix: bytes, i: int) -> None:
        if not matcher.accept(i):
            self.fail(prefix, f"accept({i}) is refused")

    def _allowed(self, mask: list[bool]) -> list[int]:
        """Ids of text that the mask allows."""
        return [i for i in self.world.texts if mask[i]]

    def _ids(self, mask: list[bool]) -> list[int]:
        return [i for i, bit in enumerate(mask) if bit]

    def _spell(self, ids: list[int]) -> bytes:
        return b"".join(self.world.texts[i] for i in ids)

    def _random_tokens(self, text: bytes) -> list[int]:
        """One spelling of the text among all, tokens that dead-end left out."""
        ends = {len(text)}
        for at in reversed(range(len(text))):
            if any(text.startswith(t, at) and at + len(t) in ends for t in self.world.texts.values()):
                ends.add(at)
        ids, at = [], 0
        while at < len(text):
            fitting = [i for i, t in self.world.texts.items() if text.startswith(t, at) and at + len(t) in ends]
            ids.append(self.draw.choice(fitting))
            at += len(self.world.texts[ids[-1]])
        return ids

    def _witness(self, prefix: bytes, i: int) -> bytes:
        begin = prefix + self.world.texts[i]
        known = [s for s in self.reference.sentences if s.startswith(begin)]
        return min(known or [begin], key=len)

    def fail(self, prefix: bytes, what: str) -> None:
        """Give up on this world with what was seen."""
        raise Violation(f"after {prefix!r}: {what}")


def check_world(world: World, *, budget: int = 3000, compile_: Callable = compile_world, read=read_bits) -> Tally:
    """Compile the world and hold it against the oracle."""
    from gcd.errors import GcdError, InexactError, LimitError

    reference = Reference(world, budget=budget)
    try:
        compiled = compile_(world)
    except (InexactError, LimitError):
        return Tally(worlds=1, refused=1)
    except GcdError as error:
        if reference.sentences:
            shown = min(reference.sentences, key=len)
            return Tally(worlds=1, violations=[f"refused, but {shown!r} is a sentence: {error}\n{world}"])
        return Tally(worlds=1, empty=1)
    except Exception as error:
        return Tally(worlds=1, violations=[f"compile failed: {error!r}\n{world}"])
    return WorldCheck(reference, compiled, read).run()


def check_many(worlds: Iterator[World], **options: Any) -> Tally:
    """Check them all; violations don't stop the rest."""
    total = Tally()
    for world in worlds:
        total.add(check_world(world, **options))
    return total
