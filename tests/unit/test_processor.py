"""The logits processor, called as hosts call it: which row continues which, ended rows, widths, no way on."""

import math
import random
import threading

import pytest
import torch
from transformers import LogitsProcessor, LogitsProcessorList

import gcd
from gcd.prefix.outcome import Outcome

A, B, C, BRA, KET, EOS, END, PAD = range(8)
VOCAB = gcd.Vocabulary.from_bytes([b"a", b"b", b"c", b"(", b")"], eos_ids=[EOS, END], special_ids=[PAD], width=8)
GRAMMAR = 'start: "(" start* ")" | "a" "b"? | "c"'


@pytest.fixture(scope="module")
def compiled():
    return gcd.compile(gcd.Grammar.from_lark(GRAMMAR), VOCAB)


@pytest.fixture
def processor(compiled):
    return gcd.GrammarLogitsProcessor(compiled)


def call(processor, rows, columns=VOCAB.width):
    """The allowed ids of each row."""
    scores = torch.zeros(len(rows), columns)
    out = processor(torch.tensor(rows, dtype=torch.int64).reshape(len(rows), -1), scores)
    assert (out is scores) == (len(rows) != 1)
    assert set(out.unique().tolist()) <= {0.0, -math.inf}
    return [row.isfinite().nonzero().flatten().tolist() for row in out]


def expected(compiled, generated):
    """By a fresh matcher: what may follow; the ends of sequence, if the text has ended or left the grammar."""
    matcher = compiled.matcher()
    if matcher.accept_tokens(generated) < len(generated) or matcher.is_finished:
        return [EOS, END]
    return [t for t in range(VOCAB.width) if matcher.check(t)]


def test_is_a_logits_processor(processor):
    assert isinstance(processor, LogitsProcessor)
    assert processor.supports_continuous_batching is False


def test_first_call_is_the_prompt(processor):
    """Prompts aren't text of the grammar, whatever they hold: also ends of sequence and pads."""
    assert call(processor, [[EOS, EOS, KET, PAD], [END, B, B, B]]) == [[A, C, BRA]] * 2
    assert call(processor, [[EOS, EOS, KET, PAD, A], [END, B, B, B, BRA]]) == [[B, EOS, END], [A, C, BRA, KET]]


def test_ended_rows_stay_finite(processor):
    """After an end of sequence, and where the host ended the row itself, only ends of sequence."""
    rows = [[7], [7], [7]]
    call(processor, rows)
    for tokens in ([C, A, BRA], [EOS, PAD, A], [PAD, PAD, B], [PAD, PAD, KET], [EOS, A, PAD]):
        rows = [[*row, t] for row, t in zip(rows, tokens, strict=True)]
        allowed = call(processor, rows)
    assert allowed[0] == allowed[1] == [EOS, END]
    assert allowed[2] == [EOS, END]


def test_each_end_of_sequence_ends(processor):
    call(processor, [[0], [0]])
    call(processor, [[0, C], [0, C]])
    assert call(processor, [[0, C, EOS], [0, C, END]]) == [[EOS, END]] * 2


