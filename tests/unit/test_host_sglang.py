"""The adapter for SGLang, driven as SGLang's source does (read from the wheel 0.5.23; it wasn't run here).

`Server` follows ``BaseGrammarBackend.get_cached_or_future_value``, ``SamplingBatchInfo.update_regex_vocab_mask``, the
result processor's ``accept_token`` and, for trees of drafts, ``spec_utils.traverse_tree``.
"""

import dataclasses
import importlib
import random
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
import torch

import gcd

TOKENS = [b"a", b"b", b"c", b"(", b")", b"ab", b"((", b"caf\xc3", b"\xa9"]
EOS, END = len(TOKENS), len(TOKENS) + 1
WIDTH = 40  # the model's: more than the vocabulary has
BRACKETS = 'start: "(" start* ")" | "a" "b"?'
REGISTRY = {}


class GrammarRow(NamedTuple):
    row: int
    grammar: object


@dataclasses.dataclass
class GrammarStats:
    compilation_time: float | None = None
    is_cache_hit: bool = False


class BaseGrammarObject:
    def __init__(self):
        self.finished = False
        self.grammar_stats = None
        self.current_token = None

    def maybe_init_reasoning(self, reasoning): ...

    @staticmethod
    def fill_vocab_mask_batched(entries, vocab_mask):
        for entry in entries:
            entry.grammar.fill_vocab_mask(vocab_mask, entry.row)


class InvalidGrammarObject(BaseGrammarObject):
    def __init__(self, error_message="Unknown grammar error"):
        super().__init__()
        self.error_message = error_message


class BaseGrammarBackend:
    def __init__(self):
        self.executor = ThreadPoolExecutor(2)
        self.cache = {}

    def _not_supported(self, key_type, key_string):
        return InvalidGrammarObject()

    def dispatch_json(self, key_string):
        return self._not_supported("json", key_string)

    def dispatch(self, key):
        return getattr(self, f"dispatch_{key[0]}")(key[1])

    def get_cached_or_future_value(self, key):
        if key in self.cache:
            copied = self.cache[key].copy()
            copied.maybe_init_reasoning(False)
            return copied, True
        return self.executor.submit(self.dispatch, key), False


@pytest.fixture
def backend(monkeypatch, tmp_path):
    """The adapter's backend, made as SGLang makes it, on a vocabulary instead of a tokenizer."""
    names = "sglang", "sglang.srt", "sglang.srt.constrained", "sglang.srt.constrained.base_grammar_backend"
    for name in names:
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    base = sys.modules[names[-1]]
    for item in (BaseGrammarBackend, BaseGrammarObject, GrammarStats, InvalidGrammarObject):
        setattr(base, item.__name__, item)
    base.register_grammar_backend = REGISTRY.__setitem__
    monkeypatch.delitem(sys.modules, "gcd.hosts.sglang", raising=False)
    adapter = importlib.import_module("gcd.hosts.sglang")

    def from_pretrained(tokenizer, width, eos_ids):
        assert tokenizer == "the model's tokenizer"
        return gcd.Vocabulary.from_bytes(TOKENS, eos_ids=eos_ids, width=width)

    monkeypatch.setattr(gcd.Vocabulary, "from_pretrained", from_pretrained)
    monkeypatch.setenv("GCD_GRAMMARS", str(tmp_path))
    adapter.register(limits=gcd.Limits(max_grammar_bytes=10_000))
    made = REGISTRY["gcd"](object(), "the model's tokenizer", WIDTH, {EOS, END})
    yield made
    made.executor.shutdown()
    sys.modules.pop("gcd.hosts.sglang", None)


def grammar(backend, key):
    value, hit = backend.get_cached_or_future_value(key)
    if not hit:
        value = value.result()
        if not isinstance(value, InvalidGrammarObject):
            backend.cache[key] = value.copy()
    return value


