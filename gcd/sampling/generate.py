"""The hook into ``model.generate``: any method of `gcd.sample` as a ``custom_generate``.

::

    hook = gcd.sampling.custom_generate(compiled, tokenizer, method="awrs")
    model.generate(**inputs, custom_generate=hook, do_sample=True, num_return_sequences=8)

transformers hands over the ids, its own processors and warpers, and the generation's configuration. Warpers that stand
in the configuration (temperature, top-k, top-p) arrive as processors, and so become part of the law. What can't be
part of it (greedy search, beams, stopping criteria besides length and end) is refused, not ignored.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from gcd.errors import SamplingError
from gcd.sampling.api import SamplingWarning, sample
from gcd.sampling.sample import Samples

__all__ = ["custom_generate"]

_CRITERIA = {"EosTokenCriteria", "MaxLengthCriteria"}
"""Stopping criteria that say what the run does anyway."""


def custom_generate(
    constraint: Any,
    tokenizer: Any,
    *,
    method: str = "local",
    vocab: Any = None,
    on_samples: Callable[[Samples], None] | None = None,
    **options: Any,
) -> Callable[..., Any]:
    """A function for ``generate(custom_generate=...)``.

    It returns what `generate` does: int64 of shape ``(prompts * num_return_sequences, length)`` on the prompts' device,
    prompt and generated ids, padded on the right. ``max_new_tokens`` is the budget. Samples with weights come with them
    by `on_samples`, prompt by prompt; the ids alone don't follow the law.

    Args:
        constraint: as for `gcd.sample`.
        tokenizer: the model's.
        method: as for `gcd.sample`.
        vocab: the vocabulary, if it isn't to be read from the tokenizer.
        on_samples: called with each prompt's samples.
        options: as for `gcd.sample`.

    The function raises SamplingError where `generate` was asked for something else than sampling. Rows that are no
    sentences of the constraint (particles that died, texts that were cut off) are among those it returns, with a
    `SamplingWarning` that says how many.
    """

    def generate(
        model: Any,
        input_ids: Any,
        logits_processor: Any = (),
        stopping_criteria: Any = None,
        generation_config: Any = None,
        **model_kwargs: Any,
    ) -> Any:
        import torch

        from gcd.sampling.hf_model import HFModel

        _check_host(stopping_criteria, generation_config)
        law = HFModel(model, tokenizer, vocab=vocab, processors=list(logits_processor or ()))
        n = getattr(generation_config, "num_return_sequences", None) or 1
        n_rows, length = input_ids.shape
        budget = (getattr(generation_config, "max_length", None) or length + 128) - length
        if n_rows % n or budget < 1:
            raise SamplingError(f"{n_rows} rows for {n} sequences of each prompt, {budget} tokens to generate")
        mask = model_kwargs.get("attention_mask")
        kept = torch.ones_like(input_ids, dtype=torch.bool) if mask is None else mask.bool()
        made: list[list[int]] = []
        for first in range(0, n_rows, n):  # transformers has repeated each prompt n times
            prompt = input_ids[first][kept[first]].tolist()
            found = sample(law, constraint, prompt, n, method=method, max_tokens=budget, **options)
            if on_samples is not None:
                on_samples(found)
            made += [list(s.ids) for s in found]
            unfinished = sum(not s.finished for s in found)
            if unfinished:
                text = f"{unfinished} of {n} rows are no sentences of the constraint; on_samples says which"
                warnings.warn(text, SamplingWarning, stacklevel=2)
        pad = getattr(generation_config, "pad_token_id", None)
        pad = law.vocab.eos_ids[0] if pad is None else int(pad)
        longest = max(map(len, made))
        padded = [ids + [pad] * (longest - len(ids)) for ids in made]
        return torch.cat([input_ids, torch.tensor(padded, dtype=torch.long, device=input_ids.device)], dim=1)

    return generate


def _check_host(stopping_criteria: Any, generation_config: Any) -> None:
    """Raise if `generate` was asked for what no method does."""
    if getattr(generation_config, "do_sample", None) is False:
        raise SamplingError("generate() doesn't sample: there is no law to keep", remedy="do_sample=True")
    if (getattr(generation_config, "num_beams", None) or 1) > 1:
        raise SamplingError("generate() searches with beams: there is no law to keep", remedy="num_beams=1")
    foreign = [type(c).__name__ for c in stopping_criteria or () if type(c).__name__ not in _CRITERIA]
    if foreign:
        raise SamplingError(
            f"{', '.join(foreign)} would stop texts where the constraint doesn't",
            remedy="put what ends a text into the constraint, or into the vocabulary's eos_ids",
        )
