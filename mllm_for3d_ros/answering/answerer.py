"""From an instruction and an encoded scene to a mask with instances, a status and a sentence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from mllm_for3d_ros.answering.region import Region, StudentInRegion
from mllm_for3d_ros.answering.resolver import Choice, Found, Resolver, counted
from mllm_for3d_ros.answering.things import floor_height, things_of
from mllm_for3d_ros.answering.viewpoint import Viewpoint
from mllm_for3d_ros.language.instruction import clean_instruction
from mllm_for3d_ros.language.relations.parser import parse_query
from mllm_for3d_ros.language.relations.query import Query
from mllm_for3d_ros.scene.instances import DEFAULT_GAP, split_instances
from mllm_for3d_ros.types import Instance, Mask3D, SceneCloud, Status

MIN_MAP_VOXELS = 200
"""A map smaller than this is not worth encoding."""


class EncodedScene(Protocol):
    """A scene that a student has encoded; ``cloud`` is the map it was made from."""

    @property
    def cloud(self) -> SceneCloud:
        """The encoded map."""


class Response(Protocol):
    """probability [N] float32 in 0..1 per voxel; presence 0..1 that the target is there."""

    @property
    def probability(self) -> np.ndarray:
        """Per voxel."""

    @property
    def presence(self) -> float:
        """Of the target in the scene."""


class StudentLike(Protocol):
    """What an answerer needs of a student (see ``student.prediction.Student``)."""

    @property
    def fingerprint(self) -> str:
        """Name and hash of the weights."""

    @property
    def presence_threshold(self) -> float:
        """Calibrated presence from which there is a target."""

    def encode(self, cloud: SceneCloud, previous: Any = None) -> Any:
        """Encode a map, once per version of it; ``previous`` is the scene of the version before, to go on from."""

    def respond(self, scene: Any, instruction: str) -> Response:
        """Answer one instruction: quick."""

    def mask_level(self, probability: np.ndarray) -> float:
        """Calibrated probability from which a voxel belongs to the mask of an answer with ``probability`` [N]."""


class UnencodedScene:
    """A map too small to encode; asking it anything gives NOT_READY."""

    def __init__(self, cloud: SceneCloud) -> None:
        self.cloud = cloud


class Answerer:
    """Answers instructions with a student.

    Args:
        student: the model.
        min_voxels: a mask with fewer voxels counts as no target.
        min_map_voxels: a map with fewer voxels is not ready.
        gap: m within which voxels belong to one instance.
    """

    def __init__(
        self,
        student: StudentLike,
        *,
        min_voxels: int = 20,
        min_map_voxels: int = MIN_MAP_VOXELS,
        gap: float = DEFAULT_GAP,
    ) -> None:
        self.student = student
        self.min_voxels = min_voxels
        self.min_map_voxels = min_map_voxels
        self.gap = gap

    @property
    def fingerprint(self) -> str:
        """Name and hash of the model that answers."""
        return self.student.fingerprint

    def warm_up(self) -> None:
        """Answer once on a made-up cube, so that what compiles on first use is compiled before anybody waits."""
        cells = np.stack(np.meshgrid(*[np.arange(10)] * 3, indexing="ij"), -1).reshape(-1, 3)
        points = ((cells + 0.5) * 0.025).astype(np.float32)
        flat, ones = np.zeros_like(points), np.ones(len(points), np.float32)
        stamps = np.zeros(len(points), np.int64)
        cube = SceneCloud(points, flat.astype(np.uint8), flat, ones, stamps, 0.025)
        self.answer(self.encode(cube), "a cube", mask_threshold=0.0, presence_threshold=0.0)

    def encode(self, cloud: SceneCloud, previous: EncodedScene | None = None) -> EncodedScene:
        """Encode a map, once per version of it; a map that is too small gives a scene that is not ready.

        With the scene of the version before as ``previous`` the cost follows the change, not the map.
        """
        if len(cloud) < self.min_map_voxels:
            return UnencodedScene(cloud)
        known = None if isinstance(previous, UnencodedScene) else previous
        scene: EncodedScene = self.student.encode(cloud, known)
        return scene

    def answer(
        self,
        scene: EncodedScene,
        instruction: str,
        *,
        mask_threshold: float | None = None,
        presence_threshold: float | None = None,
        max_instances: int = 0,
        viewpoint: Viewpoint | np.ndarray | None = None,
        region: Region | None = None,
    ) -> Mask3D:
        """The answer to one instruction.

        Where the instruction says a relation, colour or size, the student is asked for the things that it names, and
        geometry chooses among them (docs/answering.md); else it is asked for the whole sentence.

        Args:
            scene: from ``encode``.
            instruction: any sentence; white space is collapsed.
            mask_threshold: probability 0..1 from which a voxel is chosen; None takes the calibrated one.
            presence_threshold: presence 0..1 from which there is a target; None takes the calibrated one.
            max_instances: keep only the best so many instances and their voxels; 0 keeps all.
            viewpoint: of whoever asks, in the map frame, for "left of" and "nearest to me": a [4, 4] pose (x forward,
                z up), or x, y and yaw; see ``Viewpoint.of``.
            region: only this box is searched, also for what a relation refers to; None searches the whole map.

        Raises:
            InstructionError: the instruction is empty, too long or no text.
            ValueError: a threshold lies outside of 0..1, max_instances is negative, or the viewpoint is no pose.
        """
        text = clean_instruction(instruction)
        least = self.student.presence_threshold if presence_threshold is None else presence_threshold
        if not (0.0 <= (mask_threshold or 0.0) <= 1.0 and 0.0 <= least <= 1.0 and max_instances >= 0):
            raise ValueError(
                f"thresholds must lie in 0..1 and max_instances not be negative, "
                f"got {mask_threshold}, {least}, {max_instances}"
            )
        cloud = scene.cloud
        if isinstance(scene, UnencodedScene):
            return _not_ready(text, cloud, self.min_map_voxels)
        if region is not None:
            inside = region.contains(cloud.points)
            if inside.sum() < self.min_voxels:
                return _not_observed(text, cloud, int(inside.sum()))
            found = self._within(inside).answer(
                scene, text, mask_threshold=mask_threshold, presence_threshold=least, max_instances=max_instances,
                viewpoint=viewpoint,
            )  # fmt: skip
            return replace(found, explanation=f"In the region asked for: {found.explanation}")
        limits = _Limits(mask_threshold, least, max_instances)
        seen_from = None if viewpoint is None else Viewpoint.of(viewpoint)
        query = parse_query(text)
        chosen = None if query is None else self._choose(scene, query, limits, seen_from)
        if query is None or chosen is None:
            return self._answer_whole(scene, text, limits)
        return _chosen(text, cloud, query, chosen, self._level(limits, chosen.probability), limits.instances)

    def _level(self, limits: _Limits, probability: np.ndarray) -> float:
        return self.student.mask_level(probability) if limits.mask is None else limits.mask

    def _within(self, inside: np.ndarray) -> Answerer:
        """This answerer, blind to all rows of the map but those of ``inside`` [N] bool."""
        student = StudentInRegion(self.student, inside)
        return Answerer(student, min_voxels=self.min_voxels, min_map_voxels=self.min_map_voxels, gap=self.gap)

    def _answer_whole(self, scene: EncodedScene, text: str, limits: _Limits) -> Mask3D:
        """The student's answer to the sentence as it stands."""
        cloud, response = scene.cloud, self.student.respond(scene, text)
        probability, presence = response.probability, float(response.presence)
        level = self._level(limits, probability)
        mask = probability >= np.float32(level)
        if presence < limits.presence:
            reason = f"presence {presence:.2f} is below {limits.presence:.2f}"
            return _no_target(text, cloud, probability, presence, reason)
        if mask.sum() < self.min_voxels:
            reason = f"only {int(mask.sum())} voxels reach probability {level:.2f} ({self.min_voxels} needed)"
            return _no_target(text, cloud, probability, presence, reason)
        return _found(text, cloud, probability, presence, self._split(cloud, probability, mask), limits.instances)

    def _choose(self, scene: EncodedScene, query: Query, limits: _Limits, viewpoint: Viewpoint | None) -> Choice | None:
        """What the query picks; None where the whole sentence must be asked instead.

        That is where it may only describe a kind and picks nothing, and where the student does not know the thing
        without its colour or size.
        """
        floor = floor_height(scene.cloud)

        def ask(text: str) -> Found:
            response = self.student.respond(scene, text)
            mask = response.probability >= np.float32(self._level(limits, response.probability))
            there = response.presence >= limits.presence and mask.sum() >= self.min_voxels
            instances = self._split(scene.cloud, response.probability, mask) if there else ()
            return Found(things_of(scene.cloud, instances, floor), response.probability, float(response.presence))

        choice = Resolver(scene.cloud, ask, viewpoint).resolve(query)
        whole = query.loose if choice.total else query.relation is None
        return None if whole and not choice.picks else choice

    def _split(self, cloud: SceneCloud, probability: np.ndarray, mask: np.ndarray) -> tuple[Instance, ...]:
        return split_instances(
            cloud.points, mask, probability, min_points=self.min_voxels, gap=self.gap, voxel_size=cloud.voxel_size
        )


