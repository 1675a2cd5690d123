"""One complete file and its identity."""

from __future__ import annotations

import os

from msgspec import Struct

from reframed.media.info import MediaInfo


class Identity(Struct, frozen=True):
    """What tells whether a path still names the same, unchanged file."""

    inode: str
    size: int
    mtime_ns: int


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


def identity_of(status: os.stat_result) -> Identity:
    """The identity in a stat result."""
    return Identity(f"{status.st_dev}:{status.st_ino}", status.st_size, status.st_mtime_ns)
