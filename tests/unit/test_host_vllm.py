"""The adapter for vLLM, driven as vLLM's source does (read from the wheel 0.33.0; it wasn't run here).

`V1Host` follows ``InputBatch`` (requests leave, others take their rows, the last rows move up, rows are swapped) and
``LogitsProcessors``; `V2Host` follows ``RequestState``, ``Sampler.add_request`` and the rows of drafts. Requests write
what the masked logits choose; each must be what a matcher of its own allows at each step.
"""

import dataclasses
import enum
import importlib
import random
import sys
import types
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
import pytest
import torch

import gcd

EOS, END = 5, 6
VOCAB = gcd.Vocabulary.from_bytes([b"a", b"b", b"c", b"(", b")"], eos_ids=[EOS, END], width=8)
GRAMMARS = {"brackets": 'start: "(" start* ")" | "a" "b"?', "letters": "start: LETTER~1..9\nLETTER: /[abc]/"}


class MoveDirectionality(enum.Enum):
    UNIDIRECTIONAL = enum.auto()
    SWAP = enum.auto()


class V1LogitsProcessor(ABC):
    @abstractmethod
    def __init__(self, vllm_config, device, is_pin_memory): ...
    @abstractmethod
    def apply(self, logits): ...
    @abstractmethod
    def is_argmax_invariant(self): ...
    @abstractmethod
    def update_state(self, batch_update): ...


class V2LogitsProcessor(ABC):
    def add_request(self, req_idx, sampling_params):
        return True

    def apply_staged_writes(self):  # noqa: B027 - as in vLLM
        pass

    @abstractmethod
    def apply(self, logits, ctx): ...


@dataclasses.dataclass
class Params:
    extra_args: dict | None = None
    all_stop_token_ids: frozenset = frozenset({EOS, END})


@dataclasses.dataclass
class BatchUpdate:
    batch_size: int
    removed: list
    added: list
    moved: list


CONFIG = types.SimpleNamespace(model_config=types.SimpleNamespace(get_vocab_size=lambda: 8))


@pytest.fixture
def module(monkeypatch, tmp_path):
    """The adapter, imported into a process where vLLM has these two interfaces."""
    names = "vllm", "vllm.v1", "vllm.v1.sample", "vllm.v1.sample.logits_processor"
    names += "vllm.v1.worker", "vllm.v1.worker.gpu", "vllm.v1.worker.gpu.sample"
    names += ("vllm.v1.worker.gpu.sample.logits_processor",)
    v1, v2 = f"{names[3]}.interface", f"{names[-1]}.interface"
    for name in (*names, v1, v2):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules[v1].LogitsProcessor = V1LogitsProcessor
    sys.modules[v1].MoveDirectionality = MoveDirectionality
    sys.modules[v2].LogitsProcessor = V2LogitsProcessor
    for name, text in GRAMMARS.items():
        gcd.compile(gcd.Grammar.from_lark(text), VOCAB).save(tmp_path / f"{name}.gcd")
    monkeypatch.setenv("GCD_GRAMMARS", str(tmp_path))
    monkeypatch.delitem(sys.modules, "gcd.hosts.vllm", raising=False)
    yield importlib.import_module("gcd.hosts.vllm")
    sys.modules.pop("gcd.hosts.vllm", None)


@pytest.fixture(scope="module")
def compiled():
    return {name: gcd.compile(gcd.Grammar.from_lark(text), VOCAB) for name, text in GRAMMARS.items()}


class Request:
    def __init__(self, rng, serial):
        asked = rng.choice([None, "brackets", "letters", {"grammar": "letters", "start_after": "cc", "stop_at": [7]}])
        self.params = Params(None if asked is None else {"gcd": asked})
        self.name = asked if isinstance(asked, str) else None
        self.framed = isinstance(asked, dict)
        self.prompt = [rng.randrange(8) for _ in range(rng.randrange(1, 4))]
        self.output = []
        self.serial = serial

    def expected(self, compiled, ids):
        """What may follow the output and some drafts; None: not judged here."""
        if self.framed:
            return None
        if self.name is None:
            return list(range(8))
        matcher = compiled[self.name].matcher()
        if matcher.accept_tokens(ids) < len(ids):
            return [EOS, END]
        return [t for t in range(8) if matcher.check(t)] or [EOS, END]

    @property
    def done(self):
        return len(self.output) > 12 or (self.output and self.output[-1] in (EOS, END))


def finite(row):
    return row.isfinite().nonzero().flatten().tolist()


