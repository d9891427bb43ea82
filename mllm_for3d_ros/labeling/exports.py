"""Label stores in the layouts of others: Reason3D, Instruct3D, PLY, COCO."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mllm_for3d_ros.errors import LabelStoreError
from mllm_for3d_ros.files import write_whole
from mllm_for3d_ros.lifting.label_store import SCENE_FILE, LabelStore, label_file
from mllm_for3d_ros.scene.ply import ply_bytes
from mllm_for3d_ros.scene.superpoints import segment
from mllm_for3d_ros.types import SceneCloud

THRESHOLD = 0.5
NOTHING = -1


@dataclass(frozen=True)
class Pieces:
    """Masks that overlap, as pieces that do not.

    of_point: [N] int32 piece of each point, -1 where no mask is. members: of each instruction the pieces that its
    mask is made of, empty where there is nothing.
    """

    of_point: np.ndarray
    members: dict[str, tuple[int, ...]]


def find_stores(paths: Sequence[Path]) -> list[LabelStore]:
    """The stores that the paths are, or that lie in them, each once.

    Raises:
        LabelStoreError: a path is no store and holds none, one is damaged, or two have the same name, by which the
            layouts tell scenes apart.
    """
    found: dict[str, LabelStore] = {}
    for path in paths:
        inner = sorted(one.parent for one in path.glob(f"*/{SCENE_FILE}"))
        folders = [path] if (path / SCENE_FILE).is_file() else inner
        if not folders:
            raise LabelStoreError(f"{path} holds no label store ({SCENE_FILE}); give a folder that `label` wrote")
        for folder in (one.resolve() for one in folders):
            other = found.setdefault(folder.name, LabelStore.open(folder)).folder
            if other != folder:
                raise LabelStoreError(f"{other} and {folder} have the same name; export them to folders of their own")
    return list(found.values())


def pieces_of(store: LabelStore) -> Pieces:
    """Points grouped by the set of masks that they are in."""
    instructions = store.instructions
    masks = [np.nan_to_num(store.read(text).label.probability) >= THRESHOLD for text in instructions]
    if not masks:
        return Pieces(np.full(store.voxels, NOTHING, np.int32), {})
    packed = np.packbits(np.stack(masks, axis=1), axis=1)
    sets, of_point = np.unique(packed, axis=0, return_inverse=True)
    inside = np.unpackbits(sets, axis=1, count=len(masks)).astype(bool)
    numbers = np.where(inside.any(1), np.cumsum(inside.any(1)) - 1, NOTHING).astype(np.int32)
    members = {text: tuple(numbers[inside[:, k]].tolist()) for k, text in enumerate(instructions)}
    return Pieces(numbers[of_point.ravel()], members)


def to_ply(stores: Sequence[LabelStore], out: Path, split: str) -> int:
    """``<scene>/<id>.ply``: the map with ``probability`` (-1 where unknown) and ``confidence``, a file a label."""
    count = 0
    for store in stores:
        cloud = store.cloud()
        for stored in store.labels():
            label = stored.label
            known = np.nan_to_num(label.probability, nan=-1.0)
            content = ply_bytes(cloud.points, cloud.colors, probability=known, confidence=label.confidence)
            _write(out / store.folder.name / f"{Path(label_file(label.instruction)).stem}.ply", content)
            count += 1
        index = [{"file": f"{Path(e).stem}.ply", "instruction": t} for t, e in _label_files(store)]
        _write_json(out / store.folder.name / "index.json", index)
    return count


def to_coco(stores: Sequence[LabelStore], out: Path, split: str) -> int:
    """``annotations/<split>.json`` and ``images/``: the masks of the views as compressed run lengths.

    A category is an instruction; an annotation has the teacher's ``score`` and the view's weight ``omega``.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    categories: dict[str, int] = {}
    for store in stores:
        numbers: dict[int, int] = {}
        for text in store.instructions:
            category = categories.setdefault(text, len(categories) + 1)
            for record in store.records(text):
                mask = record.mask()
                if record.view not in numbers:
                    numbers[record.view] = len(images) + 1
                    images.append(_coco_image(store, record.view, record.size, numbers[record.view], out))
                if mask is None:
                    continue
                rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
                box = [0, 0, 0, 0]
                if len(rows):
                    box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": numbers[record.view],
                        "category_id": category,
                        "segmentation": {"size": list(record.size), "counts": record.counts},
                        "area": int(mask.sum()),
                        "bbox": [int(value) for value in box],
                        "iscrowd": 0,
                        "score": record.score,
                        "omega": record.weight,
                    }
                )
    named = [{"id": number, "name": text} for text, number in categories.items()]
    _write_json(out / f"annotations/{split}.json", {"images": images, "annotations": annotations, "categories": named})
    return len(annotations)


