"""The verbs that only read: status, jobs, show, log. They import no engine, no YAML checker, no peewee."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from reframed import lock, paths
from reframed.errors import EXIT_FAILED, EXIT_OK, ReframeError, UsageError
from reframed.store import query
from reframed.store.reads import Filter, Reader, Row
from reframed.text import duration, safe, shorten, size

_FOLLOW_EVERY_S = 0.3
_SHOWN = 8
_COUNTED = ("failures", "crashes", "interruptions")
_ENDED = ("done", "failed", "cancelled")


def status(options: argparse.Namespace) -> int:
    """Print the daemon's state, jobs by state, what runs, what failed, and why files wait."""
    state = paths.state_folder(options.config)
    about = _gather(state)
    if options.json:
        _print_json(about)
    else:
        print("\n".join(_status_lines(about)))
    return EXIT_OK


def _gather(state: Path) -> dict[str, Any]:
    daemon = lock.read(state) | {"running": lock.is_held(state)}
    about: dict[str, Any] = {"state_folder": str(state), "daemon": daemon}
    if not (state / paths.LEDGER).exists():
        return about | {
            "jobs": {},
            "running": [],
            "failed": [],
            "blocked": [],
            "inboxes": [],
            "waiting": [],
            "free_bytes": None,
        }
    reader = Reader(state)
    about["jobs"] = reader.counts()
    about["running"] = reader.jobs(Filter(states=("running", "publishing")), _SHOWN)
    about["blocked"] = reader.jobs(Filter(states=("blocked",)), _SHOWN)
    about["failed"] = reader.jobs(Filter(states=("failed",)), 3)
    about["inboxes"] = reader.folders()
    about["waiting"] = [row | {"path": _path(row["path"])} for row in reader.sightings(200)]
    about["added"] = reader.additions()
    about["switches"] = reader.switches()
    about["free_bytes"] = _free(state)
    reader.close()
    return about


def _free(state: Path) -> int:
    found = os.statvfs(state)
    return found.f_bavail * found.f_frsize


def _status_lines(about: dict[str, Any]) -> list[str]:
    lines = [_daemon_line(about["daemon"])]
    if "pause" in about.get("switches", {}):
        lines.append("Paused: no files are taken. `reframe resume` goes on.")
    if "drain" in about.get("switches", {}):
        lines.append("Draining: no steps are started. `reframe resume` goes on.")
    if about["daemon"].get("reload_refused"):
        lines.append("Configuration: the file on disk is refused, the one before it is in force. Run `reframe check`.")
    if not about["jobs"]:
        return [*lines, f"No ledger in {safe(about['state_folder'])} yet."]
    counts = ", ".join(f"{number} {state}" for state, number in about["jobs"].items() if number)
    lines.append(f"Jobs: {counts or 'none yet; drop a file into an inbox'}")
    lines += [f"  {_job_line(row)}" for row in about["running"] + about["blocked"]]
    if about["failed"]:
        lines.append("Failed last:")
        lines += [f"  {row['id']:>5}  {safe(shorten(row['name'], 40))}: {row['reason']}" for row in about["failed"]]
    lines.append("Inboxes:")
    for row in about["inboxes"]:
        trouble = f" - {row['trouble']}" if row["trouble"] else ""
        lines.append(f"  {safe(row['inbox'])}: {safe(row['path'])} ({row['mode']}){trouble}")
    if about["added"]:
        lines.append(f"Added by hand and not taken yet: {about['added']}")
    if about["waiting"]:
        lines.append("Seen and not taken:")
        lines += [f"  {shorten(row['name'], 40)}: {row['reason']}" for row in about["waiting"][:_SHOWN]]
        if len(about["waiting"]) > _SHOWN:
            lines.append(f"  and {len(about['waiting']) - _SHOWN} more (`reframe status --json`)")
    lines.append(f"Disk: {size(about['free_bytes'])} free for {safe(about['state_folder'])}")
    return lines


def _daemon_line(daemon: Row) -> str:
    if daemon["running"]:
        since = duration(time.time() - daemon.get("started_at", time.time()))
        return f"Daemon: running for {since} (process {daemon.get('pid', '?')}, version {daemon.get('version', '?')})"
    ended = daemon.get("stopped_at")
    when = f", stopped {duration(time.time() - ended)} ago" if ended else ""
    return f"Daemon: not running{when}. Start it with `reframe run`, or its service."


def _job_line(row: Row) -> str:
    name = shorten(row["name"], 40)
    if row["state"] == "blocked":
        return f"{row['id']:>5}  {name}: {row['reason']}"
    left = f", about {duration(row['left_s'])} left" if row["left_s"] else ""
    return f"{row['id']:>5}  {name}: {row['step'] or row['state']} {row['progress']:.0%}{left}"


def jobs(options: argparse.Namespace) -> int:
    """Print jobs as a table or as JSON."""
    reader = Reader(paths.state_folder(options.config))
    which = query.parse(" ".join(options.words))
    which = which._replace(
        states=tuple(options.state or which.states),
        recipe=options.recipe or which.recipe,
        texts=(*which.texts, *([options.name] if options.name else [])),
    )
    rows = reader.jobs(which, options.limit or -1)
    if options.json:
        _print_json(rows)
        return EXIT_OK
    if not rows:
        print("No such jobs." if any(which) else "No jobs yet: drop a file into an inbox, or `reframe add FILE`.")
        return EXIT_OK
    print(f"{'JOB':>6}  {'STATE':<10}  {'RECIPE':<10}  {'AGE':>8}  FILE")
    now = time.time()
    for row in rows:
        extra = f"  ({row['code']})" if row["code"] else "  (needs review)" if row["review"] else ""
        extra = f"  ({row['step']} {row['progress']:.0%})" if row["state"] == "running" else extra
        age = duration(now - row["created_at"])
        file = shorten(row["name"], 60) + extra
        print(f"{row['id']:>6}  {row['state']:<10}  {safe(row['recipe']):<10}  {age:>8}  {file}")
    total = reader.total(which)
    if total > len(rows):
        print(f"{total - len(rows)} more: `--limit 0` shows all.")
    return EXIT_OK


