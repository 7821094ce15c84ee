"""Bitmasks in memory: where a row lies, applying rows to logits, rows without a score."""

import sys

from cpython.buffer cimport (
    PyBUF_FORMAT,
    PyBUF_STRIDES,
    PyBUF_WRITABLE,
    PyBuffer_Release,
    PyObject_CheckBuffer,
    PyObject_GetBuffer,
)
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memset

cdef extern from "apply_bitmask.hpp" namespace "gcd" nogil:
    cdef cppclass LogitsRows16 "gcd::Rows2d<gcd::u16>":
        uint16_t* data
        ptrdiff_t stride
    cdef cppclass LogitsRows32 "gcd::Rows2d<gcd::u32>":
        uint32_t* data
        ptrdiff_t stride
    cdef cppclass LogitsRows64 "gcd::Rows2d<gcd::u64>":
        uint64_t* data
        ptrdiff_t stride
    cdef cppclass MaskRows "gcd::Rows2d<const gcd::u32>":
        const uint32_t* data
        ptrdiff_t stride
    cdef cppclass ScoreRows16 "gcd::Rows2d<const gcd::u16>":
        const uint16_t* data
        ptrdiff_t stride
    cdef cppclass ScoreRows64 "gcd::Rows2d<const gcd::u64>":
        const uint64_t* data
        ptrdiff_t stride

    void apply16 "gcd::apply_bitmask<gcd::u16>"(LogitsRows16, MaskRows, size_t, size_t, size_t, uint16_t)
    void apply32 "gcd::apply_bitmask<gcd::u32>"(LogitsRows32, MaskRows, size_t, size_t, size_t, uint32_t)
    void apply64 "gcd::apply_bitmask<gcd::u64>"(LogitsRows64, MaskRows, size_t, size_t, size_t, uint64_t)
    size_t without16 "gcd::first_row_without_score<gcd::u16>"(ScoreRows16, MaskRows, size_t, size_t, size_t, uint16_t)
    size_t without32 "gcd::first_row_without_score<gcd::u32>"(MaskRows, MaskRows, size_t, size_t, size_t, uint32_t)
    size_t without64 "gcd::first_row_without_score<gcd::u64>"(ScoreRows64, MaskRows, size_t, size_t, size_t, uint64_t)


def apply(
    uintptr_t logits,
    Py_ssize_t logits_stride,
    int itemsize,
    uint64_t forbidden,
    uintptr_t masks,
    Py_ssize_t masks_stride,
    size_t n_rows,
    size_t n_cols,
    size_t n_words,
):
    cdef LogitsRows16 x16
    cdef LogitsRows32 x32
    cdef LogitsRows64 x64
    cdef MaskRows m
    if itemsize not in (2, 4, 8):
        raise ValueError(f"logits of {itemsize} bytes")
    m.data = <const uint32_t*>masks
    m.stride = masks_stride
    with nogil:
        if itemsize == 2:
            x16.data = <uint16_t*>logits
            x16.stride = logits_stride
            apply16(x16, m, n_rows, n_cols, n_words, <uint16_t>forbidden)
        elif itemsize == 4:
            x32.data = <uint32_t*>logits
            x32.stride = logits_stride
            apply32(x32, m, n_rows, n_cols, n_words, <uint32_t>forbidden)
        else:
            x64.data = <uint64_t*>logits
            x64.stride = logits_stride
            apply64(x64, m, n_rows, n_cols, n_words, forbidden)


