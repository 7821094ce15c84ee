"""Bitmasks: which tokens are allowed, 32 to a word.

A bitmask is int32 of shape ``(batch, words)`` on the CPU, ``words = ceil(width / 32)``: token t of row r is bit
``t % 32`` of ``bitmask[r, t // 32]``. It belongs to the caller; matchers fill its rows, and
`apply_token_bitmask_inplace` sets the logits that it doesn't allow to minus infinity.
"""

from __future__ import annotations

import sys
from array import array
from importlib.util import find_spec
from typing import Any

from gcd._native import bitmask as native

__all__ = ["allocate_token_bitmask", "apply_token_bitmask_inplace", "first_row_without_score"]

# name of a dtype -> bytes, and the bits of minus infinity
_MINUS_INFINITY = {
    "float16": (2, 0xFC00),
    "bfloat16": (2, 0xFF80),
    "float32": (4, 0xFF80_0000),
    "float64": (8, 0xFFF0_0000_0000_0000),
}
_FORMATS = {"e": "float16", "f": "float32", "d": "float64"}


def allocate_token_bitmask(batch_size: int, width: int) -> Any:
    """A bitmask of zeros: nothing is allowed yet.

    Args:
        batch_size: rows.
        width: columns of the logits, `Vocabulary.width`.

    Returns:
        int32 of shape ``(batch_size, ceil(width / 32))`` on the CPU: a torch tensor where torch is installed, else a
        numpy array, else a memoryview.

    Raises:
        ValueError: a negative `batch_size`, or a `width` below 1.
    """
    if batch_size < 0 or width < 1:
        raise ValueError(f"batch_size must be at least 0 and width at least 1, not {batch_size} and {width}")
    shape = batch_size, -(-width // 32)
    if _available("torch"):
        import torch

        return torch.zeros(shape, dtype=torch.int32)
    if _available("numpy"):
        import numpy as np

        return np.zeros(shape, dtype=np.int32)
    if not batch_size:
        raise ValueError("an empty bitmask needs torch or numpy")
    return memoryview(array("i", bytes(4 * shape[0] * shape[1]))).cast("B").cast("i", shape)


def apply_token_bitmask_inplace(logits: Any, bitmask: Any) -> None:
    """Set the logits of tokens that a bitmask doesn't allow to minus infinity.

    Columns past the bitmask's words are set, too, so logits may be wider than the vocabulary. Tensors on the CPU are
    written natively, with the GIL released; on other devices the bitmask is copied there.

    Args:
        logits: float32, float16, bfloat16 or float64 of shape ``(batch, columns)`` or ``(columns,)``: a torch tensor on
            any device, with any strides; or a writable buffer such as a numpy array, whose rows may lie apart.
        bitmask: int32 of shape ``(batch, words)`` or ``(words,)``, as many rows as the logits; a tensor on any device,
            or a buffer.

    Raises:
        TypeError: another kind of object or dtype.
        ValueError: shapes that don't belong together; a buffer whose rows aren't contiguous.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(logits, torch.Tensor):
        _apply_to_tensor(torch, logits, bitmask)
        return
    try:
        view = memoryview(logits)
    except (TypeError, ValueError):
        raise TypeError(f"logits must be a torch tensor or a writable buffer, not {type(logits).__name__}") from None
    kind = _FORMATS.get(view.format.lstrip("@=<"))
    if kind is None or view.readonly or view.ndim not in (1, 2):
        raise TypeError(
            f"logits must be a writable matrix or vector of float16, float32 or float64, not {view.ndim} dimensions of "
            f"{view.format!r}{', read-only' if view.readonly else ''}"
        )
    shape, strides = _shape_and_strides(view)
    n_rows, n_cols = shape if view.ndim == 2 else (1, shape[0])
    masks, n_words, masks_stride = _mask_rows(torch, bitmask, n_rows if view.ndim == 2 else None)
    if not n_rows or not n_cols:
        return
    size, forbidden = _MINUS_INFINITY[kind]
    if (n_cols > 1 and strides[-1] != size) or strides[0] % size:
        raise ValueError("the columns of a row of logits must lie side by side")
    stride = strides[0] // size if view.ndim == 2 else 0
    native.apply(native.address(logits), stride, size, forbidden, masks, masks_stride, n_rows, n_cols, n_words)


def first_row_without_score(logits: Any, bitmask: Any) -> int | None:
    """The first row of logits in which no allowed token has a score above minus infinity; None if each has one.

    Of such a row greedy search makes token 0, in silence, and sampling an error that names no cause. Not a number is no
    score. To be asked after `apply_token_bitmask_inplace`: what isn't allowed is minus infinity already.

    Args:
        logits: a tensor of shape ``(batch, columns)``, as for `apply_token_bitmask_inplace`; or a numpy array.
        bitmask: int32 of shape ``(batch, words)`` on the CPU.
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(logits, torch.Tensor):
        size, lowest = _MINUS_INFINITY[logits.dtype.name]
        n_rows, n_cols = logits.shape
        masks, n_words, masks_stride = _mask_rows(torch, bitmask, n_rows)
        stride = logits.strides[0] // size
        where = native.address(logits)
        row = native.first_row_without_score(where, stride, size, lowest, masks, masks_stride, n_rows, n_cols, n_words)
        return None if row < 0 else row
    size, lowest = _MINUS_INFINITY[str(logits.dtype).removeprefix("torch.")]
    n_rows, n_cols = logits.shape
    if not n_rows:
        return None
    if _plain(torch, logits):
        masks, n_words, masks_stride = _mask_rows(torch, bitmask, n_rows)
        row = native.first_row_without_score(
            logits.data_ptr(), logits.stride(0), size, lowest, masks, masks_stride, n_rows, n_cols, n_words
        )
        return None if row < 0 else row
    has = (logits > -torch.inf).any(-1)
    return None if bool(has.all()) else int((~has).nonzero()[0, 0])


def _apply_to_tensor(torch: Any, logits: Any, bitmask: Any) -> None:
    """`apply_token_bitmask_inplace` for a tensor."""
    size, forbidden = _MINUS_INFINITY.get(str(logits.dtype).removeprefix("torch."), (0, 0))
    if not size or logits.dim() not in (1, 2):
        raise TypeError(
            "logits must be float32, float16, bfloat16 or float64 with one or two dimensions, not "
            f"{logits.dtype} of shape {tuple(logits.shape)}"
        )
    shape, strides = logits.shape, logits.stride()
    two = len(shape) == 2
    n_rows, n_cols = shape if two else (1, shape[0])
    if _plain(torch, logits) and not (isinstance(bitmask, torch.Tensor) and not bitmask.is_cpu):
        masks, n_words, masks_stride = _mask_rows(torch, bitmask, n_rows if two else None)
        stride = strides[0] if two else 0
        native.apply(logits.data_ptr(), stride, size, forbidden, masks, masks_stride, n_rows, n_cols, n_words)
        return
    if not isinstance(bitmask, torch.Tensor):
        import numpy as np

        bitmask = torch.from_numpy(np.asarray(bitmask))
    if bitmask.dtype != torch.int32:
        raise TypeError(f"a bitmask is int32, not {bitmask.dtype}")
    _check_rows(tuple(bitmask.shape), n_rows if two else None)
    words = bitmask.to(logits.device, non_blocking=True)
    bits = torch.arange(32, dtype=torch.int32, device=logits.device)
    allowed = ((words.unsqueeze(-1) >> bits) & 1).bool().flatten(-2)[..., :n_cols]
    known = allowed.shape[-1]
    logits[..., :known].masked_fill_(~allowed.reshape(*shape[:-1], known), -torch.inf)
    logits[..., known:].fill_(-torch.inf)


def _plain(torch: Any, logits: Any) -> bool:
    """Whether a tensor's memory may be written and read as it is."""
    strides = logits.stride()
    return bool(
        logits.is_cpu
        and type(logits) is torch.Tensor
        and not logits.requires_grad  # autograd has to see the write
        and strides[-1] == 1
        and (logits.dim() == 1 or strides[0] >= logits.shape[1] or logits.shape[0] == 1)  # else rows are one row
    )


def _mask_rows(torch: Any, bitmask: Any, n_rows: int | None) -> tuple[int, int, int]:
    """Address, words a row and stride in words of a bitmask on the CPU with `n_rows` rows (None: one, a vector)."""
    if torch is not None and isinstance(bitmask, torch.Tensor):
        if bitmask.dtype != torch.int32 or not bitmask.is_cpu:
            raise TypeError(f"a bitmask is int32 on the CPU, not {bitmask.dtype} on {bitmask.device}")
        shape, strides, where = tuple(bitmask.shape), bitmask.stride(), bitmask.data_ptr()
    else:
        try:
            view = memoryview(bitmask)
        except (TypeError, ValueError):
            raise TypeError(f"a bitmask is an int32 tensor or buffer, not {type(bitmask).__name__}") from None
        if view.itemsize != 4 or view.format.lstrip("@=<") not in "iIlL" or not view.ndim:
            raise TypeError(f"a bitmask is int32, not {view.format!r}")
        shape, apart = _shape_and_strides(view)
        strides, where = tuple(s // 4 for s in apart), native.address(bitmask)
    _check_rows(shape, n_rows)
    if strides[-1] != 1 and shape[-1] > 1:
        raise ValueError("the words of a bitmask's row must lie side by side")
    return where, shape[-1], strides[0] if len(shape) == 2 else 0


def _shape_and_strides(view: memoryview) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Both of a view; what `memoryview` may leave out for other kinds of buffers it has for these."""
    assert view.shape is not None
    assert view.strides is not None
    return view.shape, view.strides


def _check_rows(shape: tuple[int, ...], n_rows: int | None) -> None:
    """Raise unless a bitmask of this shape has as many rows as the logits."""
    has = shape[0] if len(shape) == 2 else 1 if len(shape) == 1 else -1
    if has != (1 if n_rows is None else n_rows):
        of = "a vector of logits" if n_rows is None else f"logits with {n_rows} rows"
        raise ValueError(f"a bitmask of shape {shape} for {of}")


def _available(name: str) -> bool:
    """Whether a module is imported or could be."""
    return name in sys.modules or find_spec(name) is not None
