"""PLY meshes of every form are read alike; damaged ones give one line."""

from pathlib import Path

import numpy as np
import pytest
from benchmark_layouts import write_mesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mllm_for3d_ros.errors import DatasetError
from mllm_for3d_ros.evaluation.datasets.ply import read_ply
from mllm_for3d_ros.scene.ply import write_ply

FORMS = ("ascii", "binary_little_endian", "binary_big_endian")
POINTS = np.array([[0, 0, 0], [1, 0.5, -2], [3, 4, 5.25], [-1, 1, 1]], np.float32)
COLORS = np.array([[0, 1, 2], [255, 254, 253], [9, 8, 7], [100, 100, 100]], np.uint8)
TRIANGLES = np.array([[0, 1, 2], [3, 2, 1]])


@pytest.mark.parametrize("form", FORMS)
def test_forms_are_read_alike(tmp_path: Path, form: str) -> None:
    path = tmp_path / "mesh.ply"
    write_mesh(path, POINTS, COLORS, TRIANGLES, np.array([7, -1]), form)
    mesh = read_ply(path)
    np.testing.assert_array_equal(mesh.points, POINTS)
    np.testing.assert_array_equal(mesh.colors, COLORS)
    np.testing.assert_array_equal(mesh.elements["face"]["vertex_indices"], TRIANGLES)
    np.testing.assert_array_equal(mesh.elements["face"]["category_id"], [7, -1])
    assert mesh.points.dtype == np.float32 and mesh.colors.dtype == np.uint8


def test_what_the_package_writes_is_read(tmp_path: Path) -> None:
    write_ply(tmp_path / "cloud.ply", POINTS, COLORS, probability=np.linspace(0, 1, 4))
    mesh = read_ply(tmp_path / "cloud.ply")
    np.testing.assert_array_equal(mesh.points, POINTS)
    np.testing.assert_allclose(mesh.columns("vertex", ("probability",))[:, 0], np.linspace(0, 1, 4), atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_gives_one_line(tmp_path: Path, form: str, data: st.DataObject) -> None:
    path = tmp_path / "mesh.ply"
    write_mesh(path, POINTS, COLORS, TRIANGLES, np.array([7, -1]), form)
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content) - 2))
    path.write_bytes(content[:cut])
    with pytest.raises(DatasetError) as raised:
        read_ply(path)
    assert "\n" not in str(raised.value) and str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"ply\n", b"obj\n", "no PLY header"),
        (b"binary_little_endian", b"binary_middle_endian", "no readable PLY"),
        (b"element vertex 4", b"element vertex -4", "incomplete"),
        (b"property float x", b"property quad x", "no readable PLY"),
        (b"property float x", b"property float w", "no vertex property x"),
        (b"uchar red", b"uchar rot", "no vertex property red"),
    ],
)
def test_headers_that_do_not_fit(tmp_path: Path, old: bytes, new: bytes, reason: str) -> None:
    path = tmp_path / "mesh.ply"
    write_mesh(path, POINTS, COLORS, TRIANGLES)
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(DatasetError, match=reason):
        _ = read_ply(path).colors


def test_polygons_of_several_sizes_are_refused(tmp_path: Path) -> None:
    rows = "0 0 0\n1 0 0\n0 1 0\n1 1 0\n3 0 1 2\n4 0 1 2 3\n"
    header = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
    header += "element face 2\nproperty list uchar int vertex_indices\nend_header\n"
    (tmp_path / "mesh.ply").write_text(header + rows)
    with pytest.raises(DatasetError, match="only meshes of triangles"):
        read_ply(tmp_path / "mesh.ply")


def test_a_missing_file_and_a_vertex_at_infinity(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"see docs/datasets\.md"):
        read_ply(tmp_path / "none.ply")
    write_mesh(tmp_path / "far.ply", np.where(POINTS == 5.25, np.inf, POINTS), COLORS)
    with pytest.raises(DatasetError, match="not finite"):
        read_ply(tmp_path / "far.ply")