def first_row_without_score(
    uintptr_t logits,
    Py_ssize_t logits_stride,
    int itemsize,
    uint64_t lowest,
    uintptr_t masks,
    Py_ssize_t masks_stride,
    size_t n_rows,
    size_t n_cols,
    size_t n_words,
):
    cdef ScoreRows16 x16
    cdef MaskRows x32
    cdef ScoreRows64 x64
    cdef MaskRows m
    cdef size_t row
    if itemsize not in (2, 4, 8):
        raise ValueError(f"logits of {itemsize} bytes")
    m.data = <const uint32_t*>masks
    m.stride = masks_stride
    with nogil:
        if itemsize == 2:
            x16.data = <const uint16_t*>logits
            x16.stride = logits_stride
            row = without16(x16, m, n_rows, n_cols, n_words, <uint16_t>lowest)
        elif itemsize == 4:
            x32.data = <const uint32_t*>logits
            x32.stride = logits_stride
            row = without32(x32, m, n_rows, n_cols, n_words, <uint32_t>lowest)
        else:
            x64.data = <const uint64_t*>logits
            x64.stride = logits_stride
            row = without64(x64, m, n_rows, n_cols, n_words, lowest)
    return row if row < n_rows else -1


def address(object buffer):
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_STRIDES | PyBUF_FORMAT)
    cdef uintptr_t where = <uintptr_t>view.buf
    PyBuffer_Release(&view)
    return where


# Nothing is remembered of a tensor: dtype, shape, strides and memory can all be changed in place (`.data =`, `set_`,
# `as_strided_`), and a stale answer would be a write out of bounds.
cdef char* tensor_memory(object tensor, Py_ssize_t* rows, Py_ssize_t* words, Py_ssize_t* stride) except NULL:
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(tensor, torch.Tensor):
        raise TypeError(f"a bitmask is an int32 tensor on the CPU or a writable int32 buffer, not {type(tensor).__name__}")
    cdef object shape = tensor.shape, strides
    cdef Py_ssize_t n = len(shape)
    if tensor.dtype is not torch.int32 or not tensor.is_cpu or n not in (1, 2):
        raise TypeError(
            f"a bitmask is int32 of shape (batch, words) on the CPU, not {tensor.dtype} of shape {tuple(shape)}"
            f" on {tensor.device}"
        )
    strides = tensor.stride()
    if strides[n - 1] != 1 and shape[n - 1] > 1:
        raise ValueError("the words of a bitmask's row must lie side by side")
    rows[0] = shape[0] if n == 2 else 1
    words[0] = shape[n - 1]
    stride[0] = 4 * <Py_ssize_t>strides[0] if n == 2 else 0
    cdef uintptr_t where = tensor.data_ptr()
    if not where:
        raise ValueError("the bitmask is empty")
    return <char*>where


cdef uint32_t* bitmask_row(object bitmask, Py_ssize_t row, uint32_t words, Py_buffer* view) except NULL:
    """Row `row` of a bitmask with `words` words a row. `PyBuffer_Release(view)` when done with it."""
    cdef Py_ssize_t rows, has, stride
    cdef char* data
    memset(view, 0, sizeof(Py_buffer))
    if not PyObject_CheckBuffer(bitmask):
        data = tensor_memory(bitmask, &rows, &has, &stride)
    else:
        PyObject_GetBuffer(bitmask, view, PyBUF_WRITABLE | PyBUF_FORMAT | PyBUF_STRIDES)
        try:
            kind = view.format.decode().lstrip("@=<")
            if view.itemsize != 4 or view.ndim not in (1, 2) or kind not in ("i", "I", "l", "L"):
                raise TypeError("a bitmask is int32 of shape (batch, words)")
            rows = view.shape[0] if view.ndim == 2 else 1
            has = view.shape[view.ndim - 1]
            stride = 0
            if view.ndim == 2:
                stride = view.strides[0] if view.strides != NULL else has * 4
            # ctypes leaves the strides out: then the buffer is contiguous
            if view.strides != NULL and view.strides[view.ndim - 1] != 4 and has > 1:
                raise ValueError("the words of a bitmask's row must lie side by side")
        except:
            PyBuffer_Release(view)
            raise
        data = <char*>view.buf
    if has != words or not 0 <= row < rows:
        PyBuffer_Release(view)
        if has != words:
            raise ValueError(f"the bitmask has {has} words a row, this vocabulary needs {words}")
        raise IndexError(f"row {row} of a bitmask with {rows}")
    return <uint32_t*>(data + row * stride)
