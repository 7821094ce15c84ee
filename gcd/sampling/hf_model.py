"""Causal language models of transformers as `LanguageModel`s.

One batched forward a step, and only for rows that differ:

* The prompt is evaluated once, as one row. Its KV cache is kept with the model, so a next run from the same prompt, or
  from one that begins with it, goes on from there.
* Rows that are equal share one physical row; they part when they get different tokens. N particles begin as one.
* `select` moves nothing. It re-writes which physical row stands behind each row; when tokens come, the cache is
  gathered once, in the order in which it is needed (forked, re-ordered, pruned in one go), or not at all if nothing
  changed.
* `advance` doesn't run the model either: the last tokens of a run, whose distributions nobody asks for, cost nothing.

Log-probabilities are the log-softmax of the logits in float32 (float64 for float64 models), whatever the model's dtype.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gcd.errors import ModelError
from gcd.sampling.language_model import LogProbs, check_rows
from gcd.vocab import Vocabulary

try:
    import torch
    from transformers import DynamicCache
except ImportError as error:
    raise ImportError("HFModel needs transformers and torch: pip install 'gcd-decoding[hf]'") from error

__all__ = ["HFModel"]

Processor = Callable[[Any, Any], Any]


class HFModel:
    """A causal language model of transformers and its tokenizer.

    ::

        model = gcd.HFModel(AutoModelForCausalLM.from_pretrained(name), AutoTokenizer.from_pretrained(name))
        compiled = gcd.compile(grammar, model.vocab)
        samples = gcd.sample(model, compiled, "2 + 2 =", n=10, method="smc")

    Its law is the model's at temperature 1. `gcd.sampling.Warped` makes other ones of it.

    Attributes:
        model: the model.
        tokenizer: the tokenizer.
        n_prefills: how often a prompt was evaluated, beginnings that were kept not counted.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        vocab: Vocabulary | None = None,
        processors: Sequence[Processor] = (),
    ) -> None:
        """A model, in evaluation mode, and its tokenizer.

        Args:
            model: of any dtype and device.
            tokenizer: for prompts; None if all prompts are ids (then `vocab` is needed).
            vocab: its tokens as bytes; read from the tokenizer by default, with as many columns as the model's logits
                and the ids that the model's generation stops at.
            processors: functions of (ids, scores), such as transformers' logits processors and warpers, that belong to
                the law: they are applied to the logits of whole rows, prompt ids included.

        Raises:
            ModelError: the model is in training mode, where dropout makes its law random.
            TokenizerError: the tokenizer can't be read as bytes.
        """
        if getattr(model, "training", False):
            raise ModelError("the model is in training mode", remedy="model.eval()")
        self.model = model
        self.tokenizer = tokenizer
        self.processors = tuple(processors)
        if vocab is None:
            if tokenizer is None:
                raise TypeError("without a tokenizer, vocab= is needed")
            vocab = Vocabulary.from_pretrained(tokenizer, _columns(model), eos_ids=_end_ids(model))
        self._vocab = vocab
        self._keeps_last = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._prompt: tuple[tuple[int, ...], Any, Any] | None = None  # ids, cache of one row, logits of one row
        self.n_prefills = 0

    @property
    def vocab(self) -> Vocabulary:
        """The tokens."""
        return self._vocab

    def encode(self, text: str) -> list[int]:
        """A prompt's tokens, with the special tokens that the tokenizer itself adds.

        Raises:
            ModelError: there is no tokenizer.
        """
        if self.tokenizer is None:
            raise ModelError("without a tokenizer a prompt is a list of ids")
        return list(self.tokenizer(text).input_ids)

    def start(self, prompt: Sequence[int] = (), n: int = 1) -> _HFState:
        """`n` rows behind the prompt; an empty prompt is the tokenizer's begin-of-sequence token.

        Raises:
            ModelError: the prompt is empty and there is no such token; it is longer than the model's context.
        """
        if n < 0:
            raise ValueError(f"n must be at least 0, not {n}")
        ids = tuple(prompt)
        if not ids:
            begin = getattr(self.tokenizer, "bos_token_id", None)
            if begin is None:
                raise ModelError("an empty prompt, and the tokenizer has no begin-of-sequence token", remedy="a prompt")
            ids = (int(begin),)
        state = _HFState(self, ids, n)
        if n:
            cache, logits = self._prefill(ids, state)
            state.begin(cache, logits)
        return state

    def _prefill(self, ids: tuple[int, ...], state: _HFState) -> tuple[Any, Any]:
        """The cache and the logits behind a prompt, as one row; the cache is the caller's."""
        kept = self._prompt
        known = 0
        cache = None
        if kept is not None and kept[0] == ids[: len(kept[0])]:
            known = len(kept[0])
            if known == len(ids):
                return _copy_cache(kept[1]), kept[2]
            cache = _copy_cache(kept[1])
        logits, cache = self.forward([ids[known:]], cache, known)
        state.n_calls += 1
        state.n_rows += 1
        self.n_prefills += not known
        self._prompt = ids, _copy_cache(cache), logits
        return cache, logits

    def forward(self, rows: Sequence[Sequence[int]], cache: Any, length: int) -> tuple[Any, Any]:
        """One evaluation: the logits of the last column, shape ``(rows, width)``, and the cache with these tokens.

        Args:
            rows: the new tokens, equally many in each row.
            cache: what was evaluated before them; None for nothing. Extended in place.
            length: the tokens in the cache.

        Raises:
            ModelError: the rows would be longer than the model's context.
        """
        most = getattr(self.model.config, "max_position_embeddings", None)
        if most is not None and length + len(rows[0]) > most:
            raise ModelError(
                f"{length + len(rows[0]):,} tokens, and the model's context is {most:,}",
                remedy="a shorter prompt, or a smaller max_tokens",
            )
        ids = torch.tensor(rows, dtype=torch.long, device=self.model.device)
        more = {"logits_to_keep": 1} if self._keeps_last else {}
        with torch.no_grad():
            out = self.model(
                input_ids=ids, past_key_values=DynamicCache() if cache is None else cache, use_cache=True, **more
            )
        return out.logits[:, -1], out.past_key_values

    def __repr__(self) -> str:
        return f"<HFModel {type(self.model).__name__} {self._vocab!r}>"


