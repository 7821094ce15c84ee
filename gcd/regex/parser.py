r"""Regular expression text -> syntax tree, exactly as CPython's `re` reads it.

One loop over the pattern with an explicit stack of open groups, so no pattern can exhaust Python's own stack. Flags are
resolved on the way: global ones must stand at the start, so they are known before the first character that they touch.
The loop and quantifiers are here; groups are read by `gcd.regex.groups`, escapes and sets by `gcd.regex.escapes`.

Why not `re._parser`: it is private, it recurses, its trees have no spans for messages, and it knows neither ``\p{..}``
nor ECMA-262. What it does decide is the language, so its odd corners are kept, and the tests hold this parser against
it. The odd ones: ``{,3}`` counts but ``{}`` and ``{x`` are text; ``[]a]`` holds a bracket; ``\08`` is octal, ``\8`` a
backreference; in verbose mode ``a* ?`` is an error; ``(?i:𐐀|𐐁)`` is made a set, which then matches nothing.

Dialects:

``python``
    `re` of this Python.
``regex``
    The `regex` module (version 0 behaviour): the same with ``\p{..}`` and lookbehinds of any width. What characters
    ``\w``, ``\p{Greek}`` and ``(?i:i)`` match is asked of the module itself. Without it ``\p`` knows general
    categories only, and the rest is `re`'s. What else it adds is refused by name.
``ecma``
    ECMA-262 with the ``u`` flag, as JSON Schema's ``pattern`` wants it, plus the harmless laxness that real schemas
    rely on (``\-``, ``\_``, a lone ``{``). ``\d`` and ``\w`` are ASCII, ``$`` is the very end. A pattern is not
    anchored; whoever wants to search wraps it. Which of several matches is preferred follows Python where the two
    differ (an empty round of a loop); which texts match at all doesn't depend on it.
"""

from __future__ import annotations

import re

from gcd.errors import LimitError
from gcd.limits import Limits
from gcd.regex import charset
from gcd.regex.analysis import literal_chars, repeat
from gcd.regex.ast import Assertion, Chars, Concat, Fold, Literal, Mode, Node, Place
from gcd.regex.groups import GroupReader
from gcd.regex.reader import DOTALL, MULTILINE, VERBOSE, where

__all__ = ["DIALECTS", "literal_text", "min_width", "parse", "where"]

DIALECTS = ("python", "regex", "ecma")

_RUN = re.compile(r"[^\\.\[{()*+?^$|]+")
_VERBOSE_RUN = re.compile(r"[^\\.\[{()*+?^$|#\s]+|[^\S \t\n\r\v\f]+")
_BRACES = re.compile(r"\{(?:([0-9]+)|([0-9]*),([0-9]*))\}")
_ECMA_BRACES = re.compile(r"\{(?:([0-9]+)|([0-9]+),([0-9]*))\}")
_FUZZY_BOUND = re.compile(r"([deis])(?:<=?[0-9]*)?|[0-9]+<=?([deis])<=?[0-9]*")
_FUZZY_COST = re.compile(r"[0-9]*[dis](?:\+[0-9]*[dis])*<=?[0-9]*")


def parse(
    pattern: str, flags: int = 0, *, name: str = "", dialect: str = "python", limits: Limits | None = None
) -> Node:
    """The syntax tree of a pattern.

    Args:
        pattern: its text.
        flags: ``re.I | re.S | re.M | re.X | re.A`` bits, as `re.compile` takes them.
        name: whose pattern it is, for messages.
        dialect: one of `DIALECTS`.
        limits: bounds on nesting and on counts.

    Raises:
        GrammarError: the pattern is wrong (`re` refuses it too).
        UnsupportedError: it uses what can't be compiled: backreferences, conditionals, LOCALE.
        LimitError: nested too deeply, or a count is too large.
    """
    if dialect not in DIALECTS:
        raise ValueError(f"dialect must be one of {', '.join(DIALECTS)}, not {dialect!r}")
    return _Parser(pattern, int(flags), name, dialect, limits or Limits()).parse()


def min_width(pattern: str, flags: int = 0, *, name: str = "", dialect: str = "python") -> int:
    """The fewest characters that the pattern can match.

    >>> min_width("a(b|cd)+")
    2
    """
    return parse(pattern, flags, name=name, dialect=dialect).min_width


def literal_text(pattern: str, flags: int = 0, *, name: str = "", dialect: str = "python") -> str | None:
    r"""The one text that the pattern matches, in one way and on no condition; None if it isn't so simple.

    >>> literal_text(r"a\+b"), literal_text("a+b"), literal_text("a", re.I), literal_text("1", re.I)
    ('a+b', None, None, '1')
    """
    return _literal_text(parse(pattern, flags, name=name, dialect=dialect))


def _literal_text(node: Node) -> str | None:
    if isinstance(node, Literal):
        if node.fold is Fold.NONE:
            return node.text
        lone = all(len(s) == 1 and s[0][0] == s[0][1] for s in literal_chars(node))
        return node.text if lone else None
    if isinstance(node, Chars):
        alone = len(node.chars) == 1 and node.chars[0][0] == node.chars[0][1]
        return chr(node.chars[0][0]) if alone else None
    if isinstance(node, Concat):
        texts = [_literal_text(item) for item in node.items]
        return None if None in texts else "".join(t for t in texts if t is not None)
    return None


