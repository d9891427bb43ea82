"""Located objects to masks; what a view costs whatever the instruction is paid once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mllm_for3d_ros.teachers.base import Fingerprint
from mllm_for3d_ros.teachers.catalogue import LIBRARY_PREFIX
from mllm_for3d_ros.teachers.grounding import Located
from mllm_for3d_ros.teachers.image_memo import Memo
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.out_of_memory import memory_errors
from mllm_for3d_ros.teachers.sam.mask_model import EncodedView, MaskModel
from mllm_for3d_ros.teachers.sam.prompts import Prompts, group_prompts
from mllm_for3d_ros.teachers.weights import resolve_weights, weights_hash
from mllm_for3d_ros.types import check_array

_PROMPTS_AT_ONCE = 16
"""Masks of as many prompts pass through memory at 1024x1024 float32, 4 MB each."""
_REMEDY = "keep fewer views, take a smaller segmenter, or compute on the cpu"


@dataclass(frozen=True)
class Segments:
    """Masks of the objects that could be prompted.

    masks: [n, H, W] float32 probability in 0..1. scores: [n] float32 predicted IoU in 0..1. rows: [n]
    which of the objects each mask is of; objects without a usable box or point, or for which the model
    gave NaN, are not among them. features: [C, h, w] float32 image features of the view.
    """

    masks: np.ndarray
    scores: np.ndarray
    rows: tuple[int, ...]
    features: np.ndarray


class Segmenter:
    """A SAM with a memory of the views it saw."""

    def __init__(self, model: MaskModel, weights: str, views_kept: int) -> None:
        """``weights``: hash of the model's weights. See ``Segmenter.load``."""
        self.fingerprint = Fingerprint(model.name, weights, settings=model.settings)
        self._model = model
        self._views: Memo[EncodedView] = Memo(views_kept)
        self._busy = threading.Lock()

    @classmethod
    def load(cls, model: str, options: TeacherOptions) -> Segmenter:
        """The SAM, SAM-HQ, SAM 2 or SAM 3 tracker of ``model``: a Hub id, a folder of transformers,
        a ``.pth`` file of the original segment-anything, or ``library:FILE.pth`` to run that file with
        the segment_anything library itself.

        Raises:
            TeacherError: weights or the library are missing, or the checkpoint is none of these.
            DeviceError: a device was asked for that is not there.
        """
        from mllm_for3d_ros.teachers.sam.library import load_library_model
        from mllm_for3d_ros.teachers.sam.loading import load_mask_model

        path = resolve_weights(model.removeprefix(LIBRARY_PREFIX), options, "segmenter")
        load = load_library_model if model.startswith(LIBRARY_PREFIX) else load_mask_model
        return cls(load(path, options), weights_hash(path)[:16], options.views_kept)

    def encode(self, image: np.ndarray) -> EncodedView:
        """``image`` [H, W, 3] uint8 RGB as the mask decoder needs it; equal images are encoded once.

        Raises:
            TeacherError: memory does not suffice.
        """
        check_array("image", image, (None, None, 3), np.uint8)
        with self._busy:
            return self._views.get(image, self._encode)

    def segment(self, image: np.ndarray, objects: Sequence[Located]) -> Segments:
        """Masks of ``objects`` in ``image`` [H, W, 3] uint8 RGB: a box alone, a point alone, or both as given.

        Raises:
            TeacherError: memory does not suffice.
        """
        view = self.encode(image)
        with self._busy:
            found = [
                one
                for group in group_prompts(objects, view.size, _PROMPTS_AT_ONCE)
                for one in self._decode(view, group)
            ]
        found.sort(key=lambda one: one.row)
        return Segments(
            masks=np.stack([one.mask for one in found]) if found else np.zeros((0, *view.size), np.float32),
            scores=np.array([one.score for one in found], np.float32),
            rows=tuple(one.row for one in found),
            features=view.features,
        )

    def _encode(self, image: np.ndarray) -> EncodedView:
        with memory_errors(self.fingerprint.name, "encoding a view", _REMEDY):
            return self._model.encode(image)

    def _decode(self, view: EncodedView, prompts: Prompts) -> list[_Segment]:
        """Masks of ``prompts``; those of which the model gives NaN or infinity are left out."""
        with memory_errors(self.fingerprint.name, "making masks", _REMEDY):
            logits, scores = self._model.decode(view, prompts)
            finite = (logits.isfinite().all(2).all(1) & scores.isfinite()).tolist()
            masks = _probabilities(logits).cpu().numpy()
        clipped = scores.clamp(0, 1).tolist()
        return [_Segment(prompts.rows[i], masks[i], clipped[i]) for i in range(len(masks)) if finite[i]]


@dataclass(frozen=True)
class _Segment:
    """mask: [H, W] float32 probability of object ``row``; score: predicted IoU in 0..1."""

    row: int
    mask: np.ndarray
    score: float


def _probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Sigmoid that lies above one half exactly where the logit is positive.

    Float32 rounds the sigmoid of logits below 1e-7 to one half, which would take them out of the mask.
    """
    half = torch.tensor(0.5, device=logits.device)
    above = torch.nextafter(half, torch.ones_like(half))
    return torch.where(logits > 0, logits.sigmoid().maximum(above), logits.sigmoid())
