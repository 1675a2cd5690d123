"""Jobs and their steps in the ledger: every change of state is here. Call these on the ledger's writer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
import peewee

from reframed.arrival import Sidecar
from reframed.errors import ReframeError
from reframed.job import ENDED, State, StepState, may_retry, require
from reframed.protocol import Artifact
from reframed.store import companions, schema, switches
from reframed.store.schema import ArtifactRow, Event, Job, StepRow

INTERRUPTIONS_MAX = 20
_INTERRUPTION_FREE = 3
_INTERRUPTION_PAUSE_S = 60.0
_PACE_ROWS = 20


class StepPlan(NamedTuple):
    """One step of a job to be: name, options as JSON, slot kind."""

    name: str
    options: str
    slot: str


class JobPlan(NamedTuple):
    """A recipe as the ledger needs it."""

    recipe: str
    revision: str
    steps: tuple[StepPlan, ...]


class Verdict(NamedTuple):
    """Why a job cannot go on, for a program (`code`) and for a person."""

    code: str
    message: str
    hint: str = ""
    tail: str = ""


class Claimed(NamedTuple):
    """Everything a slot needs to run a step."""

    job: int
    step: int
    attempt: int
    claim: str
    name: str
    options: str
    slot: str
    arrival: int
    path: bytes
    display: str
    inode: str
    size: int
    mtime_ns: int
    sha256: str
    media: str
    root: bytes
    outbox: bytes
    inputs: tuple[tuple[str, Artifact], ...]  # cache key and artifact, oldest first
    companions: tuple[Sidecar, ...]  # subtitles that came along


def create(arrival: Any, plan: JobPlan, verdict: Verdict | None, now: float) -> int:
    """Insert a job with its steps; the first is ready. With a `verdict` it has failed already."""
    job = Job.create(
        arrival=arrival.id,
        recipe=plan.recipe,
        revision=plan.revision,
        state=State.QUEUED,
        created_at=now,
        owner_uid=arrival.owner_uid,
    )
    for position, step in enumerate(plan.steps):
        StepRow.create(
            job=job.id,
            position=position,
            name=step.name,
            options=step.options,
            slot=step.slot,
            state=StepState.WAITING if position else StepState.READY,
        )
    note(job.id, "info", "arrived", f"{arrival.display} arrived for {plan.recipe}", now)
    if verdict is not None:
        _end(job, State.FAILED, verdict, now)
    return int(job.id)


def note(job_id: int, level: str, code: str, text: str, now: float) -> None:
    """Write an event."""
    Event.create(job=job_id, at=now, level=level, code=code, text=text)


def due(now: float) -> list[tuple[int, str, int]]:
    """Step id, slot kind and priority of every step that may run now, in the order they should."""
    query = (
        StepRow.select(StepRow.id, StepRow.slot, Job.priority)
        .join(Job)
        .where(
            (StepRow.state == StepState.READY)
            & Job.state.in_([State.QUEUED, State.RUNNING])
            & (Job.retry_at.is_null() | (Job.retry_at <= now))
        )
        .order_by(Job.priority.desc(), Job.id)
    )
    return [(step, slot, priority) for step, slot, priority in query.tuples()]


def next_retry(now: float) -> float | None:
    """When the next queued job that waits for its next try becomes due."""
    when = Job.select(peewee.fn.MIN(Job.retry_at)).where((Job.state == State.QUEUED) & (Job.retry_at > now)).scalar()
    return float(when) if when is not None else None


def claim(step_id: int, token: str, now: float) -> Claimed | None:
    """Take a ready step for running, by compare-and-set; None if somebody else did or the job may not run now.

    While the switch `drain` is on, none may.
    """
    if switches.is_on("drain"):
        return None
    taken = (
        StepRow.update(state=StepState.RUNNING, claim=token, started_at=now, ended_at=None, progress=0.0, left_s=None)
        .where((StepRow.id == step_id) & (StepRow.state == StepState.READY))
        .execute()
    )
    row = schema.one(
        StepRow.select(StepRow, Job, schema.Arrival).join(Job).join(schema.Arrival).where(StepRow.id == step_id)
    )
    if not taken or row is None:
        return None
    job = row.job
    waits = job.retry_at is not None and job.retry_at > now
    if job.state not in (State.QUEUED, State.RUNNING) or waits:
        StepRow.update(state=StepState.READY, claim="", started_at=None).where(StepRow.id == step_id).execute()
        return None
    if job.state == State.QUEUED:
        _set(job, State.RUNNING, attempt=job.attempt + 1, retry_at=None, code="", reason="", hint="", tail="")
        if job.started_at is None:
            Job.update(started_at=now).where(Job.id == job.id).execute()
        job.attempt += 1
    return _claimed(row, token)


def _claimed(row: Any, token: str) -> Claimed:
    arrival = row.job.arrival
    made = ArtifactRow.select().where(ArtifactRow.job == row.job.id).order_by(ArtifactRow.id)
    return Claimed(
        job=row.job.id,
        step=row.id,
        attempt=row.job.attempt,
        claim=token,
        name=row.name,
        options=row.options,
        slot=row.slot,
        arrival=arrival.id,
        path=bytes(arrival.place),
        display=arrival.display,
        inode=arrival.inode,
        size=arrival.size,
        mtime_ns=arrival.mtime_ns,
        sha256=arrival.sha256,
        media=arrival.media,
        root=bytes(arrival.root),
        outbox=bytes(arrival.outbox),
        inputs=tuple((item.key, _artifact(item)) for item in made),
        companions=tuple(sidecar for _, sidecar in companions.of(arrival.id)),
    )


def _artifact(row: Any) -> Artifact:
    return Artifact(
        kind=row.kind,
        file=row.file,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        suffix=row.suffix,
        about=msgspec.json.decode(row.about),
    )


def progress(step_id: int, token: str, fraction: float, left_s: float | None) -> bool:
    """Note how far a step is; False if the step is no longer this claim's."""
    mine = (StepRow.id == step_id) & (StepRow.claim == token) & (StepRow.state == StepState.RUNNING)
    return bool(StepRow.update(progress=fraction, left_s=left_s).where(mine).execute())


