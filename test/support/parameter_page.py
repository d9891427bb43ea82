"""What docs/nodes.md says of parameters, and what it should say."""

from __future__ import annotations

import re
from pathlib import Path

from mllm_for3d_ros.nodes.parameters import Change, Parameter

_PAGE = Path(__file__).parents[2] / "docs" / "nodes.md"


def section(start: str, end: str) -> str:
    """The page from the heading ``start`` to before the heading ``end``."""
    return _PAGE.read_text().partition(f"## {start}\n")[2].partition(f"## {end}\n")[0]


def documented(text: str) -> dict[str, list[str]]:
    """Default, range and mark of change by name, of the tables of parameters in a part of the page."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| `")]
    names = [re.match(r"`(\w+)`( ●)?$", row[0]) for row in rows]
    found = [(name, row) for name, row in zip(names, rows, strict=True) if name and len(row) == 4]
    return {name[1]: [row[1], row[2], "●" if name[2] else ""] for name, row in found}


def shown(parameter: Parameter) -> list[str]:
    """The same of a parameter."""
    default = {"True": "true", "": "(empty)"}.get(str(parameter.default), str(parameter.default))
    span = ", ".join(parameter.choices)
    if parameter.low is not None and parameter.high is not None:
        span = f"{parameter.low:g}–{parameter.high:g}".replace("-", "−")
    return [default, span, "●" if parameter.change is Change.ALWAYS else ""]
