"""Any recording as posed RGB-D frames: bags and folders behind one protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording.folder_reader import FolderRecording, is_folder_recording
from mllm_for3d_ros.recording.topics import TopicNames
from mllm_for3d_ros.types import Frame


@runtime_checkable
class Recording(Protocol):
    """An iterable of frames by rising stamp, which may be gone through again.

    source: where it came from. skipped: reasons and numbers of what had to be left out, complete after
    iteration. ``len()`` counts the frames expected before that.
    """

    source: str

    @property
    def skipped(self) -> Mapping[str, int]:
        """Reasons and numbers of what was left out."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Frame]: ...


def open_recording(
    path: str | Path,
    *,
    color_topic: str | None = None,
    depth_topic: str | None = None,
    camera_info_topic: str | None = None,
    pose_topic: str | None = None,
    map_frame: str | None = None,
    camera_frame: str | None = None,
    max_interval_s: float = 0.02,
) -> Recording:
    """Open a bag (rosbag2 MCAP or SQLite, ROS 1) or a folder of images (see ``folder_reader``).

    Args:
        path: bag folder, .mcap, .db3 or .bag file, or a folder of images and poses.
        color_topic: for bags only, as all that follow; found in the bag where None.
        depth_topic: images of depth registered to colour.
        camera_info_topic: camera of both.
        pose_topic: PoseStamped of the camera or Odometry, in place of /tf.
        map_frame: frame of the fused map.
        camera_frame: optical frame of the camera.
        max_interval_s: seconds by which the stamps of colour and depth may differ.

    Raises:
        RecordingError: the path is missing or not a recording; one line with cause and remedy.
    """
    path = Path(path)
    if not path.exists():
        raise RecordingError(f"{path} does not exist: check the path of the recording")
    if path.is_dir() and is_folder_recording(path):
        return FolderRecording(path)
    if path.is_dir() and not any(path.iterdir()):
        raise RecordingError(f"{path} is an empty folder: expected a bag or a folder of images")
    from mllm_for3d_ros.recording.bag_file import bag_files

    if bag_files(path) is None:
        raise RecordingError(
            f"{path} is neither a bag (metadata.yaml, .mcap, .db3, .bag) nor a folder of images with poses "
            f"(frame-*.color.png, or color|rgb, depth and pose subfolders)"
        )
    from mllm_for3d_ros.recording.bag_reader import BagRecording

    names = TopicNames(color_topic, depth_topic, camera_info_topic, pose_topic, map_frame, camera_frame, max_interval_s)
    return BagRecording(path, names)
