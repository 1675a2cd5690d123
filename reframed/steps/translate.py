"""The step `translate`."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta, field

from reframed.errors import ReframeError, StepFailed
from reframed.media.info import SUBTITLES
from reframed.protocol import Settings, Sidecar, unpack_path
from reframed.speech import languages, machine, vocabulary
from reframed.steps.base import Step, Work, digest
from reframed.subtitles import profiles
from reframed.text import did_you_mean, listing, safe
from reframed.translation import engine, firefox, library, llm, models

if TYPE_CHECKING:
    from reframed.subtitles.cues import Cue
    from reframed.subtitles.profiles import Profile
    from reframed.translation.engine import Engine
    from reframed.translation.sentences import Translated
    from reframed.translation.sources import Source

_FORMATS = Literal["srt", "vtt", "ass", "ttml", "txt"]
_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*", re.ASCII)
_GROUP = 60  # sentences between two reports of progress, and between two checkpoints


class Translate(Step, frozen=True, kw_only=True):
    """Translates captions into other languages: whole sentences, on the same cues at the same times."""

    version: ClassVar[int] = 2
    needs: ClassVar[tuple[str, ...]] = ("transcript", "cues")
    makes: ClassVar[tuple[str, ...]] = ("translation", "report")
    takes_sidecars: ClassVar[bool] = True

    to: Annotated[list[str], Meta(description="The languages to translate into, like [es, pt].")]
    source: Annotated[
        str, Meta(description="The language of the captions; auto: as heard, as the file's name says, or as it reads.")
    ] = "auto"
    engine: Annotated[
        Literal["auto", "firefox", "argos", "argostranslate", "llm"],
        Meta(description="What translates; auto: the Firefox models, where they know the pair, else Argos packages."),
    ] = "auto"
    formats: Annotated[
        list[_FORMATS],
        Meta(description="Which files to write; default: SRT, of subtitles that were given their own format."),
    ] = field(default_factory=list)
    profile: Annotated[
        Literal["netflix", "bbc", "broadcast", "shorts"],
        Meta(description="The rules for lines, in the target language's own numbers."),
    ] = "netflix"
    bilingual: Annotated[
        bool, Meta(description="Also write both languages together (NAME.en-es.srt and .ass), the original above.")
    ] = False
    glossary: Annotated[str, Meta(description="A file of names, one a line, that stay as they are.")] = ""
    report: Annotated[
        bool, Meta(description="Also publish the report on each translation; `reframe show` has it in any case.")
    ] = False

    def reads(self, sidecars: tuple[Sidecar, ...]) -> tuple[Sidecar, ...]:
        """Given subtitles keep their tags and places."""
        return tuple(item for item in sidecars if not item.is_forced)

    def identity(self, settings: Settings) -> dict[str, str]:
        """The models that are there, the server's model, and the glossary's content."""
        folder = Path(settings.models_folder)
        there = [f"{item.engine}:{item.pair}:{models.revision(item.path)}" for item in models.installed(folder)]
        glossary = self._glossary_path(settings)
        terms = glossary.read_bytes() if glossary and glossary.is_file() else b""
        server = f"{settings.llm.url}|{settings.llm.model}" if self.engine == llm.NAME else ""
        return {"models": digest(*there), "server": server, "glossary": hashlib.sha256(terms).hexdigest()}

    def check(self, settings: Settings) -> Iterator[str]:
        """Languages that do not exist, an engine that cannot be, a glossary that is not there."""
        if not self.to:
            yield "`to` is empty, so nothing would be translated"
        for tag in [*self.to, *([] if self.source == "auto" else [self.source])]:
            if not _TAG.fullmatch(tag):
                yield f'"{safe(tag)}" is no language tag: use one like es or pt-BR'
                continue
            code = languages.to_whisper(tag)
            if code not in languages.WHISPER:
                hint = did_you_mean(code, languages.WHISPER)
                yield f'there is no language "{safe(tag)}"{hint}: use a tag like es or pt-BR'
        if len({_normal(tag) for tag in self.to}) != len(self.to):
            yield "`to` names one language twice"
        yield from self._check_engine(settings)
        if glossary := self._glossary_path(settings):
            try:
                vocabulary.read(glossary)
            except ReframeError as error:
                yield f"{error.message} {error.hint}"

    def _check_engine(self, settings: Settings) -> Iterator[str]:
        if self.engine == llm.NAME and settings.offline:
            yield "`engine: llm` asks a server, and `offline: true` forbids that"
        elif self.engine == llm.NAME and not settings.llm.url:
            yield "`engine: llm` needs a server: set `llm: {url: ..., model: ...}` in reframe.yaml"
        elif self.engine == firefox.NAME and not firefox.is_installed():
            yield "fxtranslate is not installed (it has no wheel for this machine): use `engine: argos`"
        elif self.engine == library.NAME and not library.is_installed():
            yield 'argos-translate is not installed: `pip install "reframe-media[argostranslate]"`, or use `engine: argos`'

    def run(self, work: Work) -> None:
        """Translate into every language; write files, both languages together if wanted, and a report."""
        from reframed.speech import words
        from reframed.subtitles import files

        transcript = words.read(work.input("transcript"))
        cues = files.read(work.input("cues"))
        tag = self._source_language(work, transcript.language, cues)
        source = self._source(work, transcript.model, len(cues), cues)
        for number, target in enumerate(dict.fromkeys(map(_normal, self.to))):
            if languages.to_whisper(target) == languages.to_whisper(tag):
                work.say("same_language", f"The captions are in {tag} already: nothing to translate into {target}.")
                continue
            share = functools.partial(_share, work.progress, number, len(self.to))
            self._into(work, source, cues, tag, target, share)

    def _source_language(self, work: Work, heard: str, cues: Sequence[Cue]) -> str:
        from reframed.translation import detect

        tag = self.source if self.source != "auto" else "" if heard == "und" else heard
        if not tag:
            tag = detect.language_of([cue.text for cue in cues])
            if tag:
                work.say("language", f"Nothing says which language the captions are in; they read like {tag}.")
        if not tag:
            raise StepFailed(
                "unknown_language",
                "It cannot be told which language the captions are in.",
                "Set `source:` for translate, or name the file like NAME.en.srt.",
            )
        return tag

    def _source(self, work: Work, made_by: str, count: int, cues: Sequence[Cue]) -> Source:
        """The captions as they were written by somebody, else as they were made here. Raises StepFailed."""
        from reframed.translation import sources

        path = Path(work.source) if work.media.kind == SUBTITLES else None
        for sidecar in work.sidecars:
            if made_by == f"sidecar@{sidecar.sha256}" and not sidecar.name.lower().endswith(".json"):
                path = Path(unpack_path(sidecar.path))
        if path is not None:
            why = "its cues were changed before"
            try:
                found = sources.of_file(path)
                if len(sources.written(found, [line.raw for line in found.lines])) == count:
                    return found
            except (ReframeError, OSError) as error:
                why = safe(str(error))
            work.note("markup_dropped", f"Tags and places of {safe(path.name)} are not kept: {why}.")
        return sources.of_captions(cues)

    def _into(
        self, work: Work, source: Source, cues: Sequence[Cue], tag: str, target: str, progress: Callable[[float], None]
    ) -> None:
        from reframed.translation import detect, report, sentences, sources

        rules = profiles.profile(self.profile, target)
        names = frozenset(term.text for term in self._terms(work))
        session = _Session(work, self._engines(work, tag, target, sorted(names)), tag, target, progress)
        with work.engine():
            found = sentences.translate(
                source.lines,
                source.markup,
                session.translate,
                sentences.Rules(tag, rules, names, detect.is_in(target, tag)),
            )
        plain = sources.written(source, found.plain)
        made = [msgspec.structs.replace(cue, text=text, words=()) for cue, text in zip(cues, plain, strict=True)]
        for format_ in self._formats(source):
            self._write(work, source, found, made, format_, target)
        if self.bilingual:
            self._both(work, cues, made, tag, target, rules)
        about = report.examine(made, found, rules, tag, ", then ".join(session.names), session.engine.route)
        self._report(work, about, rules, target)

    def _formats(self, source: Source) -> Sequence[str]:
        return self.formats or [source.extension if source.extension in ("vtt", "ass", "ssa") else "srt"]

    def _engines(self, work: Work, tag: str, target: str, names: Sequence[str]) -> list[Engine]:
        """The engine that is wanted and those that may stand in for it, best first. Raises StepFailed."""
        folder = Path(work.settings.models_folder)
        if self.engine == library.NAME:
            if not library.is_installed():
                work.note("engine_missing", "argos-translate is not installed: its packages are read without it.")
                return [_offline("argos", tag, target, work)]
            return [library.Library(*_base(tag, target), folder)]
        if self.engine == llm.NAME:
            if work.settings.offline:
                raise StepFailed("offline", "`offline: true` forbids asking a language model.", "Use `engine: auto`.")
            server = work.settings.llm
            endpoint = engine.Endpoint(server.url, server.model, server.key_file, server.key_variable, server.timeout_s)
            asked: Engine = llm.Llm(tag, target, endpoint, names, work.log)
            try:
                return [asked, _offline("auto", tag, target, work)]
            except StepFailed:
                return [asked]
        return [_offline(self.engine, tag, target, work)]

    def _write(
        self, work: Work, source: Source, found: Translated, made: Sequence[Cue], format_: str, target: str
    ) -> None:
        from reframed.subtitles import files
        from reframed.translation import sources

        name = f"captions.{target}.{format_}"
        text = None
        if source.file is not None and format_ not in ("txt", "ttml"):
            text = sources.rewritten(source, found.raw, format_)
        if text is not None:
            (work.folder / name).write_text(text, encoding="utf-8", newline="\n")
        else:
            files.write(made, work.folder / name, format_, language=target)
        work.made("translation", name, f".{target}.{format_}", language=target, cues=len(made))

    def _both(
        self, work: Work, cues: Sequence[Cue], made: Sequence[Cue], tag: str, target: str, rules: Profile
    ) -> None:
        from reframed.translation import bilingual

        pair = f"{tag}-{target}"
        for format_, text in bilingual.write(cues, made, profiles.profile(self.profile, tag), rules).items():
            name = f"captions.{pair}.{format_}"
            (work.folder / name).write_text(text, encoding="utf-8", newline="\n")
            work.made("translation", name, f".{pair}.{format_}", language=pair, cues=len(made))

    def _report(self, work: Work, about: object, rules: Profile, target: str) -> None:
        from reframed.translation import report

        assert isinstance(about, report.Report)
        text = report.summary(about, rules)
        name = f"report.{target}"
        (work.folder / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(about), indent=1))
        (work.folder / f"{name}.txt").write_text(text, encoding="utf-8")
        suffix = f".{target}.report" if self.report else ""
        work.made("report", f"{name}.json", suffix and f"{suffix}.json")
        work.made("report", f"{name}.txt", suffix and f"{suffix}.txt", summary=text, review=list(about.review))
        if about.review:
            work.note("needs_review", f"The translation into {target} needs a look: {listing(about.review)}.")

    def _glossary_path(self, settings: Settings) -> Path | None:
        return Path(settings.recipes_folder, Path(self.glossary).expanduser()) if self.glossary else None

    def _terms(self, work: Work) -> list[vocabulary.Term]:
        path = self._glossary_path(work.settings)
        try:
            return vocabulary.read(path) if path else []
        except ReframeError as error:
            raise StepFailed("no_glossary", error.message, error.hint) from error


class _Session:
    """Translates with the first engine that works, in groups that are remembered."""

    def __init__(
        self, work: Work, engines: list[Engine], tag: str, target: str, progress: Callable[[float], None]
    ) -> None:
        from reframed.translation.memory import Memory

        self._work, self._engines, self._progress = work, engines, progress
        self._pair = f"{tag}>{target}"
        self._memory = Memory(work.kept / "translated.jsonl")
        self._whole = 0
        self.names = [engines[0].name]

    @property
    def engine(self) -> Engine:
        """The engine in use."""
        return self._engines[0]

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate `texts`. Raises StepFailed."""
        self._whole = max(self._whole, len(texts))
        done: list[str] = []
        for start in range(0, len(texts), _GROUP):
            group = texts[start : start + _GROUP]
            key = digest(self.engine.name, self._pair, *group)
            made = self._memory.get(key)
            if made is None:
                made = self._ask(group)
                self._memory.put(digest(self.engine.name, self._pair, *group), made)
            done += made
            if len(texts) == self._whole:
                self._progress(len(done) / len(texts))
        return done

    def _ask(self, group: Sequence[str]) -> list[str]:
        while True:
            try:
                made = self.engine.translate(group)
            except StepFailed as failed:
                if failed.code != llm.FAILED or len(self._engines) == 1:
                    raise
                gone = self._engines.pop(0)
                self.names.append(self.engine.name)
                self._work.stand_in = True
                self._work.note(
                    "engine_failed", f"{failed.message} {self.engine.name} translates the rest instead of {gone.name}."
                )
                continue
            if len(made) != len(group):
                raise StepFailed(
                    "translation_failed",
                    f"{self.engine.name} gave {len(made)} sentences for {len(group)}.",
                    "Please report it.",
                )
            return made


