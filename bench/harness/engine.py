"""What an engine must be able to do to take part. One file for each engine in bench/engines/.

What is timed is a plain callable of a `Session`, bound as closely to the engine's own call as Python allows: a
wrapper here would be measured with it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np


class UnsupportedError(Exception):
    """The engine can't take the grammar, or has no such operation. The message says why, in its own words."""


@dataclass(frozen=True, slots=True)
class Session:
    """One sequence."""

    fill: Callable[[], object]
    """Writes the mask of this position into the engine's `row`."""
    accept: Callable[[int], object]
    """Moves over a token; falsy: refused."""
    check: Callable[[int], object]
    """Whether a token may come next, without a mask and without moving; falsy: no."""
    is_complete: Callable[[], bool]
    """Whether the text may end here."""
    failure: Callable[[], str | None] = lambda: None
    """What the engine says if it gave up in the middle of a text; None: it didn't."""


class Engine(ABC):
    """An engine that holds a vocabulary.

    Attributes:
        row: int32, (1, words): where masks are written.
    """

    packages: tuple[str, ...] = ()
    """Distributions whose versions are recorded."""

    def __init__(self, folder: Path, width: int, eos_ids: list[int]) -> None:
        self.row = np.zeros((1, (width + 31) // 32), dtype=np.int32)
        self.width = width
        self.eos_ids = eos_ids
        self.hold_vocabulary(folder)

    def versions(self) -> dict[str, str]:
        """The installed version of each of its packages."""
        return {name: metadata.version(name) for name in self.packages}

    @abstractmethod
    def hold_vocabulary(self, folder: Path) -> None:
        """Read the tokenizer.json of a folder."""

    @abstractmethod
    def compile(self, grammar: Path) -> Any:
        """Compile a grammar from its text.

        Raises:
            UnsupportedError: it refuses the grammar.
        """

    def compile_schema(self, schema: str) -> Any:
        """Compile a JSON Schema from its text.

        Raises:
            UnsupportedError: it refuses the schema.
        """
        raise UnsupportedError("it takes no JSON Schema")

    @abstractmethod
    def session(self, compiled: Any) -> Session:
        """A sequence at its beginning."""

    def save(self, compiled: Any, path: Path) -> None:
        """Write the compiled grammar to a file."""
        raise UnsupportedError("it has no artefact")

    def load(self, path: Path) -> Any:
        """Read what `save` wrote."""
        raise UnsupportedError("it has no artefact")

    def counters(self, compiled: Any) -> dict[str, int]:
        """What the engine counts of its own work, if it does."""
        return {}
