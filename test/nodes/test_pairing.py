from mllm_for3d_ros.nodes.pairing import COLOR, DEPTH, StampPairing


def test_equal_stamps_pair_in_any_order() -> None:
    pairs = StampPairing(10)
    assert pairs.add(COLOR, 100, "c1") is None
    assert pairs.add(DEPTH, 100, "d1") == ("c1", "d1")
    assert pairs.add(DEPTH, 200, "d2") is None
    assert pairs.add(COLOR, 200, "c2") == ("c2", "d2")


def test_the_nearest_within_the_interval_is_taken() -> None:
    pairs = StampPairing(10)
    for stamp in (80, 95, 108):
        assert pairs.add(DEPTH, stamp, stamp) is None
    assert pairs.add(COLOR, 100, "c") == ("c", 95)
    assert pairs.add(COLOR, 60, "early") is None and pairs.nearest_miss_ns == 20


def test_what_finds_no_partner_is_counted_and_forgotten() -> None:
    pairs = StampPairing(10, capacity=3)
    for stamp in range(0, 500, 100):
        pairs.add(COLOR, stamp, stamp)
    assert pairs.unpaired == 2
    assert pairs.add(DEPTH, 100, "gone") is None
    assert pairs.add(DEPTH, 400, "there") == (400, "there")
    pairs.clear()
    assert pairs.add(DEPTH, 300, "cleared") is None
