"""Random walks over masks that lean towards an end: left to chance, a string of a real vocabulary goes on for ever."""

import json
import re
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
from json_schema.differences import subschemas

import gcd

IN_STRING = (b'"', bytes(b for b in range(0x20, 0x7F) if b not in b'"\\'))
OUTSIDE = (b"}]", b'"', b":", b",", b"tfn", b"0123456789-.eEalrsu")
"""Bytes that tend towards an end, the best first."""


STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"|\\.', re.S)
"""Whole strings, and escapes in one that isn't closed: a quote that is left opens it."""


class Walker:
    """Walks over the masks of grammars for one vocabulary.

    After `soft` tokens it looks for a way out at nearly every step; before, at one in four. Chance alone hardly ever
    writes a required name, so from then on names are those of the schema, where one may stand.
    """

    def __init__(self, vocab: gcd.Vocabulary, rng: Random, soft: int = 40) -> None:
        self.vocab, self.rng, self.soft = vocab, rng, soft
        words = (self.vocab.width + 31) // 32
        self.row = np.zeros((1, words), dtype=np.int32)
        self.eos = np.array(sorted(self.vocab.eos_ids))
        self.bytes = {token[0]: i for i, token in enumerate(self.vocab.tokens) if token and len(token) == 1}
        single = [token[0] if token and len(token) == 1 else 0 for token in self.vocab.tokens]
        self.in_string, self.outside = ([np.isin(single, list(g)) for g in groups] for groups in (IN_STRING, OUTSIDE))

    def walk(self, matcher: Any, names: Sequence[str] = (), most: int = 2000) -> tuple[bytes, str]:
        """The text, and how it ended: ``finished``, ``dead end``, ``refused`` or ``too long``."""
        rng, text, pending = self.rng, b"", b""
        written = [json.dumps(name, ensure_ascii=False).encode()[1:] for name in names]
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
            in_string = STRINGS.sub(b"", text).count(b'"') % 2 == 1
            if hurry and in_string and not pending and text.endswith(b'"'):
                rng.shuffle(written)
                pending = next((name for name in written if matcher.viable_bytes(name) == len(name)), b"")
            if pending:
                token, pending = self.bytes[pending[0]], pending[1:]
            else:
                token = self.choose(allowed, hurry, in_string)
            if not matcher.accept(token):
                return text, "refused"
            text += self.vocab.tokens[token] or b""
        return text, "too long"

    def walk_within_budget(self, matcher: Any) -> tuple[bytes, str]:
        """The same by chance alone, for a matcher with a token budget, which has to see to the end itself."""
        text = b""
        while not matcher.is_finished:
            matcher.fill_bitmask(self.row, 0)
            ids = np.flatnonzero(np.unpackbits(self.row.view(np.uint8), bitorder="little"))
            if not len(ids):
                return text, "dead end"
            tokens = [int(self.rng.choice(ids)) for _ in range(3)]
            token = min(tokens, key=lambda t: len(self.vocab.tokens[t] or b""))
            if not matcher.accept(token):
                return text + b"|" + (self.vocab.tokens[token] or b""), "refused"
            text += self.vocab.tokens[token] or b""
        return text, "finished"

    def choose(self, allowed: Any, hurry: bool, in_string: bool) -> int:
        """Any allowed token; where it's time to end, a single byte that closes something, or at least opens nothing."""
        rng = self.rng
        if rng.random() < (0.97 if hurry else 0.25):
            for better in self.in_string if in_string else self.outside:
                ids = np.flatnonzero(allowed & better)
                if len(ids):
                    return int(rng.choice(ids))
        return int(rng.choice(np.flatnonzero(allowed)))


def required_names(schema: Any) -> list[str]:
    """Every name that some `required` in a schema lists."""
    found: dict[str, None] = {}
    for each in subschemas(schema):
        listed = each.get("required", ())
        found.update(
            dict.fromkeys(name for name in listed if isinstance(name, str)) if isinstance(listed, list) else {}
        )
    return list(found)
