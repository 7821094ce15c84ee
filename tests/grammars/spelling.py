"""Texts as token ids: the tokenizer's own way, and any other that the vocabulary allows."""

import random
from collections.abc import Callable
from pathlib import Path

from tokenizers import Tokenizer

from gcd import Vocabulary


class Speller:
    """Spells texts in the tokens of one vocabulary.

    Attributes:
        vocab: the vocabulary.
        texts: id -> bytes, of the tokens that stand for text.
    """

    def __init__(self, vocab: Vocabulary, folder: Path) -> None:
        self.vocab = vocab
        self.texts = {i: text for i, text in enumerate(vocab.tokens) if text}
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._ids: dict[bytes, list[int]] = {}
        lengths: dict[int, set[int]] = {}
        for i, text in self.texts.items():
            self._ids.setdefault(text, []).append(i)
            lengths.setdefault(text[0], set()).add(len(text))
        self._lengths = {first: sorted(each) for first, each in lengths.items()}
        self._every_byte = all(bytes([b]) in self._ids for b in range(256))

    def join(self, ids: list[int]) -> bytes:
        return b"".join(self.texts[i] for i in ids)

    def own(self, text: str) -> list[int] | None:
        """What the tokenizer makes of a text; None where that isn't the text (bytes without a token are lost)."""
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids if all(i in self.texts for i in ids) and self.join(ids) == text.encode() else None

    def random(self, text: str, draw: random.Random) -> list[int] | None:
        """Any tokens that spell the text; None if there are none."""
        return self._spell(text.encode(), draw.choice)

    def shortest(self, text: str) -> list[int] | None:
        """A byte at a time, where every byte is a token; else as little at a time as can be."""
        return self._spell(text.encode(), min)

    def spellable(self, text: bytes) -> bool:
        return 0 in self._ends(text)

    def _spell(self, text: bytes, choose: Callable[[list[int]], int]) -> list[int] | None:
        ends = self._ends(text)
        if 0 not in ends:
            return None
        ids, at = [], 0
        while at < len(text):
            size = choose([n for n in self._fitting(text, at) if at + n in ends])
            same = self._ids[text[at : at + size]]
            ids.append(same[at % len(same)])
            at += size
        return ids

    def _fitting(self, text: bytes, at: int) -> list[int]:
        """Lengths of the tokens that stand at this place."""
        return [n for n in self._lengths.get(text[at], ()) if text[at : at + n] in self._ids]

    def _ends(self, text: bytes) -> set[int]:
        """Where a token may end so that the rest can be spelt."""
        if self._every_byte:
            return set(range(len(text) + 1))
        ends = {len(text)}
        for at in reversed(range(len(text))):
            if any(at + n in ends for n in self._fitting(text, at)):
                ends.add(at)
        return ends
