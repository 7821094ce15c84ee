"""Masks of small worlds (a schema; all bytes and some pieces of texts as tokens) against jsonschema on whole texts.

A claim is judged by evidence, so that no bound on the enumeration can make it wrong:

* a valid text goes on with a token here, and what is left can be written with the vocabulary: the token has to be in
  the mask (else: a violation, the text is shown);
* a token is in the mask: some valid text goes on with it. If none that is listed does, the engine's own masks are
  searched for an ending, and jsonschema judges what is found. No ending at all, or an invalid one, is a violation;
  a search that is given up is counted as open;
* the end is in the mask exactly if the text so far is valid.

The engine is anything with the surface of a compiled grammar.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from json_schema.fuzz_schemas import SMALL, Documents, Spelling, Writer
from json_schema.judgement import RefusedTextError, loads, validator
from oracle.checks import read_bits

LETTERS = tuple(bytes([byte]) for byte in range(256))
"""All of them: with bytes missing a text may be begun that can't be finished, and gcd vouches for nothing."""
WORDS = (b"true", b"false", b"null")
WALKS = 8
"""Random walks of a search, before it goes breadth first."""
STEPS = 30
"""Tokens in one of them."""
STATES = 1500
"""States that a search breadth first looks at."""
SAMPLE = 6
"""Tokens of a mask for which a witness is looked for, if none is known."""
SEARCHES = 60
"""In one world."""
SUFFIXES = 24
"""Endings that finished other texts, tried first: jsonschema alone decides."""


HUGE = re.compile(rb"[eE][+-]?[0-9]{4}|[0-9]{200}")
"""Numbers that an exact reference takes too long for: what begins so is left alone."""


@dataclass(frozen=True, slots=True)
class World:
    """A schema and a vocabulary; the last id ends a sequence."""

    schema: Any
    tokens: tuple[bytes, ...]
    texts: tuple[bytes, ...]
    """Valid ones, as far as they were thought of."""

    @property
    def eos(self) -> int:
        return len(self.tokens)


class Violation(Exception):
    """A mask is wrong; the message says where and why."""


@dataclass(slots=True)
class Tally:
    """What was looked at."""

    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


def random_world(seed: int, lacking: float = 0.0) -> World:
    """A small schema, some texts for it, and a vocabulary that knows pieces of the texts.

    Args:
        seed: of everything.
        lacking: how likely each single byte is to be missing. Then there are texts that can be begun and not finished.
    """
    rng = Random(seed)
    schema = Writer(rng, depth=2, breadth=3, pools=SMALL).write()
    valid = text_validator(schema)
    documents, spelling = Documents(rng, schema, SMALL), Spelling(rng)
    texts = dict.fromkeys(
        json.dumps(documents.value(), separators=(",", ":")).encode()
        if rng.random() < 0.8
        else spelling.text(documents.value()).encode("utf-8", "surrogatepass")
        for _ in range(60)
    )
    kept = [text for text in texts if len(text) <= 40 and valid(text)]
    tokens = [letter for letter in LETTERS if rng.random() >= lacking] + [word for word in WORDS if rng.random() > 0.2]
    for _ in range(rng.randint(2, 10) if kept else 0):
        text = rng.choice(kept)
        begin = rng.randrange(len(text))
        tokens.append(text[begin : begin + rng.randint(2, 6)])
    rng.shuffle(tokens)
    return World(schema, tuple(tokens), tuple(text for text in kept if writable(text, tokens)))


def text_validator(schema: Any) -> Callable[[bytes], bool]:
    """Whether bytes are a valid text, by jsonschema. Not to be asked about huge numbers, which it calls invalid."""
    valid = validator(schema)

    def judge(text: bytes) -> bool:
        try:
            return not HUGE.search(text) and valid(loads(text.decode()))
        except (RefusedTextError, UnicodeDecodeError):
            return False

    return judge


def writable(text: bytes, tokens: Iterable[bytes], begin: int = 0) -> bool:
    """Whether the rest of a text can be put together from tokens."""
    reached = {begin}
    for at in range(begin, len(text)):
        if at in reached:
            reached.update(at + len(token) for token in tokens if token and text.startswith(token, at))
    return len(text) in reached


