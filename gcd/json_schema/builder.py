"""Puts a `SchemaProgram` together: tables in which equal entries are one entry, and the algebra of their operators.

What is simplified here is only what costs nothing to see: true and false in a conjunction, a conjunction of one. Equal
subschemas become equal nodes because their parts did before them; what goes through ``$ref`` keeps a node of its own,
reserved when it is first met and filled when it has been read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from gcd.errors import LimitError
from gcd.json_schema.program import ANY_TYPE, NONE, UNBOUNDED, Entry, Node, OutputOptions, Path, Regex, SchemaProgram
from gcd.regex import charset
from gcd.regex.charset import CharSet

__all__ = ["FALSE", "TRUE", "ProgramBuilder", "Template"]

Template: TypeAlias = list[tuple[int, int, Any]]
"""Regexes, the root last: (operator, kind, arguments). Kinds: 0 all arguments are places in the template, 1 the first
is, 2 they are texts, 3 they are a charset."""

TRUE = 0
"""The node that always holds."""
FALSE = 1
"""The node that never does."""

# Plain ints: an IntEnum's attributes cost a lookup each, and these are used for every entry.
_AND, _OR, _NOT, _ONE, _TYPES, _STRING = (
    int(op) for op in (Node.AND, Node.OR, Node.NOT, Node.ONE, Node.TYPES, Node.STRING)
)
_CONCAT, _ALT, _REGEX_AND, _REGEX_NOT = (int(op) for op in (Regex.CONCAT, Regex.ALT, Regex.AND, Regex.NOT))


class ProgramBuilder:
    """Grows the tables. Methods return the index of an entry, new or old."""

    def __init__(self, max_nodes: int) -> None:
        self.max_nodes = max_nodes
        self.strings: dict[str, int] = {}
        self.charsets: dict[CharSet, int] = {}
        self.decimals: dict[str, int] = {}
        self.regexes: dict[Entry, int] = {(int(Regex.EMPTY),): 0, (int(Regex.EPS),): 1, (int(Regex.ANY),): 2}
        self.nodes: list[Entry] = [(int(Node.TRUE),), (int(Node.FALSE),)]
        self.node_index: dict[Entry, int] = {self.nodes[0]: TRUE, self.nodes[1]: FALSE}
        self.origins: list[list[Path]] = [[], []]

    # -- the tables ---------------------------------------------------------------------------

    def string(self, text: str) -> int:
        """A text, which holds no lone surrogates."""
        return self.strings.setdefault(text, len(self.strings))

    def charset(self, chars: CharSet) -> int:
        """A set of characters."""
        return self.charsets.setdefault(chars, len(self.charsets))

    def decimal(self, text: str) -> int:
        """A number's normalised text."""
        return self.decimals.setdefault(text, len(self.decimals))

    def node(self, entry: Entry, path: Path | None = None) -> int:
        """A node, made at `path`."""
        index = self.node_index.get(entry)
        if index is None:
            index = self.node_index[entry] = len(self.nodes)
            if index >= self.max_nodes:
                raise LimitError.of("max_productions", self.max_nodes, index + 1)
            self.nodes.append(entry)
            self.origins.append([] if path is None else [path])
        elif path is not None:
            self.origins[index].append(path)
        return index

    def reserve(self, path: Path) -> int:
        """A node whose entry comes later, by `fill`."""
        index = len(self.nodes)
        if index >= self.max_nodes:
            raise LimitError.of("max_productions", self.max_nodes, index + 1)
        self.nodes.append((_AND,))
        self.origins.append([path])
        return index

    def fill(self, index: int, node: int) -> None:
        """Make a reserved node the same as another."""
        entry = self.nodes[node]
        # A copy of a node that is itself reserved and not yet filled would stay empty.
        self.nodes[index] = entry if len(entry) > 1 or entry[0] != _AND else (_AND, node)

    # -- nodes --------------------------------------------------------------------------------

    def conj(self, parts: Iterable[int], path: Path | None = None) -> int:
        """All of the nodes hold."""
        unique = dict.fromkeys(parts)
        unique.pop(TRUE, None)
        if FALSE in unique:
            return FALSE
        if len(unique) < 2:
            return next(iter(unique), TRUE)
        return self.node((_AND, *unique), path)

    def disj(self, parts: Iterable[int], path: Path | None = None) -> int:
        """Any of the nodes holds."""
        unique = dict.fromkeys(parts)
        unique.pop(FALSE, None)
        if TRUE in unique:
            return TRUE
        if len(unique) < 2:
            return next(iter(unique), FALSE)
        return self.node((_OR, *unique), path)

    def negate(self, node: int, path: Path | None = None) -> int:
        """The node doesn't hold."""
        if node <= FALSE:
            return FALSE - node
        entry = self.nodes[node]
        if entry[0] == _NOT:
            return entry[1]
        if entry[0] == _TYPES:
            return self.types(ANY_TYPE & ~entry[1], path)
        return self.node((_NOT, node), path)

    def one(self, parts: list[int], path: Path | None = None) -> int:
        """Exactly one of the nodes holds. One that is there twice can't be it."""
        kept = [part for part in parts if part != FALSE]
        twice = [part for part in dict.fromkeys(kept) if kept.count(part) > 1] if len(set(kept)) < len(kept) else []
        if twice:
            once = [part for part in kept if part not in twice]
            return self.conj((*(self.negate(part) for part in twice), self.one(once, path)), path)
        if len(kept) < 2:
            return kept[0] if kept else FALSE
        if TRUE in kept:  # then none of the others may
            kept.remove(TRUE)
            return self.negate(self.disj(kept), path)
        return self.node((_ONE, *kept), path)

    def types(self, mask: int, path: Path | None = None) -> int:
        """The value's type is in the mask."""
        if mask == ANY_TYPE:
            return TRUE
        return self.node((_TYPES, mask), path) if mask else FALSE

    def text(self, regex: int, path: Path | None = None) -> int:
        """A string is in the regex's language."""
        return TRUE if regex == self.ANY else self.node((_STRING, regex), path)

    # -- regular expressions ------------------------------------------------------------------

    EMPTY = 0
    EPS = 1
    ANY = 2

    def regex(self, entry: Entry) -> int:
        """A regex, as it is."""
        return self.regexes.setdefault(entry, len(self.regexes))

    def chars(self, chars: CharSet) -> int:
        """One character of a set."""
        return self.regex((int(Regex.CHARS), self.charset(chars))) if chars else self.EMPTY

    def literal(self, text: str) -> int:
        """That text."""
        return self.regex((int(Regex.STRING), self.string(text))) if text else self.EPS

    def words(self, words: Iterable[str]) -> int:
        """One of the texts."""
        indices = dict.fromkeys(map(self.string, words))
        return self.regex((int(Regex.WORDS), *indices)) if indices else self.EMPTY

    def concat(self, parts: Iterable[int]) -> int:
        """One after the other."""
        flat = [part for part in parts if part != self.EPS]
        if self.EMPTY in flat:
            return self.EMPTY
        if len(flat) < 2:
            return flat[0] if flat else self.EPS
        return self.regex((_CONCAT, *flat))

    def alt(self, parts: Iterable[int]) -> int:
        """Any of them."""
        unique = dict.fromkeys(parts)
        unique.pop(self.EMPTY, None)
        if self.ANY in unique:
            return self.ANY
        if len(unique) < 2:
            return next(iter(unique), self.EMPTY)
        return self.regex((_ALT, *unique))

    def both(self, parts: Iterable[int]) -> int:
        """All of them."""
        unique = dict.fromkeys(parts)
        unique.pop(self.ANY, None)
        if self.EMPTY in unique:
            return self.EMPTY
        if len(unique) < 2:
            return next(iter(unique), self.ANY)
        return self.regex((_REGEX_AND, *unique))

    def but(self, regex: int) -> int:
        """Every string that is not in its language."""
        if regex in (self.EMPTY, self.ANY):
            return self.ANY if regex == self.EMPTY else self.EMPTY
        return self.regex((_REGEX_NOT, regex))

    def repeat(self, regex: int, low: int, high: int = UNBOUNDED) -> int:
        """`low` to `high` times in a row."""
        if high == 0 or regex == self.EPS:
            return self.EPS
        if regex == self.EMPTY:
            return self.EMPTY if low else self.EPS
        if low == high == 1:
            return regex
        return self.regex((int(Regex.REPEAT), regex, low, high))

    def optional(self, regex: int) -> int:
        """It, or the empty string."""
        return self.repeat(regex, 0, 1)

    def look(self, regex: int, *, behind: bool, negative: bool) -> int:
        """A condition on what comes, or came before."""
        return self.regex((int(Regex.LOOKBEHIND if behind else Regex.LOOKAHEAD), regex, int(negative)))

    def any_char(self) -> int:
        """One character, whichever."""
        return self.chars(charset.ANY)

    def length(self, low: int, high: int = NONE) -> int:
        """The strings of so many characters."""
        return self.ANY if low == 0 and high == NONE else self.repeat(self.any_char(), low, high)

    def adopt(self, template: Template) -> int:
        """A copy of a regex and of all that it refers to."""
        regexes, string, chars = self.regexes, self.string, self.charset
        new: list[int] = []
        for op, kind, args in template:
            if kind == 0:
                entry = (op, *[new[i] for i in args])
            elif kind == 1:
                entry = (op, new[args[0]], *args[1:])
            elif kind == 2:
                entry = (op, *[string(text) for text in args])
            else:
                entry = (op, chars(args))
            new.append(regexes.setdefault(entry, len(regexes)))
        return new[-1]

    def template(self, root: int) -> Template:
        """A regex with all that it refers to, free of this table, for `adopt`."""
        entries = list(self.regexes)
        wanted = bytearray(root + 1)
        wanted[root] = 1
        for i in range(root, -1, -1):
            if wanted[i]:
                for child in _regex_children(entries[i]):
                    wanted[child] = 1
        strings, charsets = list(self.strings), list(self.charsets)
        place: dict[int, int] = {}
        result: list[tuple[int, int, Any]] = []
        for i, (op, *args) in enumerate(entries[: root + 1]):
            if not wanted[i]:
                continue
            place[i] = len(result)
            if op == Regex.CHARS:
                result.append((op, 3, charsets[args[0]]))
            elif op in (Regex.STRING, Regex.WORDS):
                result.append((op, 2, [strings[j] for j in args]))
            elif op in (Regex.REPEAT, Regex.LOOKAHEAD, Regex.LOOKBEHIND):
                result.append((op, 1, [place[args[0]], *args[1:]]))
            else:
                result.append((op, 0, [place[j] for j in args]))
        return result

    # -- the end ------------------------------------------------------------------------------

    def finish(self, root: int, options: OutputOptions) -> SchemaProgram:
        """The program, frozen."""
        self.string(options.item_separator)
        self.string(options.key_separator)
        return SchemaProgram(
            strings=tuple(self.strings),
            charsets=tuple(self.charsets),
            decimals=tuple(self.decimals),
            regexes=tuple(self.regexes),
            nodes=tuple(self.nodes),
            root=root,
            options=options,
            origins=tuple(map(tuple, self.origins)),
        )


def _regex_children(entry: Entry) -> tuple[int, ...]:
    """The regexes that one refers to."""
    if entry[0] in (Regex.REPEAT, Regex.LOOKAHEAD, Regex.LOOKBEHIND):
        return entry[1:2]
    return entry[1:] if entry[0] in (Regex.CONCAT, Regex.ALT, Regex.AND, Regex.NOT) else ()
