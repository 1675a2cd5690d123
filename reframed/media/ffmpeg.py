"""The one place that runs ffmpeg: which binary, which safety options, what its failures mean."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from reframed.errors import ReframeError, StepFailed
from reframed.media.probe import FORMATS, PROTOCOLS

NEEDED_FILTERS = frozenset({"aresample"})
_TAIL_LINES = 30
# Code, what ffmpeg says, what that means, what to do.
_MEANINGS = (
    ("no_space", r"No space left on device", "the disk is full", "Free some space; the job goes on by itself."),
    (
        "bad_input",
        r"Invalid data found|moov atom not found|could not find codec parameters",
        "the file is damaged or cut short",
        "Check that it plays to its end in a media player.",
    ),
    (
        "no_encoder",
        r"Unknown encoder|Encoder not found|No capable devices|Cannot load lib|No device available|\[h264_\w+ @",
        "the encoder does not work here",
        "Set `encoder: libx264`, or `encoder: auto`.",
    ),
    (
        "no_filter",
        r"No such filter",
        "this ffmpeg lacks a filter",
        "Install a complete ffmpeg, or `pip install imageio-ffmpeg`.",
    ),
)
_GLOBAL = ("-hide_banner", "-nostdin", "-loglevel", "warning")


class Ffmpeg(NamedTuple):
    """An ffmpeg binary: its path, where it comes from, its version line, and the names of its filters."""

    path: str
    origin: str
    version: str
    filters: frozenset[str]


@cache
def find(needs: frozenset[str] = NEEDED_FILTERS) -> Ffmpeg:
    """The first ffmpeg that has the filters in `needs`: $REFRAME_FFMPEG, the system's, the one inside imageio-ffmpeg.

    Raises ReframeError when none has.
    """
    lacking = []
    for path, origin in _candidates():
        found = inspect(path, origin)
        if found and needs <= found.filters:
            return found
        lacking.append(f"{path} ({'lacks ' + ', '.join(sorted(needs - found.filters)) if found else 'does not run'})")
    tried = "; ".join(lacking) or "none was found"
    raise ReframeError(f"No ffmpeg here can do the work: {tried}.", "Install ffmpeg, or `pip install imageio-ffmpeg`.")


def _candidates() -> Iterator[tuple[str, str]]:
    if named := os.environ.get("REFRAME_FFMPEG"):
        yield named, "REFRAME_FFMPEG"
    if system := shutil.which("ffmpeg"):
        yield system, "system"
    try:
        import imageio_ffmpeg

        yield imageio_ffmpeg.get_ffmpeg_exe(), "imageio-ffmpeg"
    except (ImportError, RuntimeError):
        return


@cache
def inspect(path: str, origin: str) -> Ffmpeg | None:
    """What the binary at `path` is; None if it does not run."""
    try:
        version = _ask(path, "-version").split("\n", 1)[0]
        lines = _ask(path, "-filters").splitlines()
    except (OSError, subprocess.SubprocessError):
        return None
    filters = frozenset(line.split()[1] for line in lines if "->" in line and len(line.split()) > 2)
    return Ffmpeg(path, origin, version, filters)


def _ask(path: str, option: str) -> str:
    answer = subprocess.run([path, "-hide_banner", option], capture_output=True, timeout=20, check=True)
    return answer.stdout.decode(errors="replace")


def decode_pcm(source: str, track: int, rate_hz: int, log: Callable[[str], None]) -> Iterator[bytes]:
    """Mono 16-bit PCM of stream `track` of the file `source`, in pieces, at `rate_hz`.

    Time 0 is the start of the file: a track that begins later is preceded by silence, gaps are filled. The child's stderr
    is this process's own, which is the job's log. Raises StepFailed(decode_failed).
    """
    import ffmpeg

    graph = (
        ffmpeg.input("file:" + source, protocol_whitelist=PROTOCOLS, format_whitelist=FORMATS)[str(track)]
        .filter("aresample", **{"async": 1, "first_pts": 0})
        .output("pipe:1", format="s16le", acodec="pcm_s16le", ac=1, ar=rate_hz)
        .global_args(*_GLOBAL)
    )
    command = graph.compile(cmd=find().path)
    log("$ " + shlex.join(command))
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        while piece := process.stdout.read(1 << 20):
            yield piece
        status = process.wait()
    finally:  # also when the reader gives up early
        process.kill()
        process.wait()
        process.stdout.close()
    if status:
        raise _failure(status)


def run(
    graph: Any,
    log: Callable[[str], None],
    what: str,
    *,
    needs: frozenset[str] = NEEDED_FILTERS,
    duration_s: float = 0.0,
    progress: Callable[[float], None] = lambda fraction: None,
    folder: Path | None = None,
) -> None:
    """Run the ffmpeg-python graph `graph` inside `folder`, to `what` ("cut the video").

    The exact command line and ffmpeg's own words go to the job's log; `progress` hears the fraction of `duration_s` that
    is written. Cancelling is killing this process's group. Raises StepFailed (no_space, bad_input, no_encoder, no_filter,
    ffmpeg_killed, ffmpeg_failed).
    """
    try:
        found = find(needs)
    except ReframeError as error:
        raise StepFailed("no_ffmpeg", error.message, error.hint) from error
    command = graph.global_args(*_GLOBAL, "-y", "-progress", "pipe:1", "-nostats").compile(cmd=found.path)
    log("$ " + shlex.join(command))
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder
    )
    words: deque[str] = deque(maxlen=_TAIL_LINES)
    reader = threading.Thread(target=_listen, args=(process, words, log), daemon=True)
    reader.start()
    assert process.stdout is not None
    try:
        for line in process.stdout:
            key, _, value = line.decode(errors="replace").strip().partition("=")
            if key == "out_time_us" and value.lstrip("-").isdigit() and duration_s:
                progress(min(1.0, max(0, int(value)) / 1e6 / duration_s))
        status = process.wait()
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()
    if status:
        raise _explain(status, list(words), what)


def _listen(process: subprocess.Popen[bytes], words: deque[str], log: Callable[[str], None]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        words.append(line.decode(errors="replace").rstrip())
        log(words[-1])
    process.stderr.close()


def _explain(status: int, words: list[str], what: str) -> StepFailed:
    """What a failed ffmpeg means for a person, from its exit code and its last words."""
    tail = "\n".join(words)
    if status < 0:
        return _failure(status)
    for code, pattern, sentence, hint in _MEANINGS:
        if re.search(pattern, tail):
            return StepFailed(code, f"ffmpeg could not {what}: {sentence}.", hint, tail, retry=code == "no_space")
    return StepFailed(
        "ffmpeg_failed", f"ffmpeg could not {what} (exit code {status}).", "The log has ffmpeg's own words.", tail
    )


def _failure(status: int) -> StepFailed:
    if status < 0:
        return StepFailed(
            "ffmpeg_killed", f"ffmpeg was killed by signal {-status}.", "Often out of memory.", retry=True
        )
    return StepFailed(
        "decode_failed",
        f"ffmpeg could not decode the sound (exit code {status}).",
        "Check that the file plays to its end in a media player; the log has ffmpeg's own words.",
    )
