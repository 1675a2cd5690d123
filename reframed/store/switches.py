"""What operators switch off for a while: taking files, and starting steps. Call these on the ledger's writer."""

from __future__ import annotations

from typing import Literal

from reframed.store import schema

Name = Literal["pause", "drain"]


def turn_on(name: Name, by_uid: int, now: float) -> None:
    """pause: take no more files; drain: start no more steps. On already is no error."""
    schema.Switch.insert(name=name, at=now, by_uid=by_uid).on_conflict_ignore().execute()


def turn_off() -> list[str]:
    """Go on with everything; which were on."""
    names = [row.name for row in schema.Switch.select()]
    schema.Switch.delete().execute()
    return names


def is_on(name: Name) -> bool:
    """Whether it is switched on."""
    return bool(schema.Switch.select().where(schema.Switch.name == name).exists())
