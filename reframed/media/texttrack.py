"""Text tracks inside a container: taken out, or put in, without touching sound and picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reframed.media.ffmpeg import run
from reframed.media.info import TextTrack
from reframed.media.probe import FORMATS, PROTOCOLS

_ISO = ("mp4", "m4v", "mov")


def extract(source: str, track: TextTrack, folder: Path, log: Callable[[str], None]) -> Path:
    """Write the text track into `folder` as ASS or SRT. Raises StepFailed."""
    import ffmpeg

    target = folder / ("track.ass" if track.codec in ("ass", "ssa") else "track.srt")
    stream = ffmpeg.input("file:" + source, protocol_whitelist=PROTOCOLS, format_whitelist=FORMATS)[str(track.index)]
    run(ffmpeg.output(stream, f"file:{target}"), log, "take the text track out")
    return target


def mux(source: str, extension: str, captions: Path, language: str, folder: Path, log: Callable[[str], None]) -> Path:
    """A copy of the file with `captions` (SRT) as its default text track; sound and picture are not encoded again.

    `language` is an ISO 639-2 code. MP4 and MOV stay what they are, everything else becomes Matroska. Raises StepFailed.
    """
    import ffmpeg

    iso = extension.lower().lstrip(".") in _ISO
    target = folder / (f"captioned.{extension.lower().lstrip('.')}" if iso else "captioned.mkv")
    media = ffmpeg.input("file:" + source, protocol_whitelist=PROTOCOLS, format_whitelist=FORMATS)
    text = ffmpeg.input(f"file:{captions}")
    options = {
        "c": "copy",
        "c:s": "mov_text" if iso else "srt",
        "disposition:s:0": "default",
        "metadata:s:s:0": f"language={language}",
    }
    streams = [media["v"], media["a?"], text["s"]]
    run(ffmpeg.output(*streams, f"file:{target}", **options), log, "put the captions into a copy")
    return target
