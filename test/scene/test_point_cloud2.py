import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mllm_for3d_ros.scene.point_cloud2 import CloudFormatError, PointField, pack_points, unpack_points
from mllm_for3d_ros.types import SceneCloud


def make_cloud(n: int, seed: int = 0) -> SceneCloud:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, 3)).astype(np.float32)
    colors = rng.integers(0, 256, (n, 3), dtype=np.uint8)
    weights = rng.random(n, dtype=np.float32)
    return SceneCloud(points, colors, np.zeros((n, 3), np.float32), weights, np.zeros(n, np.int64), 0.025)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 50), st.booleans(), st.booleans(), st.integers(0, 99))
def test_clouds_round_trip(n: int, with_score: bool, with_instance: bool, seed: int) -> None:
    cloud = make_cloud(n, seed)
    score = np.linspace(0, 1, n) if with_score else None
    instance = np.arange(n) - 1 if with_instance else None
    records, fields = pack_points(cloud, score, instance)
    columns = unpack_points(memoryview(records).cast("B") if n else b"", fields, records.itemsize)
    np.testing.assert_array_equal(np.stack([columns[c] for c in "xyz"], axis=1), cloud.points)
    np.testing.assert_array_equal(columns["colors"], cloud.colors)
    np.testing.assert_array_equal(columns["weight"], cloud.weights)
    assert ("score" in columns, "instance" in columns) == (with_score, with_instance)
    if score is not None:
        np.testing.assert_allclose(columns["score"], score, atol=1e-6)
    if instance is not None:
        np.testing.assert_array_equal(columns["instance"], instance)
        assert columns["instance"].dtype == np.int32


def test_the_field_table_is_that_of_rviz() -> None:
    records, fields = pack_points(make_cloud(3), np.zeros(3), np.zeros(3, int))
    assert [(f.name, f.offset, f.datatype, f.count) for f in fields] == [
        ("x", 0, 7, 1), ("y", 4, 7, 1), ("z", 8, 7, 1), ("rgb", 12, 7, 1), ("weight", 16, 7, 1),
        ("score", 20, 7, 1), ("instance", 24, 5, 1),
    ]  # fmt: skip
    assert records.itemsize == 28
    assert records["rgb"].view(np.uint32).max() < 1 << 24


@pytest.mark.parametrize("order", ["<", ">"])
def test_foreign_organised_clouds_with_padding(order: str) -> None:
    dtype = np.dtype(
        {"names": ["x", "n"], "formats": [order + "f8", (order + "i2", (3,))], "offsets": [4, 20], "itemsize": 32}
    )
    records = np.zeros((2, 5), dtype)
    records["x"] = np.arange(10).reshape(2, 5)
    records["n"] = np.arange(30).reshape(2, 5, 3)
    data = b"".join(row.tobytes() + b"pad!" for row in records)
    fields = [PointField("x", 4, 8, 1), PointField("n", 20, 3, 3)]
    columns = unpack_points(data, fields, 32, width=5, height=2, row_step=164, is_bigendian=order == ">")
    assert columns["x"].tolist() == list(range(10)) and columns["x"].dtype == np.float64
    assert columns["n"].shape == (10, 3) and columns["n"][9].tolist() == [27, 28, 29]


@pytest.mark.parametrize(
    ("fields", "step", "width", "message"),
    [
        ([PointField("x", 0, 7, 1)], 0, 1, "point_step .* must be positive"),
        ([PointField("x", 0, 7, 1)], 4, 100, "needs 400 bytes, but has 16"),
        ([PointField("x", 2, 7, 1)], 4, 4, "'x' at offset 2 lies outside"),
        ([PointField("x", 0, 99, 1)], 4, 4, "unknown datatype 99"),
        ([PointField("x", 0, 7, 1), PointField("x", 0, 7, 1)], 4, 4, "two fields of one name"),
    ],
)
def test_broken_clouds(fields: list[PointField], step: int, width: int, message: str) -> None:
    with pytest.raises(CloudFormatError, match=message):
        unpack_points(bytes(16), fields, step, width=width)


def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="each of the 3 points"):
        pack_points(make_cloud(3), score=np.zeros(2))
