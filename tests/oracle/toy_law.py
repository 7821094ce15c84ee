"""Random toy laws over token sequences, given as fractions, and what is exactly true of them by enumeration.

Shares no code with gcd: a law is a dict from prefixes to fractions, a language a set of id sequences.
"""

import random
from fractions import Fraction
from itertools import product


class ToyLaw:
    """`symbols` symbols and an end (the last id); texts of at most `depth` symbols; some of them are wanted."""

    def __init__(self, seed, symbols=3, depth=4, wanted=0.4):
        rng = random.Random(seed)
        self.symbols, self.depth, self.end = symbols, depth, symbols
        self.table = {}
        for n in range(depth + 1):
            for prefix in product(range(symbols), repeat=n):
                parts = [rng.randint(1, 9) for _ in range(symbols)] + [rng.randint(0, 9)]
                if n == depth:
                    parts = [0] * symbols + [1]
                self.table[prefix] = [Fraction(x, sum(parts)) for x in parts]
        texts = [t for n in range(depth + 1) for t in product(range(symbols), repeat=n)]
        self.wanted = {t for t in texts if rng.random() < wanted} | {rng.choice(texts)}
        self.beginnings = {t[:i] for t in self.wanted for i in range(len(t) + 1)}

    def p(self, text):
        """P(text and the end)."""
        probability = self.table[text][self.end]
        for i, symbol in enumerate(text):
            probability *= self.table[text[:i]][symbol]
        return probability

    def z(self, most=None):
        """The mass of wanted texts, of at most `most` symbols."""
        return sum(self.p(t) for t in self.wanted if most is None or len(t) <= most)

    def target(self, most=None):
        """The law given that the text is wanted (and short)."""
        z = self.z(most)
        return {t: self.p(t) / z for t in self.wanted if self.p(t) and (most is None or len(t) <= most)}

    def viable(self, prefix):
        return prefix in self.beginnings

    def complete(self, text):
        return text in self.wanted

    def masked(self):
        """The law of local masking: each step renormalized over what is viable; {text: probability}."""
        law = {}

        def go(prefix, probability):
            row = self.table[prefix]
            steps = {s: row[s] for s in range(self.symbols) if row[s] and (*prefix, s) in self.beginnings}
            if prefix in self.wanted and row[self.end]:
                steps[self.end] = row[self.end]
            total = sum(steps.values())
            for s, q in steps.items():
                if s == self.end:
                    law[prefix] = probability * q / total
                else:
                    go((*prefix, s), probability * q / total)

        go((), Fraction(1))
        return law
