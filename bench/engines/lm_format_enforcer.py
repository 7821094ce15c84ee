"""lm-format-enforcer: parsers of characters in Python, walked along a tree of the tokens' texts."""

import json
import logging
from pathlib import Path
from typing import Any

import torch
from lmformatenforcer import JsonSchemaParser, TokenEnforcer, TokenEnforcerTokenizerData
from lmformatenforcer.exceptions import LMFormatEnforcerException
from tokenizers import Tokenizer

from bench.harness.engine import Engine, Session, UnsupportedError


class Adapter(Engine):
    """lm-format-enforcer with bitmasks, fed as its integration with transformers feeds it.

    An enforcer keeps what it has seen under the whole sequence of tokens, so `accept` only notes the token and reads
    the bit of the mask before it; the work is in the next mask. Its own log of parser failures is turned off.
    """

    packages = ("lm-format-enforcer", "torch")

    def hold_vocabulary(self, folder: Path) -> None:
        logging.disable(logging.CRITICAL)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        special = {i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special}
        ids = [i for i in tokenizer.get_vocab(with_added_tokens=True).values() if i < self.width and i not in special]
        zero = tokenizer.encode("0", add_special_tokens=False).ids[-1]
        regular = []
        for i in sorted(ids):
            after_zero, alone = tokenizer.decode([zero, i])[1:], tokenizer.decode([i])
            regular.append((i, after_zero, len(after_zero) > len(alone)))

        def decode(tokens: list[int]) -> str:
            return tokenizer.decode(tokens).rstrip("\N{REPLACEMENT CHARACTER}")

        self.data = TokenEnforcerTokenizerData(regular, decode, self.eos_ids, True, self.width)

    def compile(self, grammar: Path) -> Any:
        raise UnsupportedError("it takes no context-free grammars")

    def compile_schema(self, schema: str) -> Any:
        try:
            return TokenEnforcer(self.data, JsonSchemaParser(json.loads(schema)))
        except (LMFormatEnforcerException, LookupError, NotImplementedError, TypeError, ValueError) as error:
            raise UnsupportedError(f"{type(error).__name__}: {error}") from error

    def session(self, compiled: Any) -> Session:
        tokens: list[int] = []
        row, eos = torch.from_numpy(self.row[0]), self.eos_ids[0]

        def fill() -> None:
            row.copy_(compiled.get_allowed_tokens(tokens).allowed_tokens)

        def check(token: int) -> bool:
            return bool(compiled.get_allowed_tokens(tokens).is_token_allowed(token))

        def accept(token: int) -> bool:
            allowed = check(token)
            if allowed:
                tokens.append(token)
            return allowed

        return Session(fill=fill, accept=accept, check=check, is_complete=lambda: check(eos))
