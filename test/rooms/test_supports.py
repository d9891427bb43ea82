"""Height maps of furniture against rays cast by hand."""

import numpy as np
import pytest

from mllm_for3d_ros.rooms.mesh import Material, box
from mllm_for3d_ros.rooms.solids import tapered_box
from mllm_for3d_ros.rooms.supports import top_surface

GREY = Material((0.5, 0.5, 0.5))


def test_the_highest_surface_counts():
    top = top_surface([box((1.0, 0.6, 0.4), GREY), box((0.2, 0.6, 0.5), GREY, (0.4, 0, 0.4))])
    heights = top.under(np.array([[-0.4, 0.0], [0.4, 0.0], [0.0, 0.29], [0.6, 0.0], [0.0, -0.4]]))
    assert heights[:3] == pytest.approx([0.4, 0.9, 0.4])
    assert np.isneginf(heights[3:]).all()


def test_slopes_are_followed():
    top = top_surface([tapered_box((1.0, 1.0), (0.2, 0.2), 0.8, GREY)])
    assert top.under(np.array([[0.0, 0.0]]))[0] == pytest.approx(0.8)
    assert top.under(np.array([[0.3, 0.0]]))[0] == pytest.approx(0.4, abs=0.03)
