"""Behaviour of the furniture generator: frames, extents, plausible sizes, determinism."""

import numpy as np
import pytest

from mllm_for3d_ros.errors import VocabularyError
from mllm_for3d_ros.rooms.furniture import (
    CLUTTER_KINDS,
    FURNITURE_CLASSES,
    Furniture,
    build_clutter,
    build_furniture,
)
from mllm_for3d_ros.rooms.furniture_base import NAMED, assemble
from mllm_for3d_ros.rooms.mesh import Material, box

# class: smallest and largest plausible (width, depth, height) in metres
LIMITS = {
    "sofa": ((1.1, 0.75, 0.65), (2.9, 2.0, 1.1)),
    "chair": ((0.35, 0.4, 0.7), (0.75, 0.95, 1.4)),
    "table": ((0.5, 0.4, 0.3), (2.2, 1.4, 0.8)),
    "bed": ((0.85, 1.9, 0.35), (2.1, 2.3, 1.35)),
    "wardrobe": ((0.75, 0.45, 1.7), (2.7, 0.8, 2.4)),
    "bookshelf": ((0.38, 0.22, 0.6), (1.8, 0.6, 2.5)),
    "television": ((0.55, 0.03, 0.3), (1.6, 0.55, 1.8)),
    "lamp": ((0.15, 0.15, 0.9), (1.2, 0.65, 2.2)),
    "plant": ((0.2, 0.2, 0.3), (1.8, 1.8, 2.2)),
    "toilet": ((0.34, 0.5, 0.6), (0.65, 0.9, 1.2)),
    "bathtub": ((1.2, 0.6, 0.45), (2.1, 1.6, 2.05)),
    "sink": ((0.4, 0.35, 0.3), (1.35, 0.7, 1.3)),
    "refrigerator": ((0.5, 0.55, 0.8), (1.0, 0.85, 2.05)),
    "stove": ((0.48, 0.55, 0.83), (0.95, 0.75, 1.15)),
    "washing_machine": ((0.44, 0.4, 0.6), (0.65, 0.75, 0.9)),
    "rug": ((0.7, 0.5, 0.008), (2.7, 2.7, 0.025)),
    "window": ((0.65, 0.04, 0.75), (3.0, 0.4, 2.4)),
    "door": ((0.75, 0.04, 1.95), (1.25, 0.15, 2.3)),
    "bin": ((0.15, 0.15, 0.2), (0.4, 0.45, 0.75)),
    "picture": ((0.25, 0.015, 0.25), (1.45, 0.07, 0.9)),
    "dresser": ((0.4, 0.34, 0.35), (1.9, 0.55, 1.15)),
    "mirror": ((0.4, 0.02, 0.5), (1.1, 0.5, 1.85)),
    "microwave": ((0.42, 0.32, 0.24), (0.6, 0.45, 0.36)),
    "laptop": ((0.3, 0.22, 0.18), (0.42, 0.42, 0.32)),
    "cup": ((0.07, 0.07, 0.07), (0.18, 0.17, 0.13)),
    "bottle": ((0.06, 0.06, 0.19), (0.12, 0.12, 0.37)),
    "backpack": ((0.22, 0.18, 0.32), (0.5, 0.45, 0.75)),
    "cushion": ((0.34, 0.12, 0.1), (0.55, 0.52, 0.55)),
    "suitcase": ((0.34, 0.15, 0.2), (0.75, 0.8, 1.2)),
    "box": ((0.28, 0.24, 0.15), (0.65, 0.8, 0.75)),
    "bicycle": ((1.05, 0.3, 0.6), (1.85, 0.65, 1.15)),
    "guitar": ((0.3, 0.3, 0.9), (0.5, 0.6, 1.5)),
    "fan": ((0.2, 0.12, 0.35), (0.6, 0.55, 1.45)),
    "coat_rack": ((0.35, 0.3, 1.55), (1.2, 0.8, 2.05)),
}
SEEDS = range(40)


def build(name: str, seed: int) -> Furniture:
    rng = np.random.default_rng(seed)
    return build_clutter(name, rng) if name in CLUTTER_KINDS else build_furniture(name, rng)


def bounds(furniture: Furniture) -> tuple[np.ndarray, np.ndarray]:
    points = np.concatenate([part.vertices for part in furniture.parts])
    return points.min(0), points.max(0)


@pytest.mark.parametrize("name", [*FURNITURE_CLASSES, *CLUTTER_KINDS])
def test_frame_and_extents_follow_the_contract(name: str) -> None:
    for seed in SEEDS:
        furniture = build(name, seed)
        low, high = bounds(furniture)
        assert np.allclose(high - low, furniture.size, atol=1e-4)
        assert abs(low[2]) < 1e-4
        assert abs(low[0] + high[0]) < 1e-4
        if furniture.mount == "wall":
            assert abs(low[1]) < 1e-4
            assert furniture.mount_height >= 0 and furniture.mount_height + furniture.size[2] < 2.4
            assert not furniture.against_wall
        else:
            assert furniture.mount in ("floor", "carpet")
            assert abs(low[1] + high[1]) < 1e-4
            assert furniture.mount_height == 0


