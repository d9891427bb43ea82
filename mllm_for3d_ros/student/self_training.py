"""Self-training: a trained student's own answers, mixed into the pseudo-labels that it learnt from.

A student that saw hundreds of scenes agrees with what the lifted answers have in common and not with the errors of
one view or one scene, so the mean of the two is better than either (docs/results.md has the figures). No other
label is needed. Source: noisy student training (Xie et al., CVPR 2020), with the answers mixed instead of replaced.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mllm_for3d_ros.language.sentence_encoder import SentenceEncoder
from mllm_for3d_ros.student.calibration import STRONGEST, predict
from mllm_for3d_ros.student.evidence import Opinion, evidence
from mllm_for3d_ros.student.judge import Judge
from mllm_for3d_ros.student.mask_level import mask_level
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.student.pieces import Smoothing, pieces_of
from mllm_for3d_ros.student.scene_store import LABEL_SCALE, UNSEEN, TrainingScene
from mllm_for3d_ros.student.tagging import told_of

OWN_MASK, OWN_PRESENCE = 0.5, 0.35
"""Share of the student's own answer in the mean of the masks, and in that of presence."""
JUDGED_PRESENCE = 0.65
"""The same of presence where the student has a judge of it."""
_FOUND = 0.1
"""Mean claim of the strongest voxels below which nobody has found the thing."""
SHARE = 0.5
"""Share of the strongest voxels' mean at which the border of a refined mask lies, see ``mask_level``."""


class SecondOpinion:
    """A trained student that is asked what a scene's instructions were already answered for.

    Args:
        network: on the CPU.
        encoder: of the texts, the one that the network's query projector reads.
        threshold: of the network's presence.
    """

    def __init__(self, network: StudentNetwork, encoder: SentenceEncoder, threshold: float) -> None:
        self._network, self._encoder, self._threshold = network.eval(), encoder, threshold

    @classmethod
    def load(cls, checkpoint: Path) -> SecondOpinion:
        """The student of ``checkpoint``.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit.
        """
        network, card = StudentNetwork.of_checkpoint(checkpoint)
        encoder = SentenceEncoder.of_checkpoint(checkpoint, card)
        return cls(network, encoder, float(card["thresholds"]["presence"]))

    def answers(self, scene: TrainingScene) -> Opinion:
        """What the student says to the instructions of a scene, which has texts; presence is 1/2 at its threshold."""
        assert scene.texts is not None
        embeddings = torch.from_numpy(self._encoder.encode([str(text) for text in scene.texts]))
        asked = replace(scene, phrases=np.arange(len(scene.texts)))
        absent = None if scene.tags is None else torch.from_numpy(scene.tags == 0)
        rough, presence = predict(self._network, asked, embeddings, absent)
        smooth = Smoothing(pieces_of(scene.coords, scene.inputs))
        masks = np.stack([smooth(row) for row in rough])
        return Opinion(masks, centred(presence, self._threshold))

    def evidence(self, scene: TrainingScene, concepts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What a judge reads of a scene, [Q, E], and the presence [Q] that it has when it is refined without one."""
        return _evidence(scene, self.answers(scene), concepts)

    def refined(
        self, scene: TrainingScene, judge: Judge | None = None, concepts: np.ndarray | None = None
    ) -> TrainingScene:
        """``scene``, which has texts, with the student's answers mixed into its labels; see ``refined``.

        With a ``judge`` it says what is there, and tags of the scene say it for certain; ``concepts`` [Q] are those
        that the instructions mean.
        """
        own = self.answers(scene)
        if scene.tags is not None and concepts is not None:
            return refined_by_tags(scene, own, told_of(scene.tags, concepts))
        if judge is None or concepts is None:
            return refined(scene, own, share=OWN_PRESENCE if self._network.judge is None else JUDGED_PRESENCE)
        read, mixed = _evidence(scene, own, concepts)
        judged = judge.presence(read, concepts)
        return refined(scene, own, np.where(np.isnan(judged), mixed, judged))


def _evidence(scene: TrainingScene, own: Opinion, concepts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mixed = _opinion_of(refined(scene, own))
    return evidence(scene, (_opinion_of(scene), own, mixed), concepts), mixed.presence


def _opinion_of(scene: TrainingScene) -> Opinion:
    labels = np.asarray(scene.labels)
    return Opinion(np.where(labels == UNSEEN, 0, labels / LABEL_SCALE).astype(np.float32), np.asarray(scene.presence))


def refined(
    scene: TrainingScene, own: Opinion, there: np.ndarray | None = None, share: float = OWN_PRESENCE
) -> TrainingScene:
    """``scene`` with labels and presence that are means of its own and of the student's.

    A refined label is 1/2 at the border of the mask, also of small things of which neither was ever sure. The
    labels of what is then unlikely to be there are scaled down. Unknown voxels stay unknown.

    Args:
        scene: with Q instructions and M voxels.
        own: the student's answers.
        there: [Q] 0..1 presence to take in place of the mean.
        share: of the student's own answer in the mean of presence.

    Raises:
        ValueError: ``own`` is of another number of instructions or voxels.
    """
    labels = np.asarray(scene.labels)
    if own.claims.shape != labels.shape or own.presence.shape != labels.shape[:1]:
        raise ValueError(
            f"the scene has labels {list(labels.shape)}, got answers {list(own.claims.shape)} "
            f"with presence {list(own.presence.shape)}"
        )
    there = share * own.presence + (1 - share) * scene.presence if there is None else there
    known, mixed = labels != UNSEEN, _mixed(labels, own.claims)
    borders = np.array([mask_level(row, SHARE, STRONGEST) for row in mixed])
    masks = np.minimum(mixed / (2 * borders[:, None]), 1.0) * np.minimum(2 * there, 1.0)[:, None] ** 2
    return replace(
        scene,
        labels=np.where(known, (masks * LABEL_SCALE).round(), UNSEEN).astype(np.uint8),
        presence=there.astype(np.float32),
    )


def refined_by_tags(scene: TrainingScene, own: Opinion, told: np.ndarray) -> TrainingScene:
    """``refined``, with presence as tags have it.

    What is there although neither labels nor student found it is somewhere: its labels become unknown.

    Args:
        scene: with Q instructions.
        own: the student's answers.
        told: [Q] 1 it is there, 0 it is not, NaN unknown: the mean of presence is taken.
    """
    mean = 0.5 * (own.presence + scene.presence)
    mixed = refined(scene, own, np.where(np.isnan(told), mean, told))
    strongest = np.sort(_mixed(np.asarray(scene.labels), own.claims), axis=1)[:, -STRONGEST:].mean(1)
    lost = (told == 1) & (strongest < _FOUND)
    return replace(mixed, labels=np.where(lost[:, None], UNSEEN, mixed.labels).astype(np.uint8))


def _mixed(labels: np.ndarray, claims: np.ndarray) -> np.ndarray:
    """Mean [Q, M] of ``labels`` [Q, M] uint8 and the student's ``claims`` [Q, M], 0 where unknown."""
    mean: np.ndarray = np.where(labels != UNSEEN, OWN_MASK * claims + (1 - OWN_MASK) * (labels / LABEL_SCALE), 0)
    return mean


def centred(presence: np.ndarray, threshold: float) -> np.ndarray:
    """``presence`` [Q] with its logits moved such that ``threshold`` lies at 1/2."""
    odds = np.clip(presence, 1e-6, 1 - 1e-6)
    odds = odds / (1 - odds) * (1 - threshold) / threshold
    centre: np.ndarray = odds / (1 + odds)
    return centre