def complete(
    step_id: int,
    token: str,
    key: str,
    artifacts: Iterable[Artifact],
    *,
    cached: bool,
    engine_s: float,
    media_s: float,
    now: float,
) -> tuple[bool, int | None]:
    """Finish a step. Returns whether the claim still held, and the id of the next step (None: the job publishes)."""
    row = _held(step_id, token)
    if row is None:
        return False, None
    StepRow.update(
        state=StepState.DONE,
        progress=1.0,
        left_s=0.0,
        key=key,
        cached=cached,
        ended_at=now,
        engine_s=engine_s,
        media_s=media_s,
    ).where(StepRow.id == step_id).execute()
    ArtifactRow.delete().where(ArtifactRow.step == step_id).execute()
    made = list(artifacts)
    if reasons := [reason for item in made for reason in item.about.get("review", ())]:
        Job.update(review="; ".join(reasons)).where(Job.id == row.job.id).execute()
    for item in made:
        ArtifactRow.create(
            job=row.job.id,
            step=step_id,
            key=key,
            kind=item.kind,
            file=item.file,
            suffix=item.suffix,
            sha256=item.sha256,
            size_bytes=item.size_bytes,
            about=msgspec.json.encode(item.about).decode(),
        )
    following = schema.one(StepRow.select().where((StepRow.job == row.job.id) & (StepRow.position == row.position + 1)))
    if following is not None:
        StepRow.update(state=StepState.READY).where(StepRow.id == following.id).execute()
        return True, int(following.id)
    _set(row.job, State.PUBLISHING)
    return True, None


def _held(step_id: int, token: str) -> Any:
    row = schema.one(StepRow.select(StepRow, Job).join(Job).where(StepRow.id == step_id))
    held = row is not None and row.claim == token and row.state == StepState.RUNNING and row.job.state == State.RUNNING
    return row if held else None


def release(step_id: int, token: str) -> None:
    """Give a claimed step back unharmed (the daemon stops, or a slot is needed otherwise)."""
    row = _held(step_id, token)
    if row is not None:
        _set(row.job, State.QUEUED)
        _rewind(row.job.id)


class Hold(NamedTuple):
    """A claim on a step: whoever does not hold it any more has no say in the job."""

    step: int
    claim: str


def holds(hold: Hold | None, job: Any) -> bool:
    """Whether a claim still stands; without one, whether the job is publishing."""
    return job.state == State.PUBLISHING if hold is None else _held(hold.step, hold.claim) is not None


def start_over(job_id: int, reason: str, now: float) -> None:
    """Queue a running job again from its first step, because there is more to it than it knew; whoever ran it lost it."""
    job = Job.get_by_id(job_id)
    if job.state == State.RUNNING:
        _set(job, State.QUEUED)
        _rewind(job_id)
    note(job_id, "info", "started_over", reason, now)


