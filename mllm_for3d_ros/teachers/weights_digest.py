"""The hash that names a teacher's weights; a model of many gigabytes is read once, not at every start."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path

_log = logging.getLogger(__name__)
_SAFE = (".safetensors",)
_PICKLES = (".bin", ".pt", ".pth")
_BESIDE = (".json", ".txt", ".model", ".jinja", ".tiktoken")
_REMEMBERED_FROM = 1 << 20
"""Bytes; smaller files are hashed anew faster than a memory of them is worth."""
_CHUNK = 1 << 22


def weights_hash(path: Path) -> str:
    """sha256 (64 hex digits) over the names and contents of all weight, configuration and tokenizer files.

    ``path`` is a file or a folder; of a folder with ``.safetensors`` files the pickles beside them are left
    out, as nothing loads them. Digests of large files are kept in the user's cache folder
    (``$XDG_CACHE_HOME/mllm_for3d``, else ``~/.cache/mllm_for3d``) by path, size and time of change.
    """
    files = [path] if path.is_file() else _model_files(path)
    memory = _Memory(cache_folder() / "weights.json")
    whole = hashlib.sha256()
    for file in files:
        name = file.name if file == path else file.relative_to(path).as_posix()
        whole.update(f"{name} {memory.digest(file)}\n".encode())
    memory.save()
    return whole.hexdigest()


def cache_folder() -> Path:
    """The user's cache folder of this package; it need not exist yet."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "mllm_for3d"


def _model_files(folder: Path) -> list[Path]:
    """Files of ``folder`` that decide what the model answers, sorted; hidden ones left out."""
    found = [p for p in folder.rglob("*") if p.is_file() and not _hidden(p.relative_to(folder))]
    weights = [p for p in found if p.suffix in _SAFE] or [p for p in found if p.suffix in _PICKLES]
    return sorted(weights + [p for p in found if p.suffix in _BESIDE])


def _hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts)


class _Memory:
    """Digests of large files, in a JSON file; losing it costs a second reading, nothing else."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._digests: dict[str, str] = {}
        self._changed = False
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
            self._digests = {str(key): str(value) for key, value in stored.items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, AttributeError) as cause:
            _log.warning("the hashes in %s cannot be read (%s); weights are hashed again", file, cause)

    def digest(self, file: Path) -> str:
        """sha256 of the contents of ``file``, from memory if neither size nor time of change differ."""
        real = file.resolve()
        stat = real.stat()
        if stat.st_size < _REMEMBERED_FROM:
            return _sha256(real)
        key = f"{real}|{stat.st_size}|{stat.st_mtime_ns}"
        if key not in self._digests:
            self._digests[key] = _sha256(real)
            self._changed = True
        return self._digests[key]

    def save(self) -> None:
        """Write new digests, whole or not at all; of two processes that save at once the later one stays."""
        if not self._changed:
            return
        partial = self._file.with_suffix(f".{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(self._digests, indent=0), encoding="utf-8")
            partial.replace(self._file)
        except OSError as cause:
            _log.warning("the hashes of weights cannot be kept in %s (%s)", self._file, cause)


def _sha256(file: Path) -> str:
    hasher = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
    return hasher.hexdigest()