def _is_fuzzy(text: str) -> bool:
    """Whether the regex module reads a brace as a fuzzy constraint; else it is text, or wrong.

    >>> _is_fuzzy("{e<=1}"), _is_fuzzy("{2i+1d<4,s}"), _is_fuzzy("{e,e}"), _is_fuzzy("{x}")
    (True, True, False, False)
    """
    bounded = set()
    at = 1
    while True:
        item = _FUZZY_BOUND.match(text, at)
        kind = item and (item[1] or item[2])
        if item is None or kind in bounded:  # a second bound of one kind may still be a cost
            item = _FUZZY_COST.match(text, at)
            if item is None:
                return False
        bounded.add(kind)
        at = item.end()
        if not text.startswith(",", at):
            return True
        at += 1


class _Parser(GroupReader):
    """Reads the whole."""

    __slots__ = ()

    # -- the loop -----------------------------------------------------------------------------

    def parse(self) -> Node:
        pattern = self.pattern
        size = len(pattern)
        at = 0
        while at < size:
            if self.flags & VERBOSE:
                skipped = self.skip.match(pattern, at)
                if skipped:
                    at = skipped.end()
                    continue
                run = _VERBOSE_RUN.match(pattern, at)
            else:
                run = _RUN.match(pattern, at)
            if run:
                self.literal(run.group(), at, run.end())
                at = run.end()
                continue
            char = pattern[at]
            if char == "|":
                if self.group.kind == "conditional" and self.group.alternatives:
                    self.error("a conditional group has two branches at most", at, at + 1, "a group: (?:...|...)")
                self.group.alternatives.append(self.concat(at))
                self.group.items = []
                self.last = ""
                at += 1
            elif char == "(":
                at = self.open(at)
            elif char == ")":
                at = self.close(at)
            elif char in "*+?{":
                at = self.quantify(at)
            elif char == "\\":
                at = self.escape(at)
            elif char == "[":
                at = self.set(at)
            elif char == ".":
                newlines = charset.ECMA_NEWLINES if self.dialect == "ecma" else charset.NEWLINE
                chars = charset.ANY if self.flags & DOTALL else charset.complement(newlines)
                self.item(Chars(chars, at, at + 1))
                at += 1
            elif char in "^$":
                self.anchor(char, at)
                at += 1
            else:  # a comment that a backslash ends
                self.error("bad escape (end of pattern)", size - 1, size)
        if self.stack:
            self.error("missing ), unterminated subpattern", self.group.start, self.group.start + 1)
        return self.alternation(self.group, size)

    def anchor(self, char: str, at: int) -> None:
        """Add ``^`` or ``$``."""
        if self.flags & MULTILINE:
            place = Place.LINE_START if char == "^" else Place.LINE_END
        elif char == "^":
            place = Place.TEXT_START
        else:
            place = Place.TEXT_END if self.dialect == "ecma" else Place.LAST_LINE_END
        self.group.items.append(Assertion(place, (), at, at + 1))
        self.last = "at"

    # -- quantifiers --------------------------------------------------------------------------

    def quantify(self, at: int) -> int:
        """Read ``*``, ``+``, ``?`` or ``{m,n}`` and apply it to the last item; a brace that counts nothing is text."""
        pattern = self.pattern
        low, high = 0, None
        end = at + 1
        if pattern[at] == "?":
            high = 1
        elif pattern[at] == "+":
            low = 1
        elif pattern[at] == "{":
            braces = (_ECMA_BRACES if self.dialect == "ecma" else _BRACES).match(pattern, at)
            if braces is None:
                if self.dialect == "regex":
                    self.check_brace(at)
                self.literal("{", at, end)
                return end
            end = braces.end()
            exact, least, most = braces.groups()
            low = int(exact or least or "0")
            high = int(exact) if exact else int(most) if most else None
            reached = max(low, high or 0)
            if reached > self.limits.max_repeat:
                raise LimitError.of("max_repeat", self.limits.max_repeat, reached, **self.where(at, end))
            if high is not None and high < low:
                self.error("min repeat greater than max repeat", at, end)
        if self.last in ("", "at"):
            self.error("nothing to repeat", at, end)
        if self.last == "repeat":
            self.error("multiple repeat", at, end, "a group: (?:...)" + pattern[at:end])
        mode = Mode.GREEDY
        if pattern.startswith("?", end):
            mode = Mode.LAZY
        elif pattern.startswith("+", end) and self.dialect != "ecma":
            mode = Mode.POSSESSIVE
        end += mode is not Mode.GREEDY
        items = self.group.items
        body = items.pop()
        if self.last == "item" and type(body) is Literal and len(body.text) > 1:
            size = len(body.text) - 1
            items.append(Literal(body.text[:-1], body.fold, body.start, at - 1, size, size))
            body = Literal(body.text[-1], body.fold, at - 1, at, 1, 1)
        items.append(repeat(body, low, high, mode, body.start, end))
        self.last = "repeat"
        return end

    def check_brace(self, at: int) -> None:
        """Refuse a brace that is text for `re` and not for the regex module."""
        text = self.pattern[at:]
        close = text.find("}") + 1 or len(text)
        if self.flags & VERBOSE:
            text = self.skip.sub("", text)
            if _BRACES.match(text):
                cause = "the regex module skips blanks in a brace; re doesn't"
                self.unsupported("blanks in a brace", cause, at, at + close, "a count without blanks")
        if _is_fuzzy(text):
            cause = "fuzzy matching, a text that is nearly right, is the regex module's and not supported"
            self.unsupported("fuzzy matching", cause, at, at + close, r"\{ if the brace is text")
