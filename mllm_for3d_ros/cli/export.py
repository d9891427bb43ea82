"""``mllm-for3d export``: labels in the layouts that other tools read."""

from __future__ import annotations

import argparse
from pathlib import Path

FORMATS = ("reason3d", "instruct3d", "ply", "coco")
HELP = """Write label stores in another layout. DIR gets

  reason3d    reason3d/reason3d_SPLIT.json and scannetv2/SPLIT/<scene>_reason.pth
  instruct3d  instruct3D_SPLIT.json and data/<scene>/scans/ as of ScanNet++
  ply         <scene>/<id>.ply, the map with probability and confidence, a file a label
  coco        annotations/SPLIT.json with the masks of the views as run lengths, and images/

Masks are cut at one half. Where masks overlap, object_id lists the pieces that make one up. See docs/labeling.md."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("stores", nargs="+", type=Path, metavar="PATH", help="label stores, or folders of them")
    parser.add_argument("--format", required=True, choices=FORMATS, help="see above")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument("--split", default="train", choices=("train", "val"), help="name of the split")


def run(args: argparse.Namespace) -> int:
    """Write all stores."""
    from mllm_for3d_ros.errors import LabelStoreError
    from mllm_for3d_ros.labeling.exports import LAYOUTS, find_stores

    stores = find_stores(args.stores)
    try:
        count = LAYOUTS[args.format](stores, args.out, args.split)
    except OSError as cause:
        raise LabelStoreError(f"the labels cannot be written to {args.out} ({cause}); give another folder") from cause
    print(f"{count} annotations of {len(stores)} scenes in {args.out}")
    return 0
