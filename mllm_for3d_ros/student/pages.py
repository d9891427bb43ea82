"""Rows of values in pages that versions share: a change copies the pages that it touches, nothing else.

In a page the values of one column lie side by side: few columns of all rows are read at the cost of what is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch

PAGE = 4096
"""Rows of a page."""


@dataclass(frozen=True)
class Pages:
    """``count`` rows of one shape and type; never written to once made, so threads may read them freely."""

    pages: tuple[torch.Tensor, ...]
    count: int

    @classmethod
    def empty(cls) -> Pages:
        """No rows."""
        return cls((), 0)

    def __len__(self) -> int:
        return self.count

    def replaced(self, rows: torch.Tensor, values: torch.Tensor, count: int) -> Pages:
        """A version of ``count`` rows, with ``values`` [K, ...] in ``rows`` [K] int64 (rising, on the CPU).

        Rows that are new and not named are 0.
        """
        pages = list(self.pages[: -(-count // PAGE)])
        shared = len(pages)
        for _ in range(-(-count // PAGE) - shared):
            pages.append(values.new_zeros((*values.shape[1:], PAGE)).movedim(-1, 0))
        for name, start, end in runs(rows):
            if name < shared:
                pages[name] = pages[name].clone()
            first, last = (int(rows[i]) - name * PAGE for i in (start, end - 1))
            if last - first == end - 1 - start:  # without a gap
                pages[name][first : last + 1] = values[start:end]
            else:
                pages[name].index_copy_(0, (rows[start:end] - name * PAGE).to(values.device), values[start:end])
        return Pages(tuple(pages), count)

    def parts(self) -> list[torch.Tensor]:
        """The rows, page by page."""
        return [page[: self.count - index * PAGE] for index, page in enumerate(self.pages)]

    def joined(self) -> torch.Tensor:
        """[count, ...] all rows in one piece; there must be some."""
        return torch.cat(self.parts())


def runs(rows: torch.Tensor) -> list[tuple[int, int, int]]:
    """(page, first, end) of each page that the rising ``rows`` [K] lie in, by places in ``rows``."""
    if not len(rows):
        return []
    low, high = int(rows[0]) // PAGE, int(rows[-1]) // PAGE
    bounds = torch.searchsorted(rows, torch.arange(low, high + 2) * PAGE).tolist()
    return [(low + i, start, end) for i, (start, end) in enumerate(pairwise(bounds)) if start < end]
