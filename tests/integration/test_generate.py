"""transformers' generate() and pipeline() under a grammar: a tiny random model on real tokenizers, and a real model.

A random model says anything that it may, so its outputs visit far more of a grammar than a trained model's. Judge is
Lark: whatever ended with an end-of-sequence token must parse, and what was cut off must be the beginning of a sentence
(by a fresh matcher; Lark can't judge that).
"""

import json
from functools import cache
from pathlib import Path

import lark
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, LogitsProcessor, pipeline

import gcd

GRAMMARS = Path(__file__).parents[2] / "grammars"
torch.set_num_threads(1)  # tests run in parallel; threads that wait for each other do so by spinning

PROMPTS = ["Write something:", "A much longer prompt, of many more tokens than the first one has.", "x"]


class Hurry(LogitsProcessor):
    """Raises the scores of end-of-sequence tokens, so that random texts end now and then."""

    def __init__(self, eos_ids, by=6.0):
        self.eos_ids, self.by = list(eos_ids), by

    def __call__(self, input_ids, scores):
        scores[:, self.eos_ids] += self.by
        return scores


class World:
    """A tokenizer, a model for it and a vocabulary."""

    def __init__(self, folder, model=None):
        self.tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self.vocab = gcd.Vocabulary.from_pretrained(folder)
        self.model = model or tiny(self.vocab)
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token_id = self.vocab.eos_ids[0]
        self.model.generation_config.eos_token_id = list(self.vocab.eos_ids)
        self.model.generation_config.pad_token_id = self.tokenizer.pad_token_id

    @cache  # noqa: B019 - lives as long as the tests of this module
    def compiled(self, grammar):
        return gcd.compile(gcd.Grammar.from_lark(GRAMMARS / f"{grammar}.lark"), self.vocab)

    def generate(self, prompts, processors, seed=0, **options):
        """The generated ids, one list for each sequence."""
        inputs = self.tokenizer(prompts, return_tensors="pt", padding=True)
        inputs.pop("token_type_ids", None)
        torch.manual_seed(seed)
        out = self.model.generate(**inputs, logits_processor=processors, **options)
        return out[:, inputs["input_ids"].shape[1] :].tolist()

    def cut(self, ids):
        """The text's tokens, and whether they were followed by an end of sequence."""
        for i, token in enumerate(ids):
            if token in self.vocab.eos_ids:
                return ids[:i], True
        return ids, False

    def text(self, ids):
        return b"".join(self.vocab.token_bytes(t) for t in ids).decode()


