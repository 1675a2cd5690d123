"""A runner process as the daemon sees it: start, send, receive, kill as a group."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from reframed.errors import ReframeError
from reframed.protocol import Message, Request, decode_message, encode

_RUNNERS = "runners"
_START_S = 60.0
# Local first: libraries that would report usage to their makers (onnxruntime since 1.2x, the hub client) are told not to.
_QUIET = {"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}


class ChildDied(Exception):
    """The process ended without an answer; `status` is as in subprocess (negative: a signal)."""

    def __init__(self, status: int) -> None:
        super().__init__(describe_status(status))
        self.status = status


class ChildSilent(Exception):
    """Nothing was heard within the time allowed."""


class RunnerBroken(ReframeError):
    """Runners cannot start at all: the installation is at fault, not a file."""


class Child:
    """One runner, in its own session, which is killed as a whole. Raises RunnerBroken."""

    def __init__(self, state: Path, nice: int = 0, offline: bool = False) -> None:
        package = str(Path(__file__).resolve().parent.parent)
        search = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH", ""))))
        environment = os.environ | _QUIET | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": search}
        if offline:
            environment["HF_HUB_OFFLINE"] = "1"
        (state / _RUNNERS).mkdir(parents=True, exist_ok=True)
        with (state / "logs" / "runners.log").open("ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "reframed.runner"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd="/",
                env=environment,
                start_new_session=True,
            )
        self._record = state / _RUNNERS / str(self._process.pid)
        self._record.touch()
        if nice:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self._process.pid, nice)
        self._buffer = b""
        self._lock = threading.Lock()
        self._ended = False
        self.idle_since = time.monotonic()
        self._await_ready(state)

    def _await_ready(self, state: Path) -> None:
        try:
            self.receive(_START_S)
        except (ChildDied, ChildSilent) as error:
            self.close()
            raise RunnerBroken(
                f"A runner process could not start: it {error or 'said nothing'}.",
                f"See {state / 'logs' / 'runners.log'}; most likely the installation is incomplete.",
            ) from None

    @property
    def pid(self) -> int:
        """The process id, which is also the group's and the session's."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs. Does not reap it: its group is signalled before that, or never."""
        assert self._process.stdout is not None
        poller = select.poll()
        poller.register(self._process.stdout.fileno(), select.POLLIN)
        return not self._ended and not any(events & select.POLLHUP for _, events in poller.poll(0))

    def send(self, request: Request) -> None:
        """Hand a request over. Raises ChildDied."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(encode(request))
            self._process.stdin.flush()
        except (OSError, ValueError):
            raise ChildDied(self.kill()) from None

    def receive(self, timeout_s: float) -> Message:
        """The next message. Raises ChildDied, or ChildSilent after `timeout_s`."""
        assert self._process.stdout is not None
        handle = self._process.stdout.fileno()
        deadline = time.monotonic() + timeout_s
        poller = select.poll()
        poller.register(handle, select.POLLIN)
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not poller.poll(min(left * 1000, 2**30)):
                raise ChildSilent
            data = os.read(handle, 1 << 16)
            if not data:
                raise ChildDied(self.kill())
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: Message = decode_message(line)
        return message

    def kill(self) -> int:
        """Kill the whole group, now; its exit status. May be called from any thread, and again."""
        with self._lock:
            if not self._ended:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
                self._ended = True
                self._record.unlink(missing_ok=True)
        return self._process.returncode

    def close(self) -> None:
        """Kill it and close its pipes: for the thread that sends and receives, and for no other."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def describe_status(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"ended with exit code {status}"
    name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
    return f"was ended by {name}" + (", often because memory ran out" if name == "SIGKILL" else "")


def end_orphans(state: Path) -> int:
    """End the runners that a daemon which was killed may have left behind; how many there were."""
    ended = 0
    for record in (state / _RUNNERS).glob("*"):
        pid = int(record.name) if record.name.isdigit() else 0
        if pid and _is_runner(pid):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
                ended += 1
        record.unlink(missing_ok=True)
    return ended


def _is_runner(pid: int) -> bool:
    try:
        if os.getpgid(pid) != pid:
            return False
        command = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, check=False).stdout
    except OSError:
        return False
    return b"reframed.runner" in command
