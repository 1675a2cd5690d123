"""Subtitles that exist already, as a transcript."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from reframed.media.info import SUBTITLE_EXTENSIONS, SUBTITLES, MediaInfo
from reframed.speech import languages
from reframed.speech.words import GivenCue, Transcript
from reframed.subtitles import files

ENGINE = "subtitles"
EXTENSIONS = SUBTITLE_EXTENSIONS | {files.JSON}
# What players put between a name and its extension besides the language: NAME.en.forced.srt.
_KINDS = frozenset({"forced", "sdh", "cc", "hi", "default", "full"})
_TAG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*", re.IGNORECASE)


def transcript(path: Path, language: str, about: str, duration_s: float) -> Transcript:
    """The transcript of a subtitle file: its cues, and its words spread over them. Raises ReframeError."""
    cues = files.read(path)
    return Transcript(
        language=language or "und",
        language_probability=1.0 if language else 0.0,
        duration_s=duration_s,
        model=about,
        engine=ENGINE,
        words=files.spread(sorted(cues, key=lambda cue: cue.start)),
        cues=tuple(GivenCue(cue.start, cue.end, cue.text) for cue in cues),
    )


def probe(path: Path) -> MediaInfo:
    """What a subtitle file is. Raises ReframeError if it is none."""
    cues = files.read(path)
    return MediaInfo(container=SUBTITLES, duration_s=max((cue.end for cue in cues), default=0.0))


def parts(name: str) -> tuple[str, str]:
    """The stem and the language (or empty) of a subtitle file's name: ("NAME", "en") of NAME.en.srt."""
    base = name.rpartition(".")[0]
    stem, language = base, ""
    for _ in range(2):
        rest, dot, last = stem.rpartition(".")
        if not dot or not rest:
            break
        if last.lower() in _KINDS:
            stem = rest
        elif not language and _TAG.fullmatch(last) and languages.to_whisper(last) in languages.WHISPER:
            stem, language = rest, last
        else:
            break
    return stem, language


def tags(name: str, stem: str) -> tuple[str, bool] | None:
    """Language (or empty) and whether it is a forced track, of the subtitle file `name` for a video called `stem`.

    None: it belongs to another file. NAME.srt, NAME.en.srt, NAME.pt-BR.srt and NAME.en.forced.srt belong to NAME;
    so does NAME.en.json, captions as Reframe writes them.
    """
    base, dot, extension = name.rpartition(".")
    if not dot or extension.lower() not in EXTENSIONS or not base.startswith(stem):
        return None
    rest = base[len(stem) :]
    found = rest[1:].split(".") if rest else []
    if rest[:1] not in ("", ".") or len(found) > 3:
        return None
    tongues = [part for part in found if part.lower() not in _KINDS]
    if extension.lower() == files.JSON and not tongues:
        return None  # NAME.json may be anybody's
    if len(tongues) > 1 or any(not _TAG.fullmatch(part) for part in tongues):
        return None
    return (tongues or [""])[0], "forced" in (part.lower() for part in found)


def choose(tongues: Sequence[str], wanted: str, spoken: str) -> int:
    """Which of several files to use: the one in the wanted language, else in the spoken one, else the first."""
    for tag in (wanted, spoken):
        for index, language in enumerate(tongues):
            if tag and language and language.split("-")[0].lower()[:2] == tag[:2].lower():
                return index
    return 0
