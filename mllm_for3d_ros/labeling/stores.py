"""Which label stores a recording has, and what of them is finished.

The first scene of a recording lies in ``DIR/<name>``, further ones in ``DIR/<name>.part2`` and so on. When the
recording has been read to its end, ``recording.json`` beside the first scene says how many there are.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mllm_for3d_ros.errors import LabelStoreError
from mllm_for3d_ros.files import remove_partial, write_whole
from mllm_for3d_ros.lifting.label_store import SCENE_FILE, LabelStore, Part, Provenance

RECORDING_FILE = "recording.json"
LOCK_FILE = ".lock"


@dataclass(frozen=True)
class Whole:
    """What is known of a recording that has been read to its end: its scenes, frames, and what was left out."""

    parts: int
    frames: int
    left_out: dict[str, int]


class Stores:
    """The label stores of one recording, of one provenance."""

    def __init__(self, folder: Path, provenance: Provenance) -> None:
        """Look at what is there.

        Raises:
            LabelStoreError: there are labels of another source, teacher or settings, or a store is damaged.
        """
        self.folder = folder
        self._provenance = provenance
        self._stores: dict[int, LabelStore] = {}
        while (self.part_folder(len(self._stores) + 1) / SCENE_FILE).exists():
            number = len(self._stores) + 1
            self._stores[number] = self._checked(self.part_folder(number))

    def part_folder(self, number: int) -> Path:
        """Where the scene of a part lies."""
        return self.folder if number == 1 else self.folder.with_name(f"{self.folder.name}.part{number}")

    @property
    def whole(self) -> Whole | None:
        """None until the recording has been read to its end."""
        path = self.folder / RECORDING_FILE
        if not path.is_file():
            return None
        try:
            said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return Whole(**said)
        except (ValueError, TypeError) as cause:
            raise LabelStoreError(f"{path} cannot be read ({cause}); delete the folder and label again") from cause

    def finish(self, whole: Whole) -> None:
        """Note that the recording has been read to its end."""
        content = json.dumps(asdict(whole), indent=1, ensure_ascii=False) + "\n"
        write_whole(self.folder / RECORDING_FILE, content.encode("utf-8"))

    @property
    def parts(self) -> dict[int, Part]:
        """Parts that have a store, by number."""
        return {number: store.part for number, store in self._stores.items()}

    def present(self) -> list[LabelStore]:
        """The stores that are there, by number of part."""
        return list(self._stores.values())

    def labels_in(self, number: int) -> tuple[str, ...]:
        """Instructions with labels in a part."""
        return self._stores[number].instructions if number in self._stores else ()

    def _checked(self, folder: Path) -> LabelStore:
        store = LabelStore.open(folder)
        known, wanted = asdict(store.provenance), asdict(self._provenance)
        other = [key for key, value in wanted.items() if known.get(key) != value]
        if other:
            raise LabelStoreError(
                f"{folder} holds labels of another provenance (differs in {', '.join(other)}); give another folder, "
                "delete that one, or overwrite it"
            )
        return store


def delete_stores(folder: Path) -> None:
    """Delete the scenes of a recording; folders that are no label stores are left alone."""
    part = re.compile(re.escape(folder.name) + r"(\.part\d+)?")
    for one in list(folder.parent.iterdir()):
        if part.fullmatch(one.name) and (one / SCENE_FILE).exists():
            shutil.rmtree(one)


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the folder of a run; the end of the process, however it comes, frees it. Leftovers of killed runs go.

    Raises:
        LabelStoreError: another run holds it, or it is no folder that can be written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = (out / LOCK_FILE).open("w")
    except OSError as cause:
        raise LabelStoreError(f"{out} cannot be written to ({cause.strerror}); give another folder") from cause
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as cause:
            raise LabelStoreError(f"another run is writing to {out}; wait for it or give another folder") from cause
        remove_partial(out)
        yield
