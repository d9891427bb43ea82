"""Fixtures that several folders share."""

import os

import pytest
from hypothesis import settings

# Of an installation, not of this checkout: collected where it is named, as `colcon test` does.
collect_ignore = ["installed"]

# Tiny models are slower on several threads than on one, many times so on a busy machine.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# A test that fails on a busy machine only would tell nothing.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

_OVER_DDS = {"nodes", "examples", "bench"}
"""Folders whose tests start nodes: with several workers they go to one, so that the nodes have a core to themselves."""


def pytest_collection_modifyitems(config, items):
    """Keep tests with nodes together where pytest-xdist shares the tests out (``--dist loadgroup``)."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    root = config.rootpath / "test"
    for item in items:
        if item.path.is_relative_to(root) and item.path.relative_to(root).parts[0] in _OVER_DDS:
            item.add_marker(pytest.mark.xdist_group("nodes"))


@pytest.fixture(scope="session")
def encoder():
    """The real sentence encoder, loaded once."""
    from mllm_for3d_ros.language.sentence_encoder import SentenceEncoder

    return SentenceEncoder.load()


@pytest.fixture
def text_head():
    """An untrained text head of the size of the vocabulary."""
    import torch

    from mllm_for3d_ros.language.text_head import TextHead
    from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES

    torch.manual_seed(0)
    return TextHead(len(CLASS_NAMES))