def is_held(hold: Hold) -> bool:
    """Whether a claim still stands."""
    return _held(hold.step, hold.claim) is not None


def fail(
    job_id: int, verdict: Verdict, now: float, limit: int, delay_s: float, counter: str, hold: Hold | None
) -> State:
    """A running or publishing job could not go on: queue it again, or end it as failed.

    `counter` (failures or crashes) is counted up; while it stays below `limit` the job is tried again, after `delay_s`
    doubled each time.
    """
    job = Job.get_by_id(job_id)
    if not holds(hold, job):
        return State(job.state)
    count = getattr(job, counter) + 1
    if count >= limit:
        Job.update({getattr(Job, counter): count}).where(Job.id == job_id).execute()
        _end(job, State.FAILED, verdict, now)
        return State.FAILED
    said = {"code": verdict.code, "reason": verdict.message, "hint": verdict.hint, "tail": verdict.tail}
    _set(job, State.QUEUED, retry_at=now + delay_s * 2 ** (count - 1), **said, **{counter: count})
    _rewind(job_id)
    note(job_id, "warning", verdict.code, f"{verdict.message} It is tried again.", now)
    return State.QUEUED


def block(job_id: int, verdict: Verdict, now: float, hold: Hold | None) -> None:
    """Let a running or publishing job wait for something outside it."""
    job = Job.get_by_id(job_id)
    if holds(hold, job):
        _set(job, State.BLOCKED, code=verdict.code, reason=verdict.message, hint=verdict.hint)
        _rewind(job_id)
        last = schema.one(
            Event.select().where((Event.job == job_id) & (Event.level == "warning")).order_by(-Event.id).limit(1)
        )
        if last is None or (last.code, last.text) != (verdict.code, verdict.message):  # asked again in vain is no news
            note(job_id, "warning", verdict.code, verdict.message, now)


def unblock(job_id: int) -> None:
    """What a blocked job waited for is there."""
    job = Job.get_by_id(job_id)
    if job.state == State.BLOCKED:
        _set(job, State.QUEUED, code="", reason="", hint="")


def blocked() -> list[tuple[int, str, bytes, bytes]]:
    """Job id, code, inbox folder and outbox of every blocked job."""
    rows = Job.select(Job, schema.Arrival).join(schema.Arrival).where(Job.state == State.BLOCKED)
    return [(row.id, row.code, bytes(row.arrival.root), bytes(row.arrival.outbox)) for row in rows]


def finish(job_id: int, now: float) -> None:
    """A publishing job is done."""
    job = Job.get_by_id(job_id)
    if job.state == State.PUBLISHING:
        _end(job, State.DONE, Verdict("", ""), now)


def cancel(job_id: int, verdict: Verdict, now: float) -> None:
    """Cancel a job. Raises ReframeError if it cannot be cancelled any more."""
    _end(Job.get_by_id(job_id), State.CANCELLED, verdict, now)


def retry(job_id: int, now: float) -> None:
    """Queue a job again from its first step; what is in the cache is not done twice. Raises ReframeError."""
    job = Job.get_by_id(job_id)
    if not may_retry(job.state):
        raise ReframeError(f"Job {job.id} is {job.state}: there is nothing to retry yet.")
    if job.state != State.QUEUED:
        require(job.state, State.QUEUED)
    Job.update(
        state=State.QUEUED, retry_at=None, code="", reason="", hint="", tail="", failures=0, crashes=0, interruptions=0,
        ended_at=None,
    ).where(Job.id == job_id).execute()  # fmt: skip
    _rewind(job_id)
    note(job_id, "info", "retried", "Queued again by hand.", now)


def require_retry(job_id: int) -> None:
    """Raise ReframeError unless the job may be queued again."""
    job = Job.get_by_id(job_id)
    if not may_retry(job.state):
        raise ReframeError(f"Job {job_id} is {job.state}: it has to end first.", "Or cancel it.")


def source(job_id: int) -> tuple[int, bytes]:
    """The arrival of a job, and the path where its file is now."""
    arrival = Job.get_by_id(job_id).arrival
    return int(arrival.id), bytes(arrival.place)


def option(job_id: int, step: str, name: str, default: Any = None) -> Any:
    """The value of an option of a job's step (`default`: it is not written); None if the job has no such step."""
    row = schema.one(StepRow.select().where((StepRow.job == job_id) & (StepRow.name == step)))
    return msgspec.json.decode(row.options).get(name, default) if row is not None else None


