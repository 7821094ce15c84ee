"""The global oracle: which prefixes are alive, found by listing sentences and asking Lark.

Lark is the judge of whole texts, and nothing else is trusted. A `World` is a small grammar, the
options that Lark reads it with, and a vocabulary of byte strings. `Reference` lists every sentence
of up to `bound` letters and keeps those that tokens can spell. From that list:

* a prefix is *live* when a sentence extends it and tokens can spell the rest: **certain**, there
  is a witness;
* a prefix for which the list has no witness is dead, as far as the list goes. That is *proven* when
  the productions allow no text longer than `bound`, and *asserted* for prefixes of up to `depth`
  letters, where the last `margin` letters of the bound brought no new live prefix. Beyond `depth`
  the oracle says "unknown", and whoever claims that the prefix is live must show a sentence, which
  Lark then judges (see `checks.py`).

Sentences are not searched among all texts but among *candidates*: texts that can be cut into
strings of terminals in an order that the productions allow, ignored terminals anywhere between.
How a lexer chooses, priorities, lookaround and conflict resolution only remove texts from these, so
every sentence is a candidate; Lark judges each one. `test_reference.py` compares with all texts.
"""

import random
import re._compiler as sre_compile  # the regex parser of Python itself, for `TerminalTexts`
import re._parser as sre_parse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import inf

from lark import Lark
from lark.exceptions import GrammarError, LarkError
from lark.grammar import NonTerminal

__all__ = ["LEAST_MARGIN", "Judge", "LarkBroken", "Reference", "TerminalTexts", "World", "letters_of"]

LEAST_MARGIN = 4
"""Letters, at least, between the last chance of a prefix that is called dead and the bound."""


class LarkBroken(Exception):
    """Lark failed with something that isn't a verdict (an internal error); drop such a world."""


class NeverEnds(Exception):
    """Lark's LALR parser runs in a circle, which conflicts in hidden left recursion bring about."""


@dataclass(frozen=True)
class World:
    """A grammar, how Lark reads it, and a vocabulary."""

    name: str
    grammar: str
    vocabulary: tuple[bytes | None, ...]
    """Bytes of each id; None for ids that are no text (end of sequence, special ids, holes)."""
    eos_ids: tuple[int, ...]
    parser: str = "lalr"
    lexer: str = "auto"
    start: str = "start"
    special_ids: tuple[int, ...] = ()

    def __str__(self) -> str:
        tokens = ", ".join(f"{i}={t!r}" for i, t in enumerate(self.vocabulary))
        return (
            f"world {self.name}: parser={self.parser} lexer={self.lexer} start={self.start}\n"
            f"{self.grammar.rstrip()}\nvocabulary: {tokens}\neos_ids: {self.eos_ids}"
        )

    @cached_property
    def texts(self) -> dict[int, bytes]:
        """The ids that stand for text."""
        skip = {*self.eos_ids, *self.special_ids}
        return {i: t for i, t in enumerate(self.vocabulary) if t is not None and i not in skip}


