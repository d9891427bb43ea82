import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.recording.sync import match_stamps

STAMPS = st.lists(st.integers(0, 10_000), max_size=40, unique=True)


@given(STAMPS, STAMPS, st.integers(0, 3000))
def test_pairs_are_near_unique_and_do_not_cross(first: list[int], second: list[int], interval: int) -> None:
    pairs = match_stamps(np.array(first), np.array(second), interval)
    assert all(abs(first[i] - second[j]) <= interval for i, j in pairs)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    ordered = [(first[i], second[j]) for i, j in pairs]
    assert ordered == sorted(ordered) and [b for _, b in ordered] == sorted(b for _, b in ordered)
    equal = {(first.index(s), second.index(s)) for s in set(first) & set(second)}
    assert equal <= set(pairs)


@given(STAMPS, st.integers(-20, 20))
def test_a_shift_below_half_the_period_matches_all(stamps: list[int], shift: int) -> None:
    first = np.array(stamps, dtype=np.int64) * 50
    assert match_stamps(first, first + shift, 20) == [(i, i) for i in np.argsort(first).tolist()]


def test_nothing_to_match() -> None:
    assert match_stamps(np.array([]), np.array([1]), 10) == []
    assert match_stamps(np.array([1]), np.array([100]), 10) == []
