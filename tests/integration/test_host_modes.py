"""Each mode of transformers' generate() against a slow reference on a tiny vocabulary.

The reference is a logits processor without state: at each call it parses each row's text again with Lark, for every
token. What a mode does with rows (beams that swap and die, drafts taken back, an assistant between) can't confuse it,
so the outputs must be equal, token by token, whatever the mode. The model is random; 500 generations are the slow part.
"""

import random
from functools import cache

import lark
import pytest
import torch
from integration.tiny_models import Hurry, tiny
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedTokenizerFast,
    StoppingCriteria,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.generation.continuous_batching.cb_logits_processors import ContinuousBatchingLogitsProcessorList

import gcd

torch.set_num_threads(1)  # tests run in parallel; threads that wait for each other do so by spinning

TOKENS = [b"a", b"b", b"c", b"(", b")", b"+", b"((", b"))", b"(a", b"a+", b"+b", b")+(", b"ab", b" "]
EOS, END, PAD, SPECIAL = range(len(TOKENS), len(TOKENS) + 4)
VOCAB = gcd.Vocabulary.from_bytes(TOKENS, eos_ids=[EOS, END], special_ids=[PAD, SPECIAL], width=24)
GRAMMARS = {
    "brackets": 'start: "(" start* ")" | "a" "b"?',
    "sums": 'start: term ("+" term)*\nterm: "a" | "b" "c"? | "(" start ")"\n%ignore " "',
    "few": 'start: "a" "+" "b" | "a" "b" "+"',
}
PROMPT = [[SPECIAL, 3, 0], [PAD, SPECIAL, 4]]


@cache
def parser(name):
    return lark.Lark(GRAMMARS[name], parser="lalr")


@cache
def compiled(name):
    return gcd.compile(gcd.Grammar.from_lark(GRAMMARS[name]), VOCAB)


@cache
def allowed(name, text):
    """By Lark: the tokens after which an LALR parser, which has the viable-prefix property, isn't in error."""

    def after(data):
        try:
            state = parser(name).parse_interactive(data.decode())
            state.exhaust_lexer()
        except lark.exceptions.UnexpectedInput:
            return None
        return state

    tokens = {t for t, data in enumerate(TOKENS) if after(text + data)}
    return tokens | ({EOS, END} if "$END" in after(text).accepts() else set())


