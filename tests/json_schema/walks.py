"""Random walks over masks that lean towards an end: left to chance, a string of a real vocabulary goes on for ever."""

from random import Random
from typing import Any

import numpy as np

import gcd

CLOSERS = b'"}]'


class Walker:
    """Walks over the masks of grammars for one vocabulary.

    After `soft` tokens it looks for a way out at nearly every step; before, at one in four.
    """

    def __init__(self, vocab: gcd.Vocabulary, rng: Random, soft: int = 40) -> None:
        self.vocab, self.rng, self.soft = vocab, rng, soft
        words = (self.vocab.width + 31) // 32
        self.row = np.zeros((1, words), dtype=np.int32)
        self.eos = np.array(sorted(self.vocab.eos_ids))
        first = [(token or b"\0")[0] for token in self.vocab.tokens]
        self.closing = np.isin(first, list(CLOSERS))
        self.short = np.array([len(token or b"") == 1 for token in self.vocab.tokens])

    def walk(self, matcher: Any, most: int = 2000) -> tuple[bytes, str]:
        """The text, and how it ended: ``finished``, ``dead end``, ``refused`` or ``too long``."""
        rng, text = self.rng, b""
        for step in range(most):
            matcher.fill_bitmask(self.row, 0)
            allowed = np.unpackbits(self.row.view(np.uint8), bitorder="little")[: self.vocab.width].astype(bool)
            hurry = step >= self.soft
            if allowed[self.eos].any() and (hurry or rng.random() < 0.5):
                matcher.accept(int(self.eos[allowed[self.eos]][0]))
                return text, "finished"
            allowed[self.eos] = False
            if not allowed.any():
                return text, "dead end"
            token = self.choose(allowed, hurry)
            if not matcher.accept(token):
                return text, "refused"
            text += self.vocab.tokens[token] or b""
        return text, "too long"

    def choose(self, allowed: Any, hurry: bool) -> int:
        """Any allowed token; where it's time to end, one that closes something, or at least a short one."""
        rng = self.rng
        if rng.random() < (0.9 if hurry else 0.25):
            for better in (allowed & self.closing, allowed & self.short):
                ids = np.flatnonzero(better)
                if len(ids):
                    return int(rng.choice(ids))
        return int(rng.choice(np.flatnonzero(allowed)))
