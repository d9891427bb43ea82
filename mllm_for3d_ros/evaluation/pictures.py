"""Pictures of a fused map and of the masks in it, as PNG, without GPU or display."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mllm_for3d_ros.evaluation.splat import Drawing, Viewpoint, draw, facing, fit_view, subset, tidied, visible
from mllm_for3d_ros.types import Instance, SceneCloud

WIDTH, HEIGHT = 1280, 960
HEADER, FOOTER, SIDE = 60, 16, 430
HIGHLIGHT = np.array([255.0, 84.0, 0.0], np.float32)
PAPER, INK, FAINT = (247, 247, 245), (28, 30, 34), (110, 112, 118)
GROUND, BOX = (52, 56, 64), (64, 196, 255)
ELEVATION = math.radians(46)
AZIMUTHS = 12
_SMOOTH = 2  # drawn this many times larger, then shrunk
_LISTED = 12


def render_map(
    cloud: SceneCloud,
    path: Path,
    mask: np.ndarray | None = None,
    title: str = "",
    boxes: Sequence[Instance] = (),
    note: str = "",
) -> None:
    """Write a picture of the map: obliquely from above into the room, and straight from above beside it.

    Args:
        cloud: the map; may be empty.
        path: PNG to write; its folder is made.
        mask: [N] bool, voxels to highlight.
        title: headline.
        boxes: instances to outline and list.
        note: a second, smaller line below the headline.

    Raises:
        ValueError: the mask does not fit the cloud.
    """
    if mask is not None and mask.shape != (len(cloud),):
        raise ValueError(f"mask must have {len(cloud)} entries like the cloud, got {mask.shape}")
    sheet = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((18, 8), _fitted(title, WIDTH - 36, 26), INK, _font(26))
    pen.text((18, 38), _fitted(note, WIDTH - 36, 15), FAINT, _font(15))
    main = (WIDTH - SIDE - 24, HEIGHT - HEADER - FOOTER)
    if len(cloud):
        drawn, shown = _tidied(cloud, mask)
        azimuth = choose_azimuth(drawn, shown)
        sheet.paste(_panel(drawn, shown, boxes, _fitted_view(drawn, azimuth, ELEVATION, main)), (8, HEADER))
        above = _view_from_above(drawn, azimuth, (SIDE, SIDE + 20))
        sheet.paste(_panel(drawn, shown, boxes, above), (WIDTH - SIDE - 8, HEADER))
    _legend(pen, (WIDTH - SIDE - 8, HEADER + SIDE + 34), cloud, mask, boxes)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def render_grid(pictures: Sequence[Path], path: Path, columns: int = 3, width: int = 640, title: str = "") -> None:
    """Write a contact sheet of pictures, row by row, each ``width`` pixels wide.

    Raises:
        ValueError: there are no pictures, or fewer than one column.
    """
    if not pictures or columns < 1:
        raise ValueError("a contact sheet needs at least one picture and one column")
    tiles = [_shrunk(Image.open(picture).convert("RGB"), width) for picture in pictures]
    paste_grid(tiles, path, columns, title)


def paste_grid(tiles: Sequence[Image.Image], path: Path, columns: int, title: str = "") -> None:
    """Write images of one size as a contact sheet; see ``render_grid``."""
    gap, top = 8, 44 if title else 8
    width, height = tiles[0].width, max(tile.height for tile in tiles)
    columns = min(columns, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    sheet = Image.new("RGB", (gap + columns * (width + gap), top + rows * (height + gap)), PAPER)
    ImageDraw.Draw(sheet).text((gap + 4, 8), _fitted(title, sheet.width - 16, 24), INK, _font(24))
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        sheet.paste(tile, (gap + column * (width + gap), top + row * (height + gap)))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def choose_azimuth(cloud: SceneCloud, mask: np.ndarray | None = None) -> float:
    """Direction in rad to look from: much of the map is seen, and large, unless the mask is then mostly hidden."""
    candidates = [2 * math.pi * k / AZIMUTHS for k in range(AZIMUTHS)]
    views = [_fitted_view(cloud, azimuth, ELEVATION, (100, 106)) for azimuth in candidates]
    seen = [visible(cloud, view) for view in views]
    focal = np.array([view.focal for view in views])
    best = int(np.argmax([shown.mean() for shown in seen] * np.sqrt(focal)))
    if mask is not None and mask.any():
        shown = np.array([view[mask].mean() for view in seen])
        if shown[best] < 0.6 * shown.max():
            best = int(shown.argmax())
    return candidates[best]


def _tidied(cloud: SceneCloud, mask: np.ndarray | None) -> tuple[SceneCloud, np.ndarray | None]:
    """Cloud and mask without stray voxels, but never without a voxel of the mask."""
    calm, kept = tidied(cloud)
    if mask is None:
        return subset(calm, kept), None
    kept = kept | mask
    return subset(calm, kept), mask[kept]


def _fitted_view(cloud: SceneCloud, azimuth: float, elevation: float, size: tuple[int, int]) -> Viewpoint:
    """A view, at the drawing scale, that holds what is drawn of the cloud."""
    large = (size[0] * _SMOOTH, size[1] * _SMOOTH)
    kept = facing(cloud, fit_view(cloud.points, azimuth, elevation, large))
    return fit_view(cloud.points[kept] if kept.any() else cloud.points, azimuth, elevation, large)


def _view_from_above(cloud: SceneCloud, azimuth: float, size: tuple[int, int]) -> Viewpoint:
    """The view from straight above, turned near to ``azimuth`` as the panel is filled best."""
    turns = azimuth + np.radians(np.arange(-45, 46, 5))
    views = [_fitted_view(cloud, float(turn), math.pi / 2, size) for turn in turns]
    return max(views, key=lambda view: view.focal)


def _panel(cloud: SceneCloud, mask: np.ndarray | None, boxes: Sequence[Instance], view: Viewpoint) -> Image.Image:
    """One view of the map with outlined boxes."""
    share = np.zeros(len(cloud), np.float32) if mask is None else mask.astype(np.float32)
    drawing = draw(cloud, _shaded(cloud, view), share, view)
    image = Image.fromarray(_compose(drawing, faded=mask is not None))
    for number, box in enumerate(boxes, start=1):
        _outline(image, box, number, view)
    return _shrunk(image, view.width // _SMOOTH)


def _shaded(cloud: SceneCloud, view: Viewpoint) -> np.ndarray:
    """[N, 3] float32 colours under a soft light from behind and above the viewer."""
    light = -view.camera_from_world[2, :3] + 0.6 * view.camera_from_world[0, :3] + np.array([0, 0, 0.8])
    light = (light / np.linalg.norm(light)).astype(np.float32)
    known = (cloud.normals != 0).any(1)
    lambert = np.where(known, np.clip(cloud.normals @ light, 0, 1), 0.7).astype(np.float32)
    return cloud.colors.astype(np.float32) * (0.62 + 0.43 * lambert)[:, None]


def _compose(drawing: Drawing, faded: bool) -> np.ndarray:
    """[H, W, 3] uint8: colours with the mask blended in, dark seams at depth steps, paper elsewhere."""
    color = drawing.color
    if faded:
        grey = color @ np.array([0.3, 0.59, 0.11], np.float32)
        color = 0.55 * grey[..., None] + 0.45 * color
        color = 0.8 * color + 0.2 * 235
    share = np.clip(drawing.share, 0, 1)[..., None]
    bright = 0.75 + 0.35 * drawing.color.mean(-1, keepdims=True) / 255
    color = (1 - share) * color + share * np.clip(0.85 * HIGHLIGHT * bright + 0.15 * drawing.color, 0, 255)
    color = color * _seams(drawing.depth)[..., None]
    empty = np.isinf(drawing.depth)
    color[empty] = GROUND
    return np.clip(color, 0, 255).astype(np.uint8)


def _seams(depth: np.ndarray) -> np.ndarray:
    """[H, W] float32 0..1: darker where a pixel lies behind its neighbours (eye-dome lighting)."""
    filled = np.where(np.isinf(depth), np.nanmax(np.where(np.isinf(depth), 0, depth)) + 1, depth)
    padded = np.pad(np.log2(filled), 3, mode="edge")
    total = np.zeros_like(depth)
    h, w = depth.shape
    for dy, dx in ((-3, 0), (3, 0), (0, -3), (0, 3), (-2, -2), (-2, 2), (2, -2), (2, 2)):
        total += np.clip(np.log2(filled) - padded[3 + dy : 3 + dy + h, 3 + dx : 3 + dx + w], 0, 0.05)
    return np.maximum(np.exp(-4.0 * total), 0.45).astype(np.float32)


def _outline(image: Image.Image, box: Instance, number: int, view: Viewpoint) -> None:
    """Draw the twelve edges of a box and its number."""
    pen = ImageDraw.Draw(image)
    pixels, depth = view.project(box_corners(box))
    if (depth <= 0).any():
        return
    for a in range(8):
        for bit in (1, 2, 4):
            if not a & bit:
                pen.line([tuple(pixels[a]), tuple(pixels[a | bit])], BOX, width=2 * _SMOOTH)
    top = pixels[pixels[:, 1].argmin()]
    pen.text(
        (top[0], top[1] - 4), str(number), BOX, _font(20 * _SMOOTH), anchor="mb", stroke_width=4, stroke_fill=GROUND
    )


def box_corners(box: Instance) -> np.ndarray:
    """[8, 3] m corners; bit 0, 1, 2 of the row number choose the side along x, y, z of the box."""
    signs = np.array([[(k >> b & 1) - 0.5 for b in range(3)] for k in range(8)])
    local = signs * box.size
    c, s = math.cos(box.yaw), math.sin(box.yaw)
    return local @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]).T + box.center


def _legend(
    pen: ImageDraw.ImageDraw,
    place: tuple[int, int],
    cloud: SceneCloud,
    mask: np.ndarray | None,
    boxes: Sequence[Instance],
) -> None:
    """What the colours mean, how large the map is, and the list of instances."""
    x, y = place
    extent = np.quantile(cloud.points, [0.005, 0.995], axis=0) if len(cloud) else np.zeros((2, 3))
    size = " x ".join(f"{side:.1f}" for side in extent[1] - extent[0])
    pen.text((x, y), f"map: {len(cloud):,} voxels of {cloud.voxel_size * 100:g} cm, {size} m", INK, _font(16))
    if mask is not None:
        y += 28
        pen.rectangle((x, y + 2, x + 26, y + 16), fill=tuple(int(c) for c in HIGHLIGHT))
        pen.text((x + 36, y), f"answer: {int(mask.sum()):,} voxels", INK, _font(16))
    if boxes:
        y += 28
        pen.rectangle((x, y + 2, x + 26, y + 16), outline=BOX, width=2)
        pen.text(
            (x + 36, y), f"{len(boxes)} instance{'s' if len(boxes) > 1 else ''}: centre, size in m", INK, _font(16)
        )
    for number, box in enumerate(boxes[:_LISTED], start=1):
        y += 24
        center, sides = (", ".join(f"{v:.2f}" for v in box.center), " x ".join(f"{v:.2f}" for v in box.size))
        pen.text((x + 36, y), f"{number}:  ({center})   {sides}   {box.score:.2f}", FAINT, _font(14))


def _shrunk(image: Image.Image, width: int) -> Image.Image:
    return image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _fitted(text: str, width: int, size: int) -> str:
    """The text, cut with an ellipsis where it is longer than ``width`` pixels."""
    font = _font(size)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
