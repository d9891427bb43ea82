"""What a training writes down of itself: losses.jsonl, losses.png, and TensorBoard where it is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mllm_for3d_ros.student.plots import plot_losses

NO_TENSORBOARD = "TensorBoard is not installed, its log is left out; install it with: pip install tensorboard"


class TrainingLog:
    """The log of one training, ``<name>_losses.jsonl`` with a line a step, and a plot of it.

    ``note``: None, or a sentence to the user on why there is no TensorBoard log.
    """

    def __init__(self, folder: Path, name: str, tensorboard: bool = False) -> None:
        """Log to ``folder``; what a run before this one wrote is kept up to the step that this one goes on from."""
        folder.mkdir(parents=True, exist_ok=True)
        self.lines, self.plot = folder / f"{name}_losses.jsonl", folder / f"{name}_losses.png"
        self._name, self._began = name, False
        self.note: str | None = None
        self._board: Any = None
        if tensorboard:
            self._board = _open_board(folder / f"{name}_tensorboard")
            self.note = None if self._board else NO_TENSORBOARD

    def add(self, step: int, losses: dict[str, float], rate: float) -> None:
        """Write down the losses of ``step`` (none: it was skipped) and its learning rate."""
        if not self._began:
            self._began = True
            kept = [entry for entry in self._entries() if entry["step"] < step]
            self.lines.write_text("".join(map(_line, kept)), encoding="utf-8")
        rounded = {name: float(f"{value:.6g}") for name, value in losses.items()}
        with self.lines.open("a", encoding="utf-8") as file:
            file.write(_line({"step": step, "rate": float(f"{rate:.6g}"), "losses": rounded}))
        if self._board is not None:
            for name, value in losses.items():
                self._board.add_scalar(f"loss/{name}", value, step)
            self._board.add_scalar("rate", rate, step)

    def close(self) -> None:
        """Draw the plot and end the log."""
        entries = self._entries()
        if entries:
            names = sorted({name for entry in entries for name in entry["losses"]})
            columns = {name: [entry["losses"].get(name, float("nan")) for entry in entries] for name in names}
            plot_losses([entry["step"] for entry in entries], columns, self.plot, f"{self._name}: losses")
        if self._board is not None:
            self._board.close()

    def _entries(self) -> list[dict[str, Any]]:
        """What the file says; a last line that was cut short by a crash is dropped."""
        if not self.lines.exists():
            return []
        whole = self.lines.read_text(encoding="utf-8").split("\n")[:-1]
        return [json.loads(line) for line in whole]


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry) + "\n"


def _open_board(folder: Path) -> Any:
    """A writer of TensorBoard logs, None if the package is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))
