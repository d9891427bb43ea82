"""A real Kinect recording; not collected where it is not there (see conftest.py)."""

import itertools
from pathlib import Path

import numpy as np
from redkitchen_support import REDKITCHEN

from mllm_for3d_ros.recording.bag_writer import write_bag
from mllm_for3d_ros.recording.reader import open_recording
from mllm_for3d_ros.scene.voxel_map import VoxelMap


def test_the_kitchen_becomes_a_bag_and_maps_alike(tmp_path: Path) -> None:
    folder = open_recording(REDKITCHEN)
    assert len(folder) == 125
    write_bag(itertools.islice(folder, 5), tmp_path / "kitchen")
    clouds = []
    for recording in (itertools.islice(folder, 5), open_recording(tmp_path / "kitchen")):
        voxels = VoxelMap()
        for frame in recording:
            assert voxels.integrate(frame) > 200_000
        clouds.append(voxels.snapshot())
    assert len(clouds[0]) > 20_000
    assert abs(len(clouds[0]) - len(clouds[1])) < 50
    height = clouds[0].points[:, 2]
    assert np.ptp(height) < 3.5
