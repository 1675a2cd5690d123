"""Speech packed into chunks for an engine: long pauses shortened, so that Whisper's 30 s hold speech and not silence.

Whisper looks at 30 s whatever it is given, so full chunks are what makes it fast. Joining speech across pauses without any
pause costs accuracy; keeping 0.6 s of the real pause does not (measured, see docs/decisions/0006).
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from typing import NamedTuple

import numpy as np

from reframed.speech.sound import Samples, Sound
from reframed.speech.vad import Region

LONGEST_S = 29.0
_KEEP_S = 0.6
_MARGIN_S = 0.2


class Piece(NamedTuple):
    """Continuous sound: it is heard at `at` seconds of the chunk, and lies from `start` to `end` in the file."""

    at: float
    start: float
    end: float


class Chunk(NamedTuple):
    """What an engine hears at once: pieces of the file, and the speech in them."""

    pieces: tuple[Piece, ...]
    speech: tuple[Region, ...]

    @property
    def start(self) -> float:
        """Seconds of the file."""
        return self.pieces[0].start

    @property
    def end(self) -> float:
        """Seconds of the file."""
        return self.pieces[-1].end

    @property
    def duration_s(self) -> float:
        """How long it takes to hear."""
        last = self.pieces[-1]
        return last.at + last.end - last.start

    def sound(self, source: Sound) -> Samples:
        """Its samples."""
        return np.concatenate([source.read(piece.start, piece.end) for piece in self.pieces])

    def times(self, start: float, end: float) -> tuple[float, float]:
        """The file's times of what is heard between two times of the chunk.

        What reaches over a shortened pause belongs to the side where most of it is.
        """
        one, two = self._piece(start), self._piece(end)
        if one != two:
            most = max((self.pieces[i] for i in range(one, two + 1)), key=lambda piece: _shared(piece, start, end))
        else:
            most = self.pieces[one]
        length = most.end - most.start
        inside = [min(max(0.0, time - most.at), length) for time in (start, end)]
        return most.start + inside[0], most.start + inside[1]

    def _piece(self, time: float) -> int:
        return max((i for i, piece in enumerate(self.pieces) if piece.at <= time), default=0)


def _shared(piece: Piece, start: float, end: float) -> float:
    return min(end, piece.at + piece.end - piece.start) - max(start, piece.at)


def pack(speech: list[Region], duration_s: float, longest_s: float = LONGEST_S) -> list[Chunk]:
    """Chunks of at most `longest_s` that hold all of `speech`, each region whole."""
    groups: list[list[Region]] = []
    length = 0.0
    for region in speech:
        pause = min(region.start - groups[-1][-1].end, _KEEP_S) if groups else 0.0
        if groups and length + pause + region.length + 2 * _MARGIN_S <= longest_s:
            groups[-1].append(region)
            length += pause + region.length
        else:
            groups.append([region])
            length = region.length
    return [_chunk(group, speech, duration_s) for group in groups]


def _chunk(group: list[Region], speech: list[Region], duration_s: float) -> Chunk:
    """The group with a little of the silence around it, but nothing of other speech."""
    first, last = bisect_left(speech, group[0]), bisect_left(speech, group[-1])
    before = speech[first - 1].end if first else 0.0
    after = speech[last + 1].start if last + 1 < len(speech) else duration_s
    start = max(0.0, group[0].start - _MARGIN_S, (before + group[0].start) / 2 if first else 0.0)
    end = min(
        duration_s, group[-1].end + _MARGIN_S, (after + group[-1].end) / 2 if last + 1 < len(speech) else duration_s
    )
    pieces, at = [], 0.0
    for one, two in itertools.pairwise(group):
        if two.start - one.end > _KEEP_S:
            pieces.append(Piece(at, start, one.end + _KEEP_S / 2))
            at += one.end + _KEEP_S / 2 - start
            start = two.start - _KEEP_S / 2
    return Chunk((*pieces, Piece(at, start, end)), tuple(group))
