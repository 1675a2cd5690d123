"""faster-whisper: chunks decoded in batches on one or several workers, with ctranslate2."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reframed.errors import StepFailed
from reframed.speech.engine import Heard, Setup, Tell, Wish
from reframed.speech.sound import RATE_HZ, Samples
from reframed.speech.words import Word, whole

BEAM = 5
_SAMPLES_OF = 5
_FRAMES = 3000  # 30 s
_FRAMES_PER_S = 100
_SHORT_FRAMES = 1000
_SURE = 0.9  # a chunk whose language is less certain may hold two
_VOCABULARY_TOKENS = 100
_PREPEND = "\"'“¿([{-"
_APPEND = "\"'.。,，!！?？:：”)]}、"
_CPU_BATCH = 4
# What a chunk takes while it is decoded with BEAM beams (keys and values of 1500 frames in every layer, as float32), by the
# size of the model's weights on disk, both in MB: tiny, base, small, medium, large.
_CHUNK_MB = ((120, 95), (250, 190), (800, 560), (2000, 1500), (100_000, 2500))
_NO_MEMORY = ("out of memory", "bad_alloc", "failed to allocate", "cublas_status_alloc_failed")

Features = npt.NDArray[np.float32]


def load(setup: Setup, tell: Tell) -> Faster:
    """The engine; a GPU that cannot be used, or that is too small, falls back step by step, each step told.

    Raises StepFailed(model_broken).
    """
    error: Exception | None = None
    ladder = _ladder(setup)
    for rung in range(setup.rung, len(ladder)):
        if error is not None:
            tell("slower_engine", f"{_why(error)}: this goes on with {describe(setup, rung)}.")
        try:
            return Faster(setup, rung, tell)
        except (RuntimeError, ValueError, OSError, MemoryError) as caught:
            error = caught
    raise StepFailed(
        "model_broken",
        f"The Whisper model {setup.name} in {setup.path} does not load: {error}",
        f"Remove that folder and run `reframe models fetch {setup.name}`.",
    ) from error


_NAMES = {"cpu": "CPU", "cuda": "GPU"}


def _ladder(setup: Setup) -> list[tuple[str, str, int]]:
    """Device, compute type and batch, best first."""
    cpu = [("cpu", "int8", _CPU_BATCH)]
    gpu = [("cuda", "float16", 16), ("cuda", "int8_float16", 8)]
    return [*gpu, *cpu] if setup.device == "cuda" else cpu


def describe(setup: Setup, rung: int) -> str:
    """One rung of the ladder, for a person."""
    device, compute, _ = _ladder(setup)[rung]
    return f"{compute} on the {_NAMES[device]}"


def _why(error: Exception) -> str:
    short = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"The GPU has too little memory ({short})" if no_memory(error) else f"The GPU cannot be used ({short})"


def share(setup: Setup) -> tuple[int, int]:
    """Workers and chunks for each, so that decoding keeps within the memory: one thread each, if it may be."""
    if not setup.memory_bytes:
        return setup.threads, _CPU_BATCH
    weights_mb = (setup.path / "model.bin").stat().st_size / 1e6
    chunk_mb = next(mb for limit, mb in _CHUNK_MB if weights_mb < limit)
    chunks = max(1, int(setup.memory_bytes / 1e6 / chunk_mb))
    workers = max(1, min(setup.threads, chunks // 2))
    return workers, max(1, min(_CPU_BATCH, chunks // workers))


def no_memory(error: BaseException) -> bool:
    """Whether an engine failed for want of memory."""
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in _NO_MEMORY)


class Faster:
    """A loaded model; see engine.Engine. On the CPU every worker has one thread, which was measured faster than one
    worker with several."""

    name = "faster-whisper"

    def __init__(self, setup: Setup, rung: int, tell: Tell) -> None:
        import ctranslate2
        from faster_whisper import WhisperModel

        ctranslate2.set_random_seed(0)  # listening again gives the same words again
        ladder = _ladder(setup)
        device, compute, batch = ladder[rung]
        self.device, self.batch, self.workers = device, batch, 1
        below = [(index, ladder[index][0]) for index in range(rung + 1, len(ladder))]
        self.lighter = next((setup._replace(rung=index) for index, other in below if other == device), None)
        self.slower = next((setup._replace(rung=index) for index, other in below if other != device), None)
        if device == "cpu":
            self.workers, self.batch = share(setup)
        self._tell = tell
        self._tokenizers: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._model: Any = WhisperModel(
            str(setup.path),
            device=device,
            compute_type=compute,
            cpu_threads=max(1, setup.threads // self.workers) if device == "cpu" else 0,
            num_workers=self.workers,
            local_files_only=True,
        )
        self.multilingual = bool(self._model.model.is_multilingual)
        if device == "cuda":  # missing libraries, and too little memory, show only when something runs
            self._hear([np.zeros(RATE_HZ, dtype=np.float32)] * batch, Wish("en"))

    def hear(self, sounds: Sequence[Samples], wish: Wish) -> list[Heard]:
        """See engine.Engine. When memory runs out the batch is halved, for good. Raises StepFailed(out_of_memory)."""
        try:
            return self._hear(sounds, wish)
        except (RuntimeError, MemoryError) as error:
            if not no_memory(error):
                raise
            if len(sounds) < 2:
                raise StepFailed(
                    "out_of_memory",
                    "There is too little memory for this Whisper model, even for one chunk at a time.",
                    "Choose a smaller model, or close what else uses the memory.",
                    retry=True,
                ) from error
        with self._lock:
            smaller = max(1, min(self.batch, len(sounds)) // 2)
            if smaller < self.batch:
                self.batch = smaller
                self._tell("smaller_batch", f"Memory ran out: this goes on with {smaller} chunks at a time.")
        middle = len(sounds) // 2
        return self.hear(sounds[:middle], wish) + self.hear(sounds[middle:], wish)

    def _hear(self, sounds: Sequence[Samples], wish: Wish) -> list[Heard]:
        features = [self._features(sound, _FRAMES) for sound in sounds]
        encoded = self._encode(features)
        if wish.language is not None or not self.multilingual:
            language = wish.language or "en"
            return self._decode(encoded, sounds, [(language, 1.0)] * len(sounds), wish)
        found = [(first[0][0][2:-2], float(first[0][1])) for first in self._model.model.detect_language(encoded)]
        certain = [probability >= _SURE for _, probability in found]
        if all(certain) and len({language for language, _ in found}) == 1:
            return self._decode(encoded, sounds, found, wish)
        heard = [Heard((), language, probability, mixed=True) for language, probability in found]
        for language in {language for (language, _), sure in zip(found, certain, strict=True) if sure}:
            mine = [i for i, (other, _) in enumerate(found) if other == language and certain[i]]
            again = self._encode([features[i] for i in mine])
            decoded = self._decode(again, [sounds[i] for i in mine], [found[i] for i in mine], wish)
            for index, one in zip(mine, decoded, strict=True):
                heard[index] = one
        return heard

    def language(self, sound: Samples) -> tuple[str, float]:
        """See engine.Engine. Whisper needs no more than a third of its window for this."""
        if not self.multilingual:
            return "en", 1.0
        best = self._model.model.detect_language(self._encode([self._features(sound, _SHORT_FRAMES)]))[0][0]
        return best[0][2:-2], float(best[1])

    def _features(self, sound: Samples, frames: int) -> Features:
        found = self._model.feature_extractor(sound[: frames * RATE_HZ // _FRAMES_PER_S])[:, :frames]
        padded: Features = np.pad(found, ((0, 0), (0, frames - found.shape[1]))).astype(np.float32)
        return padded

    def _encode(self, features: list[Features]) -> Any:
        return self._model.encode(np.stack(features))

    def _tokenizer(self, language: str, wish: Wish) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        key = (language, "translate" if wish.translate else "transcribe")
        with self._lock:
            if key not in self._tokenizers:
                task = key[1] if self.multilingual else None
                self._tokenizers[key] = Tokenizer(
                    self._model.hf_tokenizer, self.multilingual, task=task, language=language
                )
            return self._tokenizers[key]

    def _decode(
        self, encoded: Any, sounds: Sequence[Samples], languages: Sequence[tuple[str, float]], wish: Wish
    ) -> list[Heard]:
        """Words of sounds in one language."""
        from faster_whisper.transcribe import get_suppressed_tokens

        tokenizer = self._tokenizer(languages[0][0], wish)
        prompt = self._model.get_prompt(
            tokenizer, [], without_timestamps=True, hotwords=self._vocabulary(tokenizer, wish.vocabulary)
        )
        how: dict[str, Any] = {"beam_size": BEAM}
        if wish.temperature:
            how = {
                "beam_size": 1,
                "num_hypotheses": _SAMPLES_OF,
                "sampling_topk": 0,
                "sampling_temperature": wish.temperature,
            }
        results = self._model.model.generate(
            encoded,
            [prompt] * len(sounds),
            max_length=self._model.max_length,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
            return_scores=True,
            return_no_speech_prob=True,
            **how,
        )
        tokens = [[token for token in result.sequences_ids[0] if token < tokenizer.eot] for result in results]
        words = self._words(tokenizer, tokens, encoded, sounds)
        return [
            Heard(
                words=found,
                language=language,
                language_probability=probability,
                logprob=float(result.scores[0]) * len(result.sequences_ids[0]) / (len(result.sequences_ids[0]) + 1),
                silence=float(result.no_speech_prob),
            )
            for found, result, (language, probability) in zip(words, results, languages, strict=True)
        ]

    def _vocabulary(self, tokenizer: Any, text: str) -> str | None:
        """As much of the vocabulary as may stand before the speech: a long one makes Whisper repeat it."""
        if not text:
            return None
        tokens = tokenizer.encode(" " + text)
        return str(tokenizer.decode(tokens[:_VOCABULARY_TOKENS])).strip()

    def _words(
        self, tokenizer: Any, tokens: list[list[int]], encoded: Any, sounds: Sequence[Samples]
    ) -> list[tuple[Word, ...]]:
        segments: list[list[dict[str, Any]]] = [
            [{"tokens": mine, "seek": 0, "start": 0.0, "end": len(sound) / RATE_HZ}]
            for mine, sound in zip(tokens, sounds, strict=True)
        ]
        frames = [min(_FRAMES, len(sound) * _FRAMES_PER_S // RATE_HZ) for sound in sounds]
        self._model.add_word_timestamps(segments, tokenizer, encoded, frames, _PREPEND, _APPEND, 0.0)
        return [
            whole(
                Word(float(word["start"]), float(word["end"]), str(word["word"]), float(word["probability"]))
                for word in mine[0]["words"]
            )
            for mine in segments
        ]
