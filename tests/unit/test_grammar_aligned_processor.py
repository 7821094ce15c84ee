"""ASAp as a logits processor: in a loop of our own with a known law, and inside of transformers' generate()."""

import math
from collections import Counter

import pytest
import torch
from oracle.expected_futures import five_bits
from transformers import LlamaConfig, LlamaForCausalLM, LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper

import gcd
from gcd.errors import ModelError, SamplingError
from gcd.sampling import GrammaticalityTrie

torch.set_num_threads(1)  # tests run in parallel; threads that wait for each other do so by spinning

WORLD = five_bits()
VOCAB = gcd.Vocabulary.from_bytes([b"0", b"1", None], eos_ids=[2])
BEGIN = 0  # the prompt


@pytest.fixture(scope="module")
def bits():
    return gcd.compile(gcd.Grammar.from_regex("00000|1[01]{4}"), VOCAB)


def logits(rows):
    """Of the paper's example, not normalized, with a column that the vocabulary doesn't have."""
    out = torch.full((len(rows), 4), -math.inf)
    for i, row in enumerate(rows):
        for token, p in enumerate(WORLD.row(tuple(row[1:]))):
            if p:
                out[i, token] = math.log(p) + 3.0 - i
    return out


def loop(processor, n_rows, generator, criteria=False, n_steps=6):
    """What generate() does, without it: sample until all rows have ended."""
    rows = torch.full((n_rows, 1), BEGIN)
    ended = torch.zeros(n_rows, dtype=torch.bool)
    for _ in range(n_steps):
        known = [row[: row.index(2) + 1] if 2 in row else row for row in rows.tolist()]
        scores = torch.stack([torch.zeros(4) if 2 in k else logits([k])[0] for k in known])
        scores = processor(rows, scores)
        tokens = torch.multinomial(scores.softmax(-1), 1, generator=generator)
        tokens[ended] = 2  # pad
        rows = torch.cat([rows, tokens], dim=1)
        ended |= tokens[:, 0] == 2
        if criteria:
            assert not processor.criteria(rows, None).any()
        if ended.all():
            break
    return rows


def test_first_batch_is_masked_and_later_ones_are_exact(bits):
    """00000 has chance 1/2 at first, 1/17 once it was drawn."""
    generator = torch.Generator().manual_seed(0)
    first, later = Counter(), Counter()
    weights = []
    for _ in range(60):
        processor = gcd.GrammarAlignedLogitsProcessor(bits)
        for k in range(3):
            rows = loop(processor, 5, generator)
            draws = processor.finish(rows)
            (first if not k else later).update(d.ids == (0, 0, 0, 0, 0, 2) for d in draws)
            weights += [math.exp(d.log_weight) for d in draws]
            assert all(d.finished for d in draws)
            assert all(d.log_p == pytest.approx(5 * math.log(0.5), abs=1e-5) for d in draws)
            assert all(d.log_weight == pytest.approx(d.log_p - d.log_q) for d in draws)
        assert processor.trie.core.log_found > -math.inf
    assert abs(first[True] / 300 - 1 / 2) < 3.9 * math.sqrt(0.25 / 300)
    assert abs(later[True] / 600 - 1 / 17) < 0.06
    mean = sum(weights) / len(weights)
    error = math.sqrt(sum((w - mean) ** 2 for w in weights)) / len(weights)
    assert abs(mean - 17 / 32) < 3.9 * error


def test_rejecting_by_log_acceptance_is_exact(bits):
    generator = torch.Generator().manual_seed(1)
    kept = Counter()
    for _ in range(150):
        processor = gcd.GrammarAlignedLogitsProcessor(bits)
        for _ in range(2):
            loop(processor, 4, generator, criteria=True)
            for draw in processor.draws:
                if torch.rand((), generator=generator) < math.exp(draw.log_acceptance):
                    kept[draw.ids] += 1
    n = sum(kept.values())
    assert abs(kept[0, 0, 0, 0, 0, 2] / n - 1 / 17) < 3.9 * math.sqrt(1 / 17 * 16 / 17 / n)


