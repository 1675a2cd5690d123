"""The cues to translate, as they are written: tags and places included where somebody made the file."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reframed.errors import ReframeError
from reframed.subtitles import files
from reframed.subtitles.cues import Cue
from reframed.text import safe
from reframed.translation.marks import Markup, is_drawing
from reframed.translation.sentences import Line

_VTT_INNER = re.compile(r"<(?:\d+:)?\d\d:\d\d\.\d{3}>")
_VTT_TIMES = re.compile(r"^\s*(?:\d+:)?\d\d:\d\d[.,]\d{3}\s*-->")
_SRT_TIMES = re.compile(r"^\s*(?:\d+:)?\d{1,2}:\d{1,2}[.,:]\d{1,3}\s*-->")
_VOICE = re.compile(r"\s*<v(?:\.[^\s>]*)?\s+([^>]+)>")
_PLACE = re.compile(r"\\(?:pos|move|an?)(?:\([^()]*\)|\d+)")


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
        markup, raw = "vtt", [_VTT_INNER.sub("", payload) for payload in _payloads(text, "vtt")]
    elif found.format == "srt":  # and loses most of SRT's
        markup, raw = "srt", _payloads(text, "srt")
    if len(raw) != len(shown):
        raise ReframeError(f"The cues of {safe(path.name)} cannot be told apart.", "Does it open in a player?")
    lines = [
        Line(event.start / 1000, event.end / 1000, payload, _speaker(event, payload, markup), _place(event, markup))
        for event, payload in zip(shown, raw, strict=True)
    ]
    return Source(lines, markup, found, text, found.format)


def _speaker(event: Any, payload: str, markup: Markup) -> str:
    voice = _VOICE.match(payload) if markup == "vtt" else None
    return voice[1].strip() if voice else str(event.name)


def _place(event: Any, markup: Markup) -> str:
    """Where an ASS event stands: its style and what moves it elsewhere."""
    return f"{event.style} {' '.join(_PLACE.findall(event.text))}".strip() if markup == "ass" else ""


def _payloads(text: str, format_: str) -> list[str]:
    """The texts of the cues of WebVTT or SRT as they are written."""
    return ["\n".join(lines) for is_cue, lines in _blocks(text, format_) if is_cue]


def _blocks(text: str, format_: str) -> Iterator[tuple[bool, list[str]]]:
    """A file as it is written: what stands between the cues' texts (False), and these (True)."""
    lines = text.split("\n")
    times = [index for index, line in enumerate(lines) if (_VTT_TIMES if format_ == "vtt" else _SRT_TIMES).match(line)]
    at = 0
    for index, following in zip(times, [*times[1:], len(lines)], strict=True):
        yield False, lines[at : index + 1]
        end = _end_of(lines, index + 1, following, format_)
        yield True, lines[index + 1 : end]
        at = end
    yield False, lines[at:]


def _end_of(lines: Sequence[str], start: int, following: int, format_: str) -> int:
    """Where a cue's text ends: at the first empty line, in SRT at the number of the next cue."""
    if format_ == "vtt":
        return next((index for index in range(start, following) if not lines[index].strip()), following)
    end = following
    if following < len(lines) and end > start and _is_number(lines, end - 1):
        end -= 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return end


def written(source: Source, texts: Sequence[str]) -> list[str]:
    """Those of `texts`, one a line of `source`, that are not of drawings."""
    return [text for line, text in zip(source.lines, texts, strict=True) if not is_drawing(line.raw, source.markup)]


def rewritten(source: Source, raw: Sequence[str], format_: str) -> str | None:
    """The file of `source` with other texts, everything else as it was, as `format_`; None if that cannot be."""
    if source.extension in ("vtt", "srt"):
        return _in_place(source, raw) if format_ == source.extension else None
    if format_ in ("vtt", "srt"):
        return None  # pysubs2 would write the text without escaping it
    made = copy.deepcopy(source.file)
    texts = iter(raw)
    for event in made:
        if not event.is_comment:
            event.text = next(texts)
    return str(made.to_string(format_))


def _is_number(lines: Sequence[str], index: int) -> bool:
    """Whether a line is the number of the next cue; broken ones stand after an empty line."""
    text = lines[index].strip()
    return text.isdigit() or (0 < len(text) <= 10 and " " not in text and index > 0 and not lines[index - 1].strip())


def _in_place(source: Source, raw: Sequence[str]) -> str:
    """The file with its header, notes, styles, identifiers, numbers and settings kept."""
    texts = iter(raw)
    lines: list[str] = []
    for is_cue, block in _blocks(source.text, source.extension):
        text = next(texts) if is_cue else ""
        lines += text.split("\n") if text else [] if is_cue else block
    return "\n".join(lines)
