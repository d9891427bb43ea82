"""The student at work on maps."""

import numpy as np
import pytest
from student_scene import toy_cloud

from mllm_for3d_ros.errors import DeviceError, InstructionError
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.student.prediction import Student
from mllm_for3d_ros.types import SceneCloud

CARD = {"sha256": "0" * 64, "thresholds": {"mask": 0.5, "presence": 0.4}}


@pytest.fixture
def student(encoder):
    return Student(StudentNetwork(3), encoder, CARD)


def test_there_is_one_probability_for_each_row_of_the_map(student):
    response = student.respond(student.encode(toy_cloud()), "the sofa")
    assert response.probability.shape == (len(toy_cloud()),) and response.probability.dtype == np.float32
    assert 0 <= response.presence <= 1


def test_an_encoded_scene_gives_the_same_answer_again(student):
    scene = student.encode(toy_cloud())
    first = student.respond(scene, "the sofa").probability
    student.respond(scene, "a lamp")
    np.testing.assert_array_equal(first, student.respond(scene, "the sofa").probability)


def test_an_empty_map_has_nothing_in_it(student):
    empty = SceneCloud(
        np.zeros((0, 3), np.float32),
        np.zeros((0, 3), np.uint8),
        np.zeros((0, 3), np.float32),
        np.zeros(0, np.float32),
        np.zeros(0, np.int64),
        0.025,
    )
    response = student.respond(student.encode(empty), "the sofa")
    assert len(response.probability) == 0 and response.presence == 0


def test_a_bad_instruction_is_refused_before_any_work(student):
    with pytest.raises(InstructionError):
        student.respond(student.encode(toy_cloud()), "")


def test_an_unknown_device_is_refused():
    with pytest.raises(DeviceError):
        Student.load(device="tpu")
