"""Lark's terminal definitions as `Terminal`s of the IR, and the lexsets over them.

Two ids may belong to one name. The *lexing* id is what matches text. The *parsing* id is what productions contain. They
differ only where Lark's own rules make a name two things at once:

- dynamic lexer, ``%ignore WS`` and ``a: WS b``: a blank may be dropped and may be read, and Lark follows both;
- ``%ignore "end"`` beside ``NAME: /[a-z]+/``: the text ``end`` matches as NAME and becomes the literal END (Lark's
  keyword rule) *after* Lark asked whether to ignore it, so this END is not dropped but handed to the parser.

A terminal that is ignored thus never appears in a production, and one in a production is never ignored.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

from lark.indenter import Indenter
from lark.lexer import Pattern, PatternStr, TerminalDef

from gcd.errors import GrammarError, UnsupportedError
from gcd.grammar.ir import Indentation, Lexset, SourceSpan, Terminal, Unless

__all__ = ["TerminalTable", "inline_flags", "quiet"]

_FLAG_BITS = {"i": re.I, "m": re.M, "s": re.S, "x": re.X, "u": re.U}

_INLINE_FLAGS = re.compile(r"\s*\(\?([aiLmsux]+)\)")


def inline_flags(pattern: str) -> tuple[str, str]:
    """Split global flags off the front of a pattern.

    >>> inline_flags("(?i)(?s)a.b")
    ('a.b', 'is')
    """
    letters = ""
    while match := _INLINE_FLAGS.match(pattern):
        letters += match[1]
        pattern = pattern[match.end() :]
    return pattern, letters


@contextmanager
def quiet() -> Iterator[None]:
    """Python warns of patterns such as ``[[a]`` that it may read differently one day; we read what it reads today."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class TerminalTable:
    """The terminals of one grammar and the lexsets made of them so far.

    Sets of terminals are bitmasks over *ranks*: rank 0 is the terminal that Lark's lexer tries first. So a lexset is a
    loop over the bits of a number, and equal sets are equal numbers.

    Args:
        definitions: what Lark kept of the grammar's terminals.
        ignore: names that the lexer drops.
        used: all terminal names in rules, in order of appearance.
        independent: every terminal matches on its own (the dynamic lexer), so there are no lexsets.
        flags: bits for all terminals (`g_regex_flags`).
        module: `re`, or `regex` for ``regex=True``.
        span: where a terminal name is defined.
        met: names of the terminals that some lexer will look for; None: all of them.
    """

    def __init__(
        self,
        definitions: Sequence[TerminalDef],
        ignore: Iterable[str],
        used: Iterable[str],
        *,
        independent: bool,
        flags: int = 0,
        module: ModuleType = re,
        span: Callable[[TerminalDef], SourceSpan] = lambda _: SourceSpan(),
        met: set[str] | None = None,
    ) -> None:
        self._met = met
        self.terminals: list[Terminal] = []
        self.lexing_id: dict[str, int] = {}
        self.parsing_id: dict[str, int] = {}
        self.lexsets: list[Lexset] = []
        self._independent = independent
        self._flags = flags
        self._module = module
        self._span = span
        self._by_key: dict[tuple[tuple[int, ...], tuple[Unless, ...]], int] = {}
        self._by_bits: dict[int, int] = {}
        self._names = {definition.name for definition in definitions}

        ignored = dict.fromkeys(ignore)
        used = dict.fromkeys(used)
        for definition in definitions:
            self._add(definition.name, _terminal(definition, flags, independent, span(definition), module.__name__))
        for name in used:
            if name not in self.lexing_id:
                self.declare(name)
        for name in ignored:
            if name not in self._names:
                raise GrammarError(f"%ignore {name}: a declared terminal matches no text, so it can't be ignored")
        self.ignored = tuple(self.lexing_id[name] for name in ignored)

        self._rank(definitions)
        if independent:
            shadowed = [name for name in ignored if name in used]
        else:
            self._match_keywords()
            kept = [r for r in range(len(self._ranked)) if self._ranked[r].name not in ignored]
            reached = 0
            for r in kept:
                reached |= self._literals_of[r]
            shadowed = [name for name in ignored if reached >> self._rank_of[name] & 1]
        for name in shadowed:
            self.parsing_id[name] = len(self.terminals)
            self.terminals.append(self.terminals[self.lexing_id[name]])

    def _add(self, name: str, terminal: Terminal) -> int:
        identity = self.lexing_id[name] = self.parsing_id[name] = len(self.terminals)
        self.terminals.append(terminal)
        return identity

    def declare(self, name: str) -> int:
        """The parsing id of `name`; a terminal that no text matches is made where there is none of this name."""
        if name in self.parsing_id:
            return self.parsing_id[name]
        return self._add(name, Terminal(name, "", declared=True, example=_words(name)))

    # -- competition ------------------------------------------------------------------------------

    def _rank(self, definitions: Sequence[TerminalDef]) -> None:
        """Order the terminals as `lark.lexer.BasicLexer` does. Refuses what it refuses."""
        with quiet():
            for definition in definitions:
                self._check(definition)
        self._ranked = sorted(
            definitions, key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name)
        )
        self._rank_of = {t.name: rank for rank, t in enumerate(self._ranked)}
        self._id_at = [self.lexing_id[t.name] for t in self._ranked]
        self._all_bits = (1 << len(self._ranked)) - 1
        self._ignored_bits = self.bits(self.terminals[i].name for i in self.ignored)

    def _check(self, definition: TerminalDef) -> None:
        pattern = definition.pattern
        if isinstance(pattern, PatternStr):
            return
        regexp = pattern.to_regexp()
        span = self._span(definition)
        try:
            self._module.compile(regexp, self._flags)
        except (self._module.error, ValueError, OverflowError, RecursionError) as error:
            cause = f"terminal {definition.user_repr()}: {regexp!r} is no regular expression: {error}"
            raise _error(cause, span) from None
        if pattern.min_width == 0 and (self._met is None or definition.name in self._met):
            raise _error(
                f"terminal {definition.user_repr()} can match the empty text",
                span,
                "make it match at least one character, and optional where it is used",
            )

    def _match_keywords(self) -> None:
        """Lark's keyword rule (`lark.lexer._create_unless`), once for all pairs instead of once for each lexset.

        ``NAME: /[a-z]+/`` and ``"if"`` of equal priority: the lexer looks for NAME only, and a NAME that reads ``if``
        is handed on as IF.
        """
        by_priority: dict[int, list[int]] = {}
        for rank, definition in enumerate(self._ranked):
            if isinstance(definition.pattern, PatternStr):
                by_priority.setdefault(definition.priority, []).append(rank)
        self._literals_of = [0] * len(self._ranked)
        self._embedded_in = [0] * len(self._ranked)
        self._groups: dict[int, list[str]] = {}
        for rank, definition in enumerate(self._ranked):
            if isinstance(definition.pattern, PatternStr):
                continue
            with quiet():
                compiled = self._module.compile(definition.pattern.to_regexp(), self._flags)
            match = compiled.match
            if compiled.groupindex:
                self._groups[rank] = list(compiled.groupindex)
            for literal in by_priority.get(definition.priority, ()):
                pattern = self._ranked[literal].pattern
                found = match(pattern.value)
                if found and found[0] == pattern.value:
                    self._literals_of[rank] |= 1 << literal
                    if pattern.flags <= definition.pattern.flags:  # type: ignore[operator] # frozensets
                        self._embedded_in[rank] |= 1 << literal

    @property
    def numbers(self) -> dict[str, int]:
        """A number for each name that a rule may use: its rank, or a higher number where no text matches it."""
        declared = (name for name in self.lexing_id if name not in self._rank_of)
        return self._rank_of | {name: len(self._ranked) + i for i, name in enumerate(declared)}

    def bits(self, names: Iterable[str]) -> int:
        """The set of these terminals; those that no text matches are left out."""
        return sum(1 << self._rank_of[name] for name in dict.fromkeys(names) if name in self._rank_of)

    def lexset(self, bits: int) -> int:
        """The id of the lexset in which the terminals of the set `bits` and the ignored ones compete."""
        bits = bits & self._all_bits | self._ignored_bits
        known = self._by_bits.get(bits)
        if known is not None:
            return known
        members = _members(bits)
        embedded = 0
        unless = []
        for rank in members:
            literals = self._literals_of[rank] & bits
            if literals:
                embedded |= self._embedded_in[rank] & bits
                if self._id_at[rank] not in self.ignored:  # else dropped before the rule applies
                    unless.append(
                        Unless(
                            self._id_at[rank],
                            tuple(self.parsing_id[self._ranked[r].name] for r in _members(literals)),
                        )
                    )
        if self._groups:
            self._check_groups(bits & ~embedded)
        order = tuple(self._id_at[rank] for rank in _members(bits & ~embedded))
        key = (order, tuple(unless))
        known = self._by_key.get(key)
        if known is None:
            known = self._by_key[key] = len(self.lexsets)
            self.lexsets.append(Lexset(order, key[1]))
        self._by_bits[bits] = known
        return known

    def _check_groups(self, bits: int) -> None:
        """Lark joins the patterns of a lexset into one, in which a group's name may stand once."""
        seen = {self._ranked[rank].name for rank in _members(bits)}
        for rank in _members(bits):
            for name in self._groups.get(rank, ()):
                if name in seen:
                    definition = self._ranked[rank]
                    raise _error(
                        f"terminal {definition.user_repr()}: the group name {name!r} is used twice where Lark joins"
                        " terminals into one pattern",
                        self._span(definition),
                        "an unnamed group: (?:...)",
                    )
                seen.add(name)

    def lexset_of_all(self) -> int:
        """The one lexset of the basic lexer."""
        return self.lexset(self._all_bits)

    # -- indentation ------------------------------------------------------------------------------

    def indentation(self, indenter: Indenter) -> Indentation:
        """The indenter's terminals by id.

        A newline, indent or dedent that the grammar lacks becomes a declared terminal, so that the brackets are still
        counted and a deeper line is still refused, as Lark does. Names of brackets that the grammar lacks are dropped.
        """
        newline = self.declare(indenter.NL_type)
        if newline in self.ignored:  # dropped before the indenter sees it
            newline = len(self.terminals)
            self.terminals.append(Terminal(indenter.NL_type, "", declared=True, example=_words(indenter.NL_type)))
        present = {name: i for name, i in self.parsing_id.items() if i not in self.ignored}
        return Indentation(
            newline=newline,
            open_parens=tuple(present[name] for name in indenter.OPEN_PAREN_types if name in present),
            close_parens=tuple(present[name] for name in indenter.CLOSE_PAREN_types if name in present),
            indent=self.declare(indenter.INDENT_type),
            dedent=self.declare(indenter.DEDENT_type),
            tab_len=indenter.tab_len,
        )


