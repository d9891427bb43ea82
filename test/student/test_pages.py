"""Pages hold what a dense array would, and share what did not change."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mllm_for3d_ros.student.pages import PAGE, Pages

COUNT = 2 * PAGE + 100
PLACES = (0, 1, PAGE - 1, PAGE, PAGE + 5, 2 * PAGE - 1, 2 * PAGE, COUNT - 1)


def numbered(rows: torch.Tensor, start: int = 1) -> torch.Tensor:
    """[K, 3] values that tell row and column."""
    return start + rows[:, None] * 3.0 + torch.arange(3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sets(st.sampled_from(PLACES) | st.integers(0, COUNT - 1)), min_size=1, max_size=4))
def test_versions_hold_what_was_written_last(versions):
    pages, expected = Pages.empty(), torch.zeros(COUNT, 3)
    for number, chosen in enumerate(versions):
        rows = torch.tensor(sorted(chosen), dtype=torch.int64)
        before, kept = pages, expected.clone()
        pages = pages.replaced(rows, numbered(rows, number), COUNT)
        expected[rows] = numbered(rows, number)
        torch.testing.assert_close(pages.joined(), expected)
        if len(before):
            torch.testing.assert_close(before.joined(), kept)


@pytest.mark.parametrize("rows", [torch.arange(COUNT), torch.arange(0, COUNT, 2), torch.arange(PAGE + 3, PAGE + 9)])
def test_columns_lie_side_by_side_whatever_is_written(rows):
    pages = Pages.empty().replaced(rows, numbered(rows), COUNT)
    assert all(page.T.is_contiguous() for page in pages.pages)
    torch.testing.assert_close(pages.joined()[rows], numbered(rows))


def test_pages_without_a_change_are_shared():
    rows = torch.arange(COUNT)
    first = Pages.empty().replaced(rows, numbered(rows), COUNT)
    second = first.replaced(rows[PAGE : PAGE + 2], torch.zeros(2, 3), COUNT)
    shared = [a is b for a, b in zip(first.pages, second.pages, strict=True)]
    assert shared == [True, False, True]
