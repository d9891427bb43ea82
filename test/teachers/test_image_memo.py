"""Work on an image is done once, and the image that was not asked for longest is forgotten first."""

from dataclasses import replace

import numpy as np
import pytest

from mllm_for3d_ros.teachers.image_memo import Memo, image_key, view_key
from mllm_for3d_ros.types import Frame, Intrinsics


def image(value: int, shape=(4, 6, 3)) -> np.ndarray:
    return np.full(shape, value, np.uint8)


def test_the_key_names_the_content_not_the_array():
    assert image_key(image(7)) == image_key(image(7).copy())
    rotated = np.rot90(image(7, (4, 4, 3)))
    assert image_key(rotated) == image_key(image(7, (4, 4, 3)))
    changed = image(7)
    changed[3, 5, 2] += 1
    assert image_key(changed) != image_key(image(7))


@pytest.mark.parametrize("other", [image(7, (6, 4, 3)), image(7).astype(np.int8), image(7, (72,))])
def test_the_same_bytes_of_another_shape_or_type_are_another_image(other):
    assert image_key(other) != image_key(image(7))


def test_a_value_is_made_once_for_equal_images():
    made = []
    memo: Memo[int] = Memo(2)
    for _ in range(3):
        assert memo.get(image(1), lambda pixels: made.append(pixels) or int(pixels[0, 0, 0])) == 1
    assert len(made) == 1


def test_the_least_recently_used_goes_first():
    memo: Memo[int] = Memo(2)
    for value in (1, 2, 1, 3):
        memo.get(image(value), lambda pixels: int(pixels[0, 0, 0]))
    assert len(memo) == 2
    assert [memo.peek(image_key(image(value))) for value in (1, 2, 3)] == [1, None, 3]


def test_no_capacity_keeps_nothing():
    memo: Memo[int] = Memo(0)
    assert memo.get(image(1), lambda pixels: 5) == 5
    assert len(memo) == 0


def test_a_view_is_named_by_its_depth_and_pose_where_they_are_looked_at():
    camera = Intrinsics(4, 3, 2.0, 2.0, 2.0, 1.5)
    view = Frame(0, image(7, (3, 4, 3)), np.ones((3, 4), np.float32), camera, np.eye(4))
    moved = np.eye(4)
    moved[2, 3] = 0.1
    others = [
        replace(view, depth=np.full((3, 4), 2.0, np.float32)),
        replace(view, camera_to_world=moved),
        replace(view, intrinsics=Intrinsics(4, 3, 2.5, 2.0, 2.0, 1.5)),
    ]
    assert view_key(replace(view, stamp_ns=5), True) == view_key(view, True)
    for other in others:
        assert view_key(other, True) != view_key(view, True)
        assert view_key(other, False) == view_key(view, False) == image_key(view.color)