def _share(progress: Callable[[float], None], number: int, count: int, done: float) -> None:
    """Report that `done` of the part `number` of `count` is done."""
    progress((number + done) / count)


def _normal(tag: str) -> str:
    """A language tag as it is usually written: pt-BR, zh-Hant."""
    language, *rest = tag.replace("_", "-").split("-")
    parts = [part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part for part in rest]
    return "-".join([language.lower(), *parts])


def _base(tag: str, target: str) -> tuple[str, str]:
    return tag.split("-")[0].lower(), target.split("-")[0].lower()


def _offline(wanted: str, tag: str, target: str, work: Work) -> Engine:
    """An offline engine with models for this pair. Raises StepFailed(no_model)."""
    from reframed.translation.argos import Argos
    from reframed.translation.firefox import Firefox

    folder = Path(work.settings.models_folder)
    names = engine.OFFLINE if wanted == "auto" else (wanted,)
    pairs = dict.fromkeys([(tag, target), (_base(tag, target)[0], target), _base(tag, target)])
    for name in names:
        if name == firefox.NAME and not firefox.is_installed():
            continue
        for source, into in pairs:
            if models.way(name, source, into, folder):
                if name == firefox.NAME:
                    return Firefox(source, into, folder)
                return Argos(source, into, engine.Setup(folder, machine.threads(), work.settings.device))
    there = sorted({f"{item.pair} ({item.engine})" for item in models.installed(folder)})
    raise engine.no_pair(*_base(tag, target), there, wanted)
