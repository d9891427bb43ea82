"""What the official Sam3Processor makes of a tiny SAM 3: computed where torchvision is, recorded elsewhere.

Run as a program, where torchvision can be imported, it records anew: ``python test/support/sam3_parity.py``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import tiny_sam
import tiny_sam3
import torch
from sam_parity import Masks, has_torchvision

from mllm_for3d_ros.teachers.sam3_network import Sam3Network

RECORD = Path(__file__).parents[1] / "data" / "sam3_parity.npz"
SIZES = ((120, 160), (97, 150), (200, 90))
"""(height, width): the usual aspect, an odd one, and portrait."""
PHRASE = "red chair"


def answers() -> list[Masks]:
    """The official ones: of this machine where it can run them, else the recorded ones."""
    if has_torchvision():
        with tempfile.TemporaryDirectory() as folder:
            return _official(*tiny_sam3.untaught(Path(folder)))
    with np.load(RECORD) as record, tempfile.TemporaryDirectory() as folder:
        assert str(record["weights"]) == tiny_sam.weights_digest(tiny_sam3.untaught(Path(folder))[0]), (
            "the tiny model differs from the recorded one: run test/support/sam3_parity.py where torchvision is"
        )
        return [_unpacked(record, k, size) for k, size in enumerate(SIZES)]


def ours(folder: Path) -> list[Masks]:
    """Our answers, with all instances whatever their score."""
    network = Sam3Network(*tiny_sam3.untaught(folder))
    made = []
    with torch.inference_mode():
        for k, size in enumerate(SIZES):
            features = network.features(network.patches(tiny_sam.picture(*size, seed=k))[None])
            (found,) = network.find(features, PHRASE)
            masks = network.restore(found.masks, size) > 0.5
            made.append(Masks(masks.numpy(), found.scores.numpy()))
    return made


def _official(model: torch.nn.Module, tokenizer: object) -> list[Masks]:
    from transformers import Sam3ImageProcessor, Sam3Processor

    side = {"height": tiny_sam3.SIDE, "width": tiny_sam3.SIDE}
    processor = Sam3Processor(Sam3ImageProcessor(size=side), tokenizer)
    made = []
    for k, size in enumerate(SIZES):
        inputs = processor(images=tiny_sam.picture(*size, seed=k), text=PHRASE, return_tensors="pt")
        sizes = inputs.pop("original_sizes").tolist()
        with torch.inference_mode():
            out = model(**inputs)
        (one,) = processor.post_process_instance_segmentation(out, threshold=0.0, target_sizes=sizes)
        made.append(Masks(one["masks"].bool().numpy(), one["scores"].numpy()))
    return made


def _unpacked(record: np.lib.npyio.NpzFile, k: int, size: tuple[int, int]) -> Masks:
    scores = record[f"scores{k}"]
    bits = np.unpackbits(record[f"masks{k}"], count=len(scores) * size[0] * size[1])
    return Masks(bits.reshape(len(scores), *size).astype(bool), scores)


if __name__ == "__main__":
    if not has_torchvision():
        sys.exit("torchvision cannot be imported: install the one that fits the installed torch")
    with tempfile.TemporaryDirectory() as made:
        digest = tiny_sam.weights_digest(tiny_sam3.untaught(Path(made))[0])
    fresh = answers()
    packed = {f"masks{k}": np.packbits(answer.masks) for k, answer in enumerate(fresh)}
    packed |= {f"scores{k}": answer.scores for k, answer in enumerate(fresh)}
    np.savez_compressed(RECORD, weights=np.array(digest), **packed)
