"""Subtitles that came along with an arrival, in the ledger. Call these on the ledger's writer."""

from __future__ import annotations

import os
from collections.abc import Iterable

from reframed.arrival import Sidecar
from reframed.job import State, StepState
from reframed.store.schema import Arrival, Companion, Job, Publication, StepRow
from reframed.text import safe


def add(arrival_id: int, sidecars: Iterable[Sidecar]) -> None:
    """Note the files that came along."""
    for sidecar in sidecars:
        Companion.create(
            arrival=arrival_id,
            path=sidecar.path,
            place=sidecar.path,
            display=safe(os.path.basename(sidecar.path)),
            size=sidecar.size,
            mtime_ns=sidecar.mtime_ns,
            sha256=sidecar.sha256,
            language=sidecar.language,
        )


def replace(arrival_id: int, sidecar: Sidecar) -> None:
    """Let `sidecar` take the place of those in its language; the files themselves stay."""
    mine = (Companion.arrival == arrival_id) & Companion.language.in_([sidecar.language, ""])
    Companion.delete().where(mine | (Companion.path == sidecar.path)).execute()
    add(arrival_id, [sidecar])


def of(arrival_id: int) -> tuple[tuple[int, Sidecar], ...]:
    """The files that came along with an arrival, where they are now, each with its id."""
    rows = Companion.select().where(Companion.arrival == arrival_id).order_by(Companion.id)
    return tuple((row.id, Sidecar(bytes(row.place), row.size, row.mtime_ns, row.sha256, row.language)) for row in rows)


def moved(companion_id: int, place: bytes) -> None:
    """The file is at `place` now."""
    Companion.update(place=place).where(Companion.id == companion_id).execute()


def taken(paths: Iterable[bytes]) -> set[bytes]:
    """Those of `paths` that came along with an arrival, or that Reframe itself published."""
    asked = list(paths)
    found = {bytes(row.path) for row in Companion.select(Companion.path).where(Companion.path.in_(asked))}
    return found | {
        bytes(row.target) for row in Publication.select(Publication.target).where(Publication.target.in_(asked))
    }


def hosts(folder: bytes, since: float) -> list[tuple[int, bytes]]:
    """Id and path of the arrivals in `folder`, taken after `since`, whose first step has not ended in every job."""
    waiting = (
        Arrival.select(Arrival.id, Arrival.path)
        .join(Job)
        .join(StepRow)
        .where((Arrival.disposition == "here") & (Arrival.taken_at >= since))
        .where(Job.state.in_([State.QUEUED, State.RUNNING]) & (StepRow.position == 0))
        .where(StepRow.state != StepState.DONE)
        .distinct()
    )
    return [(row.id, bytes(row.path)) for row in waiting if os.path.dirname(bytes(row.path)) == folder]


def open_jobs(arrival_id: int) -> list[int]:
    """The jobs of an arrival that wait or run."""
    query = Job.select(Job.id).where((Job.arrival == arrival_id) & Job.state.in_([State.QUEUED, State.RUNNING]))
    return [row.id for row in query]
