"""Reading the ledger, for the CLI and the TUI: sqlite3 alone, opened read-only, daemon up or down, any user."""

from __future__ import annotations

import json
import os
import sqlite3
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from reframed.errors import ReframeError
from reframed.paths import LEDGER

Row = dict[str, Any]
STATES = ("running", "publishing", "queued", "blocked", "failed", "done", "cancelled")
# Seconds of work for each second of media, over the newest runs; as in jobs.pace.
_PACE = """
    SELECT SUM(took) / SUM(media_s) AS pace FROM (
        SELECT ended_at - started_at AS took, media_s FROM step
        WHERE name = ? AND cached = 0 AND media_s > 0 AND ended_at IS NOT NULL AND started_at IS NOT NULL
        ORDER BY ended_at DESC LIMIT 20
    )
"""
_DAYS = """
    SELECT date(job.ended_at, 'unixepoch', 'localtime') AS day,
        SUM(job.state = 'done') AS done, SUM(job.state = 'failed') AS failed, SUM(job.state = 'cancelled') AS cancelled,
        SUM(CASE WHEN job.state = 'done' THEN (SELECT MAX(media_s) FROM step WHERE step.job_id = job.id) END) AS media_s,
        SUM((SELECT SUM(size_bytes) FROM artifact WHERE artifact.job_id = job.id AND suffix != '')) AS size_bytes
    FROM job {join} {where} GROUP BY day ORDER BY day DESC LIMIT ?
"""
_WRITTEN_IN = "EXISTS (SELECT 1 FROM artifact WHERE artifact.job_id = job.id AND suffix LIKE ? ESCAPE '\\')"
_JOB_COLUMNS = """
    job.id, job.state, job.recipe, job.code, job.reason, job.hint, job.priority, job.attempt, job.failures, job.crashes,
    job.interruptions, job.retry_at, job.created_at, job.started_at, job.ended_at, job.owner_uid, job.review,
    arrival.display AS name, arrival.inbox, arrival.size AS size_bytes
"""


class Filter(NamedTuple):
    """Which jobs: states (empty: all), recipe, inbox, a language of the results, texts that the name must and must not
    contain, an owner, from when until when (seconds since 1970; 0: any time) they arrived, and newer than which one."""

    states: tuple[str, ...] = ()
    recipe: str = ""
    inbox: str = ""
    language: str = ""
    texts: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    owner_uid: int | None = None
    since: float = 0.0
    until: float = 0.0
    after: int = 0


ALL = Filter()


