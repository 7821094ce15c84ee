"""The host vLLM: a logits processor for the entry point group ``vllm.logits_processors``.

A request names a grammar in its sampling parameters, ``extra_args={"gcd": "settings"}``; `gcd.hosts.named` says where
it lies and what else can be said. Requests without that argument are free.

vLLM has two model runners, each with an interface of its own for processors, and either loads what it finds under the
same entry point. So one class here has both:

* V1: each step ``update_state(batch_update)``, then ``apply(logits)`` with a row for each request of the batch; rows
  move as requests come and go. A request's output is a list that grows.
* V2: ``add_request(slot, params)`` once, then ``apply(logits, context)`` with a row for each token that is sampled or
  verified; a request has several rows when tokens were drafted, and its own tokens are in a table of the device.

An error in a worker ends the engine, with all requests. So what is wrong with one request is logged, and that request
may only end. (What can be seen from its arguments alone is refused when it is admitted: `validate_params`.)
"""

from __future__ import annotations

import logging
from typing import Any

from gcd.errors import GcdError, MatcherError
from gcd.hosts.named import NamedGrammars, check_request
from gcd.prefix.line import Line
from gcd.prefix.masks import BatchMasks

try:
    from vllm.v1.sample.logits_processor.interface import LogitsProcessor as V1LogitsProcessor
    from vllm.v1.sample.logits_processor.interface import MoveDirectionality
except ImportError as error:
    raise ImportError("gcd.hosts.vllm needs vLLM: it is loaded by a vLLM that runs") from error
try:
    from vllm.v1.worker.gpu.sample.logits_processor.interface import LogitsProcessor as V2LogitsProcessor
except ImportError:  # a vLLM that has only the first runner
    V2LogitsProcessor = V1LogitsProcessor

__all__ = ["GrammarLogitsProcessor"]

_LOG = logging.getLogger("gcd.vllm")
_BASES = (V1LogitsProcessor,) if V2LogitsProcessor is V1LogitsProcessor else (V2LogitsProcessor, V1LogitsProcessor)


_PLACEHOLDERS = MatcherError(
    "vLLM's first model runner leaves placeholders for tokens that it has sampled: with asynchronous scheduling it "
    "fills them in only for processors that are named to it, not for those of an entry point",
    remedy='LLM(..., logits_processors=["gcd.hosts.vllm:GrammarLogitsProcessor"]), or async_scheduling=False',
)


class _Request:
    """A request's text as far as it was followed."""

    __slots__ = ("ends", "line", "n", "output")

    def __init__(self, line: Line | None, output: list[int] | None, ends: list[int]) -> None:
        self.line = line  # None: something went wrong, it may only end
        self.n = 0  # generated tokens that the line has seen
        self.output = output  # V1: the request's own list of them
        self.ends = ends  # ids that end it

    def follow(self, generated: list[int]) -> None:
        """Move over the tokens that follow the first `n`."""
        if self.line is not None:
            for token in generated:
                self.line.accept(token)
        self.n += len(generated)

    def fail(self, error: Exception) -> None:
        """From now on it may only end."""
        self.line = None
        _LOG.error("gcd: a request may only end: %s", error)


