"""Where a voice is: the Silero model inside faster-whisper, run once over the whole sound."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reframed.speech.sound import RATE_HZ, Sound, windows

FRAME = 512
FRAME_S = FRAME / RATE_HZ
_WINDOW_S = 250 * FRAME_S * 10  # 80 s, whole frames
_WARM_UP_S = 32 * FRAME_S
_ON = 0.5
_OFF = 0.35
_SHORTEST_S = 0.1
_PAUSE_S = 0.3

Probabilities = npt.NDArray[np.float32]


class Region(NamedTuple):
    """A stretch of speech, in seconds."""

    start: float
    end: float

    @property
    def length(self) -> float:
        """Its length in seconds."""
        return self.end - self.start


def probabilities(sound: Sound, threads: int) -> Probabilities:
    """The probability of a voice in every FRAME of `sound`."""
    from faster_whisper.vad import get_vad_model

    model = get_vad_model()

    def look(window: tuple[float, float]) -> Probabilities:
        warm_up = min(_WARM_UP_S, window[0])  # the model remembers: let it hear what came before
        samples = sound.read(window[0] - warm_up, window[1])
        padded = np.pad(samples, (0, -len(samples) % FRAME))
        found: Probabilities = np.asarray(model(padded), dtype=np.float32).reshape(-1)
        return found[round(warm_up / FRAME_S) :]

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(look, windows(sound, _WINDOW_S)))
    return np.concatenate(found) if found else np.empty(0, dtype=np.float32)


def regions(voice: Probabilities, duration_s: float, longest_s: float) -> list[Region]:
    """Speech as regions of at most `longest_s`, parted by pauses of at least 0.3 s; longer ones are cut at their softest.

    Hysteresis as Silero's own: on at 0.5, off below 0.35.
    """
    found: list[Region] = []
    start, quiet_since = -1, -1
    pause = round(_PAUSE_S / FRAME_S)
    for frame, value in enumerate(voice.tolist()):
        if value >= _ON:
            start = frame if start < 0 else start
            quiet_since = -1
        elif value < _OFF and start >= 0:
            quiet_since = frame if quiet_since < 0 else quiet_since
            if frame - quiet_since >= pause:
                found.append(Region(start * FRAME_S, quiet_since * FRAME_S))
                start, quiet_since = -1, -1
    if start >= 0:
        end = quiet_since if quiet_since >= 0 else len(voice)
        found.append(Region(start * FRAME_S, min(end * FRAME_S, duration_s)))
    spoken = [region for region in found if region.length >= _SHORTEST_S]
    return [part for region in spoken for part in _cut(region, voice, longest_s)]


def _cut(region: Region, voice: Probabilities, longest_s: float) -> list[Region]:
    """`region` in parts of at most `longest_s`, cut where a voice is least likely in the last third."""
    parts = []
    while region.length > longest_s:
        first = round((region.start + longest_s * 2 / 3) / FRAME_S)
        last = int((region.start + longest_s) / FRAME_S)
        cut = (first + int(np.argmin(voice[first:last]))) * FRAME_S if last > first else region.start + longest_s
        parts.append(Region(region.start, cut))
        region = Region(cut, region.end)
    return [*parts, region]


def everything(duration_s: float, longest_s: float) -> list[Region]:
    """The whole sound as regions, for a recipe that trusts no voice detection."""
    count = max(1, int(np.ceil(duration_s / longest_s)))
    length = duration_s / count
    return [Region(index * length, (index + 1) * length) for index in range(count)]
