"""Camera paths: a robot's tour of a room, and scattered viewpoints for training."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from mllm_for3d_ros.rooms.arrange import robot_floor
from mllm_for3d_ros.rooms.placement import ROBOT_CLEARANCE, FloorGrid
from mllm_for3d_ros.rooms.render import Renderer
from mllm_for3d_ros.rooms.room import Room
from mllm_for3d_ros.types import Intrinsics

SCOUT = Intrinsics(64, 48, 55.4, 55.4, 31.5, 23.5)
MAX_DEPTH = 4.5
WELL_SEEN = 0.0025  # share of the image's pixels
_PLANS = 8
_TURNS = 2.0
_FASTEST = np.radians(26)


def camera_pose(position: np.ndarray, yaw: float, pitch: float) -> np.ndarray:
    """[4, 4] float64 camera_to_world: optical axes, looking along ``yaw`` rad, ``pitch`` rad downwards."""
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2] = right, np.cross(forward, right), forward
    pose[:3, 3] = position
    return pose


def robot_path(room: Room, frames: int, rng: np.random.Generator, renderer: Renderer | None = None) -> np.ndarray:
    """[frames, 4, 4] float64 camera_to_world of a smooth closed tour that looks all around the room.

    The camera is 1.0-1.6 m high, pitched 5-25 degrees down, never nearer than 0.3 m to furniture. Of
    several plans the one is taken that sees the labelled objects best and stares least at near walls.
    """
    renderer = renderer or Renderer(room)
    grid = robot_floor(room.width, room.depth, room.objects)
    best, best_score = np.empty((0, 4, 4)), -1.0
    for _ in range(_PLANS):
        plan = _plan(grid, frames, rng)
        score = _score(plan, room, renderer)
        if score > best_score:
            best, best_score = plan, score
    return best


def seen_well(poses: np.ndarray, renderer: Renderer) -> dict[int, int]:
    """How many of ``poses`` see each instance well: large enough in the image and within 4.5 m."""
    counts: dict[int, int] = {}
    for pose in poses:
        _count_seen(*renderer.instances(pose, SCOUT), counts)
    return counts


def _count_seen(instance: np.ndarray, depth: np.ndarray, counts: dict[int, int]) -> None:
    ids, pixels = np.unique(instance[depth < MAX_DEPTH], return_counts=True)
    for one in ids[pixels >= WELL_SEEN * instance.size]:
        counts[int(one)] = counts.get(int(one), 0) + 1


def random_views(room: Room, n: int, rng: np.random.Generator, renderer: Renderer | None = None) -> np.ndarray:
    """[n, 4, 4] float64 diverse viewpoints from the free floor; three of four look at a random object."""
    renderer = renderer or Renderer(room)
    points = _free_points(robot_floor(room.width, room.depth, room.objects))
    views = []
    for _ in range(n):
        labelled = room.labelled
        if labelled and rng.random() < 0.75:
            classes = sorted({thing.class_name for thing in labelled})
            name = classes[int(rng.integers(len(classes)))]
            same = [thing for thing in labelled if thing.class_name == name]
            target = same[int(rng.integers(len(same)))]
            views.append(_view_of(target.instance_id, target.box, points, renderer, rng))
        else:
            position = _standpoint(points, rng)
            views.append(camera_pose(position, rng.uniform(-np.pi, np.pi), np.radians(rng.uniform(0, 25))))
    return np.stack(views) if views else np.empty((0, 4, 4))


def _view_of(
    instance_id: int, box: np.ndarray, points: np.ndarray, renderer: Renderer, rng: np.random.Generator
) -> np.ndarray:
    """A view in which the object shows well; the best of eight tries."""
    best, most = np.eye(4), -1
    for _ in range(8):
        position = _standpoint(points, rng)
        aim = rng.uniform(box[0], box[1]) - position
        flat = max(float(np.hypot(aim[0], aim[1])), 0.1)
        yaw = float(np.arctan2(aim[1], aim[0]) + rng.normal(0.0, 0.15))
        pitch = float(np.clip(np.arctan2(-aim[2], flat) + rng.normal(0.0, 0.1), np.radians(-15), np.radians(40)))
        pose = camera_pose(position, yaw, pitch)
        instance, depth = renderer.instances(pose, SCOUT)
        pixels = int(((instance == instance_id) & (depth < MAX_DEPTH)).sum())
        if pixels > most:
            best, most = pose, pixels
        if pixels >= 4 * WELL_SEEN * instance.size:
            break
    return best


def _standpoint(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    xy = points[int(rng.integers(len(points)))] + rng.uniform(-0.04, 0.04, 2)
    return np.array([xy[0], xy[1], rng.uniform(0.9, 1.7)])


def _free_points(grid: FloorGrid) -> np.ndarray:
    """[P, 2] m cells on which the robot may stand; the clearest one if it fits nowhere."""
    if grid.main.any():
        return grid.centers[grid.main]
    return grid.centers.reshape(-1, 2)[[int(grid.distance.argmax())]]


def _score(poses: np.ndarray, room: Room, renderer: Renderer) -> float:
    """Share of the labelled objects that three poses see well, and a little for open views."""
    counts: dict[int, int] = {}
    open_views = 0.0
    for pose in poses:
        instance, depth = renderer.instances(pose, SCOUT)
        _count_seen(instance, depth, counts)
        open_views += min(float(np.median(depth)), 2.5) / 2.5
    labelled = room.labelled
    seen = sum(counts.get(thing.instance_id, 0) >= 3 for thing in labelled)
    return seen / max(len(labelled), 1) + 0.5 * open_views / max(len(poses), 1)


def _plan(grid: FloorGrid, frames: int, rng: np.random.Generator) -> np.ndarray:
    """One tour: a loop over the free floor during which the camera turns round twice."""
    xy = _loop(grid, frames, rng)
    time = np.arange(frames) / max(frames, 1)
    turns = float(rng.choice([-_TURNS, _TURNS]))
    yaw = _turning(grid, xy, rng.uniform(-np.pi, np.pi), turns)
    wave = np.sin(2 * np.pi * (rng.uniform(0.4, 0.6) * turns * time + rng.random()))
    pitch = np.radians(15.0 + 8.0 * wave)
    height = rng.uniform(1.1, 1.5) + 0.05 * np.sin(2 * np.pi * (time + rng.random()))
    poses = [camera_pose(np.array([*xy[i], height[i]]), yaw[i], pitch[i]) for i in range(frames)]
    return np.stack(poses) if poses else np.empty((0, 4, 4))


def _turning(grid: FloorGrid, xy: np.ndarray, start: float, turns: float) -> np.ndarray:
    """[frames] yaw rad that turns round ``turns`` times, slowly over far views and fast past near walls."""
    corner = grid.centers[-1, -1]

    def walk(speed: float) -> np.ndarray:
        yaw = np.empty(len(xy) + 1)
        yaw[0] = start
        for i, (x, y) in enumerate(xy):
            c, s = np.cos(yaw[i]), np.sin(yaw[i])
            reach = min(
                (corner[0] - np.sign(c) * x) / max(abs(c), 1e-6), (corner[1] - np.sign(s) * y) / max(abs(s), 1e-6)
            )
            yaw[i + 1] = yaw[i] + np.sign(turns) * min(speed / min(max(reach, 0.8), 3.5), _FASTEST)
        return yaw

    low, high = 0.0, 4.0 * _FASTEST
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (middle, high) if abs(walk(middle)[-1] - start) < 2 * np.pi * abs(turns) else (low, middle)
    return walk(low)[:-1]


def _loop(grid: FloorGrid, frames: int, rng: np.random.Generator) -> np.ndarray:
    """[frames, 2] m points of a closed path over the main free area, evenly spaced."""
    cells = np.argwhere(grid.main) if grid.main.any() else np.argwhere(grid.distance == grid.distance.max())[:1]
    stops = _spread(cells, int(rng.integers(4, 7)), rng)
    predecessors, rows = _shortest_paths(grid, cells, stops)
    track: list[int] = []
    for k, stop in enumerate(stops):
        track += _trace(predecessors[k], int(stop), int(stops[(k + 1) % len(stops)]))
    index = np.asarray(track or [int(stops[0])])
    return _resample(_smooth(grid, rows[index]), frames)


def _spread(cells: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of ``count`` cells far from one another, in the order of a tour around their centre."""
    chosen = [int(rng.integers(len(cells)))]
    nearest = np.full(len(cells), np.inf)
    for _ in range(min(count, len(cells))):
        nearest = np.minimum(nearest, np.linalg.norm(cells - cells[chosen[-1]], axis=1))
        chosen.append(int(nearest.argmax()))
    stops = np.unique(chosen[1:])
    offset = cells[stops] - cells[stops].mean(0)
    return stops[np.argsort(np.arctan2(offset[:, 0], offset[:, 1]))]


