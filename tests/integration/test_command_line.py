"""From the shell to the model: an artefact made by one process constrains the model in another."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from transformers import LlamaConfig, LlamaForCausalLM

import gcd
from gcd.cli import main

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


def test_compile_for_a_tokenizer_file(tokenizer_folder, tmp_path):
    """A package's file as it is: a SentencePiece model, a tekken.json."""
    for name, file, width in (("mistral-v1", "tokenizer.model", 32000), ("tekken", "tekken.json", 131072)):
        out = tmp_path / f"{name}.gcd"
        tokenizer = tokenizer_folder(name) / "original" / file
        facts = json.loads(gcd_command("compile", GRAMMARS / "arithmetic.lark", "-t", tokenizer, "-o", out, "--json"))
        assert (facts["vocabulary"]["width"], facts["vocabulary"]["eos"]) == (width, ["</s>"])
        assert "accepted" in gcd_command("check", out, "(3 + 4) * 5")


# -- gcd generate -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory, tokenizer_folder, smollm2_vocab):
    """A folder with a tiny random model on SmolLM2's tokenizer."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    shutil.copytree(tokenizer_folder("smollm2"), folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=smollm2_vocab.width,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def generate(*args, **options):
    torch.set_num_threads(1)
    return CliRunner().invoke(main, ["generate", *map(str, args)], **options)


@pytest.fixture
def colours(tmp_path):
    path = tmp_path / "colours.txt"
    path.write_text("red\ndark green\nblå\n")
    return path


def test_generate_shows_a_single_text(model, colours, smollm2_vocab):
    done = generate(model, colours, "-p", "A colour:")
    assert done.exit_code == 0, done.output
    assert done.stdout.rstrip("\n") in ("red", "dark green", "blå")


def test_generate_json_lines(model, colours, tmp_path):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt": "one"}\n"two and more"\n{"prompt": "three"}\n')
    arguments = [model, colours, "--prompts", prompts, "--json", "-n", "2", "--temperature", "2", "--seed", "3"]
    done = generate(*arguments, "--batch-size", "2")
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["prompt"] for line in lines] == [p for p in ("one", "two and more", "three") for _ in range(2)]
    assert all(line["complete"] and line["text"] in ("red", "dark green", "blå") for line in lines)
    assert len({line["text"] for line in lines}) > 1
    again = [json.loads(line)["text"] for line in generate(*arguments, "--batch-size", "2").stdout.splitlines()]
    assert again == [line["text"] for line in lines]


def test_generate_says_what_was_cut_off(model, artefacts):
    """Bounded output: the exit status and a line say so, and the text begins a sentence."""
    done = generate(model, artefacts / "sql.gcd", "-p", "Query:", "-p", "Another:", "--max-new-tokens", "4")
    assert done.exit_code == 1
    assert "of 2 texts were cut off" in done.stderr
    done = generate(model, artefacts / "sql.gcd", "-p", "Query:", "--max-new-tokens", "3", "--json")
    (line,) = map(json.loads, done.stdout.splitlines())
    assert (done.exit_code, line["complete"], line["tokens"]) == (1, False, 3)
    compiled = gcd.load(artefacts / "sql.gcd")
    assert compiled.matcher().accept_bytes(line["text"].encode())


def test_generate_finishes(model, artefacts):
    """The same without a cut: the budget is kept, and the text is a statement."""
    arguments = [model, artefacts / "sql.gcd", "-p", "Query:", "--finish", "--json"]
    done = generate(*arguments, "--max-new-tokens", "12")
    (line,) = map(json.loads, done.stdout.splitlines())
    assert (done.exit_code, line["complete"]) == (0, True)
    assert line["tokens"] < 12
    assert gcd.load(artefacts / "sql.gcd").matcher().accept_bytes(line["text"].encode())
    done = generate(*arguments, "--max-new-tokens", "1")
    error = json.loads(done.stdout)["error"]
    assert (done.exit_code, error["type"]) == (1, "TokenBudgetError")
    assert "suffices" in error["remedy"]
    assert generate(*arguments, "--stop-at", ";").exit_code == 2


def test_generate_for_another_tokenizer(model, tokenizer_folder, colours, tmp_path):
    out = tmp_path / "colours.gcd"
    gcd_command("compile", colours, "-t", tokenizer_folder("gpt2"), "-o", out)
    done = generate(model, out, "-p", "x")
    assert done.exit_code == 6
    assert "compiled for another vocabulary" in done.stderr


def test_generate_refuses(model, colours):
    for arguments, word in (
        (["no/such/model", colours, "-p", "x"], "can't load"),
        ([model, colours, "-p", ""], "empty prompt"),
        ([model, colours, "-p", "x", "--start", "nowhere"], "Lark"),
        ([model, GRAMMARS / "json.lark", "-p", "x", "--start", "nowhere"], "nowhere"),
    ):
        done = generate(*arguments)
        assert done.exit_code in (2, 3), done.output
        assert word in done.stderr, done.stderr
        assert "Traceback" not in done.output


def test_generate_heals(model, tmp_path):
    """What is shown is the sentence: not the part of the prompt that was made anew."""
    (tmp_path / "url.regex").write_text("//[a-z]{1,3}")
    arguments = [model, tmp_path / "url.regex", "-p", "The site is http:", "--heal", "--temperature", "1"]
    for seed in range(4):
        done = generate(*arguments, "--seed", seed)
        assert done.exit_code == 0, done.output
        assert re.fullmatch("//[a-z]{1,3}\n", done.stdout)
        (line,) = map(json.loads, generate(*arguments, "--seed", seed, "--json").stdout.splitlines())
        assert (line["text"], line["complete"]) == (done.stdout.rstrip("\n"), True)
    assert generate(*arguments, "--chat").exit_code == 2


def test_generate_with_markers(model, colours):
    done = generate(model, colours, "-p", "x", "--stop-at", "!", "--max-new-tokens", "20", "--json")
    (line,) = map(json.loads, done.stdout.splitlines())
    assert line["text"].startswith(("red!", "dark green!", "blå!"))
    assert (done.exit_code, line["complete"]) == (0, True)


@pytest.mark.model
def test_generate_with_the_real_model(smollm2_folder, tmp_path):
    """A chat about a grammar with one right answer."""
    (tmp_path / "g.lark").write_text('start: " "? CITY "."\nCITY: "Paris" | "Rome" | "Berlin"\n')
    arguments = ["--chat", "--system", "Answer with a city.", "-p", "What is the capital of France?"]
    done = generate(smollm2_folder, tmp_path / "g.lark", *arguments)
    assert (done.exit_code, done.stdout.strip()) == (0, "Paris.")
