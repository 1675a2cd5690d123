"""One encode that does everything: turn, tone-map, square the pixels, burn captions, keep the sound; and its relatives."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple

from reframed.media.encoders import DEVICE, Encoder
from reframed.media.ffmpeg import run
from reframed.media.info import UNKNOWN, AudioTrack, MediaInfo, VideoTrack
from reframed.media.probe import FORMATS, PROTOCOLS

NEEDS = frozenset({"ass", "scale", "setsar", "format"})
FRAME_EVERY_S = 60  # of what alpha_frames draws
_COPIED_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})  # what players take in MP4
_MP4_LOWEST_HZ = 16_000  # MP3 and AAC below it are not what MP4 may hold everywhere
_AAC_CHANNELS = 8
_SMALLEST = 16
_PREVIEW_SIDE, _PREVIEW_FPS, _PREVIEW_COLOUR = 540, 20, "0x2b3a4a"
_FASTEST_FPS = 120
_OVERLAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "prores": ("overlay.mov", {"c:v": "prores_ks", "profile:v": "4444", "pix_fmt": "yuva444p10le", "qscale:v": 11}),
    "webm": (
        "overlay.webm",
        {"c:v": "libvpx-vp9", "pix_fmt": "yuva420p", "crf": 28, "b:v": 0, "deadline": "realtime", "cpu-used": 6},
    ),
}


class Plan(NamedTuple):
    """What is done to the picture, and why: its size afterwards, and sentences for a person."""

    width: int
    height: int
    tone_map: bool
    scale: bool
    deinterlace: bool
    notes: tuple[str, ...]

    @property
    def needs(self) -> frozenset[str]:
        """The filters it takes."""
        tone_map = {"zscale", "tonemap", "setparams"} if self.tone_map else set()
        return NEEDS | tone_map | ({"bwdif"} if self.deinterlace else set())


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
    if video.is_interlaced:
        notes.append("deinterlaced")
    if video.is_vfr:
        notes.append("the varying frame rate is kept")
    stored = (video.height, video.width) if video.rotation % 180 else (video.width, video.height)
    return Plan(width, height, video.is_hdr, (width, height) != stored, video.is_interlaced, tuple(notes))


class Renderer:
    """Renders `captions.ass`, with the fonts in `fonts`, both in `folder`, where ffmpeg runs: so no filter sees a path."""

    def __init__(
        self, folder: Path, media: MediaInfo, made: Plan, log: Callable[[str], None], progress: Callable[[float], None]
    ) -> None:
        self._folder, self._media, self._plan, self._log, self._progress = folder, media, made, log, progress

    def burn(self, source: str, encoder: Encoder, start_s: float = 0.0, seconds: float = 0.0) -> Path:
        """Encode `source` with the captions burned in; `seconds` from `start_s`, which is the captions' zero; 0: all.

        Raises StepFailed.
        """
        import ffmpeg

        video, whole_s = self._media.video[0], self._media.duration_s - start_s
        cut = ({"ss": start_s} if start_s else {}) | ({"t": seconds} if seconds else {})
        given = ffmpeg.input("file:" + source, protocol_whitelist=PROTOCOLS, format_whitelist=FORMATS, **cut)
        picture = _captioned(_prepared(given[str(video.index)], self._plan))
        options: dict[str, Any] = {"fps_mode": "vfr" if video.is_vfr else "passthrough", "map_metadata": 0}
        options |= {"metadata:s:v:0": "rotate=0"}
        tracks = [track for track in self._media.audio if track.codec != UNKNOWN]
        for number, track in enumerate(tracks):
            options |= _sound(number, track)
        streams = [given[str(track.index)] for track in tracks]
        return self._encode(picture, streams, encoder, options, min(seconds, whole_s) if seconds else whole_s)

    def background(self, encoder: Encoder, seconds: float) -> Path:
        """The captions' first `seconds` on a plain colour, small: a preview for which the source is not decoded."""
        import ffmpeg

        scale = min(1.0, _PREVIEW_SIDE / min(self._plan.width, self._plan.height))
        width, height = (max(_SMALLEST, round(side * scale / 2) * 2) for side in (self._plan.width, self._plan.height))
        canvas = f"color={_PREVIEW_COLOUR}:s={width}x{height}:r={_PREVIEW_FPS}:d={seconds}"
        picture = _captioned(ffmpeg.input(canvas, f="lavfi"))
        return self._encode(picture, [], encoder, {}, seconds)

    def _encode(
        self, picture: Any, sound: list[Any], encoder: Encoder, options: dict[str, Any], duration_s: float
    ) -> Path:
        import ffmpeg

        target = self._folder / "rendered.mp4"
        devices: tuple[str, ...] = ()
        if encoder.on_device:
            picture, devices = picture.filter("format", "nv12").filter("hwupload"), ("-vaapi_device", DEVICE)
        else:
            options = options | {"pix_fmt": "yuv420p"}
        options = {"c:v": encoder.name, **encoder.options, "movflags": "+faststart", **options}
        graph = ffmpeg.output(picture, *sound, target.name, **options).global_args(*devices)
        self._run(graph, "render the video", self._plan.needs, duration_s)
        return target

    def overlay(self, kind: Literal["prores", "webm"], duration_s: float) -> Path:
        """The captions' first seconds alone on nothing, for an editor: ProRes 4444 or VP9, with straight alpha."""
        import ffmpeg

        name, options = _OVERLAYS[kind]
        fps = self._media.video[0].fps
        rate = Fraction(fps if 0 < fps <= _FASTEST_FPS else 30).limit_denominator(1001)
        size = f"{self._plan.width}x{self._plan.height}"
        canvas = f"color=black@0:s={size}:r={rate}:d={duration_s},format=rgba"
        picture = ffmpeg.input(canvas, f="lavfi").filter("ass", "captions.ass", fontsdir="fonts", alpha=1)
        picture = picture.filter("format", "gbrap").filter("unpremultiply", inplace=1)  # libass multiplies with alpha
        needs = NEEDS | {"unpremultiply"}
        self._run(ffmpeg.output(picture, name, **options), "render the overlay", needs, duration_s)
        return self._folder / name

    def _run(self, graph: Any, what: str, needs: frozenset[str], duration_s: float) -> None:
        run(graph, self._log, what, needs=needs, duration_s=duration_s, progress=self._progress, folder=self._folder)


