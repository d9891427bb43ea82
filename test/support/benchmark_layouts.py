"""A small furnished scene, written in the layouts of ScanNet, ScanNet++, Matterport3D and Reason3D."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

SPACING = 0.04
TURN = np.array([[0.0, -1, 0, 1.5], [1, 0, 0, -2], [0, 0, 1, 0.25], [0, 0, 0, 1]])
CLASS_IDS = (1, 2, 4, 7)  # ScanNet200 position of chair: 1, of table: 2
RAW_CATEGORIES = {"floor": 1, "chair": 2, "office chair": 2, "table": 4, "mystery": 1000}


@dataclass(frozen=True)
class Thing:
    """A box of points: its label, least corner and size in m."""

    label: str
    corner: tuple[float, float, float]
    size: tuple[float, float, float]

    @property
    def points(self) -> np.ndarray:
        axes = [
            np.arange(low, low + length + 1e-6, SPACING) for low, length in zip(self.corner, self.size, strict=True)
        ]
        return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3).astype(np.float32)


THINGS = (
    Thing("chair", (3.0, -2.0, 0.5), (0.4, 0.4, 0.8)),
    Thing("table", (4.0, -2.0, 0.5), (1.2, 0.8, 0.4)),
    Thing("office chair", (3.0, -1.0, 0.5), (0.4, 0.4, 0.4)),
    Thing("mystery", (5.5, -1.0, 0.5), (0.2, 0.2, 0.2)),
)
FLOOR = Thing("floor", (2.8, -2.2, 0.4), (3.2, 1.8, 0.0))


@dataclass(frozen=True)
class Furnished:
    """points [N, 3], owner [N] place in THINGS or -1, segment [N] numbers with gaps, two a thing."""

    points: np.ndarray
    owner: np.ndarray
    segment: np.ndarray

    def of(self, *things: int) -> np.ndarray:
        return np.isin(self.owner, things)

    def segments_of(self, thing: int) -> list[int]:
        return np.unique(self.segment[self.owner == thing]).tolist()

    @property
    def colors(self) -> np.ndarray:
        return np.full((len(self.points), 3), 90, np.uint8) + (self.owner[:, None] * 20).astype(np.uint8)


def furnished() -> Furnished:
    parts = [thing.points for thing in (*THINGS, FLOOR)]
    owner = np.repeat([0, 1, 2, 3, -1], [len(part) for part in parts])
    halves = np.concatenate([np.arange(len(part)) * 2 // len(part) for part in parts])
    segment = 10 * (owner + 2) + np.where(owner < 0, 0, halves)
    shuffle = np.random.default_rng(3).permutation(len(owner))
    return Furnished(np.concatenate(parts)[shuffle], owner[shuffle], segment[shuffle])


def write_mesh(
    path: Path,
    points: np.ndarray,
    colors: np.ndarray,
    triangles: np.ndarray | None = None,
    category: np.ndarray | None = None,
    form: str = "binary_little_endian",
) -> None:
    """A PLY as the datasets have it: vertices with colours (and alpha), then triangles."""
    order = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}[form]
    triangles = np.array([[0, 1, 2]]) if triangles is None else triangles
    header = ["ply", f"format {form} 1.0", "comment made for a test", f"element vertex {len(points)}"]
    header += [f"property float {axis}" for axis in "xyz"]
    header += [f"property uchar {name}" for name in ("red", "green", "blue", "alpha")]
    header += [f"element face {len(triangles)}", "property list uchar int vertex_indices"]
    header += ["property int category_id"] if category is not None else []
    kinds = [(axis, f"{order}f4") for axis in "xyz"] + [(name, "u1") for name in ("red", "green", "blue", "alpha")]
    vertices = np.zeros(len(points), kinds)
    vertices["x"], vertices["y"], vertices["z"] = points.T
    vertices["red"], vertices["green"], vertices["blue"], vertices["alpha"] = *colors.T, 255
    kinds = [("length", "u1"), ("vertex_indices", f"{order}i4", (3,))]
    faces = np.zeros(len(triangles), kinds + ([("category_id", f"{order}i4")] if category is not None else []))
    faces["length"], faces["vertex_indices"] = 3, triangles
    if category is not None:
        faces["category_id"] = category
    start = "\n".join([*header, "end_header", ""]).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "ascii":
        rows = [" ".join(str(number) for number in row) for row in vertices.tolist()]
        rows += [" ".join(" ".join(map(str, np.ravel(field))) for field in row) for row in faces.tolist()]
        path.write_bytes(start + "\n".join([*rows, ""]).encode())
    else:
        path.write_bytes(start + vertices.tobytes() + faces.tobytes())


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def scannet_groups(scene: Furnished) -> list[dict]:
    """The annotation, with the table annotated twice: places and ids differ after it."""
    order = [0, 1, 1, 2, 3]
    return [
        {"id": row, "objectId": row, "label": THINGS[thing].label, "segments": scene.segments_of(thing)}
        for row, thing in enumerate(order)
    ]


def write_scannet(folder: Path, scene: Furnished, aligned: bool = True) -> None:
    """``scans/<id>`` as it is downloaded."""
    stem = folder / f"{folder.name}_vh_clean_2"
    write_mesh(stem.with_suffix(".ply"), scene.points, scene.colors)
    write_json(stem.with_name(f"{stem.name}.0.010000.segs.json"), {"segIndices": scene.segment.tolist()})
    write_json(folder / f"{folder.name}.aggregation.json", {"segGroups": scannet_groups(scene)})
    if aligned:
        numbers = " ".join(str(number) for number in TURN.ravel())
        (folder / f"{folder.name}.txt").write_text(f"axisAlignment = {numbers} \ncolorHeight = 968\n")


def write_class_tables(folder: Path) -> None:
    """ScanNet's table of raw labels, and a list of class ids that would end any process that ran it."""
    rows = [f"{category}\t{label}\t7" for label, category in RAW_CATEGORIES.items()]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scannetv2-labels.combined.tsv").write_text("\n".join(["id\traw_category\tnyu40id", *rows]) + "\n")
    code = f"raise SystemExit('this must not run')\nVALID_CLASS_IDS_20 = (1, 2)\nVALID_CLASS_IDS_200 = {CLASS_IDS}\n"
    (folder / "scannet200_constants.py").write_text(code)


