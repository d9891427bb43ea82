"""Who may use which rooms."""

import pytest

from mllm_for3d_ros.seeds import STUDENT, TEACHER, VALIDATION, SeedError, check_seeds


def test_teacher_student_and_validation_rooms_are_disjoint_and_end_before_the_users():
    ranges = [set(TEACHER), set(STUDENT), set(VALIDATION)]
    assert sum(map(len, ranges)) == len(set.union(*ranges))
    assert max(max(r) for r in ranges) < 20000


@pytest.mark.parametrize("seeds", [range(4990, 5010), range(3)])
def test_foreign_seeds_are_refused(seeds):
    with pytest.raises(SeedError, match="the student uses room seeds 5000 to 9999"):
        check_seeds(seeds, STUDENT, "the student")
