"""Answers as messages: the ReasoningMask, clouds of the mask and of all probabilities, markers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from sensor_msgs.msg import PointCloud2
from shape_msgs.msg import Plane
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from mllm_for3d_ros.msg import MaskInstance, ReasoningMask
from mllm_for3d_ros.nodes.answers import Answer
from mllm_for3d_ros.nodes.conversion import (
    cloud_message,
    duration_message,
    header_message,
    time_message,
)
from mllm_for3d_ros.nodes.instruction_desk import Request
from mllm_for3d_ros.nodes.map_keeper import EncodedMap
from mllm_for3d_ros.nodes.support_plane import LevelVoxels
from mllm_for3d_ros.scene.point_cloud2 import pack_rgb
from mllm_for3d_ros.types import Instance, Mask3D, SceneCloud

_COLD, _HOT = np.array([0.0, 0.0, 90.0]), np.array([255.0, 210.0, 0.0])


def mask_message(request: Request, answer: Answer) -> ReasoningMask:
    """The message without instances and scores."""
    message = ReasoningMask(
        header=map_header(answer.encoded),
        instruction_id=request.id,
        requester=request.requester,
        text=request.text,
        instruction_stamp=time_message(request.stamp_ns),
        sequence=request.sequence,
        status=int(answer.status),
        error_code=answer.error_code,
        explanation=answer.explanation,
        method=answer.method,
        model_fingerprint=answer.fingerprint,
    )
    if answer.encoded is not None:
        message.map_epoch, message.map_version = answer.encoded.cloud.epoch, answer.encoded.version
        message.voxel_size = float(answer.encoded.cloud.voxel_size)
    message.queue_time = duration_message(answer.queue_s)
    message.inference_time = duration_message(answer.inference_s)
    return message


def map_header(encoded: EncodedMap | None) -> Header:
    """Frame and newest observation of a map; empty without one."""
    return Header() if encoded is None else header_message(encoded.cloud.frame_id, encoded.stamp_ns)


def add_mask(
    message: ReasoningMask,
    cloud: SceneCloud,
    mask: Mask3D,
    ids: Sequence[int],
    include_points: bool,
    observed: Callable[[Instance], float],
) -> ReasoningMask:
    """Fill in scores and instances of a mask on a cloud; returns the message.

    Args:
        message: from ``mask_message``.
        cloud: that the mask is of.
        mask: the mask.
        ids: a number for each of its instances.
        include_points: whether instances carry their points.
        observed: the share of an instance's box that was seen, 0 where that is not known.
    """
    message.presence, message.score = float(mask.presence), float(mask.score)
    level = LevelVoxels(cloud)
    for instance, number in zip(mask.instances, ids, strict=True):
        found = _instance_message(cloud, instance, number, level)
        found.observed_fraction = observed(instance)
        if include_points:
            found.points = _scored_cloud(cloud, instance.indices, mask.probability, message.header)
        message.instances.append(found)
    return message


def _instance_message(cloud: SceneCloud, instance: Instance, number: int, level: LevelVoxels) -> MaskInstance:
    points = cloud.points[instance.indices].astype(np.float64)
    message = MaskInstance(id=number, label=instance.label, reason=instance.reason, score=float(instance.score))
    message.pose, message.size = box_pose(instance), _vector(instance.size)
    message.point_count = len(points)
    if len(points):
        message.centroid = _point(points.mean(axis=0))
        message.centroid_covariance = covariance(points).reshape(-1)
        message.last_seen = time_message(int(cloud.last_seen_ns[instance.indices].max()))
        plane = level.plane_under(instance)
        message.has_support = plane is not None
        message.support_plane = Plane() if plane is None else Plane(coef=plane)
    return message


def covariance(points: np.ndarray) -> np.ndarray:
    """[3, 3] m^2 of points [N, 3] m about their mean; zero of a single one."""
    return np.atleast_2d(np.cov(points.T, bias=True)) if len(points) > 1 else np.zeros((3, 3))


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


def mask_cloud(cloud: SceneCloud, mask: Mask3D, ids: Sequence[int], header: Any) -> PointCloud2:
    """The voxels of the mask: x y z rgb score instance (0 for voxels of no instance)."""
    owner = np.zeros(len(cloud), np.uint32)
    for instance, number in zip(mask.instances, ids, strict=True):
        owner[instance.indices] = number
    rows = np.flatnonzero(mask.mask)
    return _scored_cloud(cloud, rows, mask.probability, header, owner[rows])


def heatmap_cloud(cloud: SceneCloud, mask: Mask3D, header: Any) -> PointCloud2:
    """All voxels: x y z, rgb from dark blue (0) to yellow (1), score."""
    share = np.nan_to_num(mask.probability)[:, None]
    colors = np.rint(np.clip(_COLD + share * (_HOT - _COLD), 0, 255)).astype(np.uint8)
    columns = {axis: cloud.points[:, k] for k, axis in enumerate("xyz")}
    message = cloud_message(columns | {"rgb": pack_rgb(colors), "score": mask.probability}, header.frame_id, 0)
    message.header = header
    return message


def marker_array(instances: Sequence[Instance], ids: Sequence[int], text: str, header: Any) -> MarkerArray:
    """A box and a label an instance; every earlier marker is removed first."""
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for instance, number in zip(instances, ids, strict=True):
        box = Marker(header=header, ns="box", id=number, type=Marker.CUBE, action=Marker.ADD)
        box.pose, box.scale = box_pose(instance), _vector(np.maximum(instance.size, 0.01))
        box.color = ColorRGBA(r=1.0, g=0.5, b=0.0, a=0.35)
        label = Marker(header=header, ns="label", id=number, type=Marker.TEXT_VIEW_FACING, action=Marker.ADD)
        label.pose.position = _point(instance.center + np.array([0, 0, instance.size[2] / 2 + 0.1]))
        label.scale.z = 0.12
        label.color = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
        label.text = f"{instance.label or text[:60]} ({instance.score:.2f})"
        markers += [box, label]
    return MarkerArray(markers=markers)


def box_pose(instance: Instance) -> Pose:
    """Centre and axes of an instance's box."""
    half = instance.yaw / 2
    return Pose(position=_point(instance.center), orientation=Quaternion(z=float(np.sin(half)), w=float(np.cos(half))))


def _point(values: np.ndarray) -> Point:
    return Point(x=float(values[0]), y=float(values[1]), z=float(values[2]))


def _vector(values: np.ndarray) -> Vector3:
    return Vector3(x=float(values[0]), y=float(values[1]), z=float(values[2]))
