"""Reading what a file is with PyAV. Runs in a child: a hostile file may crash or hang the demuxer."""

from __future__ import annotations

import os
import struct
from typing import Any

from reframed.errors import StepFailed
from reframed.media.info import UNKNOWN, AudioTrack, MediaInfo, TextTrack, VideoTrack

# Demuxers that read the one file they are given. Left out on purpose: hls, dash, concat, image2, imf, sdp and everything
# else that opens other files or addresses.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,flv,live_flv,asf,ogg,wav,w64,mp3,aac,flac,aiff,caf,"
    "ac3,eac3,dts,dtshd,truehd,mlp,amr,ape,tta,tak,wv,au,mxf,gxf,rm,dv,nut,h264,hevc,obu,ivf,dsf,mpc,mpc8,wtv,voc"
)
PROTOCOLS = "file,pipe"
_HDR_TRANSFERS = (16, 18)  # PQ and HLG (ITU-T H.273)
TEXT_CODECS = frozenset({"subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text"})


def probe(path: str) -> MediaInfo:
    """The streams of the media file at `path`.

    Raises StepFailed with code empty, truncated, not_media, no_streams or unreadable. All of these may also mean that the
    file has not finished arriving.
    """
    _check_bytes(path)
    import av

    av.logging.set_level(av.logging.PANIC)
    try:
        with open_container(path) as container:
            info = _describe(container)
    except OSError as error:  # av.FFmpegError derives from OSError or ValueError, by its kind
        raise _not_media(str(error)) from None
    except ValueError as error:
        raise _not_media(str(error)) from None
    if not info.audio and not info.video:
        raise StepFailed(
            "no_streams", "It holds neither sound nor moving pictures.", "Check the file in a media player."
        )
    return info


def open_container(path: str) -> Any:
    """The PyAV container of the file at `path`, which may open no other file. Raises OSError, ValueError."""
    import av

    options = {"protocol_whitelist": PROTOCOLS, "format_whitelist": FORMATS}
    return av.open("file:" + path, metadata_errors="replace", container_options=options)


def _not_media(detail: str) -> StepFailed:
    return StepFailed(
        "not_media",
        "It is not a video or audio file that can be read, whatever its name says.",
        "Check that it plays in a media player; if it was cut short while copying, copy it again. Playlists and files that "
        "point at other files are never opened.",
        detail,
    )


def _check_bytes(path: str) -> None:
    try:
        size_bytes = os.stat(path).st_size
        with open(path, "rb") as file:
            head = file.read(12)
            if size_bytes and head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
                _check_boxes(file, size_bytes)
    except OSError as error:
        raise StepFailed(
            "unreadable", f"It cannot be read: {error.strerror}.", "Give the daemon's user permission to read the file."
        ) from None
    if not size_bytes:
        raise StepFailed("empty", "The file is empty (0 bytes).", "Copy it again from where it came from.")


def _check_boxes(file: Any, size_bytes: int) -> None:
    """Walk the top-level boxes of an ISO media file (ISO/IEC 14496-12, 4.2); they must reach the end and hold a moov."""
    position, seen = 0, set()
    while position + 8 <= size_bytes:
        file.seek(position)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        elif length == 0:
            length = size_bytes - position
        if length < 8:
            return  # not a well-formed box: the demuxer is the judge
        seen.add(kind)
        position += length
    if position > size_bytes or b"moov" not in seen:
        missing = (
            f"{position - size_bytes:,} bytes are missing at its end"
            if position > size_bytes
            else "its index is missing"
        )
        raise StepFailed(
            "truncated",
            f"The file is cut short: {missing}.",
            "Copy it again from where it came from; if this is all there is, a repair tool may rebuild it.",
        )


def _describe(container: Any) -> MediaInfo:
    start = (container.start_time or 0) / 1e6
    audio, video, text = [], [], []
    for stream in container.streams:
        if stream.type == "audio":
            audio.append(_audio(stream, start))
        elif stream.type == "video" and not _is_picture(stream):
            video.append(_video(stream, container))
        elif stream.type == "subtitle" and (codec := _text_codec(stream)):
            text.append(_text(stream, codec))
    return MediaInfo(
        container=container.format.name,
        duration_s=max(0.0, (container.duration or 0) / 1e6),
        audio=tuple(audio),
        video=tuple(video),
        text=tuple(text),
    )


def _is_picture(stream: Any) -> bool:
    import av

    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _audio(stream: Any, file_start_s: float) -> AudioTrack:
    import av

    start = float((stream.start_time or 0) * stream.time_base) - file_start_s if stream.start_time else 0.0
    context = stream.codec_context
    return AudioTrack(
        index=stream.index,
        codec=context.codec.canonical_name if context else UNKNOWN,
        language=stream.metadata.get("language", ""),
        channels=context.channels if context else 0,
        rate_hz=(context.sample_rate or 0) if context else 0,
        default=bool(stream.disposition & av.stream.Disposition.default),
        start_s=start,
    )


def _text_codec(stream: Any) -> str:
    """The codec's name if it is one of text, else empty."""
    name = stream.codec_context.name if stream.codec_context else ""
    return name if name in TEXT_CODECS else ""


def _text(stream: Any, codec: str) -> TextTrack:
    import av

    return TextTrack(
        index=stream.index,
        codec=codec,
        language=stream.metadata.get("language", ""),
        default=bool(stream.disposition & av.stream.Disposition.default),
        forced=bool(stream.disposition & av.stream.Disposition.forced),
    )


def _video(stream: Any, container: Any) -> VideoTrack:
    context = stream.codec_context
    average, base = float(stream.average_rate or 0), float(stream.base_rate or 0)
    aspect = stream.sample_aspect_ratio
    rotation, interlaced = _first_frame(stream, container)
    return VideoTrack(
        index=stream.index,
        codec=context.name if context else UNKNOWN,
        width=context.width if context else 0,
        height=context.height if context else 0,
        fps=average,
        is_vfr=bool(average and base and abs(average - base) > 0.02 * base),
        rotation=rotation,
        pixel_aspect=float(aspect) if aspect else 1.0,
        is_hdr=bool(context and context.color_trc in _HDR_TRANSFERS),
        is_interlaced=interlaced,
    )


def _first_frame(stream: Any, container: Any) -> tuple[int, bool]:
    """Degrees that the picture is to be turned, and whether it is interlaced; as plain if no frame can be decoded."""
    import av

    try:
        frame = next(container.decode(stream), None)
        container.seek(0)
    except (av.FFmpegError, OSError, ValueError):
        return 0, False
    return (int(frame.rotation) % 360, bool(frame.interlaced_frame)) if frame is not None else (0, False)