def test_beams_reordered(compiled, processor):
    """Rows that swap, double and die: 300 steps of it agree with fresh matchers."""
    rng = random.Random(0)
    prompts = [[PAD, 1], [1, 2]]
    rows = [p for p in prompts for _ in range(3)]
    for step in range(300):
        allowed = call(processor, rows)
        assert allowed == [expected(compiled, row[2:]) for row in rows], step
        rows = [rng.choice([q for q in rows if q[:2] == row[:2]]) for row in rows]
        rows = [[*row, rng.choice(expected(compiled, row[2:]) if rng.random() < 0.9 else range(8))] for row in rows]
        if all(len(row) > 40 for row in rows):
            rows = [[*prompts[i // 3]] for i in range(6)]


def test_drafts_taken_back(compiled, processor):
    """Assisted generation, with the lengths that a host was seen to use; drafts needn't be allowed."""
    rng = random.Random(1)
    text = [7] * 11
    for _ in range(200):
        drafts = [rng.choice(range(8)) for _ in range(3)]
        for n in range(4):
            ids = [*text, *drafts[:n]]
            assert call(processor, [ids]) == [expected(compiled, ids[11:])]
        matcher = compiled.matcher()
        allowed = expected(compiled, text[11:])
        matcher.accept_tokens(text[11:])
        n = 0 if matcher.is_finished else matcher.validate(drafts)
        text += drafts[:n]
        allowed = expected(compiled, text[11:])
        text.append(rng.choice(allowed))
        if text[-1] in (EOS, END):
            text = [rng.choice(range(8)) for _ in range(11)]


def test_a_new_text_of_any_length(compiled, processor):
    """One processor, one text after another: shorter, as long, longer, more rows, fewer."""
    rng = random.Random(2)
    for _ in range(200):
        batch, length = rng.randrange(1, 4), rng.randrange(1, 9)
        rows = [[rng.randrange(8) for _ in range(length)] for _ in range(batch)]
        processors = LogitsProcessorList([processor])  # as generate() makes one
        for _ in range(rng.randrange(1, 9)):
            scores = processors(torch.tensor(rows), torch.zeros(batch, 8))
            allowed = [row.isfinite().nonzero().flatten().tolist() for row in scores]
            assert allowed == [expected(compiled, row[length:]) for row in rows]
            rows = [[*row, rng.choice(allow)] for row, allow in zip(rows, allowed, strict=True)]


def test_a_prompt_that_is_the_last_one_and_one_token_more(processor):
    """Only the list of processors, one for each generate(), tells it from the next step."""
    ids, scores = torch.tensor([[1, 2]]), torch.zeros(1, 8)
    LogitsProcessorList([processor])(ids, scores)
    again = LogitsProcessorList([processor])(torch.tensor([[1, 2, A]]), torch.zeros(1, 8))
    assert again.isfinite().nonzero()[:, 1].tolist() == [A, C, BRA]


def test_an_assistant_beside_the_main_model(processor):
    """An assistant's list of processors comes and goes while the main one's lives: the same text."""
    main = LogitsProcessorList([processor])
    main(torch.tensor([[1, 2]]), torch.zeros(1, 8))
    for ids in ([1, 2], [1, 2, BRA]):
        LogitsProcessorList([processor])(torch.tensor([ids]), torch.zeros(1, 8))
    out = main(torch.tensor([[1, 2, BRA, A]]), torch.zeros(1, 8))
    assert out.isfinite().nonzero()[:, 1].tolist() == [A, B, C, BRA, KET]


def test_reset(processor):
    call(processor, [[1]])
    processor.reset()
    assert call(processor, [[1, BRA]]) == [[A, C, BRA]]


def test_prompt_len_told(compiled):
    """Resumed texts: the ids begin with generated tokens; calls may jump."""
    processor = gcd.GrammarLogitsProcessor(compiled, prompt_len=2)
    assert call(processor, [[1, 2, BRA, A]]) == [[A, B, C, BRA, KET]]
    assert call(processor, [[1, 2, BRA, A, B, KET]]) == [[EOS, END]]
    assert call(processor, [[1, 2, BRA]]) == [[A, C, BRA, KET]]
    assert call(processor, [[5, 2, BRA], [1, 2, A]]) == [[A, C, BRA, KET], [B, EOS, END]]
    with pytest.raises(ValueError, match="prompt_len=2"):
        call(processor, [[1]])
    with pytest.raises(ValueError, match="prompt_len"):
        gcd.GrammarLogitsProcessor(compiled, prompt_len=-1)


def test_no_ids_at_first(processor):
    """generate(inputs_embeds=...) begins without ids."""
    for _ in range(2):
        assert call(processor, [[], []]) == [[A, C, BRA]] * 2
        assert call(processor, [[A], [BRA]]) == [[B, EOS, END], [A, C, BRA, KET]]


def test_start_symbols():
    compiled = gcd.compile(gcd.Grammar.from_lark('x: "a"\ny: "b"', start=["x", "y"]), VOCAB)
    assert call(gcd.GrammarLogitsProcessor(compiled), [[0]]) == [[A]]
    assert call(gcd.GrammarLogitsProcessor(compiled, start="y"), [[0]]) == [[B]]
    with pytest.raises(ValueError, match="no start symbol 'z'"):
        gcd.GrammarLogitsProcessor(compiled, start="z")


def test_not_a_grammar():
    with pytest.raises(TypeError, match="CompiledGrammar"):
        gcd.GrammarLogitsProcessor(GRAMMAR)


@pytest.mark.parametrize("columns", [8, 9, 32, 33, 100])
def test_more_columns_than_the_vocabulary(processor, columns):
    assert call(processor, [[0]], columns) == [[A, C, BRA]]
    assert call(processor, [[0, C]], columns) == [[EOS, END]]
    assert call(processor, [[0, C, END]], columns) == [[EOS, END]]


def test_fewer_columns_than_the_vocabulary(processor):
    assert call(processor, [[0]], 3) == [[A, C]]
    with pytest.raises(gcd.MatcherError, match=r"the scores have 3 columns.*higher id"):
        call(processor, [[0, C]], 3)
    assert call(processor, [[0]], 6) == [[A, C, BRA]]
    assert call(processor, [[0, C]], 6) == [[EOS]]
    assert call(processor, [[0, C, EOS]], 6) == [[EOS]]
    assert call(processor, [[0, C, EOS, PAD]], 5) == [[A, B, C, BRA, KET]]  # no end in reach: anything finite


def test_token_past_the_vocabulary(processor):
    """A pad beyond the columns of the logits."""
    call(processor, [[0], [0]])
    assert call(processor, [[0, 99], [0, C]]) == [[EOS, END]] * 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_scores_apart(processor, dtype):
    scores = torch.zeros(2, 9, dtype=dtype)
    processor(torch.tensor([[0], [1]]), scores[:, :8])
    assert scores.isfinite().nonzero().tolist() == [[r, c] for r in range(2) for c in (A, C, BRA, 8)]


@pytest.mark.parametrize("shapes", [((2, 1), (1, 8)), ((2,), (2, 8)), ((2, 1), (8,))])
def test_shapes_that_dont_belong_together(processor, shapes):
    with pytest.raises(ValueError, match="matrices"):
        processor(torch.zeros(shapes[0], dtype=torch.int64), torch.zeros(shapes[1]))


# -- rows without a way on --------------------------------------------------------------------------------------------


def test_no_end_of_sequence():
    vocab = gcd.Vocabulary.from_bytes([b"a", b"b"])
    processor = gcd.GrammarLogitsProcessor(gcd.compile(gcd.Grammar.from_lark('start: "a"'), vocab))
    assert call(processor, [[0], [0]], 2) == [[0], [0]]
    with pytest.raises(gcd.MatcherError) as caught:
        call(processor, [[0, 1], [0, 0]], 2)
    assert caught.value.place == "row 1, generated token 1"
    assert "after 'a'" in caught.value.cause
    assert "no end-of-sequence" in caught.value.cause
    assert "eos_ids" in caught.value.remedy


def test_dead_end_raises_and_leaves_the_processor_usable(monkeypatch):
    """No row of minus infinity is handed on. Masks are cleared, as where viability was given up."""
    vocab = gcd.Vocabulary.from_bytes([b"a", b"b"], eos_ids=[1])
    processor = gcd.GrammarLogitsProcessor(gcd.compile(gcd.Grammar.from_lark('start: "a"~2'), vocab))
    call(processor, [[0], [0]], 2)

    def fill(matchers, bitmask):
        bitmask[:] = torch.tensor([[1], [0]])

    with monkeypatch.context() as patched:
        patched.setattr("gcd.prefix.masks.fill_bitmasks", fill)
        with pytest.raises(gcd.MatcherError, match=r"row 1, generated token 1: no token is allowed after 'a'.*become"):
            call(processor, [[0, 0], [0, 0]], 2)
    assert call(processor, [[0, 0], [0, 0]], 2) == [[0], [0]]


def test_the_same_scores_again(processor):
    """Prompt lookup asks with one tensor of ones for each token of its drafts."""
    ones = torch.ones(1, 8)
    for ids, allowed in (([0], [A, C, BRA]), ([0, A], [B, EOS, END]), ([0, A, B], [EOS, END])):
        assert processor(torch.tensor([ids]), ones).isfinite().nonzero()[:, 1].tolist() == allowed
    assert ones.tolist() == [[1.0] * 8]


def test_counters(processor):
    assert "0 calls" in repr(processor)
    for n in range(3):
        call(processor, [[0] * (n + 1)] * 2)
    assert (processor.calls, processor.rows) == (3, 6)
    assert 0 < processor.seconds < 1
    assert "3 calls" in repr(processor)


# -- several grammars, free rows, markers -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def other():
    return gcd.compile(gcd.Grammar.from_lark('start: "b"+ "c"'), VOCAB)


@pytest.mark.parametrize("columns", [8, 40])
def test_a_grammar_for_each_prompt(compiled, other, columns):
    """Two rows for each prompt, as with two sequences or two beams; free rows keep all columns."""
    processor = gcd.GrammarLogitsProcessor([compiled, None, other])
    free = list(range(columns))
    rows = [[7]] * 6
    assert call(processor, rows, columns) == [*[[A, C, BRA]] * 2, free, free, [B], [B]]
    rows = [[7, A], [7, BRA], [7, A], [7, EOS], [7, B], [7, B]]
    assert call(processor, rows, columns) == [[B, EOS, END], [A, C, BRA, KET], free, free, [B, C], [B, C]]
    rows = [[*rows[1], KET], [*rows[0], B], [*rows[3], PAD], [*rows[2], A], [*rows[4], C], [*rows[5], A]]
    assert call(processor, rows, columns) == [[EOS, END], [EOS, END], free, free, [EOS, END], [EOS, END]]
    assert (processor.compiled, processor.grammars) == (compiled, (compiled, None, other))
    with pytest.raises(ValueError, match="4 rows for 3 grammars"):
        call(processor, [[7]] * 4)


def test_free_rows_may_be_anything(compiled):
    """What another processor left of a free row isn't ours to judge."""
    processor = gcd.GrammarLogitsProcessor([None, compiled, None])
    scores = torch.full((3, 8), -math.inf)
    scores[1] = 0
    out = processor(torch.zeros(3, 1, dtype=torch.int64), scores)
    assert out.isfinite().nonzero().tolist() == [[1, A], [1, C], [1, BRA]]


def test_start_symbol_for_each_prompt():
    compiled = gcd.compile(gcd.Grammar.from_lark('x: "a"\ny: "b"', start=["x", "y"]), VOCAB)
    assert call(gcd.GrammarLogitsProcessor([compiled] * 2, start=["y", None]), [[0], [0]]) == [[B], [A]]
    with pytest.raises(ValueError, match="1 start symbols for 2 grammars"):
        gcd.GrammarLogitsProcessor([compiled] * 2, start=["x"])


def test_grammars_that_dont_fit(compiled):
    vocab = gcd.Vocabulary.from_bytes([b"a", b"b"], eos_ids=[1], width=8)
    foreign = gcd.compile(gcd.Grammar.from_lark('start: "a"'), vocab)
    with pytest.raises(ValueError, match="different vocabularies"):
        gcd.GrammarLogitsProcessor([compiled, None, foreign])
    for nothing in ([], [None]):
        with pytest.raises(ValueError, match="leave the processor out"):
            gcd.GrammarLogitsProcessor(nothing)
    for wrong in (None, [compiled, 1], [GRAMMAR]):
        with pytest.raises(TypeError, match="CompiledGrammar"):
            gcd.GrammarLogitsProcessor(wrong)


def test_markers(compiled):
    """Free up to the marker, the grammar, the second marker, free."""
    processor = gcd.GrammarLogitsProcessor(compiled, start_after="cc", stop_at=[PAD, B])
    steps = [
        ([], [A, B, C, BRA, KET, PAD]),
        ([B, C], [A, B, C, BRA, KET, PAD]),
        ([B, C, C], [A, C, BRA]),
        ([B, C, C, A], [B, PAD]),
        ([B, C, C, A, PAD], [B]),
        ([B, C, C, A, PAD, B], list(range(8))),
    ]
    rows = [[]]
    for generated, allowed in steps:
        while len(rows[0]) < 1 + len(generated):
            rows = [[7, *generated[: len(rows[0])]]]
            got = call(processor, rows)
        assert got == [allowed], generated
    with pytest.raises(ValueError, match="start_after is empty"):
        gcd.GrammarLogitsProcessor(compiled, start_after="")
    with pytest.raises(TypeError, match="stop_at must be text or token ids"):
        gcd.GrammarLogitsProcessor(compiled, stop_at=3)


# -- what others do to the scores -------------------------------------------------------------------------------------


def test_allowed_tokens_without_a_score(processor):
    """min_new_tokens and the like may forbid all that the grammar allows: an error, not a row of minus infinity."""
    call(processor, [[0], [0]])
    scores = torch.zeros(2, 8)
    scores[1, [EOS, END]] = -math.inf
    scores[1, B] = math.nan
    with pytest.raises(gcd.MatcherError) as caught:
        processor(torch.tensor([[0, C], [0, A]]), scores)
    assert caught.value.place == "row 1, generated token 1"
    assert "of the 3 that the grammar allows ('b', <end of sequence>, <end of sequence>)" in caught.value.cause
    assert "min_new_tokens" in caught.value.remedy
    scores = torch.zeros(2, 8)  # the processor is still good
    processor(torch.tensor([[0, C], [0, A]]), scores)
    assert scores.isfinite().nonzero()[:, 1].tolist() == [EOS, END, B, EOS, END]


@pytest.mark.parametrize("columns", [8, 5])
def test_ended_rows_have_a_score_whatever_others_did(processor, columns):
    """Sampling fails on a row of minus infinity, also if the host throws away what it draws there."""
    call(processor, [[0], [0], [0]])
    scores = torch.zeros(3, columns)
    scores[[0, 2]] = -math.inf
    out = processor(torch.tensor([[0, EOS], [0, A], [0, EOS]]), scores)
    ended = [EOS, END] if columns == 8 else list(range(5))
    goes_on = [B, EOS, END] if columns == 8 else [B]
    assert [row.isfinite().nonzero().flatten().tolist() for row in out] == [ended, goes_on, ended]


# -- threads ----------------------------------------------------------------------------------------------------------


def test_two_threads(compiled, processor):
    """Inside of each other's texts: an error that says so; one after the other is fine."""

    def in_thread(list_of_processors, ids):
        caught = []

        def work():
            try:
                list_of_processors(torch.tensor([ids]), torch.zeros(1, 8))
            except gcd.MatcherError as error:
                caught.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return caught

    mine = LogitsProcessorList([processor])
    mine(torch.tensor([[1]]), torch.zeros(1, 8))
    (error,) = in_thread(LogitsProcessorList([processor]), [2])
    assert "two threads" in error.cause
    assert "for each thread" in error.remedy
    out = mine(torch.tensor([[1, A]]), torch.zeros(1, 8))
    assert out.isfinite().nonzero()[:, 1].tolist() == [B, EOS, END]
    assert not in_thread(mine, [1, A, B])  # a list that moved to another thread is one caller still
    del mine
    assert not in_thread(LogitsProcessorList([processor]), [2])
    processor._busy.acquire()
    with pytest.raises(gcd.MatcherError, match="two threads"):
        call(processor, [[0]])
    processor._busy.release()


# -- outcomes ---------------------------------------------------------------------------------------------------------


def test_outcomes(compiled):
    processor = gcd.GrammarLogitsProcessor([compiled, None])
    call(processor, [[7, 7], [7, 7]])
    sequences = [[7, 7, BRA, KET, END, PAD], [7, 7, BRA, A, B, PAD], [7, 7, A, PAD, PAD, B], [7, 7, A, A, EOS, EOS]]
    ended, free = processor.outcomes(torch.tensor([sequences[0], sequences[3]]))
    assert ended == Outcome((BRA, KET), "()", ended=True, complete=True, refused=None)
    assert free == Outcome((A, A), "aa", ended=True, complete=None, refused=None)
    assert not ended.cut_off
    assert not free.cut_off
    for sequence, expected in (
        ([7, 7, BRA, A], Outcome((BRA, A), "(a", ended=False, complete=False, refused=None)),
        ([7, 7, A, A, EOS], Outcome((A, A), "aa", ended=True, complete=False, refused=1)),
        ([7, 7, A], Outcome((A,), "a", ended=False, complete=True, refused=None)),
        ([7, 7, BRA, END], Outcome((BRA,), "(", ended=True, complete=False, refused=None)),
        ([7, 7], Outcome((), "", ended=False, complete=False, refused=None)),
    ):
        outcome = processor.outcomes([sequence, [7, 7]])[0]
        assert outcome == expected
        assert outcome.cut_off == (expected.complete is False and expected.refused is None)
    with pytest.raises(ValueError, match="3 rows for 2 grammars"):
        processor.outcomes(sequences[:3])
