"""OpenAI's own whisper package (the extra `openai`), and whisper-timestamped on top of it (the extra `timestamped`).

Both need PyTorch, and a model file of OpenAI's (.pt) in the models folder under `openai/`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from reframed.errors import StepFailed
from reframed.speech.engine import Heard, Setup, Tell, Wish
from reframed.speech.sound import Samples
from reframed.speech.words import Word, whole

_BEAM = 5


def load(setup: Setup, tell: Tell) -> OpenAI:
    """The engine with the model in the file `setup.path`. Raises StepFailed(model_broken)."""
    import torch
    import whisper

    device = setup.device
    if device == "cuda" and not torch.cuda.is_available():
        tell("gpu_unusable", "PyTorch finds no usable GPU: this runs on the CPU.")
        device = "cpu"
    if device == "cpu":
        torch.set_num_threads(setup.threads)
    try:
        model = whisper.load_model(str(setup.path), device=device)
    except (RuntimeError, ValueError, OSError, KeyError) as error:
        raise StepFailed(
            "model_broken", f"The model {setup.path} does not load: {error}.", "Remove it and get it again."
        ) from error
    return OpenAI(model, device)


class OpenAI:
    """A loaded model; see engine.Engine."""

    name = "openai-whisper"
    workers = 1
    batch = 1
    lighter = None
    slower = None

    def __init__(self, model: Any, device: str) -> None:
        self.device = device
        self._model = model
        self._lock = threading.Lock()

    def hear(self, sounds: Sequence[Samples], wish: Wish) -> list[Heard]:
        """See engine.Engine."""
        with self._lock:
            return [self._hear(sound, wish) for sound in sounds]

    def _transcribe(self, sound: Samples, **options: Any) -> Any:
        return self._model.transcribe(sound, word_timestamps=True, **options)

    def _hear(self, sound: Samples, wish: Wish) -> Heard:
        found = self._transcribe(
            sound,
            language=wish.language,
            task="translate" if wish.translate else "transcribe",
            temperature=wish.temperature,
            beam_size=None if wish.temperature else _BEAM,
            initial_prompt=wish.vocabulary or None,
            condition_on_previous_text=False,
            fp16=self.device == "cuda",
            verbose=None,
        )
        segments = found["segments"]
        parts = [self._word(word) for segment in segments for word in segment["words"]]
        count = max(1, len(segments))
        return Heard(
            words=whole(parts),
            language=found["language"],
            logprob=sum(segment["avg_logprob"] for segment in segments) / count,
            silence=max((segment["no_speech_prob"] for segment in segments), default=0.0),
        )

    def _word(self, word: dict[str, Any]) -> Word:
        return Word(float(word["start"]), float(word["end"]), word["word"], float(word["probability"]))

    def language(self, sound: Samples) -> tuple[str, float]:
        """See engine.Engine."""
        import whisper

        if not self._model.is_multilingual:
            return "en", 1.0
        mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(sound), self._model.dims.n_mels).to(self._model.device)
        _, found = self._model.detect_language(mel)
        best = max(found, key=found.get)
        return best, float(found[best])
