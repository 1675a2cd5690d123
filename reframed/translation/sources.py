"""The cues to translate, as they are written: tags and places included where somebody made the file."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reframed.errors import ReframeError
from reframed.subtitles import files
from reframed.subtitles.cues import Cue
from reframed.text import safe
from reframed.translation.marks import Markup
from reframed.translation.sentences import Line

_VTT_INNER = re.compile(r"<(?:\d+:)?\d\d:\d\d\.\d{3}>")
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
    text, _ = files.decode(path.read_bytes())
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    shown = [event for event in found if not event.is_comment]
    raw = [event.text for event in shown]
    markup: Markup = "ass"
    if found.format == "vtt":  # pysubs2 rewrites some of its tags
        markup, raw = "vtt", [_VTT_INNER.sub("", payload) for payload in _payloads(text)]
        if len(raw) != len(shown):
            raise ReframeError(f"The cues of {safe(path.name)} cannot be told apart.", "Does it open in a player?")
    lines = [
        Line(event.start / 1000, event.end / 1000, payload, event.name)
        for event, payload in zip(shown, raw, strict=True)
    ]
    return Source(lines, markup, found, text, found.format)


def _payloads(text: str) -> list[str]:
    """The texts of WebVTT's cues as they are written."""
    blocks: list[list[str]] = []
    inside = False
    for line in text.split("\n"):
        if _VTT_TIMES.match(line):
            blocks.append([])
            inside = True
        elif not line.strip():
            inside = False
        elif inside:
            blocks[-1].append(line)
    return ["\n".join(block) for block in blocks]


def rewritten(source: Source, raw: Sequence[str], format_: str) -> str | None:
    """The file of `source` with other texts, everything else as it was, as `format_`; None if that cannot be."""
    if source.extension == "vtt":
        return _vtt(source.text, raw) if format_ == "vtt" else None
    made = copy.deepcopy(source.file)
    texts = iter(raw)
    for event in made:
        if not event.is_comment:
            event.text = next(texts)
    return str(made.to_string(format_))


def _vtt(text: str, raw: Sequence[str]) -> str:
    """WebVTT with its header, notes, styles, identifiers and settings kept."""
    texts, lines, skipping = list(raw), [], False
    for line in text.split("\n"):
        if _VTT_TIMES.match(line):
            lines += [line, *texts.pop(0).split("\n")]
            skipping = True
        elif not skipping or not line.strip():
            skipping = False
            lines.append(line)
    return "\n".join(lines)
