"""The segmenter: one look at a view for all instructions, and only sound masks come out."""

import threading

import numpy as np
import pytest
import tiny_sam
import torch

from mllm_for3d_ros.teachers.grounding import Located
from mllm_for3d_ros.teachers.sam.mask_model import EncodedView
from mllm_for3d_ros.teachers.sam.segmenter import Segmenter

IMAGE = tiny_sam.picture(60, 80, seed=3)
BOX = Located((10, 8, 50, 44), None, "box")
POINT = Located(None, (60, 30), "point")
BOTH = Located((30, 20, 75, 55), (50, 40), "both")
EMPTY = Located((5, 5, 5.2, 40), None, "sliver")


@pytest.mark.parametrize("family", tiny_sam.FAMILIES)
def test_masks_scores_and_features(family, load_segmenter):
    found = load_segmenter(family).segment(IMAGE, [BOX, EMPTY, POINT, BOTH])
    assert found.rows == (0, 2, 3)
    assert found.masks.shape == (3, 60, 80) and found.masks.dtype == np.float32
    assert found.masks.min() >= 0 and found.masks.max() <= 1 and np.ptp(found.masks) > 0.2
    assert found.scores.shape == (3,) and found.scores.dtype == np.float32
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert found.features.dtype == np.float32 and np.isfinite(found.features).all()
    assert found.features.shape == (32, 12 if family in ("sam", "sam_hq") else 16, 16)


@pytest.mark.parametrize("family", tiny_sam.FAMILIES)
def test_prompts_in_a_batch_are_answered_as_alone(family, load_segmenter):
    segmenter = load_segmenter(family)
    together = segmenter.segment(IMAGE, [POINT, BOX, BOTH, BOX])
    for row, one in enumerate((POINT, BOX, BOTH, BOX)):
        alone = segmenter.segment(IMAGE, [one])
        np.testing.assert_allclose(together.masks[row], alone.masks[0], atol=1e-4)
        np.testing.assert_allclose(together.scores[row], alone.scores[0], atol=1e-4)


@pytest.mark.parametrize("family", tiny_sam.FAMILIES)
def test_no_usable_box_gives_no_mask(family, load_segmenter):
    found = load_segmenter(family).segment(IMAGE, [EMPTY])
    assert found.masks.shape == (0, 60, 80) and found.scores.shape == (0,) and found.rows == ()
    assert found.features.shape[0] == 32


def test_more_prompts_than_fit_at_once_keep_their_order(load_segmenter):
    segmenter = load_segmenter("sam2")
    boxes = [Located((k, 5, k + 30, 50), None, str(k)) for k in range(20)]
    found = segmenter.segment(IMAGE, boxes)
    assert found.rows == tuple(range(20))
    np.testing.assert_allclose(found.masks[18], segmenter.segment(IMAGE, [boxes[18]]).masks[0], atol=1e-4)


def test_a_view_is_encoded_once_for_all_instructions_and_threads(load_segmenter, monkeypatch):
    segmenter = load_segmenter("sam", views_kept=2)
    looks = []
    encode = segmenter._model.encode
    monkeypatch.setattr(segmenter._model, "encode", lambda image: looks.append(image[0, 0, 0]) or encode(image))
    threads = [threading.Thread(target=segmenter.segment, args=(IMAGE.copy(), [one])) for one in (BOX, POINT, BOTH)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(looks) == 1
    for seed in (4, 5):
        segmenter.encode(tiny_sam.picture(60, 80, seed=seed))
    segmenter.encode(IMAGE)
    assert len(looks) == 4


@pytest.mark.parametrize("family", tiny_sam.FAMILIES)
def test_half_precision_changes_little_and_is_in_the_fingerprint(family, load_segmenter):
    full, half = load_segmenter(family), load_segmenter(family, dtype="bfloat16")
    assert half.fingerprint != full.fingerprint and half.fingerprint.settings == "dtype=bfloat16"
    a, b = (s.segment(IMAGE, [BOX, BOTH]).masks > 0.5 for s in (full, half))
    assert (a & b).sum() / (a | b).sum() > 0.9


def test_the_fingerprint_follows_the_weights(load_segmenter, sam_folders, original_file):
    from mllm_for3d_ros.teachers.options import TeacherOptions

    sam, again, other = (load_segmenter(family).fingerprint for family in ("sam", "sam", "sam_hq"))
    original = Segmenter.load(str(original_file), TeacherOptions(device="cpu")).fingerprint
    assert sam == again and len({sam.weights, other.weights, original.weights}) == 3
    assert (sam.name, other.name, original.name) == ("sam", "sam_hq", "sam")


class StandInModel:
    """Gives the logits and scores it was made with."""

    name = "stand-in"
    settings = ""

    def __init__(self, logits, scores):
        self._answer = torch.tensor(logits)[:, None, None].expand(-1, 60, 80).clone(), torch.tensor(scores)

    def encode(self, image):
        return EncodedView(image.shape[:2], np.zeros((1, 2, 2), np.float32), None)

    def decode(self, view, prompts):
        return self._answer


def test_nan_is_dropped_and_scores_are_clipped():
    model = StandInModel([2.0, float("nan"), -2.0, 0.0], [1.3, 0.5, -0.2, float("nan")])
    found = Segmenter(model, "0", 1).segment(IMAGE, [BOX] * 4)
    assert found.rows == (0, 2)
    np.testing.assert_allclose(found.scores, [1, 0])
    np.testing.assert_allclose(found.masks[:, 0, 0], [0.8808, 0.1192], atol=1e-4)


def test_a_mask_is_where_the_logit_is_positive_however_small():
    found = Segmenter(StandInModel([1e-12, 0.0, -1e-12], [0.5] * 3), "0", 1).segment(IMAGE, [BOX] * 3)
    assert (found.masks[0] > 0.5).all() and not (found.masks[1:] > 0.5).any()


def test_an_image_of_another_type_is_refused():
    with pytest.raises(ValueError, match="image must"):
        Segmenter(StandInModel([0.0], [0.5]), "0", 1).encode(IMAGE.astype(np.float32))
