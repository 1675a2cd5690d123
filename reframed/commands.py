"""Commands are small JSON files in the state folder's spool: they work while the daemon is down, and from any script.

The author of a command is the owner of its file; nothing inside the file is believed about that. What does not fit into a
command (edited captions) lies beside it as ID.payload, written first.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import time
import uuid
from pathlib import Path
from typing import Any, NamedTuple

from reframed.errors import ReframeError
from reframed.paths import COMMANDS
from reframed.text import safe

MAX_BYTES = 64_000
PAYLOAD_MAX_BYTES = 20_000_000
_PAYLOAD = ".payload"
_NAME = re.compile(r"[\w-]{1,80}\.json", re.ASCII)
VERBS = ("add", "cancel", "retry", "priority", "pause", "drain", "resume", "recaption", "restyle")
_SPOOL_MODE = 0o1733  # anybody may leave a command, nobody may read or remove another's; the daemon judges the author


class Command(NamedTuple):
    """A command as it was found in the spool."""

    id: str
    verb: str
    arguments: dict[str, Any]
    author_uid: int
    path: Path


class Malformed(NamedTuple):
    """A file in the spool that is no command, and why."""

    path: Path
    reason: str


def make_spool(state: Path) -> Path:
    """The spool folder, made if it is not there."""
    spool = state / COMMANDS
    spool.mkdir(exist_ok=True)
    if stat.S_IMODE(spool.stat().st_mode) != _SPOOL_MODE:
        spool.chmod(_SPOOL_MODE)
    return spool


def post(state: Path, verb: str, arguments: dict[str, Any], payload: bytes | None = None) -> str:
    """Leave a command for the daemon; its id. Raises ReframeError if the spool cannot be written."""
    if payload is not None and len(payload) > PAYLOAD_MAX_BYTES:
        raise ReframeError("That is too much for one command.", f"At most {PAYLOAD_MAX_BYTES // 1_000_000} MB.")
    spool = state / COMMANDS
    identity = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
    temporary, final = spool / f".{identity}.tmp", spool / f"{identity}.json"
    data = json.dumps({"verb": verb, "arguments": arguments}).encode()
    try:
        state.mkdir(parents=True, exist_ok=True)
        if not spool.exists():
            make_spool(state)
        if payload is not None:
            _write(temporary, payload, payload_path(final))
        _write(temporary, data, final)
    except OSError as error:
        raise ReframeError(
            f"The command could not be left in {safe(str(spool))}: {error.strerror}.",
            "Are you a user who may command this daemon, and is there space on its disk?",
        ) from None
    return identity


def _write(temporary: Path, data: bytes, final: Path) -> None:
    with temporary.open("xb") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(final)


def payload_path(path: Path) -> Path:
    """Where what belongs to the command at `path` lies."""
    return path.with_suffix(_PAYLOAD)


def payload(command: Command) -> bytes:
    """What was left beside a command, by the same author. Raises ReframeError if there is no such thing."""
    path = payload_path(command.path)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            sound = stat.S_ISREG(status.st_mode) and status.st_uid == command.author_uid
            if sound and status.st_size <= PAYLOAD_MAX_BYTES:
                return file.read(PAYLOAD_MAX_BYTES)
    except OSError as error:
        raise ReframeError(f"What belongs to the command cannot be read: {error.strerror}.", "Send it again.") from None
    raise ReframeError("What belongs to the command is not its author's, or too large.", "Send it again.")


def stray_payloads(state: Path, before: float) -> list[Path]:
    """Payloads older than `before` (seconds since 1970): whoever wrote them never left the command."""
    found = []
    for path in (state / COMMANDS).glob(f"*{_PAYLOAD}"):
        with contextlib.suppress(OSError):
            if path.lstat().st_mtime < before and not path.with_suffix(".json").exists():
                found.append(path)
    return found


def pending(state: Path) -> list[Command | Malformed]:
    """What lies in the spool, oldest first."""
    try:
        names = sorted(name for name in os.listdir(state / COMMANDS) if name[:1] != "." and not name.endswith(_PAYLOAD))
    except OSError:
        return []
    return [_read(state / COMMANDS / name) for name in names]


def _read(path: Path) -> Command | Malformed:
    if not _NAME.fullmatch(path.name):
        return Malformed(path, "its name is not a command's")
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
                return Malformed(path, "it is not a small regular file")
            content = json.loads(file.read(MAX_BYTES))
        verb, arguments = content["verb"], content["arguments"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return Malformed(path, f"it is not a command: {type(error).__name__}")
    if verb not in VERBS or not isinstance(arguments, dict):
        return Malformed(path, "it has no verb that is known")
    return Command(path.stem, verb, arguments, status.st_uid, path)
