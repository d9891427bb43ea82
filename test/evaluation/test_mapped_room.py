"""The truth of a recording lies on its map."""

import numpy as np

from mllm_for3d_ros.evaluation.mapped_room import MappedRoom, align


def test_truth_lies_on_the_map(room: MappedRoom) -> None:
    assert len(room.class_index) == len(room.known) == len(room.cloud)
    mapped, total = (np.bincount(ids, minlength=512) for ids in (room.instance_id, room.truth.instance_id))
    assert (mapped <= total)[1:].all() and mapped[1:].sum() > 0.99 * total[1:].sum()
    assert room.known.mean() > 0.99 and (room.instance_id[~room.known] == 0).all()
    assert room.seen and set(room.seen) <= set(room.present)


def test_unknown_voxels_have_no_truth(room: MappedRoom) -> None:
    truth = room.truth
    empty = type(truth)(truth.keys[:0], truth.instance_id[:0], truth.class_index[:0], 0.025)
    assert (align(empty, room.cloud) == -1).all()
    half = type(truth)(truth.keys[::2], truth.instance_id[::2], truth.class_index[::2], 0.025)
    row = align(half, room.cloud)
    assert 0.3 < (row >= 0).mean() < 0.7
    assert np.array_equal(half.instance_id[row[row >= 0]], room.instance_id[row >= 0])


def test_visibility_is_of_all_frames_and_all_voxels(room: MappedRoom) -> None:
    assert len(room.lift_scene) == len(room.cloud) and len(room.lift_scene.visibility) == len(room.frames) == 8
    assert room.lift_scene is room.lift_scene
