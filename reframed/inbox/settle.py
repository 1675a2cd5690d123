"""When is a file complete? A candidate waits until it was still for the settle time and can be read.

Pure: time, stat results, writers and probes come in, a decision goes out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from reframed.arrival import Identity
from reframed.inbox.lease import Writers
from reframed.inbox.scan import Why
from reframed.protocol import Failed, Probed

LOCAL_SETTLE_S = 2.0
NETWORK_SETTLE_S = 10.0
_REPROBE_MAX_S = 15.0
_WRITER_CHECK_S = 1.0


class Act(Enum):
    """What to do with a candidate now."""

    WAIT = "wait"
    PROBE = "probe"
    TAKE = "take"


class Decision(NamedTuple):
    """What to do, when to look again (clock seconds), and what a person is told meanwhile."""

    act: Act
    again_at: float
    why: Why


@dataclass
class Candidate:
    """A file that may be on its way. Times are of a monotonic clock, in seconds."""

    identity: Identity
    still_since: float
    settle_s: float
    grace_s: float
    verdict: Probed | Failed | None = None
    probing: bool = False
    probe_after: float = field(default=0.0)
    tries: int = 0

    def seen(self, identity: Identity, now: float) -> bool:
        """Note the file as it is now; True if it changed, which starts everything anew."""
        if identity == self.identity:
            return False
        self.identity, self.still_since = identity, now
        self.verdict, self.probe_after, self.tries = None, 0.0, 0
        return True

    def probed(self, identity: Identity, verdict: Probed | Failed, now: float) -> None:
        """Note a probe's answer about the file as it was at `identity`."""
        self.probing = False
        if identity != self.identity:
            return
        self.verdict = verdict
        self.tries += 1
        self.probe_after = now + min(_REPROBE_MAX_S, max(0.2, self.settle_s) * 2**self.tries)

    def postponed(self, now: float) -> None:
        """No probe could be made, for a reason that is not the file's: try again later."""
        self.probing = False
        self.probe_after = now + _REPROBE_MAX_S

    def decide(self, now: float, writers: Writers) -> Decision:
        """What to do now. A probe starts at half the settle time, so that its answer is there at the end of it."""
        settled_at = self.still_since + self.settle_s
        if writers is Writers.SOME:
            return Decision(
                Act.WAIT, now + _WRITER_CHECK_S, Why("open", "another program still has it open for writing")
            )
        if self.probing:
            return Decision(Act.WAIT, now + _WRITER_CHECK_S, Why("reading", "being read for the first time"))
        if isinstance(self.verdict, Probed):
            act = Act.TAKE if now >= settled_at else Act.WAIT
            return Decision(act, settled_at, Why("settling", f"waiting until it is still for {self.settle_s:g} s"))
        if self.verdict is not None:
            return self._unreadable(self.verdict, now)
        half = max(self.still_since + self.settle_s / 2, self.probe_after)
        act = Act.PROBE if now >= half else Act.WAIT
        return Decision(act, half, Why("settling", f"waiting until it is still for {self.settle_s:g} s"))

    def _unreadable(self, verdict: Failed, now: float) -> Decision:
        """Not readable: perhaps not all there yet. After the grace time without a change it is judged as it is."""
        judged_at = self.still_since + max(self.settle_s, self.grace_s)
        why = Why("unreadable", f"cannot be read yet ({verdict.message}) Waiting {self.grace_s:g} s for the rest of it")
        if now >= judged_at:
            return Decision(Act.TAKE, now, why)
        if now >= self.probe_after:
            return Decision(Act.PROBE, now, why)
        return Decision(Act.WAIT, min(judged_at, self.probe_after), why)
