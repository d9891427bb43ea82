"""Instances as vision_msgs/Detection3DArray, where vision_msgs is installed."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseWithCovariance, Vector3

from mllm_for3d_ros.nodes.mask_messages import box_pose, covariance
from mllm_for3d_ros.types import Mask3D, SceneCloud


def vision_msgs() -> Any | None:
    """The module vision_msgs.msg; None where it is not installed."""
    try:
        return importlib.import_module("vision_msgs.msg")
    except ImportError:
        return None


def detection_array(messages: Any, cloud: SceneCloud, mask: Mask3D, ids: Sequence[int], header: Any) -> Any:
    """A Detection3D an instance: its number as id, its label (or the instruction) as class, and its box.

    Args:
        messages: from ``vision_msgs``.
        cloud: the map.
        mask: an answer on it.
        ids: a number for each of its instances.
        header: of the map.
    """
    array = messages.Detection3DArray(header=header)
    for instance, number in zip(mask.instances, ids, strict=True):
        detection = messages.Detection3D(header=header, id=str(number))
        detection.bbox.center = box_pose(instance)
        detection.bbox.size = Vector3(**dict(zip("xyz", map(float, instance.size), strict=True)))
        found = messages.ObjectHypothesisWithPose()
        found.hypothesis.class_id, found.hypothesis.score = instance.label or mask.instruction, float(instance.score)
        spread = np.zeros((6, 6))
        spread[:3, :3] = covariance(cloud.points[instance.indices].astype(np.float64))
        found.pose = PoseWithCovariance(pose=box_pose(instance), covariance=spread.reshape(-1))
        detection.results.append(found)
        array.detections.append(detection)
    return array
