import pytest
from ros_stand_ins import ApproximateTimeSynchronizer, SimpleFilter, hide, install
from sensor_msgs.msg import Image

from mllm_for3d_ros.nodes.conversion import header_message, stamp_ns
from mllm_for3d_ros.nodes.pairing import COLOR, DEPTH, FilterPairing, Pairing, StampOffsets, StampPairing, make_pairing


def image(stamp: int) -> Image:
    return Image(header=header_message("camera", stamp))


@pytest.fixture(params=["ours", "message_filters"])
def pairs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Pairing:
    if request.param == "message_filters":
        install(monkeypatch, "message_filters", SimpleFilter, ApproximateTimeSynchronizer)
    else:
        hide(monkeypatch, "message_filters")
    made = make_pairing(10, 3, pytest.fail)
    assert isinstance(made, StampPairing if request.param == "ours" else FilterPairing)
    return made


def add(pairs: Pairing, side: int, stamp: int) -> tuple[int, ...] | None:
    pair = pairs.add(side, image(stamp))
    return None if pair is None else tuple(stamp_ns(message.header.stamp) for message in pair)


def test_equal_stamps_pair_in_any_order(pairs: Pairing) -> None:
    assert add(pairs, COLOR, 100) is None
    assert add(pairs, DEPTH, 100) == (100, 100)
    assert add(pairs, DEPTH, 200) is None
    assert add(pairs, COLOR, 200) == (200, 200)


def test_the_nearest_within_the_interval_is_taken(pairs: Pairing) -> None:
    for stamp in (80, 95, 108):
        assert add(pairs, DEPTH, stamp) is None
    assert add(pairs, COLOR, 100) == (100, 95)
    assert add(pairs, COLOR, 60) is None
    assert add(pairs, DEPTH, 70) == (60, 70)


def test_what_finds_no_partner_is_counted_and_forgotten(pairs: Pairing) -> None:
    for stamp in range(0, 500, 100):
        assert add(pairs, COLOR, stamp) is None
    assert pairs.unpaired == 2
    assert add(pairs, DEPTH, 100) is None
    assert add(pairs, DEPTH, 400) == (400, 400)
    pairs.clear()
    assert add(pairs, DEPTH, 300) is None
    assert pairs.unpaired == 2


def test_images_pair_after_the_clock_was_set_back(pairs: Pairing) -> None:
    for stamp in range(90 * 10**9, 100 * 10**9, 10**9):
        assert add(pairs, COLOR, stamp) is None
    assert add(pairs, COLOR, 10**9) is None
    assert add(pairs, DEPTH, 10**9) == (10**9, 10**9)


def test_offsets_of_pairs_and_of_what_does_not_pair() -> None:
    offsets = StampOffsets()
    assert offsets.figures() == {} and offsets.nearest_s(COLOR, 0) is None
    offsets.paired(0, 1_000_000)
    offsets.paired(0, -3_000_000)
    assert offsets.figures() == {"sync_offset_ms_mean": "-1.00", "sync_offset_ms_max": "-3.00"}
    offsets.seen(DEPTH, 2_000_000_000)
    assert offsets.nearest_s(COLOR, 500_000_000) == pytest.approx(1.5) and offsets.nearest_s(DEPTH, 0) is None
