"""The first line: the daemon, its slots, its queue, the disk, the folders."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from reframed import lock
from reframed.store.reads import Row
from reframed.text import size
from tui.lines import Line
from tui.times import about as about_time


class Overview(NamedTuple):
    """What the ledger says of everything at once."""

    counts: dict[str, int]
    switches: dict[str, float]
    busy: dict[str, int]
    folders: list[Row]


def line(state: Path, seen: Overview, trouble: str, width: int, *, readonly: bool) -> Line:
    """The header, with as much as fits: what is wrong comes first."""
    about = lock.read(state)
    parts: list[tuple[str, str]] = [_daemon(state, about, seen)]
    if trouble:
        parts.append((trouble, "bad"))
    sick = [row for row in seen.folders if row["trouble"]]
    if sick:
        parts.append((f"{len(sick)} of {len(seen.folders)} inboxes in trouble (w)", "bad"))
    if readonly:
        parts.append(("read only", "warm"))
    parts += _figures(about, seen)
    parts.append((f"{size(free(state))} free", ""))
    if seen.folders and not sick:
        parts.append((f"{len(seen.folders)} inbox{'es' if len(seen.folders) > 1 else ''} ok", ""))
    found: list[tuple[str, str]] = [("Reframe", "bold")] if width >= 60 else []
    left = width - sum(len(text) for text, _ in found)
    for index, (text, role) in enumerate(parts):
        if index and len(text) + 2 > left:
            continue
        found += [("  ", ""), (text, role)] if found else [(text, role)]
        left -= len(text) + 2
    return tuple(found)


def _daemon(state: Path, about: dict[str, Any], seen: Overview) -> tuple[str, str]:
    if not lock.is_held(state):
        ended = about.get("stopped_at")
        when = f" {about_time(time.time() - ended)} ago" if ended and time.time() - ended >= 60 else ""
        return f"stopped{when}: reframe run", "bad"
    if "drain" in seen.switches:
        return "draining (D goes on)", "warm"
    if "pause" in seen.switches:
        return "paused (p goes on)", "warm"
    if about.get("reload_refused"):
        return "running; new config refused (R)", "warm"
    return "running", "cool"


def _figures(about: dict[str, Any], seen: Overview) -> list[tuple[str, str]]:
    slots = about.get("slots", {})
    found = [(f"{kind} {seen.busy.get(kind, 0)}/{slots[kind]}", "") for kind in ("cpu", "gpu") if slots.get(kind)]
    waiting = seen.counts.get("queued", 0)
    return [*found, (f"queue {waiting}", "")]


def free(state: Path) -> int:
    """Bytes free where the state folder lies."""
    try:
        found = os.statvfs(state)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize
