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
_TURNS_PER_ROOM = 1.3
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
    """[frames, 4, 4] float64 camera_to_world of a smooth tour that looks all around every room.

    In a single room the tour is closed; in an apartment it leads from room to room through the
    doorways. The camera is 1.0-1.6 m high, pitched 5-25 degrees down, never nearer than 0.3 m to
    furniture. Of several plans the one is taken that sees the labelled objects best and stares least at
    near walls.
    """
    renderer = renderer or Renderer(room)
    grid = _floor(room)
    best, best_score = np.empty((0, 4, 4)), -1.0
    for _ in range(_PLANS):
        plan = _plan(room, grid, frames, rng)
        score = _score(plan, room, renderer)
        if score > best_score:
            best, best_score = plan, score
    return best


def _floor(room: Room) -> FloorGrid:
    return robot_floor(room.width, room.depth, room.objects, room.solid)


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
    everywhere = _free_points(_floor(room))
    in_room = room.room_at(everywhere)
    views = []
    for _ in range(n):
        labelled = room.labelled
        if labelled and rng.random() < 0.75:
            classes = sorted({thing.class_name for thing in labelled})
            name = classes[int(rng.integers(len(classes)))]
            same = [thing for thing in labelled if thing.class_name == name]
            target = same[int(rng.integers(len(same)))]
            home = int(room.room_at(target.box.mean(0, keepdims=True)[:, :2])[0])
            points = everywhere[in_room == home] if (in_room == home).any() else everywhere
            views.append(_view_of(target.instance_id, target.box, points, renderer, rng))
        else:
            position = _standpoint(everywhere, rng)
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


def _plan(room: Room, grid: FloorGrid, frames: int, rng: np.random.Generator) -> np.ndarray:
    """One tour over the free floor during which the camera turns round twice, in an apartment more often."""
    xy = _tour(room, grid, frames, rng)
    time = np.arange(frames) / max(frames, 1)
    turns = float(rng.choice([-1.0, 1.0])) * max(_TURNS, _TURNS_PER_ROOM * len(room.rooms))
    bounds = np.array([one.bounds for one in room.rooms])[room.room_at(xy)]
    yaw = _turning(bounds, xy, rng.uniform(-np.pi, np.pi), turns)
    wave = np.sin(2 * np.pi * (rng.uniform(0.4, 0.6) * turns * time + rng.random()))
    pitch = np.radians(15.0 + 8.0 * wave)
    height = rng.uniform(1.1, 1.5) + 0.05 * np.sin(2 * np.pi * (time + rng.random()))
    poses = [camera_pose(np.array([*xy[i], height[i]]), yaw[i], pitch[i]) for i in range(frames)]
    return np.stack(poses) if poses else np.empty((0, 4, 4))


def _turning(bounds: np.ndarray, xy: np.ndarray, start: float, turns: float) -> np.ndarray:
    """[frames] yaw rad that turns round ``turns`` times, slowly over far views and fast past near walls.

    bounds: [frames, 4] m of the room that each point of ``xy`` [frames, 2] lies in.
    """

    def walk(speed: float) -> np.ndarray:
        yaw = np.empty(len(xy) + 1)
        yaw[0] = start
        for i, (x, y) in enumerate(xy):
            c, s = np.cos(yaw[i]), np.sin(yaw[i])
            wall_x, wall_y = bounds[i, 2 if c > 0 else 0], bounds[i, 3 if s > 0 else 1]
            reach = min(abs(wall_x - x) / max(abs(c), 1e-6), abs(wall_y - y) / max(abs(s), 1e-6))
            yaw[i + 1] = yaw[i] + np.sign(turns) * min(speed / min(max(reach, 0.8), 3.5), _FASTEST)
        return yaw

    low, high = 0.0, 4.0 * _FASTEST
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (middle, high) if abs(walk(middle)[-1] - start) < 2 * np.pi * abs(turns) else (low, middle)
    return walk(low)[:-1]


def _tour(room: Room, grid: FloorGrid, frames: int, rng: np.random.Generator) -> np.ndarray:
    """[frames, 2] m points of a path over the main free area, evenly spaced; closed in a single room."""
    cells = np.argwhere(grid.main) if grid.main.any() else np.argwhere(grid.distance == grid.distance.max())[:1]
    stops = _stops(room, grid, cells, rng)
    closed = len(room.rooms) == 1
    predecessors, rows = _shortest_paths(grid, cells, stops)
    track: list[int] = []
    for k in range(len(stops) if closed else len(stops) - 1):
        track += _trace(predecessors[k], int(stops[k]), int(stops[(k + 1) % len(stops)]))
    index = np.asarray(track or [int(stops[0])])
    return _resample(_smooth(grid, rows[index], closed), frames, closed)


def _stops(room: Room, grid: FloorGrid, cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of ``cells`` [C, 2] to visit, in order: some in each room, rooms in the order of their doorways."""
    home = room.room_at(grid.centers[tuple(cells.T)])
    fewest_most = (4, 7) if len(room.rooms) == 1 else (3, 5)
    stops: list[int] = []
    for index in _room_order(room):
        mine = np.flatnonzero(home == index)
        if len(mine):
            loop = mine[_spread(cells[mine], int(rng.integers(*fewest_most)), rng)]
            if stops:
                nearest = np.linalg.norm(cells[loop] - cells[stops[-1]], axis=1).argmin()
                loop = np.roll(loop, -int(nearest))
            stops += [int(one) for one in loop]
    return np.array(stops)


def _room_order(room: Room) -> list[int]:
    """Indices of the rooms from one end of the chain that the doorways make of them to the other."""
    joined: dict[int, list[int]] = {index: [] for index in range(len(room.rooms))}
    for doorway in room.doorways:
        a, b = doorway.rooms
        joined[a].append(b)
        joined[b].append(a)
    order = [min(joined, key=lambda index: len(joined[index]))]
    while len(order) < len(joined):
        order.append(next(index for index in joined[order[-1]] if index not in order))
    return order


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


def _smooth(grid: FloorGrid, track: np.ndarray, closed: bool) -> np.ndarray:
    """Round the corners of ``track`` [P, 2] m as far as the clearance allows."""
    dense = _resample(track, 400, closed)
    for sigma in (24.0, 16.0, 10.0, 6.0, 3.0):
        smooth = gaussian_filter1d(dense, sigma, axis=0, mode="wrap" if closed else "nearest")
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


def _resample(track: np.ndarray, count: int, closed: bool) -> np.ndarray:
    """[count, 2] points evenly spaced along the polyline ``track``, back to its start if ``closed``."""
    line = np.concatenate([track, track[:1]]) if closed else track
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.arange(count) / max(count if closed else count - 1, 1) * along[-1]
    return np.column_stack([np.interp(at, along, line[:, k]) for k in range(2)])
