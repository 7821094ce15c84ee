"""SMC on the real model: ``python -m bench.samplers.smc_run ENGINE MODEL SEEDS``; prints JSON.

Engines: gcd, gcd-predicate, gcd-long, genlm.

Ten particles, at most 40 tokens, ESS threshold .5, multinomial resampling; the text matches `` [a-z ,.]*``. What
genlm-control gets as its automaton gcd gets as a compiled grammar, or, to be like for like, as a predicate in Python
that is asked about drawn tokens only. ``gcd-long`` is the grammar with 60 tokens.
"""

import asyncio
import json
import re
import sys
import warnings
from time import perf_counter
from typing import Any

PATTERN = " [a-z ,.]*"
PROMPT = "The weather today is"
PARTICLES, TOKENS, LONG = 10, 40, 60


def gcd_runs(folder: str, seeds: list[int], as_predicate: bool, tokens: int) -> list[dict[str, Any]]:
    """With gcd."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    import gcd
    from gcd.sampling import predicate

    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    constraint: Any
    warnings.simplefilter("ignore", gcd.sampling.SamplingWarning)
    results = []
    for seed in seeds:
        model = gcd.HFModel(network, tokenizer)  # with nothing kept from the run before
        if as_predicate:
            matches = re.compile(PATTERN).fullmatch
            constraint = predicate(lambda t: not t or matches(t) is not None, lambda t: matches(t) is not None)  # noqa: B023
        else:
            constraint = gcd.compile(gcd.Grammar.from_regex(PATTERN), model.vocab)
        began = perf_counter()
        run = gcd.sample(
            model,
            constraint,
            PROMPT,
            PARTICLES,
            method="smc",
            max_tokens=tokens,
            ess_threshold=0.5,
            resampler="multinomial",
            seed=seed,
        )
        results.append(
            {
                "seconds": perf_counter() - began,
                "model_seconds": run.model_seconds,
                "model_calls": run.n_model_calls,
                "prefills": model.n_prefills,
                "checks": run.n_checks,
                "masks": run.n_masks,
                "log_ml": run.log_z,
            }
        )
    return results


def genlm_runs(folder: str, seeds: list[int]) -> list[dict[str, Any]]:
    """With genlm-control."""
    import torch
    from genlm.control import AWRS, BoolFSA, PromptedLLM

    inside = [0.0, 0]

    async def run(seed: int) -> float:
        torch.manual_seed(seed)
        llm = PromptedLLM.from_name(folder, backend="hf", hf_opts={"dtype": torch.float32})
        network = llm.model.model
        forward = network.forward

        def timed(*args: Any, **kwargs: Any) -> Any:
            began = perf_counter()
            try:
                return forward(*args, **kwargs)
            finally:
                inside[0] += perf_counter() - began
                inside[1] += 1

        network.forward = timed
        llm.set_prompt_from_str(PROMPT)
        condition = BoolFSA.from_regex(PATTERN).coerce(llm, f=b"".join)
        inside[:] = [0.0, 0]
        began[0] = perf_counter()
        found = await AWRS(llm, condition, seed=seed).smc(
            n_particles=PARTICLES, ess_threshold=0.5, max_tokens=TOKENS, verbosity=0
        )
        return float(found.log_ml)

    results = []
    began = [0.0]
    for seed in seeds:
        log_ml = asyncio.run(run(seed))
        results.append(
            {
                "seconds": perf_counter() - began[0],
                "model_seconds": inside[0],
                "model_calls": inside[1],
                "log_ml": log_ml,
            }
        )
    return results


def main(argv: list[str]) -> None:
    """Run the seeds."""
    name, folder, n = argv[0], argv[1], int(argv[2])
    seeds = list(range(n))
    if name == "genlm":
        found = genlm_runs(folder, seeds)
    else:
        found = gcd_runs(folder, seeds, name == "gcd-predicate", LONG if name == "gcd-long" else TOKENS)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
