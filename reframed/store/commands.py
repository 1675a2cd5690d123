"""The outcomes of commands in the ledger. Call these on the ledger's writer."""

from __future__ import annotations

import json
from typing import Any

from reframed.store import schema


def record(
    identity: str,
    verb: str,
    arguments: dict[str, Any],
    author_uid: int,
    now: float,
    *,
    ok: bool,
    outcome: dict[str, Any],
) -> None:
    """Write what became of a command."""
    schema.Command.insert(
        id=identity,
        verb=verb,
        arguments=json.dumps(arguments),
        author_uid=author_uid,
        applied_at=now,
        ok=ok,
        outcome=json.dumps(outcome),
    ).on_conflict_ignore().execute()


def is_applied(identity: str) -> bool:
    """Whether a command was applied before (its file may have outlived a crash)."""
    return bool(schema.Command.select().where(schema.Command.id == identity).exists())
