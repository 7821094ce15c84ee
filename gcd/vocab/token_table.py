"""What every kind of tokenizer file is read into: the bytes of each id, and which ids are special."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from gcd.errors import TokenizerError

__all__ = ["MAX_TOKENS", "TokenTable", "refuse"]

MAX_TOKENS = 1 << 22
"""Token ids are below it: a damaged file can't ask for gigabytes. (The largest real vocabulary has 262,145.)"""

_SUPPORTED = (
    "a tokenizer.json with a ByteLevel decoder or with a SentencePiece one (Replace or Metaspace, ByteFallback), a "
    "SentencePiece model, a tiktoken rank file or a tekken.json"
)


@dataclass(frozen=True, slots=True)
class TokenTable:
    """The content of a tokenizer file, as far as masks need it."""

    tokens: list[bytes | None]
    """id -> bytes; None for a hole. Special ids may have bytes here: those of their content."""
    special: dict[int, str]
    """Special ids with their content."""
    roles: Mapping[str, int] = field(default_factory=dict)
    """Role -> id, where the file itself names them: ``{"eos": 2}``."""


def refuse(component: str, name: str, reason: str = "") -> NoReturn:
    """Refuse a tokenizer because of a component.

    Raises:
        TokenizerError: always.
    """
    raise TokenizerError(
        f"token bytes can't be read from a tokenizer with this component: {component}" + (f": {reason}" * bool(reason)),
        place=name,
        remedy=f"{_SUPPORTED}; or give the bytes yourself: gcd.Vocabulary.from_bytes(...)",
        component=component,
    )
