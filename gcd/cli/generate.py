"""``gcd generate``."""

from __future__ import annotations

import codecs
import errno
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gcd.cli.grammar_file import compiled_for, file_of
from gcd.cli.show import progress_bar
from gcd.errors import GcdError
from gcd.healing import heal
from gcd.vocab import Vocabulary
from gcd.vocab.cache import cache_folder

if TYPE_CHECKING:
    from gcd.compiled_grammar import CompiledGrammar

__all__ = ["run"]


@dataclass(frozen=True)
class Output:
    """One generated text."""

    prompt: str
    text: str
    complete: bool
    """Whether it is a sentence of the grammar; else it begins one, and was cut off."""
    tokens: int
    """Generated ones, without the end of sequence."""


@dataclass(frozen=True)
class Model:
    """A language model with its tokenizer."""

    model: Any
    tokenizer: Any
    vocab: Vocabulary

    @classmethod
    def load(cls, name: str, dtype: str, device: str | None) -> Model:
        """From a folder, a name in ``$GCD_CACHE/models``, or a name that transformers knows.

        Raises:
            click.BadParameter: it can't be loaded.
        """
        try:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer
            from transformers.utils import logging
        except ImportError as error:
            raise GcdError(
                f"generating needs torch and transformers ({error})", remedy="pip install 'gcd-decoding[hf]'"
            ) from error
        logging.set_verbosity_error()
        if not sys.stderr.isatty():
            logging.disable_progress_bar()
        cached = cache_folder() / "models" / name
        source = str(cached) if not Path(name).exists() and cached.is_dir() else name
        try:
            tokenizer = AutoTokenizer.from_pretrained(source, padding_side="left")
            kind = dtype if dtype == "auto" else getattr(torch, dtype)
            model = AutoModelForCausalLM.from_pretrained(source, dtype=kind)
            model = model.to(device or ("cuda" if torch.cuda.is_available() else "cpu")).eval()
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            first = str(error).strip().partition("\n")[0]
            raise click.BadParameter(f"transformers can't load {name!r}: {first}", param_hint="MODEL") from error
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        width = model.get_output_embeddings().weight.shape[0]
        if Path(source).is_dir():
            return cls(model, tokenizer, Vocabulary.from_pretrained(source, width))
        ends = model.generation_config.eos_token_id  # what a folder's generation_config.json would say
        ends = [ends] if isinstance(ends, int) else ends
        return cls(model, tokenizer, Vocabulary.from_pretrained(tokenizer, width, eos_ids=ends))


