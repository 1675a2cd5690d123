"""The cues to translate, as they are written: tags and places included where somebody made the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reframed.subtitles import files
from reframed.subtitles.cues import Cue
from reframed.translation.marks import Markup
from reframed.translation.sentences import Line

_VTT_TIMES = re.compile(r"^\s*(?:\d+:)?\d\d:\d\d[.,]\d{3}\s+-->")


class Source(NamedTuple):
    """Cues as lines, how they are marked up, and the file they are from (None: captions made here)."""

    lines: list[Line]
    markup: Markup
    file: Any
    text: str
    extension: str


def of_captions(cues: Sequence[Cue]) -> Source:
    """Captions that were made here: plain text."""
    return Source([Line(cue.start, cue.end, cue.text, cue.speaker) for cue in cues], "none", None, "", "")


def of_file(path: Path) -> Source:
    """A subtitle file. Raises ReframeError."""
    found = files.load(path)
    markup: Markup = "vtt" if found.format == "vtt" else "ass"
    shown = [event for event in found if not event.is_comment]
    raw = [files.without_inner(event.text) for event in shown]
    if markup == "vtt":
        raw = [text.replace("\\N", "\n") for text in raw]  # as pysubs2 writes a line's end
    lines = [
        Line(event.start / 1000, event.end / 1000, text, event.name) for event, text in zip(shown, raw, strict=True)
    ]
    text, _ = files.decode(path.read_bytes())
    return Source(lines, markup, found, text.replace("\r\n", "\n").replace("\r", "\n"), found.format)


def rewritten(source: Source, raw: Sequence[str], format_: str) -> str:
    """The file of `source` with other texts, everything else as it was, as `format_`."""
    import copy

    if format_ == "vtt" == source.extension and (text := _vtt(source.text, raw)) is not None:
        return text
    made = copy.deepcopy(source.file)
    texts = iter(raw)
    for event in made:
        if not event.is_comment:
            event.text = next(texts).replace("\n", "\\N")
    return str(made.to_string(format_))


def _vtt(text: str, raw: Sequence[str]) -> str | None:
    """WebVTT with its header, notes, styles, identifiers and settings kept; None if its cues cannot be told apart."""
    texts, lines, skipping = list(raw), [], False
    for line in text.split("\n"):
        if _VTT_TIMES.match(line):
            if not texts:
                return None
            lines += [line, *texts.pop(0).split("\n")]
            skipping = True
        elif not skipping or not line.strip():
            skipping = False
            lines.append(line)
    return None if texts else "\n".join(lines)
