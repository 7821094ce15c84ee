"""The check before first use: do the extracted bytes spell what the tokenizer's `decode` spells?

Every id is decoded once, within a random sequence (seeded, so a failure repeats), and the text is compared with the
joined bytes of the sequence. Alone that would be blind to tokens that are not UTF-8 by themselves: whatever bytes
they hold, `decode` shows U+FFFD. So such a token gets a context of other tokens that completes its characters:

    b"\\x9f\\x98\\x80 x"  is checked as the sequence  f0 | 9f 98 80 20 78  and must decode to "😀 x"

Only bytes that no context can make part of a character (0xC0, 0xFF) are left to be compared as U+FFFD.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import product

from gcd.errors import TokenizerError
from gcd.vocab.tokenizer_json import TokenizerJson

__all__ = ["check_decode", "spell"]

Decode = Callable[[list[int]], str]
"""``decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)``"""

_SEED = 20_26
_CHUNK = 64

# Contexts that complete a character around a token: every way in which the token can begin within one, and end.
_BEFORE = (b"", b"\xc3", b"\xe2", b"\xe2\x82", b"\xe0", b"\xed", b"\xf0", b"\xf4", b"\xf0\x9f", b"\xf0\x9f\x98")
_AFTER = (b"", b"\x80", b"\x80\x80", b"\xa0\x80", b"\x90\x80\x80", b"\x80\x80\x80")


def check_decode(read: TokenizerJson, decode: Decode, name: str = "the tokenizer") -> None:
    """Compare the bytes of every id with what `decode` gives.

    Raises:
        TokenizerError: with the first token whose bytes are not what it decodes to.
    """
    tokens = read.token_bytes()
    contexts = _contexts(tokens, read)
    ids = [i for i, token in enumerate(tokens) if token is not None]
    random.Random(_SEED).shuffle(ids)
    # Byte pieces of a SentencePiece family are decoded one by one: what becomes of a run of them that holds a broken
    # character differs from library to library (all of it is U+FFFD, or only the broken part).
    alone = {i for i in ids if read.decoder.is_byte_piece(read.strings[i] or "")}
    others = [i for i in ids if i not in alone]
    chunks = [[i] for i in ids if i in alone]
    chunks += [others[start : start + _CHUNK] for start in range(0, len(others), _CHUNK)]
    for chunk in chunks:
        sequence = [j for i in chunk for j in contexts.get(i, (i,))]
        if decode(sequence) != spell(read, sequence):
            _report(read, chunk, contexts, sequence, decode, name)


def spell(read: TokenizerJson, ids: Sequence[int]) -> str:
    """What the ids must decode to by what was read: U+FFFD for what is no UTF-8, the first space gone where it goes.

    A byte-level decoder joins all bytes before it makes characters of them. One with byte fallback joins only byte
    pieces that follow each other, and makes every byte of a run that is no UTF-8 a U+FFFD.
    """
    pieces = [(i, token) for i in ids if (token := read.strings[i]) is not None]
    if read.decoder.byte_level:
        return b"".join(read.decoder.token_bytes(token) for _, token in pieces).decode(errors="replace")
    if read.decoder.drop_first and pieces:
        pieces[0] = pieces[0][0], pieces[0][1].replace(read.decoder.drop_first, "")
    text, run = [], bytearray()
    for _, token in [*pieces, (0, "")]:
        if read.decoder.is_byte_piece(token):
            run += read.decoder.token_bytes(token)
            continue
        try:
            text.append(run.decode())
        except UnicodeDecodeError:
            text.append("\ufffd" * len(run))
        run.clear()
        text.append(read.decoder.token_bytes(token).decode())
    return "".join(text).removeprefix(read.decoder.strip)


def _contexts(tokens: Sequence[bytes | None], read: TokenizerJson) -> Mapping[int, tuple[int, ...]]:
    """For each token that is no UTF-8 alone: a sequence with it that is, where the vocabulary has one."""
    single = {token: i for i, token in enumerate(tokens) if token and len(token) == 1 and i not in read.special}
    if not read.decoder.byte_level:  # only byte pieces join
        single = {token: i for token, i in single.items() if read.decoder.is_byte_piece(read.strings[i] or "")}
    spelled = {
        c: tuple(single[bytes([b])] for b in c) for c in {*_BEFORE, *_AFTER} if all(bytes([b]) in single for b in c)
    }
    pairs = [(b, a) for b, a in product(_BEFORE, _AFTER) if b in spelled and a in spelled]
    contexts = {}
    for i, token in enumerate(tokens):
        if token is None or _is_utf8(token):
            continue
        for before, after in pairs:
            if _is_utf8(before + token + after):
                contexts[i] = (*spelled[before], i, *spelled[after])
                break
    return contexts


def _is_utf8(token: bytes) -> bool:
    try:
        token.decode()
    except UnicodeDecodeError:
        return False
    return True


def _report(
    read: TokenizerJson,
    chunk: Sequence[int],
    contexts: Mapping[int, tuple[int, ...]],
    sequence: list[int],
    decode: Decode,
    name: str,
) -> None:
    """Find the token that made a chunk differ, and raise."""
    for i in chunk:
        alone = list(contexts.get(i, (i,)))
        if (got := decode(alone)) != (want := spell(read, alone)):
            raise TokenizerError(
                f"the bytes read for this token spell {want!r}, and the tokenizer decodes it to {got!r}"
                + (f" (ids {alone})" if len(alone) > 1 else ""),
                place=f"{name}, token {i} ({read.strings[i]!r})",
                remedy="gcd.Vocabulary.from_bytes(...) with bytes that you know to be right",
                token_id=i,
            )
    raise TokenizerError(
        f"these ids decode to {decode(sequence)!r}, and their bytes spell {spell(read, sequence)!r}: {sequence}",
        place=name,
        remedy="gcd.Vocabulary.from_bytes(...) with bytes that you know to be right",
    )
