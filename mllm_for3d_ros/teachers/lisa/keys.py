"""Which tensor of a LISA checkpoint belongs to which module of current transformers.

A checkpoint in the layout of ``xinlai/LISA-7B-v1`` is one flat LLaVA state with SAM inside it:
``model.layers.*`` and ``lm_head`` (Llama), ``model.mm_projector`` (image words), ``model.text_hidden_fcs.0``
([SEG] head) and ``model.visual_model.*`` (SAM in its original naming). The CLIP tower is left out by LISA's
export script; a checkpoint that has it all the same carries the frozen public one, so it is not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mllm_for3d_ros.errors import TeacherError

LANGUAGE, PROJECTOR, SEG_HEAD, SAM = "language model", "image projector", "[SEG] head", "SAM"
CLIP_TOWER = ("model.vision_tower.",)
"""Prefixes of the CLIP tower's keys, which are neither needed nor read."""
_DERIVED = ".self_attn.rotary_emb.inv_freq"
"""Rotary frequencies, which old checkpoints store and current code computes."""
_PREFIXES = {PROJECTOR: "model.mm_projector.", SEG_HEAD: "model.text_hidden_fcs.0.", SAM: "model.visual_model."}
_SHOWN = 4


def split_state(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The values of a checkpoint by module, under the names that the modules of transformers use.

    Only SAM keeps its original names, from which ``teachers.sam.original_keys`` reads its size. Every key goes
    somewhere, except those of the CLIP tower and the rotary frequencies; what belongs to no other module goes
    to the language model, where ``check_coverage`` will not expect it.
    """
    parts: dict[str, dict[str, Any]] = {name: {} for name in (LANGUAGE, PROJECTOR, SEG_HEAD, SAM)}
    for key, value in state.items():
        if key.startswith(CLIP_TOWER) or key.endswith(_DERIVED):
            continue
        name = next((name for name, prefix in _PREFIXES.items() if key.startswith(prefix)), LANGUAGE)
        parts[name][key.removeprefix(_PREFIXES.get(name, ""))] = value
    return parts


def check_coverage(part: str, wanted: Iterable[str], given: Iterable[str]) -> None:
    """Nothing missing, nothing unexpected.

    Raises:
        TeacherError: some key is; the message names the first few.
    """
    wanted, given = set(wanted), set(given)
    for what, keys in (("lacks", wanted - given), ("has unknown", given - wanted)):
        if keys:
            shown = ", ".join(sorted(keys)[:_SHOWN]) + (", ..." if len(keys) > _SHOWN else "")
            raise TeacherError(
                f"lisa: the checkpoint {what} {len(keys)} tensors of its {part} ({shown}); "
                "give a merged LISA checkpoint in the layout of xinlai/LISA-7B-v1"
            )