def _shortest_paths(grid: FloorGrid, cells: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dijkstra predecessors [S, C] from each stop over the cells, and the cells' positions [C, 2] m."""
    number = np.full(grid.main.shape, -1)
    number[tuple(cells.T)] = np.arange(len(cells))
    padded = np.pad(number, 1, constant_values=-1)
    clear = grid.distance[tuple(cells.T)]
    starts, ends, costs = [], [], []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        other = padded[cells[:, 0] + 1 + dy, cells[:, 1] + 1 + dx]
        here = np.flatnonzero(other >= 0)
        starts.append(here)
        ends.append(other[here])
        costs.append(np.hypot(dy, dx) * (1.0 + 0.3 / clear[here]))
    graph = coo_matrix(
        (np.concatenate(costs), (np.concatenate(starts), np.concatenate(ends))), shape=(len(cells), len(cells))
    )
    _, predecessors = dijkstra(graph.tocsr(), directed=False, indices=stops, return_predecessors=True)
    return predecessors, grid.centers[tuple(cells.T)]


def _trace(predecessors: np.ndarray, start: int, end: int) -> list[int]:
    """Cells from ``start`` (included) to ``end`` (left out)."""
    backwards = []
    at = end
    while at != start:
        at = int(predecessors[at])
        backwards.append(at)
    return backwards[::-1]


def _smooth(grid: FloorGrid, track: np.ndarray) -> np.ndarray:
    """Round the corners of the closed ``track`` [P, 2] m as far as the clearance allows."""
    dense = _resample(track, 400)
    for sigma in (24.0, 16.0, 10.0, 6.0, 3.0):
        smooth = gaussian_filter1d(dense, sigma, axis=0, mode="wrap")
        if _clearances(grid, smooth).min() >= ROBOT_CLEARANCE + 0.05:
            return smooth
    return dense


def _clearances(grid: FloorGrid, points: np.ndarray) -> np.ndarray:
    """[P] m distance to the nearest obstacle, a lower bound from the cell that each point lies in."""
    cell = grid.centers[0, 1, 0] - grid.centers[0, 0, 0]
    index = np.rint((points - grid.centers[0, 0]) / cell).astype(int)
    index = np.clip(index, 0, np.array(grid.distance.shape[::-1]) - 1)
    away = np.linalg.norm(points - grid.centers[index[:, 1], index[:, 0]], axis=1)
    return grid.distance[index[:, 1], index[:, 0]] - away


def _resample(track: np.ndarray, count: int) -> np.ndarray:
    """[count, 2] points evenly spaced along the closed polyline ``track``."""
    closed = np.concatenate([track, track[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    at = np.arange(count) / max(count, 1) * along[-1]
    return np.column_stack([np.interp(at, along, closed[:, k]) for k in range(2)])
