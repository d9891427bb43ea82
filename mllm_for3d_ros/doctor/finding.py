"""What a check found, and the report of all of them."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass


class Level(enum.IntEnum):
    """How bad it is: the nodes work, work badly or perhaps not, do not work."""

    OK = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True)
class Finding:
    """check: what was looked at. found: one line. remedy: what to do; there is one unless the level is OK."""

    check: str
    level: Level
    found: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if bool(self.remedy) is (self.level is Level.OK):
            raise ValueError(f"a remedy belongs to what is wrong, and to that only: {self}")

    def as_json(self) -> dict[str, str]:
        """Four texts."""
        return {"check": self.check, "level": self.level.name.lower(), "found": self.found, "remedy": self.remedy}


def worst(findings: Iterable[Finding]) -> Level:
    """The highest level; OK if there is nothing."""
    return max((finding.level for finding in findings), default=Level.OK)


def good(check: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding(check, Level.OK, found)


def warning(check: str, found: str, remedy: str) -> Finding:
    """Worth a look."""
    return Finding(check, Level.WARNING, found, remedy)


def bad(check: str, found: str, remedy: str) -> Finding:
    """The nodes will not work like this."""
    return Finding(check, Level.ERROR, found, remedy)


def of_error(check: str, error: BaseException) -> Finding:
    """Of one of our errors, whose text names cause and remedy, the latter behind the last colon or semicolon."""
    text = " ".join(str(error).split())
    cut = max(text.rfind(": "), text.rfind("; "))
    if cut < 0:
        return bad(check, text, "see docs/robot.md")
    return bad(check, text[:cut], text[cut + 2 :])
