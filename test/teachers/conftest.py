"""Makes the helpers of test/support importable; taught Qwen checkpoints, made once."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))


@pytest.fixture(scope="session")
def taught_qwen(tmp_path_factory):
    """Checkpoint folders by model type, see ``tiny_qwen.taught_answers``; each is taught when first asked for."""
    from tiny_qwen import save_tiny_qwen

    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = save_tiny_qwen(tmp_path_factory.mktemp(kind), kind)
        return made[kind]

    return folder
