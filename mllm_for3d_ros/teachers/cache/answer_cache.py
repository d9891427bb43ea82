"""Answers of teachers on disk: what was asked of a view once is never asked again.

    answers.sqlite                            one row an answer, see database.py
    features/<teacher>/<xx>/<image>.safetensors   image features of a view, float16

An answer is found by (view_key of the view, cleaned instruction, str(fingerprint)). Features are
written before the row that names them, so a row is always whole; a file without a row is harmless.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load, save

from mllm_for3d_ros.errors import CacheError
from mllm_for3d_ros.teachers.base import Fingerprint, abstention
from mllm_for3d_ros.teachers.cache.database import Database, translated_errors
from mllm_for3d_ros.teachers.cache.feature_files import FeatureFiles
from mllm_for3d_ros.teachers.cache.soft_mask import pack_mask, unpack_mask
from mllm_for3d_ros.teachers.weights_digest import cache_folder
from mllm_for3d_ros.types import ViewAnswer

FILE = "answers.sqlite"
_ROW_BYTES = 128
"""What a row takes beside its mask, token and texts, about."""
_ASKED_AT_ONCE = 500
"""Images in one query; SQLite allows 32766 parameters, older ones 999."""


def default_folder() -> Path:
    """``$MLLM_FOR3D_CACHE``, else the user's cache folder (``$XDG_CACHE_HOME`` or ``~/.cache``) /mllm_for3d/answers."""
    chosen = os.environ.get("MLLM_FOR3D_CACHE")
    return Path(chosen) if chosen else cache_folder() / "answers"


class AnswerCache:
    """The answers below a folder; several processes and threads may use it at once."""

    def __init__(self, folder: Path | None = None, features_kept: int = 64, timeout_s: float = 30.0) -> None:
        """Open the cache in ``folder`` (None: ``default_folder()``), made if it is not there.

        Args:
            folder: on a local disk.
            features_kept: feature maps kept in memory.
            timeout_s: how long to wait for other processes that write.

        Raises:
            CacheError: it cannot be opened, is damaged or foreign, or was written by a newer version.
        """
        self.folder = (folder or default_folder()).expanduser()
        self.database = Database(self.folder / FILE, timeout_s)
        self.features = FeatureFiles(self.folder, features_kept)

    def get(self, fingerprint: Fingerprint, instruction: str, images: Sequence[bytes]) -> dict[bytes, ViewAnswer]:
        """The answers that are there, by image; ``instruction`` must be clean, ``images`` are ``view_key``s.

        An answer whose features are lost is left out, to be asked again.

        Raises:
            CacheError: the cache cannot be read, or an answer in it is damaged.
        """
        answers: dict[bytes, ViewAnswer] = {}
        for start in range(0, len(images), _ASKED_AT_ONCE):
            for row in self._rows(str(fingerprint), instruction, images[start : start + _ASKED_AT_ONCE]):
                answer = self._answer(row)
                if answer is not None:
                    answers[row["image"]] = answer
        return answers

    def put(self, fingerprint: Fingerprint, instruction: str, answers: Mapping[bytes, ViewAnswer]) -> None:
        """Store ``answers`` by image, all or none of them; one that is there already stays as it is.

        Raises:
            CacheError: the cache cannot be written.
        """
        name, now = str(fingerprint), time.time()
        with translated_errors(self.database.path):
            views = [
                (image, path := self.features.path(name, image), self.features.write(path, answer.features))
                for image, answer in answers.items()
                if answer.features is not None
            ]
        rows = [(image, instruction, *_packed(answer, instruction, now)) for image, answer in answers.items()]
        with self.database.writing() as connection:
            number = _fingerprint_id(connection, name)
            connection.executemany(f"INSERT OR REPLACE INTO features VALUES ({number}, ?, ?, ?)", views)
            marks = ", ".join("?" * 11)
            connection.executemany(f"INSERT OR IGNORE INTO answers VALUES ({number}, {marks})", rows)

    def token_dim(self, fingerprint: Fingerprint) -> int | None:
        """Length of the teacher's tokens, None if it is not known yet.

        Raises:
            CacheError: the cache cannot be read.
        """
        with self.database.reading() as connection:
            query = "SELECT token_dim FROM fingerprints WHERE text = ?"
            row = connection.execute(query, (str(fingerprint),)).fetchone()
        return None if row is None else row["token_dim"]

    def keep_token_dim(self, fingerprint: Fingerprint, token_dim: int) -> None:
        """Remember the length of the teacher's tokens.

        Raises:
            CacheError: the cache cannot be written.
        """
        with self.database.writing() as connection:
            number = _fingerprint_id(connection, str(fingerprint))
            connection.execute("UPDATE fingerprints SET token_dim = ? WHERE id = ?", (token_dim, number))

    def close(self) -> None:
        """Close the index; the next use opens it again."""
        self.database.close()

    def __enter__(self) -> AnswerCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, fingerprint: str, instruction: str, images: Sequence[bytes]) -> list[Any]:
        """Rows of ``images``, with the path of their features."""
        query = f"""
            SELECT answers.*, features.path FROM answers
            JOIN fingerprints ON fingerprints.id = answers.fingerprint
            LEFT JOIN features ON features.fingerprint = answers.fingerprint AND features.image = answers.image
            WHERE fingerprints.text = ? AND instruction = ? AND answers.image IN ({",".join("?" * len(images))})"""
        with self.database.reading() as connection:
            return connection.execute(query, (fingerprint, instruction, *images)).fetchall()

    def _answer(self, row: Any) -> ViewAnswer | None:
        """The answer of a row, None if its features are lost."""
        features = self.features.read(row["path"]) if row["has_features"] and row["path"] else None
        if row["has_features"] and features is None:
            return None
        try:
            if row["abstained"] is not None:
                return abstention((row["height"], row["width"]), row["abstained"], features)
            token = None if row["token"] is None else load(row["token"])["token"]
            return ViewAnswer(unpack_mask(row["mask"]), token, row["score"], features)
        except (ValueError, KeyError, SafetensorError) as cause:
            raise CacheError(
                f"an answer in {self.database.path} is damaged ({cause}); move the file away, a new one will be made"
            ) from cause


def _packed(answer: ViewAnswer, instruction: str, now: float) -> tuple[object, ...]:
    """Columns of the answers table from ``height`` on."""
    has_features = int(answer.features is not None)
    if answer.abstained is not None:
        size = _ROW_BYTES + len(instruction) + len(answer.abstained)
        return (*answer.mask.shape, 0.0, answer.abstained, None, None, has_features, now, size)
    mask = pack_mask(answer.mask)
    token = None if answer.token is None else save({"token": answer.token})
    size = _ROW_BYTES + len(instruction) + len(mask) + len(token or b"")
    return (*answer.mask.shape, float(answer.score), None, mask, token, has_features, now, size)


def _fingerprint_id(connection: Any, name: str) -> int:
    """The number of a fingerprint, given if it is new."""
    connection.execute("INSERT OR IGNORE INTO fingerprints (text) VALUES (?)", (name,))
    return int(connection.execute("SELECT id FROM fingerprints WHERE text = ?", (name,)).fetchone()[0])
