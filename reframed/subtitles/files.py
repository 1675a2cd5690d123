"""Cues to subtitle files and back, through pysubs2, in whatever encoding people have."""

from __future__ import annotations

import codecs
import html
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from reframed.errors import ReframeError
from reframed.speech.words import Word, join
from reframed.subtitles import atoms, wordtimes
from reframed.subtitles.cues import Cue
from reframed.text import listing, safe

if TYPE_CHECKING:
    import pysubs2

FORMATS = ("srt", "vtt", "ass", "ttml", "txt", "json")
READABLE = ("srt", "vtt", "ass", "ssa", "ttml")
JSON = "json"
LARGEST_BYTES = 50_000_000
_ACCENTS_MIN = 6
_ROLLING = 0.5  # of the cues, to take a file for one that rolls
_CUT_SHORT = 0.3  # of a cue, after which another may cut it short
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LATIN = frozenset({"cp1250", "cp1252", "cp1254", "cp1257", "cp1258", "cp850", "cp852", "mac_roman", "mac_latin2"}) | {
    f"iso8859_{number}" for number in (1, 2, 3, 4, 9, 10, 13, 14, 15, 16)
}
_HTML_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|lrm|rlm|#\d+|#x[0-9a-fA-F]+);")
_DRAWING = re.compile(r"\{[^}]*\\p[1-9]")
# pysubs2 takes a line with two times in it for a cue's header; so the times inside a cue's text are written otherwise.
_VTT_NOTE = re.compile(r"(?<=\n\n)NOTE(?:[ \t][^\n]*)?(?:\n(?!\n)(?![^\n]*-->)[^\n]*)*")
_VTT_INNER = re.compile(r"<(?:(\d+):)?(\d\d):(\d\d)\.(\d{3})>")
_INNER = re.compile(r"<t(\d+)>")
# What stands where a cue's number should: pysubs2 would take it for a line of the cue before.
_SRT_NUMBER = re.compile(r"(?<=\n\n)[^\s]{1,10}\n(?=\s*\d+:\d+:\d+[.,]\d+\s*-->)")
_VTT_TAG = re.compile(r"</?(?:c|i|b|u|v|lang|ruby|rt)(?:[. ][^>]*)?>|<t\d+>")
_SPEAKER = re.compile(r"^<v(?:\.[^ >]*)? ([^>]*)>")


class _Saved(Struct):
    """Captions as JSON."""

    language: str
    cues: list[Cue]


def write(cues: Sequence[Cue], path: Path, format_: str, *, language: str = "", word_times: bool = False) -> None:
    """Write `cues` as one of FORMATS: UTF-8 without a byte order mark, LF line ends."""
    text = written(cues, format_, language=language, word_times=word_times)
    path.write_text(text, encoding="utf-8", newline="\n")


def written(cues: Sequence[Cue], format_: str, *, language: str = "", word_times: bool = False) -> str:
    """`cues` as the text of a file in one of FORMATS.

    `word_times` puts the time of every word into WebVTT, as players use for karaoke. JSON holds words and probabilities;
    text holds one paragraph a pause.
    """
    if format_ == "txt":
        return as_text(cues)
    if format_ == "json":
        return as_json(cues, language)
    if format_ == "vtt":
        return _vtt(cues, word_times)
    return str(_subtitles(cues).to_string(format_))


def _subtitles(cues: Sequence[Cue]) -> pysubs2.SSAFile:
    import pysubs2

    subtitles = pysubs2.SSAFile()
    for cue in cues:
        event = pysubs2.SSAEvent(start=round(cue.start * 1000), end=round(cue.end * 1000), name=cue.speaker)
        event.plaintext = cue.text.replace("{", "(").replace("}", ")")  # braces are commands in ASS
        subtitles.append(event)
    return subtitles


def _vtt(cues: Sequence[Cue], word_times: bool) -> str:
    blocks = ["WEBVTT"]
    for cue in cues:
        text = _with_times(cue) if word_times and cue.words else _escape(cue.text)
        voice = f"<v {_escape(cue.speaker)}>" if cue.speaker else ""
        blocks.append(f"{_clock(cue.start)} --> {_clock(cue.end)}\n{voice}{text}")
    return "\n\n".join(blocks) + "\n"


