"""What the intake knows of an inbox that it watches, and of a file in it that is on its way."""

from __future__ import annotations

import os
import stat
import time
from typing import NamedTuple

from reframed.config import Inbox
from reframed.filesystem import mount_of
from reframed.inbox.scan import Scanner, Why
from reframed.inbox.settle import LOCAL_SETTLE_S, NETWORK_SETTLE_S, Candidate
from reframed.inbox.watch import polls
from reframed.recipe import Recipe


class Entry(NamedTuple):
    """A candidate with where it came from; `inbox` is None for a file that was added by hand."""

    candidate: Candidate
    inbox: Inbox | None
    subfolder: bytes
    recipe: str  # for an added file


class Watched:
    """The changing side of one inbox."""

    def __init__(self, inbox: Inbox, recipes: list[Recipe]) -> None:
        self.inbox = inbox
        self.scanner = Scanner(inbox, recipes, time.time_ns)
        self.network = mount_of(inbox.path).is_network
        self.polled = polls(inbox)
        self.look_at = 0.0
        self.full_at = 0.0
        self.looked_at = 0.0  # wall clock
        self.reasons: dict[bytes, Why] = {}
        self.trouble = ""
        self.folders = 0

    @property
    def settle_s(self) -> float:
        """How long files must be still."""
        default = NETWORK_SETTLE_S if self.network else LOCAL_SETTLE_S
        return default if self.inbox.settle is None else self.inbox.settle


def no_permission(error: OSError, status: os.stat_result) -> Why:
    """Why a file that may not be opened is not taken."""
    mode = stat.S_IMODE(status.st_mode)
    return Why(
        "denied",
        f"cannot be opened ({error.strerror}): it belongs to uid {status.st_uid} with mode {mode:04o}. "
        "Give the daemon's user permission to read it",
    )
