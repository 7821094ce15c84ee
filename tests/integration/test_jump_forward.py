"""Jump-forward: fewer forward passes, the same law, for single rows token by token the same output.

A random model cuts forced text in all ways that the grammar leaves it, so most drafts are dropped: what comes after
that must not notice.
"""

import math
from collections import Counter
from functools import cache

import pytest
import torch
from integration.tiny_models import Hurry, tiny
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

import gcd
from gcd.hosts.jump_forward import JumpForward, forced_draft

torch.set_num_threads(1)

TOKENS = [
    b"a",
    b"b",
    b"c",
    b"x",
    b"y",
    b"ab",
    b"abc",
    b"bc",
    b"ca",
    b"xy",
    b"yx",
    b"bx",
    b"1",
    b"2",
    b"12",
    b",",
    b",x",
]
EOS, PAD = len(TOKENS), len(TOKENS) + 1
VOCAB = gcd.Vocabulary.from_bytes(TOKENS, eos_ids=[EOS], special_ids=[PAD], width=20)
RECORDS = 'start: record ("," record)*\nrecord: "abcabxy" NUMBER "abc"\nNUMBER: /[12]+/'
PROMPTS = [[PAD, 1, 2], [5, 3, 4], [PAD, PAD, 6]]


@cache
def compiled(grammar):
    return gcd.compile(gcd.Grammar.from_lark(grammar), VOCAB)


@pytest.fixture(scope="module")
def models():
    return [tiny(VOCAB, seed, spread=1.0) for seed in range(3)]


def run(model, prompts, jump=None, seed=0, grammars=None, processors=(), **options):
    ids = torch.tensor(prompts)
    processor = gcd.GrammarLogitsProcessor(grammars or compiled(RECORDS), **options.pop("told", {}))
    torch.manual_seed(seed)
    out = model.generate(
        ids,
        attention_mask=(ids != PAD).long(),
        logits_processor=[processor, *processors],
        custom_generate=jump,
        pad_token_id=PAD,
        **{"max_new_tokens": 30, "do_sample": False, **options},
    )
    return processor, out


def same(model, prompts, seed=0, **options):
    """Both ways give the same ids; returns the counters."""
    jump = JumpForward()
    _, plain = run(model, prompts, seed=seed, **options)
    processor, jumped = run(model, prompts, jump, seed=seed, **options)
    width = max(plain.shape[1], jumped.shape[1])
    padded = [torch.nn.functional.pad(x, (0, width - x.shape[1]), value=PAD).tolist() for x in (plain, jumped)]
    assert padded[0] == padded[1]
    generated = [i for row in jumped[:, len(prompts[0]) :].tolist() for i in row]
    if "told" not in options:  # a free part may hold pads
        assert jump.tokens == len(generated) - generated.count(PAD)
    # Each pass makes a token that wasn't drafted, but for a row's last that ends at a draft
    assert 0 <= jump.steps - (jump.tokens - jump.kept) <= len(prompts)
    assert jump.kept <= jump.drafted
    for outcome in processor.outcomes(jumped):
        assert outcome.refused is None
    return jump


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("do_sample", [False, True])
def test_single_rows_are_the_same(models, seed, do_sample):
    """Also sampled: the same distributions, and the same draws from them."""
    total = Counter()
    for prompt in PROMPTS:
        jump = same(models[seed], [prompt], seed, do_sample=do_sample, processors=[Hurry([EOS], 1.0)])
        total.update(kept=jump.kept, drafted=jump.drafted)
    assert 0 < total["kept"] < total["drafted"]  # both ways of a draft are met


@pytest.mark.parametrize(
    "options",
    [
        {"repetition_penalty": 1.5},
        {"do_sample": True, "top_k": 2, "temperature": 1.7},
        {"do_sample": True, "top_p": 0.6},
        {"told": {"start_after": "x"}},
        {"told": {"start_after": [4], "stop_at": "y"}},
        {"told": {"prompt_len": 3}},
        {"max_new_tokens": 1},
        {"max_new_tokens": 2},
        {"eos_token_id": [EOS, 7]},
    ],
)
def test_options(models, options):
    same(models[0], PROMPTS[1:2], **options)


def test_batches_are_the_same(models):
    """Rows draft different numbers of tokens, drop some, end at different times."""
    for model in models:
        jump = same(model, PROMPTS, processors=[Hurry([EOS], 1.5)])
        assert jump.kept
        assert jump.forwards < jump.steps
    same(models[0], PROMPTS, grammars=[compiled(RECORDS), None, compiled('start: "abcxyabc" "1"+')])


