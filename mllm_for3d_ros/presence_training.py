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
from mllm_for3d_ros.student.scene_store import draw_phrases, record_room
from mllm_for3d_ros.student.tagging import told_of

FOLDER = "shown_rooms"
ROOMS = 600
SPECIFICITY = 0.915
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
    """Instructions with what a student has to tell presence by.

    evidence: [Q, E] float32, see ``StudentNetwork.evidence``; attention: [Q, C + 1] float32; there: [Q] bool.
    """

    evidence: np.ndarray
    attention: np.ndarray
    there: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[Cases]) -> Cases:
        """One after the other."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__annotations__))

    def judge(self, seed: int) -> Judge:
        """A judge fitted on them."""
        return fit_judge(self.evidence, self.attention, self.there, seed)


def train_presence(work: Path, models: Path, rooms: int, workers: int, seed: int) -> dict[str, float]:
    """Give the student in ``models`` a judge of presence and a threshold for it; rooms in ``work`` are kept.

    Returns areas under the curve on kept-out rooms, without and with the judge, and what the threshold reaches there.
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
    network.judge = Cases.joined(found).judge(seed)
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
    kept_out = Cases.joined(found[::_HELD_OUT])
    rest = [one for row, one in enumerate(found) if row % _HELD_OUT] or found
    judge = Cases.joined(rest).judge(seed)
    with torch.inference_mode():
        logits = judge(torch.from_numpy(kept_out.evidence), torch.from_numpy(kept_out.attention))
    presence, there = logits.sigmoid().numpy(), kept_out.there
    threshold = round(float(np.quantile(presence[~there], SPECIFICITY)), 3)
    return threshold, {
        "auc_without": auc(kept_out.evidence[:, 0], there),
        "auc": auc(presence, there),
        "sensitivity": round(float((presence[there] >= threshold).mean()), 4),
        "specificity": round(float((presence[~there] < threshold).mean()), 4),
    }


@cache
def _asked(checkpoint: Path) -> tuple[StudentNetwork, SentenceEncoder]:
    """Network without its judge, and encoder: one of each a process."""
    network, card = StudentNetwork.of_checkpoint(checkpoint)
    network.judge = None
    return network.eval().requires_grad_(False), SentenceEncoder.of_checkpoint(checkpoint, card)


def _cases(seed: int, folder: Path, checkpoint: Path) -> Cases:
    """Ask the student for everything in room ``seed`` of which the 2D masks tell, and for things outside of them."""
    room = ShownRoom.of(seed, folder / f"room_{seed:05d}.npz")
    network, encoder = _asked(checkpoint)
    asked = drawn_phrases(np.random.default_rng([13, seed]))
    told = told_of(told_by(room.shown), np.array(class_indices(asked)))
    sure = ~np.isnan(told)
    texts = [phrase.text for phrase, one in zip(asked, sure, strict=True) if one]
    embeddings = torch.from_numpy(encoder.encode(texts))
    voxels = embed_voxels(network, room.coords, room.inputs.astype(np.float32))
    with torch.inference_mode():
        attention = network.projector.attention(embeddings)
        logits = network.mask_logits(voxels, attention @ network.projector.concepts)
        posterior = network.posterior(voxels)
        read = network.evidence(logits, network.claims(posterior, attention), attention, posterior.amax(0))
        return Cases(read.numpy(), attention.numpy(), told[sure] > 0)


def drawn_phrases(rng: np.random.Generator) -> tuple[Phrase, ...]:
    """Phrases for a room: of every class as many that name it as that do not."""
    drawn: list[Phrase] = []
    for kind in CONTEXT_FREE_KINDS:
        phrases = tuple(phrase for phrase in bank("judge") if phrase.kind in (kind, "absent"))
        drawn += [phrases[row] for _ in range(_DRAWS) for row in draw_phrases(phrases, rng)]
    return tuple(drawn)
