"""The label store: one folder a scene with its cloud, its pseudo-labels and where they come from.

    scene.json           format, version, provenance, views and the list of labels
    cloud.ply            the cloud for viewers (x y z red green blue nx ny nz)
    cloud.safetensors    points, colors, normals, weights, last_seen_ns
    views/<row>.jpg      the candidate views
    labels/<id>.safetensors   probability, confidence (float16), view_weights, query; metadata as JSON
    labels/<id>.views.json    what each asked view said, see view_records.py

Every file is written aside and renamed, labels before the list that names them, so that a killed run
leaves only finished labels. ``docs/label_store.md`` describes the fields for readers without our code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

from mllm_for3d_ros.errors import LabelStoreError
from mllm_for3d_ros.files import remove_partial, write_whole
from mllm_for3d_ros.lifting.provenance import Part, Provenance, View
from mllm_for3d_ros.lifting.view_records import ViewRecord, jpeg_bytes, records_from, records_json
from mllm_for3d_ros.scene.ply import ply_bytes
from mllm_for3d_ros.types import Frame, PseudoLabel, SceneCloud

FORMAT = "mllm_for3d_ros label store"
VERSION = 1
SCENE_FILE = "scene.json"
_CLOUD = ("points", "colors", "normals", "weights", "last_seen_ns")


@dataclass(frozen=True)
class StoredLabel:
    """A label with the rows of the store's views that its view weights speak of."""

    label: PseudoLabel
    views: tuple[int, ...]