def write_reason_file(path: Path, scene: Furnished) -> None:
    """A scan as Reason3D prepares it: about the mean, colours in -1..1, float classes with -100 for none."""
    classes = np.array([1.0, 2.0, 1.0, -100.0, 0.0])[scene.owner]
    columns = [scene.points - scene.points.mean(0), scene.colors / 127.5 - 1, scene.segment, classes, scene.owner]
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(tuple(columns), path)


def write_region_file(path: Path, scene: Furnished) -> None:
    """A region as Reason3D prepares it: points where they are, raw categories, no instances."""
    categories = np.array([5, 6, 5, 0, 4])[scene.owner]
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save((scene.points, scene.colors / 127.5 - 1, scene.segment, categories), path)


def write_scannetpp(folder: Path, scene: Furnished) -> None:
    """``data/<id>`` as it is downloaded; object 40 is the table and, overlapping, object 41 one half of it."""
    write_mesh(folder / "scans/mesh_aligned_0.05.ply", scene.points, scene.colors)
    write_json(folder / "scans/segments.json", {"segIndices": scene.segment.tolist()})
    rows = [(12, 0), (40, 1), (7, 2)]
    groups = [{"id": i, "objectId": i, "label": THINGS[t].label, "segments": scene.segments_of(t)} for i, t in rows]
    half = {"id": 41, "objectId": 41, "label": "table top", "segments": scene.segments_of(1)[1:]}
    write_json(folder / "scans/segments_anno.json", {"segGroups": [half, *groups]})


def write_region(path: Path, scene: Furnished) -> None:
    """A region of Matterport3D: triangles among the points of each thing, categories 5 (chairs), 6 (table), -1."""
    category = {0: 5, 1: 6, 2: 5, 3: -1, -1: 4}
    triangles, labels = [], []
    for thing, number in category.items():
        rows = np.flatnonzero(scene.owner == thing)
        fan = np.stack([rows, np.roll(rows, 1), np.roll(rows, 2)], axis=1)
        triangles.append(fan)
        labels.append(np.full(len(fan), number))
    write_mesh(path, scene.points, scene.colors, np.concatenate(triangles), np.concatenate(labels))


SCAN, REGION, ROOM = "scene0001_00", "abcd_region3", "f8f12e4e6b"


def write_reason3d(data: Path, scene: Furnished, prepared: bool = True) -> None:
    """Reason3D: a scan and a region, prepared or as downloaded, and questions of which the last has no target."""
    rows = [
        (SCAN, 1, "something to sit on", "scannet"),
        (SCAN, "2", "where do plates go?", "scannet"),
        (REGION, 5, "somewhere to rest", "mp3d"),
        (REGION, 77, "where can I swim?", "mp3d"),
    ]
    names = ("scene_id", "object_id", "question", "type")
    records = [{**dict(zip(names, row, strict=True)), "object_name": "x"} for row in rows]
    write_json(data / "reason3d/reason3d_val.json", records)
    if prepared:
        write_reason_file(data / f"scannetv2/val/{SCAN}_reason.pth", scene)
        write_region_file(data / f"matterport/mp3d_data/{REGION}.pth", scene)
    else:
        write_scannet(data / "scannetv2/scans" / SCAN, scene)
        write_class_tables(data / "scannetv2")
        write_region(data / "matterport/scans/abcd/region_segmentations/region3.ply", scene)


def write_instruct3d(data: Path, scene: Furnished) -> None:
    """Instruct3D: two targets, one target, and none."""
    rows = [([12, 7], "all seats"), ([41], "the top of the table"), ([], "the elephant")]
    records = [
        {"scene_id": ROOM, "object_id": i, "object_name": "x", "image": "a.JPG", "description": d} for i, d in rows
    ]
    write_json(data / "instruct3D_val.json", records)
    write_scannetpp(data / "data" / ROOM, scene)


def write_intent3d(data: Path, scene: Furnished) -> None:
    """Intent3D: one target, and two; places after the repeated annotation differ from ids."""
    rows = [([1], "I want to put down my plate"), ([0, 2], "I want to sit")]
    write_json(
        data / "intention_sentence/val.json", [{"scan_id": SCAN, "target_id": i, "utterance": u} for i, u in rows]
    )
    write_scannet(data / "scans" / SCAN, scene)
