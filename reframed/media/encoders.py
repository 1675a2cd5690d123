"""Which video encoder to use: each is tried once on this machine, for a list of encoders says nothing about the hardware."""

from __future__ import annotations

import subprocess
from functools import cache
from typing import Any, NamedTuple

from reframed.media.ffmpeg import find

_TRY_S = 20
# Hardware first, in the order of how fast they usually are; libx264 is what is left.
NAMES = ("h264_nvenc", "h264_videotoolbox", "h264_qsv", "h264_vaapi", "libx264")
# Options by encoder for draft, good and best.
_QUALITY: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "libx264": (
        {"preset": "veryfast", "crf": 27},
        {"preset": "faster", "crf": 20},
        {"preset": "slow", "crf": 17},
    ),
    "h264_nvenc": ({"preset": "p2", "cq": 30}, {"preset": "p5", "cq": 22}, {"preset": "p7", "cq": 18}),
    "h264_videotoolbox": ({"q:v": 45}, {"q:v": 62}, {"q:v": 75}),
    "h264_qsv": ({"global_quality": 30}, {"global_quality": 22}, {"global_quality": 18}),
    "h264_vaapi": ({"qp": 30}, {"qp": 22}, {"qp": 18}),
}
QUALITIES = ("draft", "good", "best")


class Encoder(NamedTuple):
    """An encoder that works here, and its options for ffmpeg's output."""

    name: str
    options: dict[str, Any]


@cache
def works(name: str, path: str) -> bool:
    """Whether the ffmpeg at `path` really encodes with `name` here: a fifth of a second of black."""
    command = [path, "-v", "error", "-nostdin"]
    if name == "h264_vaapi":
        command += ["-vaapi_device", "/dev/dri/renderD128"]
    command += ["-f", "lavfi", "-i", "color=black:s=256x256:d=0.2"]
    if name == "h264_vaapi":
        command += ["-vf", "format=nv12,hwupload"]
    command += ["-c:v", name, "-f", "null", "-"]
    try:
        return subprocess.run(command, capture_output=True, timeout=_TRY_S, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def choose(wanted: str, quality: str, needs: frozenset[str]) -> tuple[Encoder, str]:
    """The encoder `wanted`, or for auto the first that works; and a sentence if it is not the one wanted, else ''.

    VAAPI is left to those who ask for it by name: it wants frames on the device, which captions are not drawn on.
    """
    path = find(needs).path
    candidates = [name for name in NAMES if name != "h264_vaapi"] if wanted == "auto" else [wanted, "libx264"]
    name = next((name for name in candidates if works(name, path)), "libx264")
    fallback = f"The encoder {wanted} does not work here: {name} is used." if wanted not in ("auto", name) else ""
    return Encoder(name, _QUALITY[name][QUALITIES.index(quality)]), fallback
