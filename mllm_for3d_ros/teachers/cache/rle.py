"""Binary masks as compressed COCO run-length strings, the ``counts`` of pycocotools.

Format (cocodataset/cocoapi, common/maskApi.c): the lengths of the runs of a mask read column by column,
the first run being background, maybe of length 0. From the fourth on, a length is written as its
difference to the length two places before. A number is written in groups of 5 bits, the lowest first, as
characters from "0" (48) on; 32 is added to a group when more follow, and the last group carries the sign
in its top bit.
"""

from __future__ import annotations

import numpy as np

_GROUPS = 8
"""Groups of 5 bits that a number may take: 39 bits and a sign, more than any image has pixels."""
_BITS = 5 * np.arange(_GROUPS, dtype=np.int64)


def encode(mask: np.ndarray) -> str:
    """The compressed counts of ``mask`` [H, W] bool."""
    return write_counts(run_lengths(mask))


def decode(counts: str, height: int, width: int) -> np.ndarray:
    """The mask [H, W] bool of compressed ``counts``.

    Raises:
        ValueError: the string is damaged, or is not of a mask of this size.
    """
    runs = read_counts(counts, height * width)
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T


def run_lengths(mask: np.ndarray) -> np.ndarray:
    """Lengths of the runs of ``mask`` [H, W] bool in column order, [n] int64, background first."""
    return join_runs(*split_runs(mask.astype(bool, copy=False)), mask.size)


def split_runs(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where in column order the runs of equal pixels of ``image`` [H, W] start, [n] int64, and their values [n]."""
    flat = np.ascontiguousarray(image.T).ravel()
    starts = np.flatnonzero(np.concatenate([np.ones(min(flat.size, 1), bool), flat[1:] != flat[:-1]]))
    return starts, flat[starts]


def join_runs(starts: np.ndarray, inside: np.ndarray, pixels: int) -> np.ndarray:
    """``run_lengths`` of a mask of so many ``pixels`` from runs, neighbours maybe alike, and whether each is inside."""
    borders = starts[np.flatnonzero(inside[1:] != inside[:-1]) + 1]
    first = [0, 0] if len(inside) and inside[0] else [0]
    return np.diff(np.concatenate([first, borders, [pixels]]).astype(np.int64))


def write_counts(runs: np.ndarray) -> str:
    """The compressed string of run lengths [n]."""
    numbers = np.array(runs, np.int64)
    numbers[3:] -= runs[1:-2]
    groups = (numbers[:, None] >> _BITS) & 31
    # A number ends at the first group after which only copies of its top bit would follow.
    rest = numbers[:, None] >> (_BITS + 5)
    ends = rest == -(groups >> 4)
    last = ends.argmax(1)
    places = np.arange(_GROUPS)
    codes = groups + 48 + 32 * (places < last[:, None])
    return codes[places <= last[:, None]].astype(np.uint8).tobytes().decode("ascii")


def read_counts(counts: str, pixels: int) -> np.ndarray:
    """The run lengths [n] int64 of a compressed string.

    Raises:
        ValueError: the string is damaged, or its runs do not add up to ``pixels``.
    """
    codes = np.frombuffer(counts.encode("ascii", "replace"), np.uint8).astype(np.int64) - 48
    if len(codes) == 0 or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise ValueError(f"damaged run lengths {counts[:20]!r}")
    last = np.flatnonzero(codes < 32)
    first = np.concatenate([[0], last[:-1] + 1])
    size = last - first + 1
    if size.max() > _GROUPS:
        raise ValueError(f"damaged run lengths {counts[:20]!r}")
    place = np.arange(len(codes)) - np.repeat(first, size)
    runs = np.add.reduceat((codes & 31) << (5 * place), first)
    runs -= np.where(codes[last] & 16, np.int64(1) << (5 * size), 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    if runs.min() < 0 or runs.sum() != pixels:
        raise ValueError(f"run lengths of {int(runs.sum())} pixels, expected {pixels}")
    return runs
