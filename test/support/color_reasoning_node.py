"""The reasoning node with the stand-in student, which finds voxels by the name of their colour."""

import sys
from collections.abc import Callable

from student_support import ColorStudent

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.errors import CheckpointError
from mllm_for3d_ros.nodes.model import ModelChoice
from mllm_for3d_ros.nodes.reasoning_node import main


class FragileStudent(ColorStudent):
    """Fails when it is asked to."""

    def respond(self, scene, instruction):  # type: ignore[no-untyped-def]
        if "explode" in instruction:
            raise ZeroDivisionError("as asked\nfor")
        return super().respond(scene, instruction)


def load(choice: ModelChoice, say: Callable[[str], object]) -> Answerer:
    if choice.checkpoint is not None:
        raise CheckpointError(f"{choice.checkpoint} is not there: give another path")
    return Answerer(FragileStudent())


if __name__ == "__main__":
    sys.exit(main(answerer_factory=load))