class Judge:
    """Lark's verdict on whole texts, remembered."""

    def __init__(self, grammar: str, parser: str = "lalr", lexer: str = "auto", start="start"):
        self.lark = self._load(grammar, parser, lexer, start)
        self._reductions = 0
        if self.lark.options.parser == "lalr":
            callbacks = self.lark.parser.parser.parser.callbacks
            callbacks.update({rule: self._counted(build) for rule, build in callbacks.items()})
        self._slowness = _slowness(self.lark) if self.lark.options.parser == "earley" else 1
        self.spent = 0.0
        """Effort so far."""
        self._memo: dict[bytes, bool] = {}

    @staticmethod
    def _load(grammar: str, parser: str, lexer: str, start: str) -> Lark:
        if parser == "auto":  # LALR where Lark loads it so, else Earley with the dynamic lexer
            try:
                return Lark(grammar, parser="lalr", lexer=lexer, start=start)
            except GrammarError:
                return Lark(grammar, parser="earley", lexer=lexer, start=start)
        return Lark(grammar, parser=parser, lexer=lexer, start=start)

    def _counted(self, build: Callable) -> Callable:
        """Lark's tree builder for a rule, which also notices a parser that reduces empty rules for ever."""

        def counted(children):
            self._reductions += 1
            if self._reductions > 3000:
                raise NeverEnds
            return build(children)

        return counted

    def effort(self, size: int) -> float:
        """What a text of this size costs, about, in LALR parses of a tiny one: Earley is cubic."""
        if self.lark.options.parser == "lalr":
            return 1
        return self._slowness * (1 + len(self.lark.rules) * size**3 / 1000)

    def accepts(self, text: bytes) -> bool:
        """Whether the bytes are UTF-8 and the text is a sentence."""
        if text not in self._memo:
            self._memo[text] = self._ask(text)
        return self._memo[text]

    def _ask(self, text: bytes) -> bool:
        try:
            decoded = text.decode()
        except UnicodeDecodeError:
            return False
        self.spent += self.effort(len(decoded))
        self._reductions = 0
        try:
            self.lark.parse(decoded)
        except (LarkError, NeverEnds):
            return False
        except Exception as error:
            if "multiple start symbol items" in str(error):
                return True  # Earley's chart holds the whole text, twice: only the tree failed
            raise LarkBroken(f"{decoded!r}: {error!r}") from error
        return True


def _slowness(lark: Lark) -> int:
    """How much slower Earley is for an ambiguous grammar, about.

    Worst is a rule that calls itself, or derives itself and nothing more, beside calls that may be empty.
    """
    nullable: set[str] = set()
    calls: set[tuple[str, str]] = set()
    units: set[tuple[str, str]] = set()
    while True:
        before = len(nullable), len(calls), len(units)
        for rule in lark.rules:
            origin, names = rule.origin.name, [s.name for s in rule.expansion]
            if nullable.issuperset(names):
                nullable.add(origin)
            calls |= {(origin, name) for name in names}
            units |= {(origin, n) for i, n in enumerate(names) if nullable.issuperset(names[:i] + names[i + 1 :])}
        calls |= {(a, c) for a, b in calls for b2, c in calls if b == b2}
        units |= {(a, c) for a, b in units for b2, c in units if b == b2}
        if before == (len(nullable), len(calls), len(units)):
            break
    if any(a == b for a, b in units):
        return 20
    worst = 1
    for rule in lark.rules:
        again = [s.name for s in rule.expansion if (s.name, rule.origin.name) in calls]
        if len(again) > 1:
            worst = max(worst, 50 if nullable & set(again) else 5)
    return worst


def letters_of(vocabulary: Iterable[bytes | None]) -> str:
    """Every character that some tokens could spell: those made of the vocabulary's bytes."""
    known = sorted({byte for token in vocabulary if token for byte in token})
    tails = [bytes([b]) for b in known if 0x80 <= b < 0xC0]
    if len(tails) > 12:
        raise ValueError("too many continuation bytes for a small world")
    letters = [chr(b) for b in known if b < 0x80]
    for size, lo, hi in ((1, 0xC2, 0xE0), (2, 0xE0, 0xF0), (3, 0xF0, 0xF5)):
        for lead in (bytes([b]) for b in known if lo <= b < hi):
            for rest in product(tails, repeat=size):
                try:
                    letters.append((lead + b"".join(rest)).decode())
                except UnicodeDecodeError:
                    continue  # overlong, a surrogate, out of range
    return "".join(letters)


