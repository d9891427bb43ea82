"""The ablation adds steps one by one, and its pages keep what else is in the file."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from mllm_for3d_ros.evaluation import ablation, ablation_pages, report
from mllm_for3d_ros.evaluation.case_pictures import Case, choose_cases, draw_cases
from mllm_for3d_ros.evaluation.lifting_systems import baseline
from mllm_for3d_ros.evaluation.metrics import Overlap, Scored
from mllm_for3d_ros.evaluation.rooms_benchmark import Lifting, Plan, Questions, RoomResult, measure_rooms
from mllm_for3d_ros.evaluation.scoring import Draw, Row
from mllm_for3d_ros.evaluation.simulated_teacher import Faults
from mllm_for3d_ros.lifting.settings import LiftSettings
from mllm_for3d_ros.rooms.instructions import KINDS, RoomInstruction
from mllm_for3d_ros.types import Status

METHOD, BASE = (f"simulated/{name}" for name in ablation.COMPARED)


def made_up(seeds: range) -> list[RoomResult]:
    """Results of the whole plan in which the method has 0.9 and all else 0.3, but in the first room 0.1 and 0.3."""
    plan = ablation.plan(Questions(), "simulated", Faults())
    names = [lifting.prefix + recipe.name for lifting in plan.liftings for recipe in lifting.recipes]
    results = []
    for seed in seeds:
        rows = []
        for kind in KINDS:
            status = Status.NO_TARGET if kind == "absent" else Status.OK
            for name in names:
                percent = (10 if seed == seeds[0] else 90) if name == METHOD else 30
                scored = Scored(status is Status.OK, True, Overlap(percent, 100))
                draws = (Draw(scored, 0.5, 4, 0.1),)
                rows.append(Row(name, seed, RoomInstruction(f"{kind} {seed}", "bed", status, kind), draws))
        results.append(RoomResult(seed, 1000, tuple(rows), {"map": 1.0}, dict.fromkeys(names, "simulated:x")))
    return results


def summed_up(results: list[RoomResult]) -> dict[str, object]:
    content = report.summary(results) | {"frames": 8, "phrases": "validation"}
    return content | {"comparisons": ablation.comparisons(results, ablation.sections("simulated", Faults()))}


def test_each_step_switches_one_more_thing_on() -> None:
    recipes = {recipe.name: recipe for recipe in ablation.recipes()}
    assert recipes["projection@4"] == baseline("projection@4")
    chosen = recipes["view_choice@4"]
    assert chosen.votes == "plain" and chosen.settings.view_choice
    switches = [
        tuple(
            getattr(recipes[f"{step}@16"].settings, name) for name in ("token_attention", "superpoints", "consistency")
        )
        for step in ablation.STEPS[1:]
    ]
    assert switches == [(False, False, False), (True, False, False), (True, True, False), (True, True, True)]
    assert {f"lifted@{views}" for views in (2, 4, 8, 16)} | {"ceiling@4", "ceiling@16"} <= set(recipes)
    assert recipes[ablation.COMPARED[0]].settings == LiftSettings(), "the method as it is shipped"


def test_the_plan_has_the_users_teacher_and_simulated_ones() -> None:
    plan = ablation.plan(Questions(), "compact:file", Faults(wrong_instance=0.1))
    first, second, *alone = plan.liftings
    assert (first.teacher, first.prefix) == ("compact:file", "compact/")
    assert (second.teacher, second.faults.wrong_instance) == ("simulated", 0.1)
    assert {one.prefix for one in alone} == {f"simulated, {title}/" for title in ablation.FAULTS_ALONE}
    assert all(len(one.recipes) == 2 for one in alone)
    names = [lifting.prefix + recipe.name for lifting in plan.liftings for recipe in lifting.recipes]
    assert len(names) == len(set(names))


def test_pages_replace_the_earlier_ones_only(tmp_path: Path) -> None:
    results, sections = made_up(range(3)), ablation.sections("simulated", Faults())
    target = tmp_path / "docs" / "results.md"
    case = Case(tmp_path / "docs" / "images" / "a.jpg", 'Good: "a bed"')
    ablation_pages.write(target, summed_up(results), sections, [case], "command one")
    first = target.read_text()
    assert first.startswith("# Results\n\n<!-- begin") and "command one" in first and "](images/a.jpg)" in first
    target.write_text(first.replace("# Results", "# Figures\n\nMine.") + "\n## After\n")
    ablation_pages.write(target, summed_up(results), sections, [], "command two")
    second = target.read_text()
    assert second.startswith("# Figures\n\nMine.\n\n<!-- begin") and second.endswith("-->\n\n## After\n")
    assert "command one" not in second and second.count("command two") == 1 and "### Cases" not in second
    lines = [line for line in second.splitlines() if line.startswith(("| + consistency", "| up to"))]
    assert [line.split("|")[2].strip() for line in lines] == [*["0.300"] * 6, "0.633"], "the last with most views"
    assert "has 2.111 (0.33–3.00) times" in second
    assert "| 0.633 / - |" in second and "| - / 0.000 |" in second, "by kind; absent ones were all answered"


def test_good_and_bad_cases_are_of_other_rooms_and_kinds() -> None:
    chosen = choose_cases(made_up(range(6)), METHOD, BASE, 4)
    assert [quality for quality, _ in chosen] == ["good", "good", "bad", "bad"]
    assert len({row.seed for _, row in chosen}) == 4 and all(row.present for _, row in chosen)
    assert len({row.instruction.kind for _, row in chosen[:2]}) == 2
    assert [row.iou for _, row in chosen] == [0.9, 0.9, 0.1, 0.9], "only room 0 is bad"


@pytest.mark.slow
def test_cases_are_drawn_small(tmp_path: Path) -> None:
    settings = LiftSettings(views=2)
    method = next(recipe for recipe in ablation.recipes() if recipe.name == ablation.COMPARED[0])
    lifting = Lifting("simulated", (replace(method, settings=settings), baseline("projection@4")), prefix="simulated/")
    plan = Plan(Questions(kinds=("explicit",), absent=0, frames=4), (lifting,))
    results = list(measure_rooms(plan, [9]))
    (case,) = draw_cases(plan, results, METHOD, BASE, tmp_path, 1)
    assert case.path.name == "rooms_good_1.jpg" and case.path.stat().st_size < 150_000
    assert Image.open(case.path).size[0] > 3 * 400 and "room 9" in case.title and "IoU" in case.title
