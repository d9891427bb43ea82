import threading
import time

import numpy as np
import pytest
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from sensor_msgs.msg import CameraInfo
from tf2_msgs.msg import TFMessage

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.nodes.conversion import header_message, image_message
from mllm_for3d_ros.nodes.inputs.decoding import color_decoder, depth_decoder
from mllm_for3d_ros.nodes.inputs.frame_reader import FrameReader, Robot
from mllm_for3d_ros.nodes.inputs.pairs import CameraBook, Pair, PairReader, Skip
from mllm_for3d_ros.nodes.stage_times import StageTimes
from mllm_for3d_ros.nodes.transforms import MovingWindow, Transforms

HEADER = header_message("camera", 5 * 10**9)
INFO = CameraInfo(width=8, height=6, k=[7.0, 0, 3.5, 0, 7.0, 2.5, 0, 0, 1])
NO_INFO = CameraInfo(width=8, height=6)
PATIENCE_S = 20.0


def pose(frame: str = "camera", x: float = 1.0) -> TFMessage:
    transform = Transform(translation=Vector3(x=x), rotation=Quaternion(w=1.0))
    return TFMessage(
        transforms=[TransformStamped(header=header_message("map", 0), child_frame_id=frame, transform=transform)]
    )


def pair(encoding: str = "rgb8") -> Pair:
    color = image_message(np.zeros((6, 8, 3), np.uint8), encoding, HEADER)
    return Pair(color, image_message(np.ones((6, 8), np.float32), "32FC1", HEADER), time.monotonic())


class Rig:
    def __init__(self, robot: Robot | None = None) -> None:
        self.cameras, self.transforms, self.stages = (
            CameraBook(rectified=False),
            Transforms(MovingWindow()),
            StageTimes(),
        )
        frames = FrameReader(color_decoder("raw", pytest.fail), depth_decoder("raw"), robot or Robot())
        self.reader = PairReader(self.cameras, self.transforms, frames, self.stages)

    def skipped(self, timeout_s: float = 0.0, encoding: str = "rgb8") -> tuple[str, str]:
        with pytest.raises(Skip) as caught:
            self.reader.read(pair(encoding), "map", "", timeout_s)
        return caught.value.reason, str(caught.value)


def test_a_pair_waits_for_its_camera_and_its_pose() -> None:
    rig, frames = Rig(), []
    thread = threading.Thread(target=lambda: frames.append(rig.reader.read(pair(), "map", "", PATIENCE_S)), daemon=True)
    thread.start()
    rig.cameras.take(INFO)
    rig.transforms.take(pose(), static=True)
    thread.join(PATIENCE_S)
    assert frames[0].camera_to_world[0, 3] == 1.0 and frames[0].stamp_ns == 5 * 10**9
    assert {"wait_for_pose_ms_p50", "decode_ms_p50"} <= set(rig.stages.figures())


def test_what_is_missing_is_named() -> None:
    rig = Rig()
    assert rig.skipped() == ("no_camera", "no camera_info has come yet: images cannot be used without it")
    with pytest.raises(RecordingError):
        rig.cameras.take(NO_INFO)
    assert "no calibration" in rig.skipped()[1]
    rig.cameras.take(INFO)
    assert rig.skipped()[0] == "no_pose"
    rig.transforms.take(pose(), static=True)
    assert rig.skipped(encoding="yuv422")[0] == "bad_image"


def test_an_invalid_camera_leaves_the_one_before() -> None:
    rig = Rig()
    rig.transforms.take(pose(), static=True)
    rig.cameras.take(INFO)
    with pytest.raises(RecordingError):
        rig.cameras.take(NO_INFO)
    assert rig.reader.read(pair(), "map", "", 0.0).intrinsics.fx == 7.0


def test_a_camera_frame_may_be_named_in_place_of_that_of_the_images() -> None:
    rig = Rig()
    rig.cameras.take(INFO)
    rig.transforms.take(pose("lens", 2.0), static=True)
    assert rig.reader.read(pair(), "map", "lens", 0.0).camera_to_world[0, 3] == 2.0


def test_the_box_of_the_robot_needs_its_frame() -> None:
    rig = Rig(Robot(box=np.array([[-9.0] * 3, [9.0] * 3]), box_frame="arm"))
    rig.cameras.take(INFO)
    rig.transforms.take(pose(), static=True)
    assert rig.skipped()[0] == "no_pose" and "'arm'" in rig.skipped()[1]
    rig.transforms.take(pose("arm"), static=True)
    assert not rig.reader.read(pair(), "map", "", 0.0).depth.any()


def test_closing_ends_the_waiting() -> None:
    rig = Rig()
    rig.cameras.close()
    assert rig.skipped(timeout_s=1e6)[0] == "no_camera"
