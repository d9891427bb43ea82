"""The benchmarks: where their files lie, what they ask, and how their target numbers are meant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from mllm_for3d_ros.errors import DatasetError
from mllm_for3d_ros.evaluation.datasets.classes import read_scannet200
from mllm_for3d_ros.evaluation.datasets.files import first_of, numbers_of, read_records, scene_id_of, text_of
from mllm_for3d_ros.evaluation.datasets.matterport import read_matterport, region_file
from mllm_for3d_ros.evaluation.datasets.ply import read_ply
from mllm_for3d_ros.evaluation.datasets.reason_file import read_reason_file
from mllm_for3d_ros.evaluation.datasets.scannet import mesh_file, read_scannet
from mllm_for3d_ros.evaluation.datasets.scannetpp import read_scannetpp
from mllm_for3d_ros.evaluation.datasets.scene import BenchmarkQuery, BenchmarkScene, TargetKind

REASON3D_SOURCES = ("scannet", "mp3d")


class Benchmark(Protocol):
    """Questions over scenes.

    name: as on the command line. queries: in the order of the annotation file.
    """

    name: str
    queries: tuple[BenchmarkQuery, ...]

    def scene(self, query: BenchmarkQuery) -> BenchmarkScene:
        """The labelled points of the query's scene.

        Raises:
            DatasetError: a file is missing or damaged.
        """


@dataclass(frozen=True)
class _Fields:
    """Names of the fields of an annotation."""

    scene: str
    text: str
    targets: str


def _queries(path: Path, fields: _Fields, kind: TargetKind, source: str | None = None) -> tuple[BenchmarkQuery, ...]:
    """The questions in an annotation file; without ``source`` each names its own in the field ``type``."""
    queries = []
    for row, record in enumerate(read_records(path)):
        where = f"{path}[{row}]"
        dataset = source or text_of(record, "type", where)
        if source is None and dataset not in REASON3D_SOURCES:
            known = " or ".join(REASON3D_SOURCES)
            raise DatasetError(f"{where} has type {dataset!r}, not {known}: use the original annotations")
        scene_id, text = scene_id_of(record, fields.scene, where), text_of(record, fields.text, where)
        queries.append(BenchmarkQuery(scene_id, text, kind, numbers_of(record, fields.targets, where), dataset))
    return tuple(queries)


class Reason3D:
    """Reason3D over ScanNet and Matterport3D.

    The target is all points of a class: ``object_id`` is a ScanNet200 class index (scannet) or a raw
    category of category_mapping.tsv (mp3d), never an instance.

    Source: K.-C. Huang et al., Reason3D: Searching and reasoning 3D segmentation via large language model,
    3DV 2025, and the data preparation in its repository.
    """

    name = "reason3d"

    def __init__(self, data: Path, split: str = "val") -> None:
        """Read the questions.

        Raises:
            DatasetError: the annotation file is missing or of another form.
        """
        self._data = data
        path = first_of(data, f"reason3d/reason3d_{split}.json", f"reason3d_{split}.json")
        self.queries = _queries(path, _Fields("scene_id", "question", "object_id"), "class")

    def scene(self, query: BenchmarkQuery) -> BenchmarkScene:
        """See ``Benchmark``. What Reason3D prepared is taken where it is there, else the original download."""
        return self._matterport(query.scene_id) if query.source == "mp3d" else self._scannet(query.scene_id)

    def _matterport(self, scene_id: str) -> BenchmarkScene:
        path = first_of(self._data / "matterport", f"mp3d_data/{scene_id}.pth", region_file(scene_id))
        return read_reason_file(path, scene_id) if path.suffix == ".pth" else read_matterport(path, scene_id)

    def _scannet(self, scene_id: str) -> BenchmarkScene:
        root = self._data / "scannetv2"
        prepared = (f"train/{scene_id}_reason.pth", f"val/{scene_id}_reason.pth")
        path = first_of(root, *prepared, f"scans/{scene_id}")
        if path.is_dir():
            tables = "scannetv2-labels.combined.tsv", "scannet200_constants.py"
            return read_scannet(path, read_scannet200(*(first_of(root, table) for table in tables)))
        scene = read_reason_file(path, scene_id)
        mesh = mesh_file(root / "scans" / scene_id)
        return _in_the_frame_of(scene, mesh) if mesh.is_file() else scene


def _in_the_frame_of(scene: BenchmarkScene, mesh: Path) -> BenchmarkScene:
    """The scene with the points of the mesh that it was made from, row by row: undoes a shift to the mean."""
    points = read_ply(mesh).points
    if len(points) != len(scene):
        raise DatasetError(f"{mesh} has {len(points)} vertices, the scene {len(scene)}: take both of one release")
    return replace(scene, points=points)


class Instruct3D:
    """Instruct3D over ScanNet++: the target is the union of instances, by ``objectId``; it may be empty.

    Source: S. He et al., SegPoint: Segment any point cloud via large language model, ECCV 2024.
    """

    name = "instruct3d"

    def __init__(self, data: Path, split: str = "val") -> None:
        """Read the questions.

        Raises:
            DatasetError: the annotation file is missing or of another form.
        """
        self._data = data
        path = first_of(data, f"instruct3D_{split}.json", f"instruct3d/instruct3D_{split}.json")
        self.queries = _queries(path, _Fields("scene_id", "description", "object_id"), "instance", "scannetpp")

    def scene(self, query: BenchmarkQuery) -> BenchmarkScene:
        """See ``Benchmark``."""
        return read_scannetpp(first_of(self._data, f"data/{query.scene_id}", query.scene_id))


class Intent3D:
    """Intent3D over ScanNet: the targets are the boxes of things, aligned with the walls.

    ``target_id`` is a place in the list of annotated things without repeats. Masks are scored on the union
    of the points of those things.

    Source: W. Kang et al., Intent3D: 3D object detection in RGB-D scans based on human intention, ICLR 2025,
    and the evaluation in its repository. Boxes here are those of all vertices, there of 50,000 drawn ones.
    """

    name = "intent3d"

    def __init__(self, data: Path, split: str = "val") -> None:
        """Read the questions.

        Raises:
            DatasetError: the annotation file is missing or of another form.
        """
        self._data = data
        raw = f"{split}_samples_dict_vg_format_clean_duplicate.json"
        path = first_of(data, f"intention_sentence/{split}.json", f"intention_sentence/{raw}", f"{split}.json")
        self.queries = _queries(path, _Fields("scan_id", "utterance", "target_id"), "box", "scannet")

    def scene(self, query: BenchmarkQuery) -> BenchmarkScene:
        """See ``Benchmark``."""
        return read_scannet(first_of(self._data, f"scans/{query.scene_id}"), by_position=True)


BENCHMARKS: dict[str, type[Reason3D] | type[Instruct3D] | type[Intent3D]] = {
    kind.name: kind for kind in (Reason3D, Instruct3D, Intent3D)
}
