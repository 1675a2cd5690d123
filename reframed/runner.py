"""The child that may die: runs steps and probes files, one at a time, and keeps its model loaded between them.

`python -m reframed.runner` reads requests from stdin and answers on stdout (protocol.py). When stdin ends, the daemon is
gone: the runner kills its whole process group, ffmpeg included.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import logging
import os
import queue
import shlex
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from types import FrameType

from reframed.errors import ReframeError, StepFailed
from reframed.protocol import (
    Done,
    Failed,
    Message,
    Note,
    Probed,
    ProbeRequest,
    Progress,
    Ready,
    Request,
    RunRequest,
    decode_request,
    encode,
    unpack_path,
)

_PR_SET_PDEATHSIG = 1
_TAIL_LINES = 30
_TAIL_BYTES = 6000
_PROGRESS_EVERY_S = 0.25


class Channel:
    """The way back to the daemon. Whatever native code prints to stdout goes to stderr instead."""

    def __init__(self) -> None:
        self._handle = os.dup(1)
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Write one message; a daemon that is gone ends this process."""
        data = encode(message)
        with self._lock:
            while data:
                data = data[os.write(self._handle, data) :]


def main() -> None:
    """Answer requests until stdin ends."""
    _die_with_parent()
    faulthandler.enable()
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    channel = Channel()
    requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    channel.send(Ready())
    while True:
        request = requests.get()
        try:
            answer = probe(request) if isinstance(request, ProbeRequest) else run(request, channel)
        except Exception as error:  # noqa: BLE001 - the edge of the process: reported to the daemon
            answer = _unexpected(error)
        channel.send(answer)


def _die_with_parent() -> None:
    signal.signal(signal.SIGTERM, _end_group)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the daemon
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        with contextlib.suppress(OSError):  # when memory runs out, this process goes before the daemon
            Path("/proc/self/oom_score_adj").write_text("500")
    if os.getppid() != parent:
        _end_group()


def _end_group(number: int = 0, frame: FrameType | None = None) -> None:
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _read(requests: queue.SimpleQueue[Request]) -> None:
    for line in sys.stdin.buffer:
        requests.put(decode_request(line))
    _end_group()


def probe(request: ProbeRequest) -> Message:
    """What the file is, and its hash."""
    from reframed.filesystem import hash_file
    from reframed.media.info import SUBTITLES, kind_of
    from reframed.media.probe import probe as probe_media
    from reframed.subtitles import given

    path = unpack_path(request.path)
    try:
        if kind_of(path) == SUBTITLES:
            return Probed(media=given.probe(Path(path)), sha256=hash_file(path))
        return Probed(media=probe_media(path), sha256=hash_file(path))
    except StepFailed as error:
        return _failed(error)
    except ReframeError as error:
        return Failed(code="bad_subtitles", message=error.message, hint=error.hint)
    except OSError as error:
        return Failed(
            code="unreadable", message=f"It cannot be read: {error.strerror or error}.", hint="Check the disk."
        )


def run(request: RunRequest, channel: Channel) -> Message:
    """Run one step; its stderr, and that of every tool it starts, is the attempt's log."""
    from reframed import steps
    from reframed.steps.base import Work

    log = _Log(Path(request.log))
    folder = Path(request.folder)
    source = unpack_path(request.source)
    log.line(f"--- {request.step} ({request.label}) of {shlex.quote(source)}")
    throttle = _Throttle(channel)

    def note(code: str, text: str, level: str = "warning") -> None:
        log.line(text)
        channel.send(Note(code, text, level))

    try:
        import msgspec

        step = msgspec.convert(request.options, steps.step_class(request.step))
        work = Work(
            source=_neutral(source, folder),
            media=request.media,
            inputs=request.inputs,
            sidecars=request.sidecars,
            folder=folder,
            kept=Path(request.kept),
            settings=request.settings,
            label=request.label,
            named_language=request.named_language,
            progress=throttle.progress,
            note=note,
            say=lambda code, text: note(code, text, "info"),
            log=log.line,
        )
        step.run(work)
        log.line(f"--- {request.step} done")
        return Done(artifacts=work.artifacts, engine_s=round(work.engine_s, 4), stand_in=work.stand_in)
    except StepFailed as error:
        log.line(f"--- {request.step} failed: {error.code}: {error.message}")
        return _failed(error, log.tail())
    except OSError as error:
        if error.errno == 28:
            return Failed(
                code="no_space", message="There is no space left to work in.", hint="Free some space.", retry=True
            )
        return _unexpected(error)
    except Exception as error:  # noqa: BLE001 - the edge of the process: reported to the daemon
        return _unexpected(error)
    finally:
        log.close()


def _neutral(source: str, folder: Path) -> str:
    """A link in the work folder with a plain name: no tool ever sees what the file is really called."""
    extension = os.path.splitext(source)[1].lower()
    plain = extension if extension[1:].isascii() and extension[1:].isalnum() and len(extension) < 8 else ""
    link = folder / f"source{plain}"
    link.symlink_to(source)
    return str(link)


class _Throttle:
    """Passes progress on a few times a second at most."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._sent_at = 0.0

    def progress(self, fraction: float) -> None:
        now = time.monotonic()
        if now - self._sent_at >= _PROGRESS_EVERY_S:
            self._sent_at = now
            self._channel.send(Progress(round(min(1.0, max(0.0, fraction)), 4)))


class _Log:
    """The attempt's log file; while it is open, stderr is the same file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved = os.dup(2)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._start = os.fstat(handle).st_size
        for target in (1, 2):
            os.dup2(handle, target)
        os.close(handle)

    def line(self, text: str) -> None:
        stamp = time.strftime("%H:%M:%S")
        data = f"{stamp} {text}\n".encode(errors="backslashreplace")
        with contextlib.suppress(OSError):  # a full disk must not hide the step's own fault
            os.write(2, data)

    def tail(self) -> str:
        with self._path.open("rb") as file:
            file.seek(max(self._start, self._path.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])

    def close(self) -> None:
        for target in (1, 2):
            os.dup2(self._saved, target)
        os.close(self._saved)


def _failed(error: StepFailed, tail: str = "") -> Failed:
    return Failed(code=error.code, message=error.message, hint=error.hint, tail=error.tail or tail, retry=error.retry)


def _unexpected(error: BaseException) -> Failed:
    traceback.print_exception(error)
    return Failed(
        code="unexpected",
        message=f"An unexpected error stopped the step: {type(error).__name__}: {error}",
        hint="This is a fault in Reframe: please report it with the log.",
        tail="".join(traceback.format_exception(error))[-_TAIL_BYTES:],
        retry=True,
    )


if __name__ == "__main__":
    main()
