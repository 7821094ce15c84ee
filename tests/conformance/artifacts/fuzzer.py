"""Damages artefacts on purpose, with checksums that are right again, and uses what still loads.

What stands between such a file and the machine is the native side's own validation. Either loading or using it raises
one of gcd's errors, or the engine works: its masks may be nonsense, but nothing is written out of bounds, nothing
hangs, and no number in the file makes it allocate gigabytes.

Run as a program, since what it looks for kills the process::

    python -m conformance.artifacts.fuzzer FIRST LAST

It prints a line for each seed before it is used, then what came of it, and exits with 1 at the first violation.
"""

import json
import random
import resource
import struct
import sys
import tempfile
import time
from array import array
from pathlib import Path

from conformance.artifacts.worlds import CASES, compile_case

import gcd
from gcd.artifact import Artifact, write_artifact

__all__ = ["damage", "use"]

SECONDS = 20.0
"""For one damaged file, from loading to the last use."""
MEMORY = 3 << 30
"""Address space of the process, where no sanitizer needs more."""
NUMBERS = [*range(4), 7, 31, 32, 63, 64, 255, 256, 65535, 65536, 1 << 24, 0x7FFFFFFF]
NUMBERS += [0x80000000, 0xFFFFFFFE, 0xFFFFFFFF]
LIMITS = gcd.Limits(max_lexer_states=20_000, memo_bytes=50_000_000)


def artifacts(folder: Path) -> list[dict[str, bytes]]:
    """The sections of sound artefacts: of each case as compiled, and with its tables filled."""
    found = []
    for case in CASES:
        compiled = compile_case(case)
        for n in (0, 60):
            compiled.fill_tables(n, 10)
            path = folder / "sound.gcd"
            compiled.save(path)
            artifact = Artifact.open(path)
            sections = {name: bytes(artifact.section(name)) for name in artifact.sizes}
            sections["hash"], sections["fingerprint"] = artifact.grammar_hash, artifact.fingerprint
            found.append(sections)
    return found


