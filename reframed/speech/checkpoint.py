"""Chunks that were heard, on disk: what survives when a transcription is killed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

_Result = TypeVar("_Result", bound=Struct)


class Checkpoint:
    """A file with one JSON line a chunk, after a first line that says what it belongs to.

    A file that belongs to something else, or to another plan, is begun anew; a torn last line is left out.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._identity = identity

    def load(self, count: int, kind: type[_Result]) -> dict[int, _Result]:
        """The results that are there, of `count` chunks in all."""
        head = msgspec.json.encode([self._identity, count])
        try:
            lines = self._path.read_bytes().split(b"\n")
        except OSError:
            lines = []
        results: dict[int, _Result] = {}
        if lines[:1] == [head]:
            for line in lines[1:-1]:
                try:
                    index, result = msgspec.json.decode(line, type=tuple[int, kind])  # type: ignore[valid-type]
                except msgspec.DecodeError:
                    break
                results[index] = result
        self._write(b"".join([head + b"\n", *(self._line(index, results[index]) for index in sorted(results))]), "wb")
        return results

    def save(self, index: int, result: Struct) -> None:
        """Add the result of one chunk, durably."""
        self._write(self._line(index, result), "ab")

    def _line(self, index: int, result: Struct) -> bytes:
        return msgspec.json.encode([index, result]) + b"\n"

    def _write(self, data: bytes, how: str) -> None:
        with self._path.open(how) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