class LabelStore:
    """The labels of one scene on disk; see ``create`` and ``open``."""

    def __init__(self, folder: Path, scene: dict[str, Any]) -> None:
        """``scene``: the content of its scene.json."""
        self.folder = folder
        self._scene = scene

    @classmethod
    def create(
        cls,
        folder: Path,
        cloud: SceneCloud,
        views: Sequence[Frame],
        provenance: Provenance,
        part: Part | None = None,
    ) -> LabelStore:
        """Start a store in ``folder``, or go on with the one that is there if it is of the same scene.

        Raises:
            LabelStoreError: the folder holds labels of another source, teacher, settings or cloud, or is damaged.
        """
        tensors = {name: np.ascontiguousarray(getattr(cloud, name)) for name in _CLOUD}
        content = save(tensors)
        scene = {
            "format": FORMAT,
            "version": VERSION,
            "provenance": asdict(provenance),
            "frame_id": cloud.frame_id,
            "voxel_size": cloud.voxel_size,
            "voxels": len(cloud),
            "cloud_sha256": hashlib.sha256(content).hexdigest(),
            "views": [asdict(View.of(frame)) for frame in views],
            "labels": [],
        }
        if part is not None:
            scene["part"] = asdict(part)
        for name in ("labels", "views"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        remove_partial(folder)
        if (folder / SCENE_FILE).exists():
            return cls._resumed(folder, scene)
        for row, frame in enumerate(views):
            write_whole(folder / view_file(row), jpeg_bytes(frame.color), durable=False)
        nx, ny, nz = cloud.normals.T
        write_whole(folder / "cloud.ply", ply_bytes(cloud.points, cloud.colors, nx=nx, ny=ny, nz=nz))
        write_whole(folder / "cloud.safetensors", content)
        store = cls(folder, scene)
        store._commit()
        return store

    @classmethod
    def _resumed(cls, folder: Path, scene: dict[str, Any]) -> LabelStore:
        store = cls.open(folder)
        for key in ("provenance", "voxel_size", "cloud_sha256", "views"):
            if store._scene[key] != scene[key]:
                raise LabelStoreError(
                    f"{folder} holds labels with another {key.split('_')[0]}; give another folder or delete that one"
                )
        return store

    @classmethod
    def open(cls, folder: Path) -> LabelStore:
        """The store in ``folder``.

        Raises:
            LabelStoreError: there is none, it is damaged, or of a version that this code does not know.
        """
        path = folder / SCENE_FILE
        try:
            scene = json.loads(path.read_text(encoding="utf-8"))
            known = scene["format"] == FORMAT
            version = scene["version"]
        except (OSError, ValueError, KeyError, TypeError) as cause:
            raise LabelStoreError(f"{folder} is no label store ({cause}); give a folder with {SCENE_FILE}") from cause
        if not known or version != VERSION:
            raise LabelStoreError(f"{path} has version {version}, this package reads {VERSION}; use a matching package")
        return cls(folder, scene)

    @property
    def provenance(self) -> Provenance:
        """What the labels depend on."""
        return Provenance(**self._scene["provenance"])

    @property
    def voxels(self) -> int:
        """Number of rows of the cloud and of every label."""
        return int(self._scene["voxels"])

    @property
    def views(self) -> tuple[View, ...]:
        """The candidate views; each label names those of them that were asked."""
        return tuple(View(**view) for view in self._scene["views"])

    @property
    def instructions(self) -> tuple[str, ...]:
        """The instructions that have labels, in the order of writing."""
        return tuple(entry["instruction"] for entry in self._scene["labels"])

    def cloud(self) -> SceneCloud:
        """The cloud that the labels speak of."""
        tensors = self._read(self.folder / "cloud.safetensors")
        columns: dict[str, Any] = {name: tensors[name] for name in _CLOUD}
        return SceneCloud(**columns, voxel_size=self._scene["voxel_size"], frame_id=self._scene["frame_id"])

    @property
    def part(self) -> Part:
        """Which part of the recording it is; the whole, of unknown length (0), where the store does not say."""
        return Part(**self._scene["part"]) if "part" in self._scene else Part(1, 0, 0)

    @property
    def kinds(self) -> dict[str, str]:
        """Kinds of the labelled instructions that have one."""
        return {entry["instruction"]: entry["kind"] for entry in self._scene["labels"] if "kind" in entry}

    def write(
        self, label: PseudoLabel, views: Sequence[int], kind: str | None = None, records: Sequence[ViewRecord] = ()
    ) -> None:
        """Add a label, or replace that of the same instruction.

        Args:
            label: of the store's cloud.
            views: rows of ``self.views`` that its view weights speak of.
            kind: of the instruction, where it was given with one.
            records: what those views said; none are kept if it is empty.

        Raises:
            ValueError: the label is of another cloud or of other views.
        """
        count, candidates = self._scene["voxels"], len(self._scene["views"])
        if len(label.probability) != count:
            raise ValueError(f"the store has {count} voxels, the label {len(label.probability)}")
        if len(views) != len(label.view_weights) or not all(0 <= view < candidates for view in views):
            raise ValueError(f"{len(label.view_weights)} view weights need as many of the {candidates} views")
        name = label_file(label.instruction)
        write_whole(self.folder / name, _label_bytes(label, views))
        if records:
            write_whole(self.folder / records_file(label.instruction), records_json(label.instruction, records))
        entry = {"instruction": label.instruction, "file": name, "presence": round(label.presence, 6)}
        entry["voxels_above_half"] = int(np.count_nonzero(label.probability >= 0.5))
        if kind is not None:
            entry["kind"] = kind
        others = [old for old in self._scene["labels"] if old["instruction"] != label.instruction]
        self._scene["labels"] = [*others, entry]
        self._commit()

    def read(self, instruction: str) -> StoredLabel:
        """The label of ``instruction``.

        Raises:
            LabelStoreError: there is none, or its file is damaged.
        """
        found = [entry for entry in self._scene["labels"] if entry["instruction"] == instruction]
        if not found:
            raise LabelStoreError(f"{self.folder} has no label for {instruction!r}; label it first")
        path = self.folder / found[0]["file"]
        tensors = self._read(path)
        with safe_open(path, "numpy") as stored:
            said = json.loads(stored.metadata()["label"])
        label = PseudoLabel(
            instruction,
            tensors["probability"].astype(np.float32),
            tensors["confidence"].astype(np.float32),
            tensors.get("query"),
            tensors["view_weights"],
            tuple(said["dropped"]),
            said["presence"],
        )
        return StoredLabel(label, tuple(said["views"]))

    def records(self, instruction: str) -> tuple[ViewRecord, ...]:
        """What each asked view said; empty where the store does not know.

        Raises:
            LabelStoreError: the file is damaged.
        """
        path = self.folder / records_file(instruction)
        return records_from(path) if path.is_file() else ()

    def view_image(self, row: int) -> Path | None:
        """The picture of a candidate view, if it is there."""
        path = self.folder / view_file(row)
        return path if path.is_file() else None

    def labels(self) -> Iterator[StoredLabel]:
        """All labels, in the order of writing."""
        return (self.read(instruction) for instruction in self.instructions)

    def _read(self, path: Path) -> dict[str, np.ndarray]:
        try:
            return load_file(path)
        except (OSError, SafetensorError) as cause:
            raise LabelStoreError(f"{path} cannot be read ({cause}); delete the folder and label again") from cause

    def _commit(self) -> None:
        text = json.dumps(self._scene, indent=1, ensure_ascii=False) + "\n"
        write_whole(self.folder / SCENE_FILE, text.encode("utf-8"))


def label_file(instruction: str) -> str:
    """Name of the file of an instruction's label within the store."""
    return f"labels/{hashlib.sha256(instruction.encode('utf-8')).hexdigest()[:16]}.safetensors"


def records_file(instruction: str) -> str:
    """Name of the file of what the views said of an instruction."""
    return label_file(instruction).replace(".safetensors", ".views.json")


def view_file(row: int) -> str:
    """Name of the picture of a candidate view."""
    return f"views/{row:03d}.jpg"


def _label_bytes(label: PseudoLabel, views: Sequence[int]) -> bytes:
    tensors = {
        "probability": label.probability.astype(np.float16),
        "confidence": label.confidence.astype(np.float16),
        "view_weights": np.ascontiguousarray(label.view_weights),
    }
    if label.query is not None:
        tensors["query"] = np.ascontiguousarray(label.query, np.float32)
    said: dict[str, Any] = {"instruction": label.instruction, "presence": label.presence, "views": list(views)}
    said["dropped"] = list(label.dropped)
    return save(tensors, {"label": json.dumps(said, ensure_ascii=False)})
