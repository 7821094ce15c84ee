"""What is known of a law and a constraint: bounds on expected future grammaticality, to keep, save, load and merge.

A `GrammaticalityTrie` is an `EfgTrie` (the bounds; `csrc/efg_trie.hpp` has the idea and a worked example) together with
the `Law` that they are bounds of: model, constraint, vocabulary, prompt and budget of tokens. Bounds of one law say
nothing about another, so using, loading or merging a trie under another law is an error that names what differs.

A model can't be hashed: the same weights give slightly different numbers on another machine, in another dtype, in
another batch. So a law carries, beside the model's own `fingerprint` if it has one, the likeliest tokens after the
prompt with their probabilities, and those are compared with a tolerance. That also tells another temperature.

The file::

    0   8  label  b"gcd\\x00efg\\n"
    8   4  0x01020304 in the machine's order
    12  4  format version
    16  8  bytes of the law, in JSON
    24  8  bytes of the bounds
    32  8  checksum of the header so far and the law
    40  8  checksum of the bounds
    48  .. the law, zeros up to a multiple of 8, the bounds

It is hostile input: everything is checked before it is used, nothing is executed. (That the numbers are true can't be
checked without the model: who changes them changes what is drawn.)
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
import sys
import tempfile
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcd._native.efg_trie import EfgDraw, EfgTrie
from gcd._native.trie import checksum
from gcd.errors import ArtifactError, SamplingError
from gcd.sampling.constraint import Constraint, GrammarConstraint, NoConstraint, Product

__all__ = ["MAX_BYTES", "GrammaticalityTrie", "Law"]

MAX_BYTES = 1 << 30
"""What a trie may take, unless it is told otherwise: some ten million prefixes."""
_NODE_BYTES = 200
"""More than a prefix takes, in the middle."""

_LABEL = b"gcd\x00efg\n"
_ORDER = int.from_bytes(b"\x04\x03\x02\x01", sys.byteorder)
_VERSION = 1
_HEADER = struct.Struct("<8sIIQQQQ")
_SUMMED = 32  # bytes of the header in front of its checksum
_MAX_LAW = 1 << 20
_PROBED = 16
"""How many of the likeliest first tokens a law carries."""
_TOLERANCE = 0.02
"""By how much their probabilities may differ: bfloat16 against float32 stays below."""


@dataclass(frozen=True, slots=True)
class Law:
    """What bounds are bounds of.

    Attributes:
        model: the model's `fingerprint`; empty if it has none.
        constraint: of the constraint; empty if it can't be known (a predicate without a `fingerprint`).
        vocabulary: the vocabulary's fingerprint.
        prompt: SHA-256 of the prompt's ids.
        max_tokens: the budget; 0: none.
        first: the likeliest tokens after the prompt and their probabilities.
    """

    model: str
    constraint: str
    vocabulary: str
    prompt: str
    max_tokens: int
    first: tuple[tuple[int, float], ...]

    @classmethod
    def of(
        cls,
        model: object,
        constraint: Constraint,
        vocabulary: str,
        prompt: Sequence[int],
        max_tokens: int,
        row: Any,
    ) -> Law:
        """The law of a model behind a prompt.

        Args:
            model: its attribute `fingerprint`, if it has one, is taken.
            constraint: the constraint.
            vocabulary: the vocabulary's fingerprint.
            prompt: ids.
            max_tokens: the budget; 0: none.
            row: log-probabilities after the prompt, of shape ``(width,)``.
        """
        import numpy as np

        row = np.asarray(row)
        count = min(_PROBED, len(row))
        best = np.argpartition(row, len(row) - count)[-count:]
        best = best[np.lexsort((best, -row[best]))]
        first = tuple((int(t), math.exp(row[t])) for t in best if row[t] > -np.inf)
        ids = hashlib.sha256(array("q", prompt).tobytes()).hexdigest()
        name = getattr(model, "fingerprint", "")
        return cls(
            name if isinstance(name, str) else "", fingerprint_of(constraint), vocabulary, ids, max_tokens, first
        )

    def differences(self, other: Law) -> list[str]:
        """In what they differ, in words; empty if they may be the same."""
        found = []
        for name in ("model", "constraint", "vocabulary", "prompt"):
            a, b = getattr(self, name), getattr(other, name)
            if a != b and ((a and b) or name == "constraint"):
                found.append(f"the {name} ({a[:12] or 'unnamed'}…, not {b[:12] or 'unnamed'}…)")
        if self.max_tokens != other.max_tokens:
            found.append(f"max_tokens ({self.max_tokens}, not {other.max_tokens})")
        if self.vocabulary == other.vocabulary and self.prompt == other.prompt:
            apart = _apart(dict(self.first), dict(other.first))
            if apart is not None:
                found.append("the model's law (token {} comes first with {:.3g}, not {:.3g})".format(*apart))
        return found

    def to_json(self) -> dict[str, Any]:
        """As JSON's types."""
        return {
            "model": self.model,
            "constraint": self.constraint,
            "vocabulary": self.vocabulary,
            "prompt": self.prompt,
            "max_tokens": self.max_tokens,
            "first": [list(pair) for pair in self.first],
        }

    @classmethod
    def from_json(cls, data: Any) -> Law:
        """From `to_json`'s.

        Raises:
            ValueError: it isn't that.
        """
        if not isinstance(data, dict) or set(data) != set(cls.__slots__):
            raise ValueError("the law isn't one")
        names = [data[k] for k in ("model", "constraint", "vocabulary", "prompt")]
        budget, first = data["max_tokens"], data["first"]
        if not all(isinstance(name, str) for name in names) or type(budget) is not int or budget < 0:
            raise ValueError("the law isn't one")
        if not isinstance(first, list) or len(first) > _PROBED:
            raise ValueError("the first tokens aren't any")
        pairs = []
        for pair in first:
            if not (isinstance(pair, list) and len(pair) == 2 and type(pair[0]) is int and type(pair[1]) is float):
                raise ValueError("the first tokens aren't any")
            if pair[0] < 0 or not 0 <= pair[1] <= 1.001:
                raise ValueError("the first tokens' probabilities aren't any")
            pairs.append((pair[0], pair[1]))
        model, constraint, vocabulary, prompt = names
        return cls(model, constraint, vocabulary, prompt, budget, tuple(pairs))


