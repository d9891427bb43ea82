"""The order of boxes by size."""

import pytest
from things_support import things

from mllm_for3d_ros.answering.sizes import by_size

GREY = (128, 128, 128)
LOW_WIDE, TALL, SMALL = things(
    ((0, 0, 0), (1.5, 0.8, 0.4), GREY), ((3, 0, 0), (0.4, 0.4, 1.8), GREY), ((0, 3, 0), (0.2, 0.2, 0.2), GREY)
)


@pytest.mark.parametrize(
    ("size", "first"),
    [("largest", 0), ("smallest", 2), ("tallest", 1), ("shortest", 2), ("longest", 0), ("highest", 1), ("lowest", 2)],
)
def test_the_first_is_what_was_asked_for(size: str, first: int) -> None:
    order, values, _ = by_size(size, [LOW_WIDE, TALL, SMALL], floor=0.0)  # type: ignore[arg-type]
    assert order[0] == first and sorted(order) == [0, 1, 2] and len(values) == 3


def test_things_off_the_floor_are_compared_by_their_own_height() -> None:
    high_cup, tall_bottle = things(((0, 0, 1.5), (0.1, 0.1, 0.1), GREY), ((1, 0, 0.7), (0.1, 0.1, 0.3), GREY))
    assert by_size("tallest", [high_cup, tall_bottle], 0.0)[0][0] == 1
    assert by_size("highest", [high_cup, tall_bottle], 0.0)[0][0] == 0
