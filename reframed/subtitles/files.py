"""Cues to subtitle files, through pysubs2."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reframed.subtitles.cues import Cue

FORMATS = ("srt", "vtt")


def write(cues: Sequence[Cue], path: Path, format_: str) -> None:
    """Write `cues` as SRT or WebVTT: UTF-8 without a byte order mark, LF line ends."""
    import pysubs2

    subtitles = pysubs2.SSAFile()
    for cue in cues:
        event = pysubs2.SSAEvent(start=round(cue.start * 1000), end=round(cue.end * 1000))
        event.plaintext = cue.text
        subtitles.append(event)
    path.write_text(subtitles.to_string(format_), encoding="utf-8", newline="\n")


def read(path: Path) -> list[Cue]:
    """The cues of an SRT or WebVTT file. Raises pysubs2's exceptions on a file that is neither."""
    import pysubs2

    return [
        Cue(event.start / 1000, event.end / 1000, event.plaintext)
        for event in pysubs2.load(str(path), encoding="utf-8")
    ]