def masked(grammars, columns=WIDTH):
    """The logits of a batch after update_regex_vocab_mask and GrammarMask.apply; None: a request without a grammar."""
    first = next(g for g in grammars if g)
    vocab_mask = first.allocate_vocab_mask(vocab_size=columns, batch_size=len(grammars), device="cpu")
    entries = [GrammarRow(i, g) for i, g in enumerate(grammars) if g and not g.finished and not g.is_terminated()]
    first.fill_vocab_mask_batched(entries, vocab_mask)
    vocab_mask = first.move_vocab_mask(vocab_mask, "cpu")
    logits = torch.zeros(len(grammars), columns)
    first.apply_vocab_mask(logits=logits, vocab_mask=vocab_mask)
    return [row.isfinite().nonzero().flatten().tolist() for row in logits]


def expected(backend, text, ids):
    matcher = gcd.compile(gcd.Grammar.from_lark(text), backend.vocab).matcher()
    assert matcher.accept_tokens(ids) == len(ids)
    return [t for t in range(WIDTH) if matcher.check(t)]


def test_batches(backend):
    """Requests with the same grammar, another, none; each ends by itself."""
    rng = random.Random(0)
    texts = [BRACKETS, BRACKETS, None, 'start: ("a" | "b" | "c")+', BRACKETS]
    for _ in range(5):
        grammars = [None if text is None else grammar(backend, ("ebnf", text)) for text in texts]
        outputs = [[] for _ in texts]
        for _ in range(15):
            for text, g, ids, allowed in zip(texts, grammars, outputs, masked(grammars), strict=True):
                if g is None or g.is_terminated():
                    assert allowed == list(range(WIDTH))
                    continue
                assert allowed == expected(backend, text, ids)
                ids.append(rng.choice(allowed))
                g.accept_token(ids[-1])
                assert g.current_token == ids[-1]
                assert g.is_terminated() == (ids[-1] in (EOS, END))
                g.accept_token(0) if g.is_terminated() else None  # as after a finish: ignored
    assert grammar(backend, ("ebnf", BRACKETS)).grammar_stats.is_cache_hit


def test_rows_one_by_one_and_of_others(backend):
    """What is filled alone leaves the other rows; a batch with foreign objects is filled one by one."""
    mine = grammar(backend, ("ebnf", BRACKETS))
    mask = mine.allocate_vocab_mask(vocab_size=100, batch_size=3, device="cpu")
    mine.fill_vocab_mask(mask, 1)
    assert mask[0].tolist() == mask[2].tolist() == [-1] * 4
    assert mask[1, 1:].tolist() == [0, 0, 0]

    class Foreign(BaseGrammarObject):
        def fill_vocab_mask(self, vocab_mask, idx):
            vocab_mask[idx] = 7

    mine.reset_vocab_mask(mask)
    mine.fill_vocab_mask_batched([GrammarRow(0, Foreign()), GrammarRow(2, mine)], mask)
    assert mask[0].tolist() == [7] * 4
    assert mask[1].tolist() == [-1] * 4
    assert mask[2, 1:].tolist() == [0, 0, 0]
    mine.fill_vocab_mask_batched([], mask)


