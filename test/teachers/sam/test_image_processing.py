"""Where things of the image lie in the model's input, and that masks come back to where they belong."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mllm_for3d_ros.teachers.sam.image_processing import ImageProcessing

SIDES = st.integers(8, 300)


@settings(deadline=None)
@given(SIDES, SIDES, st.booleans())
def test_corners_of_the_image_are_corners_of_its_content(height, width, keeps_aspect):
    processing = ImageProcessing(128, keeps_aspect)
    corners = np.array([[0.0, 0.0], [width, height]])
    rows, columns = processing.content_size((height, width))
    np.testing.assert_allclose(processing.to_input(corners, (height, width)), [[0, 0], [columns, rows]], rtol=1e-6)
    assert max(rows, columns) == 128 and min(rows, columns) >= 1
    if keeps_aspect:
        assert abs(rows / height - columns / width) <= 0.5 / min(height, width) + 1e-9
    else:
        assert rows == columns == 128


@pytest.mark.parametrize("keeps_aspect", [True, False])
@pytest.mark.parametrize("size", [(90, 160), (160, 90), (300, 200), (37, 61)])
def test_a_bright_patch_lies_where_its_box_says_and_its_mask_comes_back(size, keeps_aspect):
    processing = ImageProcessing(128, keeps_aspect)
    height, width = size
    x1, y1, x2, y2 = width // 4, height // 3, width // 4 + width // 3, height // 3 + height // 2
    image = np.zeros((height, width, 3), np.uint8)
    image[y1:y2, x1:x2] = 255
    seen = processing.prepare(image, "cpu")
    assert seen.shape == (1, 3, 128, 128) and seen.dtype == torch.float32
    bright = seen[0, 0] > (0.5 - processing.mean[0]) / processing.std[0]
    rows, columns = processing.content_size(size)
    bright[rows:] = bright[:, columns:] = False
    ys, xs = bright.nonzero(as_tuple=True)
    box = processing.to_input(np.array([[x1, y1], [x2, y2]], np.float64), size).ravel()
    np.testing.assert_allclose([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], box, atol=1.01)

    restored = processing.restore(bright.float()[None] * 2 - 1, size)[0] > 0
    wanted = torch.from_numpy(image[..., 0] > 0)
    assert restored.shape == wanted.shape
    assert (restored & wanted).sum() / (restored | wanted).sum() > 0.85


def test_padding_is_zero_after_normalisation():
    seen = ImageProcessing(64, keeps_aspect=True).prepare(np.full((32, 64, 3), 200, np.uint8), "cpu")
    assert (seen[..., 32:, :] == 0).all() and (seen[..., :32, :] != 0).all()


def test_features_of_the_padding_are_cut_off():
    features = torch.arange(64.0).reshape(1, 8, 8)
    cut = ImageProcessing(128, keeps_aspect=True).without_padding(features, (60, 120))
    assert torch.equal(cut, features[:, :4])
    assert ImageProcessing(128, keeps_aspect=False).without_padding(features, (60, 120)).shape == (1, 8, 8)
    assert ImageProcessing(128, keeps_aspect=True).without_padding(features, (3, 120)).shape == (1, 1, 8)
