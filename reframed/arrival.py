"""One complete file and its identity."""

from __future__ import annotations

import os

from msgspec import Struct

from reframed.media.info import MediaInfo

_SQLITE_MAX = 2**63 - 1


class Identity(Struct, frozen=True):
    """What tells whether a path still names the same, unchanged file."""

    inode: str
    size: int
    mtime_ns: int


class Sidecar(Struct, frozen=True):
    """A subtitle file that came along with another file; `language` is a BCP 47 tag from its name, or empty."""

    path: bytes
    size: int
    mtime_ns: int
    sha256: str
    language: str


class Arrival(Struct, frozen=True, kw_only=True):
    """A complete file in an inbox, or added by hand (then `root` is empty). `media` is None if it cannot be read."""

    inbox: str
    path: bytes
    subfolder: bytes
    identity: Identity
    owner_uid: int
    root: bytes
    outbox: bytes
    after: str
    sha256: str = ""
    media: MediaInfo | None = None
    sidecars: tuple[Sidecar, ...] = ()


def identity_of(status: os.stat_result) -> Identity:
    """The identity in a stat result."""
    mtime_ns = max(-_SQLITE_MAX, min(status.st_mtime_ns, _SQLITE_MAX))  # a date after 2262 does not fit
    return Identity(f"{status.st_dev}:{status.st_ino}", status.st_size, mtime_ns)


def is_same_file(status: os.stat_result, identity: Identity) -> bool:
    """Whether a stat result is of the file with `identity`. The device is left out: its number changes over a reboot."""
    now = identity_of(status)
    same_inode = now.inode.partition(":")[2] == identity.inode.partition(":")[2]
    return same_inode and (now.size, now.mtime_ns) == (identity.size, identity.mtime_ns)