def test_trees_of_drafts(backend):
    """traverse_tree: into a child where the parent's mask allows it, then back and on to the sibling."""
    rng = random.Random(2)
    g = grammar(backend, ("ebnf", BRACKETS))
    ids = []
    for _ in range(60):
        n = 7
        tokens = [ids[-1] if ids else 0, *(rng.randrange(EOS + 2) for _ in range(n - 1))]
        parents = [-1, *(rng.randrange(i) for i in range(1, n))]
        children = [[i for i in range(n) if parents[i] == p] for p in range(n)]
        mask = g.allocate_vocab_mask(vocab_size=WIDTH, batch_size=n, device="cpu")
        paths = {}

        def visit(node, path, g=g, tokens=tokens, parents=parents, children=children, mask=mask, paths=paths):
            if node:
                parent = mask[parents[node]]
                if not parent[tokens[node] // 32] & (1 << tokens[node] % 32):
                    return
                g.accept_token(tokens[node])
                path = [*path, tokens[node]]
            if not g.is_terminated():
                g.fill_vocab_mask(mask, node)
                paths[node] = path
                for child in children[node]:
                    visit(child, path)
            if node:
                g.rollback(1)

        visit(0, ids)
        for node, path in paths.items():
            bits = [t for t in range(WIDTH) if mask[node, t // 32] >> t % 32 & 1]
            assert bits == expected(backend, BRACKETS, path)
        ids.append(rng.choice([t for t in expected(backend, BRACKETS, ids) if t < EOS] or [EOS]))
        if ids[-1] == EOS:
            g, ids = g.copy(), []
        else:
            g.accept_token(ids[-1])


def test_refused_tokens_abort_the_request(backend):
    """accept_token raises ValueError, which the scheduler turns into an abort of that request."""
    g = grammar(backend, ("ebnf", BRACKETS))
    for token in (1, EOS, WIDTH, -1):
        with pytest.raises(ValueError, match="isn't allowed after 0 tokens"):
            g.accept_token(token)
    g.accept_token(3)
    assert "1 tokens" in repr(g)


def test_jump_forward(backend):
    """Forced text, whole characters only; then the tokens that the server made of it."""
    g = grammar(backend, ("regex", "ab[ab]"))
    assert g.try_jump_forward(None) is None  # this vocabulary hasn't every byte: nothing is known to be forced
    g = grammar(backend, ("ebnf", 'start: "a" "b" "a" "b" "c"'))
    g.accept_token(0)
    g.accept_token(1)
    g.jump_and_retokenize([0, 1], [5, 0, 1], -1)
    assert masked([g]) == [[2]]
    with pytest.raises(ValueError, match="isn't allowed"):
        g.jump_and_retokenize([5, 0, 1], [5, 0, 0], -1)


def test_jump_forward_with_every_byte(backend):
    vocab = gcd.Vocabulary.from_bytes([bytes([b]) for b in range(256)], eos_ids=[256], width=257)
    compiled = gcd.compile(gcd.Grammar.from_lark('start: "né" ("à" | "á")'), vocab)
    g = type(grammar(backend, ("ebnf", BRACKETS)))(compiled.matcher(), compiled, "né")
    helper = g.try_jump_forward(None)
    assert g.jump_forward_str_state(helper) == ("né", -1)
    assert len(g.matcher.forced_bytes()) == 4  # the first half of a character is forced, too
    g.accept_token(ord("n"))
    assert g.try_jump_forward(None) == ([], "é")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (("ebnf", "start: nothing"), "nothing"),
        (("ebnf", "/etc/grammar.lark"), "grammar"),
        (("ebnf", 'start: "x"~1..900000'), "max_repeat"),
        (("ebnf", "a" * 20_000), "max_grammar_bytes"),
        (("ebnf", '%import .other\nstart: "a"'), "import"),
        (("ebnf", "gcd:nosuch"), "no grammar 'nosuch'"),
        (("ebnf", "gcd:../x"), "is no grammar's name"),
        (("regex", "("), "unterminated"),
        (("regex", r"(a)\1"), "reference"),
        (("json", "{}"), "Unknown grammar error"),
    ],
)
def test_what_cant_be_compiled_is_the_requests_error(backend, key, message):
    value = grammar(backend, key)
    assert isinstance(value, InvalidGrammarObject)
    assert message in value.error_message


def test_artefacts(backend, tmp_path):
    compiled = gcd.compile(gcd.Grammar.from_lark('start: "c" "a"'), backend.vocab)
    compiled.save(tmp_path / "ca.gcd")
    assert masked([grammar(backend, ("ebnf", "gcd:ca"))]) == [[2]]
    other = gcd.Vocabulary.from_bytes([b"a"], eos_ids=[1], width=2)
    gcd.compile(gcd.Grammar.from_lark('start: "a"'), other).save(tmp_path / "other.gcd")
    assert "another vocabulary" in grammar(backend, ("ebnf", "gcd:other")).error_message
    gcd.compile(gcd.Grammar.from_lark('start: "b"'), backend.vocab).save(tmp_path / "new.gcd")
    (tmp_path / "new.gcd").replace(tmp_path / "ca.gcd")
    backend.cache.clear()
    assert masked([grammar(backend, ("ebnf", "gcd:ca"))]) == [[1]]  # a file that was replaced is read again
