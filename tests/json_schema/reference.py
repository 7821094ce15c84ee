"""The slow, obvious meaning of a `SchemaProgram`: whether a JSON value is valid.

Values are what `document` makes of JSON text: numbers are Decimals, and those spelled as integers can be told. This is
the definition that the engine is held against; it shares no code with `gcd` but the names of the operators.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from decimal import Decimal
from fractions import Fraction

from gcd.json_schema.program import NONE, Node, Regex, SchemaProgram


class SpelledInteger(Decimal):
    """A number written without a fraction and without an exponent."""


def document(text: str) -> object:
    """JSON text as a value for `is_valid`."""
    return json.loads(text, parse_int=SpelledInteger, parse_float=Decimal)


def is_valid(program: SchemaProgram, value: object) -> bool:
    """Whether the value is valid."""
    return Evaluator(program).holds(program.root, value)


def key(value: object) -> object:
    """Equal for equal JSON values, and only for them."""
    if value is None or isinstance(value, (bool, str)):
        return (type(value).__name__, value)
    if isinstance(value, list):
        return ("array", tuple(map(key, value)))
    if isinstance(value, dict):
        return ("object", frozenset((name, key(member)) for name, member in value.items()))
    return ("number", Decimal(value).normalize() if Decimal(value) else Decimal(0))


class Evaluator:
    """Evaluates nodes of one program."""

    def __init__(self, program: SchemaProgram) -> None:
        self.program = program
        self.memo: dict[tuple[int, int], bool] = {}
        self.alive: list[object] = []  # values whose ids are in the memo

    def holds(self, node: int, value: object) -> bool:
        at = (node, id(value))
        if at not in self.memo:
            self.alive.append(value)
            self.memo[at] = self._holds(node, value)
        return self.memo[at]

    def _holds(self, node: int, value: object) -> bool:
        op, *args = self.program.nodes[node]
        holds = self.holds
        match op:
            case Node.TRUE:
                return True
            case Node.FALSE:
                return False
            case Node.AND:
                return all(holds(part, value) for part in args)
            case Node.OR:
                return any(holds(part, value) for part in args)
            case Node.NOT:
                return not holds(args[0], value)
            case Node.ONE:
                return sum(holds(part, value) for part in args) == 1
            case Node.TYPES:
                return bool(args[0] & _type_bit(value))
        if isinstance(value, str):
            return op != Node.STRING or self.matches(args[0], value)
        if isinstance(value, Decimal):
            return self._number(op, args, value)
        if isinstance(value, list):
            return self._array(op, args, value)
        if isinstance(value, dict):
            return self._object(op, args, value)
        return True

    def _number(self, op: int, args: list[int], value: Decimal) -> bool:
        def decimal(index: int) -> Decimal:
            return Decimal(self.program.decimals[index])

        match op:
            case Node.NUMBER_RANGE:
                low, low_exclusive, high, high_exclusive = args
                if low != NONE and (value < decimal(low) or (low_exclusive and value == decimal(low))):
                    return False
                return high == NONE or value < decimal(high) or (not high_exclusive and value == decimal(high))
            case Node.MULTIPLE_OF:
                return (Fraction(value) / Fraction(decimal(args[0]))).denominator == 1
            case Node.INTEGER_SPELLING:
                return isinstance(value, SpelledInteger)
            case Node.NUMBERS:
                return any(value == decimal(index) for index in args)
        return True

    def _array(self, op: int, args: list[int], value: list) -> bool:
        holds = self.holds
        match op:
            case Node.ITEMS:
                rest, *prefix = args
                return all(holds(prefix[i] if i < len(prefix) else rest, item) for i, item in enumerate(value))
            case Node.ITEM_COUNT:
                return args[0] <= len(value) <= (args[1] if args[1] != NONE else len(value))
            case Node.CONTAINS:
                n = sum(holds(args[0], item) for item in value)
                return args[1] <= n and (args[2] == NONE or n <= args[2])
            case Node.UNIQUE:
                return len(set(map(key, value))) == len(value)
            case Node.UNEVALUATED_ITEMS:
                rest, n, *words = args
                covered = [False] * len(value)
                for _ in range(n):
                    condition, everything, prefix, contains, *words = words
                    if holds(condition, value):
                        for i, item in enumerate(value):
                            covered[i] |= bool(everything or i < prefix or (contains != NONE and holds(contains, item)))
                assert not words
                return all(covered[i] or holds(rest, item) for i, item in enumerate(value))
        return True

    def _object(self, op: int, args: list[int], value: dict) -> bool:
        holds, strings = self.holds, self.program.strings
        match op:
            case Node.PROPERTIES:
                rest, n, *words = args
                names = {strings[words[2 * i]]: words[2 * i + 1] for i in range(n)}
                m, *words = words[2 * n :]
                patterns = [(words[2 * i], words[2 * i + 1]) for i in range(m)]
                assert len(words) == 2 * m
                for name, member in value.items():
                    demands = [node for regex, node in patterns if self.matches(regex, name)]
                    demands += [names[name]] if name in names else []
                    if not all(holds(node, member) for node in demands or [rest]):
                        return False
                return True
            case Node.PROPERTY_NAMES:
                return all(holds(args[0], name) for name in value)
            case Node.REQUIRED:
                return all(strings[index] in value for index in args)
            case Node.PROPERTY_COUNT:
                return args[0] <= len(value) <= (args[1] if args[1] != NONE else len(value))
            case Node.DEPENDENT_REQUIRED:
                return strings[args[0]] not in value or all(strings[index] in value for index in args[1:])
            case Node.UNEVALUATED_PROPERTIES:
                rest, n, *words = args
                covered: set[str] = set()
                for _ in range(n):
                    condition, everything, n_names, *words = words
                    names, (n_patterns, *words) = words[:n_names], words[n_names:]
                    patterns, words = words[:n_patterns], words[n_patterns:]
                    if holds(condition, value):
                        covered |= {strings[index] for index in names}
                        covered |= {
                            name for name in value if everything or any(self.matches(r, name) for r in patterns)
                        }
                assert not words
                return all(name in covered or holds(rest, member) for name, member in value.items())
        return True

    def matches(self, regex: int, text: str) -> bool:
        """Whether the text is in the regex's language."""
        return len(text) in Spans(self.program, text).ends(regex, 0)


