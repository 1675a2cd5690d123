"""Looking into an inbox: which files may be for us, and why the others are not. The scan is the truth."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from reframed.config import Inbox
from reframed.inbox.bundle import belongs, is_subtitle
from reframed.inbox.rules import ignored_by
from reframed.media.info import kind_of
from reframed.recipe import Recipe
from reframed.text import listing, safe

RESERVED = frozenset({b"done", b"failed", b".trash"})
SIDECAR = "sidecar"
_SETTLED_FOLDER_NS = 3_000_000_000  # a folder changed so lately may change again within its mtime's grain
_SIGHTINGS_MAX = 500


class Found(NamedTuple):
    """A regular file that a recipe takes."""

    path: bytes
    subfolder: bytes
    status: os.stat_result


class Why(NamedTuple):
    """Why a file is not taken."""

    code: str
    reason: str


class Look(NamedTuple):
    """What one look at an inbox found: candidates in the folders that changed, reasons for everything else there.

    `reasons` is for the whole inbox; `trouble` says why the inbox itself cannot be read.
    """

    found: list[Found]
    reasons: dict[bytes, Why]
    trouble: str
    folders: int


class Scanner:
    """One inbox. Folders whose mtime did not change are not listed again, unless asked for a full look."""

    def __init__(self, inbox: Inbox, recipes: list[Recipe], wall_ns: Callable[[], int]) -> None:
        self._inbox = inbox
        self._recipes = recipes
        self._wall_ns = wall_ns
        self._root = os.fsencode(inbox.path)
        self._read: dict[bytes, int] = {}  # folder -> its mtime when it was last listed
        self._below: dict[bytes, list[bytes]] = {}
        self._reasons: dict[bytes, dict[bytes, Why]] = {}

    def look(self, full: bool) -> Look:
        """Look at the inbox now."""
        found: list[Found] = []
        seen: set[bytes] = set()
        pending = [self._root]
        try:
            if not stat.S_ISDIR(os.stat(self._root).st_mode):
                return Look([], {}, "is not a folder", 0)
            with os.scandir(self._root):
                pass
        except OSError as error:
            return Look([], {}, f"cannot be read: {error.strerror}", 0)
        while pending:
            folder = pending.pop()
            seen.add(folder)
            found += self._look_into(folder, full)
            pending += self._below.get(folder, [])
        for gone in self._read.keys() - seen:
            self._forget(gone)
        reasons = {path: why for folder in self._reasons.values() for path, why in folder.items()}
        return Look(found, dict(list(reasons.items())[:_SIGHTINGS_MAX]), "", len(seen))

    def _forget(self, folder: bytes) -> None:
        for table in (self._read, self._below, self._reasons):
            table.pop(folder, None)

    def _look_into(self, folder: bytes, full: bool) -> Iterator[Found]:
        try:
            mtime_ns = os.stat(folder).st_mtime_ns
            if not full and self._read.get(folder) == mtime_ns:
                return
            with os.scandir(folder) as entries:
                listed = list(entries)
        except OSError as error:
            self._reasons[folder] = {folder: Why("folder_unreadable", f"the folder cannot be read: {error.strerror}")}
            self._below[folder] = []
            return
        fresh = self._wall_ns() - mtime_ns < _SETTLED_FOLDER_NS
        self._read[folder] = -1 if fresh else mtime_ns
        self._below[folder] = []
        self._reasons[folder] = {}
        media = [entry.name for entry in listed if self._is_host(entry.name)]
        for entry in listed:
            found = self._sort(folder, entry, media)
            if found is not None:
                yield found

    def _is_host(self, name: bytes) -> bool:
        """Whether a file of this name may have subtitles beside it that belong to it."""
        return kind_of(name) in ("video", "audio") and any(
            recipe.takes(name) and recipe.takes_sidecars for recipe in self._recipes
        )

    def _sort(self, folder: bytes, entry: os.DirEntry[bytes], media: list[bytes]) -> Found | None:
        """A candidate; or None, with its reason or its subfolder noted. `media` are the recordings beside it."""
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return None  # gone meanwhile
        if stat.S_ISDIR(status.st_mode):
            self._sort_folder(folder, entry)
            return None
        why = self._refusal(entry, status, media)
        if why is not None:
            self._reasons[folder][entry.path] = why
            return None
        subfolder = os.path.relpath(folder, self._root) if folder != self._root else b""
        return Found(entry.path, subfolder, status)

    def _sort_folder(self, folder: bytes, entry: os.DirEntry[bytes]) -> None:
        if folder == self._root and entry.name in RESERVED:
            return
        pattern = ignored_by(entry.name, True, self._inbox.ignore)
        if pattern:
            self._reasons[folder][entry.path] = Why("ignored", f"a folder ignored by the rule {pattern}")
        elif not self._inbox.recursive:
            self._reasons[folder][entry.path] = Why(
                "folder", "a folder, and this inbox is not recursive: move the files up"
            )
        else:
            self._below[folder].append(entry.path)
            if kind_of(entry.name) != "other":
                self._reasons[folder][entry.path] = Why(
                    "folder", "a folder, not a media file; files inside it are taken"
                )

    def _refusal(self, entry: os.DirEntry[bytes], status: os.stat_result, media: list[bytes]) -> Why | None:
        if stat.S_ISLNK(status.st_mode):
            return Why(
                "link", f"a link to {_target(entry.path)}: copy or move the file itself here, or use `reframe add`"
            )
        if not stat.S_ISREG(status.st_mode):
            return Why("special", f"{_special(status.st_mode)}, not a regular file: remove it")
        pattern = ignored_by(entry.name, False, self._inbox.ignore)
        if pattern:
            return Why("ignored", f"ignored by the rule {pattern}")
        taken = any(recipe.takes(entry.name) for recipe in self._recipes)
        beside = is_subtitle(entry.name) and any(belongs(entry.name, name) is not None for name in media)
        if taken and not beside:
            return None
        if is_subtitle(entry.name) and any(recipe.takes_sidecars for recipe in self._recipes):
            return Why(
                SIDECAR,
                "subtitles: they are taken together with the video or recording of the same name, if they come before it "
                "or soon after",
            )
        if kind_of(entry.name) == "playlist":
            return Why(
                "playlist", "a playlist, which points at other files and is never opened: drop the media file itself"
            )
        kinds = sorted({kind for recipe in self._recipes for kind in recipe.match.kinds})
        return Why("no_recipe", f"no recipe of this inbox takes it: {self._inbox.name} is for {listing(kinds)} files")


def _target(path: bytes) -> str:
    try:
        return safe(os.readlink(path))
    except OSError:
        return "somewhere"


def _special(mode: int) -> str:
    for test, name in ((stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISBLK, "a device")):
        if test(mode):
            return name
    return "a device"
