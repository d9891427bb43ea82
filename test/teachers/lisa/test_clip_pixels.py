"""CLIP sees what its own image processor would show it."""

import pytest
from tiny_sam import picture
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from mllm_for3d_ros.teachers.lisa.clip_pixels import clip_pixels


@pytest.mark.parametrize("size", [(240, 320), (320, 240), (224, 224), (484, 648), (100, 301)])
def test_pixels_are_those_of_the_official_processor(size):
    image = picture(*size)
    official = CLIPImageProcessorPil()(image, return_tensors="pt")["pixel_values"][0]
    assert (clip_pixels(image, 224) - official).abs().max() < 1e-5