def damage(sections: dict[str, bytes], others: list[dict[str, bytes]], draw: random.Random) -> dict[str, bytes]:
    """One to four changes of one kind or another."""
    sections = dict(sections)
    for _ in range(draw.choice([1, 1, 1, 2, 4])):
        name = draw.choice(["tables"] * 6 + ["rows"] * 4 + ["lists", "masks", "words", "meta"] + ["trie"] * 3)
        data = bytearray(sections[name])
        kind = draw.randrange(20)
        if name == "meta" and kind:
            data = bytearray(damaged_json(data, draw))
        elif kind <= 12 and len(data) >= 8:  # a number
            at = 4 * draw.randrange(len(data) // 4)
            old = struct.unpack_from("<I", data, at)[0]
            word = data[4 * draw.randrange(len(data) // 4) :][:4]
            other = struct.unpack("<I", word)[0] if len(word) == 4 else 0
            new = draw.choice([*NUMBERS, old + 1, old - 1, old ^ 1 << draw.randrange(32), other, draw.randrange(300)])
            struct.pack_into("<I", data, at, new & 0xFFFFFFFF)
        elif kind == 13 and len(data) >= 16:  # a length or another 64-bit number
            at = 8 * draw.randrange(len(data) // 8)
            new = draw.choice([*NUMBERS, 1 << 32, 1 << 40, (1 << 64) - 1, 1 << 63, draw.getrandbits(64)])
            struct.pack_into("<Q", data, at, new)
        elif kind == 14:  # a piece is missing
            at = 8 * draw.randrange(len(data) // 8 + 1)
            del data[at : at + 8 * draw.randrange(1, 6)]
        elif kind == 15:  # a piece comes twice
            at = 8 * draw.randrange(len(data) // 8 + 1)
            data[at:at] = data[at : at + 8 * draw.randrange(1, 6)]
        elif kind == 16:  # cut off
            del data[draw.randrange(len(data) + 1) :]
        elif kind == 17:  # noise
            at = draw.randrange(len(data) + 1)
            noise = draw.randbytes(draw.randrange(1, 40))
            data[at : at + len(noise)] = noise
        elif kind == 18:  # the same section of another grammar
            data = bytearray(draw.choice(others)[name])
        elif len(data) >= 4:  # two words change places
            a, b = (4 * draw.randrange(len(data) // 4) for _ in range(2))
            data[a : a + 4], data[b : b + 4] = data[b : b + 4], data[a : a + 4]
        sections[name] = bytes(data)
    return sections


def damaged_json(data: bytes, draw: random.Random) -> bytes:
    """An entry somewhere in a JSON text replaced by something else."""
    try:
        holder = value = json.loads(data)
    except ValueError:  # damaged before
        return data
    if not isinstance(value, dict) or not value:
        return data
    for _ in range(draw.randrange(4)):
        inner = [
            x for x in (holder.values() if isinstance(holder, dict) else holder) if isinstance(x, (dict, list)) and x
        ]
        if not inner:
            break
        holder = draw.choice(inner)
    key = draw.choice(list(holder)) if isinstance(holder, dict) else draw.randrange(len(holder))
    if draw.random() < 0.2:
        del holder[key]
    else:
        strange = [
            None,
            True,
            -1,
            1 << 70,
            1.5,
            float("inf"),
            float("nan"),
            "",
            "\ud800",
            "x" * 50,
            [],
            {},
            [[]],
            {"a": 1},
        ]
        holder[key] = draw.choice(strange)
    return json.dumps(value).encode()


def use(path: Path, draw: random.Random) -> str:
    """Load and use an artefact in every way; raises one of gcd's errors where it is found to be damaged."""
    compiled = gcd.load(path, limits=LIMITS)
    width = compiled.width
    assert width < 1 << 20, "a damaged width"
    words = (width + 31) // 32
    guarded = array("I", [0xA5A5A5A5] * (words + 64))
    row = memoryview(guarded)[32 : 32 + words]
    steps = 0
    for start in compiled.info.starts:
        matcher = compiled.matcher(start)
        for _ in range(10):
            matcher.fill_bitmask(row)
            assert all(x == 0xA5A5A5A5 for x in (*guarded[:32], *guarded[32 + words :])), "written out of bounds"
            allowed = [32 * w + i for w, word in enumerate(row) if word for i in range(32) if word >> i & 1]
            assert not allowed or allowed[-1] < width, "a token out of range is allowed"
            for token in [draw.randrange(width) for _ in range(5)]:
                matcher.check(token)
            str(matcher.explain(draw.randrange(width)))
            matcher.forced_bytes(20)
            matcher.forced_tokens(20)
            matcher.validate(draw.choices(range(width), k=4))
            matcher.accept_bytes(draw.randbytes(2)) if not matcher.is_finished and draw.random() < 0.2 else None
            if matcher.is_finished or not allowed:
                break
            moved = matcher.accept(draw.choice(allowed)) if draw.random() < 0.8 else False
            steps += moved
            if matcher.n_accepted and draw.random() < 0.2:
                matcher.rollback(1)
            if draw.random() < 0.2:
                matcher = matcher.fork()
        gcd.fill_bitmasks([matcher, matcher.fork()], array_rows(words), threads=2)
    compiled.fill_tables(30, 2.0)
    compiled.stats()
    if draw.random() < 0.1:
        _ = compiled.vocab
        compiled.save(path.with_suffix(".again"))
    return f"works, {steps} steps"


def array_rows(words: int) -> memoryview:
    """A bitmask of two rows."""
    return memoryview(array("i", bytes(8 * words))).cast("B").cast("i", shape=[2, words])


def main(first: int, last: int) -> None:
    """The program."""
    if "libasan" not in Path("/proc/self/maps").read_text():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound = artifacts(folder)
        for seed in range(first, last):
            print(f"seed {seed}", end=" ", flush=True)
            draw = random.Random(seed)
            path = folder / "damaged.gcd"
            sections = damage(draw.choice(sound), sound, draw)
            hashes = sections.pop("hash"), sections.pop("fingerprint")
            if draw.random() < 0.7:  # else its trie may be one that is open already
                hashes = hashes[0], draw.randbytes(32)
            write_artifact(path, *hashes, sections)
            began = time.monotonic()
            try:
                outcome = use(path, draw)
            except gcd.GcdError as error:
                outcome = f"{type(error).__name__}: {error.cause}"
            assert time.monotonic() - began < SECONDS, "it takes too long"
            print(outcome, flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
