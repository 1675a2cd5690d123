"""What the dashboard says about one job."""

from __future__ import annotations

import os
import time
from typing import Any

from reframed.store.reads import Row
from reframed.text import duration, safe, size

_PLAIN = frozenset({"", "auto", None, False})


def lines(job: Row) -> list[str]:
    """A job in a few lines."""
    found = [f"Job {job['id']}  {job['state']}  {safe(job['name'])}"]
    if job["reason"]:
        found.append(f"Why: {safe(job['reason'])}")
    if job["hint"]:
        found.append(f"To do: {safe(job['hint'])}")
    if job["review"]:
        found.append(f"Needs review: {safe(job['review'])}")
    steps = ", ".join(_step(step) for step in job["steps"])
    found.append(f"{safe(job['recipe'])}, attempt {job['attempt']}: {steps}")
    found += [f"Output: {safe(bytes(output['path']))}" for output in job["outputs"]]
    return found


def whole(job: Row) -> list[str]:
    """Everything about a job, for a screen of its own."""
    found = lines(job)
    found.append(
        f"Source: {safe(bytes(job['place']))} ({size(job['size_bytes'])}), from the inbox {safe(job['inbox'])}"
    )
    media = job["media"]
    if media:
        kinds = [
            f"{track['codec']} {track.get('width', 0)}x{track.get('height', 0)}" for track in media.get("video", [])
        ]
        kinds += [f"{track['codec']} {safe(track.get('language', ''))}".strip() for track in media.get("audio", [])]
        found.append(f"Media: {duration(media.get('duration_s', 0))}, {', '.join(kinds) or media.get('container', '')}")
    found += [f"Came along: {safe(name)}" for name in job["sidecars"]]
    if job["priority"]:
        found.append(f"Priority: {job['priority']}")
    found.append("")
    for step in job["steps"]:
        options = {key: value for key, value in step["options"].items() if not _is_plain(value)}
        written = ", ".join(f"{key}: {_value(value)}" for key, value in options.items())
        found.append(f"{_step(step):<28} {step['slot']}  {written}")
    for report in job["reports"]:
        found += ["", *safe_lines(report["summary"])]
    if job["events"]:
        found.append("")
    for event in job["events"]:
        found.append(f"{time.strftime('%d %b %H:%M:%S', time.localtime(event['at']))}  {safe(event['text'])}")
    if job["tail"]:
        found += ["", "The tool's last words:", *safe_lines(job["tail"])]
    return found


def safe_lines(text: str) -> list[str]:
    """The lines of a text from outside."""
    return [safe(line) for line in text.splitlines()]


def _is_plain(value: Any) -> bool:
    return value in ([], {}) or (not isinstance(value, list | dict) and value in _PLAIN)


def _value(value: Any) -> str:
    return "[" + ", ".join(safe(str(item)) for item in value) + "]" if isinstance(value, list) else safe(str(value))


def _step(step: Row) -> str:
    if step["state"] == "running":
        left = f", {duration(step['left_s'])} left" if step["left_s"] else ""
        return f"{step['name']} {step['progress']:.0%}{left}"
    if step["state"] == "done":
        took = (step["ended_at"] or 0) - (step["started_at"] or 0)
        return f"{step['name']} {'from cache' if step['cached'] else duration(took)}"
    return f"{step['name']} {step['state']}"


def folders(inboxes: list[Row], waiting: list[Row], now: float) -> list[str]:
    """Every inbox with how it is watched, and the files in it that are not running, with the reason."""
    found = []
    for inbox in inboxes:
        trouble = f", {safe(inbox['trouble'])}" if inbox["trouble"] else ""
        path = safe(os.fsencode(inbox["path"]))
        found.append(f"{safe(inbox['inbox'])}: {path} ({inbox['mode']}{trouble}), {inbox['waiting']} waiting")
        for file in (row for row in waiting if row["inbox"] == inbox["inbox"]):
            found.append(
                f"    {safe(file['name'])}: {safe(file['reason'])} ({duration(max(0.0, now - file['since']))})"
            )
    return found or ["The daemon has not looked into any inbox yet."]


def job_command(verb: str, jobs: list[int], extra: str = "") -> str:
    """The command line that does the same."""
    return " ".join(part for part in ("reframe", verb, *map(str, jobs), extra) if part)
