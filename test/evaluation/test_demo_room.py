import json
from pathlib import Path

import numpy as np

from mllm_for3d_ros.evaluation import demo_room
from mllm_for3d_ros.evaluation.demo_room import choose_questions, prepare_room, score_points
from mllm_for3d_ros.rooms.instructions import bank
from mllm_for3d_ros.rooms.recording import GroundTruth
from mllm_for3d_ros.rooms.room import Room, make_room
from mllm_for3d_ros.rooms.vocabulary import class_index
from mllm_for3d_ros.types import Status


def shown(room: Room) -> GroundTruth:
    """The truth of a recording that shows 100 voxels of each object."""
    ids = np.repeat([thing.instance_id for thing in room.objects], 100)
    classes = np.repeat([thing.class_index for thing in room.objects], 100)
    keys = np.column_stack([np.arange(len(ids)), 0 * ids, 0 * ids]).astype(np.int32)
    return GroundTruth(keys, ids.astype(np.int32), classes.astype(np.int32), 0.025)


def test_questions_are_a_draw_by_seed_from_the_held_out_phrasings() -> None:
    held_out = {phrase.text: phrase for phrase in bank("validation")}
    kinds = set()
    for seed in range(10000, 10008):
        room = make_room(seed)
        questions = choose_questions(room, shown(room))
        assert questions == choose_questions(room, shown(room))
        asked = [q for q in questions if q.status is Status.OK]
        assert questions[: len(asked)] == asked and len(questions) == len(asked) + 1 >= 6
        assert len({q.class_name for q in asked}) == min(8, len(room.classes))
        assert all(held_out[q.text].class_name == q.class_name for q in questions)
        assert questions[-1].class_name not in room.classes
        kinds |= {q.kind for q in asked}
    assert kinds == {"explicit", "implicit"}


def test_iou_is_over_all_that_the_recording_saw() -> None:
    keys = np.array([[0, 0, i] for i in range(10)], np.int32)
    classes = np.where(np.arange(10) < 4, class_index("sofa"), -1).astype(np.int32)
    truth = GroundTruth(keys, np.where(classes >= 0, 3, 0).astype(np.int32), classes, 0.1)
    points = (keys[2:6] + 0.5).astype(np.float32) * 0.1
    assert score_points(points, truth, (3,)).iou == 2 / 6
    beyond = np.concatenate([points, points, [[50.0, 0, 0]]])
    assert score_points(beyond, truth, (3,)).iou == 2 / 7
    assert score_points(points[:0], truth, (3,)).iou == 0.0


def test_a_second_run_takes_the_recording_that_is_there(tmp_path: Path, monkeypatch) -> None:
    home = tmp_path / f"room_10000_3_0.025_{demo_room._code_version()}"
    (home / "recording").mkdir(parents=True)
    truth = {"keys": np.zeros((99, 3), np.int32), "instance_id": np.ones(99, np.int32)}
    np.savez(home / "truth.npz", **truth, class_index=np.zeros(99, np.int32), voxel_size=0.025)
    (home / "room.json").write_text(json.dumps({"seed": 10000, "frames": 3}))
    room = prepare_room(tmp_path, 10000, 3, 0.025)
    assert (room.seed, room.frames, len(room.truth)) == (10000, 3, 99)