@pytest.mark.parametrize("name", [*FURNITURE_CLASSES, *CLUTTER_KINDS])
def test_meshes_are_valid_and_light(name: str) -> None:
    for seed in SEEDS:
        parts = build(name, seed).parts
        assert sum(len(part.triangles) for part in parts) <= (3000 if name == "plant" else 2500)
        for part in parts:
            assert part.vertices.dtype == np.float32 and np.isfinite(part.vertices).all()
            assert part.triangles.dtype == np.int32
            assert part.triangles.min() >= 0 and part.triangles.max() < len(part.vertices)
            colors = np.array([part.material.color, part.material.color2])
            assert colors.min() >= 0 and colors.max() <= 1


@pytest.mark.parametrize("name", FURNITURE_CLASSES)
def test_dimensions_are_plausible(name: str) -> None:
    smallest, largest = LIMITS[name]
    for seed in SEEDS:
        furniture = build(name, seed)
        assert furniture.class_name == name
        assert (np.array(furniture.size) >= smallest).all(), (seed, furniture.size)
        assert (np.array(furniture.size) <= largest).all(), (seed, furniture.size)


@pytest.mark.parametrize("name", [*FURNITURE_CLASSES, *CLUTTER_KINDS])
def test_the_seed_names_the_object(name: str) -> None:
    first, again, other = build(name, 3), build(name, 3), build(name, 4)
    assert first.size == again.size
    for a, b in zip(first.parts, again.parts, strict=True):
        assert np.array_equal(a.vertices, b.vertices) and a.material == b.material
    assert first.size != other.size or first.parts[0].material != other.parts[0].material


def height_at(furniture: Furniture, x: float, y: float) -> float:
    """Height of the first surface that a ray from above meets at (x, y); 0 where it meets the floor."""
    highest = 0.0
    for part in furniture.parts:
        a, b, c = (part.vertices[part.triangles[:, k]].astype(float) for k in range(3))
        area = (b[:, 1] - c[:, 1]) * (a[:, 0] - c[:, 0]) + (c[:, 0] - b[:, 0]) * (a[:, 1] - c[:, 1])
        area = np.where(np.abs(area) < 1e-12, np.inf, area)
        u = ((b[:, 1] - c[:, 1]) * (x - c[:, 0]) + (c[:, 0] - b[:, 0]) * (y - c[:, 1])) / area
        v = ((c[:, 1] - a[:, 1]) * (x - c[:, 0]) + (a[:, 0] - c[:, 0]) * (y - c[:, 1])) / area
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & np.isfinite(area)
        z = u * a[:, 2] + v * b[:, 2] + (1 - u - v) * c[:, 2]
        highest = max(highest, float(z[hit].max(initial=0.0)))
    return highest


def test_bathtubs_are_hollow() -> None:
    for seed in SEEDS:
        assert 0.0 < height_at(build("bathtub", seed), 0.013, 0.007) < 0.3


def test_tables_and_beds_are_solid_on_top() -> None:
    for seed in SEEDS:
        table = build("table", seed)
        assert height_at(table, 0.013, 0.007) == pytest.approx(table.size[2], abs=1e-3)
        assert height_at(build("bed", seed), 0.013, 0.007) > 0.3


def test_mounts_of_the_flat_classes() -> None:
    assert build("rug", 0).mount == "carpet"
    assert {build(name, 0).mount for name in ("window", "door", "picture")} == {"wall"}
    assert {build("mirror", seed).mount for seed in SEEDS} == {"wall", "floor"}
    assert {build("television", seed).mount for seed in SEEDS} == {"wall", "floor"}


def test_things_are_named_by_the_color_of_most_of_their_surface() -> None:
    red, blue = Material((0.8, 0.1, 0.1)), Material((0.1, 0.2, 0.8))
    shirt = assemble("box", [box((1, 1, 1), red), box((0.1, 0.1, 0.1), blue)])
    assert shirt.main_color == pytest.approx(red.color)
    assert assemble("box", shirt.parts, named_by=blue).main_color == blue.color


@pytest.mark.parametrize("name", ["chair", "cup", "bottle", "cushion", "backpack", "suitcase", "bicycle", "bin"])
def test_colors_vary(name: str) -> None:
    colors = np.array([build(name, seed).main_color for seed in SEEDS])
    near = np.linalg.norm(colors[:, None] - np.array(NAMED)[None], axis=-1) < 0.25
    assert near.any(0).sum() >= 8


def test_clutter_is_marked_as_unlabelled() -> None:
    assert all(build(kind, 0).class_name == f"clutter:{kind}" for kind in CLUTTER_KINDS)


def test_unknown_names_are_refused_with_the_choices() -> None:
    with pytest.raises(VocabularyError, match="sofa"):
        build_furniture("spaceship", np.random.default_rng(0))
    with pytest.raises(VocabularyError, match="pillar"):
        build_clutter("spaceship", np.random.default_rng(0))
