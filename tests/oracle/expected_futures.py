"""ASAp and CARS in rationals, for small worlds: exact laws of draws, from the definitions alone; no code of gcd's.

A `World` is a model given as fractions and a set of sentences, both over token ids; every sequence that ends is
enumerated. What a trie of bounds knows is a function of which prefixes were visited:

    bound(u) = 0 if no sentence begins with u, 1 if u was not visited, else the sum of P(a | u) bound(ua)

so a trie is a frozenset of prefixes here, and the law of the k-th draw is a sum over the sets that k - 1 draws can
leave.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

Ids = tuple[int, ...]
Visited = frozenset[Ids]


@dataclass(eq=False)
class World:
    """`row(prefix)`: probabilities of all ids. Sentences are given with their end-of-sequence id."""

    row: Callable[[Ids], list[Fraction]]
    sentences: frozenset[Ids]
    prefixes: frozenset[Ids] = field(init=False)

    def __post_init__(self):
        self.prefixes = frozenset(s[:i] for s in self.sentences for i in range(len(s) + 1))
        self.row = cache(self.row)

    def probability(self, ids: Ids) -> Fraction:
        p = Fraction(1)
        for i, token in enumerate(ids):
            p *= self.row(ids[:i])[token]
        return p

    @property
    def z(self) -> Fraction:
        return sum(map(self.probability, self.sentences), Fraction(0))

    def target(self) -> dict[Ids, Fraction]:
        return {s: self.probability(s) / self.z for s in sorted(self.sentences)}

    def future(self, u: Ids) -> Fraction:
        """Expected future grammaticality of a prefix."""
        if u in self.sentences:
            return Fraction(1)
        if u not in self.prefixes:
            return Fraction(0)
        return sum((p * self.future((*u, a)) for a, p in enumerate(self.row(u)) if p), Fraction(0))

    def bound(self, u: Ids, visited: Visited) -> Fraction:
        if u not in self.prefixes:
            return Fraction(0)
        if u in self.sentences or u not in visited:
            return Fraction(1)
        return sum((p * self.bound((*u, a), visited) for a, p in enumerate(self.row(u)) if p), Fraction(0))

    def law(self, u: Ids, visited: Visited) -> tuple[list[Fraction], Fraction]:
        """q( | u) and N(u)."""
        terms = [p * self.bound((*u, a), visited) for a, p in enumerate(self.row(u))]
        total = sum(terms, Fraction(0))
        return [t / total if total else Fraction(0) for t in terms], total

    def draws(self, visited: Visited) -> Iterator[tuple[Ids, Fraction]]:
        """All sequences that an ASAp draw can end with (sentences, or dead ends), and with what probability."""

        def walk(u: Ids, q: Fraction) -> Iterator[tuple[Ids, Fraction]]:
            if u in self.sentences:
                yield u, q
                return
            law, total = self.law(u, visited)
            if not total:
                yield u, q
            for a, share in enumerate(law):
                if share:
                    yield from walk((*u, a), q * share)

        yield from walk((), Fraction(1))

    def tries(self, visited: Visited) -> Iterator[tuple[Ids, bool, Fraction]]:
        """All ends of a CARS try, as published: at a visited prefix (and the empty one) as ASAp; at a new one from
        the model's own law, and a token that no sentence continues with rejects the try. (prefixes seen, accepted,
        how likely).
        """

        def walk(u: Ids, q: Fraction) -> Iterator[tuple[Ids, bool, Fraction]]:
            if u in self.sentences:
                yield u, True, q
                return
            if not u or u in visited:
                law, total = self.law(u, visited)
                if not total:
                    yield u, False, q
            else:
                law = self.row(u)
                refused = sum((p for a, p in enumerate(law) if (*u, a) not in self.prefixes), Fraction(0))
                if refused:
                    yield u, False, q * refused
            for a, share in enumerate(law):
                if share and (*u, a) in self.prefixes:
                    yield from walk((*u, a), q * share)

        yield from walk((), Fraction(1))

    def after(self, visited: Visited, ids: Ids) -> Visited:
        """What a trie knows once a sequence was committed: all of its prefixes, itself if it isn't a sentence."""
        seen = {ids[:i] for i in range(len(ids))}
        return visited | seen if ids in self.sentences else visited | seen | {ids}

    def asap_laws(self, k: int) -> Iterator[dict[Ids, Fraction]]:
        """The laws of draws 1..k, one row at a time. Dead ends are among the keys."""
        states: dict[Visited, Fraction] = {frozenset(): Fraction(1)}
        for _ in range(k):
            law: dict[Ids, Fraction] = {}
            following: dict[Visited, Fraction] = {}
            for visited, chance in states.items():
                for ids, q in self.draws(visited):
                    law[ids] = law.get(ids, Fraction(0)) + chance * q
                    then = self.after(visited, ids)
                    following[then] = following.get(then, Fraction(0)) + chance * q
            yield law
            states = following

    def local(self, u: Ids) -> list[Fraction]:
        """The masked law."""
        return self.law(u, frozenset())[0]

    def local_probability(self, ids: Ids, begin: int = 0) -> Fraction:
        q = Fraction(1)
        for i in range(begin, len(ids)):
            q *= self.local(ids[:i])[ids[i]]
        return q


def distance(a: dict[Ids, Fraction], b: dict[Ids, Fraction]) -> Fraction:
    """Total variation."""
    return sum((abs(a.get(k, Fraction(0)) - b.get(k, Fraction(0))) for k in {*a, *b}), Fraction(0)) / 2


def five_bits() -> World:
    """The ASAp paper's example: uniform bits; sentences are 00000 and 1 with any four bits. Ids 0, 1, end."""
    half = Fraction(1, 2)
    bits = [(0,) * 5, *((1, i >> 3 & 1, i >> 2 & 1, i >> 1 & 1, i & 1) for i in range(16))]
    return World(
        lambda u: [half, half, Fraction(0)] if len(u) < 5 else [Fraction(0), Fraction(0), Fraction(1)],
        frozenset((*b, 2) for b in bits),
    )


def random_world(seed: int, n_tokens: int = 3, most: int = 5, share: float = 0.35) -> World:
    """Rows of random small fractions, now and then zeros. Sentences: random sequences of fewer than `most` tokens and
    the end, id `n_tokens`; at least four that are possible, and some that aren't, where draws come to dead ends."""
    rng = random.Random(seed)
    rows: dict[Ids, list[Fraction]] = {}

    def row(u: Ids) -> list[Fraction]:
        if u not in rows:
            rows[u] = fractions(random.Random(f"{seed}/{u}"), n_tokens + 1)
        return rows[u]

    def sequences(length: int) -> Iterator[Ids]:
        if not length:
            yield ()
        else:
            for head in sequences(length - 1):
                for a in range(n_tokens):
                    yield (*head, a)

    found = [(*s, n_tokens) for n in range(most) for s in sequences(n) if rng.random() < share / (1 + 2 * n)]
    if sum(World(row, frozenset([s])).z > 0 for s in found) < 4:
        return random_world(seed + 100_000, n_tokens, most, share)
    return World(row, frozenset(found))


def fractions(rng: random.Random, n: int) -> list[Fraction]:
    parts = [rng.choice([0, 1, 1, 2, 3, 7]) for _ in range(n)]
    parts[rng.randrange(n)] += 1
    return [Fraction(p, sum(parts)) for p in parts]