def test_a_prompt_that_begins_a_text(models):
    """What prompt_len leaves to the grammar is followed, and only the rest is made."""
    text = [5, 8, 1, 9]  # ab ca b xy
    prompt = [*PROMPTS[0], *text]
    processor, out = run(models[0], [prompt], JumpForward(), told={"prompt_len": 3})
    assert out[0, : len(prompt)].tolist() == prompt
    (outcome,) = processor.outcomes(out)
    assert outcome.text.startswith("abcabxy")
    assert outcome.refused is None
    with pytest.raises(ValueError, match="fewer than prompt_len=9"):
        run(models[0], [prompt[:5]], JumpForward(), told={"prompt_len": 9})


def test_a_cache_that_holds_a_part_of_the_prompt(models):
    ids = torch.tensor([[*PROMPTS[1], *PROMPTS[1]]])
    plain = run(models[0], ids.tolist())[1]
    first = models[0](ids[:, :4], use_cache=True)
    jumped = run(models[0], ids.tolist(), JumpForward(), past_key_values=first.past_key_values)[1]
    assert jumped.tolist() == plain.tolist()


def test_another_architecture():
    """Positions that are learned, not rotated."""
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=VOCAB.width, n_embd=32, n_layer=2, n_head=2, n_positions=128)
    model = GPT2LMHeadModel(config).eval()
    model.generation_config.eos_token_id = [EOS]
    for parameter in model.parameters():
        parameter.data.mul_(8)
    same(model, PROMPTS)
    same(model, PROMPTS[:1], do_sample=True)


def test_drafts_are_forced():
    """The longest of tokens that are all beginnings of it; none where a token reaches into what is open."""
    gcd_line = gcd.GrammarLogitsProcessor(compiled(RECORDS)).constraints[0].line()
    draft = forced_draft(gcd_line, 64, VOCAB.width)
    assert [TOKENS[t] for t in draft] == [b"abc", b"ab", b"xy"]
    assert forced_draft(gcd_line, 2, VOCAB.width) == draft[:2]
    for token in [*draft, 12]:
        gcd_line.accept(token)
    assert forced_draft(gcd_line, 64, VOCAB.width) == []  # another digit, or the end of the number
    gcd_line.accept(0)
    assert [TOKENS[t] for t in forced_draft(gcd_line, 64, VOCAB.width)] == [b"bc"]  # then a comma, or the end
    gcd_line.accept(99)
    assert forced_draft(gcd_line, 64, VOCAB.width) == []
    assert forced_draft(None, 64, VOCAB.width) == []
    forced_end = compiled('start: "a" "bx"')
    line = gcd.GrammarLogitsProcessor(forced_end).constraints[0].line()
    assert [TOKENS[t] for t in forced_draft(line, 64, VOCAB.width)] == [b"ab", b"x"]  # the end isn't drafted


def test_choices_are_remembered(models):
    """The second time most drafts are those that the model chose the first time; the output is the same."""
    jump = JumpForward()
    outputs, kept = [], []
    for _ in range(2):
        before = jump.kept, jump.drafted
        outputs.append(run(models[0], PROMPTS[:1], jump)[1].tolist())
        kept.append((jump.kept - before[0]) / (jump.drafted - before[1]))
    assert outputs[0] == outputs[1] == run(models[0], PROMPTS[:1])[1].tolist()
    assert kept[1] > kept[0]


def test_refusals(models):
    for options, match in (
        ({"num_beams": 2}, "num_beams=2"),
        ({"use_cache": False}, "no cache"),
        ({"cache_implementation": "static"}, "dynamic cache, not StaticCache"),
        ({"return_dict_in_generate": True, "output_scores": True}, "output_scores asked for"),
        ({"grammars": None, "processors": [gcd.GrammarLogitsProcessor(compiled(RECORDS))]}, "found 2"),
    ):
        with pytest.raises(ValueError, match=match):
            run(models[0], PROMPTS, JumpForward(), **options)
    with pytest.raises(ValueError, match="given as embeddings"):
        models[0].generate(
            inputs_embeds=torch.zeros(1, 3, 32),
            logits_processor=[gcd.GrammarLogitsProcessor(compiled(RECORDS))],
            custom_generate=JumpForward(),
            max_new_tokens=3,
        )
    with pytest.raises(ValueError, match="found 0"):
        models[0].generate(torch.tensor(PROMPTS), custom_generate=JumpForward(), max_new_tokens=3)
    with pytest.raises(ValueError, match="at least 0"):
        JumpForward(-1)


