"""`HFModel`: the cache shared, forked, re-ordered and pruned gives what evaluating whole prefixes gives."""

import random
from collections import Counter

import numpy as np
import pytest
from statistical.bounds import assert_law, assert_mean

import gcd
from gcd import ModelError, SamplingError
from gcd.sampling import LanguageModel, NoConstraint, Warped, custom_generate, predicate

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TOKENS = [bytes([c]) for c in range(97, 123)] + [b"th", b"the", b" ", None, None]
END = len(TOKENS) - 2
VOCAB = gcd.Vocabulary.from_bytes(TOKENS, eos_ids=[END])


def network(kind="llama", seed=0, **more):
    """A small random model; in float64, so that different orders of summation agree."""
    torch.manual_seed(seed)
    sizes = {"vocab_size": len(TOKENS), "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 32, "max_position_embeddings": 64, "eos_token_id": END, "bos_token_id": END + 1}
    sizes |= {"pad_token_id": END, "initializer_range": 0.4, **more}
    if kind == "llama":
        config = transformers.LlamaConfig(num_key_value_heads=1, **sizes)
    elif kind == "mistral":  # with a window that the texts grow out of
        config = transformers.MistralConfig(num_key_value_heads=1, sliding_window=4, **sizes)
    else:
        config = transformers.GPT2Config(
            vocab_size=len(TOKENS),
            n_embd=16,
            n_layer=2,
            n_head=2,
            n_positions=64,
            eos_token_id=END,
            initializer_range=0.4,
        )
    return transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").double().eval()


def hf(kind="llama", **more):
    return gcd.HFModel(network(kind), None, vocab=VOCAB, **more)


def directly(model, ids):
    with torch.no_grad():
        logits = model.model(torch.tensor([ids])).logits[0, -1]
    return torch.log_softmax(logits, -1).numpy()


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mistral"])
@pytest.mark.parametrize("seed", range(3))
def test_any_sequence_of_moves(kind, seed):
    """Random forks, re-orders, prunings and tokens, with and without asking in between."""
    rng = random.Random(seed)
    model = hf(kind)
    prompt = tuple(rng.randrange(28) for _ in range(6))
    state, texts = model.start(prompt, 3), [prompt] * 3
    for _ in range(12):
        if rng.random() < 0.6:
            rows = [rng.randrange(len(texts)) for _ in range(rng.randint(1, 5))]
            state.select(rows)
            texts = [texts[i] for i in rows]
        if rng.random() < 0.7:
            now = state.log_probs()
            assert now.shape == (len(texts), len(TOKENS))
            for row, text in zip(now, texts, strict=True):
                assert row == pytest.approx(directly(model, text), abs=1e-6)
        tokens = [rng.choice([0, 1, rng.randrange(28)]) for _ in texts]
        state.advance(tokens)
        texts = [(*text, token) for text, token in zip(texts, tokens, strict=True)]
    assert len(state) == len(texts)
    for row, text in zip(state.log_probs(), texts, strict=True):
        assert row == pytest.approx(directly(model, text), abs=1e-6)


def test_equal_rows_are_evaluated_once():
    model = hf()
    state = model.start([1, 2, 3], 10)
    assert (state.log_probs().shape, state.n_calls, state.n_rows) == ((10, len(TOKENS)), 1, 1)
    state.advance([4, 5] * 5)
    state.log_probs()
    assert (state.n_calls, state.n_rows) == (2, 3)
    state.advance([6] * 10)
    state.select([0, 2, 4])
    state.log_probs()
    assert (state.n_calls, state.n_rows) == (3, 4)
    state.advance([7] * 3)  # nobody asks for what comes after
    assert state.n_calls == 3


def test_a_prompt_is_evaluated_once():
    model = hf()
    for _ in range(3):
        state = model.start([1, 2, 3], 2)
        state.advance([4, 5])
        state.log_probs()
    assert model.n_prefills == 1
    longer = model.start([1, 2, 3, 9])
    assert model.n_prefills == 1
    assert longer.log_probs()[0] == pytest.approx(directly(model, (1, 2, 3, 9)), abs=1e-6)
    again = model.start([1, 2, 3, 9], 1)
    assert again.n_calls == 0
    assert again.log_probs()[0] == pytest.approx(directly(model, (1, 2, 3, 9)), abs=1e-6)
    model.start([2, 2])
    assert model.n_prefills == 2


@pytest.mark.filterwarnings("ignore::gcd.sampling.SamplingWarning")
@pytest.mark.parametrize("method", ["local", "awrs", "smc"])
def test_sampling(method):
    model = hf()
    assert isinstance(model, LanguageModel)
    grammar = gcd.compile(gcd.Grammar.from_regex("the( [a-c]{1,3})?"), VOCAB)
    run = gcd.sample(model, grammar, [1, 2], 8, method=method, max_tokens=12, seed=3)
    assert model.n_prefills == 1
    assert run.n_model_calls <= 12
    for s in run:
        assert s.finished
        assert grammar.matcher().accept_bytes(s.data)
        log_p = sum(directly(model, [1, 2, *s.ids[:i]])[t] for i, t in enumerate(s.ids))
        assert s.log_p == pytest.approx(float(log_p))
    again = gcd.sample(model, grammar, [1, 2], 8, method=method, max_tokens=12, seed=3)
    assert [s.ids for s in again] == [s.ids for s in run]


def test_float32_and_bfloat16_rows_are_float32():
    for dtype in (torch.float32, torch.bfloat16):
        model = gcd.HFModel(network().to(dtype), None, vocab=VOCAB)
        rows = model.start([1, 2]).log_probs()
        assert rows.dtype == np.float32
        assert np.exp(rows.astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)


def test_processors_belong_to_the_law():
    seen = []

    def halve(ids, scores):
        seen.append(ids.tolist())
        return scores / 2

    model = hf(processors=[halve])
    state = model.start([1, 2], 2)
    plain = np.exp(Warped(hf(), temperature=2).start([1, 2]).log_probs()[0])
    assert np.exp(state.log_probs()[0]) == pytest.approx(plain)
    state.advance([3, 4])
    state.select([1, 0])
    state.log_probs()
    assert seen == [[[1, 2]], [[1, 2, 4], [1, 2, 3]]]


def test_refusals():
    model = hf()
    with pytest.raises(ModelError, match="empty prompt"):
        model.start()
    with pytest.raises(ModelError, match="without a tokenizer"):
        model.encode("a")
    with pytest.raises(ModelError, match="context is 64"):
        gcd.sample(model, NoConstraint(), [1] * 65)
    with pytest.raises(ModelError, match="training mode"):
        gcd.HFModel(network().train(), None, vocab=VOCAB)
    with pytest.raises(TypeError, match="vocab"):
        gcd.HFModel(network(), None)
    narrow = gcd.HFModel(network(), None, vocab=gcd.Vocabulary.from_bytes([b"a", None], eos_ids=[1]))
    with pytest.raises(ModelError, match="2 columns"):
        narrow.start([0]).log_probs()
    broken = network()
    with torch.no_grad():
        broken.lm_head.weight[3] = float("nan")
    with pytest.raises(ModelError, match="is nan"):
        gcd.sample(gcd.HFModel(broken, None, vocab=VOCAB), None, [1])


@pytest.mark.filterwarnings("ignore::gcd.sampling.SamplingWarning")
@pytest.mark.parametrize("method", ["local", "smc"])
def test_custom_generate(method):
    """`generate` with a method of ours: its warpers are part of the law, its budget and number of sequences hold."""
    grammar = gcd.compile(gcd.Grammar.from_regex("[a-c]{2,4}"), VOCAB)
    model, kept = network(), []
    hook = custom_generate(grammar, None, method=method, vocab=VOCAB, on_samples=kept.append)
    ids = torch.tensor([[1, 2, 3]])
    options = {"do_sample": True, "temperature": 0.5, "max_new_tokens": 7, "num_return_sequences": 5}
    out = model.generate(ids, custom_generate=hook, **options)
    (run,) = kept
    assert out.shape[0] == 5
    assert out[:, :3].tolist() == [[1, 2, 3]] * 5
    half = Warped(gcd.HFModel(model, None, vocab=VOCAB), temperature=0.5, top_k=50)
    for row, s in zip(out[:, 3:].tolist(), run, strict=True):
        assert tuple(row[: len(s.ids)]) == s.ids
        assert set(row[len(s.ids) :]) <= {END}
        assert grammar.matcher().accept_bytes(s.data)
        state, log_p = half.start([1, 2, 3]), 0.0
        for token in s.ids:
            log_p += state.log_probs()[0, token]
            state.advance([token])
        assert s.log_p == pytest.approx(float(log_p), abs=1e-6)
    padded = torch.tensor([[END, 1, 2], [1, 2, 3]])
    mask = torch.tensor([[0, 1, 1], [1, 1, 1]])
    out = model.generate(padded, attention_mask=mask, custom_generate=hook, **options)
    assert out[:, :3].tolist() == [[END, 1, 2]] * 5 + [[1, 2, 3]] * 5
    assert len(kept) == 3
    state, log_p = half.start([1, 2]), 0.0
    for token in kept[1][0].ids:
        log_p += state.log_probs()[0, token]
        state.advance([token])
    assert kept[1][0].log_p == pytest.approx(float(log_p), abs=1e-6)


@pytest.mark.filterwarnings("ignore::gcd.sampling.SamplingWarning")
def test_custom_generate_ignores_nothing():
    """What isn't sampling is refused; rows that are no sentences are said."""
    grammar = gcd.compile(gcd.Grammar.from_regex("[a-c]{2,4}"), VOCAB)
    model, ids = network(), torch.tensor([[1, 2, 3]])
    hook = custom_generate(grammar, None, method="smc", vocab=VOCAB)

    def generate(hook=hook, **options):
        return model.generate(ids, custom_generate=hook, max_new_tokens=7, **options)

    with pytest.raises(SamplingError, match="doesn't sample"):
        generate(do_sample=False)
    with pytest.raises(SamplingError, match="beams"):
        generate(do_sample=True, num_beams=2, num_return_sequences=2)
    with pytest.raises(SamplingError, match="MaxTimeCriteria would stop texts"):
        generate(do_sample=True, max_time=100.0)
    never = custom_generate(predicate(lambda t: t == "", lambda t: False), None, method="smc", vocab=VOCAB)
    with pytest.warns(gcd.sampling.SamplingWarning, match="2 of 2 rows are no sentences"):
        out = generate(never, do_sample=True, num_return_sequences=2)
    assert out.tolist() == [[1, 2, 3]] * 2
    assert out.dtype == torch.long
    half = predicate(lambda t: True, lambda t: len(t) < 2)
    with pytest.warns(gcd.sampling.SamplingWarning, match="rows are no sentences"):
        generate(custom_generate(half, None, method="smc", vocab=VOCAB), do_sample=True, num_return_sequences=40)


@pytest.mark.model
def test_the_real_model(smollm2_folder):
    """Ten particles of the real model: one prefill, every text a sentence, little time outside of the model."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(smollm2_folder)
    network = transformers.AutoModelForCausalLM.from_pretrained(smollm2_folder)
    model = gcd.HFModel(network.eval(), tokenizer)
    assert model.vocab == gcd.Vocabulary.from_pretrained(smollm2_folder)
    grammar = gcd.compile(gcd.Grammar.from_regex(" [a-z]+( [a-z]+){0,3}\\."), model.vocab)
    run = gcd.sample(model, grammar, "The weather today is", n=5, method="smc", max_tokens=10, seed=1)
    assert model.n_prefills == 1
    assert run.n_model_calls <= 10
    assert any(s.finished for s in run)
    assert all(grammar.matcher().accept_bytes(s.data) for s in run if s.finished)


@pytest.mark.parametrize("method", ["cars", "weighted", "mcmc"])
def test_exact_laws_on_a_network(method):
    """Against all sentences, each evaluated as a whole: samples, weights, log P."""
    model = hf()
    words = ["a", "the", "th", "tho", "at the", "no", "n", "hat"]
    compiled = gcd.compile(gcd.Grammar.from_choices(words), VOCAB)
    prompt = (1, 2, 3)
    law = {}

    def walk(ids):
        matcher = compiled.matcher()
        assert matcher.accept_tokens(ids) == len(ids)
        for token in range(len(TOKENS)):
            if matcher.check(token):
                if token == END:
                    law[(*ids, token)] = sum(
                        directly(model, [*prompt, *ids[:i]])[t] for i, t in enumerate([*ids, token])
                    )
                else:
                    walk((*ids, token))

    walk(())
    z = sum(np.exp(p) for p in law.values())
    n = 500
    options = {"n_steps": 30} if method == "mcmc" else {}
    run = gcd.sample(gcd.sampling.Remembered(model), compiled, prompt, n, method=method, max_tokens=8, **options)
    for sample in run:
        if sample.finished:
            assert sample.log_p == pytest.approx(law[sample.ids], abs=1e-9)
    if method == "weighted":
        assert_mean([float(np.exp(s.log_weight)) for s in run], z)
        trie = run.extra["trie"].core
        assert np.exp(trie.log_found) <= z * (1 + 1e-9) <= np.exp(trie.log_bound()) * (1 + 1e-6)
    else:
        assert_law(Counter(s.ids for s in run), {ids: float(np.exp(p) / z) for ids, p in law.items()})