class WorldCheck:
    """One engine in one world."""

    def __init__(self, compiled: Any, world: World, rng: Random, viability: bool = True) -> None:
        self.compiled, self.world, self.rng, self.viability = compiled, world, rng, viability
        self.valid = text_validator(world.schema)
        self.counts: Counter[str] = Counter()
        self.live = {text[:n] for text in world.texts for n in range(len(text) + 1) if writable(text, world.tokens, n)}
        """Texts that can be finished, by a witness that jsonschema takes."""
        self.seen: set[bytes] = set()
        self.searches = 0
        self.suffixes: list[bytes] = [b"", b'"', b"]", b"}", b'"]', b'"}', b'":1}', b"0", b"1}"]

    def run(self, walks: int = 6) -> None:
        """Along valid texts, then wherever the masks lead.

        Raises:
            Violation: a mask is wrong.
        """
        chosen = self.rng.sample(self.world.texts, min(walks, len(self.world.texts)))
        for text in chosen:
            self.along(text)
        for _ in range(walks // 2):
            self.astray()

    def along(self, text: bytes) -> None:
        """One way to write a valid text, the mask at each position."""
        matcher, at, tokens = self.compiled.matcher(), 0, self.world.tokens
        while True:
            mask = self.mask(matcher, text[:at])
            if at == len(text):
                return
            choices = [
                i
                for i, token in enumerate(tokens)
                if token and text.startswith(token, at) and writable(text, tokens, at + len(token))
            ]
            for i in choices:
                if not mask[i]:
                    raise Violation(f"after {text[:at]!r} the mask lacks {tokens[i]!r}, yet {text!r} is valid")
            token = self.rng.choice(choices)
            if not matcher.accept(token):
                raise Violation(f"after {text[:at]!r} {tokens[token]!r} is in the mask and refused")
            at += len(tokens[token])

    def astray(self) -> None:
        """A random walk over the masks."""
        matcher, text = self.compiled.matcher(), b""
        for _ in range(10):
            mask = self.mask(matcher, text)
            choices = [i for i, allowed in enumerate(mask[: self.world.eos]) if allowed]
            if not choices:
                if not mask[self.world.eos]:
                    raise Violation(f"a dead end: nothing is allowed after {text!r}")
                return
            token = self.rng.choice(choices)
            if not matcher.accept(token):
                raise Violation(f"after {text!r} {self.world.tokens[token]!r} is in the mask and refused")
            text += self.world.tokens[token]

    def mask(self, matcher: Any, text: bytes) -> list[bool]:
        """The mask after a text, checked."""
        bits = read_bits(matcher, self.world.eos + 1)
        if text in self.seen or HUGE.search(text):
            return bits
        self.seen.add(text)
        self.counts["states"] += 1
        if bits[self.world.eos] is not self.valid(text):
            raise Violation(
                f"{text!r} is {'' if self.valid(text) else 'in'}valid, and the end is {bits[self.world.eos]}"
            )
        if bits[self.world.eos] is not bool(matcher.is_complete):
            raise Violation(f"is_complete and the mask disagree after {text!r}")
        unproved: list[tuple[int, bytes]] = []
        for token, allowed in enumerate(bits[: self.world.eos]):
            self.counts["bits"] += 1
            after = text + self.world.tokens[token]
            if bool(matcher.check(token)) is not allowed:
                raise Violation(f"check and the mask disagree about {self.world.tokens[token]!r} after {text!r}")
            if allowed and not self.world.tokens[token]:
                raise Violation(f"a token without bytes is in the mask after {text!r}")
            if after in self.live and not allowed:
                raise Violation(f"after {text!r} the mask lacks {self.world.tokens[token]!r}; a valid text goes on so")
            if allowed and after not in self.live and self.viability:
                unproved.append((token, after))
        unproved = [each for each in unproved if not HUGE.search(each[1])]
        longer = [each for each in unproved if len(self.world.tokens[each[0]]) > 1]
        chosen = self.rng.sample(longer, min(SAMPLE // 2, len(longer)))
        chosen += self.rng.sample(unproved, min(SAMPLE - len(chosen), len(unproved)))
        for token, after in chosen:
            self.justify(matcher, token, after)
        self.counts["not sampled"] += max(0, len(unproved) - SAMPLE)
        return bits

    def justify(self, matcher: Any, token: int, after: bytes) -> None:
        """Find a valid text that goes on with an allowed token."""
        for i, suffix in enumerate(self.suffixes):
            if self.valid(after + suffix) and writable(suffix, self.world.tokens):
                self.suffixes.insert(0, self.suffixes.pop(i))
                self.live.add(after)
                self.counts["searched"] += 1
                return
        self.searches += 1
        if self.searches > SEARCHES:
            self.counts["open"] += 1
            return
        fork = matcher.fork()
        if not fork.accept(token):
            raise Violation(f"{after!r}: the last token is in the mask and refused")
        found = self.stroll(fork, after) or self.spread(fork, after)
        if found is None:
            self.counts["open"] += 1
        else:
            self.counts["searched"] += 1
            self.suffixes = [found[len(after) :], *self.suffixes[: SUFFIXES - 1]]

    def stroll(self, start: Any, text: bytes) -> bytes | None:
        """Random walks towards an end."""
        for _ in range(WALKS):
            matcher, path = start.fork(), [text]
            for _ in range(STEPS):
                if HUGE.search(path[-1]):
                    break
                if path[-1] in self.live or matcher.is_complete:
                    return self.witness(path)
                bits = read_bits(matcher, self.world.eos + 1)
                choices = [i for i, allowed in enumerate(bits[: self.world.eos]) if allowed]
                if not choices:
                    raise Violation(f"a dead end: nothing is allowed after {path[-1]!r}")
                closers = [i for i in choices if self.world.tokens[i][:1] in b'"]}']
                token = self.rng.choice(closers if closers and self.rng.random() < 0.6 else choices)
                matcher.accept(token)
                path.append(path[-1] + self.world.tokens[token])
        return None

    def spread(self, start: Any, text: bytes) -> bytes | None:
        """Breadth first; the nearest end. If the masks lead nowhere at all, that's a violation."""
        queue: list[tuple[Any, bytes, tuple[bytes, ...]]] = [(start, text, (text,))]
        seen = {text}
        for matcher, so_far, path in queue:
            if so_far in self.live or matcher.is_complete:
                return self.witness(path)
            if len(seen) > STATES:
                return None
            bits = read_bits(matcher, self.world.eos + 1)
            for token, allowed in enumerate(bits[: self.world.eos]):
                after = so_far + self.world.tokens[token]
                if allowed and after not in seen:
                    seen.add(after)
                    if HUGE.search(after):
                        continue
                    fork = matcher.fork()
                    fork.accept(token)
                    queue.append((fork, after, (*path, after)))
        if any(HUGE.search(so_far) for so_far in seen):
            return None
        raise Violation(f"after {text!r} the masks never reach an end")

    def witness(self, path: Sequence[bytes]) -> bytes:
        """What the masks call complete has to be valid; all on the way to it can be finished."""
        text = path[-1]
        if text not in self.live and not self.valid(text):
            raise Violation(f"the masks call {text!r} complete, and it's not valid")
        self.live.update(path)
        return text


def check(compiled: Any, world: World, seed: int, viability: bool = True) -> Counter[str]:
    """Check a world; what was counted.

    Raises:
        Violation: a mask is wrong, or the engine raised something: a compiled schema never does.
    """
    checked = WorldCheck(compiled, world, Random(seed), viability)
    try:
        checked.run()
    except Violation:
        raise
    except Exception as error:
        raise Violation(f"{type(error).__name__} while matching: {error}") from error
    return checked.counts


def without(world: World, schema: Any) -> World:
    """The world with a smaller schema: of the texts those that are valid for it."""
    valid = text_validator(schema)
    return World(schema, world.tokens, tuple(text for text in world.texts if valid(text)))


__all__ = ["Tally", "Violation", "World", "WorldCheck", "check", "random_world", "without", "writable"]
