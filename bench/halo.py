"""How much of a map does a change reach? Voxels to compute again, by size of the map and receptive field.

    python -m bench.halo [--plot docs/images/halo.png]

The flats and the change (3 x 3 m seen again) are those of ``bench.answer``. Three ways: with every layer's values
kept (what ``student.memory`` does), outputs within the receptive field of the change are computed; with nothing kept,
the inputs of those are needed too, and all between is computed; and the first way with a network that lacks its
coarsest level.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.answer import flat
from bench.report import report
from mllm_for3d_ros.student.key_table import BIAS, unpack
from mllm_for3d_ros.student.network import SparseUNet
from mllm_for3d_ros.student.program import compile_unet
from mllm_for3d_ros.student.receptive_field import receptive_field
from mllm_for3d_ros.student.voxels import STUDENT_VOXEL

ROOMS_WIDE = (1, 2, 3, 4, 5)
HALF_VIEW = 1.5
LABELS = {
    "not_kept": "nothing kept: 2.55 m\nand the inputs of that",
    "kept": "layers kept: 2.55 m",
    "kept_3_levels": "without the 40 cm level:\n1.15 m",
}
SHIFTS = (-12, 0, 14)
"""Pixels that labels are moved down, off one another."""
COLORS = ((200, 80, 60), (30, 90, 180), (60, 150, 80))


def reaches() -> dict[str, float]:
    """Metres from a change to the last voxel that is computed again, by name of the way."""
    unet = SparseUNet()
    full = receptive_field(compile_unet(unet)).reach * STUDENT_VOXEL
    for name in ("down", "encoders", "up", "decoders"):
        setattr(unet, name, getattr(unet, name)[:-1])
    small = receptive_field(compile_unet(unet)).reach * STUDENT_VOXEL
    return {"kept": full, "not_kept": 2 * full, "kept_3_levels": small}


def measure() -> dict[str, float]:
    """Student voxels of each map, and those that each way computes after the change."""
    results = {f"reach_m_{name}": reach for name, reach in reaches().items()}
    for wide in ROOMS_WIDE:
        cloud = flat(0, rooms_wide=wide)
        keys = np.floor(cloud.points / STUDENT_VOXEL).astype(np.int64) + BIAS
        cells = unpack(np.unique((keys[:, 0] << 42) | (keys[:, 1] << 21) | keys[:, 2]))
        distance = np.abs((cells[:, :2] + 0.5) * STUDENT_VOXEL).max(1) - HALF_VIEW
        results |= {f"map_voxels_{wide}": float(len(cloud)), f"voxels_{wide}": float(len(cells))}
        results |= {f"computed_{name}_{wide}": float((distance <= r).sum()) for name, r in reaches().items()}
    return results


def plot(results: dict[str, float], path: Path) -> None:
    """Draw the shares of the map that are computed again, as a PNG."""
    sheet = Image.new("RGB", (760, 380), "white")
    pen, small, large = ImageDraw.Draw(sheet), ImageFont.load_default(12), ImageFont.load_default(14)
    left, top, right, bottom = 60, 46, 540, 330
    sizes = [results[f"map_voxels_{wide}"] for wide in ROOMS_WIDE]

    def place(size: float, share: float) -> tuple[float, float]:
        across = np.log(size / sizes[0]) / np.log(sizes[-1] / sizes[0])
        return left + across * (right - left), bottom - share * (bottom - top)

    pen.text((left, 14), "A view of 3 x 3 m changed: student voxels to compute, % of the map", "black", large)
    for percent in range(0, 101, 25):
        y = place(sizes[0], percent / 100)[1]
        pen.line([(left, y), (right, y)], (225, 225, 225))
        pen.text((left - 8, y), f"{percent}", (120, 120, 120), small, anchor="rm")
    for size in sizes:
        pen.text((place(size, 0)[0], bottom + 10), f"{size / 1000:.0f}k", (120, 120, 120), small, anchor="mt")
    pen.text(((left + right) / 2, bottom + 30), "voxels of the map (2.5 cm)", (120, 120, 120), small, anchor="mt")
    for (name, label), color, shift in zip(LABELS.items(), COLORS, SHIFTS, strict=True):
        shares = [results[f"computed_{name}_{wide}"] / results[f"voxels_{wide}"] for wide in ROOMS_WIDE]
        line = [place(size, share) for size, share in zip(sizes, shares, strict=True)]
        pen.line(line, color, 3)
        for x, y in line:
            pen.ellipse((x - 4, y - 4, x + 4, y + 4), color)
        pen.multiline_text((right + 24, line[-1][1] + shift), label, color, small, anchor="lm")
    sheet.save(path)


def main() -> None:
    """Print the figures, and draw them where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", type=Path, help="write a PNG there ")
    arguments = parser.parse_args()
    results = measure()
    if arguments.plot:
        plot(results, arguments.plot)
    report("halo", results)


if __name__ == "__main__":
    main()
