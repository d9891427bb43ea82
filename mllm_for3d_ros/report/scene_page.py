"""The page of a scene: every instruction with its views, its fused mask, and how far the views agree."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mllm_for3d_ros.lifting.label_store import SCENE_FILE, LabelStore
from mllm_for3d_ros.lifting.view_records import ViewRecord
from mllm_for3d_ros.report.html import DATA, escape, image_uri, json_for_script, page, table, timings
from mllm_for3d_ros.report.pictures import MapPictures, view_picture
from mllm_for3d_ros.report.point_data import packed_scene
from mllm_for3d_ros.types import PseudoLabel

MOST_IN_3D = 40
"""Labels that the 3D view holds; the first ones."""


def scene_digest(store: LabelStore) -> str:
    """Changes when the labels or the look of pages do."""
    hasher = hashlib.sha256((store.folder / SCENE_FILE).read_bytes())
    for file in sorted(DATA.iterdir()):
        hasher.update(file.read_bytes())
    return hasher.hexdigest()[:16]


def scene_page(store: LabelStore, seconds: Mapping[str, float], run_page: str) -> str:
    """The page of a store.

    Args:
        store: with its labels.
        seconds: by stage, of the run that made it; may be empty.
        run_page: address of the page of the run, relative to this one.
    """
    cloud, pictures = store.cloud(), MapPictures(store.cloud())
    labels = [stored.label for stored in store.labels()]
    provenance = store.provenance
    parts = [
        f'<p><a href="{escape(run_page)}">run</a></p><h1>{escape(store.folder.name)}</h1>',
        f"<p>{len(cloud):,} voxels of {1e2 * cloud.voxel_size:g} cm, {len(store.views)} candidate views, "
        f"{len(labels)} instructions. Teacher <code>{escape(provenance.teacher)}</code>. "
        f"Source <code>{escape(provenance.source)}</code>.</p>",
        _viewer(),
        "<h2>Instructions</h2>",
        _overview(store, labels),
        *(_section(store, number, label, pictures) for number, label in enumerate(labels)),
    ]
    if seconds:
        parts.append(f'<h2>Stage timings</h2><div class="box">{timings(dict(seconds))}</div>')
    script = (DATA / "viewer.js").read_text(encoding="utf-8")
    content = json_for_script(packed_scene(cloud, labels[:MOST_IN_3D]))
    return page(store.folder.name, "\n".join(parts), scene_digest(store), f"const SCENE = {content};\n{script}")


def is_current(path: Path, store: LabelStore) -> bool:
    """Whether the page at ``path`` shows the store as it is."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return f'name="digest" content="{scene_digest(store)}"'.encode() in file.read(1000)


def _viewer() -> str:
    return (
        '<div class="box"><canvas id="view"></canvas><p id="view-note">Drag to turn, shift-drag to move, wheel to '
        'zoom.</p><div class="controls"><label>show <select id="label"></select></label><label>threshold '
        '<input id="threshold" type="range" min="0.05" max="0.95" step="0.05" value="0.5"> '
        '<span id="threshold-shown"></span></label><button id="reset">reset view</button></div></div>'
    )


def _overview(store: LabelStore, labels: list[PseudoLabel]) -> str:
    rows = []
    for number, label in enumerate(labels):
        records = store.records(label.instruction)
        rows.append(
            [
                f'<a href="#i{number}">{escape(label.instruction)}</a>',
                escape(store.kinds.get(label.instruction, "")),
                f"{label.presence:.2f}",
                f"{int((np.nan_to_num(label.probability) >= 0.5).sum()):,}",
                f"{sum(record.reason is None for record in records)} of {len(label.view_weights)}",
                _number(_mean_agreement(records)),
            ]
        )
    head = ["instruction", "kind", "presence", "voxels", "views that count", "mean agreement"]
    return f'<div class="box">{table(head, rows)}</div>'


def _section(store: LabelStore, number: int, label: PseudoLabel, pictures: MapPictures) -> str:
    records = store.records(label.instruction)
    kind = store.kinds.get(label.instruction)
    tag = f' <span class="tag">{escape(kind)}</span>' if kind else ""
    fused = "".join(
        f'<img alt="fused mask, viewpoint {k + 1}" src="{image_uri(image)}">'
        for k, image in enumerate(pictures.of(label.probability))
    )
    kept = sorted((r for r in records if r.reason is None), key=lambda r: -r.weight)
    dropped = [r for r in records if r.reason is not None]
    parts = [
        f'<section id="i{number}"><h2>{escape(label.instruction)}{tag}</h2>',
        f"<p>presence {label.presence:.3f}</p>",
        f'<h3>Fused mask</h3><div class="fused">{fused}</div>',
    ]
    if not records:
        parts.append('<p class="note">This store was written without records of its views.</p>')
    if kept:
        parts.append(f'<h3>Views that count, by weight</h3><div class="views">{_figures(store, kept)}</div>')
    if dropped:
        parts.append(
            f"<details><summary>Dropped or abstaining views: {len(dropped)}, and why</summary>"
            f'<div class="views out">{_figures(store, dropped)}</div></details>'
        )
    if records:
        parts.append(f"<details><summary>Agreement table</summary>{_agreement(records)}</details>")
    return "\n".join([*parts, "</section>"])


def _figures(store: LabelStore, records: list[ViewRecord]) -> str:
    return "".join(_figure(store, record) for record in records)


def _figure(store: LabelStore, record: ViewRecord) -> str:
    image = view_picture(store, record)
    picture = "" if image is None else f'<img loading="lazy" alt="view {record.view}" src="{image_uri(image)}">'
    said = f"view {record.view}: weight {record.weight:.3f}, score {record.score:.2f}"
    if record.reason is not None:
        said = f"view {record.view}: {record.reason}"
    return f"<figure>{picture}<figcaption>{escape(said)}</figcaption></figure>"


def _agreement(records: tuple[ViewRecord, ...]) -> str:
    rows = [
        [str(r.view), f"{r.weight:.3f}", f"{r.score:.2f}", _number(r.agreement), escape(r.reason or "")]
        for r in records
    ]
    return table(["view", "weight ω", "score", "IoU with the label", "dropped because"], rows)


def _mean_agreement(records: tuple[ViewRecord, ...]) -> float | None:
    known = [r.agreement for r in records if r.agreement is not None and r.reason is None]
    return float(np.mean(known)) if known else None


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
