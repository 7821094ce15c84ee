r"""Regular expression text -> syntax tree, exactly as CPython's `re` reads it.

One loop over the pattern with an explicit stack of open groups, so no pattern can exhaust Python's own stack. Flags are
resolved on the way: global ones must stand at the start, so they are known before the first character that they touch.

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
    rely on (``\-``, ``\@``, a lone ``{``). ``\d`` and ``\w`` are ASCII, ``$`` is the very end. A pattern is not
    anchored; whoever wants to search wraps it. Which of several matches is preferred follows Python where the two
    differ (an empty round of a loop); which texts match at all doesn't depend on it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NoReturn

from gcd.errors import GrammarError, LimitError, UnsupportedError
from gcd.limits import Limits
from gcd.regex import charset
from gcd.regex.analysis import has_atomic, literal_chars, repeat
from gcd.regex.ast import (
    UNBOUNDED,
    Alternation,
    Assertion,
    Atomic,
    Chars,
    Concat,
    Fold,
    Literal,
    Look,
    Mode,
    Node,
    Place,
)
from gcd.regex.charset import CharSet

__all__ = ["DIALECTS", "literal_text", "min_width", "parse", "where"]

DIALECTS = ("python", "regex", "ecma")

# Plain ints: combining `re.RegexFlag`s costs a microsecond each.
_A, _I, _L, _M, _S, _T, _U, _X = (int(f) for f in (re.A, re.I, re.L, re.M, re.S, re.T, re.U, re.X))
_FLAGS = {"a": _A, "i": _I, "L": _L, "m": _M, "s": _S, "t": _T, "u": _U, "x": _X}
_TYPE_FLAGS = _A | _L | _U
_KNOWN_FLAGS = _A | _I | _L | _M | _S | _U | _X | int(re.DEBUG)
_LOCALE = "the LOCALE flag makes a pattern depend on where it runs"
_MAX_COUNT = 4_294_967_295  # sre_constants.MAXREPEAT

_RUN = re.compile(r"[^\\.\[{()*+?^$|]+")
_VERBOSE_RUN = re.compile(r"[^\\.\[{()*+?^$|#\s]+|[^\S \t\n\r\v\f]+")
_VERBOSE_SKIP = re.compile(r"(?:[ \t\n\r\v\f]+|\#(?:\\.|[^\\\n])*(?:\n|\Z))+", _S)
_REGEX_MODULE_SKIP = re.compile(r"(?:\s+|\#[^\n]*)+")
_COMMENT = re.compile(r"\(\?\#(?:\\.|[^\\)])*\)", _S)  # an escaped bracket doesn't end a comment
_BRACES = re.compile(r"\{(?:([0-9]+)|([0-9]*),([0-9]*))\}")
_FUZZY_BOUND = re.compile(r"([deis])(?:<=?[0-9]*)?|[0-9]+<=?([deis])<=?[0-9]*")
_FUZZY_COST = re.compile(r"[0-9]*[dis](?:\+[0-9]*[dis])*<=?[0-9]*")
_ECMA_BRACES = re.compile(r"\{(?:([0-9]+)|([0-9]+),([0-9]*))\}")
_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92}
_VERB = re.compile(r"\(\*(?:PRUNE|SKIP|FAIL|F)\)")
_PLACES = {"b": Place.WORD_EDGE, "B": Place.NO_WORD_EDGE, "A": Place.TEXT_START, "Z": Place.TEXT_END}
_HEX = {size: re.compile(f"[0-9a-fA-F]{{{size}}}") for size in (2, 4, 8)}
_SHORT_HEX = re.compile("[0-9a-fA-F]*")
_OCTAL = re.compile("[0-7]{1,3}")

_REGEX_MODULE_GROUPS = {
    "|": "branch reset",
    "R": "recursion",
    "&": "subpattern call",
    "r": "reverse matching",
    "b": "best match",
    "e": "enhanced matching",
    "p": "POSIX matching",
    "f": "full case-folding",
    "w": "WORD flag",
    "V": "version flag",
    "<": "named group in angle brackets",
}
_REGEX_MODULE_ESCAPES = {
    "G": "search anchor",
    "K": "match reset",
    "L": "named list",
    "M": "end of word",
    "R": "line break",
    "X": "grapheme",
    "g": "group reference",
    "h": "horizontal space",
    "m": "start of word",
}


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


def where(pattern: str, name: str, start: int, end: int) -> dict[str, object]:
    """The keyword arguments that point an error at ``pattern[start:end]``."""
    before = pattern[:start]
    return {
        "name": f"pattern of {name}" if name else "pattern",
        "source": pattern,
        "line": before.count("\n") + 1,
        "column": start - (before.rfind("\n") + 1) + 1,
        "length": max(1, end - start),
    }


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


class _Group:
    """A group that is open: what was read of it, and what to go back to at its end."""

    __slots__ = ("alternatives", "behind", "condition", "flags", "items", "kind", "name", "negative", "start")

    def __init__(self, kind: str, start: int, flags: int) -> None:
        self.kind = kind  # "group", "look", "atomic" or "conditional"
        self.start = start
        self.flags = flags  # outside of it
        self.alternatives: list[Node] = []
        self.items: list[Node] = []
        self.behind = self.negative = False
        self.condition: Look | None = None  # of a conditional group


class _Parser:
    __slots__ = (
        "dialect",
        "engine",
        "flags",
        "group",
        "last",
        "limits",
        "n_groups",
        "name",
        "names",
        "pattern",
        "skip",
        "stack",
    )

    def __init__(self, pattern: str, flags: int, name: str, dialect: str, limits: Limits) -> None:
        self.pattern = pattern
        self.name = name
        self.dialect = dialect
        self.engine = "regex" if dialect == "regex" else "re"
        self.skip = _REGEX_MODULE_SKIP if dialect == "regex" else _VERBOSE_SKIP
        self.limits = limits
        self.flags = flags
        self.group = _Group("root", 0, 0)
        self.stack: list[_Group] = []
        self.last = ""
        """What the last item was, for quantifiers: "" nothing, "at" an assertion, "repeat" a repetition, "item"."""
        self.n_groups = 0
        self.names: set[str] = set()
        if flags & _L:
            self.unsupported("LOCALE flag", _LOCALE, 0, 0, "leave the flag out")
        if flags & ~_KNOWN_FLAGS:
            raise ValueError(f"unknown regular expression flags: {flags & ~_KNOWN_FLAGS:#x}")
        self.check_type_flags(0, 0)
        if dialect == "ecma":
            self.flags |= _U

    # -- errors -------------------------------------------------------------------------------

    def where(self, start: int, end: int) -> dict[str, object]:
        return where(self.pattern, self.name, start, end)

    def error(self, cause: str, start: int, end: int, remedy: str | None = None) -> NoReturn:
        raise GrammarError(cause, remedy=remedy, **self.where(start, end))  # type: ignore[arg-type] # as `where` says

    def unsupported(self, construct: str, cause: str, start: int, end: int, remedy: str | None = None) -> NoReturn:
        raise UnsupportedError.of(construct, cause, remedy=remedy, **self.where(start, end))

    # -- the loop -----------------------------------------------------------------------------

    def parse(self) -> Node:
        pattern = self.pattern
        size = len(pattern)
        at = 0
        while at < size:
            if self.flags & _X:
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
                chars = charset.ANY if self.flags & _S else charset.complement(newlines)
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

    def item(self, node: Node) -> None:
        self.group.items.append(node)
        self.last = "item"

    def literal(self, text: str, start: int, end: int) -> None:
        """Add characters as they stand, to the literal before them where there is one."""
        fold = Fold.NONE
        if self.flags & _I and self.engine == "regex":
            for char in text:
                self.item(Chars(charset.fold_char(char, bool(self.flags & _A), self.engine), start, end, True))
            return
        if self.flags & _I:
            fold = Fold.ASCII if self.flags & _A else Fold.UNICODE
        items = self.group.items
        if items and self.last == "item":
            before = items[-1]
            if type(before) is Literal and before.fold is fold and before.end == start:
                items[-1] = Literal(
                    before.text + text,
                    fold,
                    before.start,
                    end,
                    before.min_width + len(text),
                    before.max_width + len(text),
                )
                return
        items.append(Literal(text, fold, start, end, len(text), len(text)))
        self.last = "item"

    def anchor(self, char: str, at: int) -> None:
        """Add ``^`` or ``$``."""
        if self.flags & _M:
            place = Place.LINE_START if char == "^" else Place.LINE_END
        elif char == "^":
            place = Place.TEXT_START
        else:
            place = Place.TEXT_END if self.dialect == "ecma" else Place.LAST_LINE_END
        self.group.items.append(Assertion(place, (), at, at + 1))
        self.last = "at"

    # -- nodes --------------------------------------------------------------------------------

    def concat(self, end: int) -> Node:
        """What was read since the last ``(`` or ``|``, as one node."""
        items = self.group.items
        if len(items) == 1:
            return items[0]
        flat: list[Node] = []
        low = high = 0
        for item in items:
            low += item.min_width
            high += item.max_width
            for part in item.items if type(item) is Concat else (item,):
                last = flat[-1] if flat else None
                if type(part) is Literal and type(last) is Literal and part.fold is last.fold:
                    text = last.text + part.text
                    flat[-1] = Literal(text, part.fold, last.start, part.end, len(text), len(text))
                else:
                    flat.append(part)
        if len(flat) == 1:
            return flat[0]
        start = flat[0].start if flat else end
        return Concat(tuple(flat), start, end, min(low, UNBOUNDED), min(high, UNBOUNDED))

    def alternation(self, group: _Group, end: int) -> Node:
        """All that was read in the group, as one node."""
        last = self.concat(end)
        if not group.alternatives:
            return last
        items = [*group.alternatives, last]
        if self.flags & _I:
            items = self.as_one_set(items)
        flat: list[Node] = []
        for item in items:
            flat += item.items if type(item) is Alternation else (item,)
        low = min(item.min_width for item in flat)
        high = max(item.max_width for item in flat)
        return Alternation(tuple(flat), group.start, end, low, high)

    def as_one_set(self, items: list[Node]) -> list[Node]:
        """Alternatives of one character each under IGNORECASE, as CPython reads them: as one set.

        It makes a difference for one sort of character. CPython (3.11) folds a set's members to lower case in a bitmap
        of 16 bits; others stay as written but are compared with folded text, so an upper-case letter beyond U+FFFF
        that shares a set with anything else matches nothing. CPython first takes a common prefix out of the
        alternatives, so we have to look behind it.
        """
        if all(type(item) is not Literal or item.text.isascii() or max(item.text) < "\U00010000" for item in items):
            return items
        split = [list(item.items) if type(item) is Concat else [item] for item in items]
        units: list[list[Node]] = []
        for parts in split:
            unit: list[Node] = []
            for part in parts:
                if type(part) is Literal and len(part.text) > 1:
                    unit += (Literal(c, part.fold, part.start, part.end, 1, 1) for c in part.text)
                else:
                    unit.append(part)
            units.append(unit)
        prefix: list[Node] = []
        while all(units) and type(units[0][0]) in (Literal, Chars) and all(unit[0] == units[0][0] for unit in units):
            prefix.append(units[0][0])
            units = [unit[1:] for unit in units]
        if not all(
            len(unit) == 1 and (type(unit[0]) is Literal or (type(unit[0]) is Chars and unit[0].listed))
            for unit in units
        ):
            return items
        result: list[Node] = []
        for unit in units:
            node = unit[0]
            if type(node) is Literal and node.text > "\uffff":
                chars = charset.fold_set([(ord(node.text),) * 2, (0, 0)], (), bool(self.flags & _A))
                chars = charset.intersection(chars, charset.complement(charset.singleton(0)))
                node = Chars(chars, node.start, node.end, True)
            width = len(prefix) + 1
            result.append(Concat((*prefix, node), node.start, node.end, width, width) if prefix else node)
        return result

    # -- groups -------------------------------------------------------------------------------

    def open(self, at: int) -> int:
        """Read ``(`` and what says which kind of group it is."""
        pattern = self.pattern
        if not pattern.startswith("(?", at):
            if self.dialect == "regex" and (verb := _VERB.match(pattern, at)):
                cause = f"{verb.group()} steers a backtracking matcher; this one doesn't backtrack"
                self.unsupported("backtracking verb", cause, at, verb.end())
            self.n_groups += 1
            return self.push(_Group("group", at, self.flags), at + 1)
        char = pattern[at + 2 : at + 3]
        if char == ":":
            return self.push(_Group("group", at, self.flags), at + 3)
        if char and char in "=!":
            group = _Group("look", at, self.flags)
            group.negative = char == "!"
            return self.push(group, at + 3)
        if pattern.startswith(("(?<=", "(?<!"), at):
            group = _Group("look", at, self.flags)
            group.behind, group.negative = True, pattern[at + 3] == "!"
            return self.push(group, at + 4)
        if char == "<" and self.dialect != "python":
            return self.open_named(at, at + 3)
        if self.dialect == "ecma":
            self.error(f"unknown group (?{char}", at, at + 3)
        if char == "":
            self.error("unexpected end of pattern", at, at + 2)
        if char == "#":
            comment = _COMMENT.match(pattern, at)
            if comment is None:
                self.error("missing ), unterminated comment", at, at + 3)
            return comment.end()
        if char == "P":
            return self.open_p(at)
        if char == "(":
            if self.dialect == "regex" and pattern.startswith(("?=", "?!", "?<=", "?<!"), at + 3):
                return self.open(self.push(_Group("conditional", at, self.flags), at + 2))
            cause = "a conditional group needs to know which groups matched"
            self.unsupported("conditional group", cause, at, at + 3, "write both cases as alternatives")
        if char == ">":
            return self.push(_Group("atomic", at, self.flags), at + 3)
        if char in _FLAGS or char == "-":
            return self.inline_flags(at)
        if self.dialect == "regex" and (char in _REGEX_MODULE_GROUPS or char.isdigit()):
            construct = _REGEX_MODULE_GROUPS.get(char, "recursion")
            self.unsupported(construct, f"(?{char}: {construct} is the regex module's and not regular", at, at + 3)
        size = 4 if char == "<" else 3
        remedy = f"(?P<{pattern[at + 3]}..." if char == "<" and pattern[at + 3 : at + 4].isidentifier() else None
        self.error(f"unknown extension {pattern[at + 1 : at + size]}", at, at + size, remedy)

    def push(self, group: _Group, at: int) -> int:
        depth = len(self.stack) + 1
        if depth > self.limits.max_nesting:
            raise LimitError.of("max_nesting", self.limits.max_nesting, depth, **self.where(group.start, at))
        self.stack.append(self.group)
        self.group = group
        self.last = ""
        return at

    def open_p(self, at: int) -> int:
        """Read ``(?P``, Python's named groups and references to them."""
        pattern = self.pattern
        char = pattern[at + 3 : at + 4]
        if char == "<":
            return self.open_named(at, at + 4)
        if char == "=":
            end = pattern.find(")", at)
            name = pattern[at + 4 : end] if end >= 0 else ""
            if name.isidentifier() and name in self.names:
                self.backreference(at, end + 1)
            self.error(f"unknown group name {name!r}" if end >= 0 else "missing ), unterminated name", at, at + 4)
        if self.dialect == "regex" and char == ">":
            self.unsupported("subpattern call", "(?P>: a call of a subpattern is not regular", at, at + 4)
        self.error(f"unknown extension ?P{char}" if char else "unexpected end of pattern", at, at + 3)

    def open_named(self, at: int, begin: int) -> int:
        """Read a group's name, which begins at `begin` and ends with ``>``."""
        end = self.pattern.find(">", begin)
        name = self.pattern[begin:end] if end >= 0 else ""
        if end < 0:
            self.error("missing >, unterminated name", at, begin)
        if not name:
            self.error("missing group name", at, begin)
        if not name.replace("$", "_" if self.dialect == "ecma" else "$").isidentifier():
            self.error(f"bad character in group name {name!r}", begin, end)
        if name in self.names and self.dialect == "python":
            self.error(f"redefinition of group name {name!r}", begin, end)
        self.names.add(name)
        self.n_groups += 1
        return self.push(_Group("group", at, self.flags), end + 1)

    def inline_flags(self, at: int) -> int:
        """Read ``(?flags)``, ``(?flags:`` or ``(?flags-flags:``."""
        pattern = self.pattern
        add = remove = 0
        i = at + 2
        if pattern[i] != "-":
            while True:
                char = pattern[i]
                flag = _FLAGS[char]
                if char == "L":
                    self.unsupported("LOCALE flag", _LOCALE, i, i + 1, "leave the flag out")
                add |= flag
                if flag & _TYPE_FLAGS and add & _TYPE_FLAGS != flag:
                    self.error("bad inline flags: flags 'a', 'u' and 'L' are incompatible", i, i + 1)
                i += 1
                char = pattern[i : i + 1]
                if char == "" or (char not in ")-:" and char not in _FLAGS):
                    self.error("unknown flag" if char.isalpha() else "missing -, : or )", i, i + 1)
                if char in ")-:":
                    break
        if add & _T:
            self.unsupported("TEMPLATE flag", "the TEMPLATE flag (deprecated) is not supported", at, i)
        if pattern[i] == ")":
            if self.stack or self.group.alternatives or self.group.items:
                self.error("global flags not at the start of the expression", at, i + 1, "scoped flags: (?i:...)")
            self.flags |= add
            self.check_type_flags(at, i + 1)
            return i + 1
        if pattern[i] == "-":
            i += 1
            if pattern[i : i + 1] == "" or pattern[i] not in _FLAGS:
                self.error("unknown flag" if pattern[i : i + 1].isalpha() else "missing flag", i, i + 1)
            while True:
                flag = _FLAGS[pattern[i]]
                if flag & (_TYPE_FLAGS | _T):
                    self.error("bad inline flags: cannot turn off flags 'a', 't', 'u' and 'L'", i, i + 1)
                remove |= flag
                i += 1
                char = pattern[i : i + 1]
                if char == ":":
                    break
                if char == "" or char not in _FLAGS:
                    self.error("unknown flag" if char.isalpha() else "missing :", i, i + 1)
        if add & remove:
            self.error("bad inline flags: flag turned on and off", at, i)
        group = _Group("group", at, self.flags)
        if add & _TYPE_FLAGS and self.dialect == "regex":
            self.unsupported("scoped ASCII flag", "the regex module reads (?a:...) in its own way", at, i)
        if add & _TYPE_FLAGS:
            self.flags &= ~_TYPE_FLAGS
        self.flags = (self.flags | add) & ~remove
        return self.push(group, i + 1)

    def check_type_flags(self, start: int, end: int) -> None:
        if self.flags & _A and self.flags & _U:
            self.error("ASCII and UNICODE flags are incompatible", start, end)

    def close(self, at: int) -> int:
        """Read ``)``: make the group's node and go on with what is around it."""
        if not self.stack:
            self.error("unbalanced parenthesis", at, at + 1)
        group = self.group
        node = self.conditional(group, at) if group.kind == "conditional" else self.alternation(group, at)
        self.flags = group.flags
        self.group = self.stack.pop()
        end = at + 1
        if group.kind == "look":
            if group.behind:
                self.check_lookbehind(node, group.start, end)
            node = Look(node, group.behind, group.negative, group.start, end)
            if self.group.kind == "conditional" and self.group.condition is None:
                self.group.condition = node
                self.last = ""
                return end
        elif group.kind == "atomic":
            node = Atomic(node, group.start, end, node.min_width, node.max_width)
        elif type(node) is Literal:  # so that no literal around it takes its text for its own
            node = Literal(node.text, node.fold, group.start, end, node.min_width, node.max_width)
        self.item(node)
        self.last = "group"
        return end

    def conditional(self, group: _Group, end: int) -> Node:
        """``(?(?=a)b|c)`` as what it means: ``(?:(?=a)b|(?!a)c)``."""
        look = group.condition
        assert look is not None
        branches = [*group.alternatives, self.concat(end), Concat((), end, end, 0, 0)]
        items = []
        for negative, branch in zip((look.negative, not look.negative), branches, strict=False):
            group.items = [Look(look.body, look.behind, negative, look.start, look.end), branch]
            items.append(self.concat(end))
        low = min(item.min_width for item in items)
        high = max(item.max_width for item in items)
        return Alternation(tuple(items), group.start, end, low, high)

    def check_lookbehind(self, body: Node, start: int, end: int) -> None:
        if self.dialect != "python":
            if has_atomic(body):  # the regex module runs it backwards, and takes the first way from that side
                cause = "an atomic group or possessive quantifier inside of a lookbehind is not supported"
                self.unsupported("atomic group", cause, start, end)
            return
        if body.min_width > _MAX_COUNT:
            self.error("looks too much behind", start, end)
        if body.min_width != body.max_width:
            self.error("look-behind requires fixed-width pattern", start, end)

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
        if self.flags & _X:
            text = self.skip.sub("", text)
            if _BRACES.match(text):
                cause = "the regex module skips blanks in a brace; re doesn't"
                self.unsupported("blanks in a brace", cause, at, at + close, "a count without blanks")
        if _is_fuzzy(text):
            cause = "fuzzy matching, a text that is nearly right, is the regex module's and not supported"
            self.unsupported("fuzzy matching", cause, at, at + close, r"\{ if the brace is text")

    # -- escapes ------------------------------------------------------------------------------

    def backreference(self, start: int, end: int) -> NoReturn:
        self.unsupported(
            "backreference",
            "a backreference matches what a group matched, which no automaton remembers",
            start,
            end,
            "write out the texts that it can stand for, as alternatives",
        )

    def escape(self, at: int) -> int:
        """Read a backslash and what belongs to it, outside of a set."""
        pattern = self.pattern
        char = pattern[at + 1 : at + 2]
        if char == "":
            self.error("bad escape (end of pattern)", at, at + 1)
        end = at + 2
        ecma = self.dialect == "ecma"
        if char in "dswDSW":
            self.item(Chars(self.category(char), at, end, True))
            return end
        if char in "bB" or (char in "AZ" and not ecma):
            place = _PLACES[char]
            if char == "B" and self.dialect == "python":
                place = Place.NO_WORD_EDGE_IN_TEXT
            word = self.category("w") if char in "bB" else ()
            if word and self.engine == "regex" and self.flags & _A:
                self.unsupported("ASCII word edge", "the regex module's \\b under ASCII has rules of its own", at, end)
            self.group.items.append(Assertion(place, word, at, end))
            self.last = "at"
            return end
        if char in "pP" and self.dialect != "python":
            chars, end = self.property(at)
            self.item(Chars(chars, at, end, True))
            return end
        if char.isdigit() and char.isascii() and not (ecma and char == "0"):
            if char == "0":
                octal = _OCTAL.match(pattern, at + 1)
                assert octal is not None
                if self.flags & _X and self.dialect == "regex" and len(octal.group()) < 3:
                    blanks = self.skip.match(pattern, octal.end())
                    if blanks and pattern[blanks.end() : blanks.end() + 1] in set("01234567"):
                        cause = "the regex module skips blanks in an octal escape; re doesn't"
                        self.unsupported("blanks in an escape", cause, at, blanks.end() + 1, "three digits")
                self.literal(chr(int(octal.group(), 8)), at, octal.end())
                return octal.end()
            octal = _OCTAL.match(pattern, at + 1)
            if octal is not None and len(octal.group()) == 3 and not ecma:
                value = int(octal.group(), 8)
                if value > 0o377:
                    self.error(f"octal escape value \\{octal.group()} outside of range 0-0o377", at, octal.end())
                self.literal(chr(value), at, octal.end())
                return octal.end()
            end += pattern[end : end + 1] in set("0123456789")
            number = int(pattern[at + 1 : end])
            if number > self.n_groups and not ecma:
                self.error(f"invalid group reference {number}", at, end)
            self.backreference(at, end)
        if ecma and char == "k":
            self.backreference(at, end)
        code, end = self.char_escape(at)
        self.literal(chr(code), at, end)
        return end

    def category(self, letter: str) -> CharSet:
        if self.dialect != "ecma":
            return charset.category(letter, bool(self.flags & _A), self.engine)
        chars = charset.ECMA_SPACE if letter in "sS" else charset.category(letter.lower(), True)
        return charset.complement(chars) if letter.isupper() else chars

    def char_escape(self, at: int) -> tuple[int, int]:
        """The code point of an escape for one character, in or out of a set, and where the escape ends."""
        pattern = self.pattern
        char = pattern[at + 1]
        end = at + 2
        ecma = self.dialect == "ecma"
        if ecma:
            if char == "c" and pattern[end : end + 1].isalpha() and pattern[end].isascii():
                return ord(pattern[end]) & 31, end + 1
            if char == "0" and not pattern[end : end + 1].isdigit():
                return 0, end
            if char == "u" and pattern.startswith("{", end):
                close = pattern.find("}", end)
                digits = pattern[end + 1 : close]
                if close < 0 or not digits or _SHORT_HEX.fullmatch(digits) is None or int(digits, 16) > 0x10FFFF:
                    self.error("bad \\u{...} escape", at, max(close + 1, end))
                return int(digits, 16), close + 1
        if char in _ESCAPES and not (ecma and char == "a"):
            return _ESCAPES[char], end
        size = {"x": 2, "u": 4, "U": 8}.get(char, 0) if not (ecma and char == "U") else 0
        if size:
            digits_match = _HEX[size].match(pattern, end)
            if digits_match is None:
                short = _SHORT_HEX.match(pattern, end)
                stop = min(short.end() if short else end, end + size)
                self.error(f"incomplete escape {pattern[at:stop]}", at, stop)
            end += size
            code = int(digits_match.group(), 16)
            if code > 0x10FFFF:
                self.error(f"bad escape {pattern[at:end]}", at, end)
            if ecma and 0xD800 <= code < 0xDC00 and pattern.startswith("\\u", end):  # a surrogate pair
                low = _HEX[4].match(pattern, end + 2)
                if low and 0xDC00 <= int(low.group(), 16) < 0xE000:
                    return 0x10000 + (code - 0xD800) * 0x400 + int(low.group(), 16) - 0xDC00, end + 6
            return code, end
        if char == "N" and not ecma:
            return self.named_char(at)
        if self.dialect == "regex" and char in _REGEX_MODULE_ESCAPES:
            construct = _REGEX_MODULE_ESCAPES[char]
            self.unsupported(construct, f"\\{char}: the regex module's {construct} is not supported", at, end)
        if (char.isalpha() or char.isdigit() or (ecma and char == "_")) and char.isascii():
            remedy = 'dialect="regex"' if char in "pP" and self.dialect == "python" else None
            self.error(f"bad escape \\{char}", at, end, remedy)
        return ord(char), end

    def named_char(self, at: int) -> tuple[int, int]:
        """Read ``\\N{name}``."""
        close = self.pattern.find("}", at)
        if not self.pattern.startswith("{", at + 2):
            self.error("missing {", at, at + 2)
        if close < 0:
            self.error("missing }, unterminated name", at, at + 3)
        name = self.pattern[at + 3 : close]
        try:
            return ord(unicodedata.lookup(name)), close + 1
        except (KeyError, TypeError):  # TypeError: a named sequence of several characters
            self.error(f"undefined character name {name!r}" if name else "missing character name", at, close + 1)

    def property(self, at: int) -> tuple[CharSet, int]:
        r"""Read ``\p{..}``, ``\P{..}``, ``\p{^..}`` or ``\pL``."""
        pattern = self.pattern
        close = pattern.find("}", at)
        negate = pattern[at + 1] == "P"
        if pattern.startswith("{", at + 2) and close > 0:
            text, end = pattern[at + 3 : close], close + 1
        elif self.dialect == "regex" and pattern[at + 2 : at + 3].isalpha():
            text, end = pattern[at + 2], at + 3
        else:
            self.error(f"bad escape {pattern[at : at + 2]}, expected {{", at, at + 2)
        if self.dialect == "regex" and text.startswith("^"):
            negate, text = not negate, text[1:]
        chars = charset.unicode_property(text, self.engine)
        if chars is None:
            self.unsupported(
                "Unicode property",
                f"the property {text!r} is not a general category (nor Any, ASCII, Assigned)",
                at,
                end,
                "a general category such as L, Lu, Nd, or a set of ranges",
            )
        if self.flags & _I:
            self.unsupported("Unicode property", f"{pattern[at:end]} under IGNORECASE is not supported", at, end)
        return (charset.complement(chars) if negate else chars), end

    # -- sets ---------------------------------------------------------------------------------

    def set(self, at: int) -> int:
        """Read ``[...]``."""
        pattern = self.pattern
        ecma = self.dialect == "ecma"
        end = at + 1
        negate = pattern.startswith("^", end)
        end += negate
        ranges: list[tuple[int, int]] = []
        categories: list[str] = []
        others: list[CharSet] = []
        only_char = True
        first = not ecma  # a bracket that comes first is text
        while True:
            char = pattern[end : end + 1]
            if char == "":
                self.error("unterminated character set", at, at + 1)
            if char == "]" and not first:
                end += 1
                break
            first = False
            if self.dialect == "regex" and pattern.startswith("[:", end) and ":]" in pattern[end:]:
                self.unsupported("POSIX class", "POSIX classes are not supported", end, end + 2)
            begin = end
            low, end = self.set_item(end, categories, others)
            ranged = pattern.startswith("-", end) and not pattern.startswith("-]", end)
            if ranged and not (low is None and self.dialect == "regex"):  # there a class ends before the hyphen
                if pattern[end + 1 : end + 2] == "":
                    self.error("unterminated character set", at, at + 1)
                high, end = self.set_item(end + 1, categories, others)
                if low is not None and high is not None and low <= high:
                    ranges.append((low, high))
                elif self.dialect != "python" and (low is None or high is None):  # a class: the hyphen is text
                    ranges += [(c, c) for c in (low, 45, high) if c is not None]
                else:
                    self.error(f"bad character range {pattern[begin:end]}", begin, end)
                only_char = False
            elif low is not None:
                ranges.append((low, low))
        if only_char and not categories and not others and len(set(ranges)) == 1 and not negate:
            self.literal(chr(ranges[0][0]), at, end)
            return end
        self.item(Chars(self.set_chars(ranges, categories, others, only_char, negate), at, end, not negate))
        return end

    def set_chars(
        self,
        ranges: list[tuple[int, int]],
        categories: list[str],
        others: Sequence[CharSet],
        only_char: bool,
        negate: bool,
    ) -> CharSet:
        """The set that the items of ``[...]`` make."""
        flags = self.flags
        ascii_only = bool(flags & _A)
        if flags & _I:
            if only_char and not categories and len(set(ranges)) == 1:
                chars = charset.fold_char(chr(ranges[0][0]), ascii_only, self.engine)  # CPython takes [^x] for "not x"
            else:
                chars = charset.fold_set(ranges, categories, ascii_only, self.engine)
        else:
            chars = charset.normalize(ranges)
            if categories:
                chars = charset.union(
                    chars, *(charset.category(letter, ascii_only, self.engine) for letter in categories)
                )
        if others:
            chars = charset.union(chars, *others)
        return charset.complement(chars) if negate else chars

    def set_item(self, at: int, categories: list[str], others: list[CharSet]) -> tuple[int | None, int]:
        """Read one character or class of a set: its code point (None for a class, which is filed) and its end."""
        pattern = self.pattern
        char = pattern[at]
        if char != "\\":
            return ord(char), at + 1
        char = pattern[at + 1 : at + 2]
        if char == "":
            self.error("bad escape (end of pattern)", at, at + 1)
        if char in "dswDSW":
            if self.dialect == "ecma":
                others.append(self.category(char))
            else:
                categories.append(char)
            return None, at + 2
        if char in "pP" and self.dialect != "python":
            chars, end = self.property(at)
            others.append(chars)
            return None, end
        if char.isdigit() and char.isascii() and self.dialect != "ecma":
            octal = _OCTAL.match(pattern, at + 1)
            if octal is None:
                self.error(f"bad escape \\{char}", at, at + 2)
            if int(octal.group(), 8) > 0o377:
                self.error(f"octal escape value \\{octal.group()} outside of range 0-0o377", at, octal.end())
            return int(octal.group(), 8), octal.end()
        return self.char_escape(at)
