"""Poses and simple frames shared by the tests of geometry."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mllm_for3d_ros.types import Frame, Intrinsics


def make_pose(rotation_vector: tuple[float, float, float], translation: tuple[float, float, float]) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_rotvec(rotation_vector).as_matrix()
    pose[:3, 3] = translation
    return pose


def poses(reach: float = 8.0) -> st.SearchStrategy[np.ndarray]:
    """Camera poses of any orientation within ``reach`` metres of the origin along each axis."""
    angle = st.floats(-3.0, 3.0)
    place = st.floats(-reach, reach)
    return st.builds(make_pose, st.tuples(angle, angle, angle), st.tuples(place, place, place))


def wall_frame(
    distance: float = 2.0, color: tuple[int, int, int] = (200, 100, 50), pose: np.ndarray | None = None, stamp: int = 7
) -> Frame:
    """A camera that looks straight at a wall ``distance`` metres away."""
    camera = Intrinsics(64, 48, 60.0, 60.0, 31.5, 23.5)
    image = np.full((48, 64, 3), color, dtype=np.uint8)
    depth = np.full((48, 64), distance, dtype=np.float32)
    return Frame(stamp, image, depth, camera, np.eye(4) if pose is None else pose)