class TerminalTexts:
    """The texts of n letters that a regular expression matches, lookaround and ``\\b`` ignored.

    A superset of what the terminal can be in any text, since an assertion only removes matches.
    """

    def __init__(self, pattern: str, letters: str):
        self._letters = letters
        self._tree = sre_parse.parse(pattern)
        self.shortest, self.longest = self._tree.getwidth()
        self._memo: dict[tuple[int, ...], frozenset[str]] = {}

    def of_length(self, size: int) -> frozenset[str]:
        """The texts of exactly `size` letters."""
        return self._sequence(self._tree, self._tree.state.flags, size)

    def _sequence(self, nodes, flags: int, size: int, skip: int = 0) -> frozenset[str]:
        """Texts of the nodes of one branch, one after the other, from number `skip` on."""
        if skip == len(nodes):
            return frozenset({""}) if size == 0 else frozenset()
        key = (id(nodes), flags, size, skip)
        if key not in self._memo:
            self._memo[key] = frozenset(
                head + tail
                for split in range(size + 1)
                for tail in self._sequence(nodes, flags, size - split, skip + 1)
                for head in self._node(nodes[skip], flags, split)
            )
        return self._memo[key]

    def _node(self, node, flags: int, size: int) -> frozenset[str]:
        kind, value = str(node[0]), node[1]
        if kind in ("LITERAL", "NOT_LITERAL", "IN", "ANY"):
            if size != 1:
                return frozenset()
            one = sre_parse.SubPattern(sre_parse.State(), [node])
            match = sre_compile.compile(one, flags).fullmatch  # Python judges a single letter
            return frozenset(filter(match, self._letters))
        if kind in ("ASSERT", "ASSERT_NOT", "AT"):
            return frozenset({""}) if size == 0 else frozenset()
        if kind == "BRANCH":
            return frozenset().union(*(self._sequence(b, flags, size) for b in value[1]))
        if kind == "SUBPATTERN":
            _, added, removed, inside = value
            return self._sequence(inside, (flags | added) & ~removed, size)
        if kind == "ATOMIC_GROUP":
            return self._sequence(value, flags, size)
        if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            low, high, inside = value
            return self._repeated(inside, flags, low, int(high), size)
        raise ValueError(f"the oracle doesn't know {kind}")

    def _repeated(self, inside, flags: int, low: int, high: int, size: int) -> frozenset[str]:
        """Texts of `low` to `high` copies; copies that are empty stand for any number of them."""
        if size == 0:
            return frozenset({""} if low <= 0 or self._sequence(inside, flags, 0) else ())
        if high == 0:
            return frozenset()
        if self._sequence(inside, flags, 0):
            low = 0
        low, high = max(low, 0), min(high, size)
        key = (id(inside), flags, size, low, high)
        if key not in self._memo:
            self._memo[key] = frozenset(
                head + tail
                for split in range(1, size + 1)
                for tail in self._repeated(inside, flags, low - 1, high - 1, size - split)
                for head in self._sequence(inside, flags, split)
            )
        return self._memo[key]


