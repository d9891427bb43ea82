"""What the official SAM processors make of tiny models: computed where torchvision is, recorded elsewhere.

Run as a program, where torchvision can be imported, it records them again:
``python test/support/sam_parity.py``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tiny_sam
import torch

from mllm_for3d_ros.teachers.grounding import Located

RECORD = Path(__file__).parents[1] / "data" / "sam_parity.npz"
SIZES = ((120, 160), (97, 150), (200, 90), (260, 350))
"""(height, width): the usual aspect, an odd one, portrait, and larger than the models' input."""


@dataclass(frozen=True)
class Masks:
    """masks: [n, H, W] bool; scores: [n] float32 predicted IoU as the model gives it."""

    masks: np.ndarray
    scores: np.ndarray


def objects_in(size: tuple[int, int]) -> list[Located]:
    """Two boxes, a point, and a box with a point."""
    h, w = size
    return [
        Located((0.1 * w, 0.15 * h, 0.55 * w, 0.8 * h), None, "left"),
        Located((0.613 * w, 0.2 * h, 0.95 * w, 0.517 * h), None, "right"),
        Located(None, (0.37 * w, 0.71 * h), "low"),
        Located((0.05 * w, 0.5 * h, 0.9 * w, 0.99 * h), (0.6 * w, 0.8 * h), "bottom"),
    ]


def has_torchvision() -> bool:
    """Whether torchvision can be imported; one built for another torch raises RuntimeError."""
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        return False
    return True


def official(family: str) -> list[Masks]:
    """Answers of the official processor around the tiny model of ``family``, one for each of SIZES."""
    model, processor = tiny_sam.tiny_sam(family), _processor(family)
    return [
        _stack([_answer(model, processor, tiny_sam.picture(*size, seed=k), each) for each in objects_in(size)])
        for k, size in enumerate(SIZES)
    ]


def recorded(family: str) -> list[Masks]:
    """The same, as recorded; the weights must be those of the recording."""
    with np.load(RECORD) as record:
        assert str(record[f"{family}_weights"]) == tiny_sam.weights_digest(tiny_sam.tiny_sam(family)), (
            "the tiny model differs from the recorded one: run test/support/sam_parity.py where torchvision is"
        )
        return [
            Masks(
                np.unpackbits(record[f"{family}_{k}_masks"], axis=-1, count=h * w).reshape(-1, h, w).astype(bool),
                record[f"{family}_{k}_scores"],
            )
            for k, (h, w) in enumerate(SIZES)
        ]


def _processor(family: str):
    import transformers as t

    side = tiny_sam.SIDES[family]
    square = {"height": side, "width": side}
    if family in ("sam", "sam_hq"):
        images = t.SamImageProcessor(size={"longest_edge": side}, pad_size=square)
        return t.SamProcessor(images) if family == "sam" else t.SamHQProcessor(images)
    if family == "sam2":
        return t.Sam2Processor(t.Sam2ImageProcessor(size=square))
    return t.Sam3TrackerProcessor(t.Sam3ImageProcessor(size=square))


@torch.inference_mode()
def _answer(model, processor, image: np.ndarray, located: Located) -> tuple[np.ndarray, float]:
    """Mask and score of one object, prompted alone."""
    prompts = {}
    if located.box is not None:
        prompts["input_boxes"] = [[list(located.box)]]
    if located.point is not None:
        prompts |= {"input_points": [[[list(located.point)]]], "input_labels": [[[1]]]}
    inputs = processor(images=image, return_tensors="pt", **prompts)
    sizes = [
        inputs.pop("original_sizes"),
        *([inputs.pop("reshaped_input_sizes")] if "reshaped_input_sizes" in inputs else []),
    ]
    inputs = {k: v.float() if v.is_floating_point() else v for k, v in inputs.items()}
    found = model(**inputs, multimask_output=located.box is None)
    scores = found.iou_scores[0, 0]
    best = int(scores.argmax())
    masks = processor.post_process_masks(found.pred_masks, *sizes)[0]
    return masks[0, best].numpy(), float(scores[best])


def _stack(answers: list[tuple[np.ndarray, float]]) -> Masks:
    return Masks(np.stack([mask for mask, _ in answers]), np.array([score for _, score in answers], np.float32))


def record() -> None:
    """Write RECORD."""
    arrays: dict[str, np.ndarray] = {}
    for family in tiny_sam.FAMILIES:
        arrays[f"{family}_weights"] = np.array(tiny_sam.weights_digest(tiny_sam.tiny_sam(family)))
        for k, answer in enumerate(official(family)):
            arrays[f"{family}_{k}_masks"] = np.packbits(answer.masks.reshape(len(answer.masks), -1), axis=-1)
            arrays[f"{family}_{k}_scores"] = answer.scores
    RECORD.parent.mkdir(exist_ok=True)
    np.savez_compressed(RECORD, **arrays)


if __name__ == "__main__":
    if not has_torchvision():
        sys.exit("torchvision cannot be imported: install the one that fits the installed torch")
    record()
