"""A log file of any size, read by byte offset: only what is shown is ever in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from reframed.text import safe

PIECE = 4096  # a longer line is shown in pieces
_BLOCK = 65_536
_SEARCH_BLOCK = 1 << 20


class Piece(NamedTuple):
    """A line, or a part of a very long one: where it starts, where the next one does, and its text."""

    start: int
    end: int
    text: str


class LogFile:
    """A file that may grow, be replaced (rotated), or vanish. No OSError comes out of it: what is not there is empty."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity: tuple[int, int] | None = None
        self.size = 0

    def look(self) -> str:
        """What has become of it since the last look: same, grown, rotated or gone."""
        try:
            status = self.path.stat()
        except OSError:
            before, self._identity, self.size = self._identity, None, 0
            return "gone" if before else "same"
        identity, size = (status.st_dev, status.st_ino), self.size
        replaced = self._identity is not None and (identity != self._identity or status.st_size < size)
        self._identity, self.size = identity, status.st_size
        if replaced:
            return "rotated"
        return "grown" if status.st_size != size else "same"

    def forward(self, offset: int, count: int) -> list[Piece]:
        """At most `count` pieces from `offset` on, which is the start of one."""
        found: list[Piece] = []
        for data in self._blocks(offset, count):
            found = list(_pieces(data, offset))
            if len(found) > count:  # the last one may be cut off
                break
        return found[:count]

    def _blocks(self, offset: int, count: int) -> Iterator[bytes]:
        """What follows `offset`, each time more of it."""
        length = min(_BLOCK, 200 * count + PIECE)
        while True:
            data = self._read(offset, length)
            yield data
            if len(data) < length:
                return
            length *= 2

    def backward(self, offset: int, count: int) -> list[Piece]:
        """At most `count` pieces before `offset`, which is the start of one, in their order."""
        length = min(_BLOCK, 200 * count + PIECE)
        while True:
            start = max(0, offset - length)
            data = self._read(start, offset - start)
            if start:
                newline = data.find(b"\n")
                skip = newline + 1 if 0 <= newline < min(PIECE, len(data) - 1) else 0  # else it is inside a long line
                start, data = start + skip, data[skip:]
            found = list(_pieces(data, start))
            if start == 0 or len(found) >= count or length > 64 * count * PIECE:
                return found[-count:]
            length *= 2

    def find(self, needle: str, offset: int, *, forwards: bool) -> int | None:
        """The start of the next (or last) line after (before) `offset` that holds `needle`; capitals do not matter."""
        wanted = needle.encode("utf-8", "surrogateescape").lower()
        if not wanted:
            return None
        at = self._forwards(wanted, offset) if forwards else self._backwards(wanted, offset)
        if at is None:
            return None
        newline = self._backwards(b"\n", at)
        line = 0 if newline is None else newline + 1
        return line + (at - line) // PIECE * PIECE

    def _forwards(self, wanted: bytes, offset: int) -> int | None:
        while data := self._read(offset, _SEARCH_BLOCK):
            place = data.lower().find(wanted)
            if place >= 0:
                return offset + place
            if len(data) < _SEARCH_BLOCK:
                return None
            offset += len(data) - len(wanted) + 1
        return None

    def _backwards(self, wanted: bytes, offset: int) -> int | None:
        while offset > 0:
            start = max(0, offset - _SEARCH_BLOCK)
            data = self._read(start, offset - start)
            place = data.lower().rfind(wanted)
            if place >= 0:
                return start + place
            if start == 0:
                return None
            offset = start + len(wanted) - 1
        return None

    def _read(self, offset: int, length: int) -> bytes:
        if length <= 0:
            return b""
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError:
            return b""


def _pieces(data: bytes, offset: int) -> Iterator[Piece]:
    """The lines of `data`, which lies at `offset`; long ones in pieces."""
    for line in data.split(b"\n"):
        ended = offset + len(line) < offset + len(data)
        for place in range(0, max(1, len(line)), PIECE):
            part = line[place : place + PIECE]
            last = place + PIECE >= len(line)
            length = len(part) + (1 if last else 0)
            if part or ended:
                yield Piece(offset, offset + length, safe(part.decode("utf-8", "replace").rstrip("\r")))
            offset += length
        data = data[len(line) + 1 :]
