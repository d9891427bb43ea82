"""COCO run-length strings: known ones, worked out by hand from the format, and round trips."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from mllm_for3d_ros.teachers.cache import rle

MASKS = npst.arrays(bool, npst.array_shapes(min_dims=2, max_dims=2, max_side=40))


def square() -> np.ndarray:
    mask = np.zeros((4, 5), bool)
    mask[1:3, 1:4] = True
    return mask


@pytest.mark.parametrize(
    ("mask", "counts"),
    [
        (np.zeros((3, 4), bool), "<"),  # one run of 12: 12 + 48
        (np.ones((3, 4), bool), "0<"),  # an empty run of background first
        (square(), "5220003"),  # runs 5 2 2 2 2 2 5; from the fourth on the difference to two before
        (~square(), "052M0003"),  # runs 0 5 2 2 ...: 2 - 5 = -3, and -3 & 31 = 29 = "M" - 48
        (np.arange(16)[None] < 0, "`0"),  # 16 needs a second group, or its top bit would read as a sign
        (np.arange(1000)[None] < 0, "Xo0"),  # 1000 = 31 * 32 + 8: 8 + 32 + 48, 31 + 32 + 48, 0 + 48
    ],
)
def test_known_strings(mask: np.ndarray, counts: str) -> None:
    assert rle.encode(mask) == counts
    assert np.array_equal(rle.decode(counts, *mask.shape), mask)


@pytest.mark.parametrize(
    ("runs", "counts"),
    [
        ([33], "Q1"),  # 33 = 1 * 32 + 1: 1 + 32 + 48, 1 + 48
        ([5, 3, 40], "53X1"),  # the third is no difference yet; 40 = 1 * 32 + 8
        ([5, 3, 40, 1], "53X1N"),  # 1 - 3 = -2, and -2 & 31 = 30
        ([0, 2000, 3, 7], "0`n13gQN"),  # 7 - 2000 = -1993 = -63 * 32 + 23; -63 = -2 * 32 + 1
    ],
)
def test_known_numbers(runs: list[int], counts: str) -> None:
    assert rle.write_counts(np.array(runs)) == counts
    assert rle.read_counts(counts, sum(runs)).tolist() == runs


@given(MASKS)
def test_round_trip(mask: np.ndarray) -> None:
    assert np.array_equal(rle.decode(rle.encode(mask), *mask.shape), mask)


@given(MASKS)
def test_runs_alternate_and_fill_the_image(mask: np.ndarray) -> None:
    runs = rle.run_lengths(mask)
    assert runs.sum() == mask.size and (runs[1:] > 0).all() and runs[1::2].sum() == mask.sum()


@given(st.lists(st.integers(0, 2**31), min_size=1, max_size=50))
def test_any_lengths_round_trip(runs: list[int]) -> None:
    assert rle.read_counts(rle.write_counts(np.array(runs)), sum(runs)).tolist() == runs


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(counts: str) -> None:
    with contextlib.suppress(ValueError):
        assert rle.read_counts(counts, 64).sum() == 64


@pytest.mark.parametrize("counts", ["", "5", "~", "`", "`" * 9 + "0", "5\u00e9", "0<0O4"])
def test_damaged_strings_are_refused(counts: str) -> None:
    with pytest.raises(ValueError, match="run lengths"):
        rle.read_counts(counts, 12)
