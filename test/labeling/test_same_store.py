"""The store of the real compact teacher does not depend on the number of threads or the size of batches."""

import pytest
import torch
from label_support import files, wall_bag
from threadpoolctl import threadpool_limits

from mllm_for3d_ros.cli import main as cli
from mllm_for3d_ros.lifting.label_store import LabelStore

TEXTS = ("the wall", "a red picture", "the sofa")


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return wall_bag(tmp_path_factory.mktemp("bags") / "wall", frames=8)


def stored(bag, folder, threads: int, batch_size: int) -> dict[str, bytes]:
    """The files of a run, whose answers nobody has stored before."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            status = cli.main(
                ["label", str(bag), "--instructions", *TEXTS, "--batch-size", str(batch_size), "--no-report", "--quiet",
                 "--out", str(folder / "out"), "--cache", str(folder / "cache")]
            )  # fmt: skip
    finally:
        torch.set_num_threads(before)
    assert status == 0
    return files(folder / "out")


@pytest.fixture(scope="module")
def expected(tmp_path_factory, bag):
    folder = tmp_path_factory.mktemp("expected")
    found = stored(bag, folder, threads=1, batch_size=1)
    store = LabelStore.open(folder / "out" / "wall")
    assert any(record.counts for text in TEXTS for record in store.records(text))  # some views have masks
    return found


@pytest.mark.parametrize(("threads", "batch_size"), [(2, 1), (1, 8), (2, 8)])
def test_threads_and_batches_leave_the_store_as_it_is(tmp_path, bag, expected, threads, batch_size):
    assert stored(bag, tmp_path, threads, batch_size) == expected
