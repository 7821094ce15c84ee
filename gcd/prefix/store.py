"""The lines of generated texts, found by their ids.

A host shows, call after call, all ids of a batch's rows and nothing else: not where the prompt ends, not which row of
an earlier call a row continues. Beams swap and double, groups of beams take turns, drafts are taken back, an assistant
model writes ahead. So a row's state is a function of its generated ids, and never of its index; what is kept of earlier
calls only saves work:

* The lines of the last call. In the common case each row continues itself by one token, and that is one comparison of
  the ids with the last call's.
* The lines that earlier calls left, by their ids, up to a bound; the longest unused go first. A row takes over the line
  that it continues, or a fork where several rows grow out of one, or where it only begins alike.
* What isn't found is followed from its first token.

A *text* begins where the prompt ends: at the length of its first call, if it isn't told. A call belongs to the same
text if each of its rows begins with a prompt of the text and is, but for its newest token, known. Any other call is the
first of a new text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from gcd._native.matcher import Matcher, accept_each
from gcd.prefix.line import Constraint, Line

__all__ = ["Prefixes"]

Ids = np.ndarray[Any, np.dtype[np.int64]]


class Prefixes:
    """Follows the rows of a host's calls.

    Attributes:
        constraints: what texts are held to; None is a free one. Rows come in as many groups of equal size, in order.
        begin: how many ids of a row are prompt.
        is_first: whether the last call was the first of a text.
        most_lines: how many lines of earlier calls to keep, at least; more for large batches.
        most_tokens: how many tokens these may have together.
    """

    def __init__(
        self, constraints: Sequence[Constraint | None], *, most_lines: int = 256, most_tokens: int = 1 << 20
    ) -> None:
        self.constraints = tuple(constraints)
        self.most_lines = most_lines
        self.most_tokens = most_tokens
        self.clear()

    def clear(self, begin: int = 0) -> None:
        """Forget everything: the next call is the first of a new text."""
        self.begin = begin
        self.is_first = True
        self._length = 0  # ids of a row at the last call
        self._ids: Ids = np.zeros((0, 0), dtype=np.int64)  # (rows, more than _length): the ids of the last call
        self._lines: list[Line | None] = []  # of the last call, one for each row; empty before the first
        self._plain: list[Matcher | None] = []  # of those without markers that are followed still
        self._framed: list[tuple[int, Line]] = []  # those with more than a matcher
        self._kept: dict[tuple[int, bytes], Line] = {}  # (constraint, generated ids) -> line; longest unused first
        self._kept_tokens = 0
        self._prompts: set[bytes] = set()
        self._lost = False  # whether lines were dropped for the bounds

    def __bool__(self) -> bool:
        """Whether there was a call since `clear`."""
        return bool(self._lines)

    @property
    def n_kept(self) -> int:
        """How many lines of earlier calls are kept."""
        return len(self._kept)

    def generated(self, row: int) -> list[int]:
        """The generated ids of a row of the last call."""
        ids: list[int] = self._ids[row, self.begin : self._length].tolist()
        return ids

    def group(self, row: int, n_rows: int) -> int:
        """The number of the constraint of a row."""
        return row * len(self.constraints) // n_rows

    def follow(self, ids: Any, *, begin: int | None = None, new: bool = False, same: bool = False) -> list[Line | None]:
        """The lines of a call's rows, moved to its newest tokens; None for free rows.

        Args:
            ids: integers of shape ``(rows, length)``, prompt and generated.
            begin: how many ids of a row are prompt, if that is known.
            new: whether it is known that a new text begins.
            same: whether it is known that the call comes from where the text's earlier ones came from.

        Raises:
            ValueError: not a multiple of as many rows as there are constraints.
        """
        n_rows, length = ids.shape
        at = self.begin if same else 0  # a caller that hasn't changed has the same prompts
        if n_rows % len(self.constraints):
            raise ValueError(
                f"{n_rows} rows for {len(self.constraints)} grammars: each prompt has one grammar (None for a free "
                "one), and all prompts have equally many rows"
            )
        if (
            not new
            and n_rows == len(self._lines)
            and length == self._length + 1
            and length <= self._ids.shape[1]
            and np.array_equal(ids[:, at:-1], self._ids[:, at : length - 1])
        ):
            self.is_first = False
            self._ids[:, length - 1] = ids[:, -1]
            self._length = length
            for row in accept_each(self._plain, self._ids[:, length - 1].data):
                self._lines[row].off = True  # type: ignore[union-attr] # a plain line
                self._plain[row] = None
            for row, line in self._framed:
                line.accept(int(ids[row, -1]))
            return self._lines
        ids = np.ascontiguousarray(ids, dtype=np.int64)
        self.is_first = not self._lines
        self._put_by()
        sources: list[tuple[tuple[int, bytes] | None, int]]
        if begin is not None:
            if new or begin != self.begin:
                self.clear(begin)
            sources = self._sources(ids)
        else:
            goes_on = not new and self._same_prompts(ids)
            sources = self._sources(ids) if goes_on else []
            if not goes_on or not (all(at >= length - 1 - self.begin for _, at in sources) or (same and self._lost)):
                self.clear(length)
                self._prompts = {row.tobytes() for row in ids}
                sources = [(None, 0)] * n_rows
        self._lines = self._take(ids, sources)
        self._plain = [line.matcher if type(line) is Line and not line.off else None for line in self._lines]
        others = ((row, line) for row, line in enumerate(self._lines) if line is not None)
        self._framed = [(row, line) for row, line in others if type(line) is not Line]
        self._length = length
        self._ids = np.zeros((n_rows, 2 * length + 16), dtype=np.int64)  # with room for the columns to come
        self._ids[:, :length] = ids
        self._drop(4 * n_rows)
        return self._lines

    def _put_by(self) -> None:
        """Put the last call's lines among those that are kept."""
        n_rows = len(self._lines)
        for row, line in enumerate(self._lines):
            if line is not None:
                key = self.group(row, n_rows), self._ids[row, self.begin : self._length].tobytes()
                self._remove(key)
                self._kept[key] = line
                self._kept_tokens += len(key[1]) // 8
        self._lines = []

    def _remove(self, key: tuple[int, bytes]) -> Line | None:
        line = self._kept.pop(key, None)
        if line is not None:
            self._kept_tokens -= len(key[1]) // 8
        return line

    def _drop(self, at_least: int) -> None:
        while len(self._kept) > max(self.most_lines, at_least) or self._kept_tokens > self.most_tokens:
            self._remove(next(iter(self._kept)))
            self._lost = True

    def fits(self, ids: Any) -> bool:
        """Whether each row begins with a prompt of the text."""
        return bool(self) and self._same_prompts(np.ascontiguousarray(ids, dtype=np.int64))

    def _same_prompts(self, ids: Ids) -> bool:
        """Whether each row begins with a prompt of the text."""
        if not self._prompts or ids.shape[1] < self.begin:
            return False
        return all(row.tobytes() in self._prompts for row in ids[:, : self.begin])

    def _sources(self, ids: Ids) -> list[tuple[tuple[int, bytes] | None, int]]:
        """For each row the kept line that it has most in common with, and how many generated ids that are."""
        found: list[tuple[tuple[int, bytes] | None, int]] = []
        n_rows = len(ids)
        texts: list[tuple[tuple[int, bytes], Ids]] | None = None
        for row, line_ids in enumerate(ids[:, self.begin :]):
            group = self.group(row, n_rows)
            here, n = line_ids.tobytes(), len(line_ids)
            if self.constraints[group] is None:
                found.append((None, n))  # there is nothing to know of a free row
            elif (group, here) in self._kept:
                found.append(((group, here), n))
            elif n and (group, here[:-8]) in self._kept:
                found.append(((group, here[:-8]), n - 1))
            else:
                if texts is None:
                    texts = [(key, np.frombuffer(key[1], dtype=np.int64)) for key in self._kept]
                best: tuple[tuple[int, bytes] | None, int] = (None, 0)
                for key, text in texts:
                    if key[0] == group:
                        most = min(n, len(text))
                        differ = line_ids[:most] != text[:most]
                        at = int(differ.argmax()) if differ.any() else most
                        if at > best[1]:
                            best = key, at
                found.append(best)
        return found

    def _take(self, ids: Ids, sources: list[tuple[tuple[int, bytes] | None, int]]) -> list[Line | None]:
        """A line for each row, from its source."""
        heirs = Counter(key for key, _ in sources if key is not None)
        lines: list[Line | None] = []
        for row, (key, at) in enumerate(sources):
            constraint = self.constraints[self.group(row, len(ids))]
            if constraint is None:
                lines.append(None)
                continue
            if key is None:
                line = constraint.line()
            else:
                heirs[key] -= 1
                whole = at * 8 == len(key[1])
                taken = self._remove(key) if whole and not heirs[key] else None
                line = self._kept[key].fork() if taken is None else taken
                if not whole:
                    line.back_to(at)
            lines.append(line)
            for token in ids[row, self.begin + at :].tolist():
                line.accept(token)
        return lines