def test_no_way_on_raises(models):
    with pytest.raises(gcd.MatcherError, match="no token is allowed after"):
        run(models[0], PROMPTS, JumpForward(), suppress_tokens=[0, 5, 6])


def test_a_dictionary_and_no_drafts(models):
    plain = run(models[0], PROMPTS[:1])[1]
    jump = JumpForward(most=0)
    out = run(models[0], PROMPTS[:1], jump, return_dict_in_generate=True)[1]
    assert out.sequences.tolist() == plain.tolist()
    assert jump.drafted == 0
    assert jump.steps == jump.tokens
    assert "0 of 0 drafts" in repr(jump)


# -- the law ----------------------------------------------------------------------------------------------------------


def exact_law(model, grammar, prompt):
    """Probability of each output, by asking the model for every prefix that the grammar has."""
    law = {}

    def walk(ids, probability):
        matcher = compiled(grammar).matcher()
        assert matcher.accept_tokens(ids) == len(ids)
        scores = model(torch.tensor([[*prompt, *ids]])).logits[0, -1].double()
        allowed = [t for t in range(VOCAB.width) if matcher.check(t)]
        for token, p in zip(allowed, scores[allowed].softmax(0).tolist(), strict=True):
            if token == EOS:
                law[tuple(ids)] = probability * p
            else:
                walk([*ids, token], probability * p)

    with torch.no_grad():
        walk([], 1.0)
    assert sum(law.values()) == pytest.approx(1)
    return law


@pytest.mark.statistical
def test_law_of_samples():
    """Chi-square of 2,000 samples against the exact law over all ways to cut all sentences; level 1e-4."""
    grammar = 'start: "abcab" ("x" | "c" "a") ("1" | "2" | "12")'
    model = tiny(VOCAB, spread=0.25)
    law = exact_law(model, grammar, PROMPTS[1])
    n_samples, rows = 2000, 250
    seen, jump = Counter(), JumpForward()
    for seed in range(n_samples // rows):
        _, out = run(model, PROMPTS[1:2], jump, seed, compiled(grammar), do_sample=True, num_return_sequences=rows)
        for ids in out[:, 3:].tolist():
            seen[tuple(ids[: ids.index(EOS)])] += 1
    assert jump.kept > n_samples / 4
    assert set(seen) <= set(law)
    cells, small = [], [0.0, 0]
    for ids, p in law.items():
        if p * n_samples >= 5:
            cells.append((p * n_samples, seen[ids]))
        else:
            small[0] += p * n_samples
            small[1] += seen[ids]
    cells += [tuple(small)] if small[0] >= 5 else []
    chi2 = sum((o - e) ** 2 / e for e, o in cells)
    assert len(cells) > 10
    # Wilson and Hilferty: the cube root is nearly normal; 3.72 is the quantile of 1 - 1e-4
    k = len(cells) - 1
    assert (chi2 / k) ** (1 / 3) < 1 - 2 / (9 * k) + 3.72 * math.sqrt(2 / (9 * k))


@pytest.mark.model
def test_real_model_saves_half(smollm2_folder):
    """Greedy, SmolLM2: the same text with half of the steps."""
    model = AutoModelForCausalLM.from_pretrained(smollm2_folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(smollm2_folder)
    vocab = gcd.Vocabulary.from_pretrained(smollm2_folder)
    grammar = gcd.compile(
        gcd.Grammar.from_lark(r"""
        start: "{\"name\": " STRING ", \"age\": " NUMBER ", \"married\": " ("true" | "false") "}"
        STRING: /"[^"\\\n]{1,20}"/
        NUMBER: /[1-9][0-9]{0,2}/
        """),
        vocab,
    )
    inputs = tokenizer("As JSON: Anna Smith, 33, married.\n", return_tensors="pt")
    jump, outputs = JumpForward(), []
    for method in (None, jump):
        processor = gcd.GrammarLogitsProcessor(grammar)
        outputs.append(
            model.generate(
                **inputs, logits_processor=[processor], custom_generate=method, max_new_tokens=40, do_sample=False
            )
        )
    assert outputs[0].tolist() == outputs[1].tolist()
    assert jump.steps <= 0.6 * jump.tokens
