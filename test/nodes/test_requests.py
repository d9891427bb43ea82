"""Instruction messages become requests, or are refused with a reason."""

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped, Vector3

from mllm_for3d_ros.msg import Instruction
from mllm_for3d_ros.nodes.conversion import duration_message, time_message
from mllm_for3d_ros.nodes.requests import Rejection, RequestReader


def posed(w: float = 1.0, z: float = 0.0, x: float = 1.0, frame: str = "/base") -> PoseStamped:
    pose = PoseStamped()
    pose.header.frame_id, pose.header.stamp = frame, time_message(5)
    pose.pose.position.x, pose.pose.orientation.w, pose.pose.orientation.z = x, w, z
    return pose


def test_every_field_is_read() -> None:
    message = Instruction(
        id="7", requester="planner", text=" the  sofa ", op=Instruction.OP_KEEP, method=Instruction.METHOD_LIFTED,
        score_threshold=0.25, max_instances=3, min_map_version=9, timeout=duration_message(2.5), include_points=True,
        has_viewpoint=True, viewpoint=posed(), has_region=True, region_pose=posed(np.sqrt(0.5), np.sqrt(0.5)),
        region_size=Vector3(x=1.0, y=2.0, z=3.0),
    )  # fmt: skip
    message.header.stamp = time_message(11)
    request = RequestReader().read(message, "7", default_timeout_s=60.0)
    assert (request.key, request.text, request.keep, request.lifted) == (("planner", "7"), "the sofa", True, True)
    assert (request.threshold, request.max_instances, request.min_version) == (0.25, 3, 9)
    assert (request.timeout_s, request.include_points, request.stamp_ns) == (2.5, True, 11)
    assert request.viewpoint is not None and request.region is not None
    assert (request.viewpoint.frame_id, request.viewpoint.stamp_ns, request.region_size) == ("base", 5, (1.0, 2.0, 3.0))
    np.testing.assert_allclose(request.viewpoint.pose[:3, 3], [1, 0, 0])
    np.testing.assert_allclose(request.region.pose[:3, :3], [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-9)


def test_what_is_left_out_takes_the_defaults() -> None:
    reader = RequestReader()
    names = [reader.name(Instruction()) for _ in range(2)]
    request = reader.read(Instruction(text="sofa"), names[0], default_timeout_s=60.0)
    assert names == ["auto-1", "auto-2"] and reader.name(Instruction(id="mine")) == "mine"
    assert request.timeout_s == 60.0 and request.viewpoint is request.region is None
    assert not (request.keep or request.lifted or request.include_points)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"has_viewpoint": True, "viewpoint": posed(w=0.0)}, "bad_viewpoint"),
        ({"has_viewpoint": True, "viewpoint": posed(x=float("inf"))}, "bad_viewpoint"),
        ({"has_region": True, "region_pose": posed(w=float("nan"))}, "bad_region"),
        ({"has_region": True, "region_pose": posed(), "region_size": Vector3(x=1.0, y=-1.0, z=1.0)}, "bad_region"),
        ({"has_region": True, "region_pose": posed(), "region_size": Vector3(x=1.0, y=1e999, z=1.0)}, "bad_region"),
        ({"score_threshold": 1.5}, "bad_threshold"),
        ({"requester": "r" * 201}, "name_too_long"),
        ({"method": 9}, "unknown_method"),
        ({"op": Instruction.OP_CANCEL}, "unknown_op"),
        ({"text": "\n"}, "text_empty"),
        ({"text": "x" * 2001}, "text_too_long"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict, code: str) -> None:
    with pytest.raises(Rejection) as refused:
        RequestReader().read(Instruction(**({"text": "sofa"} | fields)), "1")
    assert refused.value.code == code and str(refused.value)
