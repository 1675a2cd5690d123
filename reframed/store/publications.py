"""What is published and what becomes of sources, in the ledger. Call these on the ledger's writer."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import msgspec

from reframed.arrival import Identity
from reframed.job import ENDED, State
from reframed.store import schema
from reframed.store.schema import Arrival, ArtifactRow, Job, Publication
from reframed.text import safe


class Output(NamedTuple):
    """An artifact that belongs in the outbox."""

    key: str
    file: str
    suffix: str
    sha256: str
    size_bytes: int
    given: bool  # a copy of a file that came along


class Published(NamedTuple):
    """A publication as recorded."""

    id: int
    suffix: str
    sha256: str
    target: bytes
    temporary: bytes
    done: bool


class Delivery(NamedTuple):
    """What publishing a job needs to know."""

    job: int
    path: bytes  # as it arrived: names come from it
    place: bytes  # where the source is now
    subfolder: bytes
    outbox: bytes
    outputs: tuple[Output, ...]
    earlier: tuple[Published, ...]


class Disposal(NamedTuple):
    """A source whose jobs have all ended; `failed` is the first failed job, if any."""

    arrival: int
    place: bytes
    path: bytes
    subfolder: bytes
    root: bytes
    after: str
    beside: bool
    identity: Identity
    target: bytes  # a move that was begun; empty: none
    states: tuple[str, ...]
    failed: int | None
    reason_file: bytes
    reason_sha256: str


def delivery(job_id: int) -> Delivery | None:
    """What is to be published for a job that is publishing; None if it is not any more."""
    job = schema.one(Job.select(Job, Arrival).join(Arrival).where((Job.id == job_id) & (Job.state == State.PUBLISHING)))
    if job is None:
        return None
    made = ArtifactRow.select().where((ArtifactRow.job == job_id) & (ArtifactRow.suffix != "")).order_by(ArtifactRow.id)
    rows = Publication.select().where(Publication.job == job_id)
    return Delivery(
        job=job_id,
        path=bytes(job.arrival.path),
        place=bytes(job.arrival.place),
        subfolder=bytes(job.arrival.subfolder),
        outbox=bytes(job.arrival.outbox),
        outputs=tuple(_output(row) for row in made),
        earlier=tuple(
            Published(row.id, row.suffix, row.sha256, bytes(row.target), bytes(row.temporary), row.state == "done")
            for row in rows
        ),
    )


def _output(row: Any) -> Output:
    given = bool(msgspec.json.decode(row.about).get("given"))
    return Output(row.key, row.file, row.suffix, row.sha256, row.size_bytes, given)


def intend(job_id: int, output: Output, target: bytes, temporary: bytes, now: float) -> int:
    """Record that `output` is about to appear as `target`."""
    row = Publication.create(
        job=job_id,
        suffix=output.suffix,
        sha256=output.sha256,
        target=target,
        temporary=temporary,
        display=safe(os.path.basename(target)),
        state="intent",
        at=now,
    )
    return int(row.id)


def confirm(publication_id: int) -> None:
    """The file is in the outbox."""
    Publication.update(state="done").where(Publication.id == publication_id).execute()


def forget(publication_id: int) -> None:
    """The intent came to nothing, or the file was removed by its owner."""
    Publication.delete().where(Publication.id == publication_id).execute()


def disposals() -> list[int]:
    """Arrivals that are not moved yet although a job of theirs has ended, for a start after a crash."""
    query = (
        Arrival.select(Arrival.id)
        .join(Job)
        .where(Arrival.disposition.in_(["here", "moving"]) & Job.state.in_([str(state) for state in ENDED]))
        .where(((Arrival.after != "keep") & (Arrival.outbox != b"")) | (Arrival.disposition == "moving"))
        .distinct()
    )
    return [row.id for row in query]


def disposal(arrival_id: int) -> Disposal | None:
    """What is to become of a source; None while a job of it has not ended."""
    row = Arrival.get_by_id(arrival_id)
    jobs = list(Job.select(Job.id, Job.state).where(Job.arrival == arrival_id).order_by(Job.id))
    if any(job.state not in ENDED for job in jobs):
        return None
    return Disposal(
        arrival=arrival_id,
        place=bytes(row.place),
        path=bytes(row.path),
        subfolder=bytes(row.subfolder),
        root=bytes(row.root),
        after=row.after,
        beside=not bytes(row.outbox),
        identity=Identity(row.inode, row.size, row.mtime_ns),
        target=bytes(row.target),
        states=tuple(job.state for job in jobs),
        failed=next((job.id for job in jobs if job.state == State.FAILED), None),
        reason_file=bytes(row.reason_file),
        reason_sha256=row.reason_sha256,
    )


def arrival_of(job_id: int) -> int:
    """The arrival of a job."""
    return int(Job.get_by_id(job_id).arrival_id)


def failure(job_id: int) -> Any:
    """The row of a failed job, for its reason file."""
    return Job.get_by_id(job_id)


def intend_move(arrival_id: int, target: bytes) -> None:
    """The source is about to be moved to `target`."""
    Arrival.update(disposition="moving", target=target).where(Arrival.id == arrival_id).execute()


def moved(arrival_id: int, target: bytes) -> None:
    """The source is at `target` now."""
    Arrival.update(disposition="moved", place=target, target=b"", trouble="").where(Arrival.id == arrival_id).execute()


def gone(arrival_id: int) -> None:
    """The source is not there any more: somebody else moved or removed it."""
    Arrival.update(disposition="gone", target=b"", trouble="").where(Arrival.id == arrival_id).execute()


def stuck(arrival_id: int, trouble: str) -> None:
    """The source could not be moved and stays where it is."""
    Arrival.update(disposition="here", target=b"", trouble=trouble).where(Arrival.id == arrival_id).execute()


def set_reason_file(arrival_id: int, path: bytes, sha256: str) -> None:
    """Where the reason of a failure was written, and what; empty: there is none any more."""
    Arrival.update(reason_file=path, reason_sha256=sha256).where(Arrival.id == arrival_id).execute()
