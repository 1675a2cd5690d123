"""The sound of a file as samples on disk: read piece by piece, so that memory stays bounded whatever the file's length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
SAMPLE_BYTES = 2

Samples = npt.NDArray[np.float32]


class Sound(NamedTuple):
    """Mono 16-bit PCM at RATE_HZ in the file `path`."""

    path: Path
    samples: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.samples / RATE_HZ

    def read(self, start_s: float, end_s: float) -> Samples:
        """The samples between two times, -1 to 1; what lies outside the sound is left out."""
        start = max(0, min(self.samples, round(start_s * RATE_HZ)))
        end = max(start, min(self.samples, round(end_s * RATE_HZ)))
        pcm = np.fromfile(self.path, dtype=np.int16, count=end - start, offset=start * SAMPLE_BYTES)
        return pcm.astype(np.float32) / 32768.0


def spool(pieces: Iterable[bytes], path: Path) -> Sound:
    """Write `pieces` of PCM to `path`."""
    size = 0
    with path.open("wb") as file:
        for piece in pieces:
            size += file.write(piece)
    return Sound(path, size // SAMPLE_BYTES)


def windows(sound: Sound, window_s: float) -> Iterator[tuple[float, float]]:
    """Start and end of consecutive windows that cover `sound`."""
    start = 0.0
    while start < sound.duration_s:
        yield start, min(start + window_s, sound.duration_s)
        start += window_s
