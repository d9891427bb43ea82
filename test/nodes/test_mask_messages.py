"""Answers as messages, and as detections."""

import numpy as np
import pytest
import vision_msgs.msg
from student_support import ColorStudent, box_cloud

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.msg import ReasoningMask
from mllm_for3d_ros.nodes.answers import Answer
from mllm_for3d_ros.nodes.conversion import cloud_columns
from mllm_for3d_ros.nodes.detection_messages import detection_array
from mllm_for3d_ros.nodes.instruction_desk import Request
from mllm_for3d_ros.nodes.map_keeper import EncodedMap
from mllm_for3d_ros.nodes.mask_messages import (
    add_mask,
    heatmap_cloud,
    map_header,
    marker_array,
    mask_cloud,
    mask_message,
)
from mllm_for3d_ros.types import Status

CLOUD = box_cloud(((-0.9, -0.9, 0.0), "red"), ((0.4, 0.4, 0.0), "red"))
ANSWERER = Answerer(ColorStudent())
MASK = ANSWERER.answer(ANSWERER.encode(CLOUD), "red")
MAP = EncodedMap(None, CLOUD, 5_000_000_007, 0.1)
REQUEST = Request("planner", "7", "red", 0.0, stamp_ns=3_000_000_001, sequence=2)
IDS = [11, 12]


def message(include_points: bool = False) -> ReasoningMask:
    answer = Answer(Status.OK, "two", "", MAP, MASK, "model", ReasoningMask.METHOD_STUDENT, 0.25, 0.5)
    return add_mask(mask_message(REQUEST, answer), CLOUD, MASK, IDS, include_points, lambda instance: 0.5)


def test_a_mask_message_says_who_asked_what_of_which_map() -> None:
    mask = message()
    assert (mask.requester, mask.instruction_id, mask.text, mask.sequence) == ("planner", "7", "red", 2)
    assert (mask.instruction_stamp.sec, mask.instruction_stamp.nanosec) == (3, 1)
    assert (mask.header.frame_id, mask.header.stamp.sec, mask.header.stamp.nanosec) == ("map", 5, 7)
    assert (mask.map_version, mask.map_epoch, mask.voxel_size) == (3, "", pytest.approx(0.05))
    assert (mask.queue_time.nanosec, mask.inference_time.nanosec) == (250_000_000, 500_000_000)
    assert (mask.status, mask.explanation, mask.model_fingerprint) == (Status.OK, "two", "model")
    assert mask.presence == pytest.approx(0.9) and mask.score == pytest.approx(0.8)


def test_instances_have_boxes_spread_and_support() -> None:
    one, other = message().instances
    assert (one.id, other.id, one.point_count, one.observed_fraction) == (11, 12, 8**3, 0.5)
    place = np.array([one.pose.position.x, one.pose.position.y, one.pose.position.z])
    np.testing.assert_allclose(place, MASK.instances[0].center)
    np.testing.assert_allclose([one.size.x, one.size.y, one.size.z], 0.4, atol=1e-3)
    covariance = one.centroid_covariance.reshape(3, 3)
    np.testing.assert_allclose(covariance, covariance.T)
    assert one.has_support and one.support_plane.coef == pytest.approx([0, 0, 1, 0.025], abs=1e-3)
    assert not one.points.data and (one.first_seen.sec, one.first_seen.nanosec) == (0, 0)


def test_points_come_where_they_were_asked_for() -> None:
    points = cloud_columns(message(include_points=True).instances[1].points)
    rows = MASK.instances[1].indices
    np.testing.assert_array_equal(points["x"], CLOUD.points[rows, 0])
    np.testing.assert_array_equal(points["score"], MASK.probability[rows])


def test_without_a_map_the_message_is_empty_but_for_the_reason() -> None:
    mask = mask_message(REQUEST, Answer(Status.NOT_READY, "no map", "no_map"))
    assert (mask.status, mask.error_code, mask.map_version, mask.header.frame_id) == (Status.NOT_READY, "no_map", 0, "")


def test_clouds_hold_the_mask_and_all_probabilities() -> None:
    cloud = cloud_columns(mask_cloud(CLOUD, MASK, IDS, map_header(MAP)))
    assert len(cloud["x"]) == MASK.mask.sum() and set(cloud["instance"]) == set(IDS)
    heat = heatmap_cloud(CLOUD, MASK, map_header(MAP))
    columns = cloud_columns(heat)
    assert heat.header == map_header(MAP) and len(columns["x"]) == len(CLOUD)
    assert (columns["colors"][MASK.mask, 0] > columns["colors"][~MASK.mask, 0].max()).all()


def test_markers_and_detections_show_the_boxes() -> None:
    header = map_header(MAP)
    markers = marker_array(MASK.instances, IDS, "red", header).markers
    assert [(m.ns, m.id) for m in markers] == [("", 0), ("box", 11), ("label", 11), ("box", 12), ("label", 12)]
    found = detection_array(vision_msgs.msg, CLOUD, MASK, IDS, header).detections
    assert [detection.id for detection in found] == ["11", "12"]
    for detection, box, instance in zip(found, markers[1::2], message().instances, strict=True):
        assert detection.header == header and detection.bbox.center == box.pose == instance.pose
        assert detection.bbox.size == instance.size == box.scale
        (result,) = detection.results
        assert (result.hypothesis.class_id, result.hypothesis.score) == ("red", pytest.approx(instance.score))
        assert result.pose.covariance.reshape(6, 6)[:3, :3] == pytest.approx(instance.centroid_covariance.reshape(3, 3))
