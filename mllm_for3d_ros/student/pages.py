"""Rows of values in pages that versions share: a change copies the pages that it touches, nothing else.

In a page the values of one column lie side by side: few columns of all rows are read at the cost of what is read.
"""

from __future__ import annotations

from dataclasses import dataclass

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
        names, sizes = torch.unique_consecutive(rows // PAGE, return_counts=True)
        start = 0
        for name, size in zip(names.tolist(), sizes.tolist(), strict=True):
            here = (rows[start : start + size] - name * PAGE).to(values.device)
            if name < shared:
                pages[name] = pages[name].clone()
            pages[name].index_copy_(0, here, values[start : start + size])
            start += size
        return Pages(tuple(pages), count)

    def parts(self) -> list[torch.Tensor]:
        """The rows, page by page."""
        return [page[: self.count - index * PAGE] for index, page in enumerate(self.pages)]

    def joined(self) -> torch.Tensor:
        """[count, ...] all rows in one piece; there must be some."""
        return torch.cat(self.parts())