class _HFState:
    """A batch of rows behind one prompt: logical rows over fewer physical ones."""

    def __init__(self, owner: HFModel, prompt: tuple[int, ...], n: int) -> None:
        self.n_calls = 0
        self.n_rows = 0
        self._owner = owner
        self._prompt = prompt
        self._texts: list[tuple[int, ...]] = [()] * n  # generated ids of each row
        self._physical = [0] * n  # row -> physical row, of the last evaluation
        self._tokens: list[int] | None = None  # of each row, not evaluated yet
        self._cache: Any = None
        self._length = len(prompt)  # tokens in the cache
        self._rows: Any = None  # log-probabilities of the physical rows
        self._now: LogProbs | None = None

    def begin(self, cache: Any, logits: Any) -> None:
        """With a prompt evaluated."""
        self._cache = cache
        self._rows = self._log_probs(logits, [self._prompt])

    def __len__(self) -> int:
        return len(self._physical)

    def log_probs(self) -> LogProbs:
        """As `ModelState.log_probs`; float32, or float64 of a float64 model."""
        self._evaluate()
        if self._now is None:
            if self._rows is None:
                self._now = np.zeros((0, self._owner.vocab.width), dtype=np.float32)
            elif self._physical == list(range(len(self._rows))):
                self._now = self._rows
            else:
                self._now = self._rows[self._physical]
        assert self._now is not None
        return self._now

    def advance(self, tokens: Sequence[int]) -> None:
        """As `ModelState.advance`; evaluates nothing yet."""
        if len(tokens) != len(self._physical):
            raise ValueError(f"{len(tokens)} tokens for {len(self._physical)} rows")
        width = self._owner.vocab.width
        for token in tokens:
            if not 0 <= token < width:
                raise ValueError(f"token {token} is not in range({width})")
        self._evaluate()
        self._tokens = [int(t) for t in tokens]
        self._texts = [(*text, int(t)) for text, t in zip(self._texts, tokens, strict=True)]
        self._now = None

    def select(self, rows: Sequence[int]) -> None:
        """As `ModelState.select`; moves indices only."""
        if any(not 0 <= row < len(self._physical) for row in rows):
            raise IndexError(f"rows {list(rows)} of {len(self._physical)}")
        self._physical = [self._physical[row] for row in rows]
        self._texts = [self._texts[row] for row in rows]
        if self._tokens is not None:
            self._tokens = [self._tokens[row] for row in rows]
        self._now = None

    def _evaluate(self) -> None:
        """Evaluate the tokens that were appended, each distinct row once."""
        if self._tokens is None:
            return
        tokens, self._tokens = self._tokens, None
        pairs = list(zip(self._physical, tokens, strict=True))
        distinct = {pair: i for i, pair in enumerate(dict.fromkeys(pairs))}
        self._physical = [distinct[pair] for pair in pairs]
        if not distinct:
            return
        sources = [source for source, _ in distinct]
        if sources != list(range(len(self._rows))):
            self._cache.batch_select_indices(torch.tensor(sources, device=self._owner.model.device))
        logits, self._cache = self._owner.forward([[token] for _, token in distinct], self._cache, self._length)
        self._length += 1
        self.n_calls += 1
        self.n_rows += len(distinct)
        first = {row: i for i, row in reversed(list(enumerate(self._physical)))}
        texts = [(*self._prompt, *self._texts[first[row]]) for row in range(len(distinct))]
        self._rows = self._log_probs(logits, texts)

    def _log_probs(self, logits: Any, texts: list[tuple[int, ...]]) -> Any:
        """Logits as normalized log-probabilities on the CPU."""
        scores = logits if logits.dtype == torch.float64 else logits.float()
        if self._owner.processors:
            ids = torch.tensor(texts, dtype=torch.long, device=logits.device)
            scores = scores.clone()
            for processor in self._owner.processors:
                scores = processor(ids, scores)
        with torch.no_grad():
            rows = torch.log_softmax(scores, dim=-1).cpu().numpy()
        check_rows(rows, self._owner.vocab.width, "the model")
        return rows


def _columns(model: Any) -> int:
    """Columns of the logits."""
    head = model.get_output_embeddings()
    return int(head.weight.shape[0]) if head is not None else int(model.config.vocab_size)


def _end_ids(model: Any) -> list[int] | None:
    """What the model's generation stops at; None: what the tokenizer says."""
    for config in (getattr(model, "generation_config", None), model.config):
        ends = getattr(config, "eos_token_id", None)
        if ends is not None:
            return [ends] if isinstance(ends, int) else list(ends)
    return None


def _copy_cache(cache: Any) -> Any:
    """A cache that can be extended without changing the other; tensors are shared where they are never written to."""
    layers = getattr(cache, "layers", None)
    if layers is None or any(type(layer).__name__ != "DynamicLayer" for layer in layers):
        return copy.deepcopy(cache)
    twin = copy.copy(cache)  # dynamic layers put new tensors in place of old ones
    twin.layers = [copy.copy(layer) for layer in layers]
    return twin
