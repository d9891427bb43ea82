"""Our pre- and post-processing gives the masks that the official processors give."""

import dataclasses

import numpy as np
import pytest
import sam_parity
import tiny_sam


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """IoU of two masks; 1 if both are empty."""
    return float((a & b).sum() / max((a | b).sum(), 1)) if (a | b).any() else 1.0


def ours(segmenter) -> list[sam_parity.Masks]:
    """Our answers to what sam_parity asks; all objects of an image in one call."""
    answers = []
    for k, size in enumerate(sam_parity.SIZES):
        found = segmenter.segment(tiny_sam.picture(*size, seed=k), sam_parity.objects_in(size))
        assert found.rows == (0, 1, 2, 3)
        answers.append(sam_parity.Masks(found.masks > 0.5, found.scores))
    return answers


def overlaps(a: list[sam_parity.Masks], b: list[sam_parity.Masks]) -> list[float]:
    return [overlap(x, y) for one, other in zip(a, b, strict=True) for x, y in zip(one.masks, other.masks, strict=True)]


@pytest.mark.parametrize("family", tiny_sam.FAMILIES)
def test_masks_are_those_of_the_official_processor(family, load_segmenter):
    official = sam_parity.official(family) if sam_parity.has_torchvision() else sam_parity.recorded(family)
    answers = ours(load_segmenter(family))
    found = overlaps(answers, official)
    assert min(found) >= 0.98, [round(value, 4) for value in found]
    for answer, wanted in zip(answers, official, strict=True):
        np.testing.assert_allclose(answer.scores, wanted.scores.clip(0, 1), atol=0.02)


@pytest.mark.parametrize("family", ["sam", "sam2"])
def test_parity_would_notice_the_processing_of_another_family(family, load_segmenter, monkeypatch):
    segmenter = load_segmenter(family, views_kept=0)
    processing = segmenter._model._processing
    other = dataclasses.replace(processing, keeps_aspect=not processing.keeps_aspect)
    monkeypatch.setattr(segmenter._model, "_processing", other)
    assert min(overlaps(ours(segmenter), sam_parity.recorded(family))) < 0.9
