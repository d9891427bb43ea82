"""Trains the student on the pseudo-labels of many scenes.

A step follows from the settings, the weights and its number alone: scenes, variants and noise are drawn from
generators that are seeded by seed, step and rank. A run that goes on from a checkpoint is therefore the same to
the bit as one that was never interrupted, and no other code's random numbers matter.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mllm_for3d_ros.checkpoint import load_training_state, save_training_state
from mllm_for3d_ros.errors import CheckpointError, TrainingError
from mllm_for3d_ros.language.text_head import TOKEN_DIM
from mllm_for3d_ros.student.batches import Batch, Targets, make_batch, scenes_of_step
from mllm_for3d_ros.student.distributed import World
from mllm_for3d_ros.student.losses import PRESENT, contrast_loss, presence_loss, semantic_loss, spatial_loss, token_loss
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.student.scene_files import SceneFiles, prefetch
from mllm_for3d_ros.student.settings import StudentSettings

MAX_SKIPPED = 10
"""So many steps in a row without finite gradients end the training."""
_PROJECTOR = "projector."

Report = Callable[[int, dict[str, float]], None]
"""Called with the number of steps done and the losses of the last one; none of a skipped step."""


class StudentTraining:
    """The state of a run over the scenes of ``scenes``; resumes from a checkpoint."""

    def __init__(
        self,
        scenes: SceneFiles,
        embeddings: torch.Tensor,
        network: StudentNetwork,
        checkpoint: Path,
        settings: StudentSettings,
        world: World | None = None,
    ) -> None:
        """A training that has not begun.

        Args:
            scenes: to learn from.
            embeddings: [P, 384] of ``scenes.texts``.
            network: with its initial weights; is trained.
            checkpoint: file of the state of the run, written and resumed from.
            settings: hyperparameters.
            world: this process among those that train together.

        Raises:
            TrainingError: there are no scenes.
        """
        if not len(scenes):
            raise TrainingError("there are no scenes to train on; make some with: mllm-for3d train scenes")
        self._scenes, self._settings, self._world = scenes, settings, world or World()
        self._checkpoint = checkpoint
        self._embeddings = embeddings.to(self._world.device)
        tokens, features = _widths(scenes)
        self.network = network.to(self._world.device).train()
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            self._adapters = nn.ModuleDict({"token": _adapter(tokens), "spatial": _adapter(features)})
        self._adapters.to(self._world.device)
        self._tokens_fit = tokens == TOKEN_DIM
        self.average = torch.optim.swa_utils.AveragedModel(
            network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(settings.ema), use_buffers=True
        )
        self._optimizer = self._make_optimizer()
        self._record = _Record(settings, len(scenes), self._world.size)
        self._skipped_now = 0

    @property
    def skipped(self) -> int:
        """Steps that were left out because their gradients were not finite."""
        return self._record.skipped

    def run(self, report: Report, save_every: int = 100, until: int | None = None) -> StudentNetwork:
        """Train to the end, or to step ``until``; returns the averaged network.

        Raises:
            CheckpointError: the checkpoint is of another training.
            TrainingError: too many steps in a row had no finite gradients.
        """
        step = self._resume()
        last = self._settings.steps if until is None else min(until, self._settings.steps)
        for batch in prefetch(self._batch, range(step, last)):
            losses = self._train_step(step, batch)
            step += 1
            report(step, losses)
            if step % save_every == 0 or step == last:
                self._save(step)
        network: StudentNetwork = self.average.module
        return network.eval()

    def _resume(self) -> int:
        try:
            step = load_training_state(self._checkpoint, self._parts())
        except (KeyError, ValueError, RuntimeError) as cause:
            raise CheckpointError(
                f"{self._checkpoint} is of another training ({cause}); delete it to start anew"
            ) from cause
        self._world.agree(step, "steps done")
        if step == 0:
            self._world.share([*self.network.state_dict().values(), *self._adapters.state_dict().values()])
        return step

    def _save(self, step: int) -> None:
        if self._world.leads:
            save_training_state(self._checkpoint, step, self._parts())
        self._world.wait()

    def _make_optimizer(self) -> torch.optim.Optimizer:
        settings = self._settings
        gentle = list(self.network.projector.parameters())
        rest = [p for name, p in self.network.named_parameters() if not name.startswith(_PROJECTOR)]
        rest += list(self._adapters.parameters())
        groups = [{"params": rest, "share": 1.0}, {"params": gentle, "share": settings.projector_rate}]
        return torch.optim.AdamW(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay)

    def _batch(self, step: int) -> Batch:
        """The batch of this rank; runs in another thread."""
        settings, rank, size = self._settings, self._world.rank, self._world.size
        chosen = scenes_of_step(len(self._scenes), settings.seed, step, settings.batch * size)
        return make_batch(
            [self._scenes[i] for i in chosen[rank * settings.batch : (rank + 1) * settings.batch]],
            np.random.default_rng([settings.seed, 2, step, rank]),
            settings.augmentation,
            settings.loss_voxels,
            settings.confidence_floor,
            self._world.device,
        )

    def _train_step(self, step: int, batch: Batch) -> dict[str, float]:
        """One step; returns its losses, or none if it was skipped."""
        settings = self._settings
        for group in self._optimizer.param_groups:
            group["lr"] = settings.learning_rate * settings.rate_at(step) * group["share"]
        losses = self._backward(step, batch)
        parameters = [p for group in self._optimizer.param_groups for p in group["params"]]
        self._average_gradients(parameters)
        norm = torch.nn.utils.clip_grad_norm_(parameters, settings.max_gradient)
        if not torch.isfinite(norm):
            self._skip(step, losses)
            return {}
        self._optimizer.step()
        self._world.average([b for b in self.network.buffers() if b.is_floating_point()])
        self.average.update_parameters(self.network)
        self._skipped_now = 0
        return losses

    def _backward(self, step: int, batch: Batch) -> dict[str, float]:
        """Gradients of the mean over the scenes, and the losses."""
        settings, device = self._settings, torch.device(self._world.device)
        self._optimizer.zero_grad()
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(int(np.random.default_rng([settings.seed, 3, step, self._world.rank]).integers(2**62)))
            with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
                embeddings, spatial = self.network.unet(batch.inputs, batch.levels)
            totals: dict[str, torch.Tensor] = {}
            for scene in batch.scenes:
                parts = self._scene_losses(embeddings[scene.rows].float(), spatial[scene.rows].float(), scene)
                for name, value in parts.items():
                    totals[name] = totals.get(name, torch.zeros((), device=device)) + value / len(batch.scenes)
            weights = {"semantic": 1.0} | vars(settings.losses)
            torch.stack([weights[name] * value for name, value in totals.items()]).sum().backward()
        return {name: float(value.detach()) for name, value in totals.items()}

    def _average_gradients(self, parameters: list[nn.Parameter]) -> None:
        if self._world.size == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self._world.average([parameter.grad for parameter in parameters])

    def _scene_losses(self, embeddings: torch.Tensor, spatial: torch.Tensor, scene: Targets) -> dict[str, torch.Tensor]:
        network, settings = self.network, self._settings
        text = self._embeddings[scene.phrases]
        attention = network.projector.attention(text + settings.embedding_noise * torch.randn_like(text))
        tokens = guessed = attention @ network.projector.concepts
        if self._tokens_fit:
            drawn = torch.rand(len(tokens), device=tokens.device) < settings.token_share
            lifted = drawn & (scene.presence >= PRESENT) & (scene.queries.abs().sum(1) > 0)
            tokens = torch.where(lifted[:, None], scene.queries, guessed)
        logits = network.mask_logits(embeddings, tokens)
        losses = {
            "semantic": semantic_loss(logits, scene.target, scene.weight, scene.presence),
            "contrast": contrast_loss(logits, scene.target, scene.weight),
            "token": token_loss(self._adapters["token"](guessed), scene.queries, scene.presence),
            "presence": presence_loss(network.presence_logits(embeddings, logits, attention), scene.presence),
        }
        if scene.features.shape[1]:
            losses["spatial"] = spatial_loss(self._adapters["spatial"](spatial), scene.features, scene.seen)
        return losses

    def _skip(self, step: int, losses: dict[str, float]) -> None:
        self._record.skipped += 1
        self._skipped_now += 1
        if self._skipped_now >= MAX_SKIPPED:
            bad = ", ".join(name for name, value in losses.items() if not np.isfinite(value)) or "none of the losses"
            raise TrainingError(
                f"the gradients of {MAX_SKIPPED} steps up to step {step + 1} are not finite (nor are: {bad}); "
                "lower the learning rate, or use precision float32"
            )

    def _parts(self) -> dict[str, Any]:
        """What a checkpoint holds beside the step."""
        return {
            "network": self.network,
            "average": self.average,
            "optimizer": self._optimizer,
            "adapters": self._adapters,
            "record": self._record,
        }


class _Record:
    """What a checkpoint says of its run, and whether a run may go on from it."""

    def __init__(self, settings: StudentSettings, scenes: int, ranks: int) -> None:
        self._said = {"settings": settings.as_json(), "scenes": scenes, "ranks": ranks}
        self.skipped = 0

    def state_dict(self) -> dict[str, Any]:
        return {**self._said, "skipped": self.skipped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, value in self._said.items():
            if state[name] != value:
                raise ValueError(f"its {_difference(name, state[name], value)}")
        self.skipped = int(state["skipped"])


def _difference(name: str, before: Any, now: Any) -> str:
    """What differs between two JSON values, in words."""
    if isinstance(before, dict) and isinstance(now, dict):
        key = next(key for key in [*now, *before] if before.get(key) != now.get(key))
        return _difference(f"{name} {key}", before.get(key), now.get(key))
    return f"{name} was {before}, now it is {now}"


def _adapter(width: int) -> nn.Module:
    """From the network's tokens and features to those of a teacher, ``width`` long; only the training needs it."""
    return nn.Identity() if width in (0, TOKEN_DIM) else nn.Linear(TOKEN_DIM, width)


def _widths(scenes: SceneFiles) -> tuple[int, int]:
    """Length of the tokens and of the features (0: no scene has any) of all scenes.

    Raises:
        TrainingError: they differ between scenes.
    """
    tokens = {scene.queries.shape[1] for scene in scenes}
    features = {scene.features.shape[1] for scene in scenes} - {0}
    if len(tokens) > 1 or len(features) > 1:
        raise TrainingError(
            f"the scenes have tokens of lengths {sorted(tokens)} and features of lengths {sorted(features)}; "
            "train on scenes of one teacher"
        )
    return tokens.pop(), max(features, default=0)
