"""What reading any part of a pattern needs: the state on the way, nodes, and errors that point into the pattern."""

from __future__ import annotations

import re
from typing import NoReturn

from gcd.errors import GrammarError, UnsupportedError
from gcd.limits import Limits
from gcd.regex import charset
from gcd.regex.ast import UNBOUNDED, Alternation, Chars, Concat, Fold, Literal, Look, Node

__all__ = [
    "ASCII",
    "DOTALL",
    "IGNORECASE",
    "LOCALE",
    "LOCALE_CAUSE",
    "MULTILINE",
    "TEMPLATE",
    "UNICODE",
    "VERBOSE",
    "Group",
    "Reader",
    "where",
]

# Plain ints: combining `re.RegexFlag`s costs a microsecond each.
ASCII, IGNORECASE, LOCALE, MULTILINE, DOTALL, TEMPLATE, UNICODE, VERBOSE = (
    int(f) for f in (re.A, re.I, re.L, re.M, re.S, re.T, re.U, re.X)
)
LOCALE_CAUSE = "the LOCALE flag makes a pattern depend on where it runs"
_KNOWN_FLAGS = ASCII | IGNORECASE | LOCALE | MULTILINE | DOTALL | UNICODE | VERBOSE | int(re.DEBUG)

_VERBOSE_SKIP = re.compile(r"(?:[ \t\n\r\v\f]+|\#(?:\\.|[^\\\n])*(?:\n|\Z))+", DOTALL)
_REGEX_MODULE_SKIP = re.compile(r"(?:\s+|\#[^\n]*)+")


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


class Group:
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


class Reader:
    """The state of one reading. The parts of a pattern are read by classes over it: escapes, groups, the whole."""

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
        self.group = Group("root", 0, 0)
        self.stack: list[Group] = []
        self.last = ""
        """What the last item was, for quantifiers: "" nothing, "at" an assertion, "repeat" a repetition, "item"."""
        self.n_groups = 0
        self.names: set[str] = set()
        if flags & LOCALE:
            self.unsupported("LOCALE flag", LOCALE_CAUSE, 0, 0, "leave the flag out")
        if flags & ~_KNOWN_FLAGS:
            raise ValueError(f"unknown regular expression flags: {flags & ~_KNOWN_FLAGS:#x}")
        self.check_type_flags(0, 0)
        if dialect == "ecma":
            self.flags |= UNICODE

    # -- errors -------------------------------------------------------------------------------

    def where(self, start: int, end: int) -> dict[str, object]:
        """The keyword arguments that point an error at a part of the pattern."""
        return where(self.pattern, self.name, start, end)

    def error(self, cause: str, start: int, end: int, remedy: str | None = None) -> NoReturn:
        """Refuse what `re` refuses, too."""
        raise GrammarError(cause, remedy=remedy, **self.where(start, end))  # type: ignore[arg-type] # as `where` says

    def unsupported(self, construct: str, cause: str, start: int, end: int, remedy: str | None = None) -> NoReturn:
        """Refuse what can't be compiled, by name."""
        raise UnsupportedError.of(construct, cause, remedy=remedy, **self.where(start, end))

    def check_type_flags(self, start: int, end: int) -> None:
        """Refuse ASCII beside UNICODE."""
        if self.flags & ASCII and self.flags & UNICODE:
            self.error("ASCII and UNICODE flags are incompatible", start, end)

    # -- items and nodes ----------------------------------------------------------------------

    def item(self, node: Node) -> None:
        """Add what a quantifier may stand behind."""
        self.group.items.append(node)
        self.last = "item"

    def literal(self, text: str, start: int, end: int) -> None:
        """Add characters as they stand, to the literal before them where there is one."""
        fold = Fold.NONE
        if self.flags & IGNORECASE and self.engine == "regex":
            for char in text:
                self.item(Chars(charset.fold_char(char, bool(self.flags & ASCII), self.engine), start, end, True))
            return
        if self.flags & IGNORECASE:
            fold = Fold.ASCII if self.flags & ASCII else Fold.UNICODE
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

    def alternation(self, group: Group, end: int) -> Node:
        """All that was read in the group, as one node."""
        last = self.concat(end)
        if not group.alternatives:
            return last
        items = [*group.alternatives, last]
        if self.flags & IGNORECASE:
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
                chars = charset.fold_set([(ord(node.text),) * 2, (0, 0)], (), bool(self.flags & ASCII))
                chars = charset.intersection(chars, charset.complement(charset.singleton(0)))
                node = Chars(chars, node.start, node.end, True)
            width = len(prefix) + 1
            result.append(Concat((*prefix, node), node.start, node.end, width, width) if prefix else node)
        return result
