from pathlib import Path

import numpy as np
import pytest
from rgbd_support import wall_frame
from safetensors.numpy import load_file, save_file

from mllm_for3d_ros.scene.map_file import SUFFIX, MapFileError, MapFolder
from mllm_for3d_ros.scene.voxel_map import VoxelMap


@pytest.fixture
def wall() -> VoxelMap:
    voxels = VoxelMap(capacity=1)
    voxels.integrate(wall_frame(stamp=7))
    return voxels


@pytest.fixture
def folder(tmp_path: Path) -> MapFolder:
    return MapFolder(tmp_path / "maps")


def test_a_loaded_map_is_fused_on_as_if_it_had_never_left(wall: VoxelMap, folder: MapFolder) -> None:
    saved = folder.save("kitchen.v2", wall)
    assert saved == (len(wall), wall.epoch, 7) and folder.names() == ["kitchen.v2"]
    other = VoxelMap(capacity=1)
    epoch, version = other.epoch, other.version
    folder.load("kitchen.v2", other)
    assert other.epoch not in (epoch, wall.epoch) and other.version > version
    for voxels in (wall, other):
        voxels.integrate(wall_frame(1.2, color=(9, 200, 30), stamp=9))
    first, second = wall.snapshot(), other.snapshot()
    for name in ("points", "colors", "normals", "weights", "last_seen_ns"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


@pytest.mark.parametrize(
    "name", ["../out", "/etc/passwd", "a/b", "", ".", "..", ".hidden", "a\0b", "x" * 101, "~", "-x"]
)
def test_names_that_could_leave_the_folder_are_refused(name: str, wall: VoxelMap, folder: MapFolder) -> None:
    for work in (folder.save, folder.load):
        with pytest.raises(MapFileError, match="is no name of a map"):
            work(name, wall)


def test_links_to_outside_are_refused(wall: VoxelMap, folder: MapFolder, tmp_path: Path) -> None:
    folder.save("good", wall)
    outside = tmp_path / f"outside{SUFFIX}"
    outside.write_bytes(folder.file("good").read_bytes())
    (folder.path / f"link{SUFFIX}").symlink_to(outside)
    before = outside.read_bytes()
    with pytest.raises(MapFileError, match="link to outside"):
        folder.load("link", wall)
    with pytest.raises(MapFileError, match="link to outside"):
        folder.save("link", wall, overwrite=True)
    assert outside.read_bytes() == before


def test_a_name_is_overwritten_only_on_request(wall: VoxelMap, folder: MapFolder) -> None:
    folder.save("a", wall)
    with pytest.raises(MapFileError, match="already"):
        folder.save("a", wall)
    assert folder.save("a", wall, overwrite=True)[0] == len(wall)
    assert [path.name for path in folder.path.iterdir()] == [f"a{SUFFIX}"]


@pytest.mark.parametrize("kept", [0, 5, 60, 400, -1])
def test_a_truncated_file_is_named_and_the_map_stays(kept: int, wall: VoxelMap, folder: MapFolder) -> None:
    folder.save("a", wall)
    file = folder.file("a")
    file.write_bytes(file.read_bytes()[:kept])
    epoch, count = wall.epoch, len(wall)
    with pytest.raises(MapFileError, match=r"a\.map\.safetensors is damaged or cut short"):
        folder.load("a", wall)
    assert (wall.epoch, len(wall)) == (epoch, count)


@pytest.mark.parametrize("wrong", ["weights", "nan", "twice", "keys", "stamps", "shape", "type"])
def test_a_file_that_holds_no_map_is_named(wrong: str, wall: VoxelMap, folder: MapFolder) -> None:
    folder.save("a", wall)
    file = folder.file("a")
    arrays = load_file(file)
    if wrong == "weights":
        arrays["sums"][3, 9] = 0
    elif wrong == "nan":
        arrays["sums"][3, 0] = np.nan
    elif wrong == "twice":
        arrays["keys"][3] = arrays["keys"][4]
    elif wrong == "keys":
        arrays["keys"][3] = -5
    elif wrong == "stamps":
        arrays["stamps"][3] = -5
    elif wrong == "shape":
        arrays["stamps"] = arrays["stamps"][1:]
    else:
        arrays["stamps"] = arrays["stamps"].astype(np.int32)
    save_file(arrays, file, {"format": "1", "voxel_size": "0.025", "frame_id": "map"})
    with pytest.raises(MapFileError, match="holds no map"):
        folder.load("a", wall)


def test_maps_of_another_kind_are_named(wall: VoxelMap, folder: MapFolder) -> None:
    folder.save("a", wall)
    with pytest.raises(MapFileError, match="set map_frame and voxel_size"):
        folder.load("a", VoxelMap(0.05))
    with pytest.raises(MapFileError, match=r"there is no map 'b' in .*: it has a"):
        folder.load("b", wall)
    with pytest.raises(MapFileError, match="empty"):
        folder.save("b", VoxelMap())
    save_file({"x": np.zeros(3)}, folder.file("b"), {})
    with pytest.raises(MapFileError, match="no map of ours"):
        folder.load("b", wall)
