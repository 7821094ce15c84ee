"""A schema -> `SchemaProgram`: one walk over the schema, keyword by keyword.

A schema's node is the conjunction of what its keywords demand. Subschemas that lie inside of one another are read by
recursion, as deep as the text is nested; what a reference leads to gets a node of its own, reserved at first sight and
filled from a queue, so neither recursion nor a long chain of definitions can exhaust Python's stack.
"""

from __future__ import annotations

import math
from collections import deque
from decimal import Decimal
from typing import Any, NoReturn

from gcd.errors import LimitError, SchemaError, SchemaRefError
from gcd.json_schema.builder import FALSE, TRUE, ProgramBuilder
from gcd.json_schema.dialects import Dialect
from gcd.json_schema.exclusive import relax_exclusive
from gcd.json_schema.keywords.unevaluated import member_sources, unevaluated_members_node
from gcd.json_schema.program import NONE, Entry, Node, OutputOptions, Path, SchemaProgram, pointer
from gcd.json_schema.references import References, Scope, Target
from gcd.json_schema.source import json_number
from gcd.limits import Limits

__all__ = ["SchemaCompiler"]

_MAX_AGAIN_DEPTH = 8
_UNDER_WAY = -1
_MAX_REFERENCES = 50
"""References in a row that `closed` follows by itself."""
_BOOLEAN = frozenset(map(int, (Node.AND, Node.OR, Node.NOT, Node.ONE)))


