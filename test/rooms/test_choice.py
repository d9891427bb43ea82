"""What a room is asked: fair, unambiguous, of every kind, and with the right objects as targets."""

from collections import Counter
from functools import lru_cache

import numpy as np
import pytest

from mllm_for3d_ros.rooms.choice import choose_instructions, stated_rule
from mllm_for3d_ros.rooms.instructions import KINDS, Phrase, bank
from mllm_for3d_ros.rooms.nouns import nouns, plural
from mllm_for3d_ros.rooms.recording import GroundTruth
from mllm_for3d_ros.rooms.room import Room, make_room
from mllm_for3d_ros.rooms.rules import RULES, Rule
from mllm_for3d_ros.rooms.seen_things import SeenThings
from mllm_for3d_ros.rooms.templates import templates
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
from mllm_for3d_ros.types import Status

SEEDS = range(3, 15)


@lru_cache(maxsize=16)
def shown(seed: int) -> tuple[Room, GroundTruth]:
    """A room and the truth of a recording that shows 100 voxels of each object but the first."""
    room = make_room(seed)
    ids = np.repeat([thing.instance_id for thing in room.objects[1:]], 100).astype(np.int32)
    classes = np.repeat([thing.class_index for thing in room.objects[1:]], 100).astype(np.int32)
    keys = np.column_stack([np.arange(len(ids)), 0 * ids, 0 * ids]).astype(np.int32)
    return room, GroundTruth(keys, ids, classes, 0.025)


def asked(seed: int, source="validation", **more):
    return choose_instructions(*shown(seed), source, np.random.default_rng(0), **more)


@pytest.mark.parametrize("seed", SEEDS)
def test_questions_are_fair(seed):
    room, truth = shown(seed)
    seen = SeenThings.of(room, truth)
    instructions = asked(seed, per_class=2)
    for name in seen.classes:
        for kind in ("explicit", "implicit"):
            mine = [one for one in instructions if one.class_name == name and one.kind == kind]
            assert len(mine) == 2
            assert {one.instances for one in mine} == {tuple(t.instance_id for t in seen.noticed(name))}
    classes = {thing.instance_id: thing.class_name for thing in room.objects}
    for one in instructions:
        assert (one.status is Status.OK) == bool(one.instances)
        assert all(classes[number] == one.class_name for number in one.instances)
        if one.kind in ("explicit", "implicit") and one.status is Status.NO_TARGET:
            assert one.class_name not in room.classes
        if one.kind in ("attribute", "relational"):
            assert len(one.instances) < len(seen.noticed(one.class_name)) or len(one.instances) == 1
    texts = [one.text.casefold() for one in instructions]
    assert len(texts) == len(set(texts)) and not any("{" in text or "None" in text for text in texts)


def test_every_kind_and_most_rules_come_up():
    kinds = Counter(one.kind for seed in SEEDS for one in asked(seed))
    assert set(kinds) == set(KINDS)
    assert kinds["attribute"] >= 2 * len(SEEDS) and kinds["relational"] >= 2 * len(SEEDS)


def test_choice_is_reproducible_and_restricted_to_kinds():
    assert asked(4) == asked(4)
    assert {one.kind for one in asked(4, kinds=("attribute",))} == {"attribute"}
    assert len(asked(4, kinds=("attribute",), per_kind=2)) == 2
    assert len(asked(4, kinds=("attribute",), per_kind=0)) > 4


def test_zero_asks_everything():
    room, truth = shown(4)
    name = SeenThings.of(room, truth).classes[0]
    phrases = [Phrase(name, f"phrase {n}", "explicit") for n in range(5)] + [Phrase(None, "a dragon", "absent")]
    assert len(asked(4, phrases, per_class=0, absent=0)) == 6


def test_foreign_phrases_are_judged_by_the_same_rules():
    made = [one for one in asked(4, per_kind=0, kinds=("attribute", "relational")) if one.text.startswith("the ")]
    assert made
    foreign = tuple(Phrase(one.class_name, one.text, one.kind) for one in made)
    judged = {one.text: one.instances for one in asked(4, foreign, per_kind=0)}
    assert all(judged.get(one.text, one.instances) == one.instances for one in made)


@pytest.mark.parametrize(
    ("kind", "text", "rule"),
    [
        ("attribute", "the red armchair", Rule("color", color="red")),
        ("attribute", "bring me the biggest box", Rule("largest")),
        ("attribute", "the big red box, the biggest", None),
        ("attribute", "the comfy chair", None),
        ("relational", "the chair nearest to the fridge", Rule("nearest", anchor="refrigerator")),
        ("relational", "chair closest to a washing machine", Rule("nearest", anchor="washing_machine")),
        ("relational", "the mug on top of the chest of drawers", Rule("on", anchor="dresser")),
        ("relational", "the plant left of the bed seen from the door", Rule("left_of", anchor="bed", viewpoint="door")),
        ("relational", "the plant left of the bed", None),
        ("relational", "the plant in the corner", None),
    ],
)
def test_plain_words_tell_the_rule(kind, text, rule):
    assert stated_rule(Phrase("plant", text, kind)) == rule


def test_a_rule_given_with_a_phrase_comes_before_its_words():
    given = Rule("nearest", anchor="door")
    assert stated_rule(Phrase("chair", "the red chair", "relational", given)) == given


def test_templates_are_many_and_the_splits_are_worded_apart():
    train, held_out = templates("train"), templates("validation")
    assert len(train) >= 50 and len(held_out) >= 25
    assert {one.rule for one in train} == {one.rule for one in held_out} == set(RULES)
    assert not {one.text for one in train} & {one.text for one in held_out}


def test_every_class_has_nouns_and_plurals():
    for split in ("train", "validation"):
        assert all(nouns(split)[name] for name in CLASS_NAMES)
    assert (plural("bookshelf"), plural("chest of drawers"), plural("couch")) == (
        "bookshelves", "chests of drawers", "couches",
    )  # fmt: skip


def test_templates_do_not_repeat_the_bank():
    texts = {phrase.text.casefold() for phrase in bank("train")}
    filled = {one.text.casefold() for seed in (3, 4) for one in asked(seed, kinds=("attribute", "relational"))}
    assert not texts & filled
