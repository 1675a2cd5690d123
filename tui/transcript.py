"""The captions of a job: where they are, and as lines to read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reframed import paths
from reframed.errors import ReframeError
from reframed.store.reads import Reader, Row
from reframed.text import safe
from tui.lines import Line

if TYPE_CHECKING:
    from reframed.subtitles.cues import Cue


class Captions(NamedTuple):
    """Cues with their language, and where they were read."""

    cues: list[Cue]
    language: str
    place: str


def load(state: Path, job: Row) -> Captions:
    """The newest captions of a job. What was made is in the cache; a published copy will do. Raises ReframeError."""
    from reframed.subtitles import files

    trouble = ""
    reader = Reader(state)  # a thread of its own: an own connection
    made = [*reader.files(job["id"], "cues"), *reader.files(job["id"], "captions")]
    reader.close()
    found_at = [(paths.cached(state / paths.CACHE, row["key"]) / row["file"], _language(row)) for row in made]
    wanted = next((language for _, language in found_at if language), "")
    found_at += _published(job, wanted)
    for path, language in found_at:
        try:
            return Captions(files.read(path), language, str(path))
        except (ReframeError, OSError) as error:
            trouble = str(error)
    raise ReframeError(
        f"The captions of job {job['id']} cannot be read: {safe(trouble) or 'there are none'}.",
        "Its results may have left the cache: `reframe retry` makes them again.",
    )


def _language(row: Row) -> str:
    language = str(row["about"].get("language", ""))
    return "" if language == "und" else language


def _published(job: Row, wanted: str) -> list[tuple[Path, str]]:
    """The published copies in the language that was heard; where nobody knows which that is, if there is but one."""
    from reframed.subtitles import given

    found = []
    for output in job["outputs"]:
        path = Path(os.fsdecode(bytes(output["path"])))
        if path.suffix in (".srt", ".vtt"):
            found.append((path, given.parts(path.name)[1]))
    right = [(path, language) for path, language in found if not wanted or language == wanted]
    return right if wanted or len({language for _, language in right}) == 1 else []


def lines(found: Captions) -> list[Line]:
    """Every cue with its time."""
    listed: list[Line] = [((f"{len(found.cues)} cues, {safe(found.language) or 'language unknown'}", "dim"),), ""]
    for cue in found.cues:
        speaker = f"{safe(cue.speaker)}: " if cue.speaker else ""
        text = safe(" ".join(cue.text.split("\n")))
        listed.append(((f"{clock(cue.start)}  ", "cool"), (speaker, "dim"), (text, "")))
    return listed


def clock(seconds: float) -> str:
    """Seconds as 1:02:03.4."""
    whole, tenth = divmod(round(seconds * 10), 10)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}.{tenth}" if hours else f"{minute:02d}:{second:02d}.{tenth}"
