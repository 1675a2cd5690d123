"""Whether a program on this machine still has a file open for writing (Linux; elsewhere nobody can tell)."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from enum import Enum


class Writers(Enum):
    """The answer, as far as there is one."""

    NONE = "none"
    SOME = "some"
    UNKNOWN = "unknown"


def writers(path: bytes) -> Writers:
    """Ask with a read lease, given back at once (fcntl(2), F_SETLEASE). Raises OSError if the file cannot be opened.

    A lease needs the file to be ours, or CAP_LEASE; network file systems have none. Then the answer is UNKNOWN.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not hasattr(fcntl, "F_SETLEASE"):
            return Writers.UNKNOWN
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)  # ignored by default, where SIGIO would end the process
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return Writers.SOME if error.errno == errno.EAGAIN else Writers.UNKNOWN
    finally:
        os.close(handle)
    return Writers.NONE
