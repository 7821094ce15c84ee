"""Compositions in one artefact: the same masks, and files that were tampered with."""

import json
import random

import numpy as np
import pytest

import gcd
from gcd.artifact import Artifact, write_artifact
from gcd.composition import optional, recursive, repeated

WORDS = [b"ab", b"[a", b"]]", b"true", b"1]", b'{"']
VOCAB = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), *WORDS, None], eos_ids=[256 + len(WORDS)])


def composed() -> gcd.CompiledGrammar:
    letters = gcd.compile(gcd.Grammar.from_lark('start: WORD ("," WORD)*\nWORD: /[ab]+/\n%ignore " "'), VOCAB)
    value = gcd.compile(gcd.Grammar.from_json_schema({"properties": {"a": {"type": "boolean"}}}), VOCAB)
    begin, end = (gcd.compile(gcd.Grammar.from_choices([c]), VOCAB) for c in ("[", "]"))
    return optional(letters) + recursive(lambda tree: begin + (repeated(tree) | value | letters) + end)


def masks(compiled: gcd.CompiledGrammar, seed: int) -> list[bytes]:
    """Of a random text, weighted towards what isn't deep."""
    draw, matcher, mask, out = random.Random(seed), compiled.matcher(), np.zeros(9, np.int32), []
    for _ in range(25):
        matcher.fill_bitmask(mask)
        out.append(mask.tobytes())
        allowed = [i for i in range(VOCAB.width) if mask[i // 32] >> (i % 32) & 1]
        if matcher.is_finished or not matcher.accept(draw.choice(allowed)):
            break
    return out


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("given", [False, True], ids=["its own vocabulary", "a given one"])
def test_one_file(tmp_path, filled, given):
    compiled = composed()
    if filled:
        compiled.fill_tables(max_masks=20, seconds=1)
    expected = [masks(compiled, seed) for seed in range(6)]
    size = compiled.save(tmp_path / "all.gcd")
    assert size == (tmp_path / "all.gcd").stat().st_size
    loaded = gcd.load(tmp_path / "all.gcd", vocab=VOCAB if given else None)
    assert [masks(loaded, seed) for seed in range(6)] == expected
    assert (loaded.info, loaded.exactness) == (compiled.info, compiled.exactness)
    assert loaded.vocab.fingerprint == VOCAB.fingerprint
    # What was loaded is put together and saved like anything else.
    again = loaded + loaded
    again.save(tmp_path / "twice.gcd")
    assert gcd.load(tmp_path / "twice.gcd").info == again.info


def tampered(path, change) -> None:
    """Write the file again, its checksums right, with another plan."""
    artifact = Artifact.open(path)
    sections = {name: bytes(artifact.unread(name)) for name in artifact.sizes}
    plan = json.loads(sections["composition"])
    change(plan)
    sections["composition"] = json.dumps(plan).encode()
    write_artifact(path, artifact.grammar_hash, artifact.fingerprint, sections)


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan.update(nodes=1 << 40),
        lambda plan: plan.update(nodes=-1),
        lambda plan: plan.update(nodes="2"),
        lambda plan: plan.update(kind=3),
        lambda plan: plan.update(rules=[]),
        lambda plan: plan.update(parts=plan["parts"][:1]),
        lambda plan: plan.update(parts=[*plan["parts"], plan["parts"][0]]),
        lambda plan: plan.update(parts=plan["parts"][::-1]),
        lambda plan: plan["edges"][0].__setitem__(1, len(plan["parts"])),  # a call of the whole
        lambda plan: plan["edges"][0].__setitem__(1, 1 << 33),
        lambda plan: plan["edges"][0].__setitem__(0, 1 << 33),
        lambda plan: plan["edges"][0].append(1),
        lambda plan: plan["edges"].append([0, -1, 1]),
        lambda plan: plan["edges"].clear(),
        lambda plan: plan["rules"][0].append([]),
        lambda plan: plan["rules"][1][0].append(1 << 40),
        lambda plan: plan["rules"][1].__setitem__(1, []),  # never ends
        lambda plan: plan["rules"].append(plan["rules"][1]),
        lambda plan: plan["edges"].append([plan["rules"][1][0][0], len(plan["parts"]) + 1, 1]),  # begins with itself
        lambda plan: plan["parts"][0].pop("grammar"),
        lambda plan: plan.pop("edges"),
    ],
)
def test_tampered_plans(tmp_path, change):
    file = tmp_path / "all.gcd"
    composed().save(file)
    tampered(file, change)
    with pytest.raises(gcd.ArtifactError):
        gcd.load(file)


def test_damaged_files(tmp_path):
    """Any byte: an error, or the same masks (where the byte isn't looked at, or not yet)."""
    file = tmp_path / "all.gcd"
    compiled = composed()
    compiled.save(file)
    whole, expected, draw = file.read_bytes(), masks(compiled, 1), random.Random(7)
    refused = 0
    for _ in range(60):
        data = bytearray(whole)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        file.write_bytes(data)
        try:
            assert masks(gcd.load(file), 1) == expected
        except gcd.ArtifactError:
            refused += 1
    assert refused > 20
