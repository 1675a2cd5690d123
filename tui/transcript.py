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
    found_at = [
        (paths.cached(state / paths.CACHE, row["key"]) / row["file"], str(row["about"].get("language", "")))
        for row in made
    ]
    found_at += [
        (Path(os.fsdecode(bytes(output["path"]))), "")
        for output in job["outputs"]
        if bytes(output["path"]).endswith((b".srt", b".vtt", b".json"))
    ]
    for path, language in found_at:
        try:
            return Captions(files.read(path), "" if language == "und" else language, str(path))
        except (ReframeError, OSError) as error:
            trouble = str(error)
    raise ReframeError(
        f"The captions of job {job['id']} cannot be read: {safe(trouble) or 'there are none'}.",
        "Its results may have left the cache: `reframe retry` makes them again.",
    )


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