def show(options: argparse.Namespace) -> int:
    """Print all about a job; of a file: its jobs, or why it is not running."""
    state = paths.state_folder(options.config)
    reader = Reader(state)
    if not options.job.isdigit():
        return _show_file(reader, options.job, as_json=options.json)
    job = reader.job(int(options.job))
    job["log"] = str(paths.job_log(state, job["id"], job["attempt"]))
    for key in ("path", "place"):
        job[key] = _path(job[key])
    for output in job["outputs"]:
        output["path"] = _path(output["path"])
    if options.json:
        _print_json(job)
    else:
        print("\n".join(_show_lines(job)))
    return EXIT_OK


def _show_file(reader: Reader, name: str, *, as_json: bool) -> int:
    path = os.path.abspath(name)
    about = reader.about_path(os.fsencode(path))
    if as_json:
        _print_json(about | {"path": _path(os.fsencode(path))})
    elif about["waiting"]:
        print(f"{safe(path)}\n  {about['waiting']['reason']}")
    elif about["jobs"]:
        for job in about["jobs"]:
            row = reader.job(job)
            print(f"{safe(path)}: job {job}, {row['state']}. `reframe show {job}` tells more.")
    else:
        raise ReframeError(f"Nothing is known of {safe(path)}.", "Is it in an inbox, and is the daemon running?")
    return EXIT_OK


def _show_lines(job: Row) -> list[str]:
    lines = [f"Job {job['id']}: {job['name']}, {job['state']}"]
    if job["reason"]:
        lines += [f"  why:      {job['reason']}", f"  to do:    {job['hint']}"]
    if job["review"]:
        lines.append(f"  review:   {safe(job['review'])} (`reframe report {job['id']}`)")
    if job["state"] == "queued":
        lines.append(f"  waits:    {_waits(job)}")
    if job["trouble"]:
        lines.append(f"  note:     {job['trouble']}")
    media = job["media"]
    if media:
        lines.append(f"  media:    {media['container']}, {duration(media['duration_s'])}, {size(job['size_bytes'])}")
    lines.append(f"  source:   {safe(job['place'])}")
    lines += [f"  subtitles: {name} came along" for name in job["sidecars"]]
    tries = f"attempt {job['attempt']}" + "".join(f", {job[what]} {what}" for what in _COUNTED if job[what])
    lines.append(f"  recipe:   {safe(job['recipe'])} ({tries})")
    lines += [f"  step:     {_step_line(step)}" for step in job["steps"]]
    lines += [f"  output:   {safe(output['path'])}" for output in job["outputs"]]
    lines += [
        f"  {time.strftime('%m-%d %H:%M:%S', time.localtime(event['at']))}  {safe(event['text'])}"
        for event in job["events"]
    ]
    return [*lines, f"  log:      {safe(job['log'])}"]


def _waits(job: Row) -> str:
    """What a queued job is waiting for."""
    left = (job["retry_at"] or 0.0) - time.time()
    return f"for its next try, in {duration(left)}" if left > 0 else "for a free slot (or for the daemon to run)"


def _step_line(step: Row) -> str:
    if step["state"] == "done":
        took = "from the cache" if step["cached"] else duration((step["ended_at"] or 0) - (step["started_at"] or 0))
        return f"{step['name']}: done ({took})"
    if step["state"] == "running":
        left = f", about {duration(step['left_s'])} left" if step["left_s"] else ""
        return f"{step['name']}: {step['progress']:.0%}{left}"
    return f"{step['name']}: {step['state']}"


def log(options: argparse.Namespace) -> int:
    """Print, and perhaps follow, the log of a job's attempt."""
    state = paths.state_folder(options.config)
    reader = Reader(state)
    attempt = options.attempt or reader.attempt(options.job)
    path = paths.job_log(state, options.job, attempt)
    if options.follow and options.json:
        raise UsageError("--follow and --json do not go together.")
    if options.json:
        lines = path.read_text("utf-8", "replace").splitlines() if path.exists() else []
        _print_json({"job": options.job, "attempt": attempt, "path": str(path), "lines": lines})
        return EXIT_OK
    if not path.exists() and not options.follow:
        job = reader.job(options.job)
        print(
            f"Job {options.job} has no log yet: it is {job['state']}. {safe(job['reason'])}".rstrip(), file=sys.stderr
        )
        return EXIT_FAILED
    _follow(reader, path, options.job, forever=options.follow)
    return EXIT_OK


def _follow(reader: Reader, path: Path, job_id: int, *, forever: bool) -> None:
    position = 0
    while True:
        ended = not forever or reader.job(job_id)["state"] in _ENDED
        if path.exists():
            with path.open("rb") as file:
                file.seek(position)
                data = file.read()
            whole = data if ended else data[: data.rfind(b"\n") + 1]
            position += len(whole)
            for line in whole.decode("utf-8", "replace").splitlines():
                print(safe(line))
        sys.stdout.flush()
        if ended:
            return
        time.sleep(_FOLLOW_EVERY_S)


def _path(path: bytes) -> str:
    """A path for JSON: undecodable bytes become surrogate escapes, as Python and os.fsencode know them."""
    return os.fsdecode(bytes(path))


def _print_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=1, default=lambda item: _path(item) if isinstance(item, bytes) else str(item))
    print()
