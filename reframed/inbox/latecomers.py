"""Subtitles that arrive after their video was taken: until it has been listened to, the job starts over with them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

from reframed.config import Inbox
from reframed.inbox import bundle
from reframed.inbox.scan import SIDECAR, Why
from reframed.store import companions
from reframed.store.ledger import Ledger
from reframed.text import safe


class Latecomers:
    """Finds the jobs that subtitles in an inbox belong to."""

    def __init__(self, ledger: Ledger, start_over: Callable[[int, str], None], wall: Callable[[], float]) -> None:
        self._ledger = ledger
        self._start_over = start_over
        self._wall = wall

    def sort_out(self, inbox: Inbox, settle_s: float, reasons: dict[bytes, Why]) -> dict[bytes, Why]:
        """`reasons` without the subtitles that are part of a job; those that may still join one do so now."""
        paths = [path for path, why in reasons.items() if why.code == SIDECAR]
        if not paths:
            return reasons
        taken = self._ledger.run(partial(companions.taken, paths))
        for path in paths:
            if path not in taken and self._join(path, inbox, settle_s):
                taken.add(path)
        return {path: why for path, why in reasons.items() if path not in taken}

    def _join(self, path: bytes, inbox: Inbox, settle_s: float) -> bool:
        """Whether the subtitles at `path` became part of a job."""
        folder, name = os.path.split(path)
        hosts = self._ledger.run(lambda: companions.hosts(folder, self._wall() - inbox.sidecar_grace))
        for arrival, host in hosts:
            language = bundle.belongs(name, os.path.basename(host))
            if language is None:
                continue
            try:
                status = os.lstat(path)
            except OSError:
                return False
            if is_fresh(status, settle_s):
                return False
            sidecars = bundle.read([(path, language, status)])
            self._ledger.run(partial(companions.add, arrival, sidecars))
            for job in self._ledger.run(partial(companions.open_jobs, arrival)):
                self._start_over(job, f"The subtitles {safe(name)} arrived; the job starts over with them.")
            return bool(sidecars)
        return False


def is_fresh(status: os.stat_result, settle_s: float) -> bool:
    """Whether a file was written to so lately that it may still be growing."""
    return 0 <= time.time() - status.st_mtime < settle_s
