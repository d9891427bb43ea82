"""The reasoning node with stand-ins that find things by the name of their colour: a student, and a teacher "color"."""

import sys
from collections.abc import Callable

from color_teacher import ColorTeacher
from student_support import ColorStudent

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.errors import CheckpointError, TeacherError
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


def teacher(name: str, device: str) -> Callable[[], ColorTeacher]:
    if name != "color":
        raise TeacherError(f"there is no teacher {name!r}: give color")
    return ColorTeacher


if __name__ == "__main__":
    sys.exit(main(answerer_factory=load, teacher_factory=teacher))