@dataclass(frozen=True)
class _Limits:
    """Thresholds of voxels (None: the calibrated level) and of presence, the most instances of an answer (0: all)."""

    mask: float | None
    presence: float
    instances: int


def _not_ready(text: str, cloud: SceneCloud, needed: int) -> Mask3D:
    blank = np.zeros(len(cloud), np.float32)
    why = f"The map has {len(cloud)} voxels and needs at least {needed}: show the camera more of the scene."
    return Mask3D(text, Status.NOT_READY, blank, blank > 0, 0.0, 0.0, why, map_version=cloud.version)


def _not_observed(text: str, cloud: SceneCloud, voxels: int) -> Mask3D:
    blank = np.zeros(len(cloud), np.float32)
    why = f"The region asked for holds {voxels} voxels of the map: show it to the camera, or ask for a larger one."
    return Mask3D(text, Status.NOT_OBSERVED, blank, blank > 0, 0.0, 0.0, why, map_version=cloud.version)


def _no_target(text: str, cloud: SceneCloud, probability: np.ndarray, presence: float, reason: str) -> Mask3D:
    nothing = np.zeros(len(cloud), bool)
    why = f"Nothing in the map fits: {reason}."
    return Mask3D(text, Status.NO_TARGET, probability, nothing, presence, 0.0, why, map_version=cloud.version)


