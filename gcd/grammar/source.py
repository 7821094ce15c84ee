"""A grammar's text before Lark sees it: bounds, header options, and where things stand.

Lark's loader assumes a friendly text. A hostile one makes it run for ever in several ways (each has a test):

- its tokens for strings and regular expressions backtrack exponentially on an unclosed quote before many backslashes;
- its token for "newlines, then a bar" is quadratic in a run of blank lines;
- it recurses on brackets, and expands repetitions of repetitions.

So the text is cut into tokens here first, by expressions that can't backtrack, with the same result wherever Lark's
own succeed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from functools import cached_property

from gcd.errors import GrammarError, LimitError
from gcd.grammar.ir import SourceSpan
from gcd.limits import Limits

__all__ = ["HEADER_KEYS", "Source"]

HEADER_KEYS = ("parser", "lexer", "start", "postlex")
"""Options that a header comment may set."""

_TOKEN = re.compile(
    r"""
      (?P<blank> \s++ )
    | (?P<comment> (?: // | \# ) [^\n]*+ )
    | (?P<string> " (?: \\["\\] | \\ (?!["\\\n]) | [^"\\\n] )*+ " i? )
    | (?P<regexp> / (?!/) (?: \\[/\\] | \\ (?![/\\]) | [^/\\] )*+ / [imslux]*+ )
    | (?P<number> [+-]? [0-9]++ )
    | (?P<name> _? [A-Za-z] [_A-Za-z0-9]*+ | [_A-Za-z][_A-Za-z0-9]*+ )
    | (?P<dots> \.\. )
    | (?P<mark> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_HEADER = re.compile(r"(?://|\#)\s*gcd:(?P<options>.*)", re.VERBOSE)
_OPTION = re.compile(r"\S+")
_ONE_CHARACTER = re.compile(r'"(?: [^\\] | \\x.. | \\u.{4} | \\U.{8} | \\[nftr"] )"', re.VERBOSE)
_STRANGE = re.compile("[\0\ud800-\udfff]")
_MAX_BLANK_LINES = 2_000
_MAX_DIGITS = 18
_MAX_PRIORITY_DIGITS = 1000
_OPEN, _CLOSE = "([{", ")]}"


class Source:
    """One grammar text and its name.

    Attributes:
        text: the text, with line ends as Python reads them (``\\n``).
        name: the file, or the import's dotted name; empty for a text given as such.
    """

    def __init__(self, text: str, name: str = "") -> None:
        self.text = text.replace("\r\n", "\n")
        self.name = name
        self._definitions: dict[str, int] = {}
        self._last_definitions: dict[str, int] = {}
        self._uses: dict[str, int] = {}
        self._literals: dict[str, int] = {}
        # For each terminal: tokens of its definition, and the names among them.
        self._bodies: dict[str, tuple[list[int], dict[str, int]]] = {}

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def span(self, position: int) -> SourceSpan:
        """Line and column of a position in the text."""
        line = bisect_right(self._line_starts, position)
        return SourceSpan(line, position - self._line_starts[line - 1] + 1, self.name)

    def error(
        self, cause: str, position: int | None = None, *, length: int = 1, remedy: str | None = None
    ) -> GrammarError:
        """An error that points at a position."""
        if position is None:
            return GrammarError(cause, name=self.name or None, remedy=remedy)
        span = self.span(position)
        return self.error_at(cause, span, length=length, remedy=remedy)

    def error_at(
        self, cause: str, span: SourceSpan | None, *, length: int = 1, remedy: str | None = None
    ) -> GrammarError:
        """An error that points at a span of this source, if it is known."""
        span = span or SourceSpan()
        return GrammarError(
            cause,
            remedy=remedy,
            name=self.name or None,
            source=self.text,
            line=span.line or None,
            column=span.column or None,
            length=length,
        )

    def limit(self, limits: Limits, field: str, reached: int, position: int, length: int = 1) -> None:
        """Raise `LimitError` if `reached` is over a field of `limits`."""
        if reached > getattr(limits, field):
            span = self.span(position)
            raise LimitError.of(
                field,
                getattr(limits, field),
                reached,
                name=self.name or None,
                source=self.text,
                line=span.line,
                column=span.column,
                length=length,
            )

    # -- where things stand -----------------------------------------------------------------------

    @property
    def defined(self) -> list[str]:
        """The names of all rules and terminals defined in this text."""
        return list(self._definitions)

    def definition(self, name: str) -> SourceSpan | None:
        """Where a rule or terminal of this name is defined."""
        position = self._definitions.get(name)
        return None if position is None else self.span(position)

    def last_definition(self, name: str) -> SourceSpan | None:
        """Where a rule or terminal of this name is defined for the last time."""
        position = self._last_definitions.get(name)
        return None if position is None else self.span(position)

    def use(self, name: str) -> SourceSpan | None:
        """Where a name first appears other than at its definition."""
        position = self._uses.get(name)
        return None if position is None else self.span(position)

    def literal(self, written: str) -> SourceSpan | None:
        """Where a string or regular expression, written like this, first appears."""
        position = self._literals.get(written)
        return None if position is None else self.span(position)

    # -- bounds -----------------------------------------------------------------------------------

    def check(self, limits: Limits) -> None:
        """Cut the text into tokens, refuse what would hurt, and note where names are defined and used.

        Raises:
            LimitError: nesting or a repetition is over its limit.
            GrammarError: a string, regular expression or bracket isn't closed, a number or blank space is absurd.
        """
        strange = _STRANGE.search(self.text)
        if strange:
            what = "a NUL character" if strange[0] == "\0" else "half of a surrogate pair, which is no character"
            raise self.error(f"the text holds {what}", strange.start())
        opened: list[int] = []
        recent: list[tuple[str, str, int]] = []  # the last tokens since the last colon
        self._body: tuple[list[int], dict[str, int]] | None = None
        for match in _TOKEN.finditer(self.text):
            kind, token, at = match.lastgroup or "", match[0], match.start()
            if kind == "comment":
                continue
            if kind == "blank":
                if len(token) > _MAX_BLANK_LINES and token.count("\n") > _MAX_BLANK_LINES:
                    raise self.error(f"more than {_MAX_BLANK_LINES:,} blank lines in a row", at, remedy="remove them")
                continue
            if kind == "number":
                before = recent[-1][0] if recent else ""
                counts = before == "dots" or (recent and recent[-1][1] == "~")
                if len(token) > (_MAX_DIGITS if counts else _MAX_PRIORITY_DIGITS):
                    raise self.error(f"a number of {len(token):,} digits", at, length=len(token))
                if counts:
                    self.limit(limits, "max_repeat", int(token), at, len(token))
                    least = recent[-2][1] if before == "dots" and len(recent) > 2 and recent[-3][1] == "~" else "0"
                    if int(token) < max(int(least), 0):
                        raise self.error(f"a repetition of at least {least} and at most {token}", at, length=len(token))
            elif kind == "string":
                self._literals.setdefault(token, at)
                if len(recent) > 1 and recent[-1][0] == "dots" and recent[-2][0] == "string":
                    for end, where in (recent[-2][1:], (token, at)):
                        if not _ONE_CHARACTER.fullmatch(end):
                            raise self.error("the ends of a range are single characters", where, length=len(end))
            elif kind == "regexp":
                self._literals.setdefault(token, at)
                self._check_pattern(token, at, limits)
            elif kind == "name":
                self._uses.setdefault(token, at)
            elif kind == "mark":
                if token == '"':
                    raise self.error(
                        "this string is not closed on its line", at, remedy='a quote inside is \\", a line break \\n'
                    )
                if token == "/":
                    raise self.error("this regular expression is not closed", at, remedy="a slash inside is \\/")
                if token in _OPEN:
                    opened.append(at)
                    self.limit(limits, "max_nesting", len(opened), at)
                elif token in _CLOSE and opened:
                    opened.pop()
                elif token == ":":
                    self._note_definition(recent)
                    recent.clear()
                    continue
                elif token == "%":
                    self._spill(recent)
                    recent.clear()
                    self._body = None
            recent.append((kind, token, at))
            if len(recent) > 64:
                self._spill(recent[:32])
                del recent[:32]
        self._spill(recent)
        if opened:
            raise self.error("this bracket is never closed", opened[-1], remedy="close it")

    def _note_definition(self, before: list[tuple[str, str, int]]) -> None:
        """Find the name before a colon: ``name``, ``name.2``, ``name{a, b}``, ``name{a}.2``."""
        i = len(before) - 1
        if i >= 2 and before[i][0] == "number" and before[i - 1][1] == ".":
            i -= 2
        if i >= 0 and before[i][1] == "}":
            while i >= 0 and before[i][1] != "{":
                i -= 1
            i -= 1
        if i >= 0 and before[i][0] == "name":
            name, at = before[i][1], before[i][2]
            self._spill(before[:i])
            self._body = self._bodies.setdefault(name, ([0], {})) if name.isupper() else None
            self._definitions.setdefault(name, at)
            self._last_definitions[name] = at
            if self._uses.get(name) == at:
                del self._uses[name]

    def _spill(self, tokens: list[tuple[str, str, int]]) -> None:
        """Count tokens towards the terminal whose definition they belong to."""
        if self._body is None:
            return
        count, names = self._body
        for kind, token, _ in tokens:
            if kind == "name":
                names[token] = names.get(token, 0) + 1
            else:
                count[0] += 1

    def terminal_sizes(self, imported: Mapping[str, int], limits: Limits) -> dict[str, int]:
        """How many tokens each terminal has once the terminals in it are written out.

        Lark's loader walks terminals in this size, several times over, before it finds a terminal that uses itself.

        Args:
            imported: the sizes of imported terminals, by their names here.
            limits: `max_productions` bounds the sum.
        """
        sizes: dict[str, int] = {}
        total = 0
        for root in self._bodies:
            stack = [root]
            open_names: dict[str, None] = {}
            while stack:
                name = stack[-1]
                if name in sizes:
                    stack.pop()
                    continue
                count, names = self._bodies[name]
                pending = [n for n in names if n not in sizes and n in self._bodies]
                if not pending:
                    size = count[0] + imported.get(name, 0)
                    size += sum(n * (1 + sizes.get(used, imported.get(used, 1))) for used, n in names.items())
                    sizes[name] = size
                    total += size
                    self.limit(limits, "max_productions", total, self._definitions[name], len(name))
                    continue
                if name in open_names:
                    raise self.error(
                        f"terminal {name!r} contains itself",
                        self._definitions[name],
                        length=len(name),
                        remedy="only rules can be recursive",
                    )
                open_names[name] = None
                stack.extend(pending)
        return sizes | {name: size for name, size in imported.items() if name not in sizes}

    def _check_pattern(self, token: str, at: int, limits: Limits) -> None:
        """Bound the nesting and repetition inside of a regular expression; Python's own parser recurses on it."""
        if token.count("(") > limits.max_nesting:
            depth = 0
            in_class = False
            skip = False
            for i, character in enumerate(token):
                if skip:
                    skip = False
                elif character == "\\":
                    skip = True
                elif in_class:
                    in_class = character != "]"
                elif character == "[":
                    in_class = True
                elif character == "(":
                    depth += 1
                    self.limit(limits, "max_nesting", depth, at + i)
                elif character == ")":
                    depth -= 1
        if "{" in token:
            for bound in re.finditer(r"(?<!\\)\{(\d*)(?:,(\d*))?\}", token):
                for digits in bound.groups():
                    if digits:
                        if len(digits) > _MAX_DIGITS:
                            raise self.error(f"a number of {len(digits):,} digits", at + bound.start())
                        self.limit(limits, "max_repeat", int(digits), at + bound.start(), len(bound[0]))

    # -- header -----------------------------------------------------------------------------------

    def header(self) -> dict[str, tuple[str, int]]:
        """Options of a ``// gcd:`` comment before the first rule, as name -> (value, position).

        >>> Source("// A toy.\\n// gcd: parser=lalr start=a,b\\na: \\"x\\"").header()["start"][0]
        'a,b'
        """
        options: dict[str, tuple[str, int]] = {}
        at = 0
        for line in self.text.split("\n"):
            stripped = line.strip()
            if stripped and not stripped.startswith(("//", "#")):
                break
            match = _HEADER.match(line, len(line) - len(line.lstrip()))
            if match:
                for option in _OPTION.finditer(line, match.start("options")):
                    key, equals, value = option[0].partition("=")
                    where = at + option.start()
                    if key not in HEADER_KEYS or not equals or not value:
                        raise self.error(
                            f"{option[0]!r} is no option of a grammar's header",
                            where,
                            length=len(option[0]),
                            remedy=f"key=value with a key of {', '.join(HEADER_KEYS)}",
                        )
                    if key in options:
                        raise self.error(f"the option {key!r} is given twice", where, length=len(option[0]))
                    options[key] = (value, where)
            at += len(line) + 1
        return options