class Candidates:
    """Texts that the productions allow, by length: a superset of the sentences (see the module)."""

    def __init__(self, lark: Lark, start: str, letters: str):
        self._terminals = {t.name: TerminalTexts(t.pattern.to_regexp(), letters) for t in lark.terminals}
        pad = "ignored*"
        self._rules: list[tuple[str, tuple[str, ...]]] = [(pad, ())]
        self._rules += [(pad, (pad, name)) for name in lark.ignore_tokens]
        self.padded = bool(lark.ignore_tokens)
        for rule in lark.rules:
            symbols: list[str] = []
            for symbol in rule.expansion:
                name = str(symbol.name)
                symbols += [name] if isinstance(symbol, NonTerminal) else [pad, name]
            self._rules.append((str(rule.origin.name), tuple(symbols)))
        self.top = "sentence"
        self._rules.append((self.top, (start, pad)))
        self._words: dict[str, list[frozenset[str] | set[str]]] = {
            name: [] for name in [*self._terminals, *(origin for origin, _ in self._rules)]
        }
        self._suffixes: dict[tuple[tuple[str, ...], int], frozenset[str]] = {}
        self._by_origin: dict[str, list[tuple[str, ...]]] = {}
        for origin, expansion in self._rules:
            self._by_origin.setdefault(origin, []).append(expansion)
        self.size = -1

    def grow(self) -> frozenset[str]:
        """Go one letter further; returns the candidates of that length."""
        self.size += 1
        for name, words in self._words.items():
            terminal = self._terminals.get(name)
            words.append(terminal.of_length(self.size) if terminal else set())
        changed = True
        while changed:
            changed = False
            for origin, expansion in self._rules:
                known = self._words[origin][self.size]
                before = len(known)
                known.update(self._spell(expansion, self.size))
                changed |= len(known) > before
        return frozenset(self._words[self.top][self.size])

    def _spell(self, symbols: tuple[str, ...], size: int) -> frozenset[str]:
        if not symbols:
            return frozenset({""}) if size == 0 else frozenset()
        key = (symbols, size)
        if key in self._suffixes:
            return self._suffixes[key]
        found: set[str] = set()
        first, rest = self._words[symbols[0]], symbols[1:]
        for split in range(size + 1):
            if first[split]:
                tails = self._spell(rest, size - split)
                found.update(head + tail for head in first[split] for tail in tails)
        result = frozenset(found)
        if size < self.size:  # shorter texts are settled, these may still grow
            self._suffixes[key] = result
        return result

    def most(self) -> int:
        """The size of the largest set of texts of the present length."""
        return max(len(words[self.size]) for words in self._words.values())

    def longest(self) -> float:
        """Letters in the longest text that the productions allow; infinite with a loop in them."""
        if self.padded:
            return inf
        known: dict[str, float] = {}

        def of(name: str, above: frozenset[str]) -> float:
            if name not in known:
                known[name] = measure(name, above)
            return known[name]

        def measure(name: str, above: frozenset[str]) -> float:
            if name in self._terminals:
                width = self._terminals[name].longest
                return inf if width >= int(sre_parse.MAXREPEAT) else width
            if name in above:
                return inf
            inside = above | {name}
            if name == "ignored*":
                return 0
            return max(sum(of(s, inside) for s in symbols) for symbols in self._by_origin[name])

        return of(self.top, frozenset())

    def longest_production(self) -> int:
        """The largest of the productions' shortest texts, in letters (lookaround and lexing left aside)."""
        least: dict[str, float] = {name: t.shortest for name, t in self._terminals.items()}
        while True:
            sizes = {}
            for origin, symbols in self._rules:
                size = sum(least.get(s, inf) for s in symbols)
                sizes[origin] = min(size, sizes.get(origin, inf))
            if all(least.get(name) == size for name, size in sizes.items()):
                return int(max(s for s in (sum(least[n] for n in e) for _, e in self._rules) if s < inf))
            least.update(sizes)

    def unproductive(self) -> set[str]:
        """Rules that no text is derived from, however long (terminals are taken as matching)."""
        good = set(self._terminals)
        while True:
            more = {o for o, e in self._rules if o not in good and all(s in good for s in e)}
            if not more:
                return {o for o, _ in self._rules} - good
            good |= more

    def know_terminals(self, size: int) -> None:
        """For `derive` without `grow`: terminals of up to `size` letters, and quoted strings however long."""
        for name, terminal in self._terminals.items():
            most = terminal.longest if terminal.shortest == terminal.longest else size
            self._words[name] = [terminal.of_length(n) for n in range(most + 1)]

    def derive(self, draw: random.Random, least: int, most: int = 20) -> str | None:
        """A text of `least` to `most` letters from a random derivation; None where it misses."""
        text, stack, steps = "", [self.top], 0
        while stack and steps < 300 and len(text) <= most:
            steps += 1
            name = stack.pop()
            if name in self._terminals:
                lengths = [n for n, words in enumerate(self._words[name]) if words]
                if not lengths:
                    return None
                text += draw.choice(sorted(self._words[name][draw.choice(lengths)]))
                continue
            choices = self._by_origin[name]
            if len(text) > least or steps > 100 or (name == "ignored*" and draw.random() < 0.8):
                choices = [min(choices, key=len)]  # find an end
            stack.extend(reversed(draw.choice(choices)))
        return text if not stack and least <= len(text) <= most else None


