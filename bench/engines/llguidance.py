"""llguidance: a Lark dialect, Earley over lexemes, masks by walking the token trie."""

from functools import partial
from pathlib import Path
from typing import Any

from llguidance import LLMatcher, LLTokenizer

from bench.harness.engine import Engine, Session, UnsupportedError


class Adapter(Engine):
    """llguidance with its default slices.

    Masks are asked for by pointer, which saves the checks of its Python wrapper. A sequence is a copy of the compiled
    matcher; going back to the beginning by ``reset()`` instead was no faster.
    """

    packages = ("llguidance",)

    def hold_vocabulary(self, folder: Path) -> None:
        text = (folder / "tokenizer.json").read_text(encoding="utf-8")
        self.tokenizer = LLTokenizer(text, n_vocab=self.width, eos_token=self.eos_ids)

    def compile(self, grammar: Path) -> Any:
        matcher = LLMatcher(self.tokenizer, grammar.read_text(encoding="utf-8"), log_level=0)
        if matcher.is_error():
            raise UnsupportedError(matcher.get_error())
        return matcher

    def compile_schema(self, schema: str) -> Any:
        """Strict, its default: what it can't enforce it refuses."""
        try:
            grammar = LLMatcher.grammar_from_json_schema(schema)
        except ValueError as error:
            raise UnsupportedError(str(error)) from error
        matcher = LLMatcher(self.tokenizer, grammar, log_level=0)
        if matcher.is_error():
            raise UnsupportedError(matcher.get_error())
        return matcher

    def session(self, compiled: Any) -> Session:
        matcher = compiled.deep_copy()

        def check(token: int) -> bool:
            return bool(matcher.validate_tokens([token]))

        return Session(
            fill=partial(matcher.unsafe_compute_mask_ptr, self.row.ctypes.data, self.row.nbytes),
            accept=matcher.consume_token,
            check=check,
            is_complete=matcher.is_accepting,
            failure=lambda: matcher.get_error() if matcher.is_error() else None,
        )
