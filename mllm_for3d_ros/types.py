"""The nouns of the package: frozen dataclasses, shapes and units stated and checked on construction.

Conventions: metres, seconds or nanoseconds as the name says; camera axes are optical (REP-103:
x right, y down, z forward); the map frame is z up (REP-105); ``camera_to_world`` maps camera
points to the map frame; colours are RGB, 8 bit.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

import numpy as np


def check_array(name: str, array: np.ndarray, shape: tuple[int | None, ...], dtype: type) -> None:
    """Raise ValueError unless ``array`` has ``shape`` (None matches any length) and ``dtype``."""
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name} must be a numpy array, got {type(array).__name__}")
    fits = array.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, array.shape, strict=True))
    if not fits:
        wanted = "x".join("*" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} must have shape {wanted}, got {'x'.join(map(str, array.shape))}")
    if array.dtype != np.dtype(dtype):
        raise ValueError(f"{name} must be {np.dtype(dtype)}, got {array.dtype}")


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole camera without distortion: image size in pixels, focal lengths and centre in pixels."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0 or self.fx <= 0 or self.fy <= 0:
            raise ValueError(f"camera size and focal lengths must be positive, got {self}")

    def resized(self, width: int, height: int) -> Intrinsics:
        """The same camera with images of another size (pixel centres at integer coordinates)."""
        sx, sy = width / self.width, height / self.height
        return Intrinsics(
            width, height, self.fx * sx, self.fy * sy, (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5
        )

    @property
    def matrix(self) -> np.ndarray:
        """K, [3, 3] float64."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1.0]])


@dataclass(frozen=True)
class Frame:
    """One posed RGB-D view.

    color: [H, W, 3] uint8 RGB. depth: [H, W] float32 metres along z, 0 where invalid (never NaN).
    camera_to_world: [4, 4] float64 rigid transform. stamp_ns: time of the image.
    """

    stamp_ns: int
    color: np.ndarray
    depth: np.ndarray
    intrinsics: Intrinsics
    camera_to_world: np.ndarray

    def __post_init__(self) -> None:
        h, w = self.intrinsics.height, self.intrinsics.width
        check_array("color", self.color, (h, w, 3), np.uint8)
        check_array("depth", self.depth, (h, w), np.float32)
        check_array("camera_to_world", self.camera_to_world, (4, 4), np.float64)
        rotation = self.camera_to_world[:3, :3]
        if not np.isfinite(self.camera_to_world).all() or np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-3:
            raise ValueError("camera_to_world must be a finite rigid transform (rotation is not orthonormal)")


@dataclass(frozen=True)
class SceneCloud:
    """A snapshot of the voxel map: one row per occupied voxel.

    points: [N, 3] float32 m, map frame; colors: [N, 3] uint8; normals: [N, 3] float32 unit or zero
    where unknown; weights: [N] float32 sum of observation weights; last_seen_ns: [N] int64.
    version grows with every change of the map; epoch changes when the map is reset or loaded.
    """

    points: np.ndarray
    colors: np.ndarray
    normals: np.ndarray
    weights: np.ndarray
    last_seen_ns: np.ndarray
    voxel_size: float
    frame_id: str = "map"
    version: int = 0
    epoch: str = ""

    def __post_init__(self) -> None:
        check_array("points", self.points, (None, 3), np.float32)
        n = len(self.points)
        check_array("colors", self.colors, (n, 3), np.uint8)
        check_array("normals", self.normals, (n, 3), np.float32)
        check_array("weights", self.weights, (n,), np.float32)
        check_array("last_seen_ns", self.last_seen_ns, (n,), np.int64)
        if self.voxel_size <= 0:
            raise ValueError(f"voxel_size must be positive, got {self.voxel_size}")

    def __len__(self) -> int:
        return len(self.points)


@dataclass(frozen=True)
class ViewAnswer:
    """What a 2D teacher says of one view: a mask, a token and a score, or an abstention with its reason.

    mask: [H, W] float32 probability in 0..1, at the frame's size. token: [D] float32 or None.
    score: confidence in 0..1 (alpha_i of the paper). features: [C, h, w] float32 image features of the
    view, the same for every instruction, or None. abstained: None, or why there is no answer (then the
    mask is 0 everywhere).
    """

    mask: np.ndarray
    token: np.ndarray | None
    score: float
    features: np.ndarray | None = None
    abstained: str | None = None

    def __post_init__(self) -> None:
        check_array("mask", self.mask, (None, None), np.float32)
        if self.token is not None:
            check_array("token", self.token, (None,), np.float32)
        if self.features is not None:
            check_array("features", self.features, (None, None, None), np.float32)
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"score must lie in 0..1, got {self.score}")


@dataclass(frozen=True)
class PseudoLabel:
    """The lifted answer to one instruction over one scene: soft 3D labels without 3D annotation.

    probability: [N] float32 in 0..1, NaN where unknown (no view saw the voxel). confidence: [N] float32
    in 0..1, how far to trust the probability, 0 where unknown. query: [D] float32 unified query token q,
    or None if every view abstained. view_weights: [V] float32 omega of each view, sums to 1 or all 0.
    dropped: [V] why a view has no weight, None where it has. presence: 0..1, how sure the views are that
    the target is there at all.
    """

    instruction: str
    probability: np.ndarray
    confidence: np.ndarray
    query: np.ndarray | None
    view_weights: np.ndarray
    dropped: tuple[str | None, ...]
    presence: float

    def __post_init__(self) -> None:
        check_array("probability", self.probability, (None,), np.float32)
        check_array("confidence", self.confidence, (len(self.probability),), np.float32)
        check_array("view_weights", self.view_weights, (None,), np.float32)
        if len(self.dropped) != len(self.view_weights):
            raise ValueError(f"dropped must say something of each of {len(self.view_weights)} views")
        if not 0.0 <= self.presence <= 1.0:
            raise ValueError(f"presence must lie in 0..1, got {self.presence}")


@dataclass(frozen=True)
class Instance:
    """One object of an answer.

    indices: [M] int64 rows of the SceneCloud. center [3] m; yaw rad about z; size [3] m full extents
    along the box axes (x the longest horizontal side). score: mean probability of its voxels.
    """

    indices: np.ndarray
    center: np.ndarray
    yaw: float
    size: np.ndarray
    score: float
    label: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        check_array("indices", self.indices, (None,), np.int64)
        check_array("center", self.center, (3,), np.float64)
        check_array("size", self.size, (3,), np.float64)


class Status(enum.IntEnum):
    """Outcome of an instruction; the numbers are those of msg/ReasoningMask.msg."""

    UNSET = 0
    OK = 1
    NO_TARGET = 2
    NOT_OBSERVED = 3
    NOT_READY = 4
    REJECTED = 5
    CANCELLED = 6
    TIMEOUT = 7
    ERROR = 8


@dataclass(frozen=True)
class Mask3D:
    """The answer to an instruction on a SceneCloud.

    probability: [N] float32 in 0..1 per row of the cloud; mask: [N] bool, the chosen voxels (all
    False unless status is OK); presence: 0..1 that the target is there; score: mean probability in
    the mask; explanation: one sentence for a person.
    """

    instruction: str
    status: Status
    probability: np.ndarray
    mask: np.ndarray
    presence: float
    score: float
    explanation: str
    instances: tuple[Instance, ...] = field(default=())
    map_version: int = 0

    def __post_init__(self) -> None:
        check_array("probability", self.probability, (None,), np.float32)
        check_array("mask", self.mask, (len(self.probability),), np.bool_)