class V1Host:
    """InputBatch: rows stay side by side; changes are told in an update."""

    def __init__(self, processor, rng):
        self.processor, self.rng, self.rows, self.serial = processor, rng, [], 0

    def step(self, compiled):
        removed = [i for i, r in enumerate(self.rows) if r.done or self.rng.random() < 0.05]
        for i in removed:
            self.rows[i] = None
        added, moved = [], []
        for _ in range(self.rng.randrange(3)):
            request = Request(self.rng, self.serial)
            self.serial += 1
            if removed:  # the lowest row that became free
                index = min(removed)
                removed.remove(index)
                self.rows[index] = request
            else:
                index = len(self.rows)
                self.rows.append(request)
            added.append((index, request.params, request.prompt, request.output))
        left = sorted(removed)
        while left:  # condense: the last row moves to the lowest free one
            while self.rows and self.rows[-1] is None:
                self.rows.pop()
            left = [i for i in left if i < len(self.rows)]
            if left:
                target, source = left.pop(0), len(self.rows) - 1
                self.rows[target] = self.rows.pop()
                moved.append((source, target, MoveDirectionality.UNIDIRECTIONAL))
        if len(self.rows) > 1 and self.rng.random() < 0.3:
            a, b = self.rng.sample(range(len(self.rows)), 2)
            self.rows[a], self.rows[b] = self.rows[b], self.rows[a]
            moved.append((a, b, MoveDirectionality.SWAP))
        changed = removed or added or moved
        self.processor.update_state(
            BatchUpdate(len(self.rows), sorted(removed, reverse=True), added, moved) if changed else None
        )
        if not self.rows:
            return 0
        logits = torch.zeros(len(self.rows), 8)
        assert self.processor.apply(logits) is logits
        for request, row in zip(self.rows, logits, strict=True):
            expected = request.expected(compiled, request.output)
            assert expected is None or finite(row) == expected
            request.output.append(self.rng.choice(finite(row)))
        return len(self.rows)


def test_v1(module, compiled):
    rng = random.Random(0)
    processor = module.GrammarLogitsProcessor(CONFIG, torch.device("cpu"), False)
    assert not processor.is_argmax_invariant()
    host = V1Host(processor, rng)
    assert sum(host.step(compiled) for _ in range(400)) > 800
    assert len(processor._requests) <= len(host.rows)


def test_v2(module, compiled):
    """Slots are used again; drafts have rows of their own, of which some are taken back."""
    rng = random.Random(1)
    slots = 5
    tokens = torch.zeros(slots, 64, dtype=torch.int32)
    states = types.SimpleNamespace(
        all_token_ids=types.SimpleNamespace(gpu=tokens),
        prompt_len=types.SimpleNamespace(np=np.zeros(slots, dtype=np.int32)),
    )
    processor = module.GrammarLogitsProcessor(CONFIG, states)
    assert isinstance(processor, V2LogitsProcessor)
    requests, serial, judged = {}, 0, 0
    for _ in range(300):
        for slot in [s for s, r in requests.items() if r.done]:
            del requests[slot]
        for slot in sorted(set(range(slots)) - set(requests))[: rng.randrange(3)]:
            request = requests[slot] = Request(rng, serial)
            serial += 1
            if rng.random() < 0.2 and request.name:  # resumed: it comes with some output
                matcher = compiled[request.name].matcher()
                for _ in range(3):
                    allowed = [t for t in range(5) if matcher.check(t)]
                    request.output += [t for t in allowed[:1] if matcher.accept(t)]
            states.prompt_len.np[slot] = len(request.prompt)
            known = [*request.prompt, *request.output]
            tokens[slot, : len(known)] = torch.tensor(known)
            asked = processor.add_request(slot, request.params)
            assert asked == (request.params.extra_args is not None)
        processor.apply_staged_writes()
        rows = []  # (slot, offset, token fed, position, output and drafts before it)
        for slot in rng.sample(sorted(requests), len(requests)):
            request = requests[slot]
            drafts = [rng.randrange(8) for _ in range(rng.randrange(3))]
            fed = [(request.prompt + request.output)[-1], *drafts]
            at = len(request.prompt) + len(request.output) - 1
            rows += [(slot, k, t, at + k, request.output + drafts[:k]) for k, t in enumerate(fed)]
        if not rows:
            continue
        logits = torch.zeros(len(rows), 8)
        ctx = types.SimpleNamespace(
            expanded_idx_mapping=torch.tensor([r[0] for r in rows]),
            expanded_local_pos=torch.tensor([r[1] for r in rows]),
            input_ids=torch.tensor([r[2] for r in rows]),
            pos=torch.tensor([r[3] for r in rows]),
        )
        assert processor.apply(logits, ctx) is logits
        chosen, going = {}, True
        for (slot, offset, token, _, ids), row in zip(rows, logits, strict=True):
            expected = requests[slot].expected(compiled, ids)
            assert expected is None or finite(row) == expected, (ids, finite(row))
            judged += expected is not None
            if offset == 0:
                chosen[slot], going = [rng.choice(finite(row))], True
            else:  # a draft is kept if it was chosen before it, and so were all before it
                going = going and chosen[slot][-1] == token
                chosen[slot] += [rng.choice(finite(row))] if going else []
        for slot, request in requests.items():
            request.output += chosen[slot]
            known = [*request.prompt, *request.output]
            tokens[slot, : len(known)] = torch.tensor(known)
    assert judged > 500


