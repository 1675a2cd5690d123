"""The daemon: one process per state folder, from its start to an orderly end."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from reframed import __version__, config, journal, lock, recipe
from reframed.capacity import slot_counts
from reframed.child import Child, end_orphans
from reframed.commands import make_spool
from reframed.config import BESIDE, Config
from reframed.disposal import dispose
from reframed.errors import ConfigError, ReframeError
from reframed.housekeeping import Housekeeping
from reframed.inbox.prober import Prober
from reframed.inbox.watch import Watcher
from reframed.intake import Intake
from reframed.outcomes import Hooks
from reframed.paths import LOGS, QUEUE, WORK, config_file
from reframed.queue import Queues
from reframed.recipe import Recipes
from reframed.sdnotify import notify, watchdog_interval_s
from reframed.slots import Slots
from reframed.store import jobs, publications
from reframed.store.ledger import Ledger, refuse_network
from reframed.text import listing, safe

_CHECK_EVERY_S = 5.0
_STOP_S = 10.0
_HANG_S = 60.0
_RUNNERS_LOG_BYTES = 1_000_000
log = logging.getLogger(__name__)


def run(path: Path | None) -> int:
    """Run until SIGTERM or SIGINT; the exit code. Raises ReframeError if it cannot start."""
    file = config.read(path)
    recipes = recipe.load_all(file)
    state = _make_state(file.config)
    held = lock.Lock(state)
    journal.start(
        state / LOGS,
        file.config.log.level,
        colours=sys.stderr.isatty() and "NO_COLOR" not in os.environ,
        clock="INVOCATION_ID" not in os.environ,
    )
    daemon = Daemon(file.config, recipes, held, path)
    try:
        daemon.start()
        return daemon.wait()
    finally:
        daemon.stop()


def _make_state(settings: Config) -> Path:
    state = settings.state_path
    try:
        state.mkdir(parents=True, exist_ok=True)
        refuse_network(state)
        make_spool(state)
        for name in (LOGS, WORK):
            (state / name).mkdir(exist_ok=True)
    except OSError as error:
        raise ReframeError(
            f"The state folder {safe(str(state))} cannot be used: {error.strerror}.",
            "Set `state:` in reframe.yaml to a folder that this user may write.",
        ) from None
    return state


class Daemon:
    """The threads and their order of starting and stopping."""

    def __init__(self, settings: Config, recipes: Recipes, held: lock.Lock, path: Path | None) -> None:
        self._config = settings
        self._recipes = recipes
        self._lock = held
        self._path = path
        self._started_at = time.time()
        self._wake = threading.Event()
        self._stop_signal = 0
        self._reload = False
        self._warned_of: tuple[str, float] | None = None
        state = settings.state_path
        self._ledger = Ledger(state)
        self._watcher = Watcher()
        self._prober = Prober(lambda: Child(state, self._config.nice, offline=True))
        self._slots = Slots(self._ledger, settings, Hooks(self._steps_due, self._files_changed))
        self._queues = Queues(state / QUEUE, slot_counts(settings), self._slots.execute)
        self._intake = Intake(
            self._ledger, self._prober, self._watcher, settings, recipes, self._steps_due, self._slots.start_over
        )
        self._housekeeping = Housekeeping(
            self._ledger, self._queues, self._slots, settings, recipes, self._files_changed
        )

    def start(self) -> None:
        """Open the ledger, mend what a crash left, start every thread. Raises ReframeError."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_hangup)
        self._about()
        self._clean()
        self._ledger.open()
        make_folders(self._config, inboxes=config_file(self._path) is None)
        self._recover()
        self._watcher.start()
        spool = str(self._config.state_path / "commands")
        self._watcher.keep(spool, False, self._housekeeping.wake)
        self._queues.start()
        self._intake.start()
        self._housekeeping.start()
        counts = slot_counts(self._config)
        names = listing(f"{inbox.name} ({safe(inbox.path)})" for inbox in self._config.inboxes) or "no inbox"
        log.info("reframed %s, %d CPU and %d GPU slots, watches %s", __version__, counts["cpu"], counts["gpu"], names)
        notify("READY=1", f"STATUS=watching {len(self._config.inboxes)} inboxes")

    def wait(self) -> int:
        """Until a signal ends it, or a thread that must live does not; the exit code."""
        ping_s = watchdog_interval_s()
        pause = min(_CHECK_EVERY_S, ping_s) if ping_s else _CHECK_EVERY_S
        while not self._stop_signal:
            self._wake.wait(pause)
            self._wake.clear()
            if self._reload:
                self._reload = False
                self._do_reload()
            trouble = self._intake.failed or self._housekeeping.failed
            if trouble is not None:
                log.critical("the daemon ends: %s", trouble)
                return 1
            self._warn_of_a_hang()
            if ping_s:
                notify("WATCHDOG=1")
        log.info("stopping (%s)", signal.Signals(self._stop_signal).name)
        return 0

    def _warn_of_a_hang(self) -> None:
        """Say once which inbox holds up the intake: a network disk that does not answer, most likely."""
        looking_at = self._intake.looking_at
        hangs = looking_at is not None and time.monotonic() - looking_at[1] > _HANG_S
        if hangs and looking_at is not None and looking_at != self._warned_of:
            log.error(
                "looking into the inbox %s has not ended for a minute: does its disk answer?", safe(looking_at[0])
            )
            self._warned_of = looking_at

    def stop(self) -> None:
        """End every thread and child; what ran is queued again."""
        notify("STOPPING=1")
        self._slots.stop()
        self._intake.stop()
        self._housekeeping.stop()
        self._queues.stop(_STOP_S)
        self._watcher.stop()
        self._ledger.close()
        self._about(stopped_at=time.time())
        self._lock.release()

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_signal = number
        self._wake.set()

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:
        self._reload = True
        self._wake.set()

    def _steps_due(self) -> None:
        self._housekeeping.steps_due()

    def _files_changed(self) -> None:
        self._intake.hint()

    def _about(self, **more: Any) -> None:
        self._lock.write(
            {
                "pid": os.getpid(),
                "host": os.uname().nodename,
                "version": __version__,
                "started_at": self._started_at,
                "slots": slot_counts(self._config),
                **more,
            }
        )

    def _clean(self) -> None:
        """Remove what an earlier daemon that was killed left: runners, half-done work."""
        state = self._config.state_path
        ended = end_orphans(state)
        if ended:
            log.warning("ended %d runners that an earlier daemon had left behind", ended)
        for folder in (state / WORK).iterdir():
            shutil.rmtree(folder, ignore_errors=True)
        runners_log = state / LOGS / "runners.log"
        if runners_log.exists() and runners_log.stat().st_size > _RUNNERS_LOG_BYTES:
            runners_log.unlink()

    def _recover(self) -> None:
        """Go on where the last daemon stopped: running steps are queued, publishing jobs published, sources seen to."""
        publishing = self._ledger.run(lambda: jobs.recover(time.time()))
        for job_id in publishing:
            arrival = self._ledger.run(lambda job_id=job_id: publications.arrival_of(job_id))  # type: ignore[misc]
            self._slots.outcomes.publish(job_id, arrival)
        for arrival in self._ledger.run(publications.disposals):
            dispose(self._ledger, arrival)

    def _do_reload(self) -> None:
        """Read the configuration again; a broken one is refused and the old one stays in force."""
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            file = config.read(self._path)
            recipes = recipe.load_all(file)
        except ReframeError as error:
            faults = error.message if isinstance(error, ConfigError) else f"{error.message} {error.hint}"
            log.error("the new configuration is refused, the old one stays in force:\n%s", faults)
            self._about(reload_refused=faults, reload_at=time.time())
        else:
            self._adopt(file.config, recipes)
        notify("READY=1")

    def _adopt(self, settings: Config, recipes: Recipes) -> None:
        if settings.state != self._config.state or slot_counts(settings) != slot_counts(self._config):
            log.warning("`state:` and `slots:` take effect at the next start")
        settings = msgspec.structs.replace(settings, state=self._config.state, slots=self._config.slots)
        self._config, self._recipes = settings, recipes
        journal.set_level(settings.log.level)
        make_folders(settings, inboxes=config_file(self._path) is None)
        self._slots.adopt(settings)
        self._housekeeping.adopt(settings, recipes)
        self._intake.reload(settings, recipes)
        self._housekeeping.wake()
        self._about(reloaded_at=time.time())
        log.info("the configuration was read again: %d inboxes, %d recipes", len(settings.inboxes), len(recipes))


def make_folders(settings: Config, *, inboxes: bool) -> None:
    """Make outboxes that are missing, where their parent is there; inboxes only if asked.

    A missing inbox may be a disk that is not mounted: a folder made in its place would swallow files.
    """
    for inbox in settings.inboxes:
        if inboxes:
            os.makedirs(inbox.path, exist_ok=True)
        if inbox.outbox == BESIDE or os.path.isdir(inbox.outbox):
            continue
        try:
            os.makedirs(inbox.outbox) if inboxes or os.path.isdir(os.path.dirname(inbox.outbox)) else None
        except OSError as error:
            log.warning("the outbox %s cannot be made: %s", safe(inbox.outbox), error.strerror)
