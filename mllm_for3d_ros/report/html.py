"""Pieces of HTML: everything that comes from outside is escaped here."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

DATA = Path(__file__).with_name("data")
_JPEG_QUALITY = 80


def escape(text: object) -> str:
    """Text for HTML, attributes included."""
    return html.escape(str(text), quote=True)


def json_for_script(content: Any) -> str:
    """JSON that may stand in a script element."""
    return json.dumps(content, ensure_ascii=True).replace("<", "\\u003c")


def image_uri(image: Image.Image) -> str:
    """A picture as a JPEG data URI."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the cells are HTML already."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def timings(seconds: dict[str, float]) -> str:
    """A table of stages with bars."""
    total = max(sum(seconds.values()), 1e-9)
    rows = [
        [escape(stage), f"{spent:.2f} s", f'<span class="bar" style="width:{200 * spent / total:.0f}px"></span>']
        for stage, spent in seconds.items()
    ]
    return table(["stage", "time", ""], rows)


def page(title: str, body: str, digest: str = "", script: str = "") -> str:
    """A whole page that loads nothing."""
    style = (DATA / "style.css").read_text(encoding="utf-8")
    scripts = f"<script>{script}</script>" if script else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="digest" content="{escape(digest)}"><title>{escape(title)}</title>'
        f"<style>{style}</style></head>\n<body>\n{body}\n{scripts}</body></html>\n"
    )
