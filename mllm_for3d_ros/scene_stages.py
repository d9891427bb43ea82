"""The stages that make the student's training scenes: rooms recorded, labelled, settled and refined.

No 3D label is read, but for scenes of the supervised twin (labels "truth"), of which nothing that is shipped learns.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from mllm_for3d_ros.errors import CheckpointError, TrainingError
from mllm_for3d_ros.evaluation.twin_scenes import make_twin_scene
from mllm_for3d_ros.rooms.instructions import bank
from mllm_for3d_ros.rooms.phrase_bank import class_indices, concepts_of
from mllm_for3d_ros.rooms.views import told_by
from mllm_for3d_ros.seeds import JUDGE, STUDENT, check_seeds
from mllm_for3d_ros.student.fitting import HELD_OUT
from mllm_for3d_ros.student.judge import FILE as JUDGE_FILE
from mllm_for3d_ros.student.judge import Judge
from mllm_for3d_ros.student.prediction import CHECKPOINT as STUDENT_FILE
from mllm_for3d_ros.student.rivalry import settled
from mllm_for3d_ros.student.scene_files import SceneFiles
from mllm_for3d_ros.student.scene_store import RecordedRoom, TrainingScene, make_scene, record_room
from mllm_for3d_ros.student.self_training import SecondOpinion
from mllm_for3d_ros.student.tagging import told_of, without_absent
from mllm_for3d_ros.teachers.compact.teacher import CHECKPOINT as TEACHER_FILE
from mllm_for3d_ros.teachers.compact.teacher import CompactTeacher

PSEUDO, REFINED, TRUTH = "teacher", "refined", "truth"
SCENE_FOLDERS = {PSEUDO: "scenes", REFINED: "scenes_refined", TRUTH: "scenes_truth"}
_SCENE_STAGES = {PSEUDO: "scenes", REFINED: "refine --start FOLDER", TRUTH: "scenes --labels truth"}


def make_scenes(
    work: Path,
    models: Path,
    rooms: int,
    workers: int,
    labels: str = PSEUDO,
    first: int = STUDENT.start,
    tagged: bool = False,
) -> None:
    """Record and label the student's rooms from seed ``first`` on; scenes that exist are kept.

    Args:
        work: "teacher" scenes go to its folder scenes, "truth" to scenes_truth.
        models: folder of the teacher.
        rooms: how many.
        workers: processes.
        labels: "teacher" lifts the teacher's answers; "truth" takes 3D ground truth instead, for the supervised twin
            that the student is compared with.
        first: seed.
        tagged: rooms of the teacher's seeds, in whose views it was not trained, with tags: which classes their 2D
            class masks show. What is tagged as absent loses its labels.
    """
    if labels == REFINED:
        raise TrainingError("scenes are refined by a stage of their own: mllm-for3d train refine --start FOLDER")
    seeds = range(first, first + rooms)
    check_seeds(seeds, JUDGE if tagged else STUDENT, "the student")
    folder = work / SCENE_FOLDERS[labels]
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        if labels == TRUTH:
            jobs = [pool.submit(_twin_scene, seed, folder, work / SCENE_FOLDERS[PSEUDO]) for seed in seeds]
        else:
            jobs = [pool.submit(_scene, seed, folder, models / TEACHER_FILE, tagged) for seed in seeds]
        for job in tqdm(jobs, desc="labelling", unit="scene"):
            job.result()


def refine_scenes(work: Path, start: Path, workers: int) -> None:
    """Mix the answers of the student in ``start`` into the labels of ``work``/scenes, into ``work``/scenes_refined.

    Tags say what is there in scenes that have them, else the judge, where ``work`` has one. Scenes that exist are kept.
    """
    folder = work / SCENE_FOLDERS[REFINED]
    folder.mkdir(parents=True, exist_ok=True)
    paths = scene_paths(work, PSEUDO)
    with ProcessPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        jobs = [pool.submit(_refine, path, folder, start / STUDENT_FILE, work / JUDGE_FILE) for path in paths]
        for job in tqdm(jobs, desc="refining", unit="scene"):
            job.result()


def scene_paths(work: Path, labels: str) -> list[Path]:
    """Files of the training scenes in ``work``, by seed.

    Raises:
        CheckpointError: there are too few.
    """
    folder = work / SCENE_FOLDERS[labels]
    paths = sorted(folder.glob("scene_?????.npz"))
    if len(paths) < HELD_OUT:
        raise CheckpointError(
            f"{len(paths)} labelled scenes in {folder}; run: mllm-for3d train {_SCENE_STAGES[labels]}"
        )
    return paths


@cache
def _labelling_teacher(checkpoint: Path) -> CompactTeacher:
    """One teacher a process."""
    return CompactTeacher.load(checkpoint)


def _scene(seed: int, folder: Path, checkpoint: Path, tagged: bool) -> None:
    path = folder / f"scene_{seed:05d}.npz"
    if not path.exists():
        settled_scene(record_room(seed, bank("train")), checkpoint, tagged).save(path)


def settled_scene(room: RecordedRoom, checkpoint: Path, tagged: bool = False) -> TrainingScene:
    """``room`` with the answers of the teacher in ``checkpoint`` as labels, their claims settled.

    ``tagged``: what its 2D class masks show is known, and what they do not show claims nothing.
    """
    scene = make_scene(room, _labelling_teacher(checkpoint), bank("train"))
    concepts = np.array(class_indices(tuple(bank("train")[row] for row in scene.phrases)))
    if tagged:
        tags = told_by(room.shown)
        scene = without_absent(replace(scene, tags=tags), told_of(tags, concepts))
    return settled(scene, concepts[:, None] == concepts)


def _twin_scene(seed: int, folder: Path, twins_of: Path) -> None:
    path = folder / f"scene_{seed:05d}.npz"
    if not path.exists():
        make_twin_scene(seed, bank("train"), twins_of / path.name).save(path)


@cache
def second_opinion(checkpoint: Path) -> SecondOpinion:
    """The student in ``checkpoint``, one a process."""
    return SecondOpinion.load(checkpoint)


@cache
def _judge(path: Path) -> Judge | None:
    """The judge of ``train judge``, one a process; None where there is none."""
    return Judge.load(path) if path.exists() else None


def _refine(path: Path, folder: Path, checkpoint: Path, judge: Path) -> None:
    target = folder / path.name
    if not target.exists():
        scene = SceneFiles([path], [phrase.text for phrase in bank("train")])[0]
        assert scene.texts is not None
        concepts = concepts_of(str(text) for text in scene.texts)
        second_opinion(checkpoint).refined(scene, _judge(judge), concepts).save(target)
