"""Bitmasks: allocation, application to logits of every kind, empty rows."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import gcd
from gcd.bitmask import first_row_without_score

WIDTHS = [1, 31, 32, 33, 63, 64, 65, 127, 1000]
DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64]


def pack(allowed, words=None):
    """Booleans (batch, width) to int32 (batch, words), bit by bit."""
    words = -(-len(allowed[0]) // 32) if words is None else words
    rows = []
    for row in allowed:
        values = [sum(1 << j for j in range(32) if 32 * w + j < len(row) and row[32 * w + j]) for w in range(words)]
        rows.append([v - (1 << 32) if v >= 1 << 31 else v for v in values])
    return torch.tensor(rows, dtype=torch.int32).reshape(len(rows), words)


def random_allowed(batch, width, density, seed=0):
    return np.random.default_rng(seed).random((batch, width)) < density


def assert_applied(logits, before, allowed):
    """What is allowed is as before, bit for bit; all else, also what lies past the mask, is -inf."""
    for r in range(before.shape[0]):
        for c in range(before.shape[1]):
            kept = c < allowed.shape[1] and allowed[r, c]
            expected = before[r, c].item() if kept else -math.inf
            assert logits[r, c].item() == expected, (r, c)


# -- allocation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "words"), [(1, 1), (31, 1), (32, 1), (33, 2), (64, 2), (65, 3), (128256, 4008)])
def test_allocate(width, words):
    bitmask = gcd.allocate_token_bitmask(3, width)
    assert isinstance(bitmask, torch.Tensor)
    assert (bitmask.shape, bitmask.dtype, bitmask.device.type) == ((3, words), torch.int32, "cpu")
    assert not bitmask.any()


def test_allocate_nothing():
    assert gcd.allocate_token_bitmask(0, 100).shape == (0, 4)


@pytest.mark.parametrize(("batch", "width"), [(-1, 5), (1, 0), (1, -3)])
def test_allocate_refuses(batch, width):
    with pytest.raises(ValueError, match="must be at least"):
        gcd.allocate_token_bitmask(batch, width)


@pytest.mark.parametrize(
    ("hidden", "kind"), [(["torch"], "numpy.ndarray"), (["torch", "numpy"], "builtins.memoryview")]
)
def test_without_torch_or_numpy(hidden, kind):
    """The mask of "a": allocated, filled and applied, without the libraries."""
    code = f"""
import sys
hidden = {hidden}
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in hidden:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Finder())
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in hidden else real(name, package)
import gcd
from array import array
vocab = gcd.Vocabulary.from_bytes([b"a", b"b", None], eos_ids=[2], width=40)
matcher = gcd.compile(gcd.Grammar.from_lark('start: "a"'), vocab).matcher()
bitmask = gcd.allocate_token_bitmask(2, vocab.width)
assert (bitmask.shape, bitmask.itemsize) == ((2, 2), 4)
matcher.fill_bitmask(bitmask, row=1)
logits = array("f", range(80))
gcd.apply_token_bitmask_inplace(memoryview(logits).cast("B").cast("f", (2, 40)), bitmask)
assert [x for x in logits if x > float("-inf")] == [40.0], logits
print(type(bitmask).__module__ + "." + type(bitmask).__name__, *{{"torch", "numpy"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == kind
    assert not set(hidden) & set(done.stdout.split()[1:])


# -- application ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("density", [0.0, 0.01, 0.5, 1.0])
def test_apply(dtype, width, density):
    allowed = random_allowed(3, width, density)
    logits = torch.randn(3, width).to(dtype)
    before = logits.clone()
    gcd.apply_token_bitmask_inplace(logits, pack(allowed))
    assert_applied(logits, before, allowed)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_apply_all_shapes(data):
    """Any batch, columns more or fewer than the mask's, rows apart, offsets into storage; neighbours untouched."""
    batch, columns = data.draw(st.integers(0, 4)), data.draw(st.integers(1, 130))
    words, gap, offset = data.draw(st.integers(1, 5)), data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3))
    dtype = data.draw(st.sampled_from(DTYPES))
    seed = data.draw(st.integers(0, 1 << 16))
    allowed = random_allowed(batch, words * 32, data.draw(st.sampled_from([0, 0.1, 0.5, 0.9, 1])), seed)
    storage = torch.randn(offset + batch * (columns + gap) + 5).to(dtype)
    whole = storage.clone()
    logits = storage.as_strided((batch, columns), (columns + gap, 1), offset)
    before = logits.clone()
    mask = pack(allowed, words) if batch else torch.zeros((0, words), dtype=torch.int32)
    gcd.apply_token_bitmask_inplace(logits, mask)
    assert_applied(logits, before, allowed)
    logits.copy_(before)
    assert torch.equal(storage, whole)


def test_rows_apart_as_repetition_penalty_leaves_them():
    storage = torch.zeros(2, 41)
    logits = storage[:, :40]
    assert not logits.is_contiguous()
    gcd.apply_token_bitmask_inplace(logits, torch.tensor([[1, 0], [0, 1 << 7]], dtype=torch.int32))
    assert (logits > -math.inf).nonzero().tolist() == [[0, 0], [1, 39]]
    assert not storage[:, 40].any()


def test_masks_apart():
    masks = torch.tensor([[1, 7, 7], [2, 7, 7]], dtype=torch.int32)[:, :1]
    logits = torch.zeros(2, 32)
    gcd.apply_token_bitmask_inplace(logits, masks)
    assert (logits > -math.inf).nonzero().tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize("make", [lambda t: t.T, lambda t: t[:, ::2], lambda t: t.clone().requires_grad_()])
def test_strange_tensors_take_the_general_way(make):
    """Columns apart; a leaf that autograd watches must refuse rather than be written behind its back."""
    logits = make(torch.randn(8, 8))
    batch, columns = logits.shape
    allowed = random_allowed(batch, columns, 0.5)
    before = logits.detach().clone()
    if logits.requires_grad:
        with pytest.raises(RuntimeError, match="leaf"):
            gcd.apply_token_bitmask_inplace(logits, pack(allowed))
        logits = logits * 1
    gcd.apply_token_bitmask_inplace(logits, pack(allowed))
    assert_applied(logits.detach(), before, allowed)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("columns", "words"), [(40, 2), (40, 1), (100, 2), (64, 2), (5, 3)])