def _captioned(picture: Any) -> Any:
    return picture.filter("ass", "captions.ass", fontsdir="fonts")


def _sound(number: int, track: AudioTrack) -> dict[str, Any]:
    """Copied where players take it in MP4, else AAC."""
    if track.codec in _COPIED_AUDIO and track.rate_hz >= _MP4_LOWEST_HZ:
        return {f"c:a:{number}": "copy"}
    made: dict[str, Any] = {f"c:a:{number}": "aac", f"b:a:{number}": f"{96 * min(max(track.channels, 1), 6)}k"}
    return made | ({f"ac:a:{number}": 2} if track.channels > _AAC_CHANNELS else {})


def _prepared(picture: Any, made: Plan) -> Any:
    if made.deinterlace:
        picture = picture.filter("bwdif", mode="send_frame")
    if made.tone_map:
        picture = (
            picture.filter(
                "setparams", color_primaries="bt2020", colorspace="bt2020nc"
            )  # what HDR is, if it is not said
            .filter("zscale", t="linear", npl=100)
            .filter("format", "gbrpf32le")
            .filter("zscale", p="bt709")
            .filter("tonemap", "hable", desat=0)
            .filter("zscale", t="bt709", m="bt709", r="tv")
        )
    if made.scale:
        picture = picture.filter("scale", made.width, made.height, flags="bicubic")
    return picture.filter("format", "yuv420p").filter("setsar", 1)


def alpha_frames(folder: Path, width: int, height: int, count: int, log: Callable[[str], None]) -> Path:
    """A file of RGBA: the first `count` frames of `proof.ass` alone on nothing, one every FRAME_EVERY_S."""
    import ffmpeg

    canvas = f"color=black@0:s={width}x{height}:r=1/{FRAME_EVERY_S}:d={count * FRAME_EVERY_S},format=rgba"
    picture = ffmpeg.input(canvas, f="lavfi").filter("ass", "proof.ass", fontsdir="fonts", alpha=1)
    target = folder / "proof.rgba"
    output = ffmpeg.output(picture, target.name, f="rawvideo", pix_fmt="rgba", **{"frames:v": count})
    run(output, log, "draw the captions alone", needs=NEEDS, folder=folder)
    return target


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

    inputs = [ffmpeg.input(f"file:{picture}").filter("pad", "iw+4", "ih+4", 2, 2, "white") for picture in pictures]
    places = [
        f"{'+'.join(['w0'] * (index % columns)) or 0}_{'+'.join(['h0'] * (index // columns)) or 0}"
        for index in range(len(pictures))
    ]
    sheet = (
        ffmpeg.filter(inputs, "xstack", inputs=len(inputs), layout="|".join(places)) if len(inputs) > 1 else inputs[0]
    )
    output = ffmpeg.output(sheet, f"file:{target}", **{"frames:v": 1, "update": 1, "f": "image2", "c:v": "png"})
    run(output, log, "put the stills together", needs=NEEDS | {"xstack", "pad"})
