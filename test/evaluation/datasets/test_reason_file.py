"""Scenes that Reason3D prepared are read without running what is in the file."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmark_layouts import furnished, write_reason_file, write_region_file

from mllm_for3d_ros.errors import DatasetError
from mllm_for3d_ros.evaluation.datasets.reason_file import read_reason_file


def test_arrays_of_a_scene(tmp_path: Path) -> None:
    truth = furnished()
    write_reason_file(tmp_path / "s_reason.pth", truth)
    scene = read_reason_file(tmp_path / "s_reason.pth", "s")
    np.testing.assert_allclose(scene.points, truth.points - truth.points.mean(0), atol=1e-6)
    np.testing.assert_array_equal(scene.colors, truth.colors)
    np.testing.assert_array_equal(scene.semantic == 1, truth.of(0, 2))
    np.testing.assert_array_equal(scene.instance, truth.owner)
    assert scene.superpoints is not None and scene.superpoints.max() == len(np.unique(truth.segment)) - 1


def test_scenes_without_instances_and_of_tensors(tmp_path: Path) -> None:
    truth = furnished()
    write_region_file(tmp_path / "m.pth", truth)
    region = read_reason_file(tmp_path / "m.pth", "m")
    assert (region.instance == -1).all()
    np.testing.assert_array_equal(region.semantic == 5, truth.of(0, 2))
    numbers = torch.arange(3)
    torch.save((torch.zeros(3, 3), torch.ones(3, 3), numbers, numbers), tmp_path / "t.pth")
    assert read_reason_file(tmp_path / "t.pth", "t").semantic.tolist() == [0, 1, 2]


def test_a_file_written_with_numpy_1(tmp_path: Path) -> None:
    write_reason_file(tmp_path / "new.pth", furnished())
    content = (tmp_path / "new.pth").read_bytes()
    # The names of numpy 2 in the file's own pickle, as numpy 1 writes them.
    with zipfile.ZipFile(tmp_path / "new.pth") as source, zipfile.ZipFile(tmp_path / "old.pth", "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert b"numpy._core" in content
    old, new = (read_reason_file(tmp_path / f"{age}.pth", "s") for age in ("old", "new"))
    np.testing.assert_array_equal(old.points, new.points)


class Harmful:
    """What a malicious file may hold."""

    def __reduce__(self) -> tuple:
        return print, ("this must not run",)


def test_nothing_in_a_file_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save((Harmful(), 1, 2, 3), tmp_path / "evil.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps((Harmful(), 1, 2, 3), protocol=2))
    objects = np.array([Harmful(), 1, 2], dtype=object)
    torch.save((objects, objects, objects, objects), tmp_path / "objects.pth")
    for name in ("evil", "plain", "objects"):
        with pytest.raises(DatasetError, match="use the files that Reason3D provides") as raised:
            read_reason_file(tmp_path / f"{name}.pth", "s")
        assert "\n" not in str(raised.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (0, np.zeros((3, 2)), "xyz"),
        (1, np.zeros(3), "rgb"),
        (2, np.zeros(4), "superpoint"),
        (3, np.array([0, np.nan, 1]), "semantic"),
        (4, np.zeros((3, 1)), "instance"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, row: int, column: np.ndarray, reason: str) -> None:
    columns = [np.zeros((3, 3)), np.zeros((3, 3)), np.zeros(3), np.zeros(3), np.zeros(3)]
    columns[row] = column
    torch.save(tuple(columns), tmp_path / "s.pth")
    with pytest.raises(DatasetError, match=reason):
        read_reason_file(tmp_path / "s.pth", "s")


def test_no_scene_at_all(tmp_path: Path) -> None:
    torch.save((np.zeros((3, 3)),), tmp_path / "few.pth")
    torch.save(5, tmp_path / "number.pth")
    torch.save((1, 2, 3, 4), tmp_path / "numbers.pth")
    (tmp_path / "garbage.pth").write_bytes(b"\x00garbage" * 9)
    (tmp_path / "empty.pth").write_bytes(b"")
    for name in ("few", "number", "numbers", "garbage", "empty", "missing"):
        with pytest.raises(DatasetError) as raised:
            read_reason_file(tmp_path / f"{name}.pth", "s")
        assert "\n" not in str(raised.value)