class Reader:
    """An open ledger, which is waited for `wait_s` while somebody has locked it.

    Raises ReframeError with a sentence when it cannot be read.
    """

    def __init__(self, state: Path, wait_s: float = 5.0) -> None:
        self._path = state / LEDGER
        self._database, self._frozen = _open(self._path, wait_s)
        self._file = _file(self._path, self._frozen)

    def is_current(self) -> bool:
        """Whether what is open still is the ledger: somebody may have put another file in its place, or, where it had to
        be opened as one that never changes, written to it."""
        return _file(self._path, self._frozen) == self._file and not (self._frozen and _has_wal(self._path))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def counts(self) -> dict[str, int]:
        """Jobs by state, every state named."""
        found = {row["state"]: row["n"] for row in self._all("SELECT state, COUNT(*) AS n FROM job GROUP BY state")}
        return {state: found.get(state, 0) for state in STATES}

    def total(self, which: Filter = ALL) -> int:
        """How many jobs match."""
        where, values = _where(which)
        join = "JOIN arrival ON arrival.id = arrival_id" if "arrival." in where else ""
        return int(self._all(f"SELECT COUNT(*) AS n FROM job {join} {where}", values)[0]["n"])  # noqa: S608 - as in jobs

    def jobs(self, which: Filter = ALL, limit: int = -1, offset: int = 0) -> list[Row]:
        """Matching jobs, newest first, each with its current step."""
        where, values = _where(which)
        rows = self._all(
            f"SELECT {_JOB_COLUMNS} FROM job JOIN arrival ON arrival.id = arrival_id {where} "  # noqa: S608 - no input in it
            "ORDER BY job.id DESC LIMIT ? OFFSET ?",
            (*values, limit, offset),
        )
        self._add_steps(rows)
        return rows

    def _add_steps(self, rows: list[Row]) -> None:
        """The step that runs or comes next, with progress, for the jobs that have not ended."""
        open_jobs = {row["id"]: row for row in rows if row["state"] not in ("done", "failed", "cancelled")}
        for row in rows:
            row |= {"step": "", "progress": 1.0 if row["state"] == "done" else 0.0, "left_s": None}
        for job_id, row in open_jobs.items():
            steps = self._all(
                "SELECT name, state, progress, left_s FROM step WHERE job_id = ? ORDER BY position", (job_id,)
            )
            current = next((step for step in steps if step["state"] != "done"), None)
            if current:
                row |= {"step": current["name"], "progress": current["progress"], "left_s": current["left_s"]}

    def job(self, job_id: int) -> Row:
        """Everything about one job. Raises ReframeError if there is none."""
        found = self._all(
            f"SELECT {_JOB_COLUMNS}, job.tail, job.revision, arrival.path, arrival.place, arrival.sha256, arrival.media, "  # noqa: S608
            "arrival.disposition, arrival.trouble, arrival.taken_at, arrival.id AS arrival_id FROM job "
            "JOIN arrival ON arrival.id = arrival_id WHERE job.id = ?",
            (job_id,),
        )
        if not found:
            raise ReframeError(f"There is no job {job_id}.", "See `reframe jobs`.")
        self._add_steps(found)
        job = found[0]
        job["media"] = json.loads(job["media"]) if job["media"] else None
        job["steps"] = self._all(
            "SELECT name, slot, state, cached, progress, left_s, started_at, ended_at, engine_s, options FROM step "
            "WHERE job_id = ? ORDER BY position",
            (job_id,),
        )
        for step in job["steps"]:
            step["options"] = json.loads(step["options"])
        job["outputs"] = self._all(
            "SELECT target AS path, sha256, at FROM publication WHERE job_id = ? AND state = 'done' ORDER BY id",
            (job_id,),
        )
        job["reports"] = self.reports(job_id)
        job["sidecars"] = [
            row["display"]
            for row in self._all("SELECT display FROM companion WHERE arrival_id = ? ORDER BY id", (job["arrival_id"],))
        ]
        job["events"] = self._all("SELECT at, level, code, text FROM event WHERE job_id = ? ORDER BY id", (job_id,))
        return job

    def reports(self, job_id: int) -> list[Row]:
        """The reports on a job's captions: `summary` for a person, and `review`, the reasons to look at them."""
        rows = self._all("SELECT about FROM artifact WHERE job_id = ? AND kind = 'report' ORDER BY id", (job_id,))
        abouts = [json.loads(row["about"]) for row in rows]
        return [about for about in abouts if about.get("summary")]

    def attempt(self, job_id: int) -> int:
        """The number of the newest attempt of a job. Raises ReframeError if there is no such job."""
        found = self._all("SELECT attempt FROM job WHERE id = ?", (job_id,))
        if not found:
            raise ReframeError(f"There is no job {job_id}.", "See `reframe jobs`.")
        return int(found[0]["attempt"])

    def about_path(self, path: bytes) -> Row:
        """What is known of a file by its path: the jobs that took it, and why it is not running."""
        jobs = self._all(
            "SELECT DISTINCT job.id FROM job JOIN arrival ON arrival.id = arrival_id WHERE path = ? OR place = ? "
            "ORDER BY job.id",
            (path, path),
        )
        waiting = self._all("SELECT inbox, code, reason, since FROM sighting WHERE path = ?", (path,))
        return {"jobs": [row["id"] for row in jobs], "waiting": waiting[0] if waiting else None}

    def sightings(self, limit: int = -1) -> list[Row]:
        """Files that are seen and not running, and why; those of the same inbox together."""
        return self._all(
            "SELECT inbox, path, display AS name, code, reason, since FROM sighting ORDER BY inbox, display LIMIT ?",
            (limit,),
        )

    def folders(self) -> list[Row]:
        """The inboxes as the daemon last saw them."""
        return self._all(
            "SELECT folder.*, "
            "(SELECT COUNT(*) FROM sighting WHERE sighting.inbox = folder.inbox) AS waiting FROM folder ORDER BY inbox"
        )

    def additions(self) -> int:
        """How many files were added by hand and not taken yet."""
        return int(self._all("SELECT COUNT(*) AS n FROM addition")[0]["n"])

    def switches(self) -> dict[str, float]:
        """What operators switched on (pause: no file is taken; drain: no step is started), and when."""
        return {row["name"]: row["at"] for row in self._all("SELECT name, at FROM switch")}

    def command(self, identity: str) -> Row | None:
        """The outcome of a command, once it was applied: ok, and outcome with message and jobs."""
        found = self._all("SELECT ok, outcome FROM command WHERE id = ?", (identity,))
        return {"ok": bool(found[0]["ok"]), **json.loads(found[0]["outcome"])} if found else None

    def busy(self) -> dict[str, int]:
        """How many steps run now, by the kind of their slot."""
        rows = self._all("SELECT slot, COUNT(*) AS n FROM step WHERE state = 'running' GROUP BY slot")
        return {row["slot"]: row["n"] for row in rows}

    def estimate(self, job: Row) -> float | None:
        """Seconds of work that are left in a job (as `job` gives it), by what its steps took lately on this machine.

        None: a step of it has never run here, or nobody knows how long the file plays.
        """
        plays_s = (job["media"] or {}).get("duration_s") or 0.0
        left_s = 0.0
        for step in job["steps"]:
            if step["state"] == "done":
                continue
            if step["left_s"] is not None and step["state"] == "running":
                left_s += step["left_s"]
                continue
            pace = self._all(_PACE, (step["name"],))[0]["pace"]
            if pace is None or not plays_s:
                return None
            left_s += pace * plays_s
        return left_s

    def states(self, job_ids: Iterable[int]) -> dict[int, str]:
        """The states of some jobs, by id; those that are gone are left out."""
        ids = list(job_ids)
        marks = ",".join("?" * len(ids))
        rows = self._all(f"SELECT id, state FROM job WHERE id IN ({marks})", ids)  # noqa: S608 - only question marks
        return {row["id"]: row["state"] for row in rows}

    def files(self, job_id: int, kind: str) -> list[Row]:
        """The artifacts of one kind that a job made: key (its place in the cache), file, suffix, about."""
        rows = self._all(
            "SELECT key, file, suffix, about FROM artifact WHERE job_id = ? AND kind = ? ORDER BY id", (job_id, kind)
        )
        return [row | {"about": json.loads(row["about"])} for row in rows]

    def days(self, which: Filter = ALL, limit: int = 4000) -> list[Row]:
        """The days on which matching jobs ended, newest first: done, failed, cancelled, media_s, size_bytes of results."""
        where, values = _where(which)
        join = "JOIN arrival ON arrival.id = arrival_id" if "arrival." in where else ""
        return self._all(
            _DAYS.format(join=join, where=f"{where} {'AND' if where else 'WHERE'} job.ended_at IS NOT NULL"),
            (*values, limit),
        )

    def version(self) -> int:
        """A number that changes whenever anything in the ledger does."""
        return int(self._all("PRAGMA data_version")[0]["data_version"])

    def _all(self, sql: str, values: Iterable[Any] = ()) -> list[Row]:
        try:
            return [dict(row) for row in self._database.execute(sql, tuple(values))]
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise _unreadable(self._path, error) from None


