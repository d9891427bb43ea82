"""The stage of presence: a trained student learns when to say that what it is asked for is not there.

A student's own answers tell more of it than one threshold makes of them: how much a mask must convince differs from
thing to thing, and the rest of the room speaks for or against. That is learnt in rooms of the teacher's seeds, of
which no more is read than which classes their 2D class masks show. No 3D label is used. The rooms are asked with
phrases of a bank of their own, which the text side has not learnt: how sure it is of those is how sure it will be of a
stranger's.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from mllm_for3d_ros.checkpoint import save_checkpoint
from mllm_for3d_ros.judge_training import auc
from mllm_for3d_ros.language.sentence_encoder import SentenceEncoder
from mllm_for3d_ros.rooms.instructions import CONTEXT_FREE_KINDS, Phrase, bank
from mllm_for3d_ros.rooms.phrase_bank import class_indices
from mllm_for3d_ros.rooms.views import told_by
from mllm_for3d_ros.seeds import JUDGE, check_seeds
from mllm_for3d_ros.student.embedding import embed_voxels
from mllm_for3d_ros.student.judge import Judge, fit_judge
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.student.prediction import CHECKPOINT
from mllm_for3d_ros.student.reading import Reading, fit_reading
from mllm_for3d_ros.student.scene_store import draw_phrases, record_room
from mllm_for3d_ros.student.tagging import told_of

FOLDER = "shown_rooms"
ROOMS = 600
SPECIFICITY = 0.925
"""Share of the things that are not there which the threshold rejects on kept-out rooms."""
_DRAWS = 2
"""Phrases a class and kind that a room is asked for."""
_HELD_OUT = 7
"""Every so manieth room is kept out when figures and threshold are taken."""


@dataclass(frozen=True)
class ShownRoom:
    """A map of M voxels, and what 2D masks tell of its room.

    coords: [M, 3] int32; inputs: [M, 8] float16; shown: [C] int64, see ``shown_pixels``.
    """

    coords: np.ndarray
    inputs: np.ndarray
    shown: np.ndarray

    @classmethod
    def of(cls, seed: int, path: Path) -> ShownRoom:
        """Room ``seed``, read from ``path`` or else recorded and written there."""
        if path.exists():
            return cls(**np.load(path))
        room = record_room(seed, bank("train"))
        made = cls(room.voxels.coords, room.voxels.inputs.astype(np.float16), room.shown)
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **vars(made))
        partial.rename(path)
        return made


@dataclass(frozen=True)
class Cases:
    """What a student knows of a room of C classes, and what it is asked there by Q phrases.

    evidence: [C, E] float32 of each concept, see ``StudentNetwork.evidence``. tags: [C] float32, see ``told_by``.
    attention: [Q, C + 1] float32 that the phrases get, and concepts: [Q] int64 that they mean, C for none of them.
    """

    evidence: np.ndarray
    tags: np.ndarray
    attention: np.ndarray
    concepts: np.ndarray

    def presence(self, judge: Judge, reading: Reading) -> np.ndarray:
        """[Q] 0..1 of what the phrases mean."""
        with torch.inference_mode():
            found = judge(torch.from_numpy(self.evidence), torch.from_numpy(_named(len(self.tags)))).sigmoid()
            return (reading(torch.from_numpy(self.attention))[:, :-1] @ found).numpy()

    @property
    def told(self) -> np.ndarray:
        """[Q] float32 what the tags tell of the phrases."""
        return told_of(self.tags, self.concepts)


def judge_of(rooms: Sequence[Cases], seed: int) -> Judge:
    """A judge fitted on the concepts of ``rooms`` of whose presence the tags are sure."""
    tags = np.concatenate([room.tags for room in rooms])
    evidence = np.concatenate([room.evidence for room in rooms])
    named = np.tile(_named(len(rooms[0].tags)), (len(rooms), 1))
    sure = ~np.isnan(tags)
    return fit_judge(evidence[sure], named[sure], tags[sure] > 0, seed)


def reading_of(rooms: Sequence[Cases]) -> Reading:
    """A reading fitted on the phrases of ``rooms``."""
    return fit_reading(
        np.concatenate([room.attention for room in rooms]), np.concatenate([room.concepts for room in rooms])
    )


def _named(classes: int) -> np.ndarray:
    """[C, C + 1] attention of each concept by its name."""
    return np.eye(classes, classes + 1, dtype=np.float32)


def train_presence(work: Path, models: Path, rooms: int, workers: int, seed: int) -> dict[str, float]:
    """Give the student in ``models`` a judge of presence and a threshold for it; rooms in ``work`` are kept.

    Returns areas under the curve on kept-out rooms, of concepts and of what phrases mean, and what the threshold
    reaches there.
    """
    seeds = range(JUDGE.start, JUDGE.start + rooms)
    check_seeds(seeds, JUDGE, "presence")
    folder, path = work / FOLDER, models / CHECKPOINT
    folder.mkdir(parents=True, exist_ok=True)
    network, card = StudentNetwork.of_checkpoint(path)
    with ProcessPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        jobs = [pool.submit(_cases, room, folder, path) for room in seeds]
        found = [job.result() for job in tqdm(jobs, desc="asking", unit="room")]
    threshold, figures = tried(found, seed)
    network.judge, network.reading = judge_of(found, seed), reading_of(found)
    said = {
        "presence_data": f"classes shown by 2D masks in {rooms} Rooms from seed {JUDGE.start} on; no 3D label",
        "presence_command": f"mllm-for3d train presence --rooms {rooms} --seed {seed}",
        "presence_figures": figures,
    }
    thresholds = card["thresholds"] | {"presence": threshold}
    save_checkpoint(path, network.state_dict(), card | said | {"thresholds": thresholds})
    return figures


def tried(found: Sequence[Cases], seed: int) -> tuple[float, dict[str, float]]:
    """Threshold and figures of a judge that is fitted without the kept-out rooms, on those."""
    kept_out, rest = found[::_HELD_OUT], [one for row, one in enumerate(found) if row % _HELD_OUT]
    rest = rest or list(found)
    judge, reading = judge_of(rest, seed), reading_of(rest)
    presence = np.concatenate([room.presence(judge, reading) for room in kept_out])
    told = np.concatenate([room.told for room in kept_out])
    there, absent = presence[told == 1], presence[told == 0]
    threshold = round(float(np.quantile(absent, SPECIFICITY)), 3)
    sure = ~np.isnan(told)
    return threshold, {
        "auc_of_concepts": _auc_of_concepts(kept_out, judge),
        "auc": auc(presence[sure], told[sure] == 1),
        "sensitivity": round(float((there >= threshold).mean()), 4),
        "specificity": round(float((absent < threshold).mean()), 4),
    }


def _auc_of_concepts(rooms: Sequence[Cases], judge: Judge) -> float:
    """The area under the curve where every phrase is understood."""
    evidence, tags = (np.concatenate([getattr(room, name) for room in rooms]) for name in ("evidence", "tags"))
    classes = np.tile(np.arange(len(rooms[0].tags)), len(rooms))
    sure = ~np.isnan(tags)
    return auc(judge.presence(evidence, classes)[sure], tags[sure] == 1)


@cache
def _asked(checkpoint: Path) -> tuple[StudentNetwork, SentenceEncoder]:
    """Network without its judge, and encoder: one of each a process."""
    network, card = StudentNetwork.of_checkpoint(checkpoint)
    network.judge = network.reading = None
    return network.eval().requires_grad_(False), SentenceEncoder.of_checkpoint(checkpoint, card)


def _cases(seed: int, folder: Path, checkpoint: Path) -> Cases:
    """Ask the student for everything in room ``seed`` of which the 2D masks tell, and for things outside of them."""
    room = ShownRoom.of(seed, folder / f"room_{seed:05d}.npz")
    network, encoder = _asked(checkpoint)
    asked = drawn_phrases(np.random.default_rng([13, seed]))
    embeddings = torch.from_numpy(encoder.encode([phrase.text for phrase in asked]))
    voxels = embed_voxels(network, room.coords, room.inputs.astype(np.float32))
    with torch.inference_mode():
        scores = network.scores(voxels)
        posterior = network.posterior_of(scores)
        named = torch.from_numpy(_named(network.projector.classes))
        evidence = network.evidence(named @ scores.T, network.claims(posterior, named), named, posterior.amax(0))
        attention = network.projector.attention(embeddings)
    return Cases(evidence.numpy(), told_by(room.shown), attention.numpy(), np.array(class_indices(asked)))


def drawn_phrases(rng: np.random.Generator) -> tuple[Phrase, ...]:
    """Phrases for a room: of every class as many that name it as that do not."""
    drawn: list[Phrase] = []
    for kind in CONTEXT_FREE_KINDS:
        phrases = tuple(phrase for phrase in bank("judge") if phrase.kind in (kind, "absent"))
        drawn += [phrases[row] for _ in range(_DRAWS) for row in draw_phrases(phrases, rng)]
    return tuple(drawn)
