"""The one writer of the ledger: a thread that owns the only writing connection."""

from __future__ import annotations

import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import peewee
from playhouse.migrations import Runner

from reframed.errors import ReframeError
from reframed.filesystem import free_bytes, mount_of
from reframed.paths import LEDGER
from reframed.store.schema import database

BALLAST_BYTES = 16_000_000
_FULL_PAUSE_S = 2.0
_MIGRATIONS = Path(__file__).parent / "migrations"

log = logging.getLogger(__name__)
T = TypeVar("T")


class Stopped(Exception):
    """The ledger was closed while a call waited for it."""


class Ledger:
    """Runs functions one after another on the writing connection, each in one transaction.

    When the disk is full, a ballast file is dropped to make room, and calls wait until they succeed: nobody goes on as if
    something had been written that was not.
    """

    def __init__(self, state: Path) -> None:
        self.path = state / LEDGER
        self.full = False
        self._ballast = state / "ballast"
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="ledger", daemon=True)

    def open(self) -> None:
        """Check the folder, open, migrate, check the file. Raises ReframeError."""
        refuse_network(self.path.parent)
        database.init(
            os.fspath(self.path),
            pragmas={
                "journal_mode": "wal",
                "synchronous": "full",
                "foreign_keys": 1,
                "mmap_size": 0,
                "cache_size": -4000,
            },
            timeout=30,
        )
        self._thread.start()
        self.run(_prepare, in_transaction=False)
        self.fill_ballast()

    def close(self) -> None:
        """Finish the calls that wait and close the file."""
        self._closing.set()
        self._calls.put(None)
        if self._thread.is_alive():
            self._thread.join(30)

    def run(self, call: Callable[[], T], *, in_transaction: bool = True) -> T:
        """What `call` returns, run on the writer; its exceptions are raised here. Raises Stopped after close."""
        if threading.current_thread() is self._thread:
            return call()
        future: Future[T] = Future()
        self._calls.put(((lambda: _in_transaction(call)) if in_transaction else call, future))
        while True:
            try:
                return future.result(timeout=1.0)
            except TimeoutError:
                if future.done():  # the call's own TimeoutError
                    raise
                if not self._thread.is_alive():
                    raise Stopped from None

    def fill_ballast(self) -> None:
        """Write the ballast file again once there is ample room."""
        try:
            if not self._ballast.exists() and free_bytes(str(self.path.parent)) > 4 * BALLAST_BYTES:
                self._ballast.write_bytes(b"\0" * BALLAST_BYTES)
        except OSError as error:
            log.warning("the ballast file could not be written: %s", error)
            self._ballast.unlink(missing_ok=True)

    def _serve(self) -> None:
        while (item := self._calls.get()) is not None:
            call, future = item
            try:
                future.set_result(self._until_room(call))
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                future.set_exception(error)
        database.close()

    def _until_room(self, call: Callable[[], T]) -> T:
        while True:
            try:
                result = call()
            except (peewee.OperationalError, sqlite3.OperationalError, OSError) as error:
                if not _is_full(error) or self._closing.is_set():
                    raise
                self._make_room()
                self._closing.wait(_FULL_PAUSE_S if self.full else 0)
                self.full = True
            else:
                if self.full:
                    log.warning("the disk has room again: the ledger is written")
                self.full = False
                return result

    def _make_room(self) -> None:
        if not self.full:
            log.error("the disk with the ledger is full; waiting for room on %s", self.path.parent)
        self._ballast.unlink(missing_ok=True)


def refuse_network(folder: Path) -> None:
    """Raise ReframeError if `folder` is on a file system that cannot hold a ledger."""
    mount = mount_of(str(folder))
    if mount.is_network:
        raise ReframeError(
            f"The state folder {folder} is on a network file system ({mount.type}), where a ledger gets corrupted.",
            "Set `state:` in reframe.yaml to a folder on a local disk; inboxes and outboxes may stay on the network.",
        )


def _in_transaction(call: Callable[[], T]) -> T:
    with database.atomic():
        return call()


def _is_full(error: BaseException | None) -> bool:
    """Whether the disk is full, also where a failed rollback hides it (peewee raises that one instead)."""
    while error is not None:
        if "disk is full" in str(error) or getattr(error, "errno", None) == 28:
            return True
        error = error.__context__
    return False


def _prepare() -> None:
    _check_schema()
    if database.table_exists("job") and _pending():
        _backup_before_migration()
    try:
        Runner(database, str(_MIGRATIONS)).up()
        verdict = database.execute_sql("PRAGMA quick_check(1)").fetchone()[0]
    except peewee.DatabaseError as error:
        raise _damaged(str(error)) from error
    if verdict != "ok":
        raise _damaged(verdict)


def _check_schema() -> None:
    try:
        applied = set(Runner(database, str(_MIGRATIONS)).applied())
    except peewee.DatabaseError as error:
        raise _damaged(str(error)) from error
    unknown = sorted(applied - {path.stem for path in _MIGRATIONS.glob("[0-9]*.py")})
    if unknown:
        raise ReframeError(
            f"The ledger {database.database} was written by a newer Reframe (it has {unknown[-1]}).",
            "Install that version or a later one. Nothing was changed.",
        )


def _pending() -> bool:
    runner = Runner(database, str(_MIGRATIONS))
    return any(migration.path and not migration.applied for migration in runner.status())


def _backup_before_migration() -> None:
    target = Path(f"{database.database}.before-{time.strftime('%Y%m%d-%H%M%S')}")
    database.execute_sql("VACUUM INTO ?", (str(target),))
    log.warning("the ledger's schema is updated; a copy of the old one is in %s", target)


def _damaged(detail: str) -> ReframeError:
    return ReframeError(
        f"The ledger {database.database} is damaged: {detail}",
        "Move it (with its -wal and -shm files) aside and start again: files still in the inboxes are taken anew, and "
        "finished ones are not in the inboxes any more.",
    )
