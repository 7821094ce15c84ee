"""All that gcd raises on purpose: one tree under `GcdError`.

Every error says three things: the *place* (a line with a caret, a token id, a file), the *cause*, and a *remedy*, what
to try. They are attributes as well as text, so no caller has to parse a message::

    GcdError
    ├── GrammarError         the grammar is wrong
    │   ├── UnsupportedError     it is right, but holds what gcd refuses by name
    │   └── SchemaError          a JSON Schema is wrong
    │       └── SchemaRefError      a $ref leads nowhere, or round in circles
    ├── InexactError         it can't be compiled exactly, and `lenient=` doesn't allow it
    ├── LimitError           a bound in `gcd.Limits` was reached
    ├── ArtifactError        a .gcd file is damaged, foreign or of another version
    ├── TokenizerError       a tokenizer can't be read as bytes exactly
    ├── DatabaseError        a database can't be read, is empty, or isn't the one that was compiled for
    ├── MatcherError         a matcher was used in a way that it can't be used
    └── SamplingError        a model and a constraint can't be sampled from
        ├── ModelError           the model gave what is no law, or doesn't belong to the vocabulary
        └── PredicateError       a predicate raised, or contradicts itself

Wrong argument types raise Python's own TypeError and ValueError.
"""

import unicodedata
from typing import Self

__all__ = [
    "ArtifactError",
    "DatabaseError",
    "GcdError",
    "GrammarError",
    "InexactError",
    "LimitError",
    "MatcherError",
    "ModelError",
    "PredicateError",
    "SamplingError",
    "SchemaError",
    "SchemaRefError",
    "TokenizerError",
    "UnsupportedError",
    "caret_snippet",
    "text_width",
]

_WINDOW = 100
"""Columns of a long line that a snippet shows."""


