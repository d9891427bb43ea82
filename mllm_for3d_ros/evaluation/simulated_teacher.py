"""A teacher with set fault rates, made from the true instance images of a Rooms recording.

It shows what the lifting makes of faults whose kind and rate are known. For every (scene, instruction, view)
fate is drawn once, so that the same view asked again answers the same:

- with probability ``hallucination`` the view takes another object that it sees (a blob where it sees none),
  with probability ``miss`` it abstains, else it is right: the target's pixels, or an abstention where
  fewer than ``min_pixels`` of it show;
- faults are correlated: of the faulty views of either kind, the share ``correlated`` takes one and the same
  distractor instance of the (scene, instruction), where they see it;
- with probability ``wrong_instance`` a right view that sees several target instances takes one of them only;
- edges are ``ragged``: the outline is displaced by smooth noise of so many pixels;
- scores are drawn uniformly from 0.5 to 1 whether or not the view is right, unless ``informative_scores``;
- a token is the unit sum of ``text_share`` of a direction that all views of the instruction share, the rest
  of the direction of the concept taken (target, distractor, other object), and noise of length
  ``token_noise``. So tokens of right views agree, those of views that took the distractor agree with one
  another as well, and all agree somewhat.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from mllm_for3d_ros.rooms.recording import RoomsRecording
from mllm_for3d_ros.teachers.base import Fingerprint, abstention
from mllm_for3d_ros.types import Frame, ViewAnswer

TOKEN_DIM = 64
_INSIDE, _OUTSIDE = 0.95, 0.02
_EDGE_SCALE = 6.0  # pixels over which the noise of ragged edges varies


@dataclass(frozen=True)
class Faults:
    """Rates 0..1 and sizes of faults; see the module. ``Faults(0, 0, ragged=0)`` makes a perfect teacher."""

    hallucination: float = 0.2
    miss: float = 0.2
    correlated: float = 0.5
    wrong_instance: float = 0.0
    ragged: float = 2.0
    informative_scores: bool = False
    text_share: float = 0.5
    token_noise: float = 0.4
    min_pixels: int = 60

    def __post_init__(self) -> None:
        rates = (self.hallucination, self.miss, self.correlated, self.wrong_instance, self.text_share)
        if not all(0 <= rate <= 1 for rate in rates) or self.hallucination + self.miss > 1:
            raise ValueError(f"rates must lie in 0..1 and hallucination + miss not exceed 1, got {self}")
        if self.ragged < 0 or self.token_noise < 0 or self.min_pixels < 1:
            raise ValueError(f"ragged and token_noise must not be negative and min_pixels at least 1, got {self}")


class SimulatedTeacher:
    """Answers instructions about one recording; its frames are known by their stamps."""

    token_dim = TOKEN_DIM

    def __init__(
        self,
        recording: RoomsRecording,
        targets: Mapping[str, Sequence[int]],
        faults: Faults | None = None,
        seed: int = 0,
    ) -> None:
        """``targets``: instance ids that each instruction asks for, none where it is absent."""
        self.faults = faults or Faults()
        self.fingerprint = Fingerprint("simulated", f"{recording.seed}-{seed}", settings=repr(self.faults))
        self._targets = {text: np.array(sorted(ids), np.int32) for text, ids in targets.items()}
        self._seed = (seed, recording.seed)
        stamps = [recording[i].stamp_ns for i in range(len(recording))]
        self._images = dict(zip(stamps, recording.instances, strict=True))
        shown = [np.unique(image, return_counts=True) for image in self._images.values()]
        least = self.faults.min_pixels
        self._objects = np.unique(np.concatenate([ids[(n >= least) & (ids > 0)] for ids, n in shown]))

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        """See ``Teacher.answer``.

        Raises:
            KeyError: the instruction has no targets, or a frame is not of the recording.
        """
        target = self._targets[instruction]
        distractor = self.distractor(instruction)
        return [self._answer(frame, instruction, target, distractor) for frame in frames]

    def distractor(self, instruction: str) -> int:
        """The instance that correlated faults take, 0 if the recording shows only the target."""
        others = np.setdiff1d(self._objects, self._targets[instruction])
        return int(self._rng(instruction, 0).choice(others)) if len(others) else 0

    def _rng(self, instruction: str, stamp: int) -> np.random.Generator:
        return np.random.default_rng([*self._seed, zlib.crc32(instruction.encode()), stamp])

    def _answer(self, frame: Frame, instruction: str, target: np.ndarray, distractor: int) -> ViewAnswer:
        rng, faults, image = self._rng(instruction, frame.stamp_ns), self.faults, self._images[frame.stamp_ns]
        fate, together, single, score = rng.random(4)
        faulty = fate < faults.hallucination + faults.miss
        taken, concept = image == 0, 0
        if faulty and together < faults.correlated and self._shows(image, np.array([distractor])):
            taken, concept = image == distractor, distractor
        elif fate < faults.hallucination:
            taken, concept = self._other(image, target, rng)
        elif faulty:
            return abstention(image.shape, "simulated: missed")
        elif not self._shows(image, target):
            return abstention(image.shape, "simulated: not in view")
        else:
            shown = target[[self._shows(image, target[k : k + 1]) for k in range(len(target))]]
            only = len(shown) > 1 and single < faults.wrong_instance
            taken, concept = np.isin(image, rng.choice(shown, 1) if only else target), -1
        mask = np.where(_ragged(taken, faults.ragged, rng), _INSIDE, _OUTSIDE).astype(np.float32)
        sure = (0.8 if concept == -1 else 0.5) if faults.informative_scores else 0.5
        width = 0.2 if faults.informative_scores else 0.5
        return ViewAnswer(mask, self._token(instruction, concept, rng), float(sure + width * score))

    def _shows(self, image: np.ndarray, ids: np.ndarray) -> bool:
        return bool(np.count_nonzero(np.isin(image, ids[ids > 0])) >= self.faults.min_pixels)

    def _other(self, image: np.ndarray, target: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        """Pixels and id of an object in view that is no target, else of a blob of background."""
        others = [i for i in np.setdiff1d(np.unique(image), [0, *target]) if self._shows(image, np.array([i]))]
        if others:
            one = int(rng.choice(others))
            return image == one, one
        height, width = image.shape
        v, u = np.mgrid[:height, :width]
        y, x, radius = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(0.08, 0.2) * height
        return ((v - y) ** 2 + (u - x) ** 2 < radius**2) & ~np.isin(image, target), 0

    def _token(self, instruction: str, concept: int, rng: np.random.Generator) -> np.ndarray:
        """Unit token of the concept: -1 the target, 0 background, else an instance."""
        text = _direction([*self._seed, zlib.crc32(instruction.encode()), 1])
        own = _direction([*self._seed, concept + 1, 2] if concept >= 0 else [*self._seed, zlib.crc32(b"target"), 3])
        share, noise = self.faults.text_share, rng.normal(size=TOKEN_DIM) / np.sqrt(TOKEN_DIM)
        token = share * text + (1 - share) * own + self.faults.token_noise * noise
        return (token / np.linalg.norm(token)).astype(np.float32)


def _direction(seed: Sequence[int]) -> np.ndarray:
    direction = np.random.default_rng(list(seed)).normal(size=TOKEN_DIM)
    return direction / np.linalg.norm(direction)


def _ragged(mask: np.ndarray, pixels: float, rng: np.random.Generator) -> np.ndarray:
    """``mask`` with its outline displaced by smooth noise with a standard deviation of ``pixels``."""
    if pixels == 0 or not mask.any() or mask.all():
        return mask
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    reach = int(np.ceil(4 * pixels)) + 1
    box = np.s_[max(rows[0] - reach, 0) : rows[-1] + reach + 1, max(columns[0] - reach, 0) : columns[-1] + reach + 1]
    inside = mask[box]
    signed = (
        distance_transform_edt(inside) - distance_transform_edt(~inside) if not inside.all() else np.ones(inside.shape)
    )
    noise = gaussian_filter(rng.normal(size=inside.shape), _EDGE_SCALE)
    moved = np.zeros_like(mask)
    moved[box] = signed + noise * (pixels / max(float(noise.std()), 1e-9)) > 0
    return moved if moved.any() else mask
