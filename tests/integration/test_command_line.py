"""From the shell to the model: an artefact made by one process constrains the model in another."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import gcd

GRAMMARS = Path(__file__).parents[2] / "grammars"
TEXTS = {
    "json": ('{"a": [1, 2.5e3, null]}', "{'a': 1}"),
    "arithmetic": ("(3 + 4) * 5", "3 + * 4"),
    "sql": ("SELECT a, count(*) FROM b GROUP BY a;", "SELECT FROM b WHERE"),
    "python": ("def f(x):\n    return x\n", "def f(x)\n"),
}


def gcd_command(*args, status=0):
    done = subprocess.run(
        [sys.executable, "-m", "gcd", *map(str, args)], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == status, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory, tokenizer_folder):
    """The shipped grammars, compiled for SmolLM2's tokenizer."""
    folder = tmp_path_factory.mktemp("artefacts")
    for name in TEXTS:
        out = folder / f"{name}.gcd"
        gcd_command("compile", GRAMMARS / f"{name}.lark", "-t", tokenizer_folder("smollm2"), "-o", out, "--fill", 300)
    return folder


@pytest.mark.parametrize("name", TEXTS)
def test_check(artefacts, name):
    good, bad = TEXTS[name]
    assert "accepted" in gcd_command("check", artefacts / f"{name}.gcd", good)
    assert "^" in gcd_command("check", artefacts / f"{name}.gcd", bad, status=1)


@pytest.mark.parametrize("name", TEXTS)
def test_inspect(artefacts, name):
    facts = json.loads(gcd_command("inspect", artefacts / f"{name}.gcd", "--verify", "--json"))
    assert facts["exactness"]["exact"]
    assert facts["vocabulary"]["width"] == 49152


def test_same_input_same_bytes(artefacts, tokenizer_folder, tmp_path):
    """But for how long things took, which no artefact holds."""
    again = tmp_path / "again.gcd"
    source = GRAMMARS / "arithmetic.lark"
    gcd_command("compile", source, "-t", tokenizer_folder("smollm2"), "-o", again, "--fill", 300)
    assert again.read_bytes() == (artefacts / "arithmetic.gcd").read_bytes()


def test_generate_from_an_artefact(artefacts, smollm2_vocab):
    """The same texts as with a grammar that was compiled in this process."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=smollm2_vocab.width,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        eos_token_id=2,
        pad_token_id=2,
    )
    model = LlamaForCausalLM(config).eval()
    loaded = gcd.load(artefacts / "arithmetic.gcd", smollm2_vocab)
    made = gcd.compile(gcd.Grammar.from_lark(GRAMMARS / "arithmetic.lark"), smollm2_vocab)
    outputs = []
    for compiled in (loaded, made):
        torch.manual_seed(1)
        outputs.append(
            model.generate(
                torch.tensor([[5, 6, 7]]),
                attention_mask=torch.ones(1, 3, dtype=torch.int64),
                logits_processor=[gcd.GrammarLogitsProcessor(compiled)],
                do_sample=True,
                max_new_tokens=16,
                num_return_sequences=3,
            ).tolist()
        )
    assert outputs[0] == outputs[1]