class GrammarLogitsProcessor(*_BASES):  # type: ignore[misc] # vLLM is not type-checked here
    """Holds requests to the grammars that they name; vLLM makes one in each worker."""

    @classmethod
    def validate_params(cls, sampling_params: Any) -> None:
        """Raise ValueError if a request's "gcd" argument isn't one; vLLM makes a bad request of that (HTTP 400)."""
        asked = (sampling_params.extra_args or {}).get("gcd")
        if asked is not None:
            check_request(asked)

    def __init__(self, vllm_config: Any, where: Any, is_pin_memory: bool | None = None) -> None:
        """As either runner calls it: (config, device, is_pin_memory), or (config, state of the requests)."""
        self._width: int = vllm_config.model_config.get_vocab_size()
        self._states: Any = where if is_pin_memory is None else None  # V2's
        self._grammars: NamedGrammars | None = None  # made by the first request that asks for one
        self._requests: dict[int, _Request] = {}  # by row of the batch (V1), by slot (V2)
        self._masks: BatchMasks | None = None

    def is_argmax_invariant(self) -> bool:
        """A mask changes what greedy decoding chooses."""
        return False

    # -- V1 ------------------------------------------------------------------------------------------------------------

    def update_state(self, batch_update: Any) -> None:
        """Follow the batch's changes, in vLLM's order: removed, added, moved."""
        if batch_update is None:
            return
        requests = self._requests
        for index in batch_update.removed:
            requests.pop(index, None)
        for index, params, _prompt, output in batch_update.added:
            self._add(index, params, output)
        for source, target, direction in batch_update.moved:
            moved, replaced = requests.pop(source, None), requests.pop(target, None)
            if moved is not None:
                requests[target] = moved
            if replaced is not None and direction == MoveDirectionality.SWAP:
                requests[source] = replaced

    # -- V2 ------------------------------------------------------------------------------------------------------------

    def add_request(self, req_idx: int, sampling_params: Any) -> bool:
        """Take a request into a slot; whether it names a grammar."""
        return self._add(req_idx, sampling_params, None)

    # -- both ----------------------------------------------------------------------------------------------------------

    def apply(self, logits: Any, ctx: Any = None) -> Any:
        """Mask the rows of requests that name a grammar, in place.

        Args:
            logits: float32 of shape ``(rows, columns)``.
            ctx: V2's layout of the batch; None from V1.
        """
        if not self._requests:
            return logits
        lines, requests = self._rows(len(logits)) if ctx is None else self._rows_of(ctx)
        if any(line is not None for line in lines):
            if self._masks is None:
                self._masks = BatchMasks(next(line for line in lines if line is not None).constraint.compiled.width)

            def fail(row: int, error: MatcherError) -> None:
                request = requests[row]
                assert request is not None
                request.fail(error)

            self._masks.apply(lines, logits, lambda row: [], fail)
        for row, request in enumerate(requests):
            if request is not None and request.line is None:
                logits[row] = -float("inf")
                logits[row, request.ends] = 0
        return logits

    def _add(self, index: int, params: Any, output: list[int] | None) -> bool:
        self._requests.pop(index, None)
        asked = (params.extra_args or {}).get("gcd")
        if asked is None:
            return False
        request = self._requests[index] = _Request(None, output, sorted(params.all_stop_token_ids) or [0])
        try:
            if self._grammars is None:
                self._grammars = NamedGrammars()
            constraint = self._grammars.constraint(asked)
            width = constraint.compiled.width
            if width > self._width or (self._masks is not None and self._masks.width != width):
                raise ValueError(
                    f"the grammar was compiled for {width} columns, the model has {self._width}: compile it for the "
                    "model's tokenizer"
                )
            request.line = constraint.line()
        except (GcdError, ValueError) as error:
            request.fail(error)
        return True

    def _rows(self, n_rows: int) -> tuple[list[Line | None], list[_Request | None]]:
        """V1: a row for each request of the batch."""
        requests: list[_Request | None] = [self._requests.get(row) for row in range(n_rows)]
        lines: list[Line | None] = []
        for request in requests:
            if request is not None and request.output is not None and request.line is not None:
                if len(request.output) < request.n:  # taken back, as after a failure to load a cache
                    request.line.back_to(len(request.output))
                    request.n = len(request.output)
                new = request.output[request.n :]
                if -1 in new:
                    request.fail(_PLACEHOLDERS)
                else:
                    request.follow(new)
            lines.append(None if request is None else request.line)
        return lines, requests

    def _rows_of(self, ctx: Any) -> tuple[list[Line | None], list[_Request | None]]:
        """V2: a row for each token to be sampled; those after a request's first follow its drafts."""
        states = self._states
        slots, offsets = ctx.expanded_idx_mapping.tolist(), ctx.expanded_local_pos.tolist()
        positions = fed = None
        lines: list[Line | None] = []
        requests: list[_Request | None] = []
        for row, slot in enumerate(slots):
            request = self._requests.get(slot)
            requests.append(request)
            if request is None:
                lines.append(None)
                continue
            if positions is None or fed is None:
                positions, fed = ctx.pos.tolist(), ctx.input_ids.tolist()
            if offsets[row] == 0:
                begin = int(states.prompt_len.np[slot])
                end = positions[row] + 1
                if end - begin < request.n:
                    request.n = max(0, end - begin)
                    if request.line is not None:
                        request.line.back_to(request.n)
                if end > begin + request.n:
                    request.follow(states.all_token_ids.gpu[slot, begin + request.n : end].tolist())
                lines.append(request.line)
            else:
                before = lines[row - 1]
                line = None if before is None else before.fork()
                if line is not None:
                    line.accept(fed[row])
                lines.append(line)
        return lines, requests
