import threading

import pytest

from mllm_for3d_ros.nodes.run_place import RunPlace, RunRefused

PATIENCE_S = 60.0


def test_one_run_at_a_time_while_it_is_open() -> None:
    place = RunPlace()
    with pytest.raises(RunRefused, match="not active"), place.run():
        pass
    place.open()
    with place.run(), pytest.raises(RunRefused, match="another goal"), place.run():
        pass
    with place.run() as stop:
        assert not stop.is_set()
    assert place.close(0.0)
    with pytest.raises(RunRefused, match="not active"), place.run():
        pass


def test_closing_stops_the_run_and_waits_for_its_end() -> None:
    place, begun, ended = RunPlace(), threading.Event(), threading.Event()
    place.open()

    def work() -> None:
        with place.run() as stop:
            begun.set()
            assert stop.wait(PATIENCE_S)
            ended.set()

    threading.Thread(target=work).start()
    assert begun.wait(PATIENCE_S)
    assert place.close(PATIENCE_S) and ended.is_set()


def test_a_run_that_does_not_stop_is_waited_for_once_and_holds_its_place() -> None:
    place = RunPlace()
    place.open()
    with place.run() as old:
        assert not place.close(0.0)
        assert not place.close(1e9), "the patience counts from the first call"
        place.open()
        with pytest.raises(RunRefused, match="another goal"), place.run():
            pass
        assert old.is_set()
    with place.run() as new:
        assert not new.is_set()
