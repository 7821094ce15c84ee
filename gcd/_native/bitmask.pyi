"""Bitmasks in memory: applying rows to logits, rows without a score. `gcd.bitmask` is the safe way to it.

Addresses are those of memory that the caller keeps alive and whose shape it vouches for. Strides are from row to row,
in elements.
"""

from typing_extensions import Buffer

def apply(
    logits: int,
    logits_stride: int,
    itemsize: int,
    forbidden: int,
    masks: int,
    masks_stride: int,
    n_rows: int,
    n_cols: int,
    n_words: int,
) -> None:
    """Overwrite what the masks don't allow. Releases the GIL.

    Args:
        logits: address of `n_rows` rows of `n_cols` numbers of `itemsize` bytes (2, 4 or 8).
        logits_stride: from row to row.
        itemsize: bytes of a logit.
        forbidden: the bits to write, those of minus infinity.
        masks: address of `n_rows` rows of `n_words` 32-bit words; columns past them are not allowed.
        masks_stride: from row to row.
        n_rows: rows of both.
        n_cols: columns of the logits.
        n_words: words of a mask.
    """

def first_row_without_score(
    logits: int,
    logits_stride: int,
    itemsize: int,
    lowest: int,
    masks: int,
    masks_stride: int,
    n_rows: int,
    n_cols: int,
    n_words: int,
) -> int:
    """The first row none of whose allowed columns holds a number above `lowest`; -1 if there is none.

    Releases the GIL. Not a number is no number here.

    Args:
        logits: address of `n_rows` rows of `n_cols` numbers of `itemsize` bytes (2, 4 or 8).
        logits_stride: from row to row.
        itemsize: bytes of a logit.
        lowest: the bits of minus infinity.
        masks: address of `n_rows` rows of `n_words` 32-bit words.
        masks_stride: from row to row.
        n_rows: rows of both.
        n_cols: columns of the logits.
        n_words: words of a mask.
    """

def address(buffer: Buffer) -> int:
    """Where a buffer's data begins."""
