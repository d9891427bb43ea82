"""The page of a run, and the pages of its scenes."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from mllm_for3d_ros.files import write_whole
from mllm_for3d_ros.labeling.summary import RunSummary
from mllm_for3d_ros.lifting.label_store import LabelStore
from mllm_for3d_ros.report.html import escape, image_uri, page, table, timings
from mllm_for3d_ros.report.pictures import view_picture
from mllm_for3d_ros.report.scene_page import is_current, scene_page

RUN_PAGE = "report.html"
SCENE_PAGES = "report"


def write_report(out: Path, summary: RunSummary) -> Path:
    """Write the page of a run and those of its scenes that have changed; returns the path of the first.

    Raises:
        LabelStoreError: a store is damaged.
        OSError: the folder cannot be written.
    """
    folder = out / SCENE_PAGES
    folder.mkdir(parents=True, exist_ok=True)
    for scene in summary.scenes:
        for one in scene.stores:
            store, path = LabelStore.open(one), folder / f"{one.name}.html"
            if not is_current(path, store):
                write_whole(path, scene_page(store, scene.seconds, f"../{RUN_PAGE}").encode("utf-8"), durable=False)
    write_whole(out / RUN_PAGE, _run_page(summary).encode("utf-8"), durable=False)
    return out / RUN_PAGE


def _run_page(summary: RunSummary) -> str:
    own = "" if summary.ms_per_frame is None else f", {summary.ms_per_frame:.1f} ms a frame beside the teacher"
    parts = [
        "<h1>Labelling run</h1>",
        f"<p>Teacher <code>{escape(summary.teacher)}</code>: {summary.teacher_calls:,} calls, {summary.cache_hits:,} "
        f"answers from the cache. {summary.frames:,} frames in {summary.seconds:.1f} s{own}.</p>",
        f'<h2>Scenes</h2><div class="box">{_scenes(summary)}</div>',
    ]
    if summary.failed:
        rows = [[f"<code>{escape(path)}</code>", escape(reason)] for path, reason in summary.failed.items()]
        parts.append(f'<h2 class="bad">Failed</h2><div class="box">{table(["recording", "why"], rows)}</div>')
    if summary.warnings:
        items = "".join(f"<li>{escape(text)}</li>" for text in summary.warnings)
        parts.append(f'<h2>Warnings</h2><div class="box"><ul>{items}</ul></div>')
    parts.append(f'<h2>Stage timings</h2><div class="box">{timings(summary.stages)}</div>')
    return page("Labelling run", "\n".join(parts))


def _scenes(summary: RunSummary) -> str:
    rows = []
    for scene in summary.scenes:
        left_out = "<br>".join(f"{count} × {escape(reason)}" for reason, count in scene.left_out.items())
        for folder in scene.stores:
            store = LabelStore.open(folder)
            link = f'<a href="{SCENE_PAGES}/{quote(folder.name)}.html">{escape(folder.name)}</a>'
            said = ", ".join(escape(text) for text in store.instructions[:6])
            more = f" and {len(store.instructions) - 6} more" if len(store.instructions) > 6 else ""
            rows.append([_cover(store), link, f"{store.voxels:,}", said + more, left_out])
    return table(["", "scene", "voxels", "instructions", "frames left out"], rows)


def _cover(store: LabelStore) -> str:
    """A small picture of a view that says something of the first instruction."""
    for instruction in store.instructions[:1]:
        records = sorted(store.records(instruction), key=lambda record: -record.weight)
        image = view_picture(store, records[0]) if records else None
        if image is not None:
            image.thumbnail((120, 90))
            return f'<img alt="" src="{image_uri(image)}">'
    return ""