@pytest.mark.parametrize("how", ["criteria", "finish", "next call"])
def test_three_ways_to_close(bits, how):
    generator = torch.Generator().manual_seed(2)
    processor = gcd.GrammarAlignedLogitsProcessor(bits)
    for _ in range(4):
        rows = loop(processor, 3, generator, criteria=how == "criteria")
        if how == "finish":
            processor.finish(rows)
    loop(processor, 3, generator, n_steps=1)
    assert len(processor.draws) == 3
    if how == "next call":  # the ends of sequence were never seen
        assert not any(d.finished for d in processor.draws)
        assert all(d.log_weight == -math.inf for d in processor.draws)
        assert {len(d.ids) for d in processor.draws} == {5}
        assert processor.trie.core.n_found == 0
    else:
        assert all(d.finished for d in processor.draws)
        assert processor.trie.core.n_found >= 2
    assert processor.trie.core.log_bound() >= math.log(17 / 32) - 1e-6
    before = processor.draws
    processor.finish()
    assert processor.draws is not before
    assert processor.finish() == processor.draws


def test_prompts_have_tries_of_their_own(bits):
    processor = gcd.GrammarAlignedLogitsProcessor(bits)
    ids = torch.tensor([[2, 0], [1, 0], [2, 0]])
    processor(ids, logits([[0], [0], [0]]))
    assert len(processor.tries) == 2
    with pytest.raises(SamplingError, match="2 prompts"):
        _ = processor.trie
    processor.finish(torch.tensor([[2, 0, 0], [1, 0, 1], [2, 0, 1]]))
    assert processor.tries[2, 0].core.n_nodes == processor.tries[1, 0].core.n_nodes == 1
    assert [d.ids for d in processor.draws] == [(0,), (1,), (1,)]


def test_prompts_are_forgotten_where_memory_ends(bits):
    """Those that weren't seen for longest; a batch's own never."""
    generator = torch.Generator().manual_seed(0)
    processor = gcd.GrammarAlignedLogitsProcessor(bits, max_bytes=15_000)

    def one(*prompts):
        rows = torch.tensor([[prompt] for prompt in prompts])
        for _ in range(6):
            scores = processor(rows, logits([[BEGIN, *row[1:]] for row in rows.tolist()]))
            rows = torch.cat([rows, torch.multinomial(scores.softmax(-1), 1, generator=generator)], dim=1)
        processor.finish(rows)

    for prompt in (0, 1, 0, 7):
        one(prompt)
    assert list(processor.tries) == [(1,), (0,), (7,)]
    one(8)
    assert list(processor.tries) == [(0,), (7,), (8,)]
    one(0, 1, 2, 3, 4)
    assert list(processor.tries) == [(0,), (1,), (2,), (3,), (4,)]
    with pytest.raises(ValueError, match="max_bytes must be at least 0"):
        gcd.GrammarAlignedLogitsProcessor(bits, max_bytes=-1)


def test_trie_goes_from_processor_to_processor(bits, tmp_path):
    generator = torch.Generator().manual_seed(3)
    processor = gcd.GrammarAlignedLogitsProcessor(bits, max_tokens=6)
    for _ in range(6):
        loop(processor, 4, generator, criteria=True)
    processor.trie.save(tmp_path / "bits.efg")
    trie = GrammaticalityTrie.load(tmp_path / "bits.efg")
    again = gcd.GrammarAlignedLogitsProcessor(bits, max_tokens=6, trie=trie)
    loop(again, 1, generator, criteria=True)
    assert again.trie is trie
    assert again.draws[0].log_weight == pytest.approx(processor.trie.core.log_bound(), abs=1e-5)
    other = gcd.GrammarAlignedLogitsProcessor(bits, max_tokens=7, trie=trie)
    with pytest.raises(SamplingError, match="max_tokens"):
        loop(other, 1, generator)
    biased = gcd.GrammarAlignedLogitsProcessor(bits, max_tokens=6, trie=trie)
    with pytest.raises(SamplingError, match="model's law"):
        biased(torch.tensor([[0]]), torch.tensor([[0.0, 1.0, -math.inf, -math.inf]]))


