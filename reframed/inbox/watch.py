"""File-system events, as hints only: they say "look now" and nothing else."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from reframed.config import Inbox
from reframed.filesystem import mount_of

# Above this many folders, watches cost more than looking (and the kernel's limit nears); measured with watchdog 7.1.
FOLDERS_MAX = 10_000
log = logging.getLogger(__name__)


class _Flag(FileSystemEventHandler):
    """Calls `hint` for every event. It must never raise: that would kill the observer without a word."""

    def __init__(self, hint: Callable[[], None]) -> None:
        self._hint = hint

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Something happened."""
        self._hint()


def _events() -> list[type[FileSystemEvent]]:
    """The few kinds worth waking for. Creates of files would flood on Linux, where the close follows."""
    if os.uname().sysname == "Linux":
        return [FileClosedEvent, FileMovedEvent, DirCreatedEvent, DirMovedEvent]
    return [FileCreatedEvent, FileMovedEvent, DirCreatedEvent, DirMovedEvent]


class Watcher:
    """Watches folders as far as the system can."""

    def __init__(self) -> None:
        self._observer = Observer()
        self._watches: dict[str, tuple[Any, int]] = {}

    def start(self) -> None:
        """Start the observer's thread."""
        self._observer.start()

    def stop(self) -> None:
        """End it."""
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join(5)

    def keep(self, path: str, recursive: bool, hint: Callable[[], None]) -> str:
        """Watch `path`, again if it was re-created; '' or why it cannot be watched. `hint` runs in another thread."""
        try:
            inode = os.stat(path).st_ino
        except OSError as error:
            self.drop(path)
            return str(error.strerror)
        if path in self._watches and self._watches[path][1] == inode:
            return ""
        self.drop(path)
        try:
            watch = self._observer.schedule(_Flag(hint), path, recursive=recursive, event_filter=_events())
        except OSError as error:
            return f"no events from the system ({error.strerror})"
        self._watches[path] = (watch, inode)
        return ""

    def drop(self, path: str) -> None:
        """Watch `path` no more."""
        watch = self._watches.pop(path, None)
        if watch is not None:
            try:
                self._observer.unschedule(watch[0])
            except (KeyError, OSError):  # its thread ended with the folder
                log.debug("the watch on %s was gone already", path)


def polls(inbox: Inbox) -> bool:
    """Whether an inbox is polled rather than watched."""
    return inbox.watch == "poll" or (inbox.watch == "auto" and mount_of(inbox.path).is_network)