def _error(cause: str, span: SourceSpan, remedy: str | None = None) -> GrammarError:
    return GrammarError(cause, remedy=remedy, line=span.line, column=span.column, name=span.source or None)


def _terminal(definition: TerminalDef, flags: int, independent: bool, span: SourceSpan, module: str) -> Terminal:
    pattern = definition.pattern
    text, bits = _pattern(pattern, flags, independent, definition.user_repr(), span)
    literal = isinstance(pattern, PatternStr)
    return Terminal(
        definition.name,
        text,
        bits,
        is_literal=literal,
        span=span,
        example=pattern.value if literal else _example(definition),
        dialect="regex" if module == "regex" else "python",
    )


def _pattern(pattern: Pattern, flags: int, independent: bool, name: str, span: SourceSpan) -> tuple[str, int]:
    """A Lark pattern as `Terminal.pattern` and `Terminal.flags`."""
    bits = flags
    letters = "".join(sorted(pattern.flags))
    text = re.escape(pattern.value) if isinstance(pattern, PatternStr) else pattern.value
    if not isinstance(pattern, PatternStr):
        text, inline = inline_flags(text)
        if inline and not independent:
            raise _error(
                f"terminal {name}: flags inside a pattern, (?{inline}), can't be combined with other terminals",
                span,
                f"write them behind the pattern: /.../{inline}",
            )
        letters += inline
    for letter in letters:
        if letter not in _FLAG_BITS and letter != "a":
            raise UnsupportedError.of(
                "locale flag",
                f"terminal {name}: the flag {letter!r} (locale) needs byte patterns",
                remedy="leave the flag out",
                line=span.line,
                column=span.column,
            )
        if letter == "u":
            bits &= ~re.A
        else:
            bits |= re.A if letter == "a" else _FLAG_BITS[letter]
    return text, int(bits) & ~int(re.U)


def _example(definition: TerminalDef) -> str:
    if definition.name.startswith("__"):
        return str(definition.pattern.raw or definition.pattern.value)
    return _words(definition.name)


def _members(bits: int) -> list[int]:
    """The positions of the ones in `bits`, in time linear in its length, also for 50,000 terminals.

    >>> _members(0b1101)
    [0, 2, 3]
    """
    return [i for i, digit in enumerate(reversed(f"{bits:b}")) if digit == "1"]


def _words(name: str) -> str:
    """
    >>> _words("_SIGNED_NUMBER")
    'signed number'
    """
    return name.rpartition("__")[2].strip("_").replace("_", " ").lower() or name