def test_budget_makes_dead_ends():
    """Sentences of up to 2 tokens only: what can't end in time is learned to be worth nothing."""
    compiled = gcd.compile(gcd.Grammar.from_regex("0|1111"), VOCAB)
    processor = gcd.GrammarAlignedLogitsProcessor(compiled, max_tokens=2)
    generator = torch.Generator().manual_seed(0)
    for _ in range(8):
        rows = torch.tensor([[0], [0]])
        for _ in range(2):
            scores = processor(rows, torch.zeros(2, 3))
            rows = torch.cat([rows, torch.multinomial(scores.softmax(-1), 1, generator=generator)], dim=1)
        draws = processor.finish(rows)
        for draw in draws:
            assert draw.finished == (draw.ids == (0, 2)) == (draw.log_weight > -math.inf)
    assert [d.ids for d in draws] == [(0, 2), (0, 2)]
    assert math.exp(processor.trie.core.log_bound()) == pytest.approx(1 / 9, rel=1e-5)


def test_hosts_own_tokens_are_no_draws(bits):
    """A token that the grammar doesn't allow, a pad before the end: the row has no weight, the others do."""
    processor = gcd.GrammarAlignedLogitsProcessor(bits)
    rows = torch.tensor([[0], [0]])
    for tokens in ([0, 1], [1, 0], [0, 0], [0, 0], [0, 0], [2, 2]):
        scores = processor(rows, logits([[0, *([1] * (rows.shape[1] - 1))]] * 2))
        assert scores[:, :3].isfinite().any(dim=1).all()
        rows = torch.cat([rows, torch.tensor([tokens]).T], dim=1)
    one, two = processor.finish(rows)
    assert (one.finished, one.ids, one.log_weight) == (False, (0,), -math.inf)
    assert two.finished
    assert processor.trie.core.n_found == 1


def test_texts_stay_in_the_grammar_where_the_law_leaves_it(bits):
    """P gives no allowed token a chance: the host gets one all the same, the draw has no weight, the trie learns."""
    processor = gcd.GrammarAlignedLogitsProcessor(bits)
    rows = torch.tensor([[0]])
    generator = torch.Generator().manual_seed(0)
    for step in range(6):
        scores = torch.tensor([[0.0, 0.0, -math.inf]] if step < 2 else [[-math.inf, -math.inf, 0.0]])
        scores = processor(rows, scores)
        assert not scores.isnan().any()
        rows = torch.cat([rows, torch.multinomial(scores.softmax(-1), 1, generator=generator)], dim=1)
    (draw,) = processor.finish(rows)
    assert (draw.finished, draw.log_weight, len(draw.ids)) == (False, -math.inf, 2)
    assert bits.matcher().accept_tokens(rows[0, 1:].tolist()) == 6
    assert processor.trie.core.log_bound(draw.ids) == -math.inf


def test_scores_that_are_none(bits):
    for bad, match in ((math.nan, "NaN"), (math.inf, "infinity")):
        with pytest.raises(ModelError, match=match):
            gcd.GrammarAlignedLogitsProcessor(bits)(torch.tensor([[0]]), torch.tensor([[0.0, bad, 0.0, 0.0]]))
    with pytest.raises(ModelError, match="minus infinity"):
        gcd.GrammarAlignedLogitsProcessor(bits)(torch.tensor([[0]]), torch.full((1, 3), -math.inf))
    with pytest.raises(ValueError, match="matrices"):
        gcd.GrammarAlignedLogitsProcessor(bits)(torch.tensor([0]), torch.zeros(1, 3))
    with pytest.raises(ValueError, match="max_tokens"):
        gcd.GrammarAlignedLogitsProcessor(bits, max_tokens=0)
    with pytest.raises(TypeError, match="CompiledGrammar"):
        gcd.GrammarAlignedLogitsProcessor("bits.gcd")
    processor = gcd.GrammarAlignedLogitsProcessor(bits)
    processor(torch.tensor([[0]]), logits([[0]]))
    with pytest.raises(ValueError, match="don't go on"):
        processor.finish(torch.tensor([[1, 0]]))


# -- inside of generate() ----------------------------------------------------------------------------------------------

