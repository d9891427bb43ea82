"""A request becomes an answer, or the reason why there is none."""

import time
from typing import Any

import numpy as np
import pytest
from student_support import ColorStudent, box_cloud

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.nodes.answers import Answer, AnswerMaker, NotReady, StudentEngine, Thresholds
from mllm_for3d_ros.nodes.instruction_desk import Posed, Request, Verdict
from mllm_for3d_ros.nodes.map_keeper import EncodedMap
from mllm_for3d_ros.recording.tf import TransformUnavailable
from mllm_for3d_ros.types import Status

CLOUD = box_cloud(((-0.9, -0.9, 0.0), "red"), ((0.4, 0.4, 0.0), "red"))
ANSWERER = Answerer(ColorStudent())
MAP = EncodedMap(ANSWERER.encode(CLOUD), CLOUD, 7, 0.1)
SHELF = np.eye(4)
SHELF[:3, 3] = 0.6, 0.6, 0.2


def transform(target: str, source: str, at_ns: int) -> np.ndarray:
    """Of a shelf that is there at the time of the map alone."""
    if (target, source, at_ns) != ("map", "shelf", MAP.stamp_ns):
        raise TransformUnavailable(f"no {source} at {at_ns}")
    return SHELF


def maker(current: EncodedMap | None = MAP, engine: Any = None, thresholds: Thresholds | None = None) -> AnswerMaker:
    given = thresholds or Thresholds()
    return AnswerMaker(
        engine or StudentEngine(ANSWERER), lambda: current, transform, lambda: given, lambda: ["nothing on /map"]
    )


def request(text: str = "red", **more: Any) -> Request:
    return Request("planner", "1", text, **({"arrived": time.monotonic()} | more))


def test_an_answer_has_its_map_model_and_times() -> None:
    answer = maker().make(request(arrived=time.monotonic() - 2.0), Verdict.ANSWER)
    assert answer.status is Status.OK and answer.encoded is MAP and answer.mask is not None
    assert answer.mask.mask.sum() == 2 * 8**3 and answer.explanation == answer.mask.explanation
    assert (answer.fingerprint, answer.method, answer.error_code) == ("stand-in:0000", 1, "")
    assert answer.queue_s >= 2.0 and answer.inference_s > 0.0


def test_the_requests_own_threshold_goes_before_that_of_the_node() -> None:
    strict = maker(thresholds=Thresholds(mask=0.9))
    assert strict.make(request(), Verdict.ANSWER).status is Status.NO_TARGET
    assert strict.make(request(threshold=0.5), Verdict.ANSWER).status is Status.OK
    assert maker(thresholds=Thresholds(presence=0.95)).make(request(), Verdict.ANSWER).status is Status.NO_TARGET


@pytest.mark.parametrize("frame", ["", "map"])
def test_regions_and_viewpoints_in_the_map_need_no_transform(frame: str) -> None:
    answer = maker().make(request(region=Posed(SHELF, frame, 5), region_size=(1.0, 1.0, 1.0)), Verdict.ANSWER)
    assert answer.mask is not None and answer.mask.mask.sum() == 8**3
    nearest = maker().make(request("red nearest to me", viewpoint=Posed(SHELF, frame, 5)), Verdict.ANSWER)
    assert nearest.mask is not None and CLOUD.points[nearest.mask.mask].min() > 0.0


def test_without_a_stamp_poses_are_those_at_the_time_of_the_map() -> None:
    def ask(stamp: int) -> Answer:
        region = Posed(np.eye(4), "shelf", stamp)
        return maker().make(request(region=region, region_size=(1.0, 1.0, 1.0)), Verdict.ANSWER)

    found = ask(0)
    assert found.mask is not None and CLOUD.points[found.mask.mask].min() > 0.0
    refused = ask(3)
    assert (refused.status, refused.error_code, refused.mask) == (Status.REJECTED, "region_frame", None)
    assert refused.explanation == "the region is in frame 'shelf' and the map in 'map': no shelf at 3"


def test_a_viewer_who_looks_straight_up_has_no_left() -> None:
    up = np.array([[0, 0, -1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], np.float64)
    answer = maker().make(request(viewpoint=Posed(up)), Verdict.ANSWER)
    assert (answer.status, answer.error_code) == (Status.REJECTED, "bad_viewpoint")


class Broken:
    """An engine that raises."""

    method, fingerprint = 2, "broken"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def prepare(self, encoded: EncodedMap) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "code", "said"),
    [
        (NotReady("no_views", "no image yet"), Status.NOT_READY, "no_views", "no image yet"),
        (ZeroDivisionError("a\nb"), Status.ERROR, "inference_failed", "The model failed: ZeroDivisionError: a b"),
    ],
)
def test_whatever_goes_wrong_is_an_answer(error: Exception, status: Status, code: str, said: str) -> None:
    answer = maker(engine=Broken(error)).make(request(), Verdict.ANSWER)
    assert (answer.status, answer.error_code, answer.explanation) == (status, code, said)
    assert (answer.fingerprint, answer.method, answer.encoded) == ("broken", 2, MAP)


@pytest.mark.parametrize(
    ("verdict", "current", "least", "status", "code", "said"),
    [
        (Verdict.NOT_READY, None, 0, Status.NOT_READY, "no_map", "nothing on /map"),
        (Verdict.ANSWER, None, 0, Status.NOT_READY, "no_map", "nothing on /map"),
        (Verdict.NOT_READY, MAP, 9, Status.NOT_READY, "map_too_old", "version 3 and 9 was asked for"),
        (Verdict.TIMEOUT, MAP, 9, Status.TIMEOUT, "map_too_old", "After 1.5 s: The map has version 3"),
        (Verdict.TIMEOUT, MAP, 0, Status.TIMEOUT, "busy", "After 1.5 s: Its turn had not come"),
    ],
)  # fmt: skip
def test_why_there_is_no_answer_yet(
    verdict: Verdict, current: EncodedMap | None, least: int, status: Status, code: str, said: str
) -> None:
    answer = maker(current).make(request(min_version=least, timeout_s=1.5), verdict)
    assert (answer.status, answer.error_code, answer.mask) == (status, code, None)
    assert said in answer.explanation


def test_a_text_that_the_answerer_refuses_is_rejected() -> None:
    answer = maker().make(request(text=" "), Verdict.ANSWER)
    assert (answer.status, answer.error_code) == (Status.REJECTED, "text_invalid")
