"""The instructions of a room, drawn from a bank of phrases and from templates, with the objects they ask for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mllm_for3d_ros.rooms.instructions import CONTEXT_FREE_KINDS, KINDS, Phrase, RoomInstruction, Split, bank
from mllm_for3d_ros.rooms.recording import GroundTruth
from mllm_for3d_ros.rooms.relations import select
from mllm_for3d_ros.rooms.room import Room
from mllm_for3d_ros.rooms.rule_words import rule_of
from mllm_for3d_ros.rooms.rules import Rule
from mllm_for3d_ros.rooms.seen_things import SeenThings
from mllm_for3d_ros.rooms.templates import templated_instructions
from mllm_for3d_ros.types import Status

CONTEXT_KINDS = ("attribute", "relational")


def choose_instructions(
    room: Room,
    truth: GroundTruth,
    source: Split | Sequence[Phrase],
    rng: np.random.Generator,
    *,
    per_class: int = 1,
    per_kind: int = 4,
    absent: int = 3,
    kinds: Sequence[str] = KINDS,
) -> list[RoomInstruction]:
    """The instructions of one room; equal arguments and state of ``rng`` give equal instructions.

    A class that the room holds but its recording hardly shows is neither asked for nor taken as absent.

    Args:
        room: what is asked about.
        truth: what its recording shows.
        source: a split, whose bank and templates are drawn from; or phrases, of which those are asked
            whose truth in the room is beyond doubt.
        rng: source of all choices.
        per_class: explicit and implicit phrases, of each kind, for each seen class; 0 takes all.
        per_kind: attribute and relational instructions, of each kind; 0 takes all.
        absent: instructions without a target: explicit, implicit, for things outside of the vocabulary,
            and for properties or relations that nothing in the room has, of each; 0 takes all.
        kinds: those to ask.
    """
    seen = SeenThings.of(room, truth)
    phrases = bank(source) if isinstance(source, str) else source
    chosen: list[RoomInstruction] = []
    for kind in CONTEXT_FREE_KINDS:
        if kind in kinds:
            chosen += _of_classes(kind, phrases, seen, rng, per_class, absent)
    if "absent" in kinds:
        outside = [phrase for phrase in phrases if phrase.class_name is None]
        drawn = _draw(outside, absent, rng)
        chosen += [RoomInstruction(p.text, None, Status.NO_TARGET, p.kind) for p in drawn]
    if set(kinds) & {*CONTEXT_KINDS}:
        in_context = (
            templated_instructions(seen, source, rng) if isinstance(source, str) else _judged(phrases, seen, rng)
        )
        for kind in (*CONTEXT_KINDS, "absent"):
            of_kind = [one for one in in_context if one.kind == kind and kind in kinds]
            count = absent if kind == "absent" else per_kind
            chosen += of_kind[:count] if count else of_kind
    return _without_repeats(chosen)


def _of_classes(
    kind: str, phrases: Sequence[Phrase], seen: SeenThings, rng: np.random.Generator, per_class: int, absent: int
) -> list[RoomInstruction]:
    """Instructions for the seen classes, then for some that the room lacks."""
    of_kind = [phrase for phrase in phrases if phrase.kind == kind]
    chosen = []
    for name in seen.classes:
        ids = tuple(thing.instance_id for thing in seen.noticed(name))
        pool = [phrase for phrase in of_kind if phrase.class_name == name]
        chosen += [RoomInstruction(p.text, name, Status.OK, kind, ids) for p in _draw(pool, per_class, rng)]
    lacking = [phrase for phrase in of_kind if phrase.class_name not in seen.room.classes]
    drawn = _draw(lacking, absent, rng)
    return chosen + [RoomInstruction(p.text, p.class_name, Status.NO_TARGET, kind) for p in drawn]


def _judged(phrases: Sequence[Phrase], seen: SeenThings, rng: np.random.Generator) -> list[RoomInstruction]:
    """The attribute and relational ones of ``phrases`` whose truth in the room is beyond doubt."""
    judged = []
    for phrase in _draw(phrases, 0, rng):
        rule = stated_rule(phrase)
        if phrase.kind in CONTEXT_KINDS and phrase.class_name is not None and rule is not None:
            there = bool(seen.all_of(phrase.class_name))
            picked = select(rule, phrase.class_name, seen) if there else ()
            if picked is not None:
                status = Status.OK if picked else Status.NO_TARGET
                ids = tuple(thing.instance_id for thing in picked)
                judged.append(RoomInstruction(phrase.text, phrase.class_name, status, phrase.kind, ids))
    return judged


def stated_rule(phrase: Phrase) -> Rule | None:
    """The rule of an attribute or relational phrase: the one given with it, or else read from its words."""
    return phrase.rule or (rule_of(phrase.text, phrase.kind) if phrase.kind in CONTEXT_KINDS else None)


def _draw(pool: Sequence[Phrase], count: int, rng: np.random.Generator) -> list[Phrase]:
    order = rng.permutation(len(pool))
    return [pool[i] for i in (order[:count] if count else order)]


def _without_repeats(instructions: list[RoomInstruction]) -> list[RoomInstruction]:
    first: dict[str, RoomInstruction] = {}
    for one in instructions:
        first.setdefault(one.text.casefold(), one)
    return list(first.values())