class SchemaCompiler:
    """Compiles one schema. Keyword handlers are given the compiler and use what is public here."""

    def __init__(
        self, schema: Any, references: References, *, assert_formats: bool, ordered: bool, closed: bool, limits: Limits
    ) -> None:
        self.root = schema
        self.references = references
        self.limits = limits
        self.assert_formats = assert_formats
        self.ordered = ordered
        self.closed = closed
        """Whether objects in the schema that is being read are closed."""
        self.program = ProgramBuilder(limits.max_productions)
        self.patterns: dict[str, int] = {}
        """Regexes of the patterns read so far."""
        self.formats: dict[str, int] = {}
        self.keywords: list[tuple[Path, Dialect]] = []
        """Each keyword that was met."""
        self.marks: dict[Path, tuple[str, str]] = {}
        """Of those that aren't exact: status and why. A keyword's path is compared by identity of its parts first."""
        self.unknown_formats: dict[Path, str] = {}
        """Names of formats that the specification doesn't have."""
        self._depth = 0
        self._references: dict[int, list[Path]] = {}
        """By target node the references that lead there."""
        self._targets: dict[tuple[int, str, tuple[tuple[str, str], ...], bool], int] = {}
        self._again: dict[tuple[int, str, tuple[tuple[str, str], ...]], int] = {}
        self._again_depth = 0
        self._closings: dict[tuple[int, str, tuple[tuple[str, str], ...]], int] = {}
        self._queue: deque[tuple[int, Target, bool]] = deque()
        self._put_off: deque[tuple[int, Target, bool]] = deque()
        self._deadline = limits.deadline()
        self._count = 0

    def compile(self, options: OutputOptions) -> SchemaProgram:
        """The program of the whole schema."""
        scope = self.references.root_scope
        root = self.referred((self.root, (None, ""), scope))
        if self.closed:
            root = self.program.conj((root, self._closing(self.root, (None, ""), scope)))
        while self._queue or self._put_off:
            queue, read = (self._queue, self.schema) if self._queue else (self._put_off, self._unseen)
            index, (schema, path, scope), self.closed = queue.popleft()
            try:
                self.program.fill(index, read(schema, path, scope))
            except RecursionError:
                raise LimitError.of("max_nesting", self.limits.max_nesting, place=pointer(path)) from None
        if self._targets:
            self._refuse_endless()
        relax_exclusive(self.program)
        return self.program.finish(root, options)

    # -- schemas ------------------------------------------------------------------------------

    def schema(self, schema: Any, path: Path, scope: Scope) -> int:
        """The node of a schema for the value at hand."""
        if type(schema) is bool:
            return TRUE if schema else FALSE
        if type(schema) is not dict:
            self.error(path, f"a schema is an object or a boolean, not {self.shown(schema)}", "{...}, true or false")
        self._count += 1
        if self._count & 1023 == 0:
            self._deadline.check("reading the schema")
        self._depth += 1
        if self._depth > self.limits.max_nesting:
            raise LimitError.of("max_nesting", self.limits.max_nesting, self._depth, place=pointer(path))
        dialect = scope.dialect
        if dialect.id_keyword in schema:
            scope = self.references.inside(schema, path, scope)
            dialect = scope.dialect
        handlers = dialect.handlers
        seen = self.keywords
        parts = []
        if dialect.ref_alone and "$ref" in schema:
            seen.append(((path, "$ref"), dialect))
            for keyword in schema:
                if keyword in handlers and keyword != "$ref":
                    at = (path, keyword)
                    seen.append((at, dialect))
                    self.mark(at, "annotation", f"ignored beside $ref up to draft 7 ({dialect.name})")
            parts.append(handlers["$ref"](self, schema["$ref"], schema, (path, "$ref"), scope))
        else:
            for keyword, value in schema.items():
                at = (path, keyword)
                seen.append((at, dialect))
                handler = handlers.get(keyword)
                if handler is not None:
                    parts.append(handler(self, value, schema, at, scope))
        self._depth -= 1
        return self.program.conj(parts, path)

    def again(self, schema: Any, path: Path, scope: Scope) -> int:
        """The node of a schema that is read elsewhere, too: its keywords aren't counted twice.

        What is read here may lead through references to more of the kind, however many; so from some depth on it is
        put off, like what a reference leads to.
        """
        if type(schema) is bool:
            return TRUE if schema else FALSE
        key = (id(schema), scope.base, scope.bound)
        node = self._again.get(key)
        if node is None:
            if self._again_depth >= _MAX_AGAIN_DEPTH:
                node = self._again[key] = self.program.reserve(path)
                self._put_off.append((node, (schema, path, scope), False))
                return node
            node = self._again[key] = self._unseen(schema, path, scope)
        return node

    def _unseen(self, schema: Any, path: Path, scope: Scope) -> int:
        """The node of a schema as it stands, without a trace in `keywords`."""
        seen, self.keywords = self.keywords, []
        self._again_depth += 1
        node = self.opened(schema, path, scope)
        self._again_depth -= 1
        self.keywords = seen
        return node

    def opened(self, schema: Any, path: Path, scope: Scope) -> int:
        """The node of a schema whose objects aren't closed: a condition, or what mustn't hold.

        To close them there would let in what the schema forbids.
        """
        closed, self.closed = self.closed, False
        node = self.schema(schema, path, scope)
        self.closed = closed
        return node

    def child(self, schema: Any, path: Path, scope: Scope) -> int:
        """The node of a schema for a member or item of the value at hand."""
        node = self.schema(schema, path, scope)
        if self.closed:
            node = self.program.conj((node, self._closing(schema, path, scope)), path)
        return node

    def _closing(self, schema: Any, path: Path, scope: Scope) -> int:
        """No members but those that the schema, and all that applies in place, speak of, if they speak of any."""
        for _ in range(_MAX_REFERENCES):  # what a reference leads to is closed once for all places that refer to it
            if type(schema) is not dict or len(schema) != 1 or "$ref" not in schema:
                break
            schema, path, scope = self.references.resolve(schema["$ref"], (path, "$ref"), scope)
        if type(schema) is not dict:
            return TRUE
        key = (id(schema), scope.base, scope.bound)
        node = self._closings.get(key)
        if node is None:
            self._closings[key] = _UNDER_WAY
            sources = member_sources(self, schema, path, self.references.inside(schema, path, scope))
            node = unevaluated_members_node(self, FALSE, sources, path) if sources else TRUE
            if self._closings[key] != _UNDER_WAY:  # it was asked for on the way
                self.program.fill(self._closings[key], node)
            self._closings[key] = node
        elif node == _UNDER_WAY:
            node = self._closings[key] = self.program.reserve(path)
        return node

    def referred(self, target: Target, at: Path | None = None) -> int:
        """The node of what the reference at `at` leads to."""
        schema, path, scope = target
        if type(schema) is bool:
            return TRUE if schema else FALSE
        key = (id(schema), scope.base, scope.bound, self.closed)
        index = self._targets.get(key)
        if index is None:
            index = self._targets[key] = self.program.reserve(path)
            self._queue.append((index, target, self.closed))
        if at is not None:
            self._references.setdefault(index, []).append(at)
        return index

    def _refuse_endless(self) -> None:
        """Refuse a circle of references that never steps into a member or item: it says nothing about any value."""
        nodes = self.program.nodes
        state = bytearray(len(nodes))  # 0 new, 1 on the way, 2 done
        for start in self._targets.values():
            if state[start]:
                continue
            state[start] = 1
            way = [(start, iter(_in_place(nodes[start])))]
            while way:
                node, rest = way[-1]
                for child in rest:
                    if state[child] == 1:
                        around = [node for node, _ in way]
                        raise self._endless([*around[around.index(child) :], child])
                    if state[child] == 0:
                        state[child] = 1
                        way.append((child, iter(_in_place(nodes[child]))))
                        break
                else:
                    state[node] = 2
                    way.pop()

    def _endless(self, circle: list[int]) -> SchemaRefError:
        """The error for a circle of nodes, at the reference that closes it."""
        targets = set(self._targets.values())
        stations = [node for node in circle if node in targets]
        closing = self._references.get(stations[-1], [])
        # A filled node may be a copy of the next one on the circle; then any reference to it will do.
        places = [at for at in closing if self._inside(at, stations[-2])] or closing
        return SchemaRefError.at(
            pointer(places[0]) if places else "#",
            "this reference comes back to itself without stepping into a member or item",
            "put it into properties, items or the like, so that each round is about a smaller value",
        )

    def _inside(self, at: Path, node: int) -> bool:
        """Whether a place lies within the schema that a node was reserved for."""
        path: Path | None = at
        while path is not None:
            if path == self.program.origins[node][0]:
                return True
            path = path[0]
        return False

    # -- keywords' values ---------------------------------------------------------------------

    def error(self, at: Path, cause: str, remedy: str) -> NoReturn:
        """Refuse a keyword's value."""
        raise SchemaError.at(pointer(at), cause, remedy)

    def mark(self, at: Path, status: str, why: str) -> None:
        """Say that a keyword is not taken exactly as it stands."""
        self.marks[at] = (status, why)

    @staticmethod
    def shown(value: object) -> str:
        """A value in a message."""
        try:
            text = repr(value)
        except ValueError:  # CPython doesn't print integers of more than 4,300 digits
            return f"a {type(value).__name__}"
        return text if len(text) <= 60 else text[:57] + "..."

    def number(self, value: Any, at: Path) -> int:
        """A keyword's number as a decimal."""
        text = json_number(value)
        if text is None:
            self.error(at, f"{at[1]} must be a number, not {self.shown(value)}", "a finite number, without quotes")
        return self.program.decimal(text)

    def count(self, value: Any, at: Path) -> int:
        """A keyword's non-negative integer; NONE stands for all that no document can reach."""
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)) or value != value:
            self.error(at, f"{at[1]} must be an integer, not {self.shown(value)}", "0, 1, 2, ...")
        if value < 0:
            self.error(at, f"{at[1]} must not be negative, but is {self.shown(value)}", "0, 1, 2, ...")
        if value >= NONE and value != math.inf:  # before anything writes out 1e999999999
            return NONE
        if value == math.inf or value != int(value):
            self.error(at, f"{at[1]} must be an integer, not {self.shown(value)}", "0, 1, 2, ...")
        return int(value)

    def name(self, name: Any, at: Path) -> str:
        """A key of a keyword's object."""
        if type(name) is not str:
            self.error(at, f"names in a schema are strings, not {self.shown(name)}", "a string")
        return name

    def names(self, value: Any, at: Path) -> list[str]:
        """A keyword's list of names."""
        if type(value) is not list or not all(type(name) is str for name in value):
            remedy = 'a list of names: ["a", "b"]'
            if value is True or value is False:
                remedy += "; a flag inside of each property is draft 3's"
            self.error(at, f"{at[1]} must be a list of strings, not {self.shown(value)}", remedy)
        return value


def _in_place(entry: Entry) -> tuple[int, ...]:
    """The nodes that a node asks about the very same value."""
    op = entry[0]
    if op in _BOOLEAN:
        return entry[1:]
    if op == Node.UNEVALUATED_ITEMS:
        return entry[3::4]
    if op == Node.UNEVALUATED_PROPERTIES:
        conditions = []
        at = 3
        for _ in range(entry[2]):
            conditions.append(entry[at])
            at += 3 + entry[at + 2]
            at += 1 + entry[at]
        return tuple(conditions)
    return ()
