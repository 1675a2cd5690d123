"""The times of single words that subtitle files may hold: WebVTT's cue timestamps, and the karaoke tags of ASS."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from reframed.speech.words import Word, whole

_VTT_TIME = re.compile(r"<t(\d+)>")  # as files.load writes it, in milliseconds
_VTT_MARKUP = re.compile(r"<[^>]*>")
_ASS_TIME = re.compile(r"\{[^}]*?\\[kK][fot]?(\d+)[^}]*\}")
_ASS_MARKUP = re.compile(r"\{[^}]*\}")

Part = tuple[float, float, str]


def of(text: str, format_: str, start: float, end: float) -> tuple[Word, ...]:
    """The words in a cue's raw text, each with its time in seconds; none if the cue has no times inside."""
    if format_ == "vtt" and _VTT_TIME.search(text):
        parts = list(_vtt(text, start, end))
    elif format_ in ("ass", "ssa") and _ASS_TIME.search(text):
        parts = list(_ass(text, start, end))
    else:
        return ()
    words: list[Word] = []
    space = ""
    for begin, finish, piece in parts:
        words += _words(begin, finish, space + piece)
        space = " " if piece[-1:].isspace() else ""
    return whole(words)


def _vtt(text: str, start: float, end: float) -> Iterator[Part]:
    found = list(_VTT_TIME.finditer(text))
    times = [start, *(int(match[1]) / 1000 for match in found), end]
    edges = [0, *(position for match in found for position in match.span()), len(text)]
    for index in range(len(found) + 1):
        piece = _VTT_MARKUP.sub("", text[edges[2 * index] : edges[2 * index + 1]]).replace("\\N", " ")
        piece = html.unescape(piece)
        yield times[index], times[index + 1], piece


def _ass(text: str, start: float, end: float) -> Iterator[Part]:
    found = list(_ASS_TIME.finditer(text))
    at = start
    yield start, start, _ASS_MARKUP.sub("", text[: found[0].start()])
    for index, match in enumerate(found):
        until = found[index + 1].start() if index + 1 < len(found) else len(text)
        piece = _ASS_MARKUP.sub("", text[match.end() : until])
        piece = piece.replace("\\N", " ").replace("\\n", " ").replace("\\h", " ")
        following = min(end, at + int(match[1]) / 100)
        yield at, following, piece
        at = following


def _words(start: float, end: float, text: str) -> Iterator[Word]:
    """The words of a part, with the spaces before them, sharing its time by length."""
    pieces = re.findall(r"\s*\S+", text)
    per_char = max(0.0, end - start) / max(1, sum(map(len, pieces)))
    at = start
    for piece in pieces:
        following = at + len(piece) * per_char
        yield Word(round(at, 3), round(following, 3), piece)
        at = following
