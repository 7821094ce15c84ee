"""Damage done on purpose: to bytes, to JSON, to texts, and to the sections of an artefact."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["damaged_bytes", "damaged_json", "damaged_sections", "damaged_text"]

NUMBERS = [*range(4), 7, 31, 32, 63, 64, 255, 256, 65535, 65536, 1 << 24, 0x7FFFFFFF]
NUMBERS += [0x80000000, 0xFFFFFFFE, 0xFFFFFFFF]
STRANGE = [None, True, -1, 1 << 70, 1.5, float("inf"), float("nan"), "", "\ud800", "x" * 50, [], {}, [[]], {"a": 1}]


def damaged_sections(
    sections: Mapping[str, bytes],
    others: Sequence[Mapping[str, bytes]],
    weights: Mapping[str, int],
    draw: random.Random,
) -> dict[str, bytes]:
    """One to four changes to an artefact's sections, chosen by weight; `others`: of other artefacts of the kind."""
    damaged = dict(sections)
    for _ in range(draw.choice([1, 1, 1, 2, 4])):
        name = draw.choices(list(weights), list(weights.values()))[0]
        if name == "meta" and draw.random() < 0.9:
            damaged[name] = damaged_json(damaged[name], draw)
        elif draw.random() < 0.06:  # the same section of another grammar
            damaged[name] = draw.choice(others)[name]
        else:
            damaged[name] = damaged_bytes(damaged[name], draw)
    return damaged


def damaged_bytes(data: bytes, draw: random.Random) -> bytes:
    """One change to a section made of little numbers."""
    changed = bytearray(data)
    kind = draw.randrange(20)
    if kind <= 12 and len(changed) >= 8:  # a number
        at = 4 * draw.randrange(len(changed) // 4)
        old = struct.unpack_from("<I", changed, at)[0]
        word = changed[4 * draw.randrange(len(changed) // 4) :][:4]
        other = struct.unpack("<I", word)[0] if len(word) == 4 else 0
        new = draw.choice([*NUMBERS, old + 1, old - 1, old ^ 1 << draw.randrange(32), other, draw.randrange(300)])
        struct.pack_into("<I", changed, at, new & 0xFFFFFFFF)
    elif kind == 13 and len(changed) >= 16:  # a length or another 64-bit number
        at = 8 * draw.randrange(len(changed) // 8)
        new = draw.choice([*NUMBERS, 1 << 32, 1 << 40, (1 << 64) - 1, 1 << 63, draw.getrandbits(64)])
        struct.pack_into("<Q", changed, at, new)
    elif kind == 14:  # a piece is missing
        at = 8 * draw.randrange(len(changed) // 8 + 1)
        del changed[at : at + 8 * draw.randrange(1, 6)]
    elif kind == 15:  # a piece comes twice
        at = 8 * draw.randrange(len(changed) // 8 + 1)
        changed[at:at] = changed[at : at + 8 * draw.randrange(1, 6)]
    elif kind == 16:  # cut off
        del changed[draw.randrange(len(changed) + 1) :]
    elif kind == 17:  # noise
        at = draw.randrange(len(changed) + 1)
        noise = draw.randbytes(draw.randrange(1, 40))
        changed[at : at + len(noise)] = noise
    elif len(changed) >= 4:  # two words change places
        a, b = (4 * draw.randrange(len(changed) // 4) for _ in range(2))
        changed[a : a + 4], changed[b : b + 4] = changed[b : b + 4], changed[a : a + 4]
    return bytes(changed)


def damaged_json(data: bytes, draw: random.Random) -> bytes:
    """An entry somewhere in a JSON text replaced by something else."""
    try:
        value: Any = json.loads(data)
    except ValueError:  # damaged before
        return data
    if not isinstance(value, dict) or not value:
        return data
    holder: Any = value
    for _ in range(draw.randrange(5)):
        inner = [x for x in (holder.values() if isinstance(holder, dict) else holder) if isinstance(x, dict | list)]
        inner = [x for x in inner if x]
        if not inner:
            break
        holder = draw.choice(inner)
    key = draw.choice(list(holder)) if isinstance(holder, dict) else draw.randrange(len(holder))
    if draw.random() < 0.2:
        del holder[key]
    else:
        holder[key] = draw.choice(STRANGE)
    return json.dumps(value).encode()


def damaged_text(text: str, pieces: Sequence[str], draw: random.Random) -> str:
    """One to six edits: a stretch goes, comes twice or elsewhere, or one of some pieces comes in."""
    for _ in range(draw.choice([1, 1, 2, 3, 6])):
        at = draw.randrange(len(text) + 1)
        end = min(len(text), at + draw.choice([1, 1, 2, 5, 20]))
        match draw.randrange(5):
            case 0:
                text = text[:at] + text[end:]
            case 1:
                text = text[:end] + text[at:]
            case 2:
                to = draw.randrange(len(text) + 1)
                text = text[:to] + text[at:end] + text[to:]
            case _:
                text = text[:at] + draw.choice(pieces) + text[at:]
    return text
