"""Healed prompts in a host: lines against their matchers, and generate() against the tokens one by one."""

import random

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import gcd
from gcd.prefix.healed import HealedConstraint
from gcd.prefix.outcome import outcome

TOKENS = [b"h", b"t", b"p", b"ht", b"http", b":", b"/", b"://", b"http://", b"p:", b"s", b"ps", b"x", b"y", b"/x", None]
EOS = len(TOKENS) - 1
VOCAB = gcd.Vocabulary.from_bytes(TOKENS, eos_ids=[EOS])
ID = {token: i for i, token in enumerate(TOKENS)}
COMPILED = gcd.compile(gcd.Grammar.from_lark('start: "s"? "://" /[xy]{1,3}/'), VOCAB)
PROMPT = [ID[b"x"], ID[b"http"]]


def mask(line):
    words = np.zeros(1, dtype=np.uint32)
    matcher = line.pending()
    if matcher is None:
        line.write(words, EOS + 1)
    else:
        matcher.fill_bitmask(words.view(np.int32))
    return {i for i in range(EOS + 1) if words[0] >> i & 1}


def test_lines_are_their_matchers():
    """Random walks with rewinds, forks and tokens that aren't allowed."""
    healed = gcd.heal(COMPILED, PROMPT)
    constraint, rng = HealedConstraint(healed), random.Random(3)
    for _ in range(300):
        line, ids = constraint.line(), []
        for _ in range(12):
            matcher = healed.matcher()
            n = matcher.accept_tokens(ids[: ids.index(EOS) + 1 if EOS in ids else None])
            off = n < len(ids) and not matcher.is_finished
            allowed = {i for i in range(EOS + 1) if matcher.check(i)}
            assert line.ended == (off or matcher.is_finished)
            assert line.complete == (matcher.is_complete and not off)
            assert mask(line) == ({EOS} if line.ended else allowed)
            if ids and rng.random() < 0.25:
                ids = ids[: rng.randrange(len(ids))]
                line.back_to(len(ids))
                continue
            if rng.random() < 0.2:
                line = line.fork()
            token = rng.choice(sorted(allowed)) if allowed and rng.random() < 0.9 else rng.randrange(EOS + 1)
            ids.append(token)
            line.accept(token)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=EOS + 1,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=0,
        eos_token_id=EOS,
        pad_token_id=EOS,
    )
    return LlamaForCausalLM(config).eval()


@pytest.mark.parametrize(
    "options",
    [
        {"do_sample": True, "num_return_sequences": 8},
        {"do_sample": False, "num_beams": 4, "num_return_sequences": 4},
        {"do_sample": False},
    ],
)
def test_generate(model, options):
    """Prompt and output together are the untrimmed prompt and a sentence; rows that need no healing beside them."""
    prompts = [PROMPT, [ID[b"x"], ID[b"p"]], [ID[b"x"], ID[b"y"]]]
    healed = [gcd.heal(COMPILED, ids) for ids in prompts]
    assert [h.prefix for h in healed] == [b"http", b"p", b""]
    longest = max(len(h.ids) for h in healed)
    rows = torch.tensor([[EOS] * (longest - len(h.ids)) + h.ids for h in healed])
    processor = gcd.GrammarLogitsProcessor(healed)
    torch.manual_seed(1)
    out = model.generate(
        rows, attention_mask=(rows != EOS).long(), logits_processor=[processor], max_new_tokens=16, **options
    )
    n = options.get("num_return_sequences", 1)
    for i, (row, outcome_) in enumerate(zip(out.tolist(), processor.outcomes(out), strict=True)):
        text = b"".join(TOKENS[t] or b"" for t in row[longest:])
        prefix = healed[i // n].prefix
        assert text.startswith(prefix)
        check = COMPILED.matcher()
        assert check.accept_bytes(text[len(prefix) :])
        assert (check.is_complete, outcome_.complete, outcome_.ended) == (True, True, True)


def test_outcome_of_a_healed_row():
    healed = gcd.heal(COMPILED, PROMPT)
    ids = [ID[b"http://"], ID[b"x"]]
    assert outcome(HealedConstraint(healed), [*ids, EOS], VOCAB).complete is True
    assert outcome(HealedConstraint(healed), ids[:1], VOCAB).cut_off
    assert outcome(HealedConstraint(healed), [ID[b"x"]], VOCAB).refused == 0


def test_refusals():
    healed = gcd.heal(COMPILED, PROMPT)
    for options in ({"start": "start"}, {"start_after": "x"}, {"stop_at": "x"}):
        with pytest.raises(ValueError, match="a healed prompt has its start symbol"):
            gcd.GrammarLogitsProcessor([healed], **options)
