"""What a vision-language model is asked, and its answer as boxes and points: text is data, never trusted.

The wording follows VisionReasoner and the grounding examples of Qwen-VL: a JSON list of
``{"bbox_2d": [x1, y1, x2, y2], "point_2d": [x, y], "label": "word"}``, ``[]`` when nothing fits.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from mllm_for3d_ros.teachers.grounding import Located

Coordinates = Literal["relative", "absolute"]
"""relative: 0 to 1000 of width and height. absolute: pixels of the image that the model saw."""

PROMPT_VERSION = "1"
"""Changes whenever the prompt or the reading of answers does: cached answers are kept under it."""

MAX_CHARACTERS = 32_768
MAX_OBJECTS = 64
MAX_NESTING = 16
MAX_LABEL = 80
_MAX_NUMBER = 1e6
_MAX_ATTEMPTS = 512
_MIN_SIDE = 1.0
"""Pixels of the image; thinner boxes have nothing in them."""

_BOX_KEYS = ("bbox_2d", "bbox", "box_2d", "box")
_POINT_KEYS = ("point_2d", "point")
_COORDINATES = {
    "relative": "integers from 0 to 1000, relative to the width and the height of the image",
    "absolute": "pixels of the image",
}
_PROMPT = (
    "Instruction: {instruction}\n"
    "Find every object in the image that satisfies the instruction, also when it has to be inferred. Report a JSON "
    "list with one item for each object: "
    '[{{"bbox_2d": [x1, y1, x2, y2], "point_2d": [x, y], "label": "object name"}}], where the point lies on the '
    "object inside its box. Coordinates are {coordinates}. If nothing in the image fits, report []."
)

_EMPTY_LIST = re.compile(r"\[\s*\]")
_NUMBER = r"\s*-?\d{1,9}(?:\.\d{1,9})?\s*"
_BARE_BOX = re.compile(rf"\[{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\]")
_LABEL_VALUE = re.compile(r'"label"\s*:\s*"((?:[^"\\]|\\.)*)"')
_NUMBERS_VALUE = re.compile(rf'"(?:{"|".join(_BOX_KEYS + _POINT_KEYS)})"\s*:\s*\[([^\[\]]*)\]')

Span = tuple[int, int]
"""Characters from the first up to, not including, the second."""


@dataclass(frozen=True)
class ReadAnswer:
    """An answer after reading.

    objects: what was located, empty exactly if ``reason`` says why. spans: characters of the text that spell
    the labels and coordinates of these objects, in order.
    """

    objects: tuple[Located, ...]
    spans: tuple[Span, ...] = ()
    reason: str | None = None


@dataclass(frozen=True)
class Pixels:
    """From the numbers of an answer to pixels of an image.

    width, height: of the image. scale: pixels of the image for one unit of the answer along x and y.
    """

    width: int
    height: int
    scale: tuple[float, float]

    @classmethod
    def of(cls, image_size: tuple[int, int], coordinates: Coordinates, model_size: tuple[int, int]) -> Pixels:
        """For an image of (width, height) that the model saw at ``model_size`` (width, height)."""
        (width, height), seen = image_size, (1000, 1000) if coordinates == "relative" else model_size
        return cls(width, height, (width / seen[0], height / seen[1]))

    def box(self, numbers: list[float]) -> tuple[float, float, float, float] | None:
        """The box [x1, y1, x2, y2] with corners in order, clipped to the image; None if nothing is left."""
        x1, x2 = sorted(min(max(x * self.scale[0], 0.0), float(self.width)) for x in numbers[0::2])
        y1, y2 = sorted(min(max(y * self.scale[1], 0.0), float(self.height)) for y in numbers[1::2])
        return (x1, y1, x2, y2) if min(x2 - x1, y2 - y1) >= _MIN_SIDE else None

    def point(self, numbers: list[float]) -> tuple[float, float] | None:
        """The point [x, y], None if it lies outside of the image."""
        x, y = numbers[0] * self.scale[0], numbers[1] * self.scale[1]
        if not (0 <= x <= self.width and 0 <= y <= self.height):
            return None
        return min(x, self.width - 1.0), min(y, self.height - 1.0)


def prompt(instruction: str, coordinates: Coordinates) -> str:
    """What to ask of one image; ``instruction`` cannot close its quotes or name a special token."""
    quoted = json.dumps(instruction, ensure_ascii=False).replace("<|", "< |")
    return _PROMPT.format(instruction=quoted, coordinates=_COORDINATES[coordinates])


def read_answer(text: str, pixels: Pixels) -> ReadAnswer:
    """The boxes and points of a model's answer in pixels of the image; never raises, whatever the text.

    Code fences, prose, <think> and <answer> tags, arrays cut off at the end, a single object and bare lists of
    four numbers are read. Numbers that are not finite, or given as strings, are not taken; boxes are clipped,
    thin ones dropped; objects beyond ``MAX_OBJECTS`` and repetitions are left out.
    """
    if len(text) > MAX_CHARACTERS:
        return _malformed(f"{len(text)} characters, more than {MAX_CHARACTERS}")
    start, end = _payload(text)
    if start >= end:
        return _malformed("no answer after the thinking" if "think>" in text else "it is empty")
    if _nesting(text[start:end]) > MAX_NESTING:
        return _malformed(f"brackets nested deeper than {MAX_NESTING}")
    entries = list(_entries(text, start, end)) or list(_bare_boxes(text, start, end))
    if not entries:
        if _EMPTY_LIST.search(text, start, end):
            return ReadAnswer((), reason="nothing fits: []")
        return _malformed("no JSON list of boxes in it")
    found: dict[Located, tuple[Span, ...]] = {}
    for entry, spans in entries:
        located = _located(entry, pixels)
        if located is not None and len(found) < MAX_OBJECTS:
            found.setdefault(located, spans)
    if not found:
        return _malformed(f"none of its {len(entries)} objects has a usable box or point in the image")
    return ReadAnswer(tuple(found), tuple(span for spans in found.values() for span in spans))


def clean_label(value: Any) -> str:
    """A label of at most ``MAX_LABEL`` visible characters, empty if ``value`` is no text."""
    if not isinstance(value, str):
        return ""
    visible = (" " if unicodedata.category(c).startswith(("C", "Z")) else c for c in value[: 4 * MAX_LABEL])
    return " ".join("".join(visible).split())[:MAX_LABEL].rstrip()


def _malformed(why: str) -> ReadAnswer:
    return ReadAnswer((), reason=f"malformed answer: {why}")


def _payload(text: str) -> Span:
    """Where the answer itself is: after the thinking, inside <answer> if there is one."""
    start = text.rfind("</think>") + len("</think>") if "</think>" in text else 0
    unfinished = text.find("<think>", start)
    end = unfinished if unfinished >= 0 else len(text)
    opened = text.rfind("<answer>", start, end)
    if opened >= 0:
        start = opened + len("<answer>")
        closed = text.find("</answer>", start, end)
        end = closed if closed >= 0 else end
    body = text[start:end]
    return start + len(body) - len(body.lstrip()), end


def _nesting(text: str) -> int:
    """The deepest nesting of brackets and braces."""
    deepest = depth = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth = max(depth - 1, 0)
    return deepest


def _entries(text: str, start: int, end: int) -> Iterator[tuple[dict[str, Any], tuple[Span, ...]]]:
    """The JSON objects that name a box or a point, wherever they are nested, and what spells their values.

    Each is decoded on its own, so that an array cut off in its middle still gives its first objects.
    """
    decoder, at, payload = json.JSONDecoder(), start, text[:end]
    for _ in range(_MAX_ATTEMPTS):
        at = payload.find("{", at)
        if at < 0:
            return
        try:
            entry, after = decoder.raw_decode(payload, at)
        except ValueError:
            at += 1
            continue
        if any(key in entry for key in _BOX_KEYS + _POINT_KEYS):
            yield entry, _value_spans(payload, at, after)
            at = after
        else:
            at += 1


def _bare_boxes(text: str, start: int, end: int) -> Iterator[tuple[dict[str, Any], tuple[Span, ...]]]:
    """Lists of four numbers without an object around them."""
    for count, match in enumerate(_BARE_BOX.finditer(text, start, end)):
        if count == _MAX_ATTEMPTS:
            return
        yield {"bbox_2d": [float(number) for number in match[0][1:-1].split(",")]}, (match.span(),)


def _value_spans(text: str, start: int, end: int) -> tuple[Span, ...]:
    """Characters of the label and of the coordinates of the object in ``text[start:end]``, else all of it."""
    values = [*_LABEL_VALUE.finditer(text, start, end), *_NUMBERS_VALUE.finditer(text, start, end)]
    return tuple(sorted(value.span(1) for value in values)) or ((start, end),)


def _located(entry: dict[str, Any], pixels: Pixels) -> Located | None:
    """The object in pixels, None if neither its box nor its point can be used."""
    corners = _numbers(entry, _BOX_KEYS, 4)
    place = _numbers(entry, _POINT_KEYS, 2)
    box = pixels.box(corners) if corners else None
    point = pixels.point(place) if place else None
    return Located(box, point, clean_label(entry.get("label"))) if box or point else None


def _numbers(entry: dict[str, Any], keys: tuple[str, ...], count: int) -> list[float] | None:
    """The value of the first of ``keys`` that is a list of ``count`` numbers of a sane size."""
    for key in keys:
        values = entry.get(key)
        if isinstance(values, list) and len(values) == count and all(_is_number(value) for value in values):
            return [float(value) for value in values]
    return None


def _is_number(value: Any) -> bool:
    """Whether ``value`` is a finite number that can be a coordinate: no bool, no text, nothing huge."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= _MAX_NUMBER and not math.isnan(value)
