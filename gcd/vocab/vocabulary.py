"""A vocabulary: the bytes of every token id, the ids that end a sequence, and the width of the logits.

Everything after this module works on bytes; nothing asks the tokenizer again. The content is kept packed, as the
native side and the artefact want it: all bytes one after another, and where each token starts. A token without bytes
is never allowed as text, whatever the reason: a special token, a hole, an id that the caller forbids, a token that
would leave the text as it is.
"""

import hashlib
import os
import sys
import weakref
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from gcd.errors import TokenizerError

__all__ = ["Vocabulary"]

_FINGERPRINT_VERSION = b"gcd vocabulary 1\n"


class _Shared(dict[str, object]):
    """A dict that can be referred to weakly."""

    __slots__ = ("__weakref__",)


_SHARED: "weakref.WeakValueDictionary[str, _Shared]" = weakref.WeakValueDictionary()


class Vocabulary:
    """The tokens of a language model as bytes. Immutable; equal if the fingerprints are.

    Make one with `from_pretrained` or `from_bytes`.

    >>> vocab = Vocabulary.from_bytes([b"a", b"ab", None, b"</s>"], eos_ids=[3])
    >>> vocab.width, vocab.tokens, vocab.eos_ids
    (4, (b'a', b'ab', None, None), (3,))
    """

    __slots__ = (
        "__weakref__",
        "_blob",
        "_eos_ids",
        "_fingerprint",
        "_names",
        "_offsets",
        "_shared",
        "_special_ids",
        "_tokens",
    )

    _blob: bytes  # the bytes of all tokens
    _offsets: "array[int]"  # token t is _blob[_offsets[t] : _offsets[t + 1]]; width + 1 entries, never falling
    _eos_ids: tuple[int, ...]  # sorted, unique, in range(width); a subset of _special_ids
    _special_ids: tuple[int, ...]  # sorted, unique, in range(width); all of them without bytes
    _names: Mapping[int, str]  # for messages only: what the tokenizer calls a special token
    _tokens: tuple[bytes | None, ...] | None  # made when asked for
    _fingerprint: str | None  # made when asked for
    _shared: _Shared | None  # made when asked for

    def __init__(self) -> None:
        raise TypeError("use Vocabulary.from_pretrained(...) or Vocabulary.from_bytes(...)")

    # -- construction ---------------------------------------------------------------------------------------------

    @classmethod
    def from_pretrained(
        cls,
        tokenizer: object,
        width: int | None = None,
        *,
        eos_ids: Iterable[int] | None = None,
        forbid_ids: Iterable[int] = (),
        check: bool = True,
    ) -> "Vocabulary":
        """Read a tokenizer's token bytes from its own definition, and check them against its `decode`.

        Args:
            tokenizer: a folder with a tokenizer.json, a tekken.json, a SentencePiece model or a tiktoken rank file
                (or that file), for which transformers isn't needed; the name of a tokenizer in
                ``$GCD_CACHE/tokenizers``; a name that transformers' `AutoTokenizer` knows; or an object: a fast
                tokenizer of transformers or tokenizers, a sentencepiece.SentencePieceProcessor, a tiktoken.Encoding.
            width: columns of the model's logits. The default is `vocab_size` in the folder's config.json, and without
                one the largest token id + 1. Columns past the tokens are never allowed; tokens past it are left out.
            eos_ids: ids that end a sequence. The default is what the model's generation stops at: `eos_token_id` in
                the folder's generation_config.json, else in its config.json, else the tokenizer's own.
            forbid_ids: ids that are never allowed, such as dummy entries that look like text (``[PAD151665]``).
            check: compare with `decode` before first use (a few seconds at most; remembered on disk). It needs the
                package tokenizers, for a SentencePiece model sentencepiece; rank files spell out their bytes, and need
                none.

        The bytes are those that a token adds in the middle of a text. SentencePiece decoders drop a space at the very
        start of what they are given: decode prompt and continuation together, or expect that space to be gone.

        Raises:
            TokenizerError: there is no such tokenizer; it has a component that gcd can't read as bytes; the check
                found a token that decodes to something else; or no id ends a sequence (give `eos_ids`; an empty list
                says that none does).
        """
        from gcd.vocab.pretrained import read_pretrained

        source = read_pretrained(tokenizer, check=check, needs_eos=eos_ids is None)
        columns = _whole(source.width or len(source.tokens) if width is None else width, "width", low=1)
        ends = [i for i in source.eos_ids if i < columns] if eos_ids is None else _ids(eos_ids, "eos_ids", columns)
        if eos_ids is None and not ends:
            raise TokenizerError(
                f"the ids that end a sequence, {list(source.eos_ids)}, lie past the {columns:,} columns of the logits",
                place=str(tokenizer) if isinstance(tokenizer, str | os.PathLike) else type(tokenizer).__name__,
                remedy="the configuration and the tokenizer of one model; or Vocabulary.from_pretrained(..., eos_ids=)",
            )
        silent = {*source.special, *ends, *_ids(forbid_ids, "forbid_ids", columns)}
        return cls._pack(
            [None if i in silent else token for i, token in enumerate(source.tokens[:columns])],
            columns,
            eos_ids=ends,
            special_ids=[i for i in source.special if i < columns],
            names=source.special,
        )

    @classmethod
    def from_bytes(
        cls,
        tokens: Sequence[bytes | None],
        eos_ids: Iterable[int] = (),
        special_ids: Iterable[int] = (),
        width: int | None = None,
        *,
        forbid_ids: Iterable[int] = (),
    ) -> "Vocabulary":
        """A vocabulary from explicit bytes; ``tokens[id]`` is None (or empty) for a hole.

        Tokens may repeat and need not be UTF-8. `eos_ids`, `special_ids` and `forbid_ids` are never text, whatever
        their bytes. With a `width` below ``len(tokens)`` the tokens past it are left out; with a larger one the rest
        are holes.

        Raises:
            TypeError: a token that is neither bytes nor None.
            ValueError: an id outside of ``range(width)``; a width below 1.
        """
        columns = _whole(len(tokens) if width is None else width, "width", low=1)
        for i, token in enumerate(tokens):
            if not (token is None or isinstance(token, bytes)):
                raise TypeError(f"tokens[{i}] must be bytes or None, not {type(token).__name__}")
        ends, specials = _ids(eos_ids, "eos_ids", columns), _ids(special_ids, "special_ids", columns)
        silent = {*ends, *specials, *_ids(forbid_ids, "forbid_ids", columns)}
        texts = [None if i in silent else token for i, token in enumerate(tokens[:columns])]
        return cls._pack(texts, columns, eos_ids=ends, special_ids=specials)

    @classmethod
    def from_packed(
        cls,
        blob: bytes,
        offsets: "array[int] | memoryview[int]",
        eos_ids: Iterable[int] = (),
        special_ids: Iterable[int] = (),
        names: Mapping[int, str] | None = None,
    ) -> "Vocabulary":
        """The inverse of `packed`: token t is ``blob[offsets[t]:offsets[t + 1]]``, with ``len(offsets) - 1`` columns.

        `names` of special tokens are for messages, and not part of the content.

        Raises:
            ValueError: offsets that fall or leave the blob; an id out of range, or a special one that has bytes.
        """
        columns = _whole(len(offsets) - 1, "width", low=1)
        if offsets.itemsize != 4 or offsets[0] != 0 or offsets[-1] != len(blob):
            raise ValueError("offsets must be 32-bit numbers from 0 to the length of the blob")
        if any(map(int.__gt__, offsets, memoryview(offsets)[1:])):
            raise ValueError("offsets must not fall")
        ends, specials = _ids(eos_ids, "eos_ids", columns), _ids(special_ids, "special_ids", columns)
        for i in {*ends, *specials}:
            if offsets[i] != offsets[i + 1]:
                raise ValueError(f"token {i} ends a sequence or is special, and has bytes")
        return cls._new(bytes(blob), array("I", offsets), ends, specials, names or {})

    @classmethod
    def _pack(
        cls,
        tokens: Sequence[bytes | None],
        width: int,
        *,
        eos_ids: Iterable[int],
        special_ids: Iterable[int],
        names: Mapping[int, str] | None = None,
    ) -> "Vocabulary":
        """From at most `width` tokens, those that are no text already None."""
        offsets = array("I", bytes(4 * (width + 1)))
        position = 0
        for i, token in enumerate(tokens):
            offsets[i] = position
            if token:
                position += len(token)
        for i in range(len(tokens), width + 1):
            offsets[i] = position
        return cls._new(b"".join(filter(None, tokens)), offsets, eos_ids, special_ids, names or {})

    @classmethod
    def _new(
        cls,
        blob: bytes,
        offsets: "array[int]",
        eos_ids: Iterable[int],
        special_ids: Iterable[int],
        names: Mapping[int, str],
    ) -> "Vocabulary":
        self = object.__new__(cls)
        put = object.__setattr__
        put(self, "_blob", blob)
        put(self, "_offsets", offsets)
        ends = tuple(sorted(set(eos_ids)))
        put(self, "_eos_ids", ends)
        put(self, "_special_ids", tuple(sorted({*ends, *special_ids})))
        put(self, "_names", dict(names))
        for name in ("_tokens", "_fingerprint", "_shared"):
            put(self, name, None)
        return self

    # -- content --------------------------------------------------------------------------------------------------

    @property
    def width(self) -> int:
        """Columns of the logits: every id is below it. It may differ from the tokenizer's length either way."""
        return len(self._offsets) - 1

    @property
    def tokens(self) -> tuple[bytes | None, ...]:
        """The bytes of each id, `width` of them; None for what is no text."""
        if self._tokens is None:
            blob, at = self._blob, self._offsets
            made = tuple(blob[at[i] : at[i + 1]] or None for i in range(self.width))
            object.__setattr__(self, "_tokens", made)
            return made
        return self._tokens

    def token_bytes(self, token_id: int) -> bytes | None:
        """What the token adds to the text; None if it is no text (special, a hole, forbidden).

        Raises:
            IndexError: `token_id` is not in ``range(width)``.
        """
        if not 0 <= token_id < self.width:
            raise IndexError(f"token id {token_id} is not in range({self.width}), the columns of the logits")
        return self._blob[self._offsets[token_id] : self._offsets[token_id + 1]] or None

    def token_name(self, token_id: int) -> str:
        """A token for messages: ``'foo'``, ``b'\\xe2\\x82'``, ``<|im_end|>``, or what kind of nothing it is."""
        token = self.token_bytes(token_id)
        if token is not None:
            try:
                return repr(token.decode())
            except UnicodeDecodeError:
                return repr(token)
        kind = "end of sequence" if token_id in self._eos_ids else "special"
        return self._names.get(token_id) or (f"<{kind}>" if token_id in self._special_ids else "<no token>")

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """The ids that end a sequence, rising."""
        return self._eos_ids

    @property
    def special_names(self) -> dict[int, str]:
        """What the tokenizer calls its special tokens, as far as that is known: ``{2: "<|im_end|>"}``."""
        return {i: self._names[i] for i in self._special_ids if i in self._names}

    @property
    def special_ids(self) -> tuple[int, ...]:
        """The special ids, rising, those that end a sequence among them. They are never text."""
        return self._special_ids

    def packed(self) -> "tuple[bytes, memoryview[int]]":
        """All tokens' bytes one after another, and ``width + 1`` read-only uint32: where each token starts.

        Token t is ``blob[offsets[t]:offsets[t + 1]]``; an empty one is no text.
        """
        return self._blob, memoryview(self._offsets).toreadonly()

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of what matters to masks: width, every token's bytes, end-of-sequence and special ids."""
        if self._fingerprint is None:
            digest = hashlib.sha256(_FINGERPRINT_VERSION)
            ends, specials = array("I", self._eos_ids), array("I", self._special_ids)
            for numbers in (array("I", [self.width, len(ends), len(specials)]), ends, specials, self._offsets):
                digest.update(_little(numbers))
            digest.update(self._blob)
            object.__setattr__(self, "_fingerprint", digest.hexdigest())
        assert self._fingerprint is not None
        return self._fingerprint

    @property
    def shared(self) -> dict[str, object]:
        """A dict that all equal vocabularies of this process have in common, for what is built once for each.

        The native side keeps the token trie and the rows here, so it goes when the last equal vocabulary goes.
        """
        if self._shared is None:
            object.__setattr__(self, "_shared", _SHARED.setdefault(self.fingerprint, _Shared()))
        assert self._shared is not None
        return self._shared

    # -- an immutable value -----------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Vocabulary is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Vocabulary is immutable")

    def __eq__(self, other: object) -> bool:
        return self.fingerprint == other.fingerprint if isinstance(other, Vocabulary) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self._blob, self._offsets, self._eos_ids, self._special_ids, self._names)

    def __repr__(self) -> str:
        at = self._offsets
        n_texts = sum(map(int.__ne__, at, memoryview(at)[1:]))
        return (
            f"<Vocabulary width={self.width} texts={n_texts} special={len(self._special_ids)} "
            f"eos={list(self._eos_ids)} {self.fingerprint[:12]}>"
        )


def _rebuild(
    blob: bytes, offsets: "array[int]", eos_ids: tuple[int, ...], special_ids: tuple[int, ...], names: dict[int, str]
) -> Vocabulary:
    """Unpickle."""
    return Vocabulary._new(blob, offsets, eos_ids, special_ids, names)


def _little(numbers: "array[int]") -> bytes:
    """The numbers as little-endian bytes, so that a fingerprint is the same on every machine."""
    if sys.byteorder == "big":
        numbers = array("I", numbers)
        numbers.byteswap()
    return numbers.tobytes()


def _whole(value: object, name: str, low: int) -> int:
    """`value`, if it is an int of at least `low`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {value!r}")
    if value < low:
        raise ValueError(f"{name} must be at least {low}, not {value}")
    return value


def _ids(ids: Iterable[int], name: str, width: int) -> tuple[int, ...]:
    """The ids, rising and without repeats, if all are in range(width)."""
    checked = tuple(sorted({_whole(i, f"an id in {name}", low=0) for i in ids}))
    if checked and checked[-1] >= width:
        raise ValueError(f"{name}: {checked[-1]} is not in range({width}), the columns of the logits")
    return checked
