"""whisper.cpp through pywhispercpp: one chunk after the other, with beam search."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from reframed.errors import StepFailed
from reframed.speech.engine import Heard, Setup, Tell, Wish
from reframed.speech.sound import RATE_HZ, Samples
from reframed.speech.words import Word, whole

_BEAM = 5
_CENTISECOND = 0.01
_UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km"})  # a word is what follows a space: here, nothing does
_SHORTEST_S = 1.1  # whisper.cpp refuses less than a second


def load(setup: Setup, tell: Tell) -> Cpp:
    """The engine with the ggml model in the file `setup.path`. Raises StepFailed(model_broken)."""
    from pywhispercpp.model import Model

    try:
        with open(setup.path, "rb") as file:
            if file.read(4) != b"lmgg":  # whisper.cpp itself ends the process over some broken files
                raise RuntimeError("it is no ggml file")
        model = Model(
            str(setup.path),
            params_sampling_strategy=1,
            redirect_whispercpp_logs_to=None,
            n_threads=setup.threads,
            beam_search={"beam_size": _BEAM, "patience": -1.0},
            print_progress=False,
            print_realtime=False,
            no_context=True,
            token_timestamps=True,
            max_len=1,
            suppress_nst=True,
            temperature_inc=0.0,  # what is bad is heard again by us
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise StepFailed(
            "model_broken",
            f"The whisper.cpp model {setup.path} does not load: {error}.",
            "Remove that file, and get a ggml model again; see `reframe models`.",
        ) from error
    if setup.device == "cuda":
        tell("gpu_unusable", "whisper.cpp from pywhispercpp's wheel has no CUDA: this runs on the CPU.")
    return Cpp(model, setup)


class Cpp:
    """A loaded model; see engine.Engine."""

    name = "whisper.cpp"
    device = "cpu"
    workers = 1
    batch = 1
    lighter = None
    slower = None

    def __init__(self, model: Any, setup: Setup) -> None:
        self._model = model
        self._english_only = ".en" in os.path.basename(setup.path)
        self._lock = threading.Lock()  # one context, one call

    def hear(self, sounds: Sequence[Samples], wish: Wish) -> list[Heard]:
        """See engine.Engine."""
        with self._lock:
            return [self._hear(sound, wish) for sound in sounds]

    def _hear(self, sound: Samples, wish: Wish) -> Heard:
        padded = np.pad(sound, (0, max(0, int(_SHORTEST_S * RATE_HZ) - len(sound))))
        language, sureness = wish.language, 1.0
        if language is None:
            language, sureness = self.language(sound)
        # Options of one call stay for the next: every one that may differ is given every time.
        segments = self._model.transcribe(
            padded,
            extract_probability=True,
            language=language,
            translate=wish.translate,
            temperature=wish.temperature,
            initial_prompt=wish.vocabulary or "",
            split_on_word=language not in _UNSPACED,
        )
        duration_s = len(sound) / RATE_HZ
        parts = [
            Word(
                segment.t0 * _CENTISECOND,
                min(segment.t1 * _CENTISECOND, duration_s),
                " " + segment.text,  # pywhispercpp strips the space that begins a word
                0.0 if math.isnan(segment.probability) else float(segment.probability),
            )
            for segment in segments
            if segment.text.strip() and not segment.text.strip().startswith(("[_", "<|"))
        ]
        words = whole(parts)
        logprob = sum(math.log(max(word.probability, 1e-4)) for word in words) / len(words) if words else 0.0
        return Heard(words, language, sureness, logprob)

    def language(self, sound: Samples) -> tuple[str, float]:
        """See engine.Engine."""
        if self._english_only:
            return "en", 1.0
        (language, sureness), _ = self._model.auto_detect_language(sound)
        return str(language), float(sureness)
