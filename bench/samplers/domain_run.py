"""Domain tasks on the real model: ``python -m bench.samplers.domain_run ENGINE MODEL DATA FILE OPTIONS``.

A line of JSON is appended to FILE for each (engine, example, method, repeat) as soon as it is done; what FILE has isn't
done again. OPTIONS is JSON: ``examples`` a domain, ``repeats``, ``methods``, ``minutes`` after which nothing new is
begun. Examples are taken in turns, the first of each domain, then the second: whenever a run ends, domains have equally
many.

The methods, as in the AWRS paper: the bare model; masking, one text; sample and rerank, ten texts; twisted SMC, ten
particles drawn from the model and weighted by the condition on prefixes, resampled at an ESS below .9; AWRS-SMC, five
particles, .5. Quality is the mean score of the samples by weight; texts that aren't finished, or that don't satisfy the
condition, have none, and where no sample has weight it is 0.
"""

import asyncio
import gc
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.samplers.domains import DOMAINS, Example, examples

METHODS: dict[str, dict[str, Any]] = {
    "model": {"particles": 1},
    "local": {"particles": 1},
    "rerank": {"particles": 10, "ess_threshold": 0.0},
    "twisted SMC": {"particles": 10, "ess_threshold": 0.9},
    "AWRS-SMC": {"particles": 5, "ess_threshold": 0.5},
}
SHOWN = 3
"""Texts in a row of the record."""

Runner = Callable[[Example, str, int], dict[str, Any]]


def ends_of(tokens: Any) -> list[int]:
    """The tokens that begin with a line break."""
    return [i for i, token in enumerate(tokens) if token and token.startswith(b"\n")]


def ending_at_lines(vocab: Any) -> Any:
    """The vocabulary with these as ends.

    A special token that the model never writes takes the place of the single line break: a vocabulary that can write
    every byte is what grammars are compiled for fastest, and some (SQL) only so within the limits.
    """
    import gcd

    tokens = list(vocab.tokens)
    ends = sorted({*vocab.eos_ids, *ends_of(tokens)})
    spare = max(i for i, token in enumerate(tokens) if token is None and i not in vocab.eos_ids)
    for i in ends:
        tokens[i] = None
    tokens[spare] = b"\n"
    return gcd.Vocabulary.from_bytes(tokens, eos_ids=ends)


def outcome(example: Example, weighted: list[tuple[str, float]]) -> dict[str, Any]:
    """Quality and texts of finished samples and their weights, which add up to at most 1."""
    law: dict[str, float] = {}
    for text, weight in weighted:
        if weight > 0:
            law[text] = law.get(text, 0.0) + weight
    likeliest = sorted(law.items(), key=lambda item: -item[1])
    return {
        "quality": sum(w * example.score(t) for t, w in law.items()),
        "valid": sum(w for t, w in law.items() if example.complete(t)),
        "texts": [[t[:160], round(w, 4)] for t, w in likeliest[:SHOWN]],
    }


