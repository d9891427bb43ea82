"""Recordings of synthetic rooms: reproducible frames and voxel ground truth."""

import numpy as np
import pytest

from mllm_for3d_ros.errors import VocabularyError
from mllm_for3d_ros.rooms.recording import EPOCH_NS, RoomsRecording, _pack, _unpack
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES, class_index


@pytest.fixture(scope="module")
def recording() -> RoomsRecording:
    return RoomsRecording(9, frames=6, width=160, height=120)


MAX_DEPTH = 4.0  # the default of ground_truth and of the mapper


def keys_of(recording: RoomsRecording, index: int, voxel: float = 0.025) -> tuple[np.ndarray, np.ndarray]:
    frame = recording[index]
    v, u = np.nonzero((frame.depth > 0) & (frame.depth <= MAX_DEPTH))
    z = frame.depth[v, u].astype(np.float64)
    rays = np.column_stack([u, v, np.ones(len(u))]) @ np.linalg.inv(frame.intrinsics.matrix).T
    points = (rays * z[:, None]) @ frame.camera_to_world[:3, :3].T + frame.camera_to_world[:3, 3]
    return np.floor(points / voxel).astype(np.int32), recording.instances[index][v, u]


def test_frames_are_reproducible_and_stamped(recording):
    again = RoomsRecording(9, frames=6, width=160, height=120)
    frames = list(recording)
    assert [frame.stamp_ns - EPOCH_NS for frame in frames] == [k * 200_000_000 for k in range(6)]
    for frame, other in zip(frames, again, strict=True):
        assert np.array_equal(frame.color, other.color) and np.array_equal(frame.depth, other.depth)
        assert np.array_equal(frame.camera_to_world, other.camera_to_world)


def test_depth_is_whole_millimetres(recording):
    depth = recording[0].depth
    millimetres = np.rint(depth * 1000).astype(np.uint16)
    assert np.array_equal(millimetres.astype(np.float32) * np.float32(0.001), depth)


def test_ground_truth_covers_the_seen_voxels_once(recording):
    truth = recording.ground_truth()
    assert truth.keys.dtype == np.int32 and truth.instance_id.dtype == np.int32 and truth.class_index.dtype == np.int32
    assert len(np.unique(truth.keys, axis=0)) == len(truth)
    seen = np.unique(np.concatenate([keys_of(recording, k)[0] for k in range(6)]), axis=0)
    known = set(map(tuple, truth.keys))
    missing = [key for key in map(tuple, seen) if key not in known]
    assert len(missing) <= 1e-3 * len(seen) and abs(len(seen) - len(truth)) <= 1e-3 * len(seen)


def test_ground_truth_takes_the_majority(recording):
    truth = recording.ground_truth(voxel_size=0.1)
    pairs = [keys_of(recording, k, 0.1) for k in range(6)]
    keys, ids = np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])
    for row in np.random.default_rng(0).choice(len(truth), 25, replace=False):
        votes = np.bincount(ids[(keys == truth.keys[row]).all(1)], minlength=1)
        assert votes[truth.instance_id[row]] >= votes.max() - 2


def test_class_masks_partition_the_labelled_voxels(recording):
    truth = recording.ground_truth()
    total = sum(truth.class_mask(name).sum() for name in CLASS_NAMES)
    assert total == (truth.class_index >= 0).sum() > 0
    assert (truth.class_index[truth.instance_id == 0] == -1).all()
    classes = {thing.instance_id: thing.class_index for thing in recording.room.objects}
    assert all(classes[i] == c for i, c in zip(truth.instance_id, truth.class_index, strict=True) if i > 0)
    name = recording.room.classes[0]
    assert np.array_equal(recording.class_mask(name), truth.class_index == class_index(name))
    with pytest.raises(VocabularyError):
        truth.class_mask("couch")


def test_max_depth_limits_the_voxels(recording):
    near, far = recording.ground_truth(max_depth=1.5), recording.ground_truth()
    assert 0 < len(near) < len(far)


def test_voxel_packing_round_trips():
    keys = np.random.default_rng(0).integers(-100_000, 100_000, (500, 3))
    assert np.array_equal(_unpack(_pack(keys)), keys)


def test_pose_noise_changes_the_poses_and_nothing_else(recording):
    noisy = RoomsRecording(9, frames=6, width=160, height=120, pose_noise=(0.03, 0.02))
    for frame, other in zip(recording, noisy, strict=True):
        assert np.array_equal(frame.color, other.color) and np.array_equal(frame.depth, other.depth)
        assert not np.array_equal(frame.camera_to_world, other.camera_to_world)
    one, two = recording.ground_truth(), noisy.ground_truth()
    assert np.array_equal(one.keys, two.keys) and np.array_equal(one.instance_id, two.instance_id)


def test_frame_numbers_beyond_the_end():
    with pytest.raises(IndexError):
        RoomsRecording(9, frames=1, width=32, height=24)[1]
    with pytest.raises(ValueError, match="at least 1"):
        RoomsRecording(9, frames=0)
