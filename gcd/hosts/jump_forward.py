"""Jump-forward for transformers: spans that the grammar forces cost one forward pass, not one for each token.

Where all that may come next begins alike (`{"name": "`), the model has little to say: its forward passes only tell how
it would cut the span into tokens. So the span's tokens go into the next pass as drafts, behind the token that is due
anyway, and the pass returns a distribution for each of them. Each token is then chosen from its own distribution,
masked and processed as ever, and as long as it is the draft, the next distribution is the right one; at the first other
token the drafts behind it are dropped. So the law of the output is that of ``generate()``, token by token, whatever the
drafts are: it is speculative decoding (Leviathan et al. 2023, Chen et al. 2023) with a grammar for the draft model.
(Appending the span's text unseen would be quicker by little and would change the law: the model would go on from tokens
that it hadn't chosen.) Up to rounding, that is: a pass over several tokens isn't computed as passes over one are.

What is drafted is read from the mask. If the allowed tokens are all beginnings of the longest of them, one of them is
drafted: the one that was chosen the last time that there was this choice, else the longest. Where a span ends, tokens
that reach into what follows are allowed, too, and then nothing is: so a draft never cuts what a longer token would
hold, and is as a rule what the model writes.

Rows of a batch draft different numbers of tokens. They stay in step because a row with less to say is padded on the
left and its pads masked; so are drafts that were dropped, which leaves columns unused in the cache. A single row crops
its cache instead.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gcd._native.matcher import Matcher
from gcd.prefix.line import Line
from gcd.prefix.masks import BatchMasks
from gcd.processor import GrammarLogitsProcessor

__all__ = ["JumpForward", "forced_draft"]

_MOST_CHOICES = 4096
_KNOWN = {"attention_mask", "past_key_values", "position_ids", "use_cache", "logits_to_keep", "output_attentions"}
_KNOWN |= {"output_hidden_states", "return_dict", "cache_position"}


class JumpForward:
    """A decoding method for ``model.generate``: greedy search or sampling, quicker where the grammar forces text.

    ::

        jump = JumpForward()
        model.generate(**inputs, logits_processor=[GrammarLogitsProcessor(compiled)], custom_generate=jump)

    For decoder-only models, single prompts and batches, several sequences for each prompt, all options that are logits
    processors or stopping criteria. Counters add up over calls.

    Attributes:
        most: how many tokens to draft at a time, at most.
        forwards: forward passes of the model, for all rows of a batch together.
        steps: rows in these passes.
        tokens: tokens generated, ends of sequence among them; each is a row's step of plain decoding.
        drafted: tokens that were drafted.
        kept: drafted tokens that were kept.
    """

    def __init__(self, most: int = 64) -> None:
        """Raises ValueError if `most` is negative."""
        if most < 0:
            raise ValueError(f"most must be at least 0, not {most}")
        self.most = most
        self.forwards = self.steps = self.tokens = self.drafted = self.kept = 0
        self._choices: dict[tuple[int, ...], int] = {}  # tokens that were allowed in a forced span -> the one chosen

    def __repr__(self) -> str:
        return f"<JumpForward {self.tokens} tokens, {self.steps} steps, {self.kept} of {self.drafted} drafts kept>"

    def __call__(
        self,
        model: Any,
        input_ids: Any,
        logits_processor: Any,
        stopping_criteria: Any,
        generation_config: Any,
        **model_kwargs: Any,
    ) -> Any:
        """Called by ``generate()``; its arguments are those of a ``custom_generate`` method.

        Raises:
            ValueError: beams, an encoder, embeddings for a prompt, scores or attentions asked for, a cache that can't
                take drafts back, or not exactly one `GrammarLogitsProcessor` among the processors.
            MatcherError: see `GrammarLogitsProcessor`.
        """
        import torch

        _check(model, input_ids, generation_config, model_kwargs)
        grammar = _the_grammar(logits_processor)
        rows = _rows(grammar, input_ids)
        pad = generation_config._pad_token_tensor
        pad_id = 0 if pad is None else int(pad)
        run = _Run(model, input_ids, model_kwargs, pad_id)
        _check_cache(run.cache, len(rows))
        active = rows
        while active:
            for row in active:
                forced = list(_forced(row.line, self.most, grammar.compiled.width, self._choices))
                row.draft = [token for token, _ in forced]
                row.choices = [choice for _, choice in forced]
            logits = run.forward(active)
            self.forwards += 1
            self.steps += len(active)
            dropped = []
            for at, row in enumerate(active):
                n = len(row.draft)
                before = row.length
                kept = self._choose(row, logits[at], grammar, logits_processor, stopping_criteria, generation_config)
                self.drafted += n
                self.kept += kept
                self.tokens += row.length - before
                dropped.append(n - kept)
                row.pending = row.ids[:, row.length - 1 : row.length]
            run.drop(dropped)
            going = [at for at, row in enumerate(active) if not row.stopped]
            if len(going) < len(active):
                active = [active[at] for at in going]
                run.keep(going)
        length = max(row.length for row in rows)
        out = torch.full((len(rows), length), pad_id, dtype=input_ids.dtype, device=input_ids.device)
        for at, row in enumerate(rows):
            out[at, : row.length] = row.ids[0, : row.length]
        if not generation_config.return_dict_in_generate:
            return out
        from transformers.generation import GenerateDecoderOnlyOutput

        return GenerateDecoderOnlyOutput(sequences=out)

    def _choose(
        self, row: _Row, logits: Any, grammar: Any, processors: Any, stopping_criteria: Any, generation_config: Any
    ) -> int:
        """Choose tokens for a row, as long as they are its drafts, and one more; return how many were."""
        import torch

        drafts = row.draft
        for at in range(len(drafts) + 1):
            scores = logits[logits.shape[0] - len(drafts) - 1 + at][None].to(dtype=torch.float32, copy=True)
            ids = row.ids[:, : row.length]
            for processor in processors:
                if processor is grammar:
                    row.masks.apply([row.line], scores, lambda _: row.generated)
                else:
                    scores = processor(ids, scores)
            if generation_config.do_sample:
                token = int(torch.multinomial(torch.nn.functional.softmax(scores, dim=-1), 1))
            else:
                token = int(scores.argmax())
            if at < len(drafts) and token in row.choices[at]:
                if len(self._choices) >= _MOST_CHOICES:
                    self._choices.clear()
                self._choices[row.choices[at]] = token
            row.append(token)
            row.stopped = bool(stopping_criteria(row.ids[:, : row.length], None).all())
            if row.stopped or at == len(drafts) or token != drafts[at]:
                return at + (at < len(drafts) and token == drafts[at])
        raise AssertionError("the last pass returns")


def forced_draft(line: Line | None, most: int, width: int) -> list[int]:
    """Tokens for what every continuation of a text begins with, up to `most`; none where it isn't the grammar's.

    Drafts, not more: a text that goes on so may be cut into tokens otherwise.
    """
    return [token for token, _ in _forced(line, most, width, {})]


def _forced(
    line: Line | None, most: int, width: int, choices: dict[tuple[int, ...], int]
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Drafts, each with the tokens that it was one of."""
    source = None if line is None else line.pending()
    if line is None or source is None:
        return
    matcher: Matcher = source.fork()
    words = np.zeros(-(-width // 32), dtype=np.int32)
    for _ in range(most):
        matcher.fill_bitmask(words)
        if np.count_nonzero(words) > 32:  # more than the beginnings of any forced span
            return
        ids = tuple(np.unpackbits(words.view(np.uint8), bitorder="little").nonzero()[0].tolist())
        if not ids or any(token in line.constraint.compiled.eos_ids for token in ids):
            return
        texts = {token: matcher.token_bytes(token) for token in ids}
        longest = max(ids, key=lambda token: len(texts[token]))
        if not all(texts[longest].startswith(text) for text in texts.values()):
            return
        token = choices.get(ids, longest)
        matcher.accept(token)
        yield token, ids


class _Row:
    """One sequence: its ids, its line, what isn't in the cache yet."""

    def __init__(self, ids: Any, line: Line | None, begin: int, width: int) -> None:
        self.length = ids.shape[1]
        self.ids = ids.new_zeros((1, self.length + 256))  # with room
        self.ids[:, : self.length] = ids
        self.line = line
        self.begin = begin
        self.masks = BatchMasks(width)
        self.pending = ids  # tokens that are chosen, but not in the cache
        self.draft: list[int] = []
        self.choices: list[tuple[int, ...]] = []  # what each draft was one of
        self.stopped = False
        if line is not None:
            for token in ids[0, begin:].tolist():
                line.accept(token)

    @property
    def generated(self) -> list[int]:
        ids: list[int] = self.ids[0, self.begin : self.length].tolist()
        return ids

    def append(self, token: int) -> None:
        if self.length == self.ids.shape[1]:
            more = self.ids.new_zeros((1, 2 * self.length))
            more[:, : self.length] = self.ids
            self.ids = more
        self.ids[0, self.length] = token
        self.length += 1
        if self.line is not None:
            self.line.accept(token)


class _Run:
    """The model with its cache: chunks of different lengths in, a distribution for each drafted token out."""

    def __init__(self, model: Any, input_ids: Any, model_kwargs: dict[str, Any], pad_id: int) -> None:
        import torch

        self.model = model
        self.pad_id = pad_id
        self.cache = model_kwargs["past_key_values"]
        mask = model_kwargs.get("attention_mask")
        self.prompt_mask = torch.ones_like(input_ids) if mask is None else mask.to(input_ids.dtype)
        self.n_cached = self.cache.get_seq_length()
        self.mask = self.prompt_mask[:, : self.n_cached]  # columns of the cache that hold a token
        self.first = True
        self.takes = inspect.signature(model.forward).parameters
        self.single = len(input_ids) == 1
        if self.single and hasattr(self.cache, "activate_past_recording"):
            self.cache.activate_past_recording()

    def forward(self, rows: Sequence[_Row]) -> Any:
        """Logits of shape ``(rows, most drafts + 1, columns)``, those of the last columns of each row."""
        import torch

        chunks, masks = [], []
        for at, row in enumerate(rows):
            pending = row.pending[:, self.n_cached :] if self.first else row.pending
            known = self.prompt_mask[at : at + 1, self.n_cached :] if self.first else torch.ones_like(pending)
            draft = pending.new_tensor([row.draft])
            chunks.append(torch.cat([pending, draft.reshape(1, -1).to(pending.dtype)], 1))
            masks.append(torch.cat([known, torch.ones_like(chunks[-1][:, known.shape[1] :])], 1))
        self.first = False
        length = max(chunk.shape[1] for chunk in chunks)
        ids = torch.cat([_left(chunk, length, self.pad_id) for chunk in chunks])
        mask = torch.cat([_left(m, length, 0) for m in masks])
        positions = (self.mask.sum(1, keepdim=True) + mask.cumsum(1) - 1).clamp(min=0)
        self.mask = torch.cat([self.mask, mask], 1)
        options: dict[str, Any] = {"attention_mask": self.mask}
        if "position_ids" in self.takes:
            options["position_ids"] = positions
        most = max(len(row.draft) for row in rows) + 1
        if "logits_to_keep" in self.takes:
            options["logits_to_keep"] = most
        device = self.model.device
        options = {name: value.to(device) if hasattr(value, "to") else value for name, value in options.items()}
        output = self.model(ids.to(device), past_key_values=self.cache, use_cache=True, return_dict=True, **options)
        self.cache = output.past_key_values
        return output.logits[:, -most:].to(ids.device)

    def drop(self, counts: Sequence[int]) -> None:
        """Forget the last tokens of each row's chunk: drafts that weren't kept."""
        if self.single:
            # Also where nothing goes: layers that record more than they keep shrink back
            self.cache.crop(-counts[0]) if counts[0] or hasattr(self.cache, "activate_past_recording") else None
            self.mask = self.mask[:, : self.mask.shape[1] - counts[0]]
            return
        for row, count in enumerate(counts):
            if count:
                self.mask[row, -count:] = 0

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the rows."""
        if rows:
            at = self.mask.new_tensor(rows)
            self.mask = self.mask[at]
            self.cache.batch_select_indices(at.to(self.model.device))


def _left(ids: Any, length: int, filler: int) -> Any:
    """One row, filled up on the left."""
    import torch

    return torch.nn.functional.pad(ids, (length - ids.shape[1], 0), value=filler)


def _rows(grammar: GrammarLogitsProcessor, input_ids: Any) -> list[_Row]:
    n_rows, prompt = input_ids.shape
    begin = prompt if grammar.prompt_len is None else grammar.prompt_len
    if begin > prompt:
        raise ValueError(f"{prompt} ids in a row, fewer than prompt_len={begin}")
    groups = len(grammar.constraints)
    if n_rows % groups:
        raise ValueError(f"{n_rows} rows for {groups} grammars")
    constraints = [grammar.constraints[row * groups // n_rows] for row in range(n_rows)]
    grammar.expect(begin)
    return [
        _Row(input_ids[at : at + 1], None if c is None else c.line(), begin, grammar.compiled.width)
        for at, c in enumerate(constraints)
    ]


def _the_grammar(processors: Any) -> GrammarLogitsProcessor:
    found = [p for p in processors if isinstance(p, GrammarLogitsProcessor)]
    if len(found) != 1:
        raise ValueError(
            f"jump-forward needs one GrammarLogitsProcessor among logits_processor, and found {len(found)}: without a "
            "grammar nothing is forced; leave custom_generate out"
        )
    return found[0]


def _check(model: Any, input_ids: Any, config: Any, model_kwargs: dict[str, Any]) -> None:
    """Raise ValueError for what it can't do, rather than do something else."""
    unknown = sorted(k for k, v in model_kwargs.items() if k not in _KNOWN and v is not None)
    outputs = ("output_scores", "output_logits", "output_attentions", "output_hidden_states")
    asked = [name for name in outputs if getattr(config, name, None)]
    reason = ""
    if model.config.is_encoder_decoder:
        reason = "the model has an encoder"
    elif (config.num_beams or 1) > 1:
        reason = f"num_beams={config.num_beams}"
    elif config.guidance_scale not in (None, 1, 1.0):
        reason = f"guidance_scale={config.guidance_scale}"
    elif input_ids.shape[1] == 0 or "inputs_embeds" in unknown:
        reason = "the prompt is given as embeddings"
    elif unknown:
        reason = f"the model is given {', '.join(unknown)}"
    elif asked and config.return_dict_in_generate:
        reason = f"{', '.join(asked)} asked for"
    elif model_kwargs.get("past_key_values") is None:
        reason = "there is no cache (use_cache=False)"
    if reason:
        raise ValueError(f"jump-forward can't go with this: {reason}; leave custom_generate out")


def _check_cache(cache: Any, n_rows: int) -> None:
    """Raise ValueError if drafts can't be taken back from a cache."""
    from transformers import DynamicCache

    sliding = any(getattr(layer, "is_sliding", False) for layer in cache.layers)
    if not isinstance(cache, DynamicCache) or (sliding and n_rows > 1):
        raise ValueError(
            f"jump-forward needs a dynamic cache{' without sliding windows for a batch' if sliding else ''}, not "
            f"{type(cache).__name__}: drafts that aren't kept can't be taken back from it"
        )
