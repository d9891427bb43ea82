"""What every step of the lifting is worth: the recipes of the ablation, and how they compare.

Steps are added one after the other to the paper's projection-only baseline, all on the views that the whole
method chooses, with a teacher of the user's choice and with a simulated one of set faults.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mllm_for3d_ros.evaluation.lifting_systems import BASELINE_VIEWS, Recipe, baseline
from mllm_for3d_ros.evaluation.report import compare, rows_of
from mllm_for3d_ros.evaluation.rooms_benchmark import SIMULATED, Lifting, Plan, Questions, RoomResult, Scout
from mllm_for3d_ros.evaluation.simulated_teacher import Faults
from mllm_for3d_ros.lifting.settings import LiftSettings

VIEWS = (2, 4, 8, 16)
METHOD_VIEWS = LiftSettings().views
"""Most views that the method asks, unless told otherwise; it stops before that where an answer is settled."""
STEP_VIEWS = (BASELINE_VIEWS, VIEWS[-1])
"""Numbers of views at which the steps are told apart."""
STEPS = ("projection", "view_choice", "token_attention", "superpoints", "lifted")
"""Each with all before it; the last adds consistency and is the whole method."""


def name_of(step: str, views: int) -> str:
    """Name of a recipe: "ceiling" or one of ``STEPS``, with so many views."""
    return f"{step}@{views}"


COMPARED = (name_of("lifted", METHOD_VIEWS), name_of("projection", BASELINE_VIEWS))
"""The method, and the baseline that it is compared with."""


def recipes() -> tuple[Recipe, ...]:
    """All recipes over one teacher."""
    chosen = [_recipe(step, views) for views in STEP_VIEWS for step in STEPS]
    chosen += [_recipe(step, METHOD_VIEWS) for step in ("projection", "lifted") if METHOD_VIEWS not in STEP_VIEWS]
    chosen += [_recipe("lifted", views) for views in VIEWS if views not in (*STEP_VIEWS, METHOD_VIEWS)]
    ceilings = [Recipe(name_of("ceiling", views), LiftSettings(views=views), "ceiling") for views in CEILINGS]
    return tuple(chosen + ceilings)


CEILINGS = tuple(dict.fromkeys((*STEP_VIEWS, METHOD_VIEWS)))


def _recipe(step: str, views: int) -> Recipe:
    name, taken = name_of(step, views), STEPS.index(step)
    if step == "projection":
        return baseline(name, views)
    settings = LiftSettings(
        token_attention=taken >= STEPS.index("token_attention"),
        superpoints=taken >= STEPS.index("superpoints"),
        consistency=step == "lifted",
        views=views,
    )
    return Recipe(name, settings, "plain" if step == "view_choice" else "lifted")


@dataclass(frozen=True)
class Section:
    """What the ablation measures with one teacher. title: for people. prefix: of the names of its recipes."""

    title: str
    prefix: str
    teacher: str
    faults: Faults


def sections(teacher: str, faults: Faults) -> tuple[Section, ...]:
    """All steps: with ``teacher``, unless that is the simulated one, and with a simulated one of ``faults``."""
    simulated = Section("Simulated teacher", f"{SIMULATED}/", SIMULATED, faults)
    if teacher == SIMULATED:
        return (simulated,)
    name = teacher.partition(":")[0]
    return Section(f"Teacher {name}", f"{name}/", teacher, faults), simulated


FAULTS_ALONE = {
    "hallucination 0.2": Faults(miss=0.0, ragged=0.0),
    "miss 0.2": Faults(hallucination=0.0, ragged=0.0),
    "wrong instance 0.3": Faults(hallucination=0.0, miss=0.0, wrong_instance=0.3, ragged=0.0),
    "ragged edges 4 px": Faults(hallucination=0.0, miss=0.0, ragged=4.0),
    "all of these": Faults(wrong_instance=0.3, ragged=4.0),
}
"""Faults of simulated teachers with which the method is compared with projection-only, and nothing else."""


def fault_sections() -> tuple[Section, ...]:
    """One for each of ``FAULTS_ALONE``."""
    return tuple(Section(title, f"{SIMULATED}, {title}/", SIMULATED, faults) for title, faults in FAULTS_ALONE.items())


def plan(questions: Questions, teacher: str, faults: Faults, scout: Scout = "auto", device: str = "auto") -> Plan:
    """All recipes with each of ``sections``, the method and the baseline with each of ``fault_sections``."""
    few = tuple(recipe for recipe in recipes() if recipe.name in COMPARED)
    liftings = [Lifting(one.teacher, recipes(), one.faults, scout, one.prefix) for one in sections(teacher, faults)]
    liftings += [Lifting(one.teacher, few, one.faults, scout, one.prefix) for one in fault_sections()]
    return Plan(questions, tuple(liftings), device=device)


def comparisons(results: Sequence[RoomResult], shown: Sequence[Section]) -> dict[str, dict[str, Any]]:
    """By prefix: the method over projection-only, and few chosen views over many; see ``report.compare``."""
    rows, (method, base) = rows_of(results), COMPARED
    few, many = (name_of("lifted", views) for views in STEP_VIEWS)
    return {
        one.prefix: {
            "lifted_over_projection": compare(rows[one.prefix + method], rows[one.prefix + base]),
            "four_over_sixteen_views": compare(rows[one.prefix + few], rows[one.prefix + many]),
        }
        for one in shown
    }
