"""The checks themselves: a right engine passes them, each wrong one is caught.

`Fake` is a matcher made of the oracle's own list of sentences; `FAULTS` break one law each.
"""

import random

import pytest
from oracle.checks import WorldCheck
from oracle.reference import Reference, World


class Fake:
    """A slow matcher over a world in which the oracle knows every sentence."""

    def __init__(self, reference: Reference, ids: tuple[int, ...] = ()):
        self.reference = reference
        self.ids = list(ids)

    def matcher(self) -> "Fake":
        return type(self)(self.reference)

    def fork(self) -> "Fake":
        return type(self)(self.reference, tuple(self.ids))

    def reset(self) -> None:
        self.ids.clear()

    @property
    def prefix(self) -> bytes:
        texts = self.reference.world.texts
        return b"".join(texts.get(i, b"") for i in self.ids)

    @property
    def is_complete(self) -> bool:
        return self.reference.complete(self.prefix)

    @property
    def is_dead(self) -> bool:
        return not any(self.mask())

    def mask(self) -> list[bool]:
        return [bool(bit) for bit in self.reference.expected_mask(self.prefix)]

    def check(self, i: int) -> bool:
        return self.mask()[i]

    def accept(self, i: int) -> bool:
        if not self.check(i):
            return False
        self.ids.append(i)
        return True

    def rollback(self, n: int) -> None:
        del self.ids[len(self.ids) - n :]


class DropsAToken(Fake):
    def mask(self):
        mask = super().mask()
        return [bit and not (i == 2 and self.prefix == b"ab") for i, bit in enumerate(mask)]


class AllowsADeadEnd(Fake):
    def mask(self):
        mask = super().mask()
        return [bit or (i == 1 and self.prefix == b"abc") for i, bit in enumerate(mask)]


class EndsTooEarly(Fake):
    @property
    def is_complete(self):
        return super().is_complete or self.prefix == b"ab"


class EndBitWrong(Fake):
    def mask(self):
        return [bit or (i == 4 and self.prefix == b"ab") for i, bit in enumerate(super().mask())]


class NeverEnds(Fake):
    def mask(self):
        return [bit and i != 4 for i, bit in enumerate(super().mask())]


class CheckDiffers(Fake):
    def check(self, i):
        return super().check(i) or i == 3


class RefusedAcceptMoves(Fake):
    def accept(self, i):
        if super().accept(i):
            return True
        if i == 0 and self.prefix == b"a":
            self.ids.append(1)
        return False


class RollbackOneShort(Fake):
    def rollback(self, n):
        super().rollback(n - (n > 1))


class ForkShares(Fake):
    def fork(self):
        other = super().fork()
        other.ids = self.ids
        return other


class ResetKeeps(Fake):
    def reset(self):
        del self.ids[1:]


class DependsOnTokens(Fake):
    """Forgets what may follow when a text came in one token."""

    def mask(self):
        return [False if self.ids == [3] and i == 2 else bit for i, bit in enumerate(super().mask())]


class NeverDead(Fake):
    is_dead = True


FAULTS = [
    DropsAToken, AllowsADeadEnd, EndsTooEarly, EndBitWrong, NeverEnds, CheckDiffers, RefusedAcceptMoves,
    RollbackOneShort, ForkShares, ResetKeeps, DependsOnTokens, NeverDead,
]  # fmt: skip

WORLD = World("fake", 'start: ("a" "b" "c")+ ', (b"a", b"b", b"c", b"ab", None), (4,))


def run(engine: type[Fake], world: World = WORLD):
    reference = Reference(world, most_letters=60)
    assert reference.depth > 40 or reference.finite
    check = WorldCheck(reference, engine(reference), read=lambda matcher, width: matcher.mask())
    check.draw = random.Random(1)
    return check.run()


def test_a_right_engine_passes():
    tally = run(Fake)
    assert not tally.violations
    assert tally.states > 10
    assert tally.live > 10
    assert tally.dead > 10


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_engine_is_caught(fault: type[Fake]):
    assert run(fault).violations


def test_endings_beyond_the_list_are_searched():
    """What the oracle can't know is settled by the engine's own endings, judged by Lark."""

    class Far(Fake):
        """Knows more than the reference that checks it."""

        def __init__(self, _reference, ids=()):
            super().__init__(far, ids)

    far = Reference(WORLD, most_letters=60)
    near = Reference(WORLD, most_letters=4, deep=0)
    check = WorldCheck(near, Far(near), read=lambda matcher, width: matcher.mask())
    tally = check.run()
    assert not tally.violations
    assert tally.searched > 0
