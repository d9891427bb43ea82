"""The segment_anything library itself, for those who ask for it by name; unlike our own path it needs torchvision."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.sam.loading import read_original_state
from mllm_for3d_ros.teachers.sam.mask_model import EncodedView
from mllm_for3d_ros.teachers.sam.prompts import Prompts
from mllm_for3d_ros.teachers.weights import choose_torch_device

_BUILDERS = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}
"""Width of the image encoder to the library's name of the model."""


class LibrarySam:
    """A model of the segment_anything library, in float32; each encoded view is a predictor of its own."""

    name = "sam_library"
    settings = ""

    def __init__(self, model: Any, predictor_class: Any) -> None:
        """``model``: the library's Sam in eval mode on its device; ``predictor_class``: its SamPredictor."""
        self._model = model
        self._predictor_class = predictor_class

    @torch.inference_mode()
    def encode(self, image: np.ndarray) -> EncodedView:
        """See ``MaskModel.encode``."""
        predictor = self._predictor_class(self._model)
        predictor.set_image(image, image_format="RGB")
        cells = predictor.features.shape[-1] / self._model.image_encoder.img_size
        height, width = (max(1, round(side * cells)) for side in predictor.input_size)
        features = predictor.features[0, :, :height, :width].float().cpu().numpy()
        return EncodedView((image.shape[0], image.shape[1]), np.ascontiguousarray(features), predictor)

    @torch.inference_mode()
    def decode(self, view: EncodedView, prompts: Prompts) -> tuple[torch.Tensor, torch.Tensor]:
        """See ``MaskModel.decode``. A lone point is ambiguous: of its three masks the best by IoU is taken."""
        predictor, device = view.state, self._model.device
        boxes = points = labels = None
        if prompts.boxes is not None:
            boxes = predictor.transform.apply_boxes_torch(torch.from_numpy(prompts.boxes).float(), view.size).to(device)
        if prompts.points is not None:
            points = torch.from_numpy(prompts.points[:, None]).float()
            points = predictor.transform.apply_coords_torch(points, view.size).to(device)
            labels = torch.ones(len(points), 1, dtype=torch.long, device=device)
        logits, scores, _ = predictor.predict_torch(
            points, labels, boxes, multimask_output=boxes is None, return_logits=True
        )
        rows, best = torch.arange(len(scores), device=device), scores.argmax(1)
        return logits[rows, best].float(), scores[rows, best].float()


def load_library_model(file: Path, options: TeacherOptions) -> LibrarySam:
    """The original checkpoint ``file`` in the library's own model.

    Raises:
        TeacherError: the library is not installed, or the file is no checkpoint of it.
        DeviceError: a device was asked for that is not there.
    """
    try:
        library = importlib.import_module("segment_anything")
    except (ImportError, RuntimeError) as cause:
        # A torchvision that was built for another torch raises RuntimeError.
        raise TeacherError(
            "library: needs the segment_anything library and a torchvision that fits; run "
            '`pip install "mllm_for3d_ros[segment-anything]"`, or leave `library:` out'
        ) from cause
    state = read_original_state(file)
    position = state.get("image_encoder.pos_embed")
    builder = _BUILDERS.get(0 if position is None else position.shape[-1])
    if builder is None:
        raise TeacherError(f"{file} is none of sam_vit_b, _l and _h; leave `library:` out to load other SAM files")
    # The builder's own loading is left out: it would unpickle the file.
    model = library.sam_model_registry[builder](checkpoint=None)
    try:
        model.load_state_dict(state)
    except RuntimeError as cause:
        detail = " ".join(str(cause).split())[:160]
        raise TeacherError(f"{file} does not fit {builder} ({detail}); take the original checkpoint") from cause
    return LibrarySam(model.eval().requires_grad_(False).to(choose_torch_device(options)), library.SamPredictor)