def test_the_way_for_other_devices_agrees(dtype, columns, words, monkeypatch):
    """What runs on an accelerator, run on the CPU: a subclass of Tensor doesn't go the native way."""

    class Elsewhere(torch.Tensor):
        pass

    monkeypatch.setattr("gcd.bitmask.native.apply", lambda *_: pytest.fail("went the native way"))
    allowed = random_allowed(2, words * 32, 0.5)
    logits = torch.randn(2, columns).to(dtype)
    before = logits.clone()
    gcd.apply_token_bitmask_inplace(logits.as_subclass(Elsewhere), pack(allowed))
    assert_applied(logits, before, allowed)


def test_vectors():
    logits = torch.zeros(40)
    gcd.apply_token_bitmask_inplace(logits, torch.tensor([0, 1], dtype=torch.int32))
    assert (logits > -math.inf).nonzero().tolist() == [[32]]
    gcd.apply_token_bitmask_inplace(logits, torch.tensor([[1, 0]], dtype=torch.int32))
    assert (logits == -math.inf).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("view", [slice(None), slice(None, None, 2), slice(None, None, -1)])
def test_numpy(dtype, view):
    logits = np.random.default_rng(0).normal(size=(4, 70)).astype(dtype)[view]
    before = logits.copy()
    allowed = random_allowed(len(logits), 70, 0.5)
    gcd.apply_token_bitmask_inplace(logits, pack(allowed).numpy())
    assert_applied(logits, before, allowed)


def test_nan_and_inf_that_are_allowed_stay():
    logits = torch.tensor([[math.nan, math.inf, math.nan]])
    gcd.apply_token_bitmask_inplace(logits, torch.tensor([[0b011]], dtype=torch.int32))
    assert math.isnan(logits[0, 0])
    assert logits[0, 1:].tolist() == [math.inf, -math.inf]


@pytest.mark.parametrize(
    ("logits", "bitmask", "error", "match"),
    [
        (torch.zeros(2, 40), torch.zeros(1, 2, dtype=torch.int32), ValueError, "shape"),
        (torch.zeros(40), torch.zeros(2, 2, dtype=torch.int32), ValueError, "shape"),
        (torch.zeros(2, 40), torch.zeros(2, 2, dtype=torch.int64), TypeError, "int32"),
        (torch.zeros(2, 40), [[1, 2], [3, 4]], TypeError, "int32 tensor or buffer"),
        (torch.zeros(2, 40), np.zeros((2, 2), dtype=np.float32), TypeError, "int32"),
        (torch.zeros(2, 40, dtype=torch.int32), torch.zeros(2, 2, dtype=torch.int32), TypeError, "float32"),
        (torch.zeros(1, 2, 40), torch.zeros(2, 2, dtype=torch.int32), TypeError, "dimensions"),
        ([0.0] * 40, torch.zeros(2, dtype=torch.int32), TypeError, "tensor or a writable buffer"),
        (b"\0" * 160, torch.zeros(2, dtype=torch.int32), TypeError, "writable"),
        (np.zeros((2, 80), dtype=np.float32)[:, ::2], np.zeros((2, 2), dtype=np.int32), ValueError, "side by side"),
        (torch.zeros(2, 40), torch.zeros(2, 2, dtype=torch.int32).T, ValueError, "side by side"),
    ],
)
def test_apply_refuses(logits, bitmask, error, match):
    with pytest.raises(error, match=match):
        gcd.apply_token_bitmask_inplace(logits, bitmask)


