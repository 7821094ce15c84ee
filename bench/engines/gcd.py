"""gcd, from the working tree."""

from functools import partial
from pathlib import Path
from typing import Any

import gcd
from bench.harness.engine import Engine, Session, UnsupportedError


class Adapter(Engine):
    """gcd."""

    packages = ("gcd-decoding", "lark")

    def hold_vocabulary(self, folder: Path) -> None:
        self.vocab = gcd.Vocabulary.from_pretrained(folder, width=self.width)

    def compile(self, grammar: Path) -> Any:
        try:
            return gcd.compile(gcd.Grammar.from_lark(grammar), self.vocab)
        except gcd.GcdError as error:
            raise UnsupportedError(f"{type(error).__name__}: {error}") from error

    def compile_schema(self, schema: str) -> Any:
        try:
            return gcd.compile(gcd.Grammar.from_json_schema(schema), self.vocab)
        except gcd.GcdError as error:
            raise UnsupportedError(f"{type(error).__name__}: {error}") from error

    def session(self, compiled: Any) -> Session:
        matcher = compiled.matcher()
        return Session(
            fill=partial(matcher.fill_bitmask, self.row, 0),
            accept=matcher.accept,
            check=matcher.check,
            is_complete=lambda: bool(matcher.is_complete),
        )

    def save(self, compiled: Any, path: Path) -> None:
        if not hasattr(compiled, "save"):
            raise UnsupportedError("compiled grammars can't be saved yet")
        compiled.save(path)

    def load(self, path: Path) -> Any:
        return gcd.load(path, self.vocab)

    def counters(self, compiled: Any) -> dict[str, int]:
        return dict(compiled.stats())