class GcdError(Exception):
    """Base of all errors that gcd raises on purpose.

    All state lives in attributes with defaults, so that errors survive pickling (worker processes).

    Attributes:
        cause: what is wrong, in one or two sentences.
        place: where: "line 3, column 7", "token 17 ('Ġfoo')", a file; None where there is no place.
        remedy: what to try; None where there is nothing to try.
    """

    def __init__(self, cause: str, *, place: str | None = None, remedy: str | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.place = place
        self.remedy = remedy

    @property
    def snippet(self) -> str | None:
        """The offending line of the source with a caret below it, where the source is known."""
        return None

    def __str__(self) -> str:
        text = f"{self.place}: {self.cause}" if self.place else self.cause
        if self.snippet:
            text += "\n" + self.snippet
        if self.remedy:
            text += f"\n  try: {self.remedy}"
        return text


class _SourceError(GcdError):
    """An error that may point into a grammar's text.

    Args:
        cause: what is wrong.
        place: overrides the place made from `name`, `line` and `column`.
        remedy: what to try.
        name: the file or other name of the source.
        source: the whole text; without it there is no snippet.
        line: counted from 1; None if unknown.
        column: in characters, counted from 1; None if unknown.
        length: characters to underline, at least 1; cut at the end of the line.
    """

    def __init__(
        self,
        cause: str,
        *,
        place: str | None = None,
        remedy: str | None = None,
        name: str | None = None,
        source: str | None = None,
        line: int | None = None,
        column: int | None = None,
        length: int = 1,
    ) -> None:
        if place is None:
            parts = [name] if name else []
            parts += [f"line {line}"] if line else []
            parts += [f"column {column}"] if line and column else []
            place = ", ".join(parts) or None
        super().__init__(cause, place=place, remedy=remedy)
        self.name = name
        self.line = line
        self.column = column
        # Only the line is kept: an error may outlive a source of megabytes.
        self._snippet = caret_snippet(source, line, column, length) if source is not None and line else None

    @property
    def snippet(self) -> str | None:
        """The offending line with a caret below it; None if the source or the line is unknown."""
        return self._snippet


class GrammarError(_SourceError):
    """The grammar, pattern, schema or list of choices is wrong: it has no meaning, or an empty language."""


class UnsupportedError(GrammarError):
    """The grammar means something, but it uses a construct that gcd can't compile exactly.

    Attributes:
        construct: the construct's name ("backreference"), for callers that handle some of them.
    """

    construct: str | None = None

    @classmethod
    def of(cls, construct: str, cause: str, **where: object) -> "UnsupportedError":
        """An error that names its construct; `where` as in `GrammarError`."""
        error = cls(cause, **where)  # type: ignore[arg-type] # checked by the callee
        error.construct = construct
        return error


class SchemaError(GrammarError):
    """A JSON Schema is wrong: it isn't JSON, or a keyword's value isn't what the standard asks for.

    Attributes:
        pointer: the place as a JSON pointer behind ``#`` ("#/properties/a/type"), with the document's URI in front if
            it isn't the schema that was given; None if the whole text can't be read.
    """

    pointer: str | None = None

    @classmethod
    def at(cls, pointer: str, cause: str, remedy: str | None = None) -> Self:
        """The error for that place.

        >>> print(SchemaError.at("#/type", "there is no type 'int'", "integer"))
        #/type: there is no type 'int'
          try: integer
        """
        error = cls(cause, place=pointer, remedy=remedy)
        error.pointer = pointer
        return error


class SchemaRefError(SchemaError):
    """A reference in a JSON Schema leads nowhere, or only to itself."""


class InexactError(GcdError):
    """The grammar can't be compiled exactly, and `lenient=` doesn't name the ways in which it isn't.

    Attributes:
        report: the exactness report of the compilation.
    """

    def __init__(
        self, cause: str, *, report: object = None, place: str | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(cause, place=place, remedy=remedy)
        self.report = report


class LimitError(_SourceError):
    """A bound in `gcd.Limits` was reached. Nothing was truncated: there is no result.

    Attributes:
        limit: the name of the field in `gcd.Limits`.
        allowed: its value.
        reached: what was asked for, or counted when work stopped; None if it was not counted.
    """

    limit: str | None = None
    allowed: float | None = None
    reached: float | None = None

    @classmethod
    def of(cls, limit: str, allowed: float, reached: float | None = None, **where: object) -> "LimitError":
        """The error for field `limit` of `gcd.Limits`; `where` as in `GrammarError`.

        >>> print(LimitError.of("max_repeat", 1000, 5000, line=2, column=4))
        line 2, column 4: max_repeat: 5,000 is over the limit of 1,000
          try: a simpler grammar, or gcd.Limits(max_repeat=...)
        """
        number = "the work" if reached is None else f"{reached:,}"
        where.setdefault("remedy", f"a simpler grammar, or gcd.Limits({limit}=...)")
        error = cls(f"{limit}: {number} is over the limit of {allowed:,}", **where)  # type: ignore[arg-type]
        error.limit, error.allowed, error.reached = limit, allowed, reached
        return error


class ArtifactError(GcdError):
    """A .gcd file can't be used: damaged, truncated, foreign, another format version, or another vocabulary."""


class TokenizerError(GcdError):
    """A tokenizer can't be read as bytes exactly, or it isn't the one that was asked for.

    Attributes:
        token_id: the offending token; None if it isn't one token.
        component: the tokenizer's part that gcd can't read ("normalizer Lowercase"); None if it isn't one part.
    """

    def __init__(
        self,
        cause: str,
        *,
        place: str | None = None,
        remedy: str | None = None,
        token_id: int | None = None,
        component: str | None = None,
    ) -> None:
        super().__init__(cause, place=place, remedy=remedy)
        self.token_id = token_id
        self.component = component


class DatabaseError(GcdError):
    """A database can't be read: unreachable, empty, without its driver, of an unknown dialect, or no longer the same.

    No part of the error holds a password, nor the address it came with.

    Attributes:
        reason: "unreachable", "empty", "driver", "dialect", "changed", "table" (one that was asked for isn't there),
            "statement" (it refused or didn't finish one), or None.
    """

    reason: str | None = None

    @classmethod
    def of(cls, reason: str, cause: str, *, place: str | None = None, remedy: str | None = None) -> Self:
        """The error for that reason.

        >>> print(DatabaseError.of("empty", "it holds no table", place="shop.db", remedy="CREATE one"))
        shop.db: it holds no table
          try: CREATE one
        """
        error = cls(cause, place=place, remedy=remedy)
        error.reason = reason
        return error


class MatcherError(GcdError):
    """A matcher was used in a way that it can't be: an id out of range, a token after the end, too long a rollback.

    The matcher's state is unchanged.
    """


class TokenBudgetError(MatcherError):
    """No text can be completed within ``max_tokens``, or none is known to be.

    Attributes:
        needed: how many tokens suffice, the end-of-sequence token included; None if no way to the end was found.
    """

    needed: int | None = None


class SamplingError(GcdError):
    """A model, a constraint and a method can't be sampled from together: nothing satisfies it, nothing was found."""


class ModelError(SamplingError):
    """A language model gave what is no law (NaN, infinity, nothing possible), or doesn't belong to the vocabulary."""


class PredicateError(SamplingError):
    """A predicate raised, answered something that is no bool, or contradicts itself (it isn't prefix-closed)."""


def caret_snippet(source: str, line: int, column: int | None = None, length: int = 1) -> str | None:
    """The given line of `source` with carets below `length` characters from `column` on.

    Lines and columns count from 1, columns in characters; a column past the end points just behind the line. Returns
    None if there is no such line. Without a column there are no carets. Long lines are cut around the column, tabs
    become one space and unprintable characters one U+FFFD, so that a caret stays under its character.

    >>> print(caret_snippet("start: a\\na: 'x' %", 2, 8))
      a: 'x' %
             ^
    """
    lines = source.split("\n", max(line, 0))
    if not 1 <= line <= len(lines):
        return None
    text = lines[line - 1].removesuffix("\r")
    if column is None:
        return "  " + _printable(text[:_WINDOW]) + ("…" if len(text) > _WINDOW else "")
    at = min(max(column - 1, 0), len(text))
    begin = max(0, at - _WINDOW // 2) if len(text) > _WINDOW else 0
    end = begin + _WINDOW
    head = ("…" if begin else "") + _printable(text[begin:at])
    marked = _printable(text[at : min(at + max(length, 1), end)])
    tail = _printable(text[at:end]) + ("…" if end < len(text) else "")
    return f"  {head}{tail}\n  {' ' * text_width(head)}{'^' * max(1, text_width(marked))}"


def _printable(text: str) -> str:
    """`text` with each character that would move the cursor oddly replaced by one that doesn't."""
    return "".join(c if c.isprintable() else " " if c == "\t" else "\ufffd" for c in text)


def text_width(text: str) -> int:
    """Terminal columns of printable `text`: wide East Asian characters take two, combining ones none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
