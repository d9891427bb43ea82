from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.nodes.inputs.self_filter import hide_box, read_mask
from mllm_for3d_ros.types import Intrinsics

MASK = np.zeros((6, 8), np.bool_)
MASK[2:4, 5:] = True


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "1"])
def test_a_mask_is_where_the_image_is_not_black(mode: str, tmp_path: Path) -> None:
    Image.fromarray(MASK.astype(np.uint8) * 255).convert(mode).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), MASK)


def test_masks_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="check self_filter_mask"):
        read_mask(tmp_path / "missing.png")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(RecordingError, match=r"text\.png is not a readable image"):
        read_mask(tmp_path / "text.png")


def test_invalid_depth_stays_invalid_in_a_box() -> None:
    depth = np.array([[0.0, np.nan, 1.0]], np.float32)
    hide_box(depth, Intrinsics(3, 1, 1.0, 1.0, 1.0, 0.0), np.eye(4), np.array([[-9.0] * 3, [9.0] * 3]))
    np.testing.assert_array_equal(depth, [[0.0, np.nan, 0.0]])
