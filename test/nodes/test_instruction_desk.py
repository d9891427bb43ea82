import threading

import pytest

from mllm_for3d_ros.nodes.instruction_desk import DeskFull, InstructionDesk, Request, Verdict


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def request(name: str = "a", **more: object) -> Request:
    return Request("planner", name, "the sofa", **({"arrived": 100.0} | more))  # type: ignore[arg-type]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def desk(time: Time) -> InstructionDesk:
    return InstructionDesk(4, time)


def test_without_a_map_nothing_is_ready(desk: InstructionDesk) -> None:
    desk.submit(request())
    assert desk.next() == (request(), Verdict.NOT_READY)


def test_with_a_map_instructions_are_answered_in_order(desk: InstructionDesk) -> None:
    desk.map_is(5)
    for name in "abc":
        desk.submit(request(name))
    assert [desk.next() for _ in range(3)] == [(request(n), Verdict.ANSWER) for n in "abc"]


def test_one_that_waits_does_not_hold_up_those_behind(desk: InstructionDesk) -> None:
    desk.map_is(5)
    patient = request("patient", min_version=6, timeout_s=9.0)
    desk.submit(patient)
    desk.submit(request("b"))
    assert desk.next() == (request("b"), Verdict.ANSWER)
    desk.map_is(6)
    assert desk.next() == (patient, Verdict.ANSWER)


def test_waiting_ends_with_a_timeout(desk: InstructionDesk, time: Time) -> None:
    patient = request(timeout_s=9.0)
    desk.submit(patient)
    time.now += 9.5
    assert desk.next() == (patient, Verdict.TIMEOUT)


def test_a_map_wakes_up_a_waiting_thread(desk: InstructionDesk) -> None:
    got = []
    desk.submit(request(timeout_s=60.0))
    thread = threading.Thread(target=lambda: got.append(desk.next()))
    thread.start()
    desk.map_is(1)
    thread.join(20)
    assert got == [(request(timeout_s=60.0), Verdict.ANSWER)]


def test_cancelling(desk: InstructionDesk) -> None:
    desk.submit(request("a"))
    desk.submit(request("b", keep=True))
    assert [r.id for r in desk.cancel("planner", "a")] == ["a"]
    assert desk.cancel("planner", "a") == [] == desk.cancel("stranger", "b") == desk.cancel_all("stranger")
    assert [r.id for r in desk.cancel_all("")] == ["b"]
    assert desk.waiting == desk.kept == 0


def test_kept_instructions_are_answered_on_every_map_once(desk: InstructionDesk) -> None:
    desk.map_is(1)
    desk.submit(request(keep=True))
    sequences = []
    for version in (2, 3, 4):
        turn = desk.next()
        assert turn is not None and turn[1] is Verdict.ANSWER
        sequences.append(turn[0].sequence)
        desk.map_is(version)
        desk.map_is(version)
    assert sequences == [0, 1, 2] and desk.waiting == 1


def test_the_same_id_again_replaces_the_first(desk: InstructionDesk) -> None:
    assert desk.submit(request("a")) == []
    assert desk.submit(request("a", max_instances=1)) == [request("a")]
    assert desk.waiting == 1 and desk.next() == (request("a", max_instances=1), Verdict.NOT_READY)


def test_a_full_desk_says_so(desk: InstructionDesk) -> None:
    for name in "abcd":
        desk.submit(request(name))
    with pytest.raises(DeskFull, match="4 instructions wait"):
        desk.submit(request("e"))


def test_what_waits_for_its_turn_times_out_too(desk: InstructionDesk, time: Time) -> None:
    desk.map_is(5)
    desk.submit(request(timeout_s=1.0))
    time.now += 1.5
    assert desk.next() == (request(timeout_s=1.0), Verdict.TIMEOUT)


def test_new_requests_go_before_repeated_answers_and_these_take_no_room(desk: InstructionDesk) -> None:
    desk.map_is(1)
    for name in "abcd":
        desk.submit(request(name, keep=True))
        desk.next()
    desk.map_is(2)
    assert desk.waiting == 4
    for name in "efgh":
        desk.submit(request(name))
    order = [turn[0].id for turn in (desk.next() for _ in range(8)) if turn]
    assert order == list("efghabcd")


def test_replacing_a_kept_request_that_was_answered_owes_no_answer(desk: InstructionDesk) -> None:
    desk.map_is(1)
    desk.submit(request("a", keep=True))
    desk.next()
    desk.map_is(2)
    assert desk.submit(request("a")) == [] and desk.kept == 0 and desk.waiting == 1


def test_closing_ends_the_wait_and_names_the_unanswered(desk: InstructionDesk) -> None:
    desk.submit(request("a", min_version=9, timeout_s=9.0))
    assert [r.id for r in desk.close()] == ["a"]
    assert desk.next() is None and desk.close() == []
