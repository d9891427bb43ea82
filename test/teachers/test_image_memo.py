"""Work on an image is done once, and the image that was not asked for longest is forgotten first."""

import numpy as np
import pytest

from mllm_for3d_ros.teachers.image_memo import Memo, image_key


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
