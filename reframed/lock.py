"""One daemon per state folder: a lock on a file that says who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from reframed.errors import ReframeError
from reframed.paths import LOCK

_TRIES = 10  # somebody who merely looks holds the lock for a moment
_TRY_EVERY_S = 0.1


class Lock:
    """The daemon's hold on its state folder, until `release` or the end of the process."""

    def __init__(self, state: Path) -> None:
        """Take the lock. Raises ReframeError saying who has it."""
        self._path = state / LOCK
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        for _ in range(_TRIES):
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_TRY_EVERY_S)
        else:
            os.close(self._handle)
            raise _held(state)

    def write(self, about: dict[str, Any]) -> None:
        """Say who we are, for those who look."""
        data = json.dumps(about).encode()
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, data, 0)

    def release(self) -> None:
        """Let go; the file stays and says when that was."""
        os.close(self._handle)


def _held(state: Path) -> ReframeError:
    about = read(state)
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(about.get("started_at", 0)))
    who = f"process {about['pid']}, since {since}" if "pid" in about else "another process"
    return ReframeError(
        f"A reframed already runs on the state folder {state}: {who}.",
        "Use that one (`reframe status`), stop it first, or give this one another `state:`.",
    )


def read(state: Path) -> dict[str, Any]:
    """What the last holder of the lock wrote; empty if there was none."""
    try:
        about = json.loads((state / LOCK).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}


def is_held(state: Path) -> bool:
    """Whether a daemon runs on the state folder."""
    try:
        handle = os.open(state / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    else:
        return False
    finally:
        os.close(handle)
