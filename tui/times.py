"""Times as the dashboard says them: coarse, so that what is on the screen seldom changes."""

from __future__ import annotations

from reframed.store.reads import Row


def ago(row: Row, now: float) -> str:
    """How long ago a job ended or arrived: in minutes, hours or days, so that it seldom changes."""
    seconds = max(0.0, now - (row["ended_at"] or row["created_at"]))
    if seconds < 60:
        return "now"
    if seconds < 3600:
        return f"{seconds // 60:.0f}m ago"
    return f"{seconds // 3600:.0f}h ago" if seconds < 86400 else f"{seconds // 86400:.0f}d ago"


def about(seconds: float) -> str:
    """A time that is only estimated: 20 s, 7 min, 1 h 40 min."""
    if seconds < 55:
        return f"{max(10, round(seconds, -1)):.0f} s"
    minutes = round(seconds / 60) if seconds < 1200 else round(seconds / 300) * 5
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
