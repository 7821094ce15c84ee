"""outlines-core: a schema becomes a regular expression, that a whole DFA, and each of its states a list of tokens."""

from pathlib import Path
from typing import Any

from outlines_core import Guide, Index, Vocabulary
from outlines_core.json_schema import build_regex_from_schema
from tokenizers import Tokenizer

from bench.harness.engine import Engine, Session, UnsupportedError


class Adapter(Engine):
    """outlines-core with its own white space (at most one space) and recursion depth (3).

    Its vocabulary maps bytes to ids and knows one end-of-sequence id, the first.
    """

    packages = ("outlines-core",)

    def hold_vocabulary(self, folder: Path) -> None:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        special = {i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special}
        ids: dict[bytes, list[int]] = {}
        for token, i in tokenizer.get_vocab(with_added_tokens=True).items():
            if i < self.width and i not in special:
                ids.setdefault(text_bytes(token), []).append(i)
        self.vocabulary = Vocabulary(self.eos_ids[0], ids)

    def compile(self, grammar: Path) -> Any:
        raise UnsupportedError("it takes no context-free grammars")

    def compile_schema(self, schema: str) -> Any:
        try:
            return Index(build_regex_from_schema(schema), self.vocabulary)
        except (RuntimeError, TypeError, ValueError) as error:
            raise UnsupportedError(str(error)) from error

    def session(self, compiled: Any) -> Session:
        guide = Guide(compiled)
        address, words = self.row.ctypes.data, self.row.shape[1]

        def accept(token: int) -> bool:
            try:
                guide.advance(token, False)
            except ValueError:
                return False
            return True

        return Session(
            fill=lambda: guide.write_mask_into(address, words, 4),
            accept=accept,
            check=lambda token: guide.accepts_tokens([token]),
            is_complete=guide.is_finished,
        )


def text_bytes(token: str) -> bytes:
    """The bytes of a token that is written in the byte-level alphabet; others as they are."""
    try:
        return bytes(BYTES[character] for character in token)
    except KeyError:
        return token.encode()


def byte_alphabet() -> dict[str, int]:
    """Byte-level BPE writes printable bytes as themselves, the others as characters from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(0x100) if byte not in printable]
    return {chr(b): b for b in printable} | {chr(0x100 + i): b for i, b in enumerate(rest)}


BYTES = byte_alphabet()
