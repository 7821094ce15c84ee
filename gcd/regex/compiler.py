r"""Syntax trees -> `NfaProgram`: a Thompson construction that keeps priorities, from the end to the start.

Every node is compiled against its *continuation*, the pc to go to after it, and returns the pc to enter it by. So there
are no jumps, and equal (instruction, continuation) pairs are made once: common suffixes merge by themselves. ``ab|cb``,
last instruction first::

    0 ACCEPT    1 CLASS b -> 0    2 CLASS [ac] -> 1

Three things need thought.

**Alternations** become ordered tries, so that the threads alive after a few characters are few. The words ``sam``,
``samwise``, ``sad`` share their first letters; behind ``sam`` the trie must remember that stopping comes before going
on with ``w``, so a trie node is a list of *blocks*: a dict of edges whose classes are disjoint (their order can't
matter), or a barrier (the end, a lookaround, a loop), which nothing may be moved across. (Rust's regex-automata has the
same idea for literals, in ``literal_trie.rs``. Ours holds any class and any tail.)

**Loops whose body can be empty.** A backtracking matcher is no finite automaton there: CPython remembers where the
round began and, when a round ends where it began, leaves the loop at once. ``(|a)*`` on ``a`` matches nothing, since
the empty round comes first. A Pike machine that merely drops threads it has seen would go on to try ``a`` before
leaving. So the automaton has to know whether the current round has consumed anything. Code inside of such a body exists
twice, in the *mode* "nothing consumed since the round began" and in the mode "something was consumed"; consuming leads
from the first to the second, so both share their CLASS instructions and only differ in front of them. Continuations
are tuples: ``ks[0]`` for the second mode, ``ks[1:]`` for the first, once for each enclosing loop of this kind (only
one of them can be the innermost round that has consumed something, so n nested loops need n + 1 modes, not 2^n).
Rejected: rewriting ``x*`` as ``(?:x+)?`` (RE2, Go). It repairs ``(|a)*`` but not ``(|a)+(?:ab|bc)`` on ``aabc``.

**Possessive and atomic groups** can't be told to a thread list. `gcd.regex.atomic` rewrites those that have one way to
match, or that a lookahead can describe; lookarounds inside of lookbehinds are moved out by `gcd.regex.lookbehind`. What
is left is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from gcd.errors import LimitError, UnsupportedError
from gcd.limits import Limits
from gcd.regex import charset
from gcd.regex.analysis import RefusedError, edge_chars, lowered
from gcd.regex.ast import (
    Alternation,
    Assertion,
    Atomic,
    Chars,
    Concat,
    EndOfText,
    Fold,
    Literal,
    Look,
    Mode,
    Node,
    Place,
    Repeat,
)
from gcd.regex.atomic import atomic, possessive
from gcd.regex.charset import CharSet
from gcd.regex.lookbehind import flatten_lookbehind, has_lookaround
from gcd.regex.parser import literal_text, min_width, parse, where
from gcd.regex.program import DONE, NO_MAX, NfaProgram, Op
from gcd.regex.utf8 import FAIL, ClassTable

__all__ = ["NfaCompiler", "literal_text", "min_width"]

COPY_UP_TO = 64
"""What is repeated more often is counted, by REPEAT or COUNT; up to here it is copied, which runs faster."""

COUNTED_BODY = 256
"""Characters in the body of a COUNT; counts within it are copied. A longer body is copied itself."""

_WIDE_CHECKS = 64
"""Classes of several characters that a trie's block may hold: each new edge is compared with them."""

_Part: TypeAlias = "int | Node"
"""A class id (`FAIL` included), or a node that isn't one character."""
_Tail: TypeAlias = tuple[list[_Part], int]
"""The rest of a sequence, from an index on."""
_Block: TypeAlias = "dict[int, _Trie | _Tail] | _Guard | _Tail | None"
"""Edges; a condition with what follows it; a sequence that begins with a loop or the like; None: the end."""
_Trie: TypeAlias = "list[_Block]"


class _Guard:
    """A zero-width condition in a trie, and the trie behind it."""

    __slots__ = ("condition", "trie")

    def __init__(self, condition: Assertion | Look, trie: _Trie) -> None:
        self.condition = condition
        self.trie = trie