def _chosen(text: str, cloud: SceneCloud, query: Query, choice: Choice, level: float, most_instances: int) -> Mask3D:
    """The answer made of what a query picks; outside of it, probabilities sink below the ``level`` of masks."""
    outside = choice.probability * np.float32(0.5 * level)
    if not choice.picks:
        return _no_target(text, cloud, outside, choice.presence, choice.reason)
    kept = choice.picks[:most_instances] if most_instances else choice.picks
    instances = tuple(replace(thing.instance, reason=choice.reason) for thing in kept)
    mask = np.zeros(len(cloud), bool)
    for one in instances:
        mask[one.indices] = True
    probability = np.where(mask, choice.probability, outside).astype(np.float32)
    score = float(np.mean(probability[mask], dtype=np.float64))
    why = f"{len(kept)} of {counted(choice.total, query.target)}: {choice.reason}."
    return Mask3D(text, Status.OK, probability, mask, choice.presence, score, why, instances, cloud.version)


def _found(
    text: str,
    cloud: SceneCloud,
    probability: np.ndarray,
    presence: float,
    instances: tuple[Instance, ...],
    max_instances: int,
) -> Mask3D:
    """The answer made of the best instances; voxels of fragments too small to be one are left out."""
    found = len(instances)
    instances = instances[:max_instances] if max_instances else instances
    mask = np.zeros(len(cloud), bool)
    for instance in instances:
        mask[instance.indices] = True
    score = float(np.mean(probability[mask], dtype=np.float64))
    why = _explanation(instances, found, int(mask.sum()), presence)
    return Mask3D(text, Status.OK, probability, mask, presence, score, why, instances, cloud.version)


def _explanation(instances: tuple[Instance, ...], found: int, voxels: int, presence: float) -> str:
    """One sentence with the figures of the answer."""
    best = instances[0]
    size = " x ".join(f"{side:.2f}" for side in best.size)
    place = ", ".join(f"{c:.2f}" for c in best.center)
    count = "1 object fits" if found == 1 else f"{found} objects fit"
    kept = "" if len(instances) == found else f", the best {len(instances)} are given"
    largest = "it" if found == 1 else "the best"
    return (
        f"{count}{kept} ({voxels} voxels, presence {presence:.2f}): {largest} is {size} m large, "
        f"stands at ({place}) and scores {best.score:.2f}."
    )
