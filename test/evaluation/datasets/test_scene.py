"""Masks and boxes of a query follow the meaning of its target numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.evaluation.datasets.scene import (
    BenchmarkQuery,
    BenchmarkScene,
    TargetKind,
    axis_aligned_box,
    box_iou,
)

CORNER = st.tuples(*[st.floats(-3, 3)] * 3)
SIZE = st.tuples(*[st.floats(0.1, 2)] * 3)


def scene() -> BenchmarkScene:
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 2, 1], [5, 5, 5]], np.float32)
    turned = np.array([[0.0, -1, 0, 10], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    instance, semantic = np.array([1, 1, 1, -1], np.int32), np.array([1, 2, 1, -100], np.int32)
    return BenchmarkScene("s", points, np.zeros((4, 3), np.uint8), None, instance, semantic, turned)


def query(kind: TargetKind, *targets: int) -> BenchmarkQuery:
    return BenchmarkQuery("s", "the thing", kind, targets, "scannet")


def test_a_class_is_not_an_instance() -> None:
    assert scene().target_mask(query("class", 1)).tolist() == [True, False, True, False]
    assert scene().target_mask(query("instance", 1)).tolist() == [True, True, True, False]
    assert scene().target_mask(query("class", 2, 1)).tolist() == [True, True, True, False]
    assert not scene().target_mask(query("instance")).any() and not scene().target_mask(query("instance", 9)).any()


def test_boxes_are_those_of_the_aligned_points() -> None:
    boxes = scene().target_boxes(query("box", 1, 9))
    np.testing.assert_allclose(boxes, [[[8, 0, 0], [10, 1, 1]]])
    assert scene().target_boxes(query("box", 9)).shape == (0, 2, 3)


def test_columns_of_another_scene_are_refused() -> None:
    one = scene()
    with pytest.raises(ValueError, match="instance must have shape 4"):
        BenchmarkScene("s", one.points, one.colors, None, one.instance[:2], one.semantic)


@given(CORNER, SIZE, CORNER, SIZE)
def test_iou_of_boxes(first: tuple, extent: tuple, second: tuple, other: tuple) -> None:
    a = np.array([first, np.add(first, extent)])
    b = np.array([second, np.add(second, other)])
    (iou,), (back,) = box_iou(a[None], b[None])[0], box_iou(b[None], a[None])[0]
    assert 0 <= iou <= 1 + 1e-9 and iou == pytest.approx(back)
    assert box_iou(a[None], a[None])[0, 0] == pytest.approx(1)
    drawn = np.random.default_rng(0).uniform(np.minimum(a[0], b[0]), np.maximum(a[1], b[1]), (20_000, 3))
    inside = [((drawn >= box[0]) & (drawn <= box[1])).all(1) for box in (a, b)]
    counted = (inside[0] & inside[1]).sum() / max((inside[0] | inside[1]).sum(), 1)
    if (inside[0] | inside[1]).sum() > 2000:
        assert iou == pytest.approx(counted, abs=0.05)


def test_flat_boxes_share_nothing_and_a_box_holds_its_points() -> None:
    flat = np.array([[[0.0, 0, 0], [1, 1, 0]]])
    assert box_iou(flat, flat)[0, 0] == 0
    np.testing.assert_array_equal(axis_aligned_box(np.array([[1, 5, 2], [3, 4, 2.0]])), [[1, 4, 2], [3, 5, 2]])