class SlowReference(LogitsProcessor):
    """Parses every prefix again. Rows with a token that isn't allowed may end only."""

    def __init__(self, names, prompt_len):
        self.names, self.prompt_len = names, prompt_len

    def __call__(self, input_ids, scores):
        out = torch.full_like(scores, -torch.inf)
        for row, ids in enumerate(input_ids.tolist()):
            name = self.names[row * len(self.names) // len(input_ids)]
            may = range(scores.shape[1]) if name is None else self.row(name, ids[self.prompt_len :])
            out[row, list(may)] = scores[row, list(may)]
        return out

    def row(self, name, ids):
        text = b""
        for token in ids:
            if token not in allowed(name, text) or token in (EOS, END):
                return {EOS, END}
            text += TOKENS[token]
        return allowed(name, text)


def both(model, names, prompt, seed=0, processors=(), **options):
    """The output with the processor and with the reference; asserts that they are the same."""
    outputs = []
    ids = torch.tensor(prompt)
    ours = gcd.GrammarLogitsProcessor([None if name is None else compiled(name) for name in names])
    for processor in (ours, SlowReference(names, 0 if "inputs_embeds" in options else ids.shape[1])):
        torch.manual_seed(seed)
        inputs = {} if "inputs_embeds" in options else {"input_ids": ids}
        outputs.append(
            model.generate(
                **inputs, attention_mask=torch.ones_like(ids), logits_processor=[processor, *processors], **options
            )
        )
    assert outputs[0].tolist() == outputs[1].tolist()
    return ours, outputs[0]


def judge(ours, output, names):
    """Each output that ended is a sentence, says Lark; returns how many did."""
    ended = 0
    for row, outcome in enumerate(ours.outcomes(output)):
        name = names[row * len(names) // len(output)]
        if name is not None:
            assert outcome.refused is None
            if outcome.ended:
                parser(name).parse(outcome.text)
                assert outcome.complete
                ended += 1
            else:
                assert set(allowed(name, outcome.text.encode()))
    return ended


@pytest.fixture(scope="module")
def models():
    return [tiny(VOCAB, seed, spread=1.0) for seed in range(4)]


class Comma(StoppingCriteria):
    """Ends rows at a token that is no end of sequence, as stop strings do; what follows are pads."""

    def __call__(self, input_ids, scores, **kwargs):
        return input_ids[:, -1] == TOKENS.index(b"a")


MODES = {
    "greedy": {"do_sample": False},
    "sample": {"do_sample": True},
    "several": {"do_sample": True, "num_return_sequences": 3},
    "beams": {"do_sample": False, "num_beams": 3},
    "beams returned": {"do_sample": False, "num_beams": 4, "num_return_sequences": 2, "length_penalty": 0.5},
    "beams to the end": {"do_sample": False, "num_beams": 5, "early_stopping": "never", "length_penalty": 2.0},
    "beam sample": {"do_sample": True, "num_beams": 3, "temperature": 2.0},
    "static cache": {"do_sample": False, "cache_implementation": "static"},
    "penalties": {"do_sample": True, "repetition_penalty": 1.3, "top_k": 4, "top_p": 0.9},
    "no cache": {"do_sample": False, "use_cache": False},
    "guidance": {"do_sample": False, "guidance_scale": 1.5},
    "stopped by the host": {"do_sample": True, "stopping_criteria": [Comma()]},
}
DRAFTS = {
    "prompt lookup": {"do_sample": False, "prompt_lookup_num_tokens": 3},
    "prompt lookup, sampled": {"do_sample": True, "prompt_lookup_num_tokens": 2},
    "assistant": {"do_sample": False, "assistant_model": 1},
    "assistant, sampled": {"do_sample": True, "assistant_model": 2},
}
NAMES = {"one": ["brackets"], "mixed": ["sums", "few"], "free row": [None, "sums"]}


def options_of(mode, models):
    options = {"max_new_tokens": 14, **(MODES | DRAFTS)[mode]}
    if "assistant_model" in options:
        options["assistant_model"] = models[options["assistant_model"]]
    return options


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("mode", MODES)
def test_modes(models, mode, names):
    names = NAMES[names]
    ours, output = both(models[0], names, PROMPT, **options_of(mode, models))
    if mode != "stopped by the host":
        judge(ours, output, names)


@pytest.mark.parametrize("name", ["brackets", "sums"])
@pytest.mark.parametrize("mode", DRAFTS)
def test_drafts(models, mode, name):
    """Drafts come from the prompt, or from an assistant that the same processor holds to the grammar."""
    prompt = [[SPECIAL, 3, 0, 4, 3, 0, 1, 4, 5, 3, 0]]
    ours, output = both(models[0], [name], prompt, **options_of(mode, models))
    judge(ours, output, [name])


def test_as_many_beams_as_there_are_sentences_and_more(models):
    """Beams without a way on hold forbidden tokens, at a score of minus infinity; none comes out."""
    for beams in (2, 3, 6):
        options = {"num_beams": beams, "num_return_sequences": beams, "do_sample": False, "max_new_tokens": 6}
        _, output = both(models[0], ["few"], PROMPT[:1], **options)
        sentences = {bytes(b"".join(TOKENS[t] for t in row[3:] if t < EOS)) for row in output.tolist()}
        assert {b"a+b", b"ab+"} & sentences
        assert sentences <= {b"a+b", b"ab+", b""}  # an empty row: transformers found no more than that


def test_an_encoder():
    """The decoder's text begins after its start token, whatever the prompt is."""
    torch.manual_seed(0)
    config = T5Config(vocab_size=VOCAB.width, d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2)
    config.decoder_start_token_id = PAD
    model = T5ForConditionalGeneration(config).eval()
    model.lm_head.weight.data.normal_(0, 3)
    model.generation_config.eos_token_id = [EOS, END]
    model.generation_config.pad_token_id = PAD
    for mode in ("greedy", "several", "beams"):
        outputs = []
        for processor in (gcd.GrammarLogitsProcessor(compiled("sums")), SlowReference(["sums"], 1)):
            torch.manual_seed(3)
            options = options_of(mode, None)
            outputs.append(model.generate(torch.tensor(PROMPT), logits_processor=[processor], **options))
        assert outputs[0].tolist() == outputs[1].tolist()


def test_embeddings_for_a_prompt(models):
    embeds = models[0].get_input_embeddings()(torch.tensor(PROMPT)).detach()
    for mode in ("greedy", "beams"):
        ours, output = both(models[0], ["sums"], PROMPT, inputs_embeds=embeds, **options_of(mode, models))
        judge(ours, output, ["sums"])


def test_resumed(models):
    """One token a call, three a call, with the cache handed on: the text of one call."""
    start = torch.tensor(PROMPT[:1])
    whole = models[0].generate(
        start, logits_processor=[gcd.GrammarLogitsProcessor(compiled("sums"))], max_new_tokens=12, do_sample=False
    )
    for step in (1, 3):
        processor = gcd.GrammarLogitsProcessor(compiled("sums"), prompt_len=start.shape[1])
        ids, cache = start, None
        while ids.shape[1] < whole.shape[1]:
            made = models[0].generate(
                ids,
                past_key_values=cache,
                logits_processor=[processor],
                max_new_tokens=step,
                do_sample=False,
                return_dict_in_generate=True,
            )
            ids, cache = made.sequences, made.past_key_values
        assert ids[:, : whole.shape[1]].tolist() == whole.tolist()


@pytest.mark.parametrize("eos", [EOS, END, [EOS, END], [END, 7]])
def test_end_of_sequence_of_the_generation_config(models, eos):
    """The model ends at ids that the vocabulary knows; texts end there, rows are padded, the others go on."""
    config = GenerationConfig(eos_token_id=eos, pad_token_id=PAD, max_new_tokens=30, do_sample=True)
    processor = gcd.GrammarLogitsProcessor(compiled("sums"))
    torch.manual_seed(1)
    output = models[0].generate(
        torch.tensor(PROMPT * 8), generation_config=config, logits_processor=[processor, Hurry([EOS, END], 1.0)]
    )
    ids = [eos] if isinstance(eos, int) else eos
    for row in output[:, 3:].tolist():
        end = next((i for i, t in enumerate(row) if t in (EOS, END)), len(row))
        parser("sums").parse(b"".join(TOKENS[t] for t in row[:end]).decode()) if end < len(row) else None
        rest = row[end:]
        stopped = next((i for i, t in enumerate(rest) if t in ids), len(rest))
        # An end that the model doesn't know is followed by ends until one that it does
        assert all(t in (EOS, END) for t in rest[:stopped])
        assert all(t == PAD for t in rest[stopped + 1 :])


def test_what_the_host_forbids(models):
    """min_new_tokens against a grammar that ends sooner: an error with the row, not token 0."""
    processor = gcd.GrammarLogitsProcessor(compiled("few"))
    with pytest.raises(
        gcd.MatcherError, match=r"row 0, generated token 3: no token is allowed after 'a\+b'.*"
    ) as caught:
        models[0].generate(
            torch.tensor(PROMPT[:1]),
            logits_processor=[processor],
            min_new_tokens=9,
            max_new_tokens=12,
            do_sample=False,
            suppress_tokens=[12],
        )
    assert "min_new_tokens" in str(caught.value)


def test_continuous_batching(caplog):
    """The class says that it doesn't support it, and transformers drops it by name; kept all the same, it refuses."""
    processor = gcd.GrammarLogitsProcessor(compiled("sums"))
    assert gcd.GrammarLogitsProcessor.supports_continuous_batching is False
    with caplog.at_level("WARNING"):
        kept = ContinuousBatchingLogitsProcessorList(LogitsProcessorList([processor])).logits_processor
    assert not kept
    assert "GrammarLogitsProcessor isn't supported by CB" in caplog.text
    with pytest.raises(ValueError, match="continuous batching, which has none, isn't supported: use generate"):
        processor(torch.zeros(3, dtype=torch.long), torch.zeros(3, VOCAB.width))


def group_beam_search(model, input_ids, logits_processor, stopping_criteria, generation_config, **kwargs):
    """Diverse beam search by groups, as the repository to which transformers moved it shows rows to processors.

    Each step, each group's rows come in a call of their own; the groups' rows lie apart in the batch.
    """
    groups, per, penalty = 3, 2, 1.0
    batch = len(input_ids)
    ids = input_ids.repeat_interleave(groups * per, 0)
    scores = torch.full((batch, groups, per), -1e9)
    scores[:, :, 0] = 0
    for _ in range(generation_config.max_new_tokens):
        logits = model(ids).logits[:, -1].float()
        grown = torch.zeros_like(ids)
        new = torch.zeros(len(ids), dtype=torch.long)
        for group in range(groups):
            rows = [b * groups * per + group * per + i for b in range(batch) for i in range(per)]
            found = logits_processor(ids[rows], logits[rows].log_softmax(-1))
            for b in range(batch):
                earlier = new[b * groups * per : b * groups * per + group * per]
                found[b * per : b * per + per] -= penalty * torch.bincount(earlier, minlength=found.shape[1])
                total = scores[b, group, :, None] + found[b * per : b * per + per]
                best, at = total.flatten().topk(per)
                scores[b, group] = best
                for i, k in enumerate(at.tolist()):
                    row = b * groups * per + group * per + i
                    grown[row] = ids[b * groups * per + group * per + k // found.shape[1]]
                    new[row] = k % found.shape[1]
        ids = torch.cat([grown, new[:, None]], 1)
    return ids


def contrastive_search(model, input_ids, logits_processor, stopping_criteria, generation_config, **kwargs):
    """Of the best candidates of each row the one least like the text goes on; each is shown to the processors."""
    k = 4
    ids = input_ids
    for _ in range(generation_config.max_new_tokens):
        found = logits_processor(ids, model(ids).logits[:, -1].float())
        candidates = torch.cat([ids.repeat_interleave(k, 0), found.topk(k).indices.reshape(-1, 1)], 1)
        best = logits_processor(candidates, model(candidates).logits[:, -1].float()).amax(-1).reshape(-1, k)
        best[found.topk(k).values.isneginf()] = -torch.inf
        ids = candidates[torch.arange(len(ids)) * k + best.argmax(-1)]
    return ids


@pytest.mark.parametrize("search", [group_beam_search, contrastive_search])
def test_searches_that_moved_out(models, search):
    """transformers 5 keeps these in repositories on the hub; they come in through custom_generate."""
    for names in (["sums"], ["brackets", "sums"]):
        _, output = both(models[0], names, PROMPT, custom_generate=search, max_new_tokens=10)
        assert output.shape[1] == 13


def test_chat_templates(tokenizer_folder):
    """A chat in a pipeline, with a marker: the reasoning part is free, the answer is the grammar's."""
    from transformers import pipeline

    folder = tokenizer_folder("gpt2")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), padding_side="left")
    vocab = gcd.Vocabulary.from_pretrained(folder)
    tokenizer.eos_token_id = tokenizer.pad_token_id = vocab.eos_ids[0]
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}\n{% endfor %}"
    model = tiny(vocab)
    model.generation_config.pad_token_id = vocab.eos_ids[0]
    answer = gcd.compile(gcd.Grammar.from_lark('start: ("yes" | "no") "."'), vocab)
    marker = "so:"

    class Toward(LogitsProcessor):
        """Writes three free tokens, then the marker's."""

        def __call__(self, input_ids, scores):
            n = input_ids.shape[1] - prompt_len
            if 3 <= n < 3 + len(marker):
                scores[:, tokenizer(marker[n - 3]).input_ids[0]] += 1e4
            return scores

    chat = [{"role": "user", "content": "Is it?"}]
    prompt_len = len(tokenizer(tokenizer.apply_chat_template(chat, tokenize=False)).input_ids)
    processor = gcd.GrammarLogitsProcessor(answer, start_after=marker)
    generator = pipeline("text-generation", model=model, tokenizer=tokenizer)
    torch.manual_seed(0)
    (made,) = generator(
        chat, return_full_text=False, max_new_tokens=16, do_sample=True, logits_processor=[Toward(), processor]
    )
    free, found, rest = made["generated_text"].partition(marker)
    assert free
    assert found
    assert rest in ("yes.", "no.")


