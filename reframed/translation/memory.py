"""What has been translated already, so that a job that is killed does not ask again."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct


class _Entry(Struct, frozen=True):
    key: str
    texts: list[str]


class Memory:
    """Groups of sentences by a key of theirs, in a file of JSON lines; a line that a crash cut short does not count."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, list[str]] = {}
        try:
            lines = path.read_bytes().splitlines()
        except OSError:
            return
        for line in lines:
            try:
                entry = msgspec.json.decode(line, type=_Entry)
            except msgspec.MsgspecError:
                continue
            self._known[entry.key] = entry.texts

    def get(self, key: str) -> list[str] | None:
        """The translations under `key`."""
        return self._known.get(key)

    def put(self, key: str, texts: list[str]) -> None:
        """Remember translations."""
        self._known[key] = texts
        with self._path.open("ab") as file:
            file.write(b"\n" + msgspec.json.encode(_Entry(key, texts)) + b"\n")
