"""Local decoding of JSON with the real model: ``python -m bench.samplers.local_masks gcd MODEL SAMPLES``; prints JSON.

Draw first, and always masking: the masks that each builds, and the time outside of the model.
"""

import json
import sys
import warnings

PROMPT = "A user of our web shop, as a JSON object with the fields name, age and city:\n"
TOKENS = 40


def main(argv: list[str]) -> None:
    """Both ways, with the same seeds."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    import gcd
    from bench.engines import ROOT

    folder, n = argv[1], int(argv[2])
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    model = gcd.HFModel(network, AutoTokenizer.from_pretrained(folder))
    compiled = gcd.compile(gcd.Grammar.from_lark(ROOT / "grammars" / "json.lark"), model.vocab)
    compiled.fill_tables()
    warnings.simplefilter("ignore", gcd.sampling.SamplingWarning)
    found = {}
    for name, always in (("draw first", False), ("always mask", True)):
        run = gcd.sample(model, compiled, PROMPT, n, method="local", max_tokens=TOKENS, always_mask=always)
        found[name] = {
            "steps": run.extra["n_steps"],
            "masks": run.n_masks,
            "outside_us_a_step": 1e6 * (run.seconds - run.model_seconds) / run.extra["n_steps"],
            "removed_mass": run.extra["removed_mass"],
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
