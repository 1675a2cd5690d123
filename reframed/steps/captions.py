"""The step `captions`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta, field

from reframed.errors import ReframeError, StepFailed
from reframed.filesystem import hash_file
from reframed.media.info import SUBTITLES
from reframed.protocol import Settings, Sidecar, unpack_path
from reframed.speech.words import Transcript
from reframed.steps.base import Step, Work
from reframed.subtitles import profiles
from reframed.subtitles.profiles import Profile
from reframed.text import listing, safe

if TYPE_CHECKING:
    from reframed.subtitles.cues import Cue
    from reframed.subtitles.report import Report

_FORMATS = Literal["srt", "vtt", "ass", "ttml", "txt", "json"]
_SIDECAR = "sidecar"


class Captions(Step, frozen=True, kw_only=True):
    """Lays words out as captions and writes subtitle files, named as players find them (NAME.en.srt)."""

    version: ClassVar[int] = 3
    needs: ClassVar[tuple[str, ...]] = ("transcript",)
    makes: ClassVar[tuple[str, ...]] = ("captions", "report", "cues")

    formats: Annotated[list[_FORMATS], Meta(description="Which files to write.")] = field(
        default_factory=lambda: ["srt", "vtt"]
    )
    profile: Annotated[
        Literal["netflix", "bbc", "broadcast", "shorts"],
        Meta(description="The rules: line length, reading speed, durations and gaps, in the language's own numbers."),
    ] = "netflix"
    max_chars_per_line: Annotated[
        Annotated[int, Meta(ge=4, le=120)] | None,
        Meta(description="Longest line, in characters; default: the profile's."),
    ] = None
    max_words_per_line: Annotated[
        Annotated[int, Meta(ge=1, le=40)] | None, Meta(description="Most words on a line; default: no limit.")
    ] = None
    max_lines: Annotated[
        Annotated[int, Meta(ge=1, le=4)] | None, Meta(description="Most lines at once; default: the profile's.")
    ] = None
    max_duration: Annotated[
        Annotated[float, Meta(ge=1, le=60)] | None,
        Meta(description="Longest caption, in seconds; default: the profile's."),
    ] = None
    max_gap: Annotated[
        Annotated[float, Meta(ge=0.1, le=10)] | None,
        Meta(description="A pause longer than this, in seconds, starts a new caption; default: the profile's."),
    ] = None
    word_times: Annotated[bool, Meta(description="Put the time of every word into WebVTT.")] = False
    shots: Annotated[
        bool, Meta(description="Let captions begin and end with cuts in the picture, where one is near.")
    ] = True
    given: Annotated[
        Literal["keep", "fix"],
        Meta(description="Subtitles that came along: keep them to the letter, or fix what breaks the rules."),
    ] = "keep"
    sync: Annotated[
        str,
        Meta(
            description="A text or subtitle file whose words are given the times that were heard; `sidecar` is the one that "
            "came along (then set `sidecar: ignore` for transcribe)."
        ),
    ] = ""
    mux: Annotated[
        bool, Meta(description="Also write a copy of the video with the captions inside, not re-encoded.")
    ] = False
    report: Annotated[
        bool, Meta(description="Also publish the captions report; `reframe show` has it in any case.")
    ] = False

    def reads(self, sidecars: tuple[Sidecar, ...]) -> tuple[Sidecar, ...]:
        """Given subtitles are written as they are, or synchronised."""
        return tuple(item for item in sidecars if not item.is_forced)

    def identity(self, settings: Settings) -> dict[str, str]:
        """The content of the file to synchronise."""
        path = self._sync_path(settings)
        return {"sync": hash_file(str(path))} if path and path.is_file() else {}

    def check(self, settings: Settings) -> Iterator[str]:
        """An empty or doubled list of formats, a file that is not there."""
        if not self.formats:
            yield "`formats` is empty, so nothing would be written"
        elif len(set(self.formats)) != len(self.formats):
            yield "`formats` names one format twice"
        path = self._sync_path(settings)
        if path and not path.is_file():
            yield f"the file to synchronise, {safe(str(path))}, is not there"

    def run(self, work: Work) -> None:
        """Read the transcript, lay it out, write every format, examine the result."""
        from reframed.speech import words
        from reframed.subtitles import files, report

        transcript = words.read(work.input("transcript"))
        rules = self._rules(transcript.language)
        cues = self._cues(work, transcript, rules)
        tag = "" if transcript.language == "und" else f".{transcript.language}"
        files.write(cues, work.folder / "cues.json", files.JSON, language=transcript.language)
        work.made("cues", "cues.json", language=transcript.language)
        for format_ in self.formats:
            if work.media.kind == SUBTITLES and work.source.endswith(f".{format_}") and self.given == "keep":
                continue  # that is the source itself
            self._write(work, cues, transcript, format_, tag)
        if self.mux:
            self._mux(work, cues, transcript, tag)
        found = report.examine(cues, rules, transcript)
        self._report(work, found, rules, tag)
        work.log(f"{len(cues)} cues from {len(transcript.words)} words, {transcript.language}")

    def _rules(self, language: str) -> Profile:
        found = profiles.profile(self.profile, "" if language == "und" else language)
        given: dict[str, Any] = {
            "max_chars_per_line": self.max_chars_per_line,
            "max_words_per_line": self.max_words_per_line,
            "max_lines": self.max_lines,
            "max_duration_s": self.max_duration,
            "max_gap_s": self.max_gap,
        }
        return msgspec.structs.replace(found, **{key: value for key, value in given.items() if value is not None})

    def _cues(self, work: Work, transcript: Transcript, rules: Profile) -> list[Cue]:
        from reframed.subtitles import layout
        from reframed.subtitles.cues import Cue
        from reframed.subtitles.rules import fix

        if self.sync:
            return self._synchronised(work, transcript, rules)
        if transcript.cues:
            cues = [Cue(cue.start, cue.end, cue.text) for cue in transcript.cues]
            return fix(cues, rules) if self.given == "fix" else cues
        return layout.build(transcript.words, rules, self._shots(work))

    def _shots(self, work: Work) -> Sequence[float]:
        if not self.shots or not work.media.video:
            return ()
        from reframed.media.shots import cuts

        with work.engine():
            found = cuts(work.source, work.log)
        work.log(f"{len(found)} cuts in the picture")
        return found

    def _sync_path(self, settings: Settings) -> Path | None:
        if not self.sync or self.sync == _SIDECAR:
            return None
        return Path(settings.recipes_folder, Path(self.sync).expanduser())

    def _synchronised(self, work: Work, transcript: Transcript, rules: Profile) -> list[Cue]:
        """The given text or subtitles at the times of the words that were heard. Raises StepFailed."""
        from reframed.subtitles import files, layout, retime
        from reframed.subtitles.given import EXTENSIONS
        from reframed.subtitles.rules import fix

        path = self._sync_path(work.settings)
        if path is None:
            if not work.sidecars:
                raise StepFailed(
                    "nothing_to_sync", "`sync: sidecar` is set, but no subtitle file came along.",
                    "Drop NAME.srt together with the video.",
                )  # fmt: skip
            path = Path(unpack_path(work.sidecars[0].path))
        try:
            if path.suffix.lower().lstrip(".") in EXTENSIONS:
                cues, share = retime.align_cues(files.read(path), transcript.words)
                cues = fix(cues, rules)
            else:
                text, _ = files.decode(path.read_bytes())
                given, share = retime.align_words(text.split(), transcript.words)
                cues = layout.build(given, rules, self._shots(work))
        except OSError as error:
            raise StepFailed(
                "bad_subtitles", f"{safe(str(path))} cannot be read: {error.strerror}.", "Check it."
            ) from error
        except ReframeError as error:
            raise StepFailed("bad_subtitles", error.message, error.hint) from error
        if not retime.is_match(share):
            raise StepFailed(
                "sync_no_match",
                f"Only {share:.0%} of the words in {safe(path.name)} were heard: it is not what is spoken here.",
                "Is it the right file, in the language that is spoken?",
            )
        work.say("synchronised", f"{share:.0%} of the words in {safe(path.name)} were found in the speech.")
        return cues

    def _write(self, work: Work, cues: Sequence[Cue], transcript: Transcript, format_: str, tag: str) -> None:
        from reframed.subtitles import files

        name = f"captions{tag}.{format_}"
        original = self._original(work, transcript, format_)
        if original is not None:
            shutil.copyfile(original, work.folder / name)
        else:
            files.write(cues, work.folder / name, format_, language=transcript.language, word_times=self.word_times)
        work.made(
            "captions",
            name,
            f"{tag}.{format_}",
            language=transcript.language,
            cues=len(cues),
            given=original is not None,
        )

    def _original(self, work: Work, transcript: Transcript, format_: str) -> str | None:
        """The path of the file that came along, if these captions are that very file."""
        if not transcript.cues or self.given == "fix" or self.sync:
            return None
        for sidecar in work.sidecars:
            path = unpack_path(sidecar.path)
            if transcript.model == f"sidecar@{sidecar.sha256}" and path.lower().endswith(f".{format_}"):
                return path
        return None

    def _mux(self, work: Work, cues: Sequence[Cue], transcript: Transcript, tag: str) -> None:
        from reframed.media import texttrack
        from reframed.speech import languages
        from reframed.subtitles import files

        if not work.media.video:
            work.note("no_mux", "`mux: true` is for videos; this is sound alone, so there is no copy with captions.")
            return
        plain = work.folder / "inside.srt"
        files.write(cues, plain, "srt")
        extension = Path(work.source).suffix
        with work.engine():
            made = texttrack.mux(
                work.source, extension, plain, languages.to_iso639(transcript.language), work.folder, work.log
            )
        work.made("video", made.name, f"{tag}.captions{made.suffix}", language=transcript.language)

    def _report(self, work: Work, found: Report, rules: Profile, tag: str) -> None:
        from reframed.subtitles import report

        (work.folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))
        text = report.summary(found, rules)
        (work.folder / "report.txt").write_text(text, encoding="utf-8")
        for ending in ("json", "txt"):
            suffix = f"{tag}.report.{ending}" if self.report else ""
            about = {"summary": text, "review": list(found.review)} if ending == "txt" else {}
            work.made("report", f"report.{ending}", suffix, **about)
        if found.review:
            work.note("needs_review", f"These captions need a look: {listing(found.review)}.")
