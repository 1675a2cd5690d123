"""What the dashboard says about one job."""

from __future__ import annotations

import os
import pwd
import time
from typing import Any

from reframed.store.reads import Row
from reframed.text import duration, safe, size
from tui.lines import Line
from tui.looks import Looks
from tui.times import about

_LONG_S = 60.0
_PLAIN = frozenset({"", "auto", None, False})


def lines(job: Row, looks: Looks, left_s: float | None) -> list[Line]:
    """A job in a few lines: what it is, why it waits or failed, what to do, what came out. `left_s`: work left, if known."""
    sign, role = looks.sign(job["state"])
    found: list[Line] = [((f"Job {job['id']}  ", "bold"), (f"{sign} {job['state']}  ", role), (safe(job["name"]), ""))]
    if job["reason"]:
        found.append((("Why: ", "dim"), (safe(job["reason"]), "")))
    if job["hint"]:
        found.append((("To do: ", "dim"), (safe(job["hint"]), "")))
    if job["review"]:
        found.append((("Needs review: ", "warm"), (safe(job["review"]), "")))
    if left_s is not None and left_s >= _LONG_S and job["state"] in ("queued", "running"):
        found.append(
            f"This will take about {about(left_s)} {'more ' if job['state'] == 'running' else ''}on this machine."
        )
    if job["retry_at"] and job["state"] == "queued":
        found.append(f"Tried again at {time.strftime('%H:%M:%S', time.localtime(job['retry_at']))}.")
    steps = ", ".join(_step(step) for step in job["steps"])
    found.append(((safe(job["recipe"]), ""), (f", attempt {job['attempt']}: ", "dim"), (steps, "")))
    found += [(("Output: ", "dim"), (safe(bytes(output["path"])), "")) for output in job["outputs"]]
    return found


def whole(job: Row, looks: Looks, left_s: float | None) -> list[Line]:
    """Everything about a job, for a screen of its own."""
    found = lines(job, looks, left_s)
    place = safe(bytes(job["place"]))
    found.append((("Source: ", "dim"), (f"{place} ({size(job['size_bytes'])}), inbox {safe(job['inbox'])}", "")))
    found += _facts(job)
    found.append("")
    for step in job["steps"]:
        options = {key: value for key, value in step["options"].items() if not _is_plain(value)}
        written = ", ".join(f"{key}: {_value(value)}" for key, value in options.items())
        found.append(((f"{_step(step):<24} ", ""), (f"{step['slot']}  {written}", "dim")))
    for report in job["reports"]:
        found += ["", *safe_lines(report["summary"])]
    if job["events"]:
        found.append("")
    for event in job["events"]:
        when = time.strftime("%d %b %H:%M:%S", time.localtime(event["at"]))
        role = "" if event["level"] == "info" else "warm"
        found.append(((f"{when}  ", "dim"), (safe(event["text"]), role)))
    if job["tail"]:
        found += ["", (("The tool's last words:", "dim"),), *safe_lines(job["tail"])]
    return found


def _facts(job: Row) -> list[Line]:
    found: list[Line] = []
    media = job["media"]
    if media:
        kinds = [
            f"{track['codec']} {track.get('width', 0)}x{track.get('height', 0)}" for track in media.get("video", [])
        ]
        kinds += [f"{track['codec']} {safe(track.get('language', ''))}".strip() for track in media.get("audio", [])]
        listed = ", ".join(kinds) or media.get("container", "")
        found.append((("Media: ", "dim"), (f"{duration(media.get('duration_s', 0))}, {safe(listed)}", "")))
    found += [(("Came along: ", "dim"), (safe(name), "")) for name in job["sidecars"]]
    found.append((("Owner: ", "dim"), (user(job["owner_uid"]), "")))
    if job["priority"]:
        found.append((("Priority: ", "dim"), (str(job["priority"]), "")))
    counted = [f"{job[name]} {name}" for name in ("failures", "crashes", "interruptions") if job[name]]
    if counted:
        found.append((("Tries: ", "dim"), (f"attempt {job['attempt']}, {', '.join(counted)}", "")))
    return found


def user(uid: int) -> str:
    """The name of a user, as this machine knows it."""
    try:
        return safe(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return f"uid {uid}"


def safe_lines(text: str) -> list[Line]:
    """The lines of a text from outside."""
    return [safe(line) for line in text.splitlines()]


def _is_plain(value: Any) -> bool:
    return value in ([], {}) or (not isinstance(value, list | dict) and value in _PLAIN)


def _value(value: Any) -> str:
    return "[" + ", ".join(safe(str(item)) for item in value) + "]" if isinstance(value, list) else safe(str(value))


def _step(step: Row) -> str:
    if step["state"] == "running":
        left = f", {about(step['left_s'])} left" if step["left_s"] else ""
        return f"{step['name']} {step['progress']:.0%}{left}"
    if step["state"] == "done":
        took = (step["ended_at"] or 0) - (step["started_at"] or 0)
        return f"{step['name']} {'from cache' if step['cached'] else duration(took)}"
    return f"{step['name']} {step['state']}"


def folders(inboxes: list[Row], waiting: list[Row], now: float) -> list[Line]:
    """Every inbox with how it is watched and when, and the files in it that are not running, with the reason."""
    found: list[Line] = []
    for inbox in inboxes:
        name = (safe(inbox["inbox"]), "bold")
        path = safe(os.fsencode(inbox["path"]))
        found.append((name, (f"  {path}", "")))
        looked = inbox.get("looked_at") or 0.0
        seen = f", looked through {_ago(now - looked)}" if looked else ""
        found.append(((f"    {inbox['mode']}{seen}, {inbox['waiting']} waiting", "dim"),))
        if inbox["trouble"]:
            found.append(((f"    {safe(inbox['trouble'])}", "bad"),))
        for file in (row for row in waiting if row["inbox"] == inbox["inbox"]):
            since = duration(max(0.0, now - file["since"]))
            found.append(((f"    {safe(file['name'])}: ", ""), (f"{safe(file['reason'])} ({since})", "warm")))
    return found or ["The daemon has not looked into any inbox yet."]


def guide(inboxes: list[Row], daemon_runs: bool) -> list[Line]:
    """The first steps, while there are no jobs."""
    found: list[Line] = [(("No jobs yet.", "bold"),)]
    if not daemon_runs:
        found += ["1. Start the daemon in another terminal: reframe run   (or as a service, see the README)"]
    for inbox in inboxes[:3]:
        found.append((("Drop a video or a recording into ", ""), (safe(os.fsencode(inbox["path"])), "cool")))
    if not inboxes:
        found.append("2. Drop a video or a recording into an inbox; w shows them. `reframe init` makes the first one.")
    found.append("Or, where a file is: reframe add FILE. It is taken when it has been still for two seconds.")
    found.append("Poor captions? `reframe models fetch small`. Anything wrong? `reframe doctor`.   ? keys, q quit")
    return found


def _ago(seconds: float) -> str:
    return "just now" if seconds < 60 else f"{about(seconds)} ago"


def job_command(verb: str, jobs: list[int], extra: str = "") -> str:
    """The command line that does the same."""
    return " ".join(part for part in ("reframe", verb, *map(str, jobs), extra) if part)
