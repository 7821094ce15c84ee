"""An n-gram model: interpolated Kneser-Ney, trained from text in milliseconds. A real law, without downloads.

The model of order n predicts a token from the n - 1 before it (Kneser and Ney 1995; the interpolated form of Chen and
Goodman 1999, section 4.1.6)::

    p(w | h) = max(c(h w) - D, 0) / c(h .)  +  D N(h .) / c(h .) * p(w | h without its first token)

c counts occurrences in the highest order, and below it *distinct left neighbours* ("San" is frequent before
"Francisco" only, so it is unlikely elsewhere); N(h .) is how many different tokens follow h; D = n1 / (n1 + 2 n2), of
each order its own, from the numbers of n-grams seen once and twice. Below the lowest order stands the uniform law over
all tokens that can be written, so every text has a positive probability.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gcd.errors import ModelError
from gcd.sampling.table_model import PrefixState, encode_greedily
from gcd.vocab import Vocabulary

__all__ = ["NGramModel"]

_KEPT_ROWS = 256
"""Rows that are kept; each has ``width`` numbers of 8 bytes."""

_Context: TypeAlias = tuple[int, ...]


class NGramModel:
    """Interpolated Kneser-Ney over the tokens of a vocabulary.

    >>> from gcd import Vocabulary
    >>> vocab = Vocabulary.from_bytes([b"a", b"b", None], eos_ids=[2])
    >>> model = NGramModel.from_texts(["ab", "abab"], vocab, order=2)
    >>> [round(p, 3) for p in np.exp(model.start(model.encode("a")).log_probs()[0]).tolist()]
    [0.033, 0.95, 0.017]
    """

    def __init__(self, sequences: Iterable[Sequence[int]], vocab: Vocabulary, order: int = 3) -> None:
        """A model of token sequences; each is a whole text, to which an end-of-sequence token is appended.

        Args:
            sequences: the training texts as ids.
            vocab: the tokens. Of several end-of-sequence ids the first stands for all.
            order: the length of the longest n-gram, at least 1.

        Raises:
            ValueError: an order below 1, or an id out of range.
            ModelError: no text, or a vocabulary without an end-of-sequence token.
        """
        if order < 1:
            raise ValueError(f"order must be at least 1, not {order}")
        if not vocab.eos_ids:
            raise ModelError("the vocabulary has no end-of-sequence token", remedy="Vocabulary(..., eos_ids=...)")
        self._vocab = vocab
        self.order = order
        end = vocab.eos_ids[0]
        # A text begins with order - 1 marks that are no token, so that its first tokens have contexts, too.
        self._begin: _Context = (-1,) * (order - 1)
        counts: Counter[_Context] = Counter()
        self.n_tokens = 0
        for ids in sequences:
            if any(not 0 <= t < vocab.width for t in ids):
                raise ValueError(f"a training text has ids outside of range({vocab.width})")
            padded = (*self._begin, *map(int, ids), end)
            self.n_tokens += len(ids) + 1
            counts.update(padded[i : i + order] for i in range(len(ids) + 1))
        if not counts:
            raise ModelError("no text to train from")
        # by length of the context: context -> (followers, their probabilities' first term, weight of the lower order)
        self._levels: list[dict[_Context, tuple[NDArray[np.int64], NDArray[np.float64], float]]] = []
        for _ in range(order):
            self._levels.append(_level(counts))
            lower: Counter[_Context] = Counter()
            for gram in counts:
                lower[gram[1:]] += 1  # distinct left neighbours
            counts = lower
        self._levels.reverse()
        text = np.array([bool(token) for token in vocab.tokens])
        text[end] = True
        self._uniform: NDArray[np.float64] = text / text.sum()
        self._kept: OrderedDict[_Context, NDArray[np.float64]] = OrderedDict()

    @classmethod
    def from_texts(cls, texts: Iterable[str | bytes], vocab: Vocabulary, order: int = 3) -> NGramModel:
        """A model of texts, each made into tokens by taking the longest that fits.

        Raises:
            ModelError: a text can't be written with the vocabulary; no text; no end-of-sequence token.
        """
        encoded = (encode_greedily(vocab, t.encode() if isinstance(t, str) else t) for t in texts)
        return cls(encoded, vocab, order)

    @property
    def vocab(self) -> Vocabulary:
        """The tokens."""
        return self._vocab

    def encode(self, text: str) -> list[int]:
        """A prompt's tokens, the longest that fits each time."""
        return encode_greedily(self._vocab, text.encode())

    def start(self, prompt: Sequence[int] = (), n: int = 1) -> PrefixState:
        """`n` rows behind the prompt; an empty one is the beginning of a text."""
        return PrefixState(self.log_row, self._vocab.width, tuple(prompt), n)

    def log_row(self, prefix: tuple[int, ...]) -> NDArray[np.float64]:
        """The log-probabilities after a prefix, float64 of shape ``(width,)``."""
        context = (*self._begin, *prefix)[len(prefix) :] if self.order > 1 else ()
        row = self._kept.get(context)
        if row is not None:
            self._kept.move_to_end(context)
            return row
        p: NDArray[np.float64] = self._uniform
        for length, level in enumerate(self._levels):
            found = level.get(context[len(context) - length :])
            if found is not None:  # an unseen context leaves everything to the lower order
                followers, first, rest = found
                p = rest * p
                p[followers] += first
        with np.errstate(divide="ignore"):  # special tokens and holes have probability 0
            logs: NDArray[np.float64] = np.log(p / p.sum())
        self._kept[context] = logs
        if len(self._kept) > _KEPT_ROWS:
            self._kept.popitem(last=False)
        return logs


def _level(counts: Counter[_Context]) -> dict[_Context, tuple[NDArray[np.int64], NDArray[np.float64], float]]:
    """The tables of one order, from the counts of its n-grams."""
    sizes = Counter(counts.values())
    discount = sizes[1] / (sizes[1] + 2 * sizes[2]) if sizes[1] else 0.5
    if discount == 1.0:
        discount = 0.75  # nothing was seen twice, so the estimate would leave nothing to what was seen
    followers: defaultdict[_Context, list[tuple[int, int]]] = defaultdict(list)
    for gram, n in counts.items():
        followers[gram[:-1]].append((gram[-1], n))
    level = {}
    for context, seen in followers.items():
        seen.sort()
        total = sum(n for _, n in seen)
        ids = np.array([t for t, _ in seen], dtype=np.int64)
        first = np.array([(n - discount) / total for _, n in seen])
        level[context] = ids, first, discount * len(seen) / total
    return level
