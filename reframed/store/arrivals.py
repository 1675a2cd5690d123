"""Arrivals, additions, sightings and folders in the ledger. Call these on the ledger's writer."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from reframed.arrival import Arrival, Identity
from reframed.store import companions, schema
from reframed.store.jobs import JobPlan, Verdict, create
from reframed.text import safe

IN_PLACE = ("here", "moving")


class Taken(NamedTuple):
    """What recording an arrival led to: new jobs, or the earlier jobs that already did this file."""

    jobs: list[int]
    known: bool


class SightingRow(NamedTuple):
    """A file that is seen and not running, and why."""

    inbox: str
    path: bytes
    code: str
    reason: str


def known_identities() -> list[tuple[str, Identity]]:
    """Inbox and identity of every file that was taken and is still where it was taken."""
    query = schema.Arrival.select(
        schema.Arrival.inbox, schema.Arrival.inode, schema.Arrival.size, schema.Arrival.mtime_ns
    ).where(schema.Arrival.disposition.in_(IN_PLACE))
    return [(inbox, Identity(inode, size, mtime_ns)) for inbox, inode, size, mtime_ns in query.tuples()]


def record(arrival: Arrival, plans: Iterable[JobPlan], verdict: Verdict | None, now: float) -> Taken:
    """Write an arrival and its jobs; with a `verdict` the jobs have failed already.

    The same content at the same path, still in place, is the same arrival (its device number changes over a reboot);
    then only recipes that are new to it make jobs.
    """
    earlier = _same_file(arrival)
    if earlier is None:
        row = _insert(arrival, now)
        companions.add(row.id, arrival.sidecars)
    else:
        row = earlier
        identity = arrival.identity
        schema.Arrival.update(inode=identity.inode, size=identity.size, mtime_ns=identity.mtime_ns).where(
            schema.Arrival.id == row.id
        ).execute()
    jobs, known = [], False
    for plan in plans:
        done = schema.Job.select().where(
            (schema.Job.arrival == row.id)
            & (schema.Job.recipe == plan.recipe)
            & ((schema.Job.revision == plan.revision) | bool(arrival.root))
        )
        if earlier is not None and (found := done.first()) is not None:
            jobs.append(found.id)
            known = True
        else:
            jobs.append(create(row, plan, verdict, now))
    return Taken(jobs, known)


def _same_file(arrival: Arrival) -> Any:
    rows = schema.Arrival.select().where(
        (schema.Arrival.path == arrival.path)
        & schema.Arrival.disposition.in_(IN_PLACE)
        & (schema.Arrival.size == arrival.identity.size)
    )
    for row in rows:
        if row.inode == arrival.identity.inode and row.mtime_ns == arrival.identity.mtime_ns:
            return row
        if arrival.sha256 and row.sha256 == arrival.sha256:
            return row
    return None


def _insert(arrival: Arrival, now: float) -> Any:
    return schema.Arrival.create(
        inbox=arrival.inbox,
        path=arrival.path,
        place=arrival.path,
        display=safe(os.path.basename(arrival.path)),
        subfolder=arrival.subfolder,
        inode=arrival.identity.inode,
        size=arrival.identity.size,
        mtime_ns=arrival.identity.mtime_ns,
        sha256=arrival.sha256,
        media=msgspec.json.encode(arrival.media).decode() if arrival.media else "",
        owner_uid=arrival.owner_uid,
        root=arrival.root,
        outbox=arrival.outbox,
        after=arrival.after,
        taken_at=now,
    )


def set_media(arrival_id: int, media: str, sha256: str) -> None:
    """Note what a file is, once it could be read."""
    schema.Arrival.update(media=media, sha256=sha256).where(schema.Arrival.id == arrival_id).execute()


def is_ours(path: bytes) -> bool:
    """Whether Reframe itself published the file at `path`."""
    return bool(schema.Publication.select().where(schema.Publication.target == path).exists())


def add(path: bytes, recipe: str, author_uid: int, now: float) -> None:
    """Note that somebody wants the file at `path` done with `recipe`."""
    schema.Addition.insert(
        path=path, recipe=recipe, author_uid=author_uid, added_at=now
    ).on_conflict_replace().execute()


def job_of(path: bytes, size: int, mtime_ns: int, recipe: str, revision: str) -> tuple[int, str] | None:
    """Number and state of the job that this recipe already has on the unchanged file at `path`, if there is one."""
    same = (schema.Arrival.path == path) & (schema.Arrival.size == size) & (schema.Arrival.mtime_ns == mtime_ns)
    row = schema.one(
        schema.Job.select()
        .join(schema.Arrival)
        .where(same & schema.Arrival.disposition.in_(IN_PLACE))
        .where((schema.Job.recipe == recipe) & (schema.Job.revision == revision))
    )
    return (row.id, row.state) if row is not None else None


def additions() -> list[tuple[bytes, str, int]]:
    """Path, recipe and author of every addition not taken yet, oldest first."""
    rows = schema.Addition.select().order_by(schema.Addition.id)
    return [(bytes(row.path), row.recipe, row.author_uid) for row in rows]


def drop_addition(path: bytes) -> None:
    """Forget an addition."""
    schema.Addition.delete().where(schema.Addition.path == path).execute()


def replace_sightings(inbox: str, gone: Iterable[bytes], seen: Iterable[SightingRow], now: float) -> None:
    """Remove the sightings of `inbox` at the paths `gone`, write those in `seen`."""
    for path in gone:
        schema.Sighting.delete().where((schema.Sighting.inbox == inbox) & (schema.Sighting.path == path)).execute()
    for row in seen:
        schema.Sighting.insert(
            inbox=row.inbox,
            path=row.path,
            display=safe(os.path.basename(row.path)),
            code=row.code,
            reason=row.reason,
            since=now,
        ).on_conflict_replace().execute()


def clear_sightings() -> None:
    """Forget all sightings: a new scan will tell."""
    schema.Sighting.delete().execute()


def replace_folders(rows: Iterable[tuple[str, str, str, str, float]]) -> None:
    """Write name, path, mode, trouble and the time of the last whole look of every inbox."""
    schema.Folder.delete().execute()
    for name, path, mode, trouble, looked_at in rows:
        schema.Folder.create(inbox=name, path=path, mode=mode, trouble=trouble, looked_at=looked_at)
