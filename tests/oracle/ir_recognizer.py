"""ORACLE, not product code: whether a text belongs to a `Grammar`, as directly as the IR's docstrings allow.

A naive Earley recogniser over the productions, beside a lexer that tries `re` patterns one after another. Nothing
here is fast and nothing is shared with the engine. It checks one thing: that the IR which `gcd.grammar` makes of a
Lark grammar denotes what Lark accepts. (`reference.py` beside this file judges the engine, and asks Lark.)
"""

from __future__ import annotations

import importlib
import re
import warnings
from dataclasses import dataclass, field

from gcd.grammar.ir import Grammar, Start

END = -1

# An Earley item: (production, dot, column where it began, terminals that its place forbade to begin with, terminals
# forbidden to come next). The fourth part ties a finished child to those parents that allowed its first terminal.
Item = tuple[int, int, int, frozenset[int], frozenset[int]]
NOTHING: frozenset[int] = frozenset()


@dataclass
class Recognizer:
    """Judges texts.

    Attributes:
        grammar: the grammar.
        forks: how often two lexsets were in force at once. In Lark there is one parser state, so it should stay 0.
    """

    grammar: Grammar
    forks: int = 0
    _regexes: dict[int, re.Pattern[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._of: list[list[int]] = [[] for _ in self.grammar.nonterminals]
        for number, production in enumerate(self.grammar.productions):
            self._of[production.lhs].append(number)

    def accepts(self, text: str, start: str | None = None) -> bool:
        chosen = next(s for s in self.grammar.starts if start is None or s.name == start)
        if self.grammar.independent:
            return self._scannerless(text, chosen)
        column = self._first_column(chosen)
        return self._lexed(text, 0, chosen.lexset, [column], chosen, _Indenter())

    # -- Earley -----------------------------------------------------------------------------------

    def _first_column(self, start: Start) -> set[Item]:
        return self._predict([(start.nonterminal, NOTHING)], 0, set()) if start.nonterminal >= 0 else set()

    def _forbid(self, production: int, dot: int) -> frozenset[int]:
        forbid = self.grammar.productions[production].forbid
        return self.grammar.forbids[forbid[dot]] if forbid else NOTHING

    def _predict(self, wanted: list[tuple[int, frozenset[int]]], at: int, column: set[Item]) -> set[Item]:
        todo = list(wanted)
        seen = set(todo)
        while todo:
            nonterminal, entry = todo.pop()
            for number in self._of[nonterminal]:
                pending = entry | self._forbid(number, 0)
                column.add((number, 0, at, entry, pending))
                first = self.grammar.productions[number].rhs[0]
                if not first.is_terminal and (first.id, pending) not in seen:
                    seen.add((first.id, pending))
                    todo.append((first.id, pending))
        return column

    def _close(self, column: set[Item], columns: list[set[Item]], at: int) -> set[Item]:
        """Complete and predict."""
        todo = list(column)
        while todo:
            number, dot, origin, entry, pending = todo.pop()
            production = self.grammar.productions[number]
            if dot == len(production.rhs):
                parents = columns[origin] if origin < at else column
                for parent in list(parents):
                    p_number, p_dot, p_origin, p_entry, p_pending = parent
                    rhs = self.grammar.productions[p_number].rhs
                    if p_dot == len(rhs) or rhs[p_dot].is_terminal or rhs[p_dot].id != production.lhs:
                        continue
                    if p_pending == entry:
                        new = (p_number, p_dot + 1, p_origin, p_entry, pending | self._forbid(p_number, p_dot + 1))
                        if new not in column:
                            column.add(new)
                            todo.append(new)
            elif not production.rhs[dot].is_terminal:
                for new in self._predict([(production.rhs[dot].id, pending)], at, set()):
                    if new not in column:
                        column.add(new)
                        todo.append(new)
        return column

    def _shift(self, columns: list[set[Item]], terminal: int) -> dict[int, set[Item]]:
        """The columns after `terminal`, by the lexset that is then in force."""
        after: dict[int, set[Item]] = {}
        for number, dot, origin, entry, pending in columns[-1]:
            rhs = self.grammar.productions[number].rhs
            if dot < len(rhs) and rhs[dot].is_terminal and rhs[dot].id == terminal and terminal not in pending:
                new = (number, dot + 1, origin, entry, self._forbid(number, dot + 1))
                after.setdefault(rhs[dot].lexset, set()).add(new)
        self.forks += len(after) > 1
        return {lexset: self._close(column, columns, len(columns)) for lexset, column in after.items()}

    def _complete(self, columns: list[set[Item]], start: Start) -> bool:
        if len(columns) == 1 and start.nullable:
            return True
        return any(
            self.grammar.productions[number].lhs == start.nonterminal
            and dot == len(self.grammar.productions[number].rhs)
            and origin == 0
            and entry == NOTHING
            and END not in pending
            for number, dot, origin, entry, pending in columns[-1]
        )

    # -- one lexset at a time ---------------------------------------------------------------------

    def _regex(self, terminal: int) -> re.Pattern[str]:
        if terminal not in self._regexes:
            definition = self.grammar.terminals[terminal]
            module = importlib.import_module("regex" if definition.dialect == "regex" else "re")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._regexes[terminal] = module.compile(definition.pattern, definition.flags)
        return self._regexes[terminal]

    def _lexeme(self, text: str, at: int, lexset: int) -> tuple[int, int] | None:
        """The terminal that takes the text at `at`, and where its lexeme ends."""
        for terminal in self.grammar.lexsets[lexset].order:
            match = self._regex(terminal).match(text, at)
            if match:
                assert match.end() > at, "an empty lexeme"
                for rule in self.grammar.lexsets[lexset].unless:
                    if rule.regex == terminal:
                        for literal in rule.literals:
                            if self._regex(literal).fullmatch(match[0]):
                                return literal, match.end()
                return terminal, match.end()
        return None

    def _lexed(
        self, text: str, at: int, lexset: int, columns: list[set[Item]], start: Start, indenter: _Indenter
    ) -> bool:
        while at < len(text):
            found = self._lexeme(text, at, lexset)
            if found is None:
                return False
            terminal, end = found
            lexeme, at = text[at:end], end
            if terminal in self.grammar.ignore:
                continue
            tokens = indenter.tokens(terminal, lexeme, self.grammar)
            if tokens is None:
                return False
            branches = [(lexset, columns)]
            for token in tokens:
                branches = [
                    (after, [*before, column])
                    for _, before in branches
                    for after, column in self._shift(before, token).items()
                ]
            if len(branches) != 1:
                return any(self._lexed(text, at, after, c, start, indenter.copy()) for after, c in branches)
            ((lexset, columns),) = branches
        branches = [columns]
        for token in indenter.at_end(self.grammar):
            branches = [[*before, column] for before in branches for column in self._shift(before, token).values()]
        return any(self._complete(columns, start) for columns in branches)

    # -- every terminal on its own ----------------------------------------------------------------

    def _scannerless(self, text: str, start: Start) -> bool:
        columns: list[set[Item]] = [set() for _ in range(len(text) + 1)]
        columns[0] = self._first_column(start)
        done = {0} if start.nullable else set()  # where a whole sentence has ended, ignored text behind it included
        waiting: list[set[Item]] = [set() for _ in range(len(text) + 1)]  # carried over ignored text
        for at in range(len(text) + 1):
            self._close(columns[at], columns, at)
            if at and self._complete([set(), columns[at]], start):
                done.add(at)
            scannable = waiting[at] | {
                item
                for item in columns[at]
                if item[1] < len(self.grammar.productions[item[0]].rhs)
                and self.grammar.productions[item[0]].rhs[item[1]].is_terminal
            }
            for number, dot, origin, entry, _ in scannable:
                terminal = self.grammar.productions[number].rhs[dot].id
                for end in self._ends(terminal, text, at, self.grammar.all_lengths):
                    columns[end].add((number, dot + 1, origin, entry, NOTHING))
            for terminal in self.grammar.ignore:
                for end in self._ends(terminal, text, at, False):
                    waiting[end] |= scannable
                    if at in done:
                        done.add(end)
        return len(text) in done

    def _ends(self, terminal: int, text: str, at: int, all_lengths: bool) -> set[int]:
        if self.grammar.terminals[terminal].declared:
            return set()
        regex = self._regex(terminal)
        match = regex.match(text, at)
        if not match:
            return set()
        ends = {match.end()}
        if all_lengths:  # what the terminal matches of every shorter text
            for length in range(1, len(match[0])):
                shorter = regex.match(match[0][:length])
                if shorter:
                    ends.add(at + shorter.end())
        return ends - {at}


@dataclass
class _Indenter:
    """Lark's Indenter, token by token."""

    depth: int = 0
    levels: list[int] = field(default_factory=lambda: [0])

    def copy(self) -> _Indenter:
        return _Indenter(self.depth, list(self.levels))

    def tokens(self, terminal: int, lexeme: str, grammar: Grammar) -> list[int] | None:
        """What reaches the parser for a lexeme; None if Lark fails."""
        spec = grammar.indentation
        if spec is None:
            return [terminal]
        if terminal in spec.open_parens:
            self.depth += 1
        elif terminal in spec.close_parens:
            self.depth -= 1
            if self.depth < 0:
                return None
        if terminal != spec.newline:
            return [terminal]
        if self.depth:
            return []
        if "\n" not in lexeme:
            return None
        after = lexeme.rsplit("\n", 1)[1]
        column = after.count(" ") + after.count("\t") * spec.tab_len
        tokens = [terminal]
        if column > self.levels[-1]:
            self.levels.append(column)
            tokens.append(spec.indent)
        else:
            while column < self.levels[-1]:
                self.levels.pop()
                tokens.append(spec.dedent)
            if column != self.levels[-1]:
                return None
        return tokens

    def at_end(self, grammar: Grammar) -> list[int]:
        return [grammar.indentation.dedent] * (len(self.levels) - 1) if grammar.indentation else []