def to_instruct3d(stores: Sequence[LabelStore], out: Path, split: str) -> int:
    """The layout of Instruct3D over ScanNet++; ``object_id`` lists pieces, as masks overlap, and may be empty."""
    rows = []
    for store in stores:
        name, cloud, pieces = store.folder.name, store.cloud(), pieces_of(store)
        scans = out / "data" / name / "scans"
        _write(scans / "mesh_aligned_0.05.ply", ply_bytes(cloud.points, cloud.colors))
        parts, of_segment = np.unique(
            np.stack([pieces.of_point, _superpoints(cloud)], axis=1), axis=0, return_inverse=True
        )
        _write_json(scans / "segments.json", {"sceneId": name, "segIndices": of_segment.ravel().tolist()})
        groups = [
            {"id": k, "objectId": k, "label": "", "segments": np.flatnonzero(parts[:, 0] == k).tolist()}
            for k in range(int(pieces.of_point.max(initial=NOTHING)) + 1)
        ]
        _write_json(scans / "segments_anno.json", {"sceneId": name, "segGroups": groups})
        rows += [
            {
                "scene_id": name,
                "object_id": list(members),
                "object_name": store.kinds.get(text, ""),
                "image": "",
                "description": text,
            }
            for text, members in pieces.members.items()
        ]
    _write_json(out / f"instruct3D_{split}.json", rows)
    return len(rows)


def to_reason3d(stores: Sequence[LabelStore], out: Path, split: str) -> int:
    """The layout of Reason3D: a class is a piece, and labels without a target are left out, as that has none.

    ``object_id`` is a number, or a list where a mask is made of several pieces. Points stay in the map frame.
    """
    import torch

    rows: list[dict[str, Any]] = []
    for store in stores:
        name, cloud, pieces = store.folder.name, store.cloud(), pieces_of(store)
        columns = (
            cloud.points.astype(np.float32),
            (cloud.colors / 127.5 - 1).astype(np.float32),
            _superpoints(cloud).astype(np.int64),
            pieces.of_point.astype(np.int64),
            pieces.of_point.astype(np.int64),
        )
        folder = out / "scannetv2" / ("val" if split == "val" else "train")
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(columns, folder / f"{name}_reason.pth")
        rows += [
            {
                "scene_id": name,
                "object_id": members[0] if len(members) == 1 else list(members),
                "object_name": store.kinds.get(text, ""),
                "question": text,
                "type": "scannet",
            }
            for text, members in pieces.members.items()
            if members
        ]
    _write_json(out / f"reason3d/reason3d_{split}.json", rows)
    return len(rows)


LAYOUTS: dict[str, Callable[[Sequence[LabelStore], Path, str], int]] = {
    "reason3d": to_reason3d,
    "instruct3d": to_instruct3d,
    "ply": to_ply,
    "coco": to_coco,
}
"""Each writes stores into a folder, for a split, and returns the number of annotations."""


def _superpoints(cloud: SceneCloud) -> np.ndarray:
    return segment(cloud.points, cloud.normals, cloud.colors).labels


def _coco_image(store: LabelStore, view: int, size: tuple[int, int], number: int, out: Path) -> dict[str, Any]:
    name = f"{store.folder.name}_{view:03d}.jpg"
    picture = store.view_image(view)
    if picture is not None:
        (out / "images").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, out / "images" / name)
    return {"id": number, "file_name": name, "height": size[0], "width": size[1], "scene": store.folder.name}


def _label_files(store: LabelStore) -> list[tuple[str, str]]:
    return [(text, label_file(text)) for text in store.instructions]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content, durable=False)


def _write_json(path: Path, content: Any) -> None:
    _write(path, (json.dumps(content, ensure_ascii=False) + "\n").encode("utf-8"))
