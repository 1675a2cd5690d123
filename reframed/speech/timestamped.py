"""whisper-timestamped (the extra `timestamped`): OpenAI's models, with its own word times and confidences."""

from __future__ import annotations

from typing import Any

from reframed.speech import openai
from reframed.speech.engine import Setup, Tell
from reframed.speech.sound import Samples
from reframed.speech.words import Word


def load(setup: Setup, tell: Tell) -> Timestamped:
    """The engine with OpenAI's model in the file `setup.path`. Raises StepFailed(model_broken)."""
    loaded = openai.load(setup, tell)
    return Timestamped(loaded._model, loaded.device)


class Timestamped(openai.OpenAI):
    """A loaded model; see engine.Engine."""

    name = "whisper-timestamped"

    def _transcribe(self, sound: Samples, **options: Any) -> Any:
        import whisper_timestamped

        return whisper_timestamped.transcribe(self._model, sound, **options)

    def _word(self, word: dict[str, Any]) -> Word:
        return Word(float(word["start"]), float(word["end"]), " " + word["text"], float(word["confidence"]))
