"""XGrammar: GBNF (or its Lark dialect), Earley over bytes, masks stored for each automaton state of a rule."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import torch
import xgrammar
from tokenizers import Tokenizer

from bench.harness import system
from bench.harness.engine import Engine, Session, UnsupportedError


class Adapter(Engine):
    """XGrammar, one compiler thread but for JSON Schema.

    Special tokens are given as the empty string: read from the tokenizer's own list they would be text, and its masks
    would hold them. Masks are asked for from the handle under its Python class, into a tensor (faster than an array).
    """

    packages = ("xgrammar", "torch")

    def hold_vocabulary(self, folder: Path) -> None:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        special = {i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special}
        tokens = [""] * self.width
        for token, i in tokenizer.get_vocab(with_added_tokens=True).items():
            if i < self.width and i not in special:
                tokens[i] = token
        self.tokenizer_info = xgrammar.TokenizerInfo(
            tokens, xgrammar.VocabType.BYTE_LEVEL, vocab_size=self.width, stop_token_ids=self.eos_ids
        )
        self.compiler = xgrammar.GrammarCompiler(self.tokenizer_info, max_threads=1)
        self.schema_compiler = xgrammar.GrammarCompiler(self.tokenizer_info, max_threads=os.cpu_count() or 1)

    def compile(self, grammar: Path) -> Any:
        text = grammar.read_text(encoding="utf-8")
        try:
            if grammar.suffix == ".lark":
                return self.compiler.compile_lark(text)
            return self.compiler.compile_grammar(text)
        except RuntimeError as error:
            raise UnsupportedError(str(error)) from error

    def compile_schema(self, schema: str) -> Any:
        """As the specification has it: objects are open unless the schema closes them, any white space.

        With a thread for each CPU, since it needs seconds for some schemas.
        """
        try:
            with system.unpinned():
                return self.schema_compiler.compile_json_schema(schema, any_whitespace=True, strict_mode=False)
        except (RuntimeError, ValueError) as error:
            raise UnsupportedError(str(error)) from error

    def session(self, compiled: Any) -> Session:
        matcher = xgrammar.GrammarMatcher(compiled)
        row = torch.from_numpy(self.row)
        handle = matcher._handle
        accept = matcher.accept_token

        def check(token: int) -> bool:
            accepted = accept(token)
            if accepted:
                matcher.rollback(1)
            return bool(accepted)

        return Session(
            fill=partial(handle.fill_next_token_bitmask, row, 0, False),
            accept=accept,
            check=check,
            is_complete=matcher.is_completed,
        )

    def save(self, compiled: Any, path: Path) -> None:
        path.write_text(compiled.serialize_json(), encoding="utf-8")

    def load(self, path: Path) -> Any:
        return xgrammar.CompiledGrammar.deserialize_json(path.read_text(encoding="utf-8"), self.tokenizer_info)
