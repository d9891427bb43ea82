"""A VLM and a SAM as one teacher, end to end on tiny checkpoints, and its arithmetic with a scripted grounder."""

import numpy as np
import pytest
from named_teacher import ask_twice, frames_of
from tiny_qwen import SEAT, SONG, UNICORN, random_images
from tiny_sam import CHANNELS, save_tiny_sam

from mllm_for3d_ros.errors import InstructionError
from mllm_for3d_ros.teachers.base import Fingerprint
from mllm_for3d_ros.teachers.grounded_sam import GroundedSam
from mllm_for3d_ros.teachers.grounding import Grounding, Located
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.qwen_vl import QwenVL
from mllm_for3d_ros.teachers.sam.segmenter import Segmenter, Segments

IMAGES = random_images(3, seed=8)
LEFT = Located((2.0, 2.0, 20.0, 30.0), None, "chair")
RIGHT = Located((30.0, 10.0, 60.0, 40.0), (40.0, 20.0), "sofa")


class ScriptedGrounder:
    """Answers with the groundings that it was given, and remembers what it was asked."""

    token_dim = 3
    fingerprint = Fingerprint("scripted", "g0", "7", "dtype=bfloat16")

    def __init__(self, groundings):
        self.groundings = groundings
        self.asked = []

    def locate(self, images, instruction):
        self.asked.append(instruction)
        return self.groundings[: len(images)]


class CountingSegmenter:
    """A segmenter that counts, around a real one or scripted segments."""

    def __init__(self, real=None, segments=None):
        self.fingerprint = Fingerprint("sam", "s0")
        self.calls = 0
        self._real, self._segments = real, segments

    def segment(self, image, objects):
        self.calls += 1
        return self._segments or self._real.segment(image, objects)


@pytest.fixture(scope="module")
def sam_folder(tmp_path_factory):
    return save_tiny_sam("sam2", tmp_path_factory.mktemp("sam2"))


@pytest.fixture(scope="module")
def segmenter(sam_folder):
    return Segmenter.load(str(sam_folder), TeacherOptions(device="cpu"))


def test_the_whole_chain_answers(taught_qwen, segmenter, encoder):
    grounder = QwenVL.load(str(taught_qwen("qwen3_vl")), TeacherOptions(device="cpu"), encoder)
    teacher = GroundedSam(grounder, segmenter)
    for image, answer in zip(IMAGES, teacher.answer(frames_of(IMAGES), SEAT), strict=True):
        assert answer.mask.shape == image.shape[:2]
        assert 0 <= answer.mask.min() <= answer.mask.max() <= 1
        assert answer.features.shape[0] == CHANNELS
        located = grounder.locate([image], SEAT)[0]
        expected = segmenter.segment(image, located.objects)
        np.testing.assert_allclose(answer.mask, expected.masks.max(0), atol=1e-5)
        np.testing.assert_allclose(answer.token, located.token, atol=1e-4)
        assert answer.token.shape == (teacher.token_dim,)
        assert answer.score == pytest.approx(located.score * float(expected.scores[0]), abs=1e-4)
    for instruction, reason in ((SONG, "malformed answer"), (UNICORN, "nothing fits")):
        for answer in teacher.answer(frames_of(IMAGES), instruction):
            assert answer.abstained.startswith(reason)
            assert answer.features is None
            assert not answer.mask.any()


@pytest.mark.parametrize("instruction", [SEAT, SONG])
def test_by_name_behind_the_cache(instruction, taught_qwen, sam_folder, tmp_path, monkeypatch):
    options = TeacherOptions(device="cpu", segmenter=str(sam_folder))
    ask_twice(f"qwen-vl:{taught_qwen('qwen3_vl')}", options, IMAGES, instruction, tmp_path, monkeypatch)


def test_the_score_is_weighted_by_area():
    masks = np.zeros((2, 10, 10), np.float32)
    masks[0, :2, :10] = 0.9
    masks[1, 1:9, :10] = 0.7
    segments = Segments(masks, np.array([0.5, 1.0], np.float32), (0, 1), np.zeros((2, 3, 3), np.float32))
    grounder = ScriptedGrounder([Grounding((LEFT, RIGHT), np.ones(3, np.float32), 0.8)])
    (answer,) = GroundedSam(grounder, CountingSegmenter(segments=segments)).answer(
        frames_of([np.zeros((10, 10, 3), np.uint8)]), "  a   seat "
    )
    assert grounder.asked == ["a seat"]
    assert answer.score == pytest.approx(0.8 * (20 * 0.5 + 80 * 1.0) / 100)
    np.testing.assert_allclose(answer.mask[[0, 1, 5, 9], 0], [0.9, 0.9, 0.7, 0.0])


def test_sam_runs_only_where_the_grounder_found_something(segmenter):
    groundings = [Grounding((), abstained="nothing fits: []"), Grounding((LEFT, RIGHT)), Grounding((), abstained="no")]
    counting = CountingSegmenter(segmenter)
    answers = GroundedSam(ScriptedGrounder(groundings), counting).answer(frames_of(IMAGES), "a chair")
    assert counting.calls == 1
    assert [answer.abstained for answer in answers] == ["nothing fits: []", None, "no"]


@pytest.mark.parametrize("count", [0, 2])
def test_masks_without_pixels_are_an_abstention_with_features(count):
    features = np.ones((4, 3, 3), np.float32)
    empty = Segments(
        np.full((count, 10, 10), 0.2, np.float32), np.ones(count, np.float32), tuple(range(count)), features
    )
    (answer,) = GroundedSam(ScriptedGrounder([Grounding((LEFT,))]), CountingSegmenter(segments=empty)).answer(
        frames_of([np.zeros((10, 10, 3), np.uint8)]), "a chair"
    )
    assert "no pixels" in answer.abstained
    assert answer.features is features
    assert not answer.mask.any()


def test_the_fingerprint_has_both_halves():
    teacher = GroundedSam(ScriptedGrounder([]), CountingSegmenter(), "mine")
    assert teacher.fingerprint == Fingerprint("mine", "g0+s0", "7", "dtype=bfloat16,segmenter=sam")
    assert GroundedSam(ScriptedGrounder([]), CountingSegmenter()).fingerprint.name == "scripted"


def test_instructions_are_checked():
    with pytest.raises(InstructionError):
        GroundedSam(ScriptedGrounder([]), CountingSegmenter()).answer([], " ")
