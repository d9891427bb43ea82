import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.nodes.instance_names import InstanceNames, hull
from mllm_for3d_ros.types import Instance


def thing(x: float, size: tuple[float, float, float] = (1.0, 0.5, 0.5), yaw: float = 0.0, y: float = 0.0) -> Instance:
    return Instance(np.zeros(1, np.int64), np.array([x, y, 0.5]), yaw, np.array(size), 0.9)


def test_the_same_object_keeps_its_number_in_any_order() -> None:
    names = InstanceNames()
    assert names.name("a", [thing(0.0), thing(3.0)]) == [1, 2]
    assert names.name("a", [thing(3.1), thing(6.0), thing(0.05)]) == [2, 3, 1]


def test_an_object_that_grew_as_it_was_seen_keeps_its_number() -> None:
    names = InstanceNames()
    assert names.name("a", [thing(0.0, (0.8, 0.9, 0.8))]) == [1]
    assert names.name("a", [thing(0.6, (2.0, 0.9, 0.8))]) == [1]


def test_small_things_beside_each_other_are_told_apart() -> None:
    names = InstanceNames()
    cups = [thing(0.1 * k, (0.08, 0.08, 0.1)) for k in range(4)]
    assert names.name("a", cups) == [1, 2, 3, 4]
    assert names.name("a", cups[::-1]) == [4, 3, 2, 1]


def test_another_epoch_begins_anew_and_reuses_no_number() -> None:
    names = InstanceNames()
    assert names.name("a", [thing(0.0)]) == [1]
    assert names.name("b", [thing(0.0)]) == [2]
    assert names.name("a", [thing(0.0)]) == [3]


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first() -> None:
    names = InstanceNames()
    first = names.name("a", [thing(-9.0)])
    for x in range(1100):
        names.name("a", [thing(3.0 * x)])
        if x == 900:
            assert names.name("a", [thing(-9.0)]) == first
    assert names.name("a", [thing(-9.0)]) == first
    assert names.name("a", [thing(0.0)]) == [1102]


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5), st.floats(-3, 3)), max_size=12))
def test_numbers_of_an_answer_are_all_different(places: list[tuple[float, float, float]]) -> None:
    names = InstanceNames()
    things = [thing(x, yaw=yaw, y=y) for x, y, yaw in places]
    for _ in range(2):
        assert len(set(names.name("a", things))) == len(things)


def test_the_hull_of_a_turned_box() -> None:
    np.testing.assert_allclose(hull(thing(0.0, (2.0, 1.0, 1.0), np.pi / 2)), [[-0.5, -1.0, 0.0], [0.5, 1.0, 1.0]])