def test_a_vllm_without_the_second_runner(module, monkeypatch):
    monkeypatch.delitem(sys.modules, "vllm.v1.worker.gpu.sample.logits_processor.interface")
    monkeypatch.delitem(sys.modules, "gcd.hosts.vllm")
    adapter = importlib.import_module("gcd.hosts.vllm").GrammarLogitsProcessor
    assert issubclass(adapter, V1LogitsProcessor)
    assert not issubclass(adapter, V2LogitsProcessor)


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        (3, "give a grammar's name"),
        ({}, "give a grammar's name"),
        ("../secret", "is no grammar's name"),
        ("a" * 200, "is no grammar's name"),
        (".hidden", "is no grammar's name"),
        ({"grammar": "letters", "startafter": "x"}, "unknown option 'startafter'"),
        ({"grammar": "letters", "start": 3}, "start must be"),
        ({"grammar": "letters", "stop_at": [1.5]}, "stop_at must be text or a list of token ids"),
        ({"grammar": "letters", "stop_at": [True]}, "stop_at must be text or a list of token ids"),
    ],
)
def test_bad_requests_are_refused_at_the_door(module, asked, match):
    with pytest.raises(ValueError, match=match):
        module.GrammarLogitsProcessor.validate_params(Params({"gcd": asked}))


def test_good_requests_pass_the_door(module):
    for asked in ("letters", {"grammar": "letters", "start": "start", "start_after": "x", "stop_at": [7]}):
        module.GrammarLogitsProcessor.validate_params(Params({"gcd": asked}))
    module.GrammarLogitsProcessor.validate_params(Params({"other": 1}))
    module.GrammarLogitsProcessor.validate_params(Params())


@pytest.mark.parametrize(
    "asked", ["nosuch", {"grammar": "letters", "start": "x"}, {"grammar": "letters", "stop_at": [99]}]
)
def test_what_is_wrong_later_ends_the_request_alone(module, caplog, asked):
    """The engine lives, the error is in its log, the others go on."""
    processor = module.GrammarLogitsProcessor(CONFIG, torch.device("cpu"), False)
    added = [(0, Params({"gcd": asked}), [1], []), (1, Params({"gcd": "letters"}), [1], []), (2, Params(), [1], [])]
    processor.update_state(BatchUpdate(3, [], added, []))
    logits = processor.apply(torch.zeros(3, 8))
    assert [finite(row) for row in logits] == [[EOS, END], [0, 1, 2], list(range(8))]
    assert "a request may only end" in caplog.text


def test_placeholders(module, caplog):
    """Asynchronous scheduling: tokens that aren't known when they are needed are an error, not a text."""
    processor = module.GrammarLogitsProcessor(CONFIG, torch.device("cpu"), False)
    output = []
    processor.update_state(BatchUpdate(1, [], [(0, Params({"gcd": "brackets"}), [1], output)], []))
    processor.apply(torch.zeros(1, 8))
    output += [3, 0]
    assert finite(processor.apply(torch.zeros(1, 8))[0]) == [0, 1, 3, 4]
    del output[1:]  # discarded after a failure
    assert finite(processor.apply(torch.zeros(1, 8))[0]) == [0, 3, 4]
    output.append(-1)
    assert finite(processor.apply(torch.zeros(1, 8))[0]) == [EOS, END]
    assert "asynchronous scheduling" in caplog.text
    assert "logits_processors=" in caplog.text


def test_no_way_on_ends_the_request_alone(module, caplog):
    processor = module.GrammarLogitsProcessor(CONFIG, torch.device("cpu"), False)
    processor.update_state(BatchUpdate(1, [], [(i, Params({"gcd": "letters"}), [1], []) for i in (0, 1)], []))
    for _ in range(2):
        logits = torch.zeros(2, 8)
        logits[0, :3] = -torch.inf
        assert [finite(row) for row in processor.apply(logits)] == [[EOS, END], [0, 1, 2]]
    assert caplog.text.count("a request may only end") == 1


def test_a_grammar_of_another_model(module, caplog):
    config = types.SimpleNamespace(model_config=types.SimpleNamespace(get_vocab_size=lambda: 4))
    processor = module.GrammarLogitsProcessor(config, torch.device("cpu"), False)
    processor.update_state(BatchUpdate(1, [], [(0, Params({"gcd": "letters"}, frozenset({3})), [1], [])], []))
    assert finite(processor.apply(torch.zeros(1, 4))[0]) == [3]
    assert "compiled for 8 columns, the model has 4" in caplog.text


def test_the_entry_point():
    """What vLLM finds when both are installed."""
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert '[project.entry-points."vllm.logits_processors"]\ngcd = "gcd.hosts.vllm:GrammarLogitsProcessor"' in text
