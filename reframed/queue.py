"""Two Huey queues, `cpu` and `gpu`, that carry step ids. They are hints: the ledger is the truth.

Huey deletes a message before it runs the task, so it delivers at most once. Its files are disposable: they are rebuilt from
the ledger at every start and topped up while running.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from huey import Huey
from huey.consumer import Consumer, Scheduler
from huey.storage import SqliteStorage

KINDS = ("cpu", "gpu")
log = logging.getLogger(__name__)
Execute = Callable[[int], None]


class WakingStorage(SqliteStorage):  # type: ignore[misc]
    """SqliteStorage whose `dequeue` sleeps until `enqueue` wakes it: no polling, picked up within a millisecond."""

    blocking = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._changed = threading.Condition()
        self._closed = False
        super().__init__(*args, **kwargs)

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        """Put a message and wake one worker."""
        super().enqueue(data, priority)
        with self._changed:
            self._changed.notify()

    def dequeue(self) -> bytes | None:
        """The next message, waiting for one; None once the storage is closed for reading."""
        with self._changed:
            while not self._closed:
                data: bytes | None = super().dequeue()
                if data is not None:
                    return data
                self._changed.wait()
        return None

    def wake_all(self) -> None:
        """Let every waiting worker return."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class _NoSchedule(Scheduler):  # type: ignore[misc]
    """Schedules live in the ledger; Huey's own scheduler sleeps."""

    def loop(self, now: object = None) -> None:
        self.stop_flag.wait()


class _Consumer(Consumer):  # type: ignore[misc]
    scheduler_class = _NoSchedule

    def _set_signal_handlers(self) -> None:
        """Signals belong to the daemon's main thread."""


class Queues:
    """Both queues with their consumers; `execute(kind)` makes the function that runs a step id on that kind of slot."""

    def __init__(self, folder: Path, workers: dict[str, int], execute: Callable[[str, int], None]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob("*.db*"):
            stale.unlink()
        self._workers = workers
        self._lock = threading.Lock()
        self._pending: set[int] = set()
        self._hueys: dict[str, Any] = {}
        self._tasks: dict[str, Any] = {}
        self._consumers: list[_Consumer] = []
        logging.getLogger("huey").setLevel(logging.WARNING)
        for kind in KINDS:
            self._add(kind, folder, execute)

    def _add(self, kind: str, folder: Path, execute: Callable[[str, int], None]) -> None:
        huey = Huey(kind, storage_class=WakingStorage, results=False, filename=str(folder / f"{kind}.db"), fsync=False)

        def run_step(step_id: int) -> None:
            with self._lock:
                self._pending.discard(step_id)
            execute(kind, step_id)

        self._tasks[kind] = huey.task(name=f"run_step_{kind}")(run_step)
        self._hueys[kind] = huey

    def start(self) -> None:
        """Start the workers, one thread a slot."""
        for kind, count in self._workers.items():
            if count:
                consumer = _Consumer(self._hueys[kind], workers=count, periodic=False, check_worker_health=False)
                consumer.start()
                self._consumers.append(consumer)

    def offer(self, steps: Iterable[tuple[int, str, int]]) -> None:
        """Queue steps (id, wanted slot, priority) that are not queued yet. Without a GPU slot, the CPU's take them."""
        for step_id, wanted, priority in steps:
            with self._lock:
                if step_id in self._pending:
                    continue
                self._pending.add(step_id)
            kind = wanted if self._workers.get(wanted) else "cpu"
            huey = self._hueys[kind]
            try:
                huey.enqueue(self._tasks[kind].s(step_id, priority=priority))
            except Exception as error:  # noqa: BLE001 - a hint that is lost is given again by the next sweep
                log.error("a step could not be queued now, it is tried again: %s", error)
                with self._lock:
                    self._pending.discard(step_id)
                return

    def forget(self, steps: Iterable[int]) -> None:
        """Let steps be offered again, with another priority; what is queued of them already finds them taken."""
        with self._lock:
            self._pending -= set(steps)

    def stop(self, timeout_s: float) -> None:
        """Let workers end after what they are doing."""
        for consumer in self._consumers:
            consumer.stop_flag.set()
        for huey in self._hueys.values():
            huey.storage.wake_all()
        for consumer in self._consumers:
            for _, thread in consumer.worker_threads:
                thread.join(timeout_s)
        for huey in self._hueys.values():
            huey.storage.close()
