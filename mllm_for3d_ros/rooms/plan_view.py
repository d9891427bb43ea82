"""A scene from above, without its ceilings: every object outlined and labelled."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from mllm_for3d_ros.rooms.path import camera_pose
from mllm_for3d_ros.rooms.render import Renderer
from mllm_for3d_ros.rooms.room import Room
from mllm_for3d_ros.types import Intrinsics

_ALTITUDE = 40.0  # m: so high that walls hardly lean outwards
_BORDER = 0.3


def plan_view(room: Room, width: int = 1000, poses: np.ndarray | None = None) -> Image.Image:
    """North is up; labels are "instance class". ``poses`` [N, 4, 4] are drawn as the robot's path."""
    scale = width / (room.width + 2 * _BORDER)
    height = round(scale * (room.depth + 2 * _BORDER))
    focal = scale * _ALTITUDE
    camera = Intrinsics(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)
    pose = camera_pose(np.array([0.0, 0.0, _ALTITUDE]), np.pi / 2, np.pi / 2)
    view = Renderer(room, roof=False).render(pose, camera)
    picture = Image.fromarray(view.color)
    draw = ImageDraw.Draw(picture)

    def pixels(points: np.ndarray, z: float) -> list[tuple[float, float]]:
        zoom = focal / (_ALTITUDE - z)
        return [(float(camera.cx + zoom * x), float(camera.cy - zoom * y)) for x, y in points]

    if poses is not None:
        draw.line(pixels(poses[:, :2, 3], 0.0), fill=(255, 40, 40), width=2)
        for pose in poses:
            start = pose[:2, 3]
            draw.line(pixels(np.stack([start, start + 0.25 * pose[:2, 2]]), 0.0), fill=(40, 40, 255), width=2)
    for thing in room.labelled:
        draw.polygon(pixels(thing.footprint.corners, thing.footprint.high), outline=(255, 220, 0))
    for thing in room.labelled:
        middle = pixels(np.array([thing.footprint.center]), thing.footprint.high)[0]
        text = f"{thing.instance_id} {thing.class_name}"
        box = draw.textbbox(middle, text, anchor="mm")
        draw.rectangle(box, fill=(0, 0, 0))
        draw.text(middle, text, fill=(255, 255, 255), anchor="mm")
    return picture
