"""The states of a job and the one table that says which may follow which."""

from __future__ import annotations

from enum import StrEnum

from reframed.errors import ReframeError


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    BLOCKED = "blocked"  # cannot run until something outside the job changes; the reason says what
    RUNNING = "running"
    PUBLISHING = "publishing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StepState(StrEnum):
    """Where one step of a job stands."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.BLOCKED, State.CANCELLED, State.FAILED}),
    State.BLOCKED: frozenset({State.QUEUED, State.CANCELLED}),
    State.RUNNING: frozenset({State.QUEUED, State.BLOCKED, State.PUBLISHING, State.FAILED, State.CANCELLED}),
    State.PUBLISHING: frozenset({State.DONE, State.QUEUED, State.BLOCKED, State.FAILED}),
    State.DONE: frozenset({State.QUEUED}),
    State.FAILED: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset({State.QUEUED}),
}
ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED})
ACTIVE = frozenset({State.RUNNING, State.PUBLISHING})


def require(before: str, after: State) -> None:
    """Raise ReframeError unless a job may go from `before` to `after`."""
    if after not in TRANSITIONS[State(before)]:
        raise ReframeError(f"A job that is {before} cannot become {after}.")


def may_retry(state: str) -> bool:
    """Whether `reframe retry` means anything in this state: ended, blocked, or queued for a later try."""
    return State(state) in ENDED or state in (State.BLOCKED, State.QUEUED)
