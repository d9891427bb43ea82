"""What each asked view said of an instruction, kept beside the label for reports and exports."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mllm_for3d_ros.errors import LabelStoreError
from mllm_for3d_ros.lifting.label_scene import SceneLabel
from mllm_for3d_ros.lifting.visibility import Visibility
from mllm_for3d_ros.teachers.cache.rle import decode, encode

JPEG_QUALITY = 85
_DIGITS = 6


@dataclass(frozen=True)
class ViewRecord:
    """One asked view.

    view: row of the store's views. weight: omega. score: of the teacher. reason: why the view has no weight or
    abstained, None where it counts. agreement: IoU of its mask and the finished label over the voxels that it
    sees, None where neither has any. size: [height, width] of the mask. counts: compressed COCO run lengths of
    the mask at one half, None where the view abstained.
    """

    view: int
    weight: float
    score: float
    reason: str | None
    agreement: float | None
    size: tuple[int, int]
    counts: str | None

    def mask(self) -> np.ndarray | None:
        """[H, W] bool, None where the view abstained."""
        return None if self.counts is None else decode(self.counts, *self.size)


def records_of(labelled: SceneLabel, visibility: Sequence[Visibility]) -> tuple[ViewRecord, ...]:
    """The records of a label; ``visibility`` is that of all candidate views."""
    present = np.nan_to_num(labelled.label.probability) >= 0.5
    rows = zip(labelled.views, labelled.answers, labelled.label.view_weights, labelled.label.dropped, strict=True)
    records = []
    for view, answer, weight, dropped in rows:
        mask, seen = answer.mask >= 0.5, visibility[view]
        height, width = mask.shape
        records.append(
            ViewRecord(
                view,
                round(float(weight), _DIGITS),
                round(float(answer.score), _DIGITS),
                dropped,
                _overlap(seen.sample(mask), present[seen.indices]),
                (height, width),
                None if answer.abstained is not None else encode(mask),
            )
        )
    return tuple(records)


def records_json(instruction: str, records: Sequence[ViewRecord]) -> bytes:
    """The file of an instruction's records."""
    content = {"instruction": instruction, "views": [asdict(record) for record in records]}
    return (json.dumps(content, ensure_ascii=False) + "\n").encode("utf-8")


def records_from(path: Path) -> tuple[ViewRecord, ...]:
    """The records of a file.

    Raises:
        LabelStoreError: it is damaged.
    """
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["views"]
        return tuple(ViewRecord(**{**row, "size": (int(row["size"][0]), int(row["size"][1]))}) for row in rows)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as cause:
        raise LabelStoreError(f"{path} cannot be read ({cause}); delete the folder and label again") from cause


def jpeg_bytes(color: np.ndarray) -> bytes:
    """A picture [H, W, 3] uint8 RGB as a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(color).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _overlap(one: np.ndarray, other: np.ndarray) -> float | None:
    """IoU of two [M] bool, None where both are empty."""
    union = np.count_nonzero(one | other)
    return round(float(np.count_nonzero(one & other) / union), _DIGITS) if union else None