def _apart(mine: dict[int, float], theirs: dict[int, float]) -> tuple[int, float, float] | None:
    """A token whose probabilities differ by more than the tolerance, and both; None if there is none.

    One that isn't among the likeliest is taken to be as likely as the last of them, at most.
    """
    for token in [*mine, *theirs]:
        a = mine.get(token, min(theirs.get(token, 1.0), min(mine.values(), default=0.0)))
        b = theirs.get(token, min(a, min(theirs.values(), default=0.0)))
        if abs(a - b) > _TOLERANCE:
            return token, a, b
    return None


def fingerprint_of(constraint: object) -> str:
    """A constraint's name for comparison: its attribute `fingerprint`, or what it is made of; empty if not known."""
    own = getattr(constraint, "fingerprint", None)
    if isinstance(own, str):
        return own
    if isinstance(constraint, GrammarConstraint):
        return f"{constraint.compiled.info.hash}/{constraint.name or ''}"
    if isinstance(constraint, NoConstraint):
        return "any text"
    if isinstance(constraint, Product):
        parts = [fingerprint_of(part) for part in constraint.parts]
        return " * ".join(parts) if all(parts) else ""
    return ""


class GrammaticalityTrie:
    """Bounds that grow better with every draw. `gcd.sample(..., trie=)` goes on where the last run stopped.

    ::

        first = gcd.sample(model, compiled, prompt, 100, method="cars")
        trie = first.extra["trie"]
        trie.save("names.efg")
        trie = GrammaticalityTrie.load("names.efg")
        more = gcd.sample(model, compiled, prompt, 100, method="cars", trie=trie, seed=1)

    Not to be used by two runs at the same time.

    Its memory is bounded. A trie that has reached `max_bytes` is full: draws go through it as before, but nothing is
    added any more. What it holds stays true, so every method keeps its law: weights stay unbiased, `cars` exact. They
    only stop getting better. (Less could be kept by forgetting what is seldom needed. But a bound is worth the more the
    likelier its prefix, and likely prefixes are met early.)

    Attributes:
        core: the bounds.
        law: what they are bounds of; None before the first draw.
        max_bytes: what it may take; a draw that is added below may go over it, once, by its own prefixes.
        n_left_out: draws that weren't added because it was full.
    """

    def __init__(self, width: int, eos_ids: Sequence[int], *, max_bytes: int = MAX_BYTES) -> None:
        """An empty trie for a vocabulary of `width` columns and these end-of-sequence ids.

        Raises:
            ValueError: a negative `max_bytes`.
        """
        if max_bytes < 0:
            raise ValueError(f"max_bytes must be at least 0, not {max_bytes}")
        self.core = EfgTrie(width, eos_ids)
        self.law: Law | None = None
        self.max_bytes = max_bytes
        self.n_left_out = 0
        self._bytes = 0  # when it was measured last
        self._measure_at = 0  # prefixes at which it is measured again
        self._constraint: Constraint | None = None  # who it is, where it has no fingerprint

    def belong_to(self, law: Law, constraint: Constraint | None = None) -> None:
        """Bind the trie to a law, or make sure that it is bound to this one.

        Raises:
            SamplingError: it belongs to another.
        """
        if self.law is None:
            self.law, self._constraint = law, constraint
            return
        found = self.law.differences(law)
        if not law.constraint and constraint is not self._constraint:
            found.append("the constraint (two that have no fingerprint)")
        if found:
            raise SamplingError(
                f"the trie belongs to another law; what differs: {', '.join(found)}",
                remedy="a trie for each model, constraint, prompt and budget; new ones start empty",
            )

    @property
    def nbytes(self) -> int:
        """Bytes that the bounds take; measured anew when a sixteenth has come since, or the limit is near."""
        core = self.core
        if core.n_nodes >= self._measure_at:  # measuring takes time in proportion to the trie
            self._bytes = core.nbytes
            room = max(0, self.max_bytes - self._bytes)
            self._measure_at = core.n_nodes + 1 + min(core.n_nodes // 16, room // _NODE_BYTES)
        return self._bytes

    @property
    def is_full(self) -> bool:
        """Whether it has reached `max_bytes`."""
        return self.nbytes >= self.max_bytes

    def commit(self, draw: EfgDraw) -> bool:
        """Add a draw, unless the trie is full. Returns whether it ended with a sentence that had not been added before.

        Raises:
            ValueError: it was drawn through another trie, or committed before.
        """
        if self.is_full:
            self.n_left_out += 1
            return False
        return self.core.commit(draw)

    def merge(self, other: GrammaticalityTrie) -> None:
        """Add what another trie of the same law knows (from another process, say), even if that is over `max_bytes`.

        Raises:
            SamplingError: it is of another law.
            ValueError: another width or other end-of-sequence ids.
        """
        if other.law is not None:
            self.belong_to(other.law, other._constraint)
        self.core.merge(other.core)

    def save(self, path: str | os.PathLike[str]) -> int:
        """Write it to one file, whole or not at all; returns its size in bytes.

        Raises:
            SamplingError: nothing was drawn yet, or the constraint has no fingerprint.
        """
        if self.law is None:
            raise SamplingError("an empty trie belongs to no law", remedy="draw a sample first")
        if not self.law.constraint:
            raise SamplingError(
                "the constraint has no fingerprint, so nobody could tell what a saved trie belongs to",
                remedy="give the constraint an attribute `fingerprint`: a text that changes when its meaning does",
            )
        core = self.core
        content = {"width": core.width, "eos_ids": list(core.eos_ids), "law": self.law.to_json()}
        law = json.dumps(content, sort_keys=True).encode()
        bounds = core.section()
        head = _HEADER.pack(_LABEL, _ORDER, _VERSION, len(law), len(bounds), 0, 0)[:_SUMMED]
        data = head + struct.pack("<QQ", checksum(head + law), checksum(bounds)) + law + bytes(-len(law) % 8) + bounds
        target = Path(path)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return len(data)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> GrammaticalityTrie:
        """Read what `save` wrote; a file that takes more than `max_bytes` is read, and full.

        Raises:
            ArtifactError: no such file, or it is damaged, foreign or of another version.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise ArtifactError(f"the file can't be read: {error.strerror}", place=str(path)) from error
        try:
            return cls._read(data, max_bytes)
        except ArtifactError as error:
            raise ArtifactError(error.cause, place=str(path), remedy=error.remedy or _AGAIN) from error
        except (LookupError, TypeError, ValueError, RecursionError, OverflowError) as error:
            raise ArtifactError(f"its law is damaged: {error}", place=str(path), remedy=_AGAIN) from error

    @classmethod
    def _read(cls, data: bytes, max_bytes: int) -> GrammaticalityTrie:
        if len(data) < _HEADER.size:
            raise ArtifactError(f"a file of {len(data)} bytes is too short to be a trie")
        label, order, version, n_law, n_bounds, law_sum, bounds_sum = _HEADER.unpack_from(data)
        if label != _LABEL:
            raise ArtifactError("this is no trie of gcd's", remedy="GrammaticalityTrie.save writes them")
        if order != _ORDER:
            raise ArtifactError("the trie was written with another byte order", remedy="draw anew on this machine")
        if version != _VERSION:
            raise ArtifactError(f"the trie has format version {version}; this gcd reads version {_VERSION}")
        begin = _HEADER.size + n_law + -n_law % 8
        if n_law > _MAX_LAW or begin + n_bounds != len(data):
            raise ArtifactError("the file is truncated, or its header is damaged")
        law, bounds = data[_HEADER.size : _HEADER.size + n_law], data[begin:]
        between = data[_HEADER.size + n_law : begin]
        if checksum(data[:_SUMMED] + law) != law_sum or checksum(bounds) != bounds_sum or any(between):
            raise ArtifactError("the file is damaged: a checksum is wrong")
        content = json.loads(law)
        width, eos_ids = content["width"], content["eos_ids"]
        if type(width) is not int or not 0 < width < 1 << 31 or not all(type(i) is int for i in eos_ids):
            raise ValueError("the width or the end-of-sequence ids are none")
        trie = cls(width, eos_ids, max_bytes=max_bytes)
        trie.core = EfgTrie.from_section(bounds, width, eos_ids)
        trie.law = Law.from_json(content["law"])
        return trie

    def __repr__(self) -> str:
        core = self.core
        return (
            f"<GrammaticalityTrie {core.n_nodes:,} prefixes, {core.n_found:,} sentences, "
            f"{math.exp(core.log_found):.3g} <= P(grammar) <= {math.exp(core.log_bound()):.3g}>"
        )


_AGAIN = "draw anew, or fetch the file again"
