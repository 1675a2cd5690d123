"""Finished steps, kept by the hash of everything that decides their result."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from reframed.filesystem import fsync_folder, write_atomic
from reframed.paths import cached
from reframed.protocol import Artifact, Settings
from reframed.steps.base import Step, digest

_MANIFEST = "manifest.json"


class Manifest(Struct, frozen=True, kw_only=True):
    """What a finished step left."""

    step: str
    artifacts: list[Artifact]


class Cache:
    """Folders `ab/abcdef.../` with a step's files and a manifest, which is written last: without it nothing counts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    def place(self, key: str) -> Path:
        """The folder of `key`."""
        return cached(self.folder, key)

    def get(self, key: str) -> list[Artifact] | None:
        """The artifacts under `key`, if every file is there in its full size. Marks the entry as used."""
        place = self.place(key)
        try:
            manifest = msgspec.json.decode((place / _MANIFEST).read_bytes(), type=Manifest)
            if any((place / item.file).stat().st_size != item.size_bytes for item in manifest.artifacts):
                return None
            os.utime(place)
        except (OSError, msgspec.DecodeError):
            return None
        return manifest.artifacts

    def put(self, key: str, step: str, folder: Path, artifacts: list[Artifact]) -> list[Artifact]:
        """Move the declared files of `folder` under `key`, durably; the artifacts that hold from now on.

        An entry that is there already stays, and its artifacts are returned: two slots may do the same at once, and
        Whisper does not hear exactly the same twice.
        """
        with self._lock:
            there = self.get(key)
            if there is None:
                self._move_in(key, step, folder, artifacts)
            return artifacts if there is None else there

    def _move_in(self, key: str, step: str, folder: Path, artifacts: list[Artifact]) -> None:
        place = self.place(key)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for item in artifacts:
            with (folder / item.file).open("rb") as file:
                os.fsync(file.fileno())
            (folder / item.file).rename(place / item.file)
        fsync_folder(str(place))
        write_atomic(place / _MANIFEST, msgspec.json.encode(Manifest(step=step, artifacts=artifacts)))
        fsync_folder(str(place.parent))

    def drop(self, key: str) -> None:
        """Forget `key`."""
        shutil.rmtree(self.place(key), ignore_errors=True)

    def entries(self) -> list[tuple[float, int, str]]:
        """Last use (seconds since the epoch), size in bytes and key of every entry."""
        found = []
        for place in self.folder.glob("??/*"):
            try:
                size_bytes = sum(file.stat().st_size for file in place.iterdir())
                found.append((place.stat().st_mtime, size_bytes, place.name))
            except OSError:
                continue
        return found

    def shrink(self, limit_bytes: int, keep: Iterable[str]) -> int:
        """Remove the entries unused for longest until `limit_bytes` hold; never those in `keep`. Bytes removed."""
        kept, removed = set(keep), 0
        entries = sorted(self.entries())
        total = sum(size_bytes for _, size_bytes, _ in entries)
        for _, size_bytes, key in entries:
            if total <= limit_bytes:
                break
            if key not in kept:
                self.drop(key)
                total -= size_bytes
                removed += size_bytes
        return removed


def step_key(name: str, step: Step, settings: Settings, inputs: Iterable[str]) -> str:
    """The key of a step: name, version, options, model revision, and the content hashes of its inputs.

    Raises ReframeError if the step's model cannot be named.
    """
    options = msgspec.json.encode(step, order="sorted").decode()
    identity = msgspec.json.encode(step.identity(settings), order="sorted").decode()
    return digest(name, str(step.version), options, identity, *inputs)
