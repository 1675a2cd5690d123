"""The step `captions`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, field

from reframed.protocol import Settings
from reframed.steps.base import Step, Work


class Captions(Step, frozen=True, kw_only=True):
    """Lays words out as captions and writes subtitle files, named as players find them (NAME.en.srt)."""

    version: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("transcript",)
    makes: ClassVar[tuple[str, ...]] = ("captions",)

    formats: Annotated[list[Literal["srt", "vtt"]], Meta(description="Which files to write.")] = field(
        default_factory=lambda: ["srt", "vtt"]
    )
    max_chars_per_line: Annotated[int, Meta(ge=10, le=120, description="Longest line, in characters.")] = 42
    max_lines: Annotated[int, Meta(ge=1, le=4, description="Most lines on screen at once.")] = 2
    max_duration: Annotated[float, Meta(ge=1, le=60, description="Longest caption, in seconds.")] = 7.0
    max_gap: Annotated[float, Meta(ge=0.1, le=10, description="A pause longer than this starts a new caption.")] = 0.8

    def check(self, settings: Settings) -> Iterator[str]:
        """An empty or doubled list of formats."""
        if not self.formats:
            yield "`formats` is empty, so nothing would be written"
        elif len(set(self.formats)) != len(self.formats):
            yield "`formats` names one format twice"

    def run(self, work: Work) -> None:
        """Read the transcript, build cues, write every format."""
        from reframed.speech import words
        from reframed.subtitles import cues, files

        transcript = words.read(work.input("transcript"))
        layout = cues.Layout(
            max_chars_per_line=self.max_chars_per_line,
            max_lines=self.max_lines,
            max_duration_s=self.max_duration,
            max_gap_s=self.max_gap,
        )
        built = cues.build(transcript.words, layout)
        for format_ in self.formats:
            name = f"captions.{transcript.language}.{format_}"
            files.write(built, work.folder / name, format_)
            work.made(
                "captions", name, f".{transcript.language}.{format_}", language=transcript.language, cues=len(built)
            )
        work.log(f"{len(built)} cues from {len(transcript.words)} words, {transcript.language}")