@dataclass(frozen=True)
class Request:
    """What to do with prompts."""

    loaded: Model
    compiled: CompiledGrammar
    start: str | None
    chat: bool
    system: str | None
    heal: bool
    start_after: str | None
    stop_at: str | None
    finish: bool
    options: dict[str, Any]
    """For ``model.generate``."""

    def run(self, prompts: Sequence[str], stream: bool) -> list[Output]:
        """The outputs for a batch of prompts, `num_return_sequences` for each."""
        import torch

        from gcd.processor import GrammarLogitsProcessor

        model, tokenizer = self.loaded.model, self.loaded.tokenizer
        shown = [_as_chat(tokenizer, text, self.system) if self.chat else text for text in prompts]
        ids = tokenizer(shown, add_special_tokens=not self.chat)["input_ids"]
        if not all(ids):
            raise click.BadParameter("an empty prompt has no token to start from", param_hint="--prompt")
        if self.heal:
            healed = [heal(self.compiled, row, self.start) for row in ids]
            ids, prefixes = [prompt.ids for prompt in healed], [prompt.prefix for prompt in healed]
            processor = GrammarLogitsProcessor(healed)
        else:
            prefixes = [b""] * len(prompts)
            processor = GrammarLogitsProcessor(
                self.compiled,
                self.start,
                start_after=self.start_after,
                stop_at=self.stop_at,
                max_tokens=self.options["max_new_tokens"] if self.finish else None,
            )
        inputs = tokenizer.pad({"input_ids": ids}, padding=True, return_tensors="pt").to(model.device)
        with torch.inference_mode():
            rows = model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                logits_processor=[processor],
                pad_token_id=tokenizer.pad_token_id,
                eos_token_id=list(self.compiled.eos_ids),
                streamer=_Stream(self.compiled, len(prefixes[0])) if stream else None,
                **self.options,
            )
        n = self.options["num_return_sequences"]
        outputs = []
        for i, outcome in enumerate(processor.outcomes(rows)):
            text = self._text(outcome.ids)[len(prefixes[i // n]) :].decode("utf-8", "replace")
            outputs.append(Output(prompts[i // n], text, bool(outcome.complete), len(outcome.ids)))
        return outputs

    def _text(self, ids: Sequence[int]) -> bytes:
        vocab = self.loaded.vocab
        return b"".join(vocab.token_bytes(t) or b"" for t in ids)


def run(
    *,
    model: str,
    grammar: str,
    prompt: tuple[str, ...],
    prompts: str | None,
    chat: bool,
    system: str | None,
    healing: bool,
    start_after: str | None,
    stop_at: str | None,
    max_new_tokens: int,
    finish: bool,
    n: int,
    temperature: float | None,
    top_k: int | None,
    top_p: float | None,
    seed: int | None,
    batch_size: int,
    start: str | None,
    dtype: str,
    device: str | None,
    as_json: bool,
    lenient: tuple[str, ...],
) -> int:
    """Generate, print, and return the exit status: 1 if a text was cut off."""
    texts = [*prompt, *(_read_prompts(prompts) if prompts else ())]
    if not texts:
        raise click.UsageError("nothing to go on from: give a --prompt, or a file with --prompts")
    if temperature is None and (n > 1 or top_k or top_p):
        raise click.UsageError("without --temperature the likeliest text is made, and only one: -n, --top-k, --top-p")
    if healing and (chat or start_after or stop_at):
        raise click.UsageError("--heal doesn't go with --chat, --start-after, --stop-at: there, no seam is healed")
    if finish and (healing or start_after or stop_at):
        raise click.UsageError(
            "--finish counts from the grammar's first token to the end: not with --heal, --start-after, --stop-at"
        )
    with Path(file_of(grammar)).open("rb"):  # before the model is loaded, which takes a while
        pass
    loaded = Model.load(model, dtype, device)
    compiled = compiled_for(grammar, loaded.vocab, start, lenient)
    if start is not None and start not in compiled.info.starts:
        raise click.BadParameter(f"this grammar has {', '.join(compiled.info.starts)}", param_hint="--start")
    from transformers import set_seed

    if seed is not None:
        set_seed(seed)
    options: dict[str, Any] = {
        "max_new_tokens": max_new_tokens,
        "num_return_sequences": n,
        "do_sample": temperature is not None,
    }
    sampling = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    options |= {name: value for name, value in sampling.items() if value is not None}
    request = Request(loaded, compiled, start, chat, system, healing, start_after, stop_at, finish, options)
    stream = len(texts) == 1 and n == 1 and not as_json
    n_cut = 0
    with progress_bar("prompts", None if stream else len(texts)) as advance:
        for at in range(0, len(texts), batch_size):
            batch = texts[at : at + batch_size]
            began = time.perf_counter()
            outputs = request.run(batch, stream)
            seconds = time.perf_counter() - began
            for output in outputs:
                n_cut += not output.complete
                _print(output, as_json, stream, many=len(texts) * n > 1, seconds=seconds / len(outputs))
            advance(len(batch))
    if n_cut and not as_json:
        which = "the text was" if n_cut == len(texts) * n == 1 else f"{n_cut} of {len(texts) * n} texts were"
        click.echo(f"{which} cut off inside of a sentence; try a larger --max-new-tokens", err=True)
    return 1 if n_cut else 0


def _print(output: Output, as_json: bool, streamed: bool, many: bool, seconds: float) -> None:
    if as_json:
        facts = {"prompt": output.prompt, "text": output.text, "complete": output.complete, "tokens": output.tokens}
        click.echo(json.dumps({**facts, "seconds": round(seconds, 3)}, ensure_ascii=False))
    elif streamed:
        click.echo("")  # the text itself has been shown
    else:
        head = click.style(f"{output.prompt!r}:", dim=True) + " " if many else ""
        click.echo(head + output.text)


class _Stream:
    """Shows text while it is made: what transformers calls a streamer."""

    def __init__(self, compiled: CompiledGrammar, skip: int) -> None:
        """`skip`: bytes at the beginning that are the prompt's."""
        self._matcher = compiled.matcher()  # for its tokens' bytes only
        self._skip = skip
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._is_prompt = True

    def put(self, ids: Any) -> None:
        """The next tokens; the first call shows the prompt."""
        if self._is_prompt:
            self._is_prompt = False
            return
        data = b"".join(self._matcher.token_bytes(t) for t in ids.flatten().tolist())
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        data = data[skipped:]
        click.echo(self._decoder.decode(data), nl=False)
        sys.stdout.flush()

    def end(self) -> None:
        """No more tokens."""
        click.echo(self._decoder.decode(b"", final=True), nl=False)


def _as_chat(tokenizer: Any, text: str, system: str | None) -> str:
    """The prompt as a user's message, by the model's own template."""
    messages = [{"role": "system", "content": system}] if system is not None else []
    messages.append({"role": "user", "content": text})
    try:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    except (ValueError, ImportError) as error:
        first = str(error).strip().partition("\n")[0]
        raise click.BadParameter(f"no chat template: {first}", param_hint="--chat") from error


def _read_prompts(path: str) -> Iterator[str]:
    """Prompts from a file: one on each line, or of JSON lines the field "prompt".

    Raises:
        click.BadParameter: a line of a .jsonl file without a prompt.
        OSError: the file can't be read, or isn't UTF-8.
    """
    data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise OSError(errno.EILSEQ, f"not UTF-8: {error.reason} at byte {error.start}", path) from error
    for number, line in enumerate(text.splitlines(), 1):
        if not path.endswith(".jsonl"):
            if line:
                yield line
            continue
        try:
            value = json.loads(line)
            value = value["prompt"] if isinstance(value, dict) else value
        except (ValueError, KeyError):
            value = None
        if not isinstance(value, str):
            hint = '{"prompt": "..."} or "..." on each line'
            raise click.BadParameter(f"{path}, line {number}: not {hint}", param_hint="--prompts")
        yield value