@dataclass
class Reference:
    """What is known about a world: its sentences up to a bound, and the prefixes they keep alive."""

    world: World
    budget: int = 3000
    """Work that Lark is asked for, in parses of a small text: the bound in letters follows."""
    most_letters: int = 12
    deep: int = 1000
    """Work for random derivations beyond the bound, for live prefixes that are deep."""

    judge: Judge = field(init=False)
    bound: int = field(init=False, default=-1)
    """All sentences of up to this many letters are known."""
    finite: bool = field(init=False, default=False)
    """The bound is past the longest text that the productions allow: every verdict is proven."""
    margin: int = field(init=False, default=0)
    """Letters that one more production adds to a sentence, at most, where it derives the shortest text it can."""
    depth: float = field(init=False, default=-1)
    """Prefixes of up to this many letters without a witness are taken as dead."""
    sentences: set[bytes] = field(init=False, default_factory=set)
    """Every sentence that is known and that tokens can spell."""
    shortest: dict[bytes, int] = field(init=False, default_factory=dict)
    """For each live prefix: letters of the shortest known sentence that it leads to."""

    def __post_init__(self):
        world = self.world
        self.judge = Judge(world.grammar, world.parser, world.lexer, world.start)
        self._tokens = sorted(set(world.texts.values()))
        self.letters = letters_of(self._tokens)
        self.candidates = Candidates(self.judge.lark, world.start, self.letters)
        work = 0.0
        while self.bound < self.most_letters:
            texts = self.candidates.grow()
            work += len(texts) * self.judge.effort(self.bound + 1)
            if self.bound >= 0 and max(work, self.candidates.most()) > self.budget:
                break
            self.bound += 1
            for text in sorted(texts):
                self._judge(text.encode(), self.bound)
        self.finite = self.candidates.longest() <= self.bound
        self.margin = max(LEAST_MARGIN, self.candidates.longest_production())
        late = (_count(p) for p, size in self.shortest.items() if size > self.bound - self.margin)
        self.depth = inf if self.finite else min(late, default=self.bound - self.margin + 1) - 1
        draw = random.Random(world.name)
        work = 0.0
        while work < self.deep and not self.finite:
            text = self.candidates.derive(draw, self.bound + 1)
            work += 2 + self.judge.effort(len(text or ""))
            if text is not None:
                self._judge(text.encode(), len(text))

    def _judge(self, text: bytes, size: int) -> None:
        """Ask Lark about the text; if it's a sentence, mark the prefixes from which it is reached.

        A prefix counts when tokens can spell it and, separately, what follows it.
        """
        if not self.judge.accepts(text):
            return
        before = [True] + [False] * len(text)  # tokens can spell text[:i]
        for i in range(len(text)):
            if before[i]:
                for token in self._tokens:
                    if text.startswith(token, i):
                        before[i + len(token)] = True
        if not before[-1]:
            return
        self.sentences.add(text)
        after = [False] * len(text) + [True]  # tokens can spell text[i:]
        for i in reversed(range(len(text))):
            after[i] = any(text.startswith(t, i) and after[i + len(t)] for t in self._tokens)
        for i in range(len(text) + 1):
            if before[i] and after[i]:
                prefix = text[:i]
                self.shortest[prefix] = min(size, self.shortest.get(prefix, size))

    def complete(self, prefix: bytes) -> bool:
        """Whether the text so far is a sentence (Lark's own verdict, at any length)."""
        return self.judge.accepts(prefix)

    def live(self, prefix: bytes) -> bool | None:
        """True: a sentence extends it. False: none does. None: beyond what was enumerated."""
        if prefix in self.shortest:
            return True
        if _count(prefix) <= self.depth or _broken(prefix):
            return False
        return True if self.complete(prefix) else None

    def expected_mask(self, prefix: bytes) -> list[bool | None]:
        """For each token id: may it come next? EOS exactly when complete; ids without text never."""
        texts = self.world.texts
        mask: list[bool | None] = []
        for i in range(len(self.world.vocabulary)):
            if i in texts:
                mask.append(self.live(prefix + texts[i]))
            else:
                mask.append(i in self.world.eos_ids and self.complete(prefix))
        return mask

    def tokenisations(self, text: bytes) -> Iterator[list[int]]:
        """Every way to spell the text in token ids."""
        if not text:
            yield []
            return
        for i, token in self.world.texts.items():
            if text.startswith(token):
                for rest in self.tokenisations(text[len(token) :]):
                    yield [i, *rest]


def _count(prefix: bytes) -> int:
    """Letters in the prefix; one that has only begun counts."""
    return sum(byte & 0xC0 != 0x80 for byte in prefix)


def _broken(prefix: bytes) -> bool:
    """Whether no text at all has these first bytes: invalid, more than cut short."""
    try:
        prefix.decode()
    except UnicodeDecodeError as error:
        return error.reason != "unexpected end of data"
    return False
