"""Small worlds for the oracle: random ones, and those with a name and expected values.

Every random choice goes through a `Chooser`, so that one generator serves seeds (`random_world`) and
Hypothesis (`worlds`, which can shrink).
"""

import random
from collections.abc import Sequence
from typing import Any, Protocol

from hypothesis import assume
from hypothesis import strategies as st
from lark.exceptions import LarkError
from oracle.reference import Judge, LarkBroken, Reference, World

__all__ = ["Chooser", "build_world", "random_world", "worlds"]

MODES = (
    *[("lalr", "contextual")] * 6,
    *[("lalr", "basic")] * 3,
    *[("auto", "auto")] * 2,
    *[("earley", "dynamic")] * 5,
    *[("earley", "dynamic_complete")] * 2,
    *[("earley", "basic")] * 2,
)
"""(parser, lexer), as often as they are drawn."""

ALPHABETS = ("ab", "ab", "abc", "ab ", "a1.", "if", "if ", "a/*", "a_\n", "aé", "aéß", "sſ", 'a"\\')


class Chooser(Protocol):
    """Where random decisions come from."""

    def integer(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""

    def choice(self, options: Sequence[Any]) -> Any:
        """One of the options."""

    def chance(self, percent: int) -> bool:
        """True that often."""


class Seeded:
    """Decisions from a seed."""

    def __init__(self, seed: int | str):
        self._random = random.Random(seed)
        self.integer = self._random.randint
        self.choice = self._random.choice

    def chance(self, percent: int) -> bool:
        return self._random.randrange(100) < percent


class Drawn:
    """Decisions from Hypothesis; the first option is the one it shrinks to."""

    def __init__(self, draw: st.DrawFn):
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def choice(self, options: Sequence[Any]) -> Any:
        return self._draw(st.sampled_from(options))

    def chance(self, percent: int) -> bool:
        return self._draw(st.integers(0, 99)) >= 100 - percent


# Grammars


def quote(text: str) -> str:
    """The text as a Lark string literal."""
    body = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{body}"'


def escape(letter: str) -> str:
    """The letter as a regular expression inside Lark's slashes."""
    if letter == "\n":
        return "\\n"
    return "\\" + letter if letter in ' .*+?()[]{}|^$/\\"-' else letter


class GrammarMaker:
    """Makes one random Lark grammar over an alphabet.

    Without `assertions` nothing in it looks around: the lexer "dynamic_complete" asks regular expressions about
    shortened texts, where what an assertion sees isn't the text. gcd refuses those by name. A `dense` grammar has
    two terminals of one letter and many empty rules: all its difficulties are the parser's.
    """

    def __init__(self, choose: Chooser, letters: str, *, assertions: bool = True, dense: bool = False):
        self.choose = choose
        self.letters = letters
        self.assertions = assertions
        self.dense = dense
        self.terminals: list[str] = []
        self.rules: list[str] = []
        self.templates = False

    def text(self) -> str:
        """The grammar."""
        choose = self.choose
        self.rules = ["start"] + [f"r{i}" for i in range(choose.integer(0, choose.integer(1, 7)))]
        lines = []
        for i in range(2 if self.dense else choose.integer(1, 5)):
            priority = f".{choose.integer(1, 3)}" if choose.chance(12) else ""
            lines.append(f"T{i}{priority}: {self.terminal()}")
            self.terminals.append(f"T{i}")
        rules = [f"{self.head(rule)}: {self.alternatives(2)[0]}" for rule in self.rules]
        if self.templates:
            rules.append("_list{x, y}: x (y x)*\n_maybe{x}: x |")
        if choose.chance(5 if self.dense else 40):
            if choose.chance(40):
                ignored = choose.choice(self.terminals)
            elif " " in self.letters:
                ignored = choose.choice(['" "', "/[ ]+/"])
            else:
                ignored = f"/{self.regex(1)}/"
            lines.append(f"%ignore {ignored}")
        return "\n".join([*rules, *lines]) + "\n"

    def head(self, rule: str) -> str:
        """The rule's name, at times with what changes trees or resolves conflicts."""
        modifier = self.choose.choice(["?", "!"]) if self.choose.chance(15) else ""
        priority = f".{self.choose.integer(1, 3)}" if self.choose.chance(8) else ""
        return modifier + rule + priority

    # Terminals

    def terminal(self) -> str:
        if self.dense:
            return quote(self.letters[len(self.terminals)])
        kind = self.choose.integer(0, 9)
        if kind <= 3:
            flag = "i" if self.choose.chance(15) else ""
            return quote(self.word(3)) + flag
        if kind == 4:
            some = "".join(escape(self.word(1)) for _ in range(self.choose.integer(1, 2)))
            return f"/[{some}]+/"
        if kind == 5 and self.choose.chance(30):
            first, last = sorted([self.word(1), self.word(1)])
            return f"{quote(first)}..{quote(last)}"
        if kind == 5 and self.terminals:
            parts = [self.choose.choice(self.terminals), quote(self.word(1))]
            return " ".join(parts if self.choose.chance(50) else parts[::-1])
        return f"/{self.decorated()}/"

    def word(self, most: int) -> str:
        size = self.choose.integer(1, most)
        return "".join(self.choose.choice(self.letters) for _ in range(size))

    def decorated(self) -> str:
        """A regular expression, at times with something zero-wide around it."""
        inside = self.regex(2)
        if not self.assertions or not self.choose.chance(25):
            return inside
        inside = f"(?:{inside})"
        one = self.one()
        return self.choose.choice(
            [
                f"{inside}(?={one})",
                f"{inside}(?!{one})",
                f"(?<={one}){inside}",
                f"(?<!{one}){inside}",
                f"{inside}\\b",
                f"\\b{inside}",
                f"(?!{one}){inside}",
                f"(?={self.regex(1)}){inside}",
                f"{inside}(?!{self.regex(1)})",
                f"(?i:{inside})",
                f"{inside}$",
                f"{inside}(?:{one}|$)",
            ]
        )

    def one(self) -> str:
        """Matches one letter."""
        letter = escape(self.choose.choice(self.letters))
        other = escape(self.choose.choice(self.letters))
        return self.choose.choice([letter, letter, letter, f"[{letter}{other}]", f"[^{letter}]", "."])

    def regex(self, depth: int) -> str:
        kind = self.choose.integer(0, 9 if depth else 1)
        if kind <= 2:
            return self.one()
        if kind <= 4:
            return self.regex(depth - 1) + self.regex(depth - 1)
        if kind == 5:
            return f"(?:{self.regex(depth - 1)}|{self.regex(depth - 1)})"
        quantifier = self.choose.choice(["+", "+", "*", "?", "{2}", "{1,2}", "{2,}", "+?", "*?", "??"])
        return f"(?:{self.regex(depth - 1)}){quantifier}"

    # Rules

    def alternatives(self, depth: int) -> tuple[str, int]:
        """A rule's body, and how many plain productions it becomes: Lark multiplies options out."""
        count = self.choose.choice([1, 1, 2, 2, 3])
        made = [self.sequence(depth) for _ in range(count)]
        return " | ".join(text for text, _ in made), sum(plain for _, plain in made)

    def sequence(self, depth: int) -> tuple[str, int]:
        if self.choose.chance(20 if self.dense else 8):
            return "", 1
        texts, product = [], 1
        for _ in range(self.choose.choice([1, 1, 2, 2, 3])):
            text, plain = self.item(depth)
            if product * plain > 12:
                break
            texts.append(text)
            product *= plain
        return " ".join(texts), product

    def item(self, depth: int) -> tuple[str, int]:
        kind, plain = self.choose.integer(0, 5 if self.dense else 9), 1
        if kind <= 3:
            inside = self.choose.choice(self.terminals)
        elif kind <= 5:
            inside = self.choose.choice(self.rules)
        elif kind <= 8 or not depth:
            inside = quote(self.word(2))
        elif self.choose.chance(25):
            self.templates = True
            some = self.choose.choice(self.terminals)
            inside = self.choose.choice([f"_list{{{some}, {quote(self.word(1))}}}", f"_maybe{{{some}}}"])
        else:
            inside, plain = self.alternatives(depth - 1)
            if self.choose.chance(15):
                return f"[{inside}]", plain + 1
            inside = f"({inside})"
        if not self.choose.chance(35):
            return inside, plain
        operator, times = self.choose.choice(
            [
                ("?", plain + 1),
                ("*", 2),
                ("+", 1),
                ("~2", plain**2),
                ("~0..2", 1 + plain + plain**2),
                ("~1..2", plain + plain**2),
            ]
        )
        return inside + operator, times


# Vocabularies


def random_vocabulary(
    choose: Chooser, letters: str, sentences: Sequence[bytes]
) -> tuple[tuple[bytes | None, ...], tuple[int, ...]]:
    """A vocabulary for these letters, of parts of these sentences too; and its EOS ids."""
    singles = sorted({bytes([byte]) for byte in letters.encode()})
    if choose.chance(45):  # not every text can be spelled
        singles = [single for single in singles if choose.chance(65)]
    tokens: list[bytes | None] = list(singles)
    texts = [s for s in sentences if s]
    if texts:
        for _ in range(choose.integer(6, 36)):  # cut anywhere, inside characters too
            text = choose.choice(texts)
            begin = choose.integer(0, len(text) - 1)
            tokens.append(text[begin : begin + choose.integer(1, 5)])
    for _ in range(choose.integer(3, 12)):
        word = "".join(choose.choice(letters) for _ in range(choose.integer(1, 4)))
        tokens.append(word.encode())
    if choose.chance(70):  # as a rule each text has one id
        tokens = list(dict.fromkeys(tokens))
    elif tokens:
        tokens.append(choose.choice(tokens))
    if choose.chance(25):
        tokens.append(choose.choice([b"\x00", b"\xff", b"\xc3", b"z", b"a\xff", b"\x80"]))
    if choose.chance(25):
        tokens.append(None)
    order = list(range(len(tokens)))
    for i in reversed(range(1, len(order))):
        j = choose.integer(0, i)
        order[i], order[j] = order[j], order[i]
    tokens = [tokens[i] for i in order]
    eos_ids = []
    for _ in range(2 if choose.chance(20) else 1):
        at = choose.integer(0, len(tokens))
        eos_ids = [i + (i >= at) for i in eos_ids] + [at]
        tokens.insert(at, None)
    return tuple(tokens), tuple(sorted(eos_ids))


# Worlds


class Refused(Exception):
    """The grammar that was drawn is no use: Lark refuses it, or a rule can never end."""


def build_world(choose: Chooser, name: str, parser: str, lexer: str) -> World:
    """One random world; raises `Refused` where Lark refuses the grammar."""
    letters = choose.choice(ALPHABETS)
    grammar = GrammarMaker(choose, letters, assertions=lexer != "dynamic_complete", dense=choose.chance(25)).text()
    try:
        rules = Judge(grammar, parser, lexer).lark.rules
    except (LarkError, LarkBroken, AssertionError) as error:
        raise Refused(str(error)) from error
    if len(rules) > 60:
        raise Refused("takes Lark too long")
    singles = tuple(bytes([byte]) for byte in sorted(set(letters.encode())))
    world = World(name, grammar, (*singles, None), (len(singles),), parser, lexer)
    sketch = Reference(world, budget=150, deep=10)
    if sketch.candidates.unproductive():
        raise Refused("a rule can never end")
    sentences = sorted(sketch.sentences)
    if len(sentences) < 2 and not choose.chance(8):
        raise Refused("nothing much to say")
    vocabulary, eos_ids = random_vocabulary(choose, letters, sentences)
    return World(name, grammar, vocabulary, eos_ids, parser, lexer)


def random_world(seed: int) -> World:
    """The world of a seed: the first attempt that is of use."""
    parser, lexer = MODES[seed % len(MODES)]
    for attempt in range(1000):
        name = f"{seed}/{attempt}"
        try:
            return build_world(Seeded(name), name, parser, lexer)
        except (Refused, LarkBroken):
            continue
    raise AssertionError("the generator makes hardly anything that Lark takes")


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Random worlds, as a Hypothesis strategy."""
    try:
        return build_world(Drawn(draw), "drawn", *draw(st.sampled_from(MODES)))
    except (Refused, LarkBroken):
        assume(False)
        raise
