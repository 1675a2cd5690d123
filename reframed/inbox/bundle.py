"""Subtitles that belong to a video or a recording: NAME.en.srt beside NAME.mp4, in whichever order they arrive."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator

from reframed.arrival import Sidecar
from reframed.filesystem import hash_file
from reframed.subtitles.given import EXTENSIONS, tags

_LARGEST_BYTES = 50_000_000


def is_subtitle(name: bytes) -> bool:
    """Whether a file of this name can be a sidecar."""
    return os.path.splitext(os.fsdecode(name))[1].lower().lstrip(".") in EXTENSIONS


class Bundles:
    """Which subtitles lie beside a file. The last folder's list is kept: a library is taken file by file."""

    def __init__(self) -> None:
        self._folder = b""
        self._mtime_ns = -1
        self._names: list[bytes] = []

    def beside(self, path: bytes) -> Iterator[tuple[bytes, str, os.stat_result]]:
        """Path, language (or empty) and status of every subtitle file of the file at `path`."""
        folder, name = os.path.split(path)
        for other in self._subtitles(folder):
            found = belongs(other, name)
            if found is None:
                continue
            try:
                status = os.lstat(os.path.join(folder, other))
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and 0 < status.st_size <= _LARGEST_BYTES:
                yield os.path.join(folder, other), found, status

    def _subtitles(self, folder: bytes) -> list[bytes]:
        try:
            mtime_ns = os.stat(folder).st_mtime_ns
            if (folder, mtime_ns) != (self._folder, self._mtime_ns):
                self._names = sorted(name for name in os.listdir(folder) if is_subtitle(name) and name[:1] != b".")
                self._folder, self._mtime_ns = folder, mtime_ns
        except OSError:
            return []
        return self._names


def belongs(subtitle: bytes, name: bytes) -> str | None:
    """The language (or empty) of the file `subtitle` if it belongs to the file `name`, else None."""
    found = tags(os.fsdecode(subtitle), os.path.splitext(os.fsdecode(name))[0])
    return None if found is None else found[0]


def read(files: Iterable[tuple[bytes, str, os.stat_result]]) -> tuple[Sidecar, ...]:
    """The files as sidecars, hashed; those that cannot be read are left out."""
    made = []
    for path, language, status in files:
        try:
            digest = hash_file(os.fsdecode(path))
        except OSError:
            continue
        made.append(Sidecar(path, status.st_size, status.st_mtime_ns, digest, language))
    return tuple(made)
