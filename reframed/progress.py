"""How far a step is and how long it will take, written into the ledger now and then."""

from __future__ import annotations

import time

from reframed.store import jobs
from reframed.store.jobs import Claimed
from reframed.store.ledger import Ledger

_EVERY_S = 1.0


class Tracker:
    """Writes progress into the ledger about once a second, with an estimate of the time left."""

    def __init__(self, ledger: Ledger, claimed: Claimed, media_s: float) -> None:
        self._ledger = ledger
        self._claimed = claimed
        self._started = self._written = time.monotonic()
        pace = ledger.run(lambda: jobs.pace(claimed.name)) if media_s else None
        self._expected_s = pace * media_s if pace is not None else None
        self._write(0.0)

    def report(self, fraction: float) -> None:
        """The step is `fraction` done."""
        if time.monotonic() - self._written >= _EVERY_S:
            self._written = time.monotonic()
            self._write(fraction)

    def _write(self, fraction: float) -> None:
        left_s = time_left(fraction, time.monotonic() - self._started, self._expected_s)
        claimed = self._claimed
        self._ledger.run(lambda: jobs.progress(claimed.step, claimed.claim, fraction, left_s))


def time_left(fraction: float, elapsed_s: float, expected_s: float | None) -> float | None:
    """Seconds left: by what similar steps took at first, more and more by this one's own pace. None: nobody knows."""
    own = elapsed_s * (1 - fraction) / fraction if fraction > 0.02 else None
    past = max(0.0, expected_s - elapsed_s) if expected_s is not None else None
    if own is None or past is None:
        return own if past is None else past
    return own * fraction + past * (1 - fraction)