def tiny(vocab):
    """A LlamaForCausalLM with two layers and random weights."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocab.width,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=2048,
    )
    model = LlamaForCausalLM(config).eval()
    model.lm_head.weight.data.normal_(0, 0.5)  # scores that differ enough for greedy search to be of one mind
    return model


@cache
def oracle(grammar):
    text = (GRAMMARS / f"{grammar}.lark").read_text()
    return lark.Lark(text, parser="lalr", lexer="contextual")


def judge(world, grammar, outputs):
    """Assert that every output is right; return how many ended."""
    ended = 0
    for ids in outputs:
        tokens, ends = world.cut(ids)
        if ends:
            oracle(grammar).parse(world.text(tokens))
            ended += 1
        else:
            assert world.compiled(grammar).matcher().accept_tokens(tokens) == len(tokens)
    return ended


@pytest.fixture(scope="module")
def worlds(tokenizer_folder):
    made = {}

    def world(name):
        if name not in made:
            made[name] = World(tokenizer_folder(name))
        return made[name]

    return world


@pytest.fixture(scope="module")
def world(worlds):
    return worlds("smollm2")


@pytest.fixture(scope="module")
def real(smollm2_folder):
    model = AutoModelForCausalLM.from_pretrained(smollm2_folder, dtype=torch.float32).eval()
    return World(smollm2_folder, model)


# -- a random model ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokenizer", ["smollm2", "gpt2", "llama3", "qwen2.5"])
@pytest.mark.parametrize("grammar", ["json", "arithmetic", "sql"])
def test_sampled_outputs_are_sentences(worlds, tokenizer, grammar):
    """Sampling, several sequences from each of a padded batch of prompts; widths past the tokenizer (qwen2.5)."""
    world = worlds(tokenizer)
    processor = gcd.GrammarLogitsProcessor(world.compiled(grammar))
    outputs = world.generate(
        PROMPTS,
        [processor, Hurry(world.vocab.eos_ids, by=9)],
        do_sample=True,
        num_return_sequences=3,
        max_new_tokens=20,
    )
    assert len(outputs) == 9
    ended = judge(world, grammar, outputs)
    assert ended or grammar != "arithmetic"  # a random string or statement seldom comes to its end
    assert len({tuple(ids) for ids in outputs}) > 4


def test_greedy_batch_equals_singles(world):
    """Left padding and the neighbours in a batch change nothing."""
    processor = gcd.GrammarLogitsProcessor(world.compiled("json"))
    options = {"do_sample": False, "max_new_tokens": 16}
    singles = [world.generate([p], [processor], **options)[0] for p in PROMPTS]
    batch = world.generate(PROMPTS, [processor], **options)
    assert [world.cut(ids)[0] for ids in batch] == [world.cut(ids)[0] for ids in singles]
    judge(world, "json", batch)


def test_rows_that_end_early(world):
    """Pads after the end of a row, while others go on."""
    processor = gcd.GrammarLogitsProcessor(world.compiled("arithmetic"))
    hurry = Hurry(world.vocab.eos_ids, by=8)
    outputs = world.generate(PROMPTS * 4, [processor, hurry], do_sample=True, max_new_tokens=24)
    lengths = {len(world.cut(ids)[0]) for ids in outputs}
    assert len(lengths) > 2
    assert judge(world, "arithmetic", outputs) > 6


def test_one_processor_for_many_calls(world):
    """Same results as with a fresh processor each time, whatever came before."""
    used = gcd.GrammarLogitsProcessor(world.compiled("arithmetic"))
    options = {"do_sample": True, "max_new_tokens": 10}
    for seed, prompts in enumerate([PROMPTS, PROMPTS[:1], PROMPTS[:1], PROMPTS[1:], ["x", "y"], PROMPTS]):
        fresh = gcd.GrammarLogitsProcessor(world.compiled("arithmetic"))
        assert world.generate(prompts, [used], seed, **options) == world.generate(prompts, [fresh], seed, **options)


def test_a_prompt_that_continues_the_last_output(world):
    """Each generate() begins a text anew: what it is given is prompt, also if it is the last prompt and a bit."""
    processor = gcd.GrammarLogitsProcessor(world.compiled("json"))
    ids = world.tokenizer("Value:", return_tensors="pt").input_ids
    for _ in range(4):
        out = world.model.generate(ids, logits_processor=[processor], do_sample=False, max_new_tokens=1)
        assert processor.compiled.matcher().check(out[0, -1].item())
        assert out.shape[1] == ids.shape[1] + 1
        ids = out


def test_resumed_with_prompt_len(world):
    """One token a call makes the same text as one call does."""
    options = {"do_sample": False}
    start = world.tokenizer("Value:", return_tensors="pt").input_ids
    whole = world.model.generate(
        start, logits_processor=[gcd.GrammarLogitsProcessor(world.compiled("json"))], max_new_tokens=6, **options
    )
    ids, processor = start, gcd.GrammarLogitsProcessor(world.compiled("json"), prompt_len=start.shape[1])
    for _ in range(6):
        ids = world.model.generate(ids, logits_processor=[processor], max_new_tokens=1, **options)
    assert ids.tolist() == whole.tolist()


def test_repetition_penalty(world):
    """It leaves rows of scores that don't lie side by side."""
    processor = gcd.GrammarLogitsProcessor(world.compiled("json"))
    outputs = world.generate(PROMPTS, [processor], do_sample=True, repetition_penalty=1.3, max_new_tokens=12)
    judge(world, "json", outputs)