def gcd_runner(folder: str) -> Runner:
    """With gcd."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    import gcd

    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    plain = gcd.HFModel(network, tokenizer).vocab
    vocab = ending_at_lines(plain)
    warnings.simplefilter("ignore", gcd.sampling.SamplingWarning)
    grammars: dict[str, Any] = {}

    def constraint(example: Example) -> Any:
        parts = []
        if example.grammar is not None:
            if example.grammar_key not in grammars:
                grammars[example.grammar_key] = gcd.compile(example.grammar(), vocab)
            parts.append(grammars[example.grammar_key])
        if example.condition is not None:
            parts.append(example.condition())
        return parts

    def run(example: Example, method: str, seed: int) -> dict[str, Any]:
        options = METHODS[method]
        began = perf_counter()
        wanted = None if method == "model" else constraint(example)
        compiling = perf_counter() - began
        model = gcd.HFModel(network, tokenizer, vocab=vocab)  # with nothing kept from the run before
        n = options["particles"]
        more: dict[str, Any] = {"method": "local"}
        if "ess_threshold" in options:
            proposal = "awrs" if method == "AWRS-SMC" else "model"
            more = {"method": "smc", "ess_threshold": options["ess_threshold"], "proposal": proposal}
            more["resampler"] = "multinomial"  # as genlm-control's
        began = perf_counter()
        found = gcd.sample(model, wanted, example.prompt, n, max_tokens=example.max_tokens, seed=seed, **more)
        seconds = perf_counter() - began
        return {
            **outcome(example, [(s.text, w) for s, w in zip(found, found.weights, strict=True) if s.finished]),
            "seconds": seconds,
            "compile_seconds": compiling,
            "model_seconds": found.model_seconds,
            "forwards": found.n_model_calls,
            "tokens": sum(s.n_model_calls for s in found),
            "checks": found.n_checks,
            "masks": found.n_masks,
            "ess": found.ess,
            "log_ml": found.log_z if found.log_z is not None and found.log_z > float("-inf") else None,
        }

    return run


def genlm_runner(folder: str) -> Runner:
    """With genlm-control: the same predicates in Python; JSON Schemas in its own way."""
    import codecs

    import numpy as np
    import torch
    from genlm.control import AWRS, SMC, JsonSchema, Potential, PromptedLLM, direct_token_sampler

    llm = PromptedLLM.from_name(folder, backend="hf", hf_opts={"dtype": torch.float32})
    tokens = [bytes(token) for token in llm.token_maps.decode] if hasattr(llm, "token_maps") else None
    if tokens is None:
        tokens = [token.byte_string for token in llm.model.byte_vocab]
    ends = [tokens[i] for i in ends_of(tokens)]
    eos = [bytes(t) for t in llm.eos_byte_strings]
    llm = llm.spawn_new_eos(eos_byte_strings=[*eos, *(t for t in dict.fromkeys(ends) if t not in eos)])
    network = llm.model.model
    forward = network.forward
    inside = [0.0, 0]

    def timed(*args: Any, **kwargs: Any) -> Any:
        began = perf_counter()
        try:
            return forward(*args, **kwargs)
        finally:
            inside[0] += perf_counter() - began
            inside[1] += 1

    network.forward = timed

    class Condition(Potential):  # type: ignore[misc] # untyped
        """A predicate, asked about tokens' text; its answers are remembered, as gcd remembers them."""

        def __init__(self, predicate: Any) -> None:
            super().__init__(llm.vocab)
            self.predicate = predicate
            self.checks = 0

        def ask(self, context: Any, whole: bool) -> float:
            self.checks += 1
            decoder = codecs.getincrementaldecoder("utf-8")()
            try:
                text = decoder.decode(b"".join(bytes(t) for t in context), whole)
            except UnicodeDecodeError:
                return -np.inf
            return 0.0 if self.predicate.ask([text], whole=whole)[0] else -np.inf

        async def prefix(self, context: Any) -> float:
            return self.ask(context, False)

        async def complete(self, context: Any) -> float:
            return self.ask(context, True)

    def run(example: Example, method: str, seed: int) -> dict[str, Any]:
        options = METHODS[method]
        torch.manual_seed(seed)
        np.random.seed(seed)
        llm.model.clear_cache()
        llm.prompt_ids = llm.model.tokenizer.encode(example.prompt)
        checks = None
        began = perf_counter()
        if example.condition is not None:
            condition = checks = Condition(example.condition())
        else:
            condition = JsonSchema(example.schema).coerce(llm, f=b"".join)
        compiling = perf_counter() - began
        inside[:] = [0.0, 0]
        counted = {"n_particles": options["particles"], "max_tokens": example.max_tokens, "verbosity": 0}

        async def sequences() -> Any:
            if method == "AWRS-SMC":
                sampler = AWRS(llm, condition, seed=seed)
                return await sampler.smc(ess_threshold=options["ess_threshold"], **counted)
            sampler = SMC(direct_token_sampler(llm), critic=condition)
            return await sampler(ess_threshold=options["ess_threshold"], **counted)

        began = perf_counter()
        llm.model.cache_kv(llm.prompt_ids)  # else it evaluates the prompt anew at each step
        found = asyncio.run(sequences())
        seconds = perf_counter() - began
        weights = np.exp(np.nan_to_num(found.log_normalized_weights, nan=-np.inf))
        weighted, n_tokens = [], 0
        for context, weight in zip(found.contexts, weights, strict=True):
            n_tokens += len(context)
            parts = [bytes(t) for t in context if isinstance(t, bytes) or hasattr(t, "byte_string")]
            weighted.append((b"".join(parts).decode("utf-8", "replace"), float(weight)))
        return {
            **outcome(example, weighted),
            "seconds": seconds,
            "compile_seconds": compiling,
            "model_seconds": inside[0],
            "forwards": inside[1],
            "tokens": n_tokens,
            "checks": checks.checks if checks is not None else None,
            "masks": 0,
            "ess": float(found.ess),
            "log_ml": float(found.log_ml) if np.isfinite(found.log_ml) else None,
        }

    return run


