"""The interface of the segment_anything library over the tiny SAM, for tests where the library is not installed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import tiny_sam
import torch

from mllm_for3d_ros.teachers.sam.image_processing import ImageProcessing
from mllm_for3d_ros.teachers.sam.original_keys import rename_original_sam

_SIDE = tiny_sam.SIDES["sam"]
_PROCESSING = ImageProcessing(_SIDE, keeps_aspect=True)


class Sam(torch.nn.Module):
    """Takes weights under their original names."""

    image_encoder = SimpleNamespace(img_size=_SIDE)
    device = torch.device("cpu")

    def __init__(self, checkpoint=None):
        super().__init__()
        assert checkpoint is None, "the library would unpickle it"
        self.inner = tiny_sam.tiny_sam("sam")
        torch.nn.init.zeros_(self.inner.mask_decoder.iou_token.weight)

    def load_state_dict(self, state):
        self.inner.load_state_dict(rename_original_sam(state))


class _Transform:
    def apply_coords_torch(self, coords, size):
        return torch.from_numpy(_PROCESSING.to_input(coords.numpy(), size))

    def apply_boxes_torch(self, boxes, size):
        return self.apply_coords_torch(boxes.reshape(-1, 2, 2), size).reshape(-1, 4)


class SamPredictor:
    transform = _Transform()

    def __init__(self, model):
        self._model = model.inner

    def set_image(self, image: np.ndarray, image_format: str = "RGB"):
        assert image_format == "RGB"
        self._size = image.shape[:2]
        self.input_size = _PROCESSING.content_size(self._size)
        self.features = self._model.get_image_embeddings(_PROCESSING.prepare(image, "cpu"))

    def predict_torch(self, point_coords, point_labels, boxes, multimask_output, return_logits):
        assert return_logits
        prompts = {} if boxes is None else {"input_boxes": boxes[None]}
        if point_coords is not None:
            prompts |= {"input_points": point_coords[None], "input_labels": point_labels[None]}
        found = self._model(image_embeddings=self.features, multimask_output=multimask_output, **prompts)
        low = found.pred_masks[0]
        logits = torch.stack([_PROCESSING.restore(low[:, k], self._size) for k in range(low.shape[1])], 1)
        return logits, found.iou_scores[0], low


sam_model_registry = {"vit_b": Sam}