@pytest.mark.parametrize("names", [("gpt2", "smollm2"), ("smollm2", "gpt2")])
@pytest.mark.parametrize("do_sample", [False, True])
def test_an_assistant_with_another_tokenizer(tokenizer_folder, names, do_sample):
    """Its ids mean other texts: its drafts are free, and the main model's text is followed all the same."""
    folders = [tokenizer_folder(name) for name in names]
    tokenizers = [PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json")) for folder in folders]
    vocabs = [gcd.Vocabulary.from_pretrained(folder) for folder in folders]
    main, assistant = (tiny(vocab) for vocab in vocabs)
    for tokenizer, vocab in zip(tokenizers, vocabs, strict=True):
        tokenizer.eos_token_id = tokenizer.pad_token_id = vocab.eos_ids[0]
    grammar = gcd.compile(gcd.Grammar.from_lark('start: WORD ("," WORD)*\nWORD: /[a-z]{2,9}/'), vocabs[0])
    ids = tokenizers[0]("one,two,three,four,one,two", return_tensors="pt").input_ids
    outputs = []
    for options in (
        {},
        {"assistant_model": assistant, "tokenizer": tokenizers[0], "assistant_tokenizer": tokenizers[1]},
    ):
        processor = gcd.GrammarLogitsProcessor(grammar)
        torch.manual_seed(0)
        output = main.generate(ids, logits_processor=[processor], max_new_tokens=12, do_sample=do_sample, **options)
        (outcome,) = processor.outcomes(output, prompt_len=ids.shape[1])
        assert outcome.refused is None
        assert len(outcome.ids) == 12 or outcome.ended
        outputs.append(output.tolist())
    assert do_sample or outputs[0] == outputs[1]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_500_generations(part):
    """50 for each part: random models, grammars, prompts, modes; equal to the reference, and sentences."""
    rng = random.Random(part)
    models = [tiny(VOCAB, 100 * part + i, spread=rng.choice([0.5, 1.0, 2.0])) for i in range(4)]
    ended = 0
    for n in range(50):
        mode = rng.choice([*MODES, *DRAFTS])
        names = [rng.choice(list(GRAMMARS))] if mode in DRAFTS else rng.choice([*NAMES.values(), ["few", "sums"]])
        prompt = [[rng.randrange(VOCAB.width) for _ in range(6)] for _ in range(1 if mode in DRAFTS else 2)]
        hurry = Hurry([EOS, END], rng.choice([0.0, 1.0, 3.0]))
        options = options_of(mode, models) | {"max_new_tokens": rng.choice([6, 14, 30])}
        ours, output = both(models[0], names, prompt, seed=n, processors=[hurry], **options)
        if "num_beams" not in options and "stopping_criteria" not in options:  # beams may come back empty, see above
            ended += judge(ours, output, names)
    assert ended > 20
