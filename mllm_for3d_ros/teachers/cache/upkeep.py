"""What is in an answer cache, and how to make it smaller."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mllm_for3d_ros.teachers.cache.answer_cache import AnswerCache
from mllm_for3d_ros.teachers.cache.database import translated_errors

_LEFT_BEHIND_S = 3600.0
"""Files without a row that are older are of a process that was killed; younger ones may be about to get theirs."""


@dataclass(frozen=True)
class FingerprintInfo:
    """What is stored of one teacher.

    bytes: of the answers, and of the features of ``feature_maps`` views. oldest, newest: seconds since 1970.
    """

    fingerprint: str
    answers: int
    abstentions: int
    views: int
    instructions: int
    feature_maps: int
    bytes: int
    oldest: float
    newest: float


@dataclass(frozen=True)
class Pruned:
    """How much was removed."""

    answers: int
    feature_maps: int
    bytes: int


def info(cache: AnswerCache) -> list[FingerprintInfo]:
    """What is stored, by fingerprint; teachers without answers are left out.

    Raises:
        CacheError: the cache cannot be read.
    """
    with cache.database.reading() as connection:
        rows = connection.execute("""
            SELECT text, count(*) AS answers, count(abstained) AS abstentions, count(DISTINCT image) AS views,
                count(DISTINCT instruction) AS instructions, sum(bytes) AS bytes,
                min(created) AS oldest, max(created) AS newest,
                (SELECT count(*) FROM features WHERE fingerprint = fingerprints.id) AS feature_maps,
                (SELECT coalesce(sum(bytes), 0) FROM features WHERE fingerprint = fingerprints.id) AS feature_bytes
            FROM answers JOIN fingerprints ON fingerprints.id = answers.fingerprint
            GROUP BY fingerprints.id ORDER BY text""").fetchall()
    return [
        FingerprintInfo(
            row["text"],
            row["answers"],
            row["abstentions"],
            row["views"],
            row["instructions"],
            row["feature_maps"],
            row["bytes"] + row["feature_bytes"],
            row["oldest"],
            row["newest"],
        )
        for row in rows
    ]


def prune(
    cache: AnswerCache,
    older_than_s: float | None = None,
    max_bytes: int | None = None,
    fingerprint: str | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Remove answers by age, then views until at most ``max_bytes`` are left, those not added to for longest first.

    Args:
        cache: may be in use by other processes; what they miss afterwards they ask again.
        older_than_s: remove answers that are older, seconds.
        max_bytes: of answers and features together.
        fingerprint: look only at answers whose fingerprint starts with it, e.g. "compact" or "qwen-vl:3f";
            without a limit of age or size all of them are removed.
        dry_run: only say what would be removed.

    Raises:
        CacheError: the cache cannot be written.
    """
    everything = older_than_s is None and max_bytes is None and fingerprint is not None
    oldest = time.time() - older_than_s if older_than_s is not None else None
    with cache.database.writing() as connection:
        connection.execute("SAVEPOINT pruning")
        before, paths_before = _totals(connection), _feature_paths(connection)
        chosen = _chosen_fingerprints(connection, fingerprint)
        connection.executemany(
            "DELETE FROM answers WHERE fingerprint = ? AND (? OR created < ?)",
            [(number, everything, oldest) for number in chosen],
        )
        _drop_unused_features(connection)
        if max_bytes is not None:
            _drop_oldest_views(connection, chosen, max_bytes)
        after, paths_after = _totals(connection), _feature_paths(connection)
        if dry_run:
            connection.execute("ROLLBACK TO pruning")
        connection.execute("RELEASE pruning")
    if not dry_run:
        _remove_files(cache, paths_before - paths_after, paths_after)
        cache.database.shrink()
    return Pruned(*(old - new for old, new in zip(before, after, strict=True)))


def _chosen_fingerprints(connection: Any, prefix: str | None) -> list[int]:
    """Numbers of the fingerprints that start with ``prefix``."""
    rows = connection.execute("SELECT id, text FROM fingerprints").fetchall()
    return [row["id"] for row in rows if prefix is None or row["text"].startswith(prefix)]


def _totals(connection: Any) -> tuple[int, int, int]:
    """Number of answers, of feature maps, and the bytes of both."""
    answers = connection.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM answers").fetchone()
    features = connection.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM features").fetchone()
    return answers[0], features[0], answers[1] + features[1]


def _feature_paths(connection: Any) -> set[str]:
    """Files that rows name."""
    return {row["path"] for row in connection.execute("SELECT path FROM features")}


def _drop_oldest_views(connection: Any, chosen: Sequence[int], max_bytes: int) -> None:
    """Remove all that is stored of the views that got no answer for longest, until ``max_bytes`` are left."""
    left = _totals(connection)[2]
    views = connection.execute("""
        SELECT answers.fingerprint, answers.image, sum(answers.bytes) + coalesce(max(features.bytes), 0) AS bytes
        FROM answers LEFT JOIN features USING (fingerprint, image)
        GROUP BY answers.fingerprint, answers.image ORDER BY max(answers.created)""").fetchall()
    for number, image, size in views:
        if left <= max_bytes:
            return
        if number in chosen:
            for table in ("answers", "features"):
                connection.execute(f"DELETE FROM {table} WHERE fingerprint = ? AND image = ?", (number, image))
            left -= size


def _drop_unused_features(connection: Any) -> None:
    """Remove rows of features that no answer names any more."""
    connection.execute("""
        DELETE FROM features WHERE NOT EXISTS (
            SELECT 1 FROM answers WHERE answers.fingerprint = features.fingerprint
            AND answers.image = features.image AND has_features)""")


def _remove_files(cache: AnswerCache, pruned: set[str], kept: set[str]) -> None:
    """Delete the feature files of ``pruned`` rows, and old files without a row, left by killed processes."""
    with translated_errors(cache.folder):
        for path in pruned:
            cache.features.remove(path)
        for file in (cache.folder / "features").rglob("*"):
            with suppress(FileNotFoundError):  # a file being written has just got its name
                old = file.is_file() and time.time() - file.stat().st_mtime > _LEFT_BEHIND_S
                if old and file.relative_to(cache.folder).as_posix() not in kept:
                    file.unlink()
