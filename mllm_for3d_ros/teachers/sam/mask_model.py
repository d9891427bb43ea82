"""The two halves of any SAM: a costly look at the image, and a cheap answer to prompts on what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from mllm_for3d_ros.teachers.sam.image_processing import ImageProcessing
from mllm_for3d_ros.teachers.sam.prompts import Prompts


@dataclass(frozen=True)
class EncodedView:
    """An image as the mask decoder needs it, the same for every instruction.

    size: (height, width) of the image, pixels. features: [C, h, w] float32 image features of the cells
    that show the image (padding cut off to the nearest cell). state: for the model that made it.
    """

    size: tuple[int, int]
    features: np.ndarray
    state: Any


class MaskModel(Protocol):
    """A SAM behind ``Segmenter``. name: of its kind, for the fingerprint. settings: what changes its answers."""

    name: str
    settings: str

    def encode(self, image: np.ndarray) -> EncodedView:
        """Look at ``image`` [H, W, 3] uint8 RGB."""
        ...

    def decode(self, view: EncodedView, prompts: Prompts) -> tuple[torch.Tensor, torch.Tensor]:
        """Mask logits [n, H, W] float32 over the image and predicted IoU [n] of each prompt."""
        ...


class TransformersSam:
    """SAM, SAM-HQ, SAM 2 or the SAM 3 tracker of transformers.

    Weights stay float32. Only the image encoder, where the time goes, computes in ``dtype``: coordinates
    of prompts in bfloat16 would be rounded to 4 pixels of 1024.
    """

    def __init__(self, model: Any, name: str, processing: ImageProcessing, dtype: torch.dtype) -> None:
        """``model`` in float32 on its device, in eval mode; see ``loading.load_mask_model``."""
        self.name = name
        self.settings = "" if dtype == torch.float32 else f"dtype={str(dtype).removeprefix('torch.')}"
        self._model = model
        self._processing = processing
        self._dtype = dtype
        self._device = next(model.parameters()).device

    @torch.inference_mode()
    def encode(self, image: np.ndarray) -> EncodedView:
        """See ``MaskModel.encode``."""
        size = (image.shape[0], image.shape[1])
        pixels = self._processing.prepare(image, self._device)
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32):
            encoded = self._model.get_image_embeddings(pixels)
        state = {"image_embeddings": encoded}
        if self.name == "sam_hq":
            # Of the intermediate layers SAM-HQ reads the first alone; the others would fill the memory.
            state = {"image_embeddings": encoded[0], "intermediate_embeddings": encoded[1][:1]}
        # SAM 2 and 3 give several resolutions, the semantic one last.
        embeddings = state["image_embeddings"]
        coarse = embeddings if isinstance(embeddings, torch.Tensor) else embeddings[-1]
        features = self._processing.without_padding(coarse[0], size).float().cpu().numpy()
        return EncodedView(size, np.ascontiguousarray(features), _cast(state, self._dtype))

    @torch.inference_mode()
    def decode(self, view: EncodedView, prompts: Prompts) -> tuple[torch.Tensor, torch.Tensor]:
        """See ``MaskModel.decode``. A lone point is ambiguous: of its three masks the best by IoU is taken."""
        ambiguous = prompts.boxes is None
        found = self._model(
            **_cast(view.state, torch.float32), **self._inputs(view, prompts), multimask_output=ambiguous
        )
        scores = found.iou_scores[0].float()
        best = scores.argmax(1)
        rows = torch.arange(len(best), device=best.device)
        logits = found.pred_masks[0].float()[rows, best]
        return self._processing.restore(logits, view.size), scores[rows, best]

    def _inputs(self, view: EncodedView, prompts: Prompts) -> dict[str, torch.Tensor]:
        """Prompts in pixels of the input, in a batch of one image."""
        inputs = {}
        if prompts.boxes is not None:
            corners = self._processing.to_input(prompts.boxes.reshape(-1, 2, 2), view.size)
            inputs["input_boxes"] = torch.from_numpy(corners.reshape(1, -1, 4)).to(self._device)
        if prompts.points is not None:
            points = self._processing.to_input(prompts.points, view.size)
            inputs["input_points"] = torch.from_numpy(points[None, :, None]).to(self._device)
            inputs["input_labels"] = torch.ones(1, len(points), 1, dtype=torch.long, device=self._device)
        return inputs


def _cast(state: Any, dtype: torch.dtype) -> Any:
    """``state`` with every tensor in it as ``dtype``."""
    if isinstance(state, torch.Tensor):
        return state.to(dtype)
    if isinstance(state, dict):
        return {key: _cast(value, dtype) for key, value in state.items()}
    return [_cast(value, dtype) for value in state]
