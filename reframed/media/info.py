"""What is known of a media file, and which file names may be media at all."""

from __future__ import annotations

import os

from msgspec import Struct

VIDEO_EXTENSIONS = frozenset(
    "mp4 m4v mov mkv webm avi mpg mpeg m2v ts m2ts mts vob wmv asf flv f4v 3gp 3g2 ogv mxf dv".split()
)
AUDIO_EXTENSIONS = frozenset(
    "mp3 wav m4a m4b aac flac ogg oga opus wma aif aiff aifc caf ac3 eac3 amr ape au mka mp2 tta w64 wv".split()
)
SUBTITLE_EXTENSIONS = frozenset("srt vtt ass ssa".split())
SUBTITLES = "subtitles"
UNKNOWN = "unknown"  # a codec that cannot be decoded here
PLAYLIST_EXTENSIONS = frozenset("m3u m3u8 pls xspf ffconcat concat mpd ism sdp cue asx wpl strm".split())


class AudioTrack(Struct, frozen=True, kw_only=True):
    """One audio stream; `index` counts all streams of the file, `start_s` is seconds after the file's start."""

    index: int
    codec: str
    language: str = ""
    channels: int = 0
    rate_hz: int = 0
    default: bool = False
    start_s: float = 0.0


class VideoTrack(Struct, frozen=True, kw_only=True):
    """One moving-picture stream (cover art does not count).

    `width` and `height` are stored pixels; `rotation` in degrees, and `pixel_aspect` (a pixel's width over its height),
    say how they are shown. `fps` is the average; `is_vfr` that it varies. `is_hdr`: PQ or HLG. `is_interlaced`: by
    its first frame.
    """

    index: int
    codec: str
    width: int = 0
    height: int = 0
    fps: float = 0.0
    is_vfr: bool = False
    rotation: int = 0
    pixel_aspect: float = 1.0
    is_hdr: bool = False
    is_interlaced: bool = False

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height as a player shows it: upright, with square pixels."""
        width, height = round(self.width * self.pixel_aspect), self.height
        return (height, width) if self.rotation % 180 else (width, height)


class TextTrack(Struct, frozen=True, kw_only=True):
    """One subtitle stream that is text (pictures do not count)."""

    index: int
    codec: str
    language: str = ""
    default: bool = False
    forced: bool = False


class MediaInfo(Struct, frozen=True, kw_only=True):
    """A media file as probed; `duration_s` is 0 when the container does not say.

    Subtitles alone are the container `subtitles`; they last until their last cue ends.
    """

    container: str
    duration_s: float = 0.0
    audio: tuple[AudioTrack, ...] = ()
    video: tuple[VideoTrack, ...] = ()
    text: tuple[TextTrack, ...] = ()

    @property
    def kind(self) -> str:
        """video, audio or subtitles."""
        if self.container == SUBTITLES:
            return SUBTITLES
        return "video" if self.video else "audio"


def kind_of(name: str | bytes) -> str:
    """video, audio, subtitles, playlist or other, by the file name's extension alone."""
    extension = os.path.splitext(os.fsdecode(name))[1].lower().lstrip(".")
    kinds = {
        "video": VIDEO_EXTENSIONS,
        "audio": AUDIO_EXTENSIONS,
        SUBTITLES: SUBTITLE_EXTENSIONS,
        "playlist": PLAYLIST_EXTENSIONS,
    }
    for kind, known in kinds.items():
        if extension in known:
            return kind
    return "other"
