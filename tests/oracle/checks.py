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
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from oracle.reference import Reference, World

__all__ = ["Tally", "WorldCheck", "check_many", "check_world", "compile_world", "read_bits"]

STATES = 30
"""Distinct prefixes visited breadth first in each world."""
WALKS, STEPS = 4, 10
"""Random walks beyond these, and their length in tokens."""
SEARCH = 3000
"""States searched for an ending that would justify a mask; those beyond the oracle's depth share them in a world."""
LONGEST = 24
"""Bytes in a walk: Lark's Earley parser, and some regular expressions, take very long on longer texts."""
EFFORT = 3000
"""Work for Lark in one world, beyond the enumeration; then the check ends."""


@dataclass
class Tally:
    """What happened, over one world or many."""

    worlds: int = 0
    exact: int = 0
    refused: int = 0
    """Not compiled because it isn't proven exact, too large, or refused by name."""
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
    open: int = 0
    """Bits set beyond the oracle's list for which the search was given up."""
    violations: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Sum up."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def __str__(self) -> str:
        return (
            f"{self.worlds} worlds: {self.exact} exact, {self.refused} refused, {self.empty} empty; "
            f"{self.states} states, {self.bits} bits: {self.live} live, {self.searched} live by search, "
            f"{self.open} open, {self.dead} dead, {self.unknown} beyond the bound; {len(self.violations)} violations"
        )


def compile_world(world: World) -> Any:
    """The world through gcd's public surface."""
    import gcd

    lexer = {"parser": world.parser, "lexer": world.lexer}
    grammar = gcd.Grammar.from_lark(world.grammar, start=world.start, **lexer)
    vocabulary = gcd.Vocabulary.from_bytes(list(world.vocabulary), eos_ids=world.eos_ids, special_ids=world.special_ids)
    return gcd.compile(grammar, vocabulary)


def read_bits(matcher: Any, width: int) -> list[bool]:
    """The matcher's mask, read from the second row of a buffer whose every bit is noise before."""
    words = (width + 31) // 32
    noise = array("i", [0x5A5A5A5A] * (2 * words))
    matcher.fill_bitmask(memoryview(noise).cast("B").cast("i", shape=[2, words]), row=1)
    assert all(word == 0x5A5A5A5A for word in noise[:words]), "another row was written"
    bits = int.from_bytes(noise[words:].tobytes(), "little")
    assert bits >> width == 0, "bits beyond the vocabulary are set"
    return [bool(bits >> i & 1) for i in range(width)]


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
        self.rest = reference.judge.spent + EFFORT
        self.draw = random.Random(f"walk {self.world.name}")
        self.masks: dict[bytes, list[bool]] = {}
        """Of every prefix visited: the mask depends on the bytes alone."""
        self.path: dict[bytes, list[int]] = {b"": []}
        """Token ids that led there first."""
        self.searches = SEARCH
        """States still to be searched in this world."""
        self.endings: list[list[int]] = []
        """Token ids that completed a text."""

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
        while queue and len(self.masks) < STATES and not self._tired():
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
                if not allowed or self._tired() or len(prefix) > LONGEST:
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
        known = self.masks.get(prefix)
        # Before the mask is known: afterwards `check` may answer from it.
        walked = [bool(matcher.check(i)) for i in range(len(self.world.vocabulary))] if known is None else []
        mask = self.read(matcher)
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
            if walked[i] != bit or bool(matcher.check(i)) != bit:
                self.fail(prefix, f"check({i}) is {walked[i]}, then {matcher.check(i)}, the bit is {bit}")
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
                self._justify(prefix, matcher, i, expected)

    def _justify(self, prefix: bytes, matcher: Any, i: int, expected: bool | None) -> None:
        """Find an ending along the masks; Lark judges it.

        Endings that did elsewhere are tried first, then all continuations, nearest first. A search that comes to
        its end is proof; one that is given up is a violation only where the oracle asserts that nothing follows.
        """
        fork = matcher.fork()
        fork.accept(i)
        begin = prefix + self.world.texts[i]
        for ids in self.endings:
            ended = fork.fork()
            if all(ended.accept(j) for j in ids) and ended.is_complete:
                self._judge_ending(prefix, i, begin, ids)
                return
        queue: deque[tuple[list[int], Any]] = deque([([], fork)])
        seen = {b""}
        most = 10 * SEARCH if expected is False else max(30, self.searches)
        while queue and len(seen) < most:
            ids, state = queue.popleft()
            if state.is_complete:
                self._judge_ending(prefix, i, begin, ids)
                self.endings = sorted([*self.endings, ids], key=len)
                return
            for j in self._allowed(self.read(state)):
                text = self._spell([*ids, j])
                if text not in seen:
                    seen.add(text)
                    fork = state.fork()
                    self._accept(fork, begin + text, j)
                    queue.append(([*ids, j], fork))
        self.searches -= len(seen)
        if not queue or expected is False:
            self.fail(prefix, f"token {i} is allowed, but no sentence follows ({len(seen)} states searched)")
        self.tally.open += 1

    def _judge_ending(self, prefix: bytes, i: int, begin: bytes, ids: list[int]) -> None:
        sentence = begin + self._spell(ids)
        if not self.reference.judge.accepts(sentence):
            self.fail(prefix, f"token {i} leads to {sentence!r}, complete for the engine, not for Lark")
        if len(sentence.decode()) <= self.reference.bound:
            raise AssertionError(f"the oracle missed the sentence {sentence!r}\n{self.world}")
        self.tally.searched += 1

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
            if not by_bytes.accept_bytes(text):
                self.fail(b"", f"accept_bytes refuses {text!r}, which tokens spell: {ids}")
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

    def _tired(self) -> bool:
        """Whether Lark has worked long enough in this world."""
        return self.reference.judge.spent > self.rest

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
    from gcd.errors import GcdError, InexactError, LimitError, UnsupportedError

    reference = Reference(world, budget=budget)
    try:
        compiled = compile_(world)
    except (InexactError, LimitError, UnsupportedError):
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
