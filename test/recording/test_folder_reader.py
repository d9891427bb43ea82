import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording.folder_reader import NO_DEPTH, NO_PARTNER, NO_POSE
from mllm_for3d_ros.recording.reader import open_recording

MM = np.float32(1e-3)


def save_frame(
    color: Path, depth: Path, pose: Path, number: int, size: tuple[int, int] = (6, 8), mm: int = 1500
) -> None:
    for file in (color, depth, pose):
        file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), number, np.uint8)).save(color)
    Image.fromarray(np.full((6, 8), mm, np.uint16)).save(depth)
    matrix = np.eye(4)
    matrix[0, 3] = number
    np.savetxt(pose, matrix)


def subfolders(path: Path, numbers: list[int], color: str = "rgb", suffix: str = ".png", **options: object) -> Path:
    for n in numbers:
        files = (path / color / f"{n:06d}{suffix}", path / "depth" / f"{n:06d}.png", path / "pose" / f"{n:06d}.txt")
        save_frame(*files, n, **options)  # type: ignore[arg-type]
    np.savetxt(path / "intrinsics.txt", np.array([[10.0, 0, 4], [0, 11, 3], [0, 0, 1]]))
    return path


def seven_scenes(path: Path, numbers: list[int]) -> Path:
    for n in numbers:
        stem = path / f"frame-{n:06d}"
        save_frame(*(Path(f"{stem}.{kind}") for kind in ("color.png", "depth.png", "pose.txt")), n)
    return path


def test_seven_scenes(tmp_path: Path) -> None:
    recording = open_recording(seven_scenes(tmp_path, [30, 3]))
    frames = list(recording)
    assert [f.stamp_ns for f in frames] == [100_000_000, 1_000_000_000]
    assert [f.camera_to_world[0, 3] for f in frames] == [3, 30]
    assert (frames[0].color == 3).all() and (frames[0].depth == np.float32(1500) * MM).all()
    assert frames[0].intrinsics.fx == pytest.approx(585 * 8 / 640)
    assert recording.source == str(tmp_path) and len(recording) == 2 and recording.skipped == {}


def test_subfolders_with_rate_and_intrinsics(tmp_path: Path) -> None:
    subfolders(tmp_path, [0, 1])
    (tmp_path / "scene.json").write_text(json.dumps({"rate_hz": 4}))
    frames = list(open_recording(tmp_path))
    assert [f.stamp_ns for f in frames] == [0, 250_000_000]
    camera = frames[0].intrinsics
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (10, 11, 4, 3)


@pytest.mark.parametrize("names", [("intrinsics_{}.txt"), ("intrinsic/intrinsic_{}.txt")])
def test_scannet_colour_is_resized_to_depth(tmp_path: Path, names: str) -> None:
    subfolders(tmp_path, [0, 5], "color", ".jpg", size=(12, 16))
    (tmp_path / "intrinsics.txt").unlink()
    for kind, focal in (("color", 20.0), ("depth", 12.0)):
        file = tmp_path / names.format(kind)
        file.parent.mkdir(exist_ok=True)
        np.savetxt(file, np.diag([focal, focal, 1, 1]))
    np.savetxt(tmp_path / "pose" / "000005.txt", np.full((4, 4), -np.inf))
    recording = open_recording(tmp_path)
    (frame,) = list(recording)
    assert frame.color.shape == (6, 8, 3) and frame.intrinsics.fx == 12
    assert recording.skipped == {NO_POSE: 1}


def test_frames_without_pose_depth_or_partner_are_counted(tmp_path: Path) -> None:
    subfolders(tmp_path, [0, 1, 2, 3])
    (tmp_path / "pose" / "000000.txt").unlink()
    Image.fromarray(np.full((6, 8), 65535, np.uint16)).save(tmp_path / "depth" / "000001.png")
    (tmp_path / "depth" / "000002.png").unlink()
    recording = open_recording(tmp_path)
    assert [f.color[0, 0, 0] for f in recording] == [3]
    assert recording.skipped == {NO_POSE: 1, NO_DEPTH: 1, NO_PARTNER: 1}


def refused(path: Path, pattern: str) -> None:
    with pytest.raises(RecordingError, match=pattern) as caught:
        list(open_recording(path))
    assert "\n" not in str(caught.value)


def test_a_missing_path(tmp_path: Path) -> None:
    refused(tmp_path / "nothing", "does not exist: check the path")


def test_an_empty_folder(tmp_path: Path) -> None:
    refused(tmp_path, "is an empty folder: expected a bag or a folder of images")


def test_something_else(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    refused(tmp_path, "neither a bag .* nor a folder of images")
    refused(tmp_path / "notes.txt", "neither a bag .* nor a folder of images")


def test_folders_without_images(tmp_path: Path) -> None:
    (tmp_path / "color").mkdir()
    (tmp_path / "depth").mkdir()
    refused(tmp_path, "holds no colour image with a depth image")


@pytest.mark.parametrize("folder", ["rgb", "depth"])
@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_an_unreadable_image_is_named(tmp_path: Path, folder: str, content: bytes | None) -> None:
    file = subfolders(tmp_path, [0]) / folder / "000000.png"
    file.write_bytes(file.read_bytes()[:44] if content is None else content)
    refused(tmp_path, rf"{folder}/000000.png is not a readable image .*: record or copy it again")


def test_an_image_that_claims_a_giant_size_is_left_out(tmp_path: Path) -> None:
    file = subfolders(tmp_path, [0, 1]) / "rgb" / "000000.png"
    content = file.read_bytes()
    size = struct.pack(">II", 60000, 60000)
    chunk = content[12:16] + size + content[24:29]
    file.write_bytes(content[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + content[33:])
    recording = open_recording(tmp_path)
    assert len(list(recording)) == 1 and list(recording.skipped.values()) == [1]


def test_depth_of_8_bits(tmp_path: Path) -> None:
    subfolders(tmp_path, [0])
    Image.fromarray(np.zeros((6, 8), np.uint8)).save(tmp_path / "depth" / "000000.png")
    refused(tmp_path, "depth/000000.png is not a 16-bit grey image")


def test_mismatched_sizes(tmp_path: Path) -> None:
    refused(subfolders(tmp_path, [0], size=(12, 16)), r"sizes do not match: .* is 16x12, .* is 8x6; register")


def test_a_folder_without_poses(tmp_path: Path) -> None:
    (subfolders(tmp_path, [0]) / "pose" / "000000.txt").unlink()
    refused(tmp_path, "has no poses: add pose/000000.txt and so on, a 4x4 camera-to-world matrix")


def test_missing_intrinsics(tmp_path: Path) -> None:
    (subfolders(tmp_path, [0]) / "intrinsics.txt").unlink()
    refused(tmp_path, "has no intrinsics: add intrinsics.txt")


@pytest.mark.parametrize(
    ("file", "text", "pattern"),
    [
        ("intrinsics.txt", "1 2 x", "is not a matrix of numbers"),
        ("intrinsics.txt", "1 2 3", "has 1x3 numbers"),
        ("intrinsics.txt", "0 0 0\n0 0 0\n0 0 1", "focal lengths must be positive"),
        ("pose/000000.txt", "1 0 0\n0 1 0\n0 0 1", "write a 4x4 camera-to-world matrix"),
        ("scene.json", "[", "not a JSON object"),
        ("scene.json", '{"rate_hz": 0}', "must be positive"),
    ],
)
def test_broken_text_files(tmp_path: Path, file: str, text: str, pattern: str) -> None:
    (subfolders(tmp_path, [0]) / file).write_text(text)
    refused(tmp_path, pattern)
