"""The stage of the judge: rooms with 2D class masks, labelled by teacher and student, and what their labels tell."""

from __future__ import annotations

import datetime
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from mllm_for3d_ros.checkpoint import read_card, save_checkpoint
from mllm_for3d_ros.rooms.instructions import bank
from mllm_for3d_ros.rooms.phrase_bank import concepts_of
from mllm_for3d_ros.rooms.views import told_by
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
from mllm_for3d_ros.scene_stages import second_opinion, settled_scene
from mllm_for3d_ros.seeds import JUDGE, check_seeds
from mllm_for3d_ros.student.judge import FILE, fit_judge
from mllm_for3d_ros.student.prediction import CHECKPOINT as STUDENT_FILE
from mllm_for3d_ros.student.scene_store import TrainingScene, record_room
from mllm_for3d_ros.teachers.compact.teacher import CHECKPOINT as TEACHER_FILE

FOLDER = "judge_scenes"
ROOMS = 180
_HELD_OUT = 7
"""Every so manieth room tells how good a judge is that was fitted without them."""


def train_judge(work: Path, models: Path, start: Path, rooms: int, workers: int, seed: int) -> dict[str, float]:
    """Label rooms of the teacher's seeds, fit a judge on what their 2D masks show, and write it to ``work``.

    Scenes that exist are kept. ``start`` holds the student whose answers the judge reads beside the lifted ones.
    Returns areas under the curve of presence on kept-out rooms, as refined without and as judged.
    """
    seeds = range(JUDGE.start, JUDGE.start + rooms)
    check_seeds(seeds, JUDGE, "the judge")
    folder = work / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        jobs = [pool.submit(_read, room, folder, models / TEACHER_FILE, start / STUDENT_FILE) for room in seeds]
        found = [job.result() for job in tqdm(jobs, desc="labelling", unit="room")]
    figures = _figures(found, seed)
    judge = fit_judge(*_joined(found), seed)
    card = {
        "kind": "judge",
        "date": datetime.date.today().isoformat(),
        "command": f"mllm-for3d train judge --rooms {rooms} --seed {seed} --start FOLDER",
        "data": f"{rooms} Rooms recordings from seed {JUDGE.start} on, 2D class masks of their views",
        "student": read_card(start / STUDENT_FILE)["sha256"][:16],
        "figures": figures,
        "licence": "Apache-2.0",
    }
    save_checkpoint(work / FILE, judge.state_dict(), card)
    return figures


_Read = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Of the instructions of a room that are sure: evidence [N, E], concepts [N, C] (see ``fit_judge``), whether they are
there [N], presence as refined [N]."""


def _joined(found: list[_Read]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    evidence, concepts, there, _ = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return evidence, concepts, there


def _figures(found: list[_Read], seed: int) -> dict[str, float]:
    """See ``train_judge``; nothing where there are too few rooms to keep some out."""
    kept_out, rest = found[::_HELD_OUT], [one for row, one in enumerate(found) if row % _HELD_OUT]
    if not rest:
        return {}
    evidence, concepts, there = _joined(kept_out)
    judged = fit_judge(*_joined(rest), seed).presence(evidence, concepts.argmax(1))
    refined = np.concatenate([one[3] for one in kept_out])
    return {"auc_refined": auc(refined, there), "auc_judged": auc(judged, there)}


def auc(presence: np.ndarray, there: np.ndarray) -> float:
    """Area under the curve: how often a thing that is there gets more ``presence`` [N] than one that is not."""
    order = np.argsort(np.argsort(presence, kind="stable"))
    count = int(there.sum())
    if not 0 < count < len(there):
        return float("nan")
    return round(float((order[there].mean() - (count - 1) / 2) / (len(there) - count)), 4)


def _read(seed: int, folder: Path, teacher: Path, student: Path) -> _Read:
    """Label room ``seed``, or take it as it lies in ``folder``, and read what a judge reads."""
    path, shown_path = folder / f"scene_{seed:05d}.npz", folder / f"shown_{seed:05d}.npy"
    if not (path.exists() and shown_path.exists()):
        room = record_room(seed, bank("train"))
        np.save(shown_path, room.shown)
        settled_scene(room, teacher).save(path)
    scene, shown = TrainingScene.load(path), np.load(shown_path)
    assert scene.texts is not None
    concepts = concepts_of(str(text) for text in scene.texts)
    evidence, presence = second_opinion(student).evidence(scene, concepts)
    told = np.append(told_by(shown), np.nan)[concepts]
    sure = ~np.isnan(told)
    meant = np.eye(len(CLASS_NAMES), dtype=np.float32)[concepts[sure]]
    return evidence[sure], meant, told[sure] > 0, presence[sure]
