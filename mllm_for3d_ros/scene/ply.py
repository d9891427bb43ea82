"""Clouds as binary PLY files, for any point cloud viewer."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_ply(path: Path, points: np.ndarray, colors: np.ndarray, **scalars: np.ndarray) -> None:
    """Write ``ply_bytes`` of the cloud to ``path``; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(ply_bytes(points, colors, **scalars))


def ply_bytes(points: np.ndarray, colors: np.ndarray, **scalars: np.ndarray) -> bytes:
    """A binary little-endian PLY.

    Args:
        points: [N, 3] float32 m.
        colors: [N, 3] uint8.
        **scalars: further [N] float32 properties by name, such as ``probability``.
    """
    fields = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")]
    fields += [(name, "<f4") for name in scalars]
    rows = np.empty(len(points), dtype=fields)
    for column, name in enumerate("xyz"):
        rows[name] = points[:, column]
    for column, name in enumerate(("red", "green", "blue")):
        rows[name] = colors[:, column]
    for name, values in scalars.items():
        rows[name] = values
    kinds = {"<f4": "float", "u1": "uchar"}
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(rows)}"]
    header += [f"property {kinds[kind]} {name}" for name, kind in fields]
    return "\n".join([*header, "end_header", ""]).encode("ascii") + rows.tobytes()
