"""The host SGLang: a grammar backend, ``--grammar-backend gcd``.

SGLang asks a backend for a grammar object for each request and drives it: mask, accept, roll back (drafts are trees),
jump forward. `register` puts this one into SGLang's registry; call it before the server starts. A request's ``ebnf`` is
a Lark grammar, or ``gcd:NAME`` for an artefact (`gcd.hosts.named`), its ``regex`` a regular expression in Python's
syntax.

What a user sends is compiled in SGLang's own threads, within `gcd.Limits`; what can't be compiled exactly, or at all,
comes back to that user as the request's error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gcd._native.matcher import Matcher, fill_bitmasks
from gcd.bitmask import apply_token_bitmask_inplace
from gcd.compiled_grammar import CompiledGrammar
from gcd.compiler import compile as compile_grammar
from gcd.errors import GcdError
from gcd.grammar.ir import Grammar
from gcd.hosts.named import NamedGrammars
from gcd.limits import Limits
from gcd.vocab import Vocabulary

try:
    from sglang.srt.constrained.base_grammar_backend import (
        BaseGrammarBackend,
        BaseGrammarObject,
        GrammarStats,
        InvalidGrammarObject,
        register_grammar_backend,
    )
except ImportError as error:
    raise ImportError("gcd.hosts.sglang needs SGLang: register() the backend in the server's process") from error

__all__ = ["GcdBackend", "GcdGrammar", "register"]


def register(name: str = "gcd", limits: Limits | None = None) -> None:
    """Make the backend known to SGLang under a name, within bounds for what users send."""

    def create(server_args: Any, tokenizer: Any, vocab_size: int, eos_token_ids: Iterable[int] | None = None) -> Any:
        return GcdBackend(tokenizer, vocab_size, eos_token_ids, limits)

    register_grammar_backend(name, create)


class GcdGrammar(BaseGrammarObject):  # type: ignore[misc] # SGLang is not type-checked here
    """One request's position in a grammar."""

    def __init__(self, matcher: Matcher, compiled: CompiledGrammar, key: str, *, cached: bool = False) -> None:
        super().__init__()
        self.matcher = matcher
        self.compiled = compiled
        self.key = key
        self.grammar_stats = GrammarStats(is_cache_hit=cached)

    def accept_token(self, token: int) -> None:
        """Move over a token; ValueError, by which SGLang aborts the request, if it isn't allowed."""
        if self.matcher.is_finished:
            return
        self.current_token = token
        if not 0 <= token < self.compiled.width or not self.matcher.accept(token):
            shown = self.compiled.vocab.token_name(token) if 0 <= token < self.compiled.width else str(token)
            raise ValueError(f"gcd: token {token} ({shown}) isn't allowed after {self.matcher.n_accepted} tokens")

    def rollback(self, k: int) -> None:
        """Take back the last `k` tokens."""
        self.matcher.rollback(k)

    def is_terminated(self) -> bool:
        """Whether an end of sequence was accepted."""
        return self.matcher.is_finished

    def allocate_vocab_mask(self, vocab_size: int, batch_size: int, device: Any) -> Any:
        """A mask that allows everything: SGLang leaves the rows of free requests as they are."""
        import torch

        return torch.full((batch_size, -(-vocab_size // 32)), -1, dtype=torch.int32)

    def fill_vocab_mask(self, vocab_mask: Any, idx: int) -> None:
        """Write the mask into a row."""
        self.matcher.fill_bitmask(_known(vocab_mask, self.compiled.width, idx), idx)

    @staticmethod
    def fill_vocab_mask_batched(entries: Any, vocab_mask: Any) -> None:
        """Write the masks of several requests, in native threads; other rows stay."""
        if not all(isinstance(entry.grammar, GcdGrammar) for entry in entries):
            BaseGrammarObject.fill_vocab_mask_batched(entries, vocab_mask)
            return
        if not entries:
            return
        matchers: list[Matcher | None] = [None] * len(vocab_mask)
        for entry in entries:
            matchers[entry.row] = entry.grammar.matcher
        fill_bitmasks(matchers, _known(vocab_mask, entries[0].grammar.compiled.width, [e.row for e in entries]))

    @staticmethod
    def reset_vocab_mask(vocab_mask: Any) -> None:
        """Allow everything again."""
        vocab_mask.fill_(-1)

    @staticmethod
    def move_vocab_mask(vocab_mask: Any, device: Any) -> Any:
        """The mask on the logits' device."""
        return vocab_mask.to(device, non_blocking=True)

    @staticmethod
    def apply_vocab_mask(logits: Any, vocab_mask: Any) -> None:
        """Set the logits of tokens that aren't allowed to minus infinity."""
        apply_token_bitmask_inplace(logits, vocab_mask)

    def copy(self) -> GcdGrammar:
        """A grammar object at the beginning of a text, for another request."""
        matcher = self.matcher.fork()
        matcher.reset()
        return GcdGrammar(matcher, self.compiled, self.key, cached=True)

    def try_jump_forward(self, tokenizer: Any) -> tuple[list[int], str] | None:
        """Text that every continuation begins with, if there is any."""
        forced = self.matcher.forced_bytes()
        text = forced.decode(errors="ignore")  # a character that isn't whole yet waits
        return ([], text) if text else None

    def jump_forward_str_state(self, helper: tuple[list[int], str]) -> tuple[str, int]:
        """That text, and no state."""
        return helper[1], -1

    def jump_and_retokenize(self, old_output_ids: list[int], new_output_ids: list[int], next_state: int) -> None:
        """Go from one tokenization of the output to another; ValueError if that isn't allowed."""
        same = 0
        while same < min(len(old_output_ids), len(new_output_ids)) and old_output_ids[same] == new_output_ids[same]:
            same += 1
        self.matcher.rollback(len(old_output_ids) - same)
        for token in new_output_ids[same:]:
            self.accept_token(token)

    def __repr__(self) -> str:
        return f"<GcdGrammar {self.key[:60]!r}, {self.matcher.n_accepted} tokens>"


class GcdBackend(BaseGrammarBackend):  # type: ignore[misc]
    """Makes grammar objects of what requests ask for."""

    def __init__(
        self, tokenizer: Any, vocab_size: int, eos_token_ids: Iterable[int] | None = None, limits: Limits | None = None
    ) -> None:
        super().__init__()
        ends = None if not eos_token_ids else sorted(eos_token_ids)
        self.vocab = Vocabulary.from_pretrained(tokenizer, width=vocab_size, eos_ids=ends)
        self.limits = limits or Limits()
        self._named: NamedGrammars | None = None

    def dispatch_ebnf(self, key_string: str) -> Any:
        """A Lark grammar, or ``gcd:NAME``."""
        if key_string.startswith("gcd:"):
            return self._made(key_string, lambda: self._artifact(key_string.removeprefix("gcd:")))
        text = key_string + "\n"  # one line that ends in .lark would be a path
        return self._made(key_string, lambda: self._compiled(Grammar.from_lark(text, limits=self.limits)))

    def dispatch_regex(self, key_string: str) -> Any:
        """A regular expression."""
        return self._made(key_string, lambda: self._compiled(Grammar.from_regex(key_string)))

    def _made(self, key: str, make: Any) -> Any:
        try:
            compiled = make()
        except (GcdError, ValueError) as error:
            return InvalidGrammarObject(str(error))
        return GcdGrammar(compiled.matcher(), compiled, key)

    def _compiled(self, grammar: Grammar) -> CompiledGrammar:
        return compile_grammar(grammar, self.vocab, limits=self.limits)

    def _artifact(self, name: str) -> CompiledGrammar:
        if self._named is None:
            self._named = NamedGrammars()
        compiled = self._named.grammar(name)
        if compiled.fingerprint != self.vocab.fingerprint:
            raise ValueError(f"gcd: {name}.gcd was compiled for another vocabulary than this model's")
        return compiled


def _known(vocab_mask: Any, width: int, rows: Any = slice(None)) -> Any:
    """The vocabulary's words of a mask, as numpy; what lies past them is forbidden in `rows`."""
    words: Any = np.asarray(vocab_mask)
    known = -(-width // 32)
    if words.shape[-1] < known:
        raise ValueError(f"gcd: a mask of {words.shape[-1]} words for a vocabulary of {width} columns")
    if words.shape[-1] > known:
        words[rows, known:] = 0
    return words[:, :known]
