"""Which names in an inbox are not for us, and why."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from functools import lru_cache

# Names of files still on their way, of other programs' own files, and of folders that are not content. A pattern with a
# slash at its end is for folders. Compared without regard to case.
IGNORED = (
    ".*",
    "~*",
    "*~",
    "*.part",
    "*.partial",
    "*.filepart",  # WinSCP
    "*.crdownload",  # Chromium
    "*.download",  # Safari
    "*.opdownload",  # Opera
    "*.!qb",  # qBittorrent
    "*.!ut",  # uTorrent
    "*.!bt",
    "*.!sync",  # Resilio Sync
    "*.bts",
    "*.aria2",
    "*.tmp",
    "*.temp",
    "*.swp",
    "*.lock",
    "~syncthing~*",
    "*.sync-conflict-*",
    "thumbs.db",
    "desktop.ini",
    "_unpack_*/",  # SABnzbd and Sonarr
    "_failed_*/",
    "@eadir/",  # Synology
    "#recycle/",
    "#snapshot/",
    "@recycle/",  # QNAP
    "lost+found/",
    "$recycle.bin/",
    "system volume information/",
)


@lru_cache(maxsize=256)
def _matcher(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    return re.compile("|".join(fnmatch.translate(pattern.lower()) for pattern in patterns)) if patterns else None


@lru_cache(maxsize=256)
def _split(patterns: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Patterns for files (they hold for folders too) and for folders alone."""
    both = tuple(pattern for pattern in patterns if not pattern.endswith("/"))
    return both, tuple(pattern.rstrip("/") for pattern in patterns if pattern.endswith("/"))


def ignored_by(name: bytes, is_folder: bool, more: Sequence[str] = ()) -> str:
    """The pattern that makes the file or folder `name` ignored, or ''."""
    both, folders = _split((*IGNORED, *more))
    patterns = both + folders if is_folder else both
    text = name.decode("utf-8", "surrogateescape").lower()
    found = _matcher(patterns)
    if found is None or not found.match(text):
        return ""
    return next(pattern for pattern in patterns if fnmatch.fnmatchcase(text, pattern.lower()))
