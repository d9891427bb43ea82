"""The student at work on maps."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from changing_map import lively_network
from claims import claim, scene
from student_scene import toy_cloud

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.errors import DeviceError, InstructionError
from mllm_for3d_ros.student.calibration import predict
from mllm_for3d_ros.student.judge import Judge
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.student.pieces import KEPT
from mllm_for3d_ros.student.prediction import Student
from mllm_for3d_ros.student.reading import Reading
from mllm_for3d_ros.student.voxels import voxelise
from mllm_for3d_ros.types import SceneCloud

ROWS = ("points", "colors", "normals", "weights", "last_seen_ns")
CARD = {"sha256": "0" * 64, "thresholds": {"mask_share": 0.5, "presence": 0.4}}


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


def test_an_answerer_goes_on_from_the_version_before(student):
    answerer, cloud = Answerer(student), toy_cloud()
    first = answerer.encode(cloud)
    darker = replace(cloud, colors=cloud.colors // 2)
    second = answerer.encode(darker, first)
    assert second.shared is first.shared and second.version == first.version + 1
    expected = student.respond(student.encode(darker), "the sofa")
    response = student.respond(second, "the sofa")
    np.testing.assert_allclose(response.probability, expected.probability, atol=1e-4)
    assert response.presence == pytest.approx(expected.presence, abs=1e-4)


def test_an_answerer_starts_anew_after_a_map_that_was_too_small(student):
    answerer, cloud = Answerer(student), toy_cloud()
    few = SceneCloud(*[getattr(cloud, name)[:10] for name in ROWS], cloud.voxel_size)
    assert len(answerer.encode(cloud, answerer.encode(few)).voxels) == len(cloud) // 8


def test_more_passes_give_other_scores_of_the_same_voxels(encoder):
    network = lively_network()
    one, four = (Student(network, encoder, CARD, passes=passes).encode(toy_cloud()) for passes in (1, 4))
    np.testing.assert_array_equal(one.voxels, four.voxels)
    assert not np.allclose(one.scores.joined()[one.voxels], four.scores.joined()[four.voxels], atol=1e-3)


def test_a_smooth_answer_is_the_mean_over_each_superpoint_where_it_was_not_far_surer(encoder):
    rough, smooth = (Student(lively_network(), encoder, CARD, smooth=choice) for choice in (False, True))
    expected, answer = (one.respond(one.encode(toy_cloud()), "the sofa") for one in (rough, smooth))
    scene = smooth.encode(toy_cloud())
    pieces = scene.pieces.joined().numpy()[scene.rows]
    assert len(np.unique(pieces)) > 1
    for piece in np.unique(pieces):
        before = expected.probability[pieces == piece]
        after = np.maximum(before.mean(), KEPT * before)
        np.testing.assert_allclose(answer.probability[pieces == piece], after, atol=1e-5)
    assert answer.presence == expected.presence


def test_a_bad_instruction_is_refused_before_any_work(student):
    with pytest.raises(InstructionError):
        student.respond(student.encode(toy_cloud()), "")


def test_an_unknown_device_is_refused():
    with pytest.raises(DeviceError):
        Student.load(device="tpu")


def test_presence_is_that_of_the_training_on_the_voxels(encoder):
    network = lively_network()
    network.judge, network.reading = Judge(8 + 3, 4).eval(), Reading(0.8, -0.5)
    student, cloud = Student(network, encoder, CARD), toy_cloud()
    voxels = voxelise(cloud)
    stored = replace(scene(claim(0, 9, 0.5)), coords=voxels.coords, inputs=voxels.inputs)
    _, expected = predict(network, stored, torch.from_numpy(encoder.encode(["the sofa"])))
    assert student.respond(student.encode(cloud), "the sofa").presence == pytest.approx(float(expected[0]), abs=1e-4)