def _where(which: Filter) -> tuple[str, tuple[Any, ...]]:
    clauses: list[str] = []
    values: list[Any] = []
    if which.states:
        clauses.append(f"job.state IN ({','.join('?' * len(which.states))})")
        values += which.states
    simple: list[tuple[str, Any]] = [
        ("job.recipe = ?", which.recipe or None),
        ("arrival.inbox = ?", which.inbox or None),
        ("job.owner_uid = ?", which.owner_uid),
        ("job.created_at >= ?", which.since or None),
        ("job.created_at < ?", which.until or None),
        ("job.id > ?", which.after or None),
        (_WRITTEN_IN, _holding(f".{which.language}.") if which.language else None),
        *[("arrival.display LIKE ? ESCAPE '\\'", _holding(text)) for text in which.texts],
        *[("arrival.display NOT LIKE ? ESCAPE '\\'", _holding(text)) for text in which.without],
    ]
    given = [(clause, value) for clause, value in simple if value is not None]
    clauses += [clause for clause, _ in given]
    values += [value for _, value in given]
    return ("WHERE " + " AND ".join(clauses) if clauses else ""), tuple(values)


def _holding(text: str) -> str:
    """A pattern for what contains `text`."""
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _file(path: Path, frozen: bool) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    changes = (status.st_size, status.st_mtime_ns) if frozen else ()
    return (status.st_dev, status.st_ino, *changes)


def _open(path: Path, wait_s: float) -> tuple[sqlite3.Connection, bool]:
    """The ledger, and whether it was opened as a file that never changes."""
    if not path.exists():
        raise ReframeError(
            f"There is no ledger in {path.parent} yet: the daemon has not run here.",
            "Start it with `reframe run`, or as a service (see the README).",
        )
    try:
        return _connect(path, "mode=ro", wait_s), False
    except sqlite3.OperationalError as error:
        # Without -wal and -shm (the daemon is down) and without permission to make them, nobody writes: read as it is.
        if _has_wal(path):
            raise _unreadable(path, error) from None
        return _connected(path, "immutable=1", wait_s), True
    except sqlite3.Error as error:  # it is no ledger
        raise _unreadable(path, error) from None


def _connected(path: Path, how: str, wait_s: float) -> sqlite3.Connection:
    try:
        return _connect(path, how, wait_s)
    except sqlite3.Error as error:
        raise _unreadable(path, error) from None


def _connect(path: Path, how: str, wait_s: float) -> sqlite3.Connection:
    uri = "file:" + urllib.parse.quote(os.fsencode(path)) + "?" + how
    database = sqlite3.connect(uri, uri=True, timeout=wait_s)
    database.row_factory = sqlite3.Row
    database.execute("SELECT 1 FROM job LIMIT 1")
    return database


def _has_wal(path: Path) -> bool:
    wal = path.with_name(path.name + "-wal")
    return wal.exists() and wal.stat().st_size > 0


def _unreadable(path: Path, error: Exception) -> ReframeError:
    return ReframeError(
        f"The ledger {path} cannot be read: {error}.",
        "If the daemon is not running, start it once: it mends what a crash left. If it is: may you read that folder?",
    )
