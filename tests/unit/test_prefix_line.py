"""Lines: one text with its markers, against a definition of what may follow, with rewinds and forks."""

import random

import numpy as np
import pytest

import gcd
from gcd.prefix.line import Constraint
from gcd.prefix.marker import Marker

TOKENS = [b"a", b"b", b"(", b")", b"<", b">", b"<>", b">(", b"<>a", b"b>(", b")>", b")>b", b"a)"]
EOS, SPECIAL = len(TOKENS), len(TOKENS) + 1
VOCAB = gcd.Vocabulary.from_bytes([*TOKENS, None, None], eos_ids=[EOS], special_ids=[SPECIAL])
COMPILED = gcd.compile(gcd.Grammar.from_lark('start: "(" start* ")" | "a" "b"* | ">" ">"?'), VOCAB)
FREE = [*range(EOS), SPECIAL]


def grammar_part(ids, after):
    """The ids since the end of `after`, and the bytes of the last token before them that follow it; None: not yet."""
    if after is None:
        return ids, b""
    text = b""
    for i, token in enumerate(ids):
        if not isinstance(after, str):
            if ids[: i + 1][-len(after) :] == after:
                return ids[i + 1 :], b""
            continue
        text = text + TOKENS[token] if token < EOS else b""
        at = text.find(after.encode())
        if at >= 0:
            return ids[i + 1 :], text[at + len(after) :]
    return None


def status(ids, after, stop):
    """'free', 'inside', 'after', 'finished' or 'off': by definition, from the first token on, slowly."""
    part = grammar_part(ids, after)
    if part is None:
        return "off" if EOS in ids else "free"
    if EOS in ids[: len(ids) - len(part[0])]:
        return "off"
    ids, rest = part
    matcher = COMPILED.matcher()
    if not matcher.accept_bytes(rest):
        return "off"
    inside = False
    for j in range(len(ids) + 1):  # the sentence is the first j tokens, the marker begins there
        if stop is not None and matcher.is_complete and j < len(ids):
            tail = ids[j:]
            if isinstance(stop, str):
                text = b"".join(TOKENS[t] if t < EOS else b"\0" for t in tail)
                if text.startswith(stop.encode()):
                    return "after"
                inside |= stop.encode().startswith(text)
            else:
                if tail[: len(stop)] == stop:
                    return "after"
                inside |= stop[: len(tail)] == tail
        if j == len(ids):
            inside = True
        elif ids[j] == EOS:
            if stop is None and matcher.is_complete:
                return "finished"
            break
        elif ids[j] > EOS or not matcher.accept(ids[j]):
            break
    return "inside" if inside else "off"


def mask_of(line):
    words = np.zeros(1, dtype=np.uint32)
    matcher = line.pending()
    if matcher is None:
        line.write(words, VOCAB.width)
    else:
        matcher.fill_bitmask(words.view(np.int32))
    return [t for t in range(VOCAB.width) if words[0] >> t & 1]


@pytest.mark.parametrize("after", [None, "<>", "a<>", [SPECIAL], [4, SPECIAL]])
@pytest.mark.parametrize("stop", [None, ">", ">b", "ab", [SPECIAL], [5, SPECIAL]])
def test_random_walks(after, stop):
    """Tokens allowed and not, rewinds, forks: phase and mask are those of the definition."""
    constraint = Constraint(
        COMPILED,
        start_after=None if after is None else Marker(after, VOCAB, "start_after"),
        stop_at=None if stop is None else Marker(stop, VOCAB, "stop_at"),
    )
    rng = random.Random(str((after, stop)))
    seen = set()
    for _ in range(40):
        line, ids = constraint.line(), []
        for _ in range(25):
            now = status(ids, after, stop)
            seen.add(now)
            allowed = mask_of(line)
            if now == "after":
                assert set(FREE) <= set(allowed)
            elif now in ("off", "finished"):
                assert allowed == [EOS]
            else:
                good = [t for t in range(VOCAB.width) if status([*ids, t], after, stop) != "off"]
                assert allowed == good, (ids, now)
            assert line.ended == (now in ("off", "finished"))
            part = grammar_part(ids, after)
            if now == "inside":
                matcher = COMPILED.matcher()
                whole = matcher.accept_bytes(part[1]) and matcher.accept_tokens(part[0]) == len(part[0])
                assert line.complete == (stop is None and whole and matcher.is_complete)
            else:
                assert line.complete == (now in ("after", "finished"))
            move = rng.random()
            if move < 0.15 and ids:
                n = rng.randrange(len(ids) + 1)
                line.back_to(n)
                ids = ids[:n]
            elif move < 0.25:
                other = line.fork()
                other.accept(rng.randrange(VOCAB.width))
            else:
                token = rng.choice(allowed) if rng.random() < 0.9 else rng.randrange(VOCAB.width)
                hints = {
                    *(after if isinstance(after, list) else (0, 4, 5, 6)),
                    *(stop if isinstance(stop, list) else ()),
                }
                if rng.random() < 0.5 and hints & set(allowed):
                    token = rng.choice(sorted(hints & set(allowed)))
                line.accept(token)
                ids = [*ids, token]
    assert {"inside", "after" if stop else "finished"} <= seen


def test_masks_of_any_width():
    """Free parts allow columns past the vocabulary, everything else doesn't."""
    markers = {"start_after": Marker("<>", VOCAB, "start_after"), "stop_at": Marker(">", VOCAB, "stop_at")}
    line = Constraint(COMPILED, **markers).line()
    words = np.zeros(3, dtype=np.uint32)
    line.write(words, 96)
    assert words[1:].tolist() == [0xFFFF_FFFF] * 2
    assert not words[0] >> EOS & 1
    line.accept(TOKENS.index(b"<>"))
    line.write(words, 96)
    assert words[1:].tolist() == [0, 0]
    for token in (b"a", b">"):
        line.accept(TOKENS.index(token))
    line.write(words, 96)
    assert words.tolist() == [0xFFFF_FFFF] * 3
