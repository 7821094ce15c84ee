r"""A JSON Schema ``pattern`` -> the regex of all strings in which it is found.

ECMA-262 with the ``u`` flag, parsed by `gcd.regex`. The pattern is searched for, so ``a|b`` becomes
``CONCAT(ANY, ALT(a, b), ANY)``; where each way through begins with ``^`` or ends with ``$``, that side's ANY and the
anchors go, which covers nearly every pattern there is. Lookaheads behind such a ``^`` and lookbehinds before such a
``$`` become conjunctions and complements. Anchors elsewhere, word edges and other lookarounds are lookarounds in the
program, too. Which match is preferred (lazy or greedy) can't matter to whether there is one.
"""

from __future__ import annotations

from functools import lru_cache

from gcd.json_schema.builder import ProgramBuilder
from gcd.json_schema.program import UNBOUNDED
from gcd.limits import Limits
from gcd.regex import charset
from gcd.regex.ast import Alternation, Assertion, Atomic, Chars, Concat, Literal, Look, Node, Place, Repeat
from gcd.regex.parser import parse

__all__ = ["search_regex", "whole_regex"]

_START = Place.TEXT_START
_END = Place.TEXT_END


def search_regex(pattern: str, program: ProgramBuilder, limits: Limits) -> int:
    """The regex of the strings in which the pattern is found.

    Raises:
        GrammarError: it is no ECMA-262 pattern.
        UnsupportedError: it uses backreferences, or a Unicode property that isn't known.
        LimitError: it is nested too deeply, or a count is too large.
    """
    return _Writer(program).spread(parse(pattern, dialect="ecma", limits=limits), begins=False, ends=False)


@lru_cache(maxsize=256)
def _own_tree(pattern: str) -> Node:
    return parse(pattern, dialect="ecma")


def whole_regex(pattern: str, program: ProgramBuilder) -> int:
    """The regex of the strings that a pattern of our own matches as a whole."""
    return _Writer(program).node(_own_tree(pattern))


def _is(node: Node, place: Place) -> bool:
    return isinstance(node, Assertion) and node.place is place


def _look(node: Node, *, behind: bool) -> Look | None:
    """The node, if it is a lookahead or a lookbehind."""
    return node if isinstance(node, Look) and node.behind is behind else None


class _Writer:
    """Writes a syntax tree into a program's table of regexes."""

    def __init__(self, program: ProgramBuilder) -> None:
        self.program = program

    def spread(self, node: Node, begins: bool, ends: bool) -> int:
        """The regex of the strings in which the node is found, from their start on if `begins`, up to their end if
        `ends`. What a lookahead at the very start asks is asked of the whole string, so it needs no lookaround there:
        ``^(?!a)b`` is all that begins with b and doesn't begin with a."""
        program = self.program
        free: list[int] = []
        parts: list[int] = []
        for branch in node.items if isinstance(node, Alternation) else (node,):
            items: list[Node] = list(branch.items) if isinstance(branch, Concat) else [branch]
            first, last = begins, ends
            conditions: list[int] = []
            while items:
                if _is(items[0], _START):
                    first = True
                elif first and (look := _look(items[0], behind=False)):
                    found = self.spread(look.body, begins=True, ends=False)
                    conditions.append(program.but(found) if look.negative else found)
                else:
                    break
                items.pop(0)
            while items:
                if _is(items[-1], _END):
                    last = True
                elif last and (look := _look(items[-1], behind=True)):
                    found = self.spread(look.body, begins=False, ends=True)
                    conditions.append(program.but(found) if look.negative else found)
                else:
                    break
                items.pop()
            body = self.sequence(items)
            if not (first or last or conditions):
                free.append(body)
                continue
            left = () if first else (program.ANY,)
            right = () if last else (program.ANY,)
            parts.append(program.both((program.concat((*left, body, *right)), *conditions)))
        if free:
            parts.append(program.concat((program.ANY, program.alt(free), program.ANY)))
        return program.alt(parts)

    def sequence(self, items: list[Node]) -> int:
        return self.program.concat([self.node(item) for item in items])

    def node(self, node: Node) -> int:
        program = self.program
        if isinstance(node, Literal):
            return self.literal(node.text)
        if isinstance(node, Chars):
            return program.chars(node.chars)
        if isinstance(node, Concat):
            return self.sequence(list(node.items))
        if isinstance(node, Alternation):
            return program.alt([self.node(item) for item in node.items])
        if isinstance(node, Repeat):
            return self.repeat(node)
        if isinstance(node, Look):
            return program.look(self.node(node.body), behind=node.behind, negative=node.negative)
        if isinstance(node, Assertion):
            return self.place(node)
        if isinstance(node, Atomic):  # ECMA-262 has none
            raise AssertionError("no atomic groups in ECMA-262")
        raise AssertionError(f"the parser makes no {type(node).__name__}")

    def literal(self, text: str) -> int:
        """A text; one with lone surrogates, which no document holds, character by character."""
        program = self.program
        if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
            return program.concat([program.chars(charset.singleton(ord(c))) for c in text])
        return program.literal(text)

    def repeat(self, node: Repeat) -> int:
        high = UNBOUNDED if node.high is None else node.high
        return self.program.repeat(self.node(node.body), node.low, high)

    def place(self, node: Assertion) -> int:
        program = self.program
        if node.place is _START:
            return program.look(program.any_char(), behind=True, negative=True)
        if node.place is _END:
            return program.look(program.any_char(), behind=False, negative=True)
        word = program.chars(node.word)
        before = [program.look(word, behind=True, negative=negative) for negative in (False, True)]
        after = [program.look(word, behind=False, negative=negative) for negative in (False, True)]
        same = node.place is not Place.WORD_EDGE
        return program.alt([program.concat((before[i], after[i if same else 1 - i])) for i in (0, 1)])
