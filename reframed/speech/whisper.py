"""faster-whisper: PCM in, words out, in windows, so that memory stays bounded whatever the file's length."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reframed.errors import StepFailed
from reframed.speech.models import Model
from reframed.speech.words import Word

RATE_HZ = 16_000
WINDOW_S = 600
_CUT_SEARCH_S = 30
_FRAME_S = 0.2

Pcm = npt.NDArray[np.int16]


class Heard(NamedTuple):
    """The words of a whole file, its language tag with probability, and its length in seconds."""

    words: list[Word]
    language: str
    language_probability: float
    duration_s: float


class _Loaded(NamedTuple):
    key: tuple[str, str, str]
    engine: Any
    device: str


_loaded: _Loaded | None = None


def load(model: Model, device: str, note: Callable[[str, str], None]) -> _Loaded:
    """The engine for `model`, kept from the last call if it is the same.

    A GPU that cannot be used falls back to the CPU, with a note. Raises StepFailed(model_broken).
    """
    global _loaded
    key = (str(model.path), model.revision, device)
    if _loaded is not None and _loaded.key == key:
        return _loaded
    _loaded = None
    gc.collect()  # the old model leaves memory before the new one enters it
    if device == "cuda":
        try:
            _loaded = _Loaded(key, _engine(model, "cuda", "float16"), "cuda")
            return _loaded
        except (RuntimeError, ValueError) as error:
            note("gpu_unusable", f"The GPU cannot be used ({error}); this runs on the CPU instead.")
    try:
        _loaded = _Loaded(key, _engine(model, "cpu", "int8"), "cpu")
    except (RuntimeError, ValueError, OSError) as error:
        raise StepFailed(
            "model_broken",
            f"The Whisper model {model.name} in {model.path} does not load: {error}",
            f"Remove that folder and run `reframe models fetch {model.name}`.",
        ) from error
    return _loaded


def _engine(model: Model, device: str, compute_type: str) -> Any:
    from faster_whisper import WhisperModel

    engine = WhisperModel(
        str(model.path), device=device, compute_type=compute_type, cpu_threads=threads(), local_files_only=True
    )
    if device == "cuda":  # missing libraries show only when something runs
        list(engine.transcribe(np.zeros(RATE_HZ, dtype=np.float32), language="en", beam_size=1)[0])
    return engine


def threads() -> int:
    """Threads for one engine: more than 4 were measured slower."""
    return max(1, min(4, (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()) or 1))


def transcribe(
    loaded: _Loaded,
    pieces: Iterable[bytes],
    language: str | None,
    vad: bool,
    heard_until: Callable[[float], None],
) -> Heard:
    """Words of the PCM in `pieces` (mono, 16 bit, RATE_HZ). `heard_until` hears how many seconds are done.

    The language found in the first window with speech holds for the file.
    """
    words: list[Word] = []
    language_probability = 1.0 if language else 0.0
    offset = 0.0
    for window in windows(pieces):
        audio = window.astype(np.float32) / 32768.0
        segments, info = loaded.engine.transcribe(
            audio,
            language=language,
            vad_filter=vad,
            word_timestamps=True,
            condition_on_previous_text=False,
        )
        found = False
        for segment in segments:
            found = True
            words += [
                Word(float(offset + w.start), float(offset + w.end), w.word, float(w.probability))
                for w in segment.words or ()
            ]
            heard_until(float(offset + segment.end))
        if language is None and found:
            language, language_probability = info.language, float(info.language_probability)
        offset += len(window) / RATE_HZ
        heard_until(offset)
    return Heard(words, language or "und", language_probability, offset)


def windows(pieces: Iterable[bytes], window_s: int = WINDOW_S) -> Iterator[Pcm]:
    """The PCM of `pieces` in windows of at most `window_s` seconds, cut where it is quietest near their end."""
    limit = window_s * RATE_HZ
    pending = np.empty(0, dtype=np.int16)
    waiting: list[Pcm] = []
    count = 0
    carry = b""
    for piece in pieces:
        data = carry + piece
        carry = data[len(data) & ~1 :]
        waiting.append(np.frombuffer(data[: len(data) & ~1], dtype=np.int16))
        count += len(waiting[-1])
        while len(pending) + count >= limit:
            pending, waiting, count = np.concatenate([pending, *waiting]), [], 0
            cut = quietest(pending[:limit])
            yield pending[:cut]
            pending = pending[cut:]
    rest = np.concatenate([pending, *waiting])
    if len(rest):
        yield rest


def quietest(window: Pcm) -> int:
    """The sample index in the last part of `window` around which a frame of 0.2 s has the least energy."""
    frame = int(_FRAME_S * RATE_HZ)
    start = max(0, len(window) - _CUT_SEARCH_S * RATE_HZ)
    tail = window[start:]
    frames = tail[: len(tail) // frame * frame].astype(np.float32).reshape(-1, frame)
    energy = (frames**2).mean(axis=1)
    lowest = len(energy) - 1 - int(np.argmin(energy[::-1]))  # the last of equals: windows stay long
    return start + lowest * frame + frame // 2
