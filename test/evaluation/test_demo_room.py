import json
from pathlib import Path

import numpy as np

from mllm_for3d_ros.evaluation import demo_room
from mllm_for3d_ros.evaluation.demo_room import choose_questions, prepare_room, score_points
from mllm_for3d_ros.rooms.instructions import bank
from mllm_for3d_ros.rooms.recording import GroundTruth
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES, class_index
from mllm_for3d_ros.types import Status


def test_questions_are_a_draw_by_seed_from_the_held_out_phrasings() -> None:
    held_out = {phrase.text: phrase for phrase in bank("validation")}
    kinds = set()
    for seed in range(10000, 10020):
        questions = choose_questions(CLASS_NAMES[:12], CLASS_NAMES[:10], seed)
        assert questions == choose_questions(CLASS_NAMES[:12], CLASS_NAMES[:10], seed)
        assert [q.status for q in questions] == [Status.OK] * 8 + [Status.NO_TARGET]
        assert len({q.class_name for q in questions[:8]}) == 8
        assert all(held_out[q.text].class_name == q.class_name for q in questions)
        assert questions[-1].class_name not in CLASS_NAMES[:12]
        kinds |= {q.kind for q in questions[:8]}
    assert kinds == {"explicit", "implicit"}


def test_a_room_with_few_things_is_asked_more_about_each() -> None:
    questions = choose_questions(["sofa", "lamp"], ["sofa", "lamp"], 10000)
    assert len(questions) >= 6 and questions[-1].status is Status.NO_TARGET


def test_iou_is_over_all_that_the_recording_saw() -> None:
    keys = np.array([[0, 0, i] for i in range(10)], np.int32)
    classes = np.where(np.arange(10) < 4, class_index("sofa"), -1).astype(np.int32)
    truth = GroundTruth(keys, np.zeros(10, np.int32), classes, 0.1)
    points = (keys[2:6] + 0.5).astype(np.float32) * 0.1
    assert score_points(points, truth, "sofa").iou == 2 / 6
    beyond = np.concatenate([points, points, [[50.0, 0, 0]]])
    assert score_points(beyond, truth, "sofa").iou == 2 / 7
    assert score_points(points[:0], truth, "sofa").iou == 0.0


def test_a_second_run_takes_the_recording_that_is_there(tmp_path: Path, monkeypatch) -> None:
    home = tmp_path / f"room_10000_3_0.025_{demo_room._code_version()}"
    (home / "recording").mkdir(parents=True)
    truth = {"keys": np.zeros((99, 3), np.int32), "instance_id": np.ones(99, np.int32)}
    np.savez(home / "truth.npz", **truth, class_index=np.zeros(99, np.int32), voxel_size=0.025)
    (home / "room.json").write_text(json.dumps({"frames": 3, "present": ["sofa", "bed"]}))
    room = prepare_room(tmp_path, 10000, 3, 0.025)
    assert (room.frames, room.present, room.seen) == (3, ("sofa", "bed"), ("sofa",))