def set_option(job_id: int, step: str, name: str, value: Any) -> None:
    """Change an option of a job's step. Raises ReframeError if the job has no such step, or runs."""
    require_retry(job_id)
    rows = list(StepRow.select().where((StepRow.job == job_id) & (StepRow.name == step)))
    if not rows:
        raise ReframeError(
            f"Job {job_id} has no step {step}.", f"`reframe add --recipe {step} FILE` makes one that has."
        )
    for row in rows:
        options = msgspec.json.decode(row.options) | {name: value}
        StepRow.update(options=msgspec.json.encode(options).decode()).where(StepRow.id == row.id).execute()


def set_priority(job_id: int, priority: int, now: float) -> None:
    """Let a job that has not ended run before those of a lower priority. Raises ReframeError."""
    job = Job.get_by_id(job_id)
    if State(job.state) in ENDED:
        raise ReframeError(f"Job {job.id} is {job.state}: its place in the queue means nothing any more.")
    Job.update(priority=priority).where(Job.id == job_id).execute()
    note(job_id, "info", "priority", f"Priority {priority}.", now)


def ready_steps(job_ids: Iterable[int]) -> list[int]:
    """The steps of these jobs that wait for a worker."""
    rows = StepRow.select(StepRow.id).where((StepRow.state == StepState.READY) & StepRow.job.in_(list(job_ids)))
    return [row.id for row in rows]


def owner(job_id: int) -> int | None:
    """The uid of the owner of a job; None if there is no such job."""
    row = schema.one(Job.select(Job.owner_uid).where(Job.id == job_id))
    return int(row.owner_uid) if row else None


def recover(now: float) -> list[int]:
    """After a start: jobs that were running when the daemon died are queued again, and counted as interrupted.

    From the third time on a job waits longer each time, so that one that kills the machine lets others go first. Returns
    the publishing jobs, to be published now.
    """
    for job in list(Job.select().where(Job.state == State.RUNNING)):
        count = job.interruptions + 1
        if count >= INTERRUPTIONS_MAX:
            verdict = Verdict(
                "interrupted",
                f"The daemon or the machine stopped {count} times while this job ran.",
                "It may need more memory than there is. To try once more: `reframe retry`.",
            )
            _end(job, State.FAILED, verdict, now)
            continue
        pause = max(0, count - _INTERRUPTION_FREE) * _INTERRUPTION_PAUSE_S
        _set(job, State.QUEUED, interruptions=count, retry_at=now + pause if pause else None)
        _rewind(job.id)
        note(job.id, "warning", "interrupted", "The daemon stopped while this job ran; it starts again.", now)
    return [job.id for job in Job.select(Job.id).where(Job.state == State.PUBLISHING)]


def _rewind(job_id: int) -> None:
    """All steps again from the first; finished ones are found in the cache."""
    StepRow.update(state=StepState.WAITING, claim="", progress=0.0, left_s=None).where(StepRow.job == job_id).execute()
    StepRow.update(state=StepState.READY).where((StepRow.job == job_id) & (StepRow.position == 0)).execute()
    ArtifactRow.delete().where(ArtifactRow.job == job_id).execute()
    Job.update(review="").where(Job.id == job_id).execute()


def _set(job: Any, state: State, **fields: Any) -> None:
    require(job.state, state)
    Job.update(state=state, **fields).where(Job.id == job.id).execute()
    job.state = state


def _end(job: Any, state: State, verdict: Verdict, now: float) -> None:
    _set(
        job,
        state,
        ended_at=now,
        retry_at=None,
        code=verdict.code,
        reason=verdict.message,
        hint=verdict.hint,
        tail=verdict.tail,
    )
    StepRow.update(state=StepState.WAITING, claim="", left_s=None).where(
        (StepRow.job == job.id) & (StepRow.state != StepState.DONE)
    ).execute()
    level = {State.DONE: "info", State.CANCELLED: "info"}.get(state, "error")
    note(job.id, level, verdict.code or state, verdict.message or f"The job is {state}.", now)


def pace(name: str) -> float | None:
    """Seconds of work for each second of media that the step `name` took lately on this machine."""
    rows = (
        StepRow.select(StepRow.started_at, StepRow.ended_at, StepRow.media_s)
        .where((StepRow.name == name) & (StepRow.cached == 0) & (StepRow.media_s > 0) & StepRow.ended_at.is_null(False))
        .order_by(StepRow.ended_at.desc())
        .limit(_PACE_ROWS)
    )
    worked = [(end - start, media_s) for start, end, media_s in rows.tuples() if start is not None]
    media_s = sum(media for _, media in worked)
    return sum(seconds for seconds, _ in worked) / media_s if media_s else None
