"""The housekeeping thread: commands, retries that come due, jobs that wait for something, idle runners, old records."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from reframed.arrival import identity_of
from reframed.capacity import no_room
from reframed.commands import Command, Malformed, pending
from reframed.config import Config
from reframed.errors import ReframeError
from reframed.paths import KEPT, job_log
from reframed.queue import Queues
from reframed.recipe import Recipes
from reframed.slots import Slots
from reframed.store import arrivals, commands, jobs, retention, switches
from reframed.store.jobs import Verdict
from reframed.store.ledger import Ledger, Stopped
from reframed.text import did_you_mean, listing, safe, size
from reframed.translation import models
from reframed.translation.engine import NO_MODEL

LOOK_EVERY_S = 2.0
SWEEP_EVERY_S = 30.0
RETAIN_EVERY_S = 3600.0
PRIORITY_MOST = 9
_COMMANDS_KEPT_S = 30 * 86400.0
log = logging.getLogger(__name__)


class Housekeeping:
    """One thread; `wake` may be called from others."""

    def __init__(
        self,
        ledger: Ledger,
        queues: Queues,
        slots: Slots,
        config: Config,
        recipes: Recipes,
        files_changed: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._queues = queues
        self._slots = slots
        self._files_changed = files_changed
        self.config = config
        self.recipes = recipes
        self._wake = threading.Event()
        self._due = True
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
        self._refused: set[str] = set()
        self._asked: dict[
            int, str
        ] = {}  # jobs that wait for a model, and the models that were there when they last ran
        self.failed: BaseException | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def wake(self) -> None:
        """Look into the spool now."""
        self._wake.set()

    def steps_due(self) -> None:
        """Steps may have become ready: hand them to the queues now."""
        self._due = True
        self._wake.set()

    def _run(self) -> None:
        sweep_at = retain_at = time.monotonic()
        retry_at: float | None = None
        try:
            while not self._stopping:
                now = time.monotonic()
                self._apply_commands()
                if now >= sweep_at:
                    self._unblock()
                    self._ledger.fill_ballast()
                if now >= sweep_at or self._due or (retry_at is not None and time.time() >= retry_at):
                    self._due = False
                    retry_at = self._offer()
                    sweep_at = now + SWEEP_EVERY_S
                if now >= retain_at:
                    self._retain()
                    retain_at = now + RETAIN_EVERY_S
                self._slots.end_idle()
                pause = LOOK_EVERY_S if retry_at is None else min(LOOK_EVERY_S, max(0.0, retry_at - time.time()))
                self._wake.wait(pause)
                self._wake.clear()
        except Stopped:
            pass
        except BaseException as error:
            log.exception("housekeeping stopped")
            self.failed = error

    def _offer(self) -> float | None:
        now = time.time()
        due, retry_at = self._ledger.run(lambda: (jobs.due(now), jobs.next_retry(now)))
        self._queues.offer(due)
        return retry_at

    def _unblock(self) -> None:
        """Queue the blocked jobs again whose reason is gone."""
        there = models.state(self.config.models_path)
        blocked = self._ledger.run(jobs.blocked)
        self._asked = {job_id: self._asked[job_id] for job_id, *_ in blocked if job_id in self._asked}
        for job_id, code, root, outbox in blocked:
            if code == "no_space" and no_room(self.config, outbox):
                continue
            if code == "outbox_away" and not os.path.isdir(outbox):
                continue
            if code == "inbox_away" and not os.path.isdir(root):
                continue
            if code == NO_MODEL and self._asked.get(job_id) == there:
                continue
            if code == NO_MODEL:
                self._asked[job_id] = there
            self._ledger.run(partial(jobs.unblock, job_id))

    def _apply_commands(self) -> None:
        for item in pending(self.config.state_path):
            if isinstance(item, Malformed):
                self._refuse_file(item)
            elif not self._ledger.run(partial(commands.is_applied, item.id)):
                self._apply(item)
                self._remove(item.path)
            else:
                self._remove(item.path)

    def _refuse_file(self, item: Malformed) -> None:
        """Say once that a file in the spool is no command; remove it if it is one of ours to remove."""
        if item.path.name not in self._refused:
            log.warning("a file in the command spool was not applied (%s): %s", item.reason, safe(item.path.name))
        self._remove(item.path)

    def _remove(self, path: Path) -> None:
        """Remove a file from the spool; one that cannot be removed is remembered, so that it is said once."""
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            if path.name not in self._refused:
                log.warning("%s cannot be removed: %s", safe(str(path)), error.strerror)
            self._refused.add(path.name)

    def _apply(self, command: Command) -> None:
        """Apply a command in one transaction and record its outcome."""
        now = time.time()
        outcome: dict[str, Any]
        try:
            outcome = self._ledger.run(lambda: self._apply_and_record(command, now))
        except ReframeError as error:
            outcome = {"message": f"{error.message} {error.hint}".strip(), "jobs": []}
            self._record(command, now, ok=False, outcome=outcome)
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001 - whatever somebody wrote into a command must not end the daemon
            outcome = {"message": f"The command could not be understood: {error}", "jobs": []}
            self._record(command, now, ok=False, outcome=outcome)
        log.info("%s by uid %d: %s", command.verb, command.author_uid, outcome["message"])
        if command.verb == "cancel":
            for job_id in outcome["jobs"]:
                self._slots.cancel(job_id)
        self._files_changed()
        self._due = True

    def _record(self, command: Command, now: float, *, ok: bool, outcome: dict[str, Any]) -> None:
        self._ledger.run(
            lambda: commands.record(
                command.id, command.verb, command.arguments, command.author_uid, now, ok=ok, outcome=outcome
            )
        )

    def _apply_and_record(self, command: Command, now: float) -> dict[str, Any]:
        apply = {
            "retry": self._retry,
            "cancel": self._cancel,
            "add": self._add,
            "priority": self._priority,
            "pause": self._switch,
            "drain": self._switch,
            "resume": self._switch,
        }[command.verb]
        outcome = apply(command, now)
        commands.record(command.id, command.verb, command.arguments, command.author_uid, now, ok=True, outcome=outcome)
        return outcome

    def _retry(self, command: Command, now: float) -> dict[str, Any]:
        ids = self._owned(command)
        for job_id in ids:
            jobs.retry(job_id, now)
        return {"message": f"Queued again: {_jobs(ids)}.", "jobs": ids}

    def _cancel(self, command: Command, now: float) -> dict[str, Any]:
        ids = self._owned(command)
        verdict = Verdict("cancelled", "Cancelled by hand.", "To run it after all: `reframe retry`.")
        for job_id in ids:
            jobs.cancel(job_id, verdict, now)
        return {"message": f"Cancelled: {_jobs(ids)}.", "jobs": ids}

    def _add(self, command: Command, now: float) -> dict[str, Any]:
        if not self._is_operator(command.author_uid):
            raise ReframeError("Only the daemon's user, root and `operators:` may add files.", "Drop it into an inbox.")
        path = bytes.fromhex(command.arguments["path"])
        recipe = str(command.arguments["recipe"])
        if recipe not in self.recipes:
            known = listing(sorted(self.recipes))
            hint = did_you_mean(recipe, self.recipes)
            raise ReframeError(f'There is no recipe "{safe(recipe)}"{hint}.', f"There are: {known}.")
        if not os.path.isabs(path) or not os.path.isfile(path) or os.path.islink(path):
            raise ReframeError(
                f"{safe(path)} is not a file that the daemon can see.", "Give the file itself, not a link."
            )
        identity = identity_of(os.stat(path))
        earlier = arrivals.job_of(path, identity.size, identity.mtime_ns, recipe, self.recipes[recipe].revision)
        if earlier is not None:
            number, state = earlier
            raise ReframeError(
                f"{safe(path)} is job {number} already ({state}).", f"Once more: `reframe retry {number}`."
            )
        arrivals.add(path, recipe, command.author_uid, now)
        return {"message": f"Added {safe(path)} for {recipe}.", "jobs": []}

    def _priority(self, command: Command, now: float) -> dict[str, Any]:
        ids, priority = self._owned(command), int(command.arguments["priority"])
        if not -PRIORITY_MOST <= priority <= PRIORITY_MOST:
            raise ReframeError(f"{priority} is no priority.", f"From -{PRIORITY_MOST} to {PRIORITY_MOST}; 0 is usual.")
        for job_id in ids:
            jobs.set_priority(job_id, priority, now)
        self._queues.forget(jobs.ready_steps(ids))
        return {"message": f"Priority {priority}: {_jobs(ids)}.", "jobs": ids}

    def _switch(self, command: Command, now: float) -> dict[str, Any]:
        if not self._is_operator(command.author_uid):
            raise ReframeError("Only the daemon's user, root and `operators:` may do that.", "Ask one of them.")
        if command.verb == "resume":
            were = switches.turn_off()
            return {"message": "Going on." if were else "Nothing was paused.", "jobs": []}
        switches.turn_on("pause" if command.verb == "pause" else "drain", command.author_uid, now)
        if command.verb == "pause":
            return {"message": "No more files are taken until `reframe resume`; jobs go on.", "jobs": []}
        return {"message": "No more steps are started until `reframe resume`; those that run go on.", "jobs": []}

    def _owned(self, command: Command) -> list[int]:
        """The command's jobs. Raises ReframeError if one is not there or not the author's to command."""
        ids = [int(job_id) for job_id in command.arguments["jobs"]]
        for job_id in ids:
            owner = jobs.owner(job_id)
            if owner is None:
                raise ReframeError(f"There is no job {job_id}.", "See `reframe jobs`.")
            if owner != command.author_uid and not self._is_operator(command.author_uid):
                raise ReframeError(
                    f"Job {job_id} belongs to somebody else.",
                    "The daemon's user, root and `operators:` may command all.",
                )
        return ids

    def _is_operator(self, uid: int) -> bool:
        import pwd

        names = set(self.config.operators)
        try:
            named = pwd.getpwuid(uid).pw_name in names
        except KeyError:
            named = False
        return named or uid in (0, os.getuid())

    def _retain(self) -> None:
        """Remove old records of ours: jobs, logs, cache entries, outcomes of commands."""
        now = time.time()
        kept = self.config.retention
        while ids := self._ledger.run(lambda: retention.expired_jobs(now - kept.jobs)):
            self._ledger.run(partial(retention.remove_jobs, ids))
            for job_id in ids:
                shutil.rmtree(job_log(self.config.state_path, job_id, 1).parent, ignore_errors=True)
        self._remove_kept()
        self._ledger.run(lambda: retention.remove_commands(now - _COMMANDS_KEPT_S))
        in_use = self._ledger.run(retention.keys_in_use)
        removed = self._slots.outcomes.cache.shrink(kept.cache, in_use)
        if removed:
            log.info("removed %s of cached results, unused for longest", size(removed))

    def _remove_kept(self) -> None:
        """Checkpoints of jobs that need them no more: only those that wait, run or failed may go on from one."""
        folders = {folder: int(folder.name.split("-")[0]) for folder in (self.config.state_path / KEPT).glob("*-*")}
        if not folders:
            return
        needed = self._ledger.run(partial(retention.may_go_on, set(folders.values())))
        for folder, job in folders.items():
            if job not in needed:
                shutil.rmtree(folder, ignore_errors=True)


def _jobs(ids: list[int]) -> str:
    return f"job{'s' if len(ids) > 1 else ''} {listing(map(str, ids))}"
