"""Kernel maps: the engine's against plain torch's and against looking in a dictionary."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scattered import scattered

from mllm_for3d_ros.student.sparse import build_levels
from mllm_for3d_ros.student.sparse.engine import engine
from mllm_for3d_ros.student.sparse.keys import OFFSETS, EngineIndex, TorchIndex, batched

scenes = st.builds(
    scattered,
    count=st.integers(1, 400),
    seed=st.integers(0, 1000),
    extent=st.sampled_from([2, 7, 200]),
    lowest=st.sampled_from([-100_000, -3, 0, 9]),
    batches=st.integers(0, 3),
)


@given(coords=scenes)
@settings(max_examples=40, deadline=None)
def test_engine_and_torch_find_the_same(coords):
    coords = batched(coords)
    ours, theirs = EngineIndex(coords, engine()), TorchIndex(coords)
    assert torch.equal(ours.neighbours(), theirs.neighbours())
    coarse, parent = ours.coarsen()
    assert all(torch.equal(a, b) for a, b in zip((coarse, parent), theirs.coarsen(), strict=True))
    strided = zip(ours.strided(parent, len(coarse)), theirs.strided(parent, len(coarse)), strict=True)
    assert all(torch.equal(a, b) for a, b in strided)


@given(coords=scenes)
@settings(max_examples=20, deadline=None)
def test_neighbours_are_those_of_a_dictionary(coords):
    coords = batched(coords)
    row = {tuple(c): i for i, c in enumerate(coords.tolist())}
    expected = [[row.get((b, x + dx, y + dy, z + dz), -1) for b, x, y, z in row] for dx, dy, dz in OFFSETS]
    level = build_levels(coords, 1)[0]
    assert level.submanifold.table.tolist() == expected


@given(coords=scenes)
@settings(max_examples=20, deadline=None)
def test_a_parent_is_the_voxel_twice_as_large_around_its_child(coords):
    fine, coarse = build_levels(coords, 2)
    halved = fine.coords.clone()
    halved[:, 1:] = torch.div(halved[:, 1:], 2, rounding_mode="floor")
    assert torch.equal(coarse.coords[fine.parent.long()], halved)
    assert len(torch.unique(coarse.coords, dim=0)) == len(coarse)


@given(coords=scenes)
@settings(max_examples=20, deadline=None)
def test_pairs_are_the_entries_of_the_table_in_the_order_of_output_rows(coords):
    compiled = engine()
    kernel_map = build_levels(coords, 1)[0].submanifold
    rows_in, rows_out, starts = kernel_map.pairs(compiled).tensors
    assert int(starts[-1]) == kernel_map.count == len(rows_in) == len(rows_out)
    expected = []
    for first in range(0, kernel_map.rows_out, compiled.block_rows):
        block = kernel_map.table[:, first : first + compiled.block_rows]
        for k, row in torch.nonzero(block >= 0).tolist():
            expected.append((int(block[k, row]), row + first))
    assert list(zip(rows_in.tolist(), rows_out.tolist(), strict=True)) == expected


@given(coords=scenes, data=st.data())
@settings(max_examples=20, deadline=None)
def test_links_of_chosen_rows_give_the_pairs_of_their_table(coords, data):
    compiled, table = engine(), build_levels(coords, 1)[0].submanifold.table
    rows = data.draw(st.lists(st.integers(0, table.shape[1] - 1), unique=True, min_size=1))
    links, chosen = (table + 1).T.contiguous(), torch.tensor(sorted(rows))
    found, expected = compiled.pairs(links, chosen), compiled.pairs(table[:, chosen].contiguous())
    assert (found.offsets, found.rows_out) == (expected.offsets, expected.rows_out)
    assert all(torch.equal(a, b) for a, b in zip(found.tensors, expected.tensors, strict=True))


def test_an_adjoint_map_has_the_same_pairs_swapped():
    level = build_levels(scattered(80), 2)[0]
    swapped = [(rows_out.sort().values, rows_in.sort().values) for rows_in, rows_out in level.down.lists]
    mirrored = [(rows_in.sort().values, rows_out.sort().values) for rows_in, rows_out in level.up.lists]
    assert all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(swapped, mirrored, strict=True))
    assert level.down.adjoint is level.up
    assert level.up.adjoint is level.down
    assert level.submanifold.adjoint is level.submanifold


def test_maps_of_a_level_are_made_once():
    level = build_levels(scattered(50), 2)[0]
    assert level.submanifold is level.submanifold
    assert level.coarser is level.coarser
    assert level.down is level.down


@pytest.mark.parametrize(
    ("coords", "message"),
    [
        (torch.zeros(0, 3), "N >= 1"),
        (torch.zeros(2, 2), "N >= 1"),
        (torch.zeros(2, 3, dtype=torch.int32), "must be unique"),
        (torch.tensor([[1 << 20, 0, 0]]), "shift the cloud"),
        (torch.tensor([[8, -1, -1, -1], [0, *[(1 << 19) - 3] * 3], [0, *[3 - (1 << 19)] * 3]]), "62 bit key"),
    ],
)
def test_unfit_coordinates_are_refused(coords, message):
    with pytest.raises(ValueError, match=message):
        build_levels(coords, 2)
    if "key" in message or "unique" in message:
        with pytest.raises(ValueError, match=message):
            TorchIndex(batched(coords))