def _with_times(cue: Cue) -> str:
    """The cue's text with a time before every word but the first."""
    at, rest, written = 0, cue.text, ""
    for index, word in enumerate(cue.words):
        found = rest.find(word.text, at)
        if found < 0:
            return _escape(cue.text)  # a word that was cut over two lines or two cues
        written += _escape(rest[at:found])
        written += f"<{_clock(word.start)}><c>{_escape(word.text)}</c>" if index else _escape(word.text)
        at = found + len(word.text)
    return written + _escape(rest[at:])


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: float) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def as_text(cues: Sequence[Cue]) -> str:
    """The captions as prose: a new paragraph after a pause of more than two seconds."""
    paragraphs: list[list[str]] = []
    for index, cue in enumerate(cues):
        if not index or cue.start - cues[index - 1].end > 2.0:
            paragraphs.append([])
        paragraphs[-1] += cue.text.split("\n")
    return "\n\n".join(join(lines) for lines in paragraphs) + "\n"


def as_json(cues: Sequence[Cue], language: str) -> str:
    """The cues with their words, probabilities, languages and speakers."""
    data = _Saved(language, list(cues))
    return msgspec.json.format(msgspec.json.encode(data), indent=1).decode() + "\n"


def decode(data: bytes) -> tuple[str, str]:
    """The text in `data`, and the encoding it has: by its byte order mark, UTF-8 if it is that, else the likeliest."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), encoding
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    import charset_normalizer

    likely = [match.encoding for match in charset_normalizer.from_bytes(data)]
    if _mostly_ascii(data):  # a Latin script
        likely = [encoding for encoding in likely if encoding in _LATIN]
    if sum(byte >= 128 for byte in data) < _ACCENTS_MIN:  # too little to tell code pages apart
        likely = ["cp1252"]
    encoding = "cp1252" if not likely or (likely[0] in _LATIN and "cp1252" in likely) else likely[0]
    return data.decode(encoding, "replace"), encoding


def _mostly_ascii(data: bytes) -> bool:
    letters = sum(chr(byte).isalpha() for byte in data if byte < 128)
    others = sum(byte >= 128 for byte in data)
    return others < 0.4 * (letters + others)


def load(path: Path) -> Any:
    """The pysubs2 file in `path`: SRT, WebVTT, ASS, SSA or TTML in any encoding. Raises ReframeError."""
    import pysubs2

    name = safe(path.name)
    text, _ = decode(_bytes(path))
    kind = _kind(text, path.suffix.lower().lstrip("."))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        text = _VTT_INNER.sub(_inner, _VTT_NOTE.sub("", text)) if kind == "vtt" else text
        text = _SRT_NUMBER.sub("1\n", text) if kind == "srt" else text
        found = pysubs2.SSAFile.from_string(text, kind, keep_unknown_html_tags=True)
    except Exception as error:
        raise ReframeError(
            f"{name} cannot be read as subtitles: {type(error).__name__}: {safe(str(error))}.",
            f"It should be one of {listing(READABLE)}; does it open in a subtitle editor?",
        ) from error
    if not any(not event.is_comment for event in found):
        raise ReframeError(f"{name} holds no subtitles.", f"It should be one of {listing(READABLE)}.")
    return found


def _inner(match: re.Match[str]) -> str:
    """A time inside a WebVTT cue as milliseconds."""
    hours, minutes, seconds, ms = (int(part or 0) for part in match.groups())
    return f"<t{((hours * 60 + minutes) * 60 + seconds) * 1000 + ms}>"


def text_of(found: Any, format_: str) -> str:
    """The text of a pysubs2 file that `load` read, as `format_`."""
    return _INNER.sub(lambda match: f"<{_clock(int(match[1]) / 1000)}>", found.to_string(format_))


def move_inner(text: str, move: Callable[[int], int]) -> str:
    """A cue's raw text with the times inside it (milliseconds) moved."""
    return _INNER.sub(lambda match: f"<t{max(0, move(int(match[1])))}>", text)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ReframeError(f"{safe(path.name)} is too large for subtitles.", "Is it really a subtitle file?")
        return path.read_bytes()
    except OSError as error:
        raise ReframeError(
            f"{safe(path.name)} cannot be read: {error.strerror}.", "Check the path and its permissions."
        ) from error


def _kind(text: str, extension: str) -> str:
    """The format by what is written there; the extension decides where that says nothing."""
    head = text.lstrip("\ufeff \n")[:200]
    if head.startswith("WEBVTT"):
        return "vtt"
    if head.startswith("[Script Info]"):
        return "ssa" if "ScriptType: v4.00\n" in text[:2000] else "ass"
    if head.startswith("<?xml") or "<tt" in head:
        return "ttml"
    return "srt" if "-->" in text[:5000] or extension not in READABLE else extension


