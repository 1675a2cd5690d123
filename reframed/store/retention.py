"""Removing old records of ours. Call these on the ledger's writer."""

from __future__ import annotations

from reframed.job import ENDED, State
from reframed.store.schema import Arrival, ArtifactRow, Command, Job

_ENDED = [str(state) for state in ENDED]
_BATCH = 500


def expired_jobs(before: float) -> list[int]:
    """Some ended jobs older than `before` whose source is out of the inbox (else it would be taken as new)."""
    query = (
        Job.select(Job.id)
        .join(Arrival)
        .where(Job.state.in_(_ENDED) & (Job.ended_at < before) & Arrival.disposition.in_(["moved", "gone"]))
        .limit(_BATCH)
    )
    return [row.id for row in query]


def remove_jobs(ids: list[int]) -> None:
    """Remove jobs with their steps, events and records, and arrivals that have no job left."""
    arrivals = [row.arrival_id for row in Job.select(Job.arrival).where(Job.id.in_(ids))]
    Job.delete().where(Job.id.in_(ids)).execute()
    left = Job.select(Job.arrival).where(Job.arrival.in_(arrivals))
    Arrival.delete().where(Arrival.id.in_(arrivals) & Arrival.id.not_in(left)).execute()


def may_go_on(ids: set[int]) -> set[int]:
    """Those of the jobs `ids` that are neither done nor cancelled."""
    over = [str(State.DONE), str(State.CANCELLED)]
    return {row.id for row in Job.select(Job.id).where(Job.id.in_(ids) & Job.state.not_in(over))}


def remove_commands(before: float) -> int:
    """Remove outcomes of commands older than `before`; how many."""
    if not Command.select().where(Command.applied_at < before).exists():
        return 0
    return int(Command.delete().where(Command.applied_at < before).execute())


def keys_in_use() -> list[str]:
    """Cache keys that jobs which have not ended still need."""
    query = ArtifactRow.select(ArtifactRow.key).join(Job).where(Job.state.not_in(_ENDED)).distinct()
    return [row.key for row in query]
