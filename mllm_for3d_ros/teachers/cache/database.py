"""The SQLite file of an answer cache: opened, checked, and its errors turned into one line.

Write-ahead log with ``synchronous=FULL``: a committed answer survives the end of the process at any
moment, and of the machine; a transaction cut short leaves nothing. Several processes may read and write at
once. The file must lie on a local disk: write-ahead logs do not work over network file systems.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mllm_for3d_ros.errors import CacheError

APPLICATION_ID = 0x4D4C3344
"""Marks the file as ours ("ML3D")."""
SCHEMA_VERSION = 1
_MOVE_AWAY = "move it away with its -wal and -shm files, a new one will be made"
_INHERITED: list[sqlite3.Connection] = []
"""Connections of the parent of a forked process: SQLite forbids the child to use and even to close them."""
_SCHEMA = """
CREATE TABLE fingerprints (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE,      -- str(Fingerprint)
    token_dim INTEGER               -- NULL until the teacher has been loaded once
);
CREATE TABLE answers (
    fingerprint INTEGER NOT NULL REFERENCES fingerprints (id),
    image BLOB NOT NULL,            -- view_key of the view
    instruction TEXT NOT NULL,      -- cleaned
    height INTEGER NOT NULL,
    width INTEGER NOT NULL,
    score REAL NOT NULL,            -- 0..1
    abstained TEXT,                 -- the reason; then mask is NULL
    mask TEXT,                      -- JSON of COCO run lengths, see soft_mask.py
    token BLOB,                     -- safetensors file with one tensor "token", or NULL
    has_features INTEGER NOT NULL,  -- 1: the view has a row in features
    created REAL NOT NULL,          -- seconds since 1970
    bytes INTEGER NOT NULL,         -- what the row takes, about
    PRIMARY KEY (fingerprint, image, instruction)
) WITHOUT ROWID;
CREATE TABLE features (
    fingerprint INTEGER NOT NULL REFERENCES fingerprints (id),
    image BLOB NOT NULL,
    path TEXT NOT NULL,             -- relative to the folder of the cache
    bytes INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, image)
) WITHOUT ROWID;
"""


class Database:
    """A connection a process, opened again after a fork; calls from several threads take turns."""

    def __init__(self, path: Path, timeout_s: float = 30.0) -> None:
        """Open ``path``, made new if it is not there.

        Raises:
            CacheError: it cannot be opened, is damaged, is no answer cache, or is of a newer version.
        """
        self.path = path
        self._timeout_s = timeout_s
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        with translated_errors(self.path):
            self._connected()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for queries.

        Raises:
            CacheError: the query cannot be answered.
        """
        with self._lock, translated_errors(self.path):
            yield self._connected()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection within a transaction: committed at the end, undone on any error.

        Raises:
            CacheError: it cannot be written.
        """
        with self._lock, translated_errors(self.path):
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def shrink(self) -> None:
        """Give the room of deleted rows back to the file system.

        Raises:
            CacheError: another process keeps the file busy.
        """
        with self._lock, translated_errors(self.path):
            connection = self._connected()
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()
                self._connection = None

    def _connected(self) -> sqlite3.Connection:
        """The connection of this process."""
        if self._connection is not None and self._process != os.getpid():
            _INHERITED.append(self._connection)
            self._connection = None
        if self._connection is None:
            self._connection, self._process = self._open(), os.getpid()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        """A checked connection; tables are made in a new file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=self._timeout_s, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        try:
            self._version(connection)
            self._use_write_ahead_log(connection)
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            self._make_tables(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _version(self, connection: sqlite3.Connection) -> int:
        """The file's schema version, 0 of an empty file; anything foreign or newer is refused."""
        # One statement sees one moment: another process may be making the tables just now.
        owner, version, tables = connection.execute("""
            SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
                (SELECT count(*) FROM sqlite_master)""").fetchone()
        if owner != APPLICATION_ID:
            if owner == version == tables == 0:
                return 0
            raise CacheError(f"{self.path} is a database of something else; choose another folder for the cache")
        if version > SCHEMA_VERSION:
            raise CacheError(
                f"{self.path} has version {version}, this code reads up to {SCHEMA_VERSION}; update the package or "
                "choose another folder for the cache"
            )
        return version

    def _use_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        """Switch to the log; SQLite does not wait by itself for others that switch at the same moment."""
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL").fetchall()
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.005)

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        """Make the tables of an empty file; of several processes that come at once, the first does it."""
        if self._version(connection) == SCHEMA_VERSION:
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            if self._version(connection) == 0:
                for statement in _SCHEMA.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of the file system about ``path`` into CacheError."""
    try:
        yield
    except sqlite3.OperationalError as cause:
        raise CacheError(f"{path} cannot be used ({cause}); {_remedy(str(cause))}") from cause
    except sqlite3.DatabaseError as cause:
        raise CacheError(f"{path} is damaged or no answer cache ({cause}); {_MOVE_AWAY}") from cause
    except OSError as cause:
        detail = cause.strerror or str(cause)
        raise CacheError(f"{path} cannot be used ({detail}); {_remedy(detail)}") from cause


def _remedy(cause: str) -> str:
    """What to do about an operational error of SQLite."""
    if "locked" in cause:
        return "another process writes to it for long: try again when it is done"
    if "full" in cause or "No space" in cause:
        return "free some room, for example with `mllm-for3d cache prune --max-size 1GB`"
    return "check that the folder is on a local disk and may be written, or choose another for the cache"