class NfaCompiler:
    r"""Collects patterns into one program.

    >>> compiler = NfaCompiler()
    >>> compiler.add(r"[a-z]+\b", name="WORD"), compiler.add("if|in", name="KEYWORD"), compiler.add_declared()
    (0, 1, 2)
    >>> len(compiler.program().starts)
    3
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._shared = _Shared(self._limits)

    def add(self, pattern: str, flags: int = 0, *, name: str = "", dialect: str = "python") -> int:
        """Compile a pattern and return its index in the program's `starts`.

        Args:
            pattern: the regular expression.
            flags: ``re.I | re.S | re.M | re.X | re.A`` bits.
            name: whose pattern it is, for messages.
            dialect: "python", "regex" or "ecma"; see `gcd.regex.parser`.

        Raises:
            GrammarError: the pattern is wrong.
            UnsupportedError: it can't be compiled exactly.
            LimitError: it nests too deeply, counts too far, or needs too many instructions.
        """
        place = f"pattern of {name}" if name else "pattern"
        tree = parse(pattern, flags, name=name, dialect=dialect, limits=self._limits)
        shared = self._shared
        shared.never_on_empty_text = tree.min_width > 0
        try:
            emitter = _Emitter(shared, anywhere=False)
            start = emitter.emit(tree, emitter.accept)
        except RefusedError as refusal:
            at = where(pattern, name, refusal.node.start, refusal.node.end)
            raise UnsupportedError.of(refusal.construct, refusal.cause, **at) from None
        except _OverBudgetError:
            # Not LimitError.of: its message would compare instructions with states.
            raise self._limit(
                "max_lexer_states",
                f"the pattern needs more than the {shared.budget:,} instructions that all patterns may have together",
                place,
                "smaller repetition counts, or gcd.Limits(max_lexer_states=...), a fifth of that bound",
            ) from None
        except RecursionError:
            # Brackets are counted, but several loops and lookarounds a level, far down in the caller's own stack ...
            raise self._limit(
                "max_nesting", "the pattern nests too deeply for what is left of Python's stack", place, "less nesting"
            ) from None
        shared.program.starts.append(start if start != FAIL else shared.instruction(Op.SPLIT))
        return len(shared.program.starts) - 1

    def _limit(self, limit: str, cause: str, place: str, remedy: str) -> LimitError:
        error = LimitError(cause, place=place, remedy=remedy)
        error.limit, error.allowed = limit, getattr(self._limits, limit)
        return error

    def add_declared(self) -> int:
        """Reserve an index for a terminal that never matches text."""
        self._shared.program.starts.append(DONE)
        return len(self._shared.program.starts) - 1

    def program(self) -> NfaProgram:
        """The program with all patterns so far. It grows when more are added."""
        return self._shared.program


class _OverBudgetError(Exception):
    """More instructions than allowed, or as much work."""


class _ClassOf(dict[str, int]):
    """Character -> class id, for literals of one fold. Filled on demand."""

    __slots__ = ("classes", "fold")

    def __init__(self, classes: ClassTable, fold: Fold) -> None:
        super().__init__()
        self.classes = classes
        self.fold = fold

    def __missing__(self, char: str) -> int:
        if self.fold is Fold.NONE:
            chars = charset.singleton(ord(char))
        else:
            chars = charset.fold_char(char, self.fold is Fold.ASCII)
        class_id = self[char] = self.classes.add(chars)
        return class_id


class _Shared:
    """What all patterns of a program have in common."""

    def __init__(self, limits: Limits) -> None:
        self.program = NfaProgram()
        self.classes = ClassTable(self.program)
        self.budget = 5 * limits.max_lexer_states
        self._left = self.budget
        self.class_of = [_ClassOf(self.classes, fold) for fold in Fold]
        self.never_on_empty_text = False
        """The pattern being compiled needs a character, so what it would do on the empty text can't matter."""
        self._unions: dict[frozenset[int], int] = {}
        self._disjoint: dict[tuple[int, int], bool] = {}
        self._looks: dict[tuple[bool, bool, Node], int | bool] = {}

    def instruction(self, op: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0) -> int:
        self._left -= 1
        if self._left < 0:
            raise _OverBudgetError
        code = self.program.code
        code.extend((op, a, b, c, d))
        return len(code) // 5 - 1

    def work(self) -> None:
        """Count a step as if it were an instruction: it may have found that all its instructions are there already."""
        self._left -= 1
        if self._left < 0:
            raise _OverBudgetError

    def united(self, class_ids: list[int]) -> int:
        """The class of all these classes together."""
        if len(class_ids) == 1:
            return class_ids[0]
        key = frozenset(class_ids)
        if key not in self._unions:
            self._unions[key] = self.classes.add(charset.union(*(self.classes.sets[i] for i in class_ids)))
        return self._unions[key]

    def disjoint(self, a: int, b: int) -> bool:
        """Whether no character is in both classes."""
        known = self._disjoint.get((a, b))
        if known is None:
            known = self._disjoint[a, b] = charset.disjoint(self.classes.sets[a], self.classes.sets[b])
        return known

    def look(self, body: Node, behind: bool) -> int | bool:
        """The id of a lookaround's body; True or False if it always or never matches."""
        key = (behind, self.never_on_empty_text, body)
        found = self._looks.get(key)
        if found is None:
            emitter = _Emitter(self, anywhere=not behind)
            start = emitter.emit(body, emitter.accept)
            if start in (FAIL, emitter.accept):
                found = start != FAIL
            else:
                starts = self.program.lookbehinds if behind else self.program.lookaheads
                found = len(starts)
                starts.append(start)
            self._looks[key] = found
        return found