# -- rows without a score ---------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 4),
    st.integers(1, 100),
    st.integers(1, 4),
    st.integers(0, 1 << 16),
    st.sampled_from([torch.float32, torch.float16, torch.bfloat16, torch.float64]),
)
def test_first_row_without_score(batch, columns, words, seed, dtype):
    """Minus infinity and not-a-number are no scores; the native answer is that of torch, for apart rows, too."""
    allowed = random_allowed(batch, words * 32, 0.1, seed)
    mask = pack(allowed, words) if batch else torch.zeros((0, words), dtype=torch.int32)
    rng = np.random.default_rng(seed)
    values = torch.tensor([-math.inf, math.nan, -math.nan, math.inf, -3.0, 0.0, 1e-8], dtype=dtype)
    logits = values[torch.from_numpy(rng.choice(7, (batch, columns + 3), p=[0.6, 0.15, 0.15, 0.02, 0.03, 0.03, 0.02]))]
    logits = logits[:, :columns]
    gcd.apply_token_bitmask_inplace(logits, mask)
    without = [r for r in range(batch) if not (logits[r] > -math.inf).any()]
    expected = without[0] if without else None
    assert first_row_without_score(logits, mask) == expected
    assert first_row_without_score(logits.clone().requires_grad_(), mask) == expected  # the way of other devices


# -- filling ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def matcher():
    vocab = gcd.Vocabulary.from_bytes([b"a", b"b", None] + [b"c"] * 31, eos_ids=[2])
    return gcd.compile(gcd.Grammar.from_lark('start: "c"+'), vocab).matcher()


@pytest.mark.parametrize("kind", [torch.tensor, lambda x, dtype: np.array(x, "i4")])
def test_fill(matcher, kind):
    bitmask = kind([[7, 7]] * 3, dtype=torch.int32)
    matcher.fill_bitmask(bitmask, row=1)
    assert bitmask.tolist() == [[7, 7], [-8, 3], [7, 7]]


def test_fill_rows_apart_and_vectors(matcher):
    whole = torch.full((3, 4), 7, dtype=torch.int32)
    matcher.fill_bitmask(whole[:, 1:3], row=2)
    assert whole.tolist() == [[7] * 4, [7] * 4, [7, -8, 3, 7]]
    vector = torch.zeros(2, dtype=torch.int32)
    matcher.fill_bitmask(vector)
    assert vector.tolist() == [-8, 3]


def test_fill_after_another_tensor(matcher):
    """What is remembered of the tensor seen last is not taken for another one's."""
    small, large = torch.zeros(1, 2, dtype=torch.int32), torch.zeros(5, 2, dtype=torch.int32)
    matcher.fill_bitmask(large, row=4)
    with pytest.raises(IndexError):
        matcher.fill_bitmask(small, row=4)
    matcher.fill_bitmask(large, row=3)
    assert large.any(1).tolist() == [False, False, False, True, True]


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_fill_a_batch(matcher, threads):
    """The same rows as one by one; None leaves its row, an ended matcher's is zero."""
    moved, ended = matcher.fork(), matcher.fork()
    assert moved.accept(3)
    assert ended.accept_tokens([3, 2]) == 2
    bitmask = torch.full((4, 2), 7, dtype=torch.int32)
    gcd.fill_bitmasks([moved, None, matcher, ended], bitmask, threads=threads)
    expected = torch.full((4, 2), 7, dtype=torch.int32)
    for row, one in ((0, moved), (2, matcher), (3, ended)):
        one.fill_bitmask(expected, row)
    assert bitmask.tolist() == expected.tolist()
    assert bitmask[3].tolist() == [0, 0]


def test_fill_after_a_resize(matcher):
    bitmask = torch.zeros(4, 2, dtype=torch.int32)
    matcher.fill_bitmask(bitmask, row=3)
    bitmask.resize_(2, 2)
    with pytest.raises(IndexError):
        matcher.fill_bitmask(bitmask, row=3)


@pytest.mark.parametrize(
    ("bitmask", "row", "error"),
    [
        (torch.zeros(1, 3, dtype=torch.int32), 0, ValueError),
        (torch.zeros(1, 2, dtype=torch.int32), 1, IndexError),
        (torch.zeros(1, 2, dtype=torch.int32), -1, IndexError),
        (torch.zeros(1, 2, dtype=torch.int64), 0, TypeError),
        (torch.zeros(1, 2), 0, TypeError),
        (torch.zeros(2, 2, dtype=torch.int32).T, 0, ValueError),
        (np.zeros((1, 2), dtype=np.float32), 0, TypeError),
        (np.zeros((1, 1, 2), dtype=np.int32), 0, TypeError),
        ([0, 0], 0, TypeError),
        (b"\0" * 8, 0, (TypeError, BufferError)),
    ],
)
def test_fill_refuses(matcher, bitmask, row, error):
    with pytest.raises(error):
        matcher.fill_bitmask(bitmask, row=row)
