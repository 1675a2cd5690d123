"""Which video encoder to use: each is tried once on this machine, for a list of encoders says nothing about the hardware."""

from __future__ import annotations

import subprocess
from functools import cache
from typing import Any, NamedTuple

from reframed.media.ffmpeg import find

_TRY_S = 20
DEVICE = "/dev/dri/renderD128"
# Hardware first, in the order of how fast they usually are; libx264 is what is left.
SOFTWARE = "libx264"
NAMES = ("h264_nvenc", "h264_videotoolbox", "h264_qsv", "h264_vaapi", SOFTWARE)
# Options by encoder for draft, good and best.
_QUALITY: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "libx264": (
        {"preset": "veryfast", "crf": 27},
        {"preset": "faster", "crf": 20},
        {"preset": "slow", "crf": 17},
    ),
    "h264_nvenc": (
        {"preset": "p2", "rc": "vbr", "b:v": 0, "cq": 30},
        {"preset": "p5", "rc": "vbr", "b:v": 0, "cq": 22},
        {"preset": "p7", "rc": "vbr", "b:v": 0, "cq": 18},
    ),
    "h264_videotoolbox": ({"q:v": 45}, {"q:v": 62}, {"q:v": 75}),
    "h264_qsv": ({"global_quality": 30}, {"global_quality": 22}, {"global_quality": 18}),
    "h264_vaapi": ({"qp": 30}, {"qp": 22}, {"qp": 18}),
}
QUALITIES = ("draft", "good", "best")


class Encoder(NamedTuple):
    """An encoder that works here, and its options for ffmpeg's output."""

    name: str
    options: dict[str, Any]

    @property
    def on_device(self) -> bool:
        """Whether frames must be put on the device first."""
        return self.name == "h264_vaapi"

    @property
    def is_hardware(self) -> bool:
        """Whether it may fail where libx264 does not: on odd sizes, or with too many at once."""
        return self.name != SOFTWARE


@cache
def works(name: str, path: str) -> bool:
    """Whether the ffmpeg at `path` really encodes with `name` here: a fifth of a second of black."""
    command = [path, "-v", "error", "-nostdin"]
    if name == "h264_vaapi":
        command += ["-vaapi_device", DEVICE]
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

    Raises ReframeError if no ffmpeg here has the filters `needs`.
    """
    path = find(needs).path
    candidates = NAMES if wanted == "auto" else (wanted,)
    name = next((name for name in candidates if works(name, path)), SOFTWARE)
    fallback = f"The encoder {wanted} does not work here: {name} is used." if wanted not in ("auto", name) else ""
    return of(name, quality), fallback


def of(name: str, quality: str) -> Encoder:
    """The encoder `name` at draft, good or best."""
    return Encoder(name, _QUALITY[name][QUALITIES.index(quality)])
