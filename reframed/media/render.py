"""One encode that does everything: turn, tone-map, square the pixels, burn captions, keep the sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from reframed.media.encoders import Encoder
from reframed.media.ffmpeg import run
from reframed.media.info import MediaInfo, VideoTrack
from reframed.media.probe import FORMATS, PROTOCOLS

NEEDS = frozenset({"ass", "scale", "setsar", "format"})
NEEDS_HDR = NEEDS | {"zscale", "tonemap"}
_COPIED_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})  # what players take in MP4
_SMALLEST = 16


class Plan(NamedTuple):
    """What is done to the picture, and why: its size afterwards, and sentences for a person."""

    width: int
    height: int
    tone_map: bool
    scale: bool
    notes: tuple[str, ...]

    @property
    def needs(self) -> frozenset[str]:
        """The filters it takes."""
        return NEEDS_HDR if self.tone_map else NEEDS


def plan(video: VideoTrack) -> Plan:
    """What the picture of `video` needs to become upright, even-sized, square-pixelled BT.709."""
    notes = []
    wide, high = video.shown
    width, height = max(_SMALLEST, wide - wide % 2), max(_SMALLEST, high - high % 2)
    if video.rotation:
        notes.append(f"turned by {video.rotation} degrees, as the recording says")
    if abs(video.pixel_aspect - 1) > 0.001:
        notes.append(f"pixels made square (they were {video.pixel_aspect:.3f} wide)")
    if (width, height) != (wide, high):
        notes.append(f"{wide}x{high} made {width}x{height}: H.264 wants even sizes of at least {_SMALLEST}")
    if video.is_hdr:
        notes.append("HDR tone-mapped to BT.709")
    if video.is_vfr:
        notes.append("the varying frame rate is kept")
    stored = (video.height, video.width) if video.rotation % 180 else (video.width, video.height)
    return Plan(width, height, video.is_hdr, (width, height) != stored, tuple(notes))


def burn(
    source: str,
    media: MediaInfo,
    made: Plan,
    encoder: Encoder,
    folder: Path,
    log: Callable[[str], None],
    progress: Callable[[float], None],
    seconds: float = 0.0,
) -> Path:
    """Encode `source` with `captions.ass` and the fonts in `fonts`, both in `folder`, burned in; `seconds` 0: all of it.

    ffmpeg runs inside `folder`, so that no filter sees a path. Raises StepFailed.
    """
    import ffmpeg

    target = folder / "rendered.mp4"
    limit = {"t": seconds} if seconds else {}
    given = ffmpeg.input("file:" + source, protocol_whitelist=PROTOCOLS, format_whitelist=FORMATS, **limit)
    picture = _prepared(given[str(media.video[0].index)], made).filter("ass", "captions.ass", fontsdir="fonts")
    options: dict[str, Any] = {
        "c:v": encoder.name,
        **encoder.options,
        "pix_fmt": "yuv420p",
        "fps_mode": "vfr" if media.video[0].is_vfr else "passthrough",
        "movflags": "+faststart",
        "map_metadata": 0,
        "metadata:s:v:0": "rotate=0",
    }
    streams = [picture]
    for track in media.audio:
        streams.append(given[str(track.index)])
    if media.audio:
        copied = all(track.codec in _COPIED_AUDIO for track in media.audio)
        options |= {"c:a": "copy"} if copied else {"c:a": "aac", "b:a": "192k"}
    whole = min(seconds, media.duration_s) if seconds else media.duration_s
    run(
        ffmpeg.output(*streams, target.name, **options),
        log,
        "render the video",
        needs=made.needs,
        duration_s=whole,
        progress=progress,
        folder=folder,
    )
    return target


def _prepared(picture: Any, made: Plan) -> Any:
    if made.tone_map:
        picture = (
            picture.filter("zscale", t="linear", npl=100)
            .filter("format", "gbrpf32le")
            .filter("zscale", p="bt709")
            .filter("tonemap", "hable", desat=0)
            .filter("zscale", t="bt709", m="bt709", r="tv")
        )
    if made.scale:
        picture = picture.filter("scale", made.width, made.height, flags="bicubic")
    return picture.filter("format", "yuv420p").filter("setsar", 1)


def alpha_frames(folder: Path, width: int, height: int, count: int, log: Callable[[str], None]) -> bytes:
    """The first `count` frames, one a second, of `proof.ass` alone on nothing: RGBA, frame after frame."""
    import ffmpeg

    canvas = f"color=black@0:s={width}x{height}:r=1:d={count},format=rgba"
    picture = ffmpeg.input(canvas, f="lavfi").filter("ass", "proof.ass", fontsdir="fonts", alpha=1)
    target = folder / "proof.rgba"
    output = ffmpeg.output(picture, target.name, f="rawvideo", pix_fmt="rgba", **{"frames:v": count})
    run(output, log, "draw the captions alone", needs=NEEDS, folder=folder)
    data = target.read_bytes()
    target.unlink()
    return data


def still(folder: Path, width: int, height: int, seconds: float, target: Path, log: Callable[[str], None]) -> None:
    """One PNG of `captions.ass` at a time, on a plain gradient. Raises StepFailed."""
    import ffmpeg

    canvas = (
        f"gradients=s={width}x{height}:r=25:d={seconds + 1}:c0=0x1f3a5f:c1=0x6b8e9f:nb_colors=2:speed=0.00001:seed=1"
    )
    picture = ffmpeg.input(canvas, f="lavfi").filter("ass", "captions.ass", fontsdir="fonts")
    output = ffmpeg.output(picture, f"file:{target}", ss=seconds, **{"frames:v": 1, "update": 1})
    run(output, log, "draw a still", needs=NEEDS, folder=folder)


def side_by_side(pictures: list[Path], columns: int, target: Path, log: Callable[[str], None]) -> None:
    """One PNG of several of the same size, row by row. Raises StepFailed."""
    import ffmpeg

    inputs = [ffmpeg.input(f"file:{picture}") for picture in pictures]
    places = [
        f"{'+'.join(['w0'] * (index % columns)) or 0}_{'+'.join(['h0'] * (index // columns)) or 0}"
        for index in range(len(pictures))
    ]
    sheet = (
        ffmpeg.filter(inputs, "xstack", inputs=len(inputs), layout="|".join(places)) if len(inputs) > 1 else inputs[0]
    )
    output = ffmpeg.output(sheet, f"file:{target}", **{"frames:v": 1, "update": 1, "f": "image2", "c:v": "png"})
    run(output, log, "put the stills together", needs=NEEDS | {"xstack"})
