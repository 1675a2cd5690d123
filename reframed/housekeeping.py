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

from reframed.arrival import Sidecar
from reframed.capacity import no_room
from reframed.commands import Command, Malformed, payload_path, pending, stray_payloads
from reframed.config import Config
from reframed.errors import ReframeError
from reframed.paths import KEPT, REFUSED, job_log
from reframed.queue import Queues
from reframed.recipe import Recipes
from reframed.slots import Slots
from reframed.store import commands, jobs, retention
from reframed.store.ledger import Ledger, Stopped
from reframed.text import safe, size
from reframed.translation import models
from reframed.translation.engine import NO_MODEL
from reframed.verbs import Verbs

LOOK_EVERY_S = 2.0
SWEEP_EVERY_S = 30.0
RETAIN_EVERY_S = 3600.0
_STRAY_S = 86400.0
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
        self._config = config
        self._verbs = Verbs(ledger, queues, config, recipes)
        self._wake = threading.Event()
        self._due = True
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
        self._refused: set[str] = set()
        self._asked: dict[
            int, str
        ] = {}  # jobs that wait for a model, and the models that were there when they last ran
        self.failed: BaseException | None = None

    def adopt(self, config: Config, recipes: Recipes) -> None:
        """Go on with another configuration."""
        self._config = self._verbs.config = config
        self._verbs.recipes = recipes

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
        there = models.state(self._config.models_path)
        blocked = self._ledger.run(jobs.blocked)
        self._asked = {job_id: self._asked[job_id] for job_id, *_ in blocked if job_id in self._asked}
        for job_id, code, root, outbox in blocked:
            if code == "no_space" and no_room(self._config, outbox):
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
        for item in pending(self._config.state_path):
            if isinstance(item, Malformed):
                self._refuse_file(item)
            else:
                if not self._ledger.run(partial(commands.is_applied, item.id)):
                    self._apply(item)
                self._remove(item.path)
                self._remove(payload_path(item.path))

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
            prepared = self._verbs.prepare(command)
            outcome = self._ledger.run(lambda: self._apply_and_record(command, now, prepared))
        except ReframeError as error:
            kept = self._keep_payload(command)
            outcome = {"message": f"{error.message} {error.hint} {kept}".strip(), "jobs": []}
            self._record(command, now, ok=False, outcome=outcome)
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001 - whatever somebody wrote into a command must not end the daemon
            kept = self._keep_payload(command)
            outcome = {"message": f"The command could not be understood: {error} {kept}".strip(), "jobs": []}
            self._record(command, now, ok=False, outcome=outcome)
        log.info("%s by uid %d: %s", command.verb, command.author_uid, outcome["message"])
        if command.verb == "cancel":
            for job_id in outcome["jobs"]:
                self._slots.cancel(job_id)
        self._files_changed()
        self._due = True

    def _keep_payload(self, command: Command) -> str:
        """What belonged to a refused command is somebody's work: keep it, and say where."""
        path = payload_path(command.path)
        if not path.is_file() or path.is_symlink():
            return ""
        folder = self._config.state_path / REFUSED
        target = folder / f"{command.id}.txt"
        try:
            folder.mkdir(exist_ok=True)
            path.rename(target)
        except OSError as error:
            log.warning("%s cannot be kept: %s", safe(str(path)), error.strerror)
            return ""
        return f"The captions are kept as {safe(str(target))}."

    def _record(self, command: Command, now: float, *, ok: bool, outcome: dict[str, Any]) -> None:
        self._ledger.run(
            lambda: commands.record(
                command.id, command.verb, command.arguments, command.author_uid, now, ok=ok, outcome=outcome
            )
        )

    def _apply_and_record(self, command: Command, now: float, prepared: Sidecar | None) -> dict[str, Any]:
        outcome = self._verbs.apply(command, now, prepared)
        commands.record(command.id, command.verb, command.arguments, command.author_uid, now, ok=True, outcome=outcome)
        return outcome

    def _retain(self) -> None:
        """Remove old records of ours: jobs, logs, cache entries, outcomes of commands."""
        now = time.time()
        kept = self._config.retention
        while ids := self._ledger.run(lambda: retention.expired_jobs(now - kept.jobs)):
            self._ledger.run(partial(retention.remove_jobs, ids))
            for job_id in ids:
                shutil.rmtree(job_log(self._config.state_path, job_id, 1).parent, ignore_errors=True)
        self._remove_kept()
        for path in stray_payloads(self._config.state_path, now - _STRAY_S):
            self._remove(path)
        self._ledger.run(lambda: retention.remove_commands(now - _COMMANDS_KEPT_S))
        in_use = self._ledger.run(retention.keys_in_use)
        removed = self._slots.outcomes.cache.shrink(kept.cache, in_use)
        if removed:
            log.info("removed %s of cached results, unused for longest", size(removed))

    def _remove_kept(self) -> None:
        """Checkpoints of jobs that need them no more: only those that wait, run or failed may go on from one."""
        folders = {folder: int(folder.name.split("-")[0]) for folder in (self._config.state_path / KEPT).glob("*-*")}
        if not folders:
            return
        needed = self._ledger.run(partial(retention.may_go_on, set(folders.values())))
        for folder, job in folders.items():
            if job not in needed:
                shutil.rmtree(folder, ignore_errors=True)
