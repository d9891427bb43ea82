"""Many training scenes with one table of their instructions, and work done ahead in a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from mllm_for3d_ros.errors import TrainingError
from mllm_for3d_ros.student.scene_store import TrainingScene

T = TypeVar("T")


class SceneFiles:
    """Training scenes on disk; ``texts`` is the table of their instructions, each once.

    Scenes are loaded with ``phrases`` as rows of that table, and with their texts.
    """

    def __init__(self, paths: Sequence[Path], bank: Sequence[str] = ()) -> None:
        """Read the instructions of every scene.

        Args:
            paths: files that ``TrainingScene.save`` wrote.
            bank: texts that the rows of scenes without texts, of earlier versions, speak of.

        Raises:
            TrainingError: a file is no training scene, or its rows are none of the bank.
        """
        self.paths = tuple(paths)
        table: dict[str, int] = {}
        self._rows = [np.array([table.setdefault(t, len(table)) for t in _texts(p, bank)], np.int64) for p in paths]
        self.texts = tuple(table)

    def __len__(self) -> int:
        """Number of scenes."""
        return len(self.paths)

    def __getitem__(self, index: int) -> TrainingScene:
        """Scene ``index``."""
        rows = self._rows[index]
        return replace(
            TrainingScene.load(self.paths[index]), phrases=rows, texts=np.array([self.texts[row] for row in rows])
        )

    def __iter__(self) -> Iterator[TrainingScene]:
        """All scenes."""
        return (self[index] for index in range(len(self)))


def prefetch(make: Callable[[int], T], indices: Iterable[int], ahead: int = 2) -> Iterator[T]:
    """``make(i)`` of every index in order, made in a thread up to ``ahead`` before they are asked for."""
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for index in indices:
                waiting.append(pool.submit(make, index))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _texts(path: Path, bank: Sequence[str]) -> list[str]:
    scene = TrainingScene.load(path)
    if scene.texts is not None:
        return [str(text) for text in scene.texts]
    if len(scene.phrases) and not 0 <= scene.phrases.min() <= scene.phrases.max() < len(bank):
        raise TrainingError(f"{path} names phrases that the bank lacks; delete it and make it again")
    return [bank[row] for row in scene.phrases]
