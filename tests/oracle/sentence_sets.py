"""An oracle's `World` as a model and a constraint of gcd's: test doubles, which do use gcd's interfaces."""

import numpy as np
from oracle.expected_futures import World

from gcd import Vocabulary
from gcd.errors import SamplingError
from gcd.sampling import Constraint, ConstraintState, TableModel


def vocabulary(world: World) -> Vocabulary:
    """Tokens "0", "1", ...; the last id ends a sequence."""
    n = len(world.row(())) - 1
    return Vocabulary.from_bytes([*(str(i).encode() for i in range(n)), None], eos_ids=[n])


def table_model(world: World) -> TableModel:
    return TableModel(world.row, vocabulary(world))


class SentenceSet(Constraint):
    """The sentences of a world. Without a mask it is asked about drawn tokens only."""

    def __init__(self, world: World, has_mask: bool = True):
        self.world = world
        self.has_mask = has_mask
        self.fingerprint = f"sentences {sorted(world.sentences)}"

    def start(self, vocab):
        return _State(self, ())

    def words(self, u):
        bits = sum(1 << a for a in range(len(self.world.row(()))) if (*u, a) in self.world.prefixes)
        return np.array([bits], dtype=np.int32)


class _State(ConstraintState):
    def __init__(self, owner, at):
        self.owner = owner
        self.at = at
        self.has_mask = owner.has_mask

    def check(self, token):
        return (*self.at, token) in self.owner.world.prefixes

    def advance(self, token):
        if not self.check(token):
            raise SamplingError(f"{token} after {self.at}")
        self.at = (*self.at, token)

    def fork(self):
        return _State(self.owner, self.at)

    def fill_mask(self, words):
        words[:] = self.owner.words(self.at)