RUNNERS = {"gcd": gcd_runner, "genlm": genlm_runner}


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    """What a row is of."""
    return row["engine"], row["domain"], row["example"], row["method"], row["repeat"]


def read(path: Path) -> list[dict[str, Any]]:
    """The rows that are done; a last line that was cut off isn't."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


@cache
def tasks(domain: str, n: int, data: Path) -> list[Example] | str:
    """The examples; or why there are none."""
    try:
        return examples(domain, n, data)
    except (ImportError, OSError) as error:
        return f"{type(error).__name__}: {error}"


def work(options: dict[str, Any], data: Path) -> Iterator[tuple[Example, str, int]]:
    """All that is to be done, in order."""
    for i in range(options["examples"]):
        for domain in options.get("domains", DOMAINS):
            found = tasks(domain, options["examples"], data)
            if isinstance(found, str) or i >= len(found):
                continue
            for repeat in range(options["repeats"]):
                for method in options["methods"]:
                    yield found[i], method, repeat


def main(argv: list[str]) -> None:
    """Do what isn't done yet."""
    engine, folder, data, path = argv[0], argv[1], Path(argv[2]), Path(argv[3])
    options = json.loads(argv[4])
    parent = os.getppid()
    ends = perf_counter() + 60 * options["minutes"]
    done = {key(row) for row in read(path)}
    runner: Runner | None = None
    with path.open("a", encoding="utf-8") as out:
        if out.tell() and not path.read_bytes().endswith(b"\n"):
            out.write("\n")  # the run before was cut off in the middle of a line
        for example, method, repeat in work(options, data):
            row: dict[str, Any] = {"engine": engine, "domain": example.domain, "example": example.name}
            row |= {"method": method, "repeat": repeat}
            if key(row) in done or perf_counter() > ends:
                continue
            if os.getppid() != parent:
                return  # who started this is gone, and may begin again
            runner = runner or RUNNERS[engine](folder)
            began = perf_counter()
            try:
                row |= runner(example, method, repeat)
            except Exception as error:  # whatever it is, it is in the record, and the rest goes on
                text = f"{type(error).__name__}: {error}"
                row |= {"quality": 0.0, "valid": 0.0, "seconds": perf_counter() - began, "error": text[:300]}
            out.write(json.dumps(row) + "\n")
            out.flush()
            gc.collect()
    missing = {
        d: why for d in options.get("domains", DOMAINS) if isinstance(why := tasks(d, options["examples"], data), str)
    }
    print(json.dumps({"missing_domains": missing}))


if __name__ == "__main__":
    main(sys.argv[1:])
