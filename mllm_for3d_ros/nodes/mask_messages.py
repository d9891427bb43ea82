"""Answers as messages: the ReasoningMask, clouds of the mask and of all probabilities, markers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from mllm_for3d_ros.msg import MaskInstance, ReasoningMask
from mllm_for3d_ros.nodes.conversion import (
    cloud_message,
    duration_message,
    header_message,
    time_message,
)
from mllm_for3d_ros.nodes.instruction_desk import Request
from mllm_for3d_ros.scene.point_cloud2 import pack_rgb
from mllm_for3d_ros.types import Instance, Mask3D, SceneCloud, Status

_COLD, _HOT = np.array([0.0, 0.0, 90.0]), np.array([255.0, 210.0, 0.0])
_SAME_OBJECT_M = 0.25


@dataclass(frozen=True)
class Outcome:
    """What is said of a request besides the mask itself: which model and map, and how long it took."""

    status: Status
    explanation: str
    error_code: str = ""
    frame_id: str = ""
    stamp_ns: int = 0
    epoch: str = ""
    version: int = 0
    fingerprint: str = ""
    method: int = ReasoningMask.METHOD_AUTO
    queue_s: float = 0.0
    inference_s: float = 0.0


@dataclass
class InstanceNames:
    """Gives the same object the same id within an epoch: the one whose centre is nearest, within 25 cm."""

    epoch: str = ""
    centers: dict[int, np.ndarray] = field(default_factory=dict)
    _next: int = 1

    def name(self, epoch: str, instances: Sequence[Instance]) -> list[int]:
        """Ids of the instances, all different."""
        if epoch != self.epoch:
            self.epoch, self.centers = epoch, {}
        names: list[int] = []
        for instance in instances:
            distances = {k: np.linalg.norm(c - instance.center) for k, c in self.centers.items() if k not in names}
            near = min(distances, key=distances.__getitem__, default=None)
            if near is None or distances[near] > _SAME_OBJECT_M:
                near, self._next = self._next, self._next + 1
            self.centers[near] = instance.center
            names.append(near)
        return names


def mask_message(request: Request, outcome: Outcome) -> ReasoningMask:
    """The message without instances and scores."""
    message = ReasoningMask(
        header=header_message(outcome.frame_id, outcome.stamp_ns),
        instruction_id=request.id,
        requester=request.requester,
        text=request.text,
        instruction_stamp=time_message(request.stamp_ns),
        sequence=request.sequence,
        status=int(outcome.status),
        error_code=outcome.error_code,
        explanation=outcome.explanation,
        method=outcome.method,
        model_fingerprint=outcome.fingerprint,
        map_epoch=outcome.epoch,
        map_version=outcome.version,
    )
    message.queue_time = duration_message(outcome.queue_s)
    message.inference_time = duration_message(outcome.inference_s)
    return message


def add_answer(
    message: ReasoningMask, cloud: SceneCloud, answer: Mask3D, ids: Sequence[int], include_points: bool
) -> ReasoningMask:
    """Fill in scores and instances of an answer on a cloud; returns the message."""
    message.presence, message.score = float(answer.presence), float(answer.score)
    message.voxel_size = float(cloud.voxel_size)
    message.instances = [
        _instance_message(cloud, answer, instance, number, include_points, message)
        for instance, number in zip(answer.instances, ids, strict=True)
    ]
    return message


def _instance_message(
    cloud: SceneCloud, answer: Mask3D, instance: Instance, number: int, include_points: bool, parent: Any
) -> MaskInstance:
    points = cloud.points[instance.indices].astype(np.float64)
    message = MaskInstance(id=number, label=instance.label, reason=instance.reason, score=float(instance.score))
    message.pose, message.size = _box_pose(instance), _vector(instance.size)
    message.point_count = len(points)
    if len(points):
        message.centroid = _point(points.mean(axis=0))
        message.centroid_covariance = np.cov(points.T, bias=True).reshape(-1) if len(points) > 1 else np.zeros(9)
        message.last_seen = time_message(int(cloud.last_seen_ns[instance.indices].max()))
    if include_points:
        message.points = _scored_cloud(cloud, instance.indices, answer.probability, parent.header)
    return message


def _scored_cloud(
    cloud: SceneCloud, rows: np.ndarray, probability: np.ndarray, header: Any, instance: np.ndarray | None = None
) -> PointCloud2:
    columns = {axis: cloud.points[rows, k] for k, axis in enumerate("xyz")}
    columns |= {"rgb": pack_rgb(cloud.colors[rows]), "score": probability[rows]}
    if instance is not None:
        columns["instance"] = instance.astype(np.uint32)
    message = cloud_message(columns, header.frame_id, 0)
    message.header = header
    return message


def mask_cloud(cloud: SceneCloud, answer: Mask3D, ids: Sequence[int], header: Any) -> PointCloud2:
    """The voxels of the mask: x y z rgb score instance (0 for voxels of no instance)."""
    owner = np.zeros(len(cloud), np.uint32)
    for instance, number in zip(answer.instances, ids, strict=True):
        owner[instance.indices] = number
    rows = np.flatnonzero(answer.mask)
    return _scored_cloud(cloud, rows, answer.probability, header, owner[rows])


def heatmap_cloud(cloud: SceneCloud, answer: Mask3D, header: Any) -> PointCloud2:
    """All voxels: x y z, rgb from dark blue (0) to yellow (1), score."""
    share = np.nan_to_num(answer.probability)[:, None]
    colors = np.rint(np.clip(_COLD + share * (_HOT - _COLD), 0, 255)).astype(np.uint8)
    columns = {axis: cloud.points[:, k] for k, axis in enumerate("xyz")}
    message = cloud_message(columns | {"rgb": pack_rgb(colors), "score": answer.probability}, header.frame_id, 0)
    message.header = header
    return message


def marker_array(instances: Sequence[Instance], ids: Sequence[int], text: str, header: Any) -> MarkerArray:
    """A box and a label an instance; every earlier marker is removed first."""
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for instance, number in zip(instances, ids, strict=True):
        box = Marker(header=header, ns="box", id=number, type=Marker.CUBE, action=Marker.ADD)
        box.pose, box.scale = _box_pose(instance), _vector(np.maximum(instance.size, 0.01))
        box.color = ColorRGBA(r=1.0, g=0.5, b=0.0, a=0.35)
        label = Marker(header=header, ns="label", id=number, type=Marker.TEXT_VIEW_FACING, action=Marker.ADD)
        label.pose.position = _point(instance.center + np.array([0, 0, instance.size[2] / 2 + 0.1]))
        label.scale.z = 0.12
        label.color = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
        label.text = f"{instance.label or text[:60]} ({instance.score:.2f})"
        markers += [box, label]
    return MarkerArray(markers=markers)


def _box_pose(instance: Instance) -> Pose:
    half = instance.yaw / 2
    return Pose(position=_point(instance.center), orientation=Quaternion(z=float(np.sin(half)), w=float(np.cos(half))))


def _point(values: np.ndarray) -> Point:
    return Point(x=float(values[0]), y=float(values[1]), z=float(values[2]))


def _vector(values: np.ndarray) -> Vector3:
    return Vector3(x=float(values[0]), y=float(values[1]), z=float(values[2]))