def read(path: Path) -> list[Cue]:
    """The cues of a subtitle file, or of the JSON that `write` makes, in the file's order, without markup.

    Words are there where the file has their times. Raises ReframeError.
    """
    if path.suffix.lower() == f".{JSON}":
        return _from_json(path)
    cues = []
    found = load(path)
    for event in found:
        if event.is_comment or _DRAWING.search(event.text):
            continue
        text, speaker = event.plaintext, event.name
        words = wordtimes.of(event.text, found.format, event.start / 1000, event.end / 1000)
        if found.format == "vtt":  # pysubs2 leaves these as they are written
            voice = _SPEAKER.match(text)
            speaker = html.unescape(voice.group(1)) if voice else ""
            text = _VTT_TAG.sub("", text)
        if found.format in ("vtt", "srt"):
            text = _ENTITY.sub(lambda match: html.unescape(match[0]), _HTML_TAG.sub("", text))
        lines = "\n".join(line.strip() for line in text.split("\n") if line.strip())
        cues.append(Cue(event.start / 1000, event.end / 1000, lines, words=words, speaker=speaker))
    return _unrolled(cues) if found.format == "vtt" else cues


def _unrolled(cues: list[Cue]) -> list[Cue]:
    """Captions that roll up, as video sites make them (every line is shown again above the next), each line once."""
    rolling = sum(_repeats(one, two) for one, two in itertools.pairwise(cues))
    if rolling < _ROLLING * len(cues):
        return cues
    kept: list[Cue] = []
    before: list[str] = []
    for cue in cues:
        lines = cue.lines[1:] if before and cue.lines[0] == before[-1] else cue.lines
        before = cue.lines
        text = "\n".join(lines).strip()
        if text:
            count = len(text.split())
            kept.append(msgspec.structs.replace(cue, text=text, words=cue.words[-count:] if cue.words else ()))
        elif kept:
            kept[-1] = msgspec.structs.replace(kept[-1], end=max(kept[-1].end, cue.end))
    return kept


def _repeats(one: Cue, two: Cue) -> bool:
    return bool(one.text) and one.lines[-1] == two.lines[0]


def _from_json(path: Path) -> list[Cue]:
    try:
        found = msgspec.json.decode(_bytes(path), type=_Saved)
    except msgspec.MsgspecError as error:
        raise ReframeError(
            f"{safe(path.name)} is not captions as Reframe writes them: {safe(str(error))}.",
            "Remove it, or make it anew.",
        ) from error
    if not found.cues:
        raise ReframeError(f"{safe(path.name)} holds no subtitles.", "Make it anew.")
    return found.cues


def spread(cues: Sequence[Cue]) -> tuple[Word, ...]:
    """The words of cues, one after the other; of a cue that knows none, each word's share of the time is by its length.

    Cues that overlap follow one another: one that begins well after another cuts it short, others share their time.
    """
    words: list[Word] = []
    for start, end, some in _in_turn(sorted(cues, key=lambda cue: cue.start)):
        if len(some) == 1 and some[0].words:
            known = [msgspec.structs.replace(word, speaker=word.speaker or some[0].speaker) for word in some[0].words]
            words += [word for word in known if not words or word.start >= words[-1].start]
            continue
        parts = [(part, cue.speaker) for cue in some for part in atoms.split_words(cue.text)]
        per_char = max(0.0, end - start) / max(1, sum(len(part) + 1 for part, _ in parts))
        at = start
        for part, speaker in parts:
            finish = at + (len(part) + 1) * per_char
            words.append(Word(round(at, 3), round(finish, 3), part, speaker=speaker))
            at = finish
    return tuple(words)


def _in_turn(cues: Sequence[Cue]) -> Iterator[tuple[float, float, list[Cue]]]:
    """Stretches of time that do not overlap, with the cues that share each."""
    index = 0
    while index < len(cues):
        some, start, end = [cues[index]], cues[index].start, cues[index].end
        index += 1
        while index < len(cues) and cues[index].start < end:
            if cues[index].start - start > _CUT_SHORT * (end - start):
                end = cues[index].start
                break
            end = max(end, cues[index].end)
            some.append(cues[index])
            index += 1
        yield start, end, some