@pytest.mark.parametrize("options", [{"top_k": 3}, {"top_p": 0.5}, {"min_p": 0.1}, {"temperature": 3.0}])
def test_warpers_after_the_mask(world, options):
    processor = gcd.GrammarLogitsProcessor(world.compiled("json"))
    judge(world, "json", world.generate(PROMPTS, [processor], do_sample=True, max_new_tokens=12, **options))


def test_beams(world):
    processor = gcd.GrammarLogitsProcessor(world.compiled("arithmetic"))
    hurry = Hurry(world.vocab.eos_ids)
    outputs = world.generate(PROMPTS, [processor, hurry], num_beams=3, do_sample=False, max_new_tokens=12)
    assert judge(world, "arithmetic", outputs) > 0


def test_prompt_lookup(world):
    """Drafts from the prompt, most of them refused."""
    processor = gcd.GrammarLogitsProcessor(world.compiled("json"))
    options = {"do_sample": False, "max_new_tokens": 24}
    prompt = ['[1, 2, 3, 4, [1, 2, 3, {"a": [1, 2, 3, 4']
    plain = world.generate(prompt, [processor], **options)
    assert world.generate(prompt, [processor], prompt_lookup_num_tokens=3, **options) == plain


def test_embeddings_for_a_prompt(world):
    """generate(inputs_embeds=...) hands over no ids at the first call."""
    ids = world.tokenizer("Value:", return_tensors="pt").input_ids
    embeds = world.model.get_input_embeddings()(ids).detach()
    for _ in range(2):
        out = world.model.generate(
            inputs_embeds=embeds,
            logits_processor=[gcd.GrammarLogitsProcessor(world.compiled("json"))],
            do_sample=False,
            max_new_tokens=8,
        )
        judge(world, "json", out.tolist())


def test_pipeline(world):
    world.tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    generator = pipeline("text-generation", model=world.model, tokenizer=world.tokenizer)
    processor = gcd.GrammarLogitsProcessor(world.compiled("arithmetic"))
    options = {"logits_processor": [processor, Hurry(world.vocab.eos_ids)], "max_new_tokens": 10, "do_sample": True}
    torch.manual_seed(0)
    one = generator("Formula:", return_full_text=False, **options)
    many = generator(PROMPTS, batch_size=3, num_return_sequences=2, return_full_text=False, **options)
    chat = generator([{"role": "user", "content": "A formula, please."}], return_full_text=False, **options)
    texts = [r["generated_text"] for r in [*one, *(r for rs in many for r in rs), *chat]]
    assert len(texts) == 8
    for text in texts:
        assert processor.compiled.matcher().accept_bytes(text.encode())


# -- a real model -----------------------------------------------------------------------------------------------------


@pytest.mark.model
def test_real_model_writes_json(real):
    """Greedy, a padded batch: the same as one by one, and sentences where it ends."""
    prompts = [
        real.tokenizer.apply_chat_template([{"role": "user", "content": q}], tokenize=False, add_generation_prompt=True)
        for q in (
            "Describe a cat as JSON with the keys name, colour and age.",
            "The book Dune, written by Frank Herbert in 1965, as JSON with the keys title, author and year.",
            "Write the numbers from 1 to 4 as a JSON array.",
        )
    ]
    processor = gcd.GrammarLogitsProcessor(real.compiled("json"))
    options = {"do_sample": False, "max_new_tokens": 40}
    batch = real.generate(prompts, [processor], **options)
    assert judge(real, "json", batch) >= 1
    single = real.generate(prompts[:1], [processor], **options)
    assert real.cut(single[0]) == real.cut(batch[0])
    assert json.loads(real.text(real.cut(single[0])[0])).keys() >= {"name", "age"}


@pytest.mark.model
def test_real_model_samples_sql(real):
    prompt = "SELECT name FROM singer;\n"
    processor = gcd.GrammarLogitsProcessor(real.compiled("sql"))
    outputs = real.generate(
        [prompt], [processor], do_sample=True, num_return_sequences=4, max_new_tokens=24, temperature=0.7
    )
    judge(real, "sql", outputs)