def _type_bit(value: object) -> int:
    if value is None:
        return 1
    if isinstance(value, bool):
        return 2 if value else 4
    return {Decimal: 8, SpelledInteger: 8, str: 16, list: 32, dict: 64}[type(value)]


class Spans:
    """Where the matches of regexes end in one text."""

    def __init__(self, program: SchemaProgram, text: str) -> None:
        self.program = program
        self.text = text
        self.memo: dict[tuple[int, int], frozenset[int]] = {}

    def ends(self, regex: int, begin: int) -> frozenset[int]:
        """All positions at which a match that begins there may end."""
        at = (regex, begin)
        if at not in self.memo:
            self.memo[at] = frozenset(self._ends(regex, begin))
        return self.memo[at]

    def step(self, regex: int, begins: frozenset[int]) -> frozenset[int]:
        return frozenset().union(*(self.ends(regex, begin) for begin in begins))

    def _ends(self, regex: int, begin: int) -> set[int] | frozenset[int] | range:
        op, *args = self.program.regexes[regex]
        text, strings = self.text, self.program.strings
        size = len(text)
        match op:
            case Regex.EMPTY:
                return set()
            case Regex.EPS:
                return {begin}
            case Regex.CHARS:
                chars = self.program.charsets[args[0]]
                at = bisect_right(chars, (ord(text[begin]), 0x110000)) - 1 if begin < size else -1
                inside = at >= 0 and chars[at][1] >= ord(text[begin])
                return {begin + 1} if inside else set()
            case Regex.STRING | Regex.WORDS:
                return {begin + len(strings[i]) for i in args if text.startswith(strings[i], begin)}
            case Regex.CONCAT:
                ends = frozenset({begin})
                for part in args:
                    ends = self.step(part, ends)
                return ends
            case Regex.ALT:
                return set().union(*(self.ends(part, begin) for part in args))
            case Regex.AND:
                return frozenset.intersection(*(self.ends(part, begin) for part in args))
            case Regex.NOT:
                return set(range(begin, size + 1)) - self.ends(args[0], begin)
            case Regex.ANY:
                return range(begin, size + 1)
            case Regex.LOOKAHEAD:
                return {begin} if bool(self.ends(args[0], begin)) != bool(args[1]) else set()
            case Regex.LOOKBEHIND:
                found = any(begin in self.ends(args[0], start) for start in range(begin + 1))
                return {begin} if found != bool(args[1]) else set()
            case Regex.REPEAT:
                part, low, high = args
                now = frozenset({begin})
                for _ in range(low):
                    after = self.step(part, now)
                    if after == now:
                        break
                    now = after
                found = set(now)
                rounds = size + 1 if high == NONE else high - low
                while rounds and now:
                    now = self.step(part, now) - found
                    found |= now
                    rounds -= 1
                return found
        raise AssertionError(f"no such operator: {op}")