WORDS = gcd.Vocabulary.from_bytes([b"a", b"b", b"ab", b"(", b")", None, None], eos_ids=[5], special_ids=[6], width=8)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=8,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        initializer_range=0.6,
        eos_token_id=5,
        pad_token_id=6,
        bos_token_id=6,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="module")
def brackets():
    return gcd.compile(gcd.Grammar.from_lark('start: "a" | "b" | "(" start start ")"'), WORDS)


def generate(model, processor, ids, seed=0, **options):
    torch.manual_seed(seed)
    plain = {"do_sample": True, "top_k": 0, "max_new_tokens": 12, "logits_processor": [processor]}
    plain["stopping_criteria"] = [processor.criteria]
    return model.generate(ids, attention_mask=torch.ones_like(ids), **(plain | options))


def test_generate(model, brackets):
    """Batches of two prompts, several sequences each: log P is the model's own, and sentences are sentences."""
    processor = gcd.GrammarAlignedLogitsProcessor(brackets)
    ids = torch.tensor([[6, 0, 1], [6, 3, 3]])
    n_found = 0
    for seed in range(6):
        out = generate(model, processor, ids, seed, num_return_sequences=3)
        draws = processor.finish()
        assert len(draws) == 6
        with torch.no_grad():
            logs = model(out[:, :-1]).logits.float().log_softmax(-1)
        for row, (draw, sequence) in enumerate(zip(draws, out.tolist(), strict=True)):
            made = sequence[3:]
            assert list(draw.ids) == made[: len(draw.ids)]
            assert draw.finished == (5 in made)
            expected = sum(logs[row, 2 + i, token].item() for i, token in enumerate(draw.ids))
            assert draw.log_p == pytest.approx(expected, abs=1e-4)
            if draw.finished:
                n_found += 1
                assert brackets.matcher().accept_tokens(draw.ids) == len(draw.ids)
                assert draw.log_weight <= 1e-5
    assert n_found
    assert set(processor.tries) == {(6, 0, 1), (6, 3, 3)}
    assert sum(t.core.n_found for t in processor.tries.values()) <= n_found


def test_generate_learns(model, brackets):
    """Weights even out: the trie comes to know the law."""
    processor = gcd.GrammarAlignedLogitsProcessor(brackets, max_tokens=9)
    ids = torch.tensor([[6, 0]])
    spread = []
    for seed in range(40):
        generate(model, processor, ids, seed, num_return_sequences=8, max_new_tokens=9)
        weights = [math.exp(d.log_weight) for d in processor.finish()]
        mean = sum(weights) / 8
        spread.append(sum((w - mean) ** 2 for w in weights) / 8 / mean**2)
    assert sum(spread[-10:]) < 0.5 * sum(spread[:10])
    assert processor.rows == 8 * processor.calls
    assert f"{processor.calls} calls" in repr(processor)


def test_what_generate_would_do_behind_its_back_is_refused(model, brackets):
    ids = torch.tensor([[6, 0]])
    processor = gcd.GrammarAlignedLogitsProcessor(brackets)
    with pytest.raises(SamplingError, match="TemperatureLogitsWarper, TopKLogitsWarper would change the law"):
        generate(model, processor, ids, temperature=0.5, top_k=3)
    with pytest.raises(SamplingError, match="doesn't sample"):
        generate(model, processor, ids, do_sample=False)
    with pytest.raises(SamplingError, match="beams"):
        generate(model, processor, ids, num_beams=3, num_return_sequences=2)
    generate(model, processor, ids, renormalize_logits=True)  # does no harm


def test_warpers_belong_to_the_law(model, brackets):
    warpers = LogitsProcessorList([TemperatureLogitsWarper(0.5), TopKLogitsWarper(6)])
    processor = gcd.GrammarAlignedLogitsProcessor(brackets, warpers=warpers)
    ids = torch.tensor([[6, 0]])
    out = generate(model, processor, ids)
    (draw,) = processor.finish()
    with torch.no_grad():
        scores = model(out[:, :-1]).logits[0].float()
    expected = sum(
        warpers(None, scores[1 + i : 2 + i].clone()).log_softmax(-1)[0, token].item()
        for i, token in enumerate(draw.ids)
    )
    assert draw.log_p == pytest.approx(expected, abs=1e-4)
