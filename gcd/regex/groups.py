"""Groups: what an opening bracket begins, inline flags and comments too, and the node that its end makes."""

from __future__ import annotations

import re

from gcd.errors import LimitError
from gcd.regex.analysis import has_atomic
from gcd.regex.ast import Alternation, Atomic, Concat, Literal, Look, Node
from gcd.regex.escapes import EscapeReader
from gcd.regex.reader import (
    ASCII,
    DOTALL,
    IGNORECASE,
    LOCALE,
    LOCALE_CAUSE,
    MULTILINE,
    TEMPLATE,
    UNICODE,
    VERBOSE,
    Group,
)

__all__ = ["GroupReader"]

_FLAGS = {
    "a": ASCII,
    "i": IGNORECASE,
    "L": LOCALE,
    "m": MULTILINE,
    "s": DOTALL,
    "t": TEMPLATE,
    "u": UNICODE,
    "x": VERBOSE,
}
_TYPE_FLAGS = ASCII | LOCALE | UNICODE
_MAX_COUNT = 4_294_967_295  # sre_constants.MAXREPEAT
_COMMENT = re.compile(r"\(\?\#(?:\\.|[^\\)])*\)", DOTALL)  # an escaped bracket doesn't end a comment
_VERB = re.compile(r"\(\*(?:PRUNE|SKIP|FAIL|F)\)")
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


class GroupReader(EscapeReader):
    """Opens and closes groups."""

    __slots__ = ()

    def open(self, at: int) -> int:
        """Read ``(`` and what says which kind of group it is."""
        pattern = self.pattern
        if not pattern.startswith("(?", at):
            if self.dialect == "regex" and (verb := _VERB.match(pattern, at)):
                cause = f"{verb.group()} steers a backtracking matcher; this one doesn't backtrack"
                self.unsupported("backtracking verb", cause, at, verb.end())
            self.n_groups += 1
            return self.push(Group("group", at, self.flags), at + 1)
        char = pattern[at + 2 : at + 3]
        if char == ":":
            return self.push(Group("group", at, self.flags), at + 3)
        if char and char in "=!":
            group = Group("look", at, self.flags)
            group.negative = char == "!"
            return self.push(group, at + 3)
        if pattern.startswith(("(?<=", "(?<!"), at):
            group = Group("look", at, self.flags)
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
                return self.open(self.push(Group("conditional", at, self.flags), at + 2))
            cause = "a conditional group needs to know which groups matched"
            self.unsupported("conditional group", cause, at, at + 3, "write both cases as alternatives")
        if char == ">":
            return self.push(Group("atomic", at, self.flags), at + 3)
        if char in _FLAGS or char == "-":
            return self.inline_flags(at)
        if self.dialect == "regex" and (char in _REGEX_MODULE_GROUPS or char.isdigit()):
            construct = _REGEX_MODULE_GROUPS.get(char, "recursion")
            self.unsupported(construct, f"(?{char}: {construct} is the regex module's and not regular", at, at + 3)
        size = 4 if char == "<" else 3
        remedy = f"(?P<{pattern[at + 3]}..." if char == "<" and pattern[at + 3 : at + 4].isidentifier() else None
        self.error(f"unknown extension {pattern[at + 1 : at + size]}", at, at + size, remedy)

    def push(self, group: Group, at: int) -> int:
        """Begin a group, whose body is read from `at` on."""
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
        return self.push(Group("group", at, self.flags), end + 1)

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
                    self.unsupported("LOCALE flag", LOCALE_CAUSE, i, i + 1, "leave the flag out")
                add |= flag
                if flag & _TYPE_FLAGS and add & _TYPE_FLAGS != flag:
                    self.error("bad inline flags: flags 'a', 'u' and 'L' are incompatible", i, i + 1)
                i += 1
                char = pattern[i : i + 1]
                if char == "" or (char not in ")-:" and char not in _FLAGS):
                    self.error("unknown flag" if char.isalpha() else "missing -, : or )", i, i + 1)
                if char in ")-:":
                    break
        if add & TEMPLATE:
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
                if flag & (_TYPE_FLAGS | TEMPLATE):
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
        group = Group("group", at, self.flags)
        if add & _TYPE_FLAGS and self.dialect == "regex":
            self.unsupported("scoped ASCII flag", "the regex module reads (?a:...) in its own way", at, i)
        if add & _TYPE_FLAGS:
            self.flags &= ~_TYPE_FLAGS
        self.flags = (self.flags | add) & ~remove
        return self.push(group, i + 1)

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

    def conditional(self, group: Group, end: int) -> Node:
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
        """Refuse what the dialect's module refuses in a lookbehind, or reads in a way of its own."""
        if self.dialect != "python":
            if has_atomic(body):  # the regex module runs it backwards, and takes the first way from that side
                cause = "an atomic group or possessive quantifier inside of a lookbehind is not supported"
                self.unsupported("atomic group", cause, start, end)
            return
        if body.min_width > _MAX_COUNT:
            self.error("looks too much behind", start, end)
        if body.min_width != body.max_width:
            self.error("look-behind requires fixed-width pattern", start, end)