class _Emitter:
    """Emits one pattern, or one lookaround's body.

    Attributes:
        accept: the pc of its ACCEPT.
        anywhere: only whether it matches counts, not how far (lookaheads): code behind the first ACCEPT is left out.
    """

    def __init__(self, shared: _Shared, *, anywhere: bool) -> None:
        self.shared = shared
        self.anywhere = anywhere
        self.accept = shared.instruction(Op.ACCEPT)
        self._in_count = False
        """Inside of a COUNT's body, where nothing else is counted: a thread has one count."""
        self._chars: dict[tuple[int, int], int] = {}
        self._others: dict[tuple[int, ...], int] = {}
        self._wide: dict[int, list[int]] = {}
        """Of a block of the trie being built, by its id: the classes of its edges that take more than one character."""

    # -- instructions -------------------------------------------------------------------------

    def char(self, class_id: int, k: int) -> int:
        """CLASS: one character of a class, then `k`."""
        if class_id == FAIL or k == FAIL:
            return FAIL
        key = (class_id, k)
        pc = self._chars.get(key)
        if pc is None:
            pc = self._chars[key] = self.shared.instruction(Op.CLASS, self.shared.classes.root(class_id), k)
        return pc

    def other(self, op: int, a: int, k: int, c: int = 0, d: int = 0) -> int:
        """Any other instruction with one continuation."""
        if k == FAIL:
            return FAIL
        key = (op, a, k, c, d)
        pc = self._others.get(key)
        if pc is None:
            pc = self._others[key] = self.shared.instruction(op, a, k, c, d)
        return pc

    def split(self, targets: Sequence[int]) -> int:
        """SPLIT, or less where less will do."""
        unique = tuple(dict.fromkeys(t for t in targets if t != FAIL))
        if len(unique) < 2:
            return unique[0] if unique else FAIL
        if self.anywhere and self.accept in unique:
            return self.accept
        key = (Op.SPLIT, *unique)
        pc = self._others.get(key)
        if pc is None:
            pc = self._others[key] = self.shared.instruction(Op.SPLIT)
            self.aim(pc, unique)
        return pc

    def aim(self, pc: int, targets: Sequence[int]) -> None:
        """Set the targets of a SPLIT."""
        program = self.shared.program
        unique = tuple(dict.fromkeys(t for t in targets if t != FAIL))
        program.code[5 * pc + 1] = len(program.splits)
        program.code[5 * pc + 2] = len(unique)
        program.splits.extend(unique)

    # -- nodes --------------------------------------------------------------------------------

    def emit(self, node: Node, k: int) -> int:
        """The pc that matches `node` and goes on at `k`."""
        if isinstance(node, Literal):
            class_of = self.shared.class_of[node.fold]
            for char in reversed(node.text):
                k = self.char(class_of[char], k)
            return k
        if isinstance(node, Chars):
            return self.char(self.shared.classes.add(node.chars), k)
        return self.emit_modes(node, (k,))[0]

    def emit_modes(self, node: Node, ks: tuple[int, ...]) -> tuple[int, ...]:
        """The same for several modes (see the module's docstring): of each mode the pc to enter by."""
        if node.min_width > 0 and len(ks) > 1:
            # Where a character is certain to be consumed, all modes end as the first one.
            return self.emit_modes(node, ks[:1]) * len(ks)
        self.shared.work()
        if isinstance(node, Concat):
            return self.sequence(self.parts(node), 0, ks)
        if isinstance(node, Alternation):
            return self.alternation(node, ks)
        if isinstance(node, Repeat):
            return self.repeat(node, ks)
        if isinstance(node, Look):
            return self.look(node, ks)
        if isinstance(node, Assertion):
            return self.emit_modes(lowered(node, self.shared.never_on_empty_text), ks)
        if isinstance(node, Atomic):
            return self.emit_modes(atomic(node), ks)
        if isinstance(node, EndOfText):
            return tuple(self.other(Op.EOF, 0, k) for k in ks)
        return (self.emit(node, ks[0]),) * len(ks)

    def word(self, parts: list[_Part], at: int, k: int) -> int:
        """The same for a single mode. Words of enums come here: this loop is what compiling them costs."""
        known = self._chars
        instruction, root = self.shared.instruction, self.shared.classes.root
        for part in reversed(parts[at:]):
            if part == FAIL or k == FAIL:
                return FAIL
            if isinstance(part, int):
                pc = known.get((part, k))
                if pc is None:
                    pc = known[part, k] = instruction(0, root(part), k)  # Op.CLASS
                k = pc
            else:
                k = self.emit_modes(part, (k,))[0]
        return k

    def sequence(self, parts: list[_Part], at: int, ks: tuple[int, ...]) -> tuple[int, ...]:
        """One part after the other, from index `at` on."""
        if len(ks) == 1:
            return (self.word(parts, at, ks[0]),)
        for i in range(len(parts) - 1, at - 1, -1):
            part = parts[i]
            ks = (self.char(part, ks[0]),) * len(ks) if isinstance(part, int) else self.emit_modes(part, ks)
        return ks

    def parts(self, node: Node) -> list[_Part]:
        """A node as a sequence of class ids and other nodes. Word edges beside known characters are simplified."""
        parts: list[_Part] = []
        edges = False
        for item in node.items if isinstance(node, Concat) else (node,):
            if isinstance(item, Literal):
                parts += map(self.shared.class_of[item.fold].__getitem__, item.text)
            elif isinstance(item, Chars):
                parts.append(self.shared.classes.add(item.chars))
            else:
                edges = edges or isinstance(item, Assertion)
                parts.append(item)
        if edges:
            parts = [
                known
                for i, part in enumerate(parts)
                for known in (
                    self.word_edge(part, parts[i - 1] if i else None, parts[i + 1] if i + 1 < len(parts) else None)
                    if isinstance(part, Assertion) and part.word
                    else (part,)
                )
            ]
        return parts

    def word_edge(self, edge: Assertion, before: _Part | None, after: _Part | None) -> tuple[_Part, ...]:
        r"""A word edge that knows a neighbour needs to look only to the other side: ``if\b`` is ``if(?!\w)``."""
        left = self.in_word(before, edge.word, last=True)
        right = self.in_word(after, edge.word, last=False)
        wanted = edge.place is Place.WORD_EDGE
        word = Chars(edge.word, edge.start, edge.end)
        if left is not None and right is not None:
            return () if (left != right) is wanted else (FAIL,)
        if left is not None:
            return (Look(word, False, left is wanted, edge.start, edge.end),)
        if right is not None:
            return (Look(word, True, right is wanted, edge.start, edge.end),)
        return (edge,)

    def in_word(self, part: _Part | None, word: CharSet, last: bool) -> bool | None:
        """Whether the part ends (`last`) or begins with a word character; None if that isn't certain."""
        if part is None or part == FAIL:
            return None
        chars = edge_chars(part, last) if not isinstance(part, int) else self.shared.classes.sets[part]
        if not chars:
            return None
        return True if charset.subset(chars, word) else False if charset.disjoint(chars, word) else None

    # -- alternation --------------------------------------------------------------------------

    def alternation(self, node: Alternation, ks: tuple[int, ...]) -> tuple[int, ...]:
        trie: _Trie = []
        self._wide = {}
        for item in node.items:
            parts = self.parts(item)
            if FAIL not in parts:
                self.insert(trie, parts)
        return self.emit_trie(trie, ks)

    def insert(self, trie: _Trie, parts: list[_Part], at: int = 0) -> None:
        """Add an alternative (its parts from index `at` on) behind those that are there."""
        for i in range(at, len(parts)):
            part = parts[i]
            last = trie[-1] if trie else None
            if isinstance(part, int):
                if not isinstance(last, dict):
                    trie.append(self.block(part, (parts, i + 1)))
                    return
                child = last.get(part)
                if child is None:
                    if self.fits(last, part):
                        last[part] = (parts, i + 1)
                    else:
                        trie.append(self.block(part, (parts, i + 1)))
                    return
                if isinstance(child, tuple):
                    tail, child = child, []
                    self.insert(child, *tail)
                    last[part] = child
                trie = child
            elif isinstance(part, Assertion | Look):
                if not isinstance(last, _Guard) or last.condition != part:
                    last = _Guard(part, [])
                    trie.append(last)
                trie = last.trie
            else:
                trie.append((parts, i))
                return
        if None not in trie:
            trie.append(None)

    def block(self, part: int, tail: _Tail) -> dict[int, _Trie | _Tail]:
        """A new block with one edge."""
        block: dict[int, _Trie | _Tail] = {part: tail}
        if is_wide(self.shared.classes.sets[part]):
            self._wide[id(block)] = [part]
        return block

    def fits(self, block: dict[int, _Trie | _Tail], part: int) -> bool:
        """Whether a new class is disjoint from all in the block, if that can be found out quickly."""
        shared = self.shared
        wide = self._wide.get(id(block), [])
        if not is_wide(shared.classes.sets[part]):
            return not wide or all(shared.disjoint(other, part) for other in wide)
        if len(block) > _WIDE_CHECKS or not all(shared.disjoint(other, part) for other in block):
            return False
        self._wide[id(block)] = [*wide, part]
        return True

    def emit_trie(self, trie: _Trie, ks: tuple[int, ...]) -> tuple[int, ...]:
        """The code of a trie, children first. Words are long and bodies shallow: no recursion down the edges."""
        order = [trie]
        for node in order:
            for block in node:
                if isinstance(block, dict):
                    order += [child for child in block.values() if isinstance(child, list)]
        done: dict[int, int] = {}
        for node in order[:0:-1]:
            done[id(node)] = self.emit_blocks(node, ks[:1], done)[0]
        return self.emit_blocks(trie, ks, done)

    def emit_blocks(self, node: _Trie, ks: tuple[int, ...], done: dict[int, int]) -> tuple[int, ...]:
        """The code of one trie node, given that of its children."""
        if self.anywhere and ks == (self.accept,) and None in node:
            return ks
        entries: list[tuple[int, ...]] = []
        for block in node:
            if isinstance(block, dict):
                by_target: dict[int, list[int]] = {}
                for class_id, child in block.items():
                    k = done[id(child)] if isinstance(child, list) else self.word(child[0], child[1], ks[0])
                    by_target.setdefault(k, []).append(class_id)
                for k, class_ids in by_target.items():
                    entries.append((self.char(self.shared.united(class_ids), k),) * len(ks))
            elif isinstance(block, _Guard):
                entries.append(self.emit_modes(block.condition, self.emit_trie(block.trie, ks)))
            elif block is None:
                entries.append(ks)
            else:
                entries.append(self.sequence(block[0], block[1], ks))
        return tuple(self.split(targets) for targets in zip(*entries, strict=True)) if entries else (FAIL,) * len(ks)

    # -- repetition ---------------------------------------------------------------------------

    def repeat(self, node: Repeat, ks: tuple[int, ...]) -> tuple[int, ...]:
        body, low, high = node.body, node.low, node.high
        if high == 0 or (isinstance(body, Concat) and not body.items):
            return ks
        if node.mode is Mode.POSSESSIVE:
            return self.emit_modes(possessive(node), ks)
        if self.anywhere and ks == (self.accept,):
            high = low  # the shortest match is enough
            if low == 0:
                return ks
        lazy = node.mode is Mode.LAZY
        bound = low if high is None else high
        counted = bound > COPY_UP_TO and not self._in_count
        if counted and body.max_width == 1 and isinstance(body, Chars | Literal):
            class_id = self.parts(body)[0]
            assert isinstance(class_id, int)
            if class_id != FAIL:
                root = self.shared.classes.root(class_id)
                op = Op.LAZY_REPEAT if lazy else Op.REPEAT
                some = self.other(op, root, ks[0], max(low, 1), NO_MAX if high is None else high)
                # Zero times is a way around, not a count: only then has nothing been consumed.
                return (some,) * len(ks) if low else tuple(self.prefer(some, k, lazy) for k in ks)
        elif counted and body.min_width > 0 and copied_size(body) <= COUNTED_BODY:
            some = self.count(body, max(low, 1), NO_MAX if high is None else high, ks[0], lazy)
            return (some,) * len(ks) if low else tuple(self.prefer(some, k, lazy) for k in ks)
        if body.min_width > 0 and high is None and low > 0:
            entry = self.loop(body, ks[:1], lazy)[1]
            for _ in range(low - 1):
                entry = self.emit(body, entry)
            return (entry,) * len(ks)
        ks = self.loop(body, ks, lazy)[0] if high is None else self.optional(body, high - low, ks, lazy)
        for _ in range(low):
            ks = self.emit_modes(body, ks)
        return ks

    def count(self, body: Node, low: int, high: int, k: int, lazy: bool) -> int:
        """The way into a counted loop around a body."""
        if k == FAIL:
            return FAIL
        program = self.shared.program
        end = self.shared.instruction(Op.LAZY_COUNT if lazy else Op.COUNT, 0, k, low, high)
        self._in_count = True
        entry = self.emit(body, end)
        self._in_count = False
        if entry != FAIL:
            program.code[5 * end + 1] = entry
        return entry

    def prefer(self, body: int, leave: int, lazy: bool) -> int:
        return self.split((leave, body) if lazy else (body, leave))

    def rounds(self, body: Node, again: int, ks: tuple[int, ...]) -> tuple[int, ...]:
        """One round: of each mode the way in. If it consumes it goes on at `again`; if not, it leaves the loop, in the
        mode that it began in."""
        if body.min_width > 0:
            return (self.emit(body, again),) * len(ks)
        return self.emit_modes(body, (again, *ks))[1:]

    def loop(self, body: Node, ks: tuple[int, ...], lazy: bool) -> tuple[tuple[int, ...], int]:
        """Any number of rounds. Returns the way in of each mode, and the way into a round (for the first mode)."""
        head = self.shared.instruction(Op.SPLIT)
        rounds = self.rounds(body, head, ks)
        if rounds[0] == FAIL or rounds == ks:
            self.aim(head, ks[:1])
            return ks, rounds[0]
        self.aim(head, (ks[0], rounds[0]) if lazy else (rounds[0], ks[0]))
        return (head, *(self.prefer(r, k, lazy) for r, k in zip(rounds[1:], ks[1:], strict=True))), rounds[0]

    def optional(self, body: Node, count: int, ks: tuple[int, ...], lazy: bool) -> tuple[int, ...]:
        """Up to `count` rounds."""
        here = ks
        for _ in range(count):
            rounds = self.rounds(body, here[0], ks)
            here = tuple(self.prefer(r, k, lazy) for r, k in zip(rounds, ks, strict=True))
        return here

    # -- zero width ---------------------------------------------------------------------------

    def look(self, node: Look, ks: tuple[int, ...]) -> tuple[int, ...]:
        if node.behind and has_lookaround(node.body):
            return self.emit_modes(flatten_lookbehind(node, self.shared.never_on_empty_text), ks)
        found = self.shared.look(node.body, node.behind)
        if found is True or found is False:
            return ks if found is not node.negative else (FAIL,) * len(ks)
        op = Op.LOOKBEHIND if node.behind else Op.LOOKAHEAD
        return tuple(self.other(op, found, k, int(not node.negative)) for k in ks)


def is_wide(chars: CharSet) -> bool:
    """Whether the set holds more than one character."""
    return chars[0][0] != chars[-1][1]


def copied_size(node: Node) -> int:
    """Roughly how many CLASS instructions a node needs with all its counts copied."""
    if isinstance(node, Literal):
        return len(node.text)
    if isinstance(node, Concat | Alternation):
        return sum(map(copied_size, node.items))
    if isinstance(node, Repeat):
        return copied_size(node.body) * max(1, node.low if node.high is None else node.high)
    if isinstance(node, Atomic):
        return copied_size(node.body)
    return 1
