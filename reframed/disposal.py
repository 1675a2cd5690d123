"""What becomes of a source once all its jobs have ended: done/, failed/ with the reason, .trash/, or left alone."""

from __future__ import annotations

import hashlib
import logging
import os
from typing import Any

from reframed.arrival import is_same_file
from reframed.filesystem import move_exclusive, remove_if_there, rename_exclusive
from reframed.job import State
from reframed.store import companions, publications
from reframed.store.ledger import Ledger
from reframed.store.publications import Disposal
from reframed.text import safe

FOLDERS = {"done": b"done", "trash": b".trash"}
FAILED = b"failed"
_REASON_SUFFIX = b".reason.txt"
log = logging.getLogger(__name__)


def dispose(ledger: Ledger, arrival_id: int) -> None:
    """Move the source to where its jobs' ends say, if they all have ended. Never replaces a file, never raises OSError."""
    case = ledger.run(lambda: publications.disposal(arrival_id))
    if case is None:
        return
    folder = _destination(case)
    if case.target and _finish_move(ledger, case):
        return
    if folder is None or not case.root:
        return
    try:
        _move(
            ledger,
            case,
            os.path.join(case.root, folder, case.subfolder) if case.subfolder else os.path.join(case.root, folder),
        )
    except FileNotFoundError:
        if not os.path.isdir(case.root):
            return  # the inbox is away, and the source with it; the next start sees to it
        ledger.run(lambda: publications.gone(arrival_id))
    except OSError as error:
        trouble = (
            f"The source could not be moved: {error.strerror or error}. It stays where it is and is not taken again."
        )
        log.warning("%s: %s", safe(case.place), trouble)
        ledger.run(lambda: publications.stuck(arrival_id, trouble))


def _destination(case: Disposal) -> bytes | None:
    """The folder below the inbox to move to; None: the source stays."""
    if case.beside or case.after == "keep":
        return None
    if case.failed is not None:
        return FAILED
    if State.DONE in case.states:
        return FOLDERS[case.after]
    return None  # cancelled: it stays, and `reframe retry` finds it


def _finish_move(ledger: Ledger, case: Disposal) -> bool:
    """Whether a move that a crash interrupted had happened."""
    try:
        status = os.lstat(case.target)
    except OSError:
        return False
    if os.path.lexists(case.place) or not is_same_file(status, case.identity):
        return False
    ledger.run(lambda: publications.moved(case.arrival, case.target))
    return True


def _move(ledger: Ledger, case: Disposal, folder: bytes) -> None:
    if os.path.dirname(case.place) == folder:  # a retry that failed again
        _write_reason(ledger, case, case.place) if case.failed is not None else None
        return
    if not is_same_file(os.lstat(case.place), case.identity):
        raise FileNotFoundError(case.place)  # another file took its name: that one is not ours to move
    os.makedirs(folder, exist_ok=True)
    target = free_name(folder, os.path.basename(case.place))
    _move_companions(ledger, case, folder)
    if case.failed is not None:
        _write_reason(ledger, case, target)
    ledger.run(lambda: publications.intend_move(case.arrival, target))
    move_exclusive(case.place, target)
    ledger.run(lambda: publications.moved(case.arrival, target))
    if case.failed is None:
        _remove_reason(ledger, case)


def _move_companions(ledger: Ledger, case: Disposal, folder: bytes) -> None:
    """The subtitles that came along go where the source goes, before it: a crash between leaves the source to do again."""
    for number, sidecar in ledger.run(lambda: companions.of(case.arrival)):
        if os.path.dirname(sidecar.path) == folder or not os.path.lexists(sidecar.path):
            continue
        target = free_name(folder, os.path.basename(sidecar.path))
        move_exclusive(sidecar.path, target)
        ledger.run(lambda number=number, target=target: companions.moved(number, target))  # type: ignore[misc]


def free_name(folder: bytes, name: bytes) -> bytes:
    """A path in `folder` that is free: `name`, or with (2), (3)... before its extension."""
    stem, extension = os.path.splitext(name)
    stem = stem[: 255 - len(extension) - 8]
    target, number = os.path.join(folder, name), 2
    while os.path.lexists(target):
        target, number = os.path.join(folder, stem + b" (%d)" % number + extension), number + 1
    return target


def _write_reason(ledger: Ledger, case: Disposal, target: bytes) -> None:
    _remove_reason(ledger, case)
    row = ledger.run(lambda: publications.failure(case.failed or 0))
    text = reason_text(row, safe(os.path.basename(case.path))).encode()
    folder, name = os.path.split(target)
    path = free_name(folder, name[: 255 - len(_REASON_SUFFIX)] + _REASON_SUFFIX)
    temporary = os.path.join(folder, b".reframe-reason-%d.part" % case.arrival)
    remove_if_there(temporary)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    rename_exclusive(temporary, path)
    digest = hashlib.sha256(text).hexdigest()
    ledger.run(lambda: publications.set_reason_file(case.arrival, path, digest))


def _remove_reason(ledger: Ledger, case: Disposal) -> None:
    """Remove the reason file of an earlier failure, unless somebody has written into it."""
    if not case.reason_file:
        return
    try:
        with open(case.reason_file, "rb") as file:
            ours = hashlib.sha256(file.read(1 << 20)).hexdigest() == case.reason_sha256
    except OSError:
        ours = False
    if ours:
        remove_if_there(case.reason_file)
    ledger.run(lambda: publications.set_reason_file(case.arrival, b"", ""))


def reason_text(job: Any, name: str) -> str:
    """The text of a reason file: what, why, what to do, how to retry."""
    lines = [
        f"{name} was not done.",
        "",
        f"Why:        {job.reason}",
        f"What to do: {job.hint or 'See the log.'}",
        "",
        f"Try again:  reframe retry {job.id}",
        "            or move the file back into the inbox.",
        f"The log:    reframe log {job.id}",
        f"Error code: {job.code} (recipe {job.recipe}, job {job.id})",
    ]
    if job.tail:
        lines += ["", "The last lines of the log:", "", safe_lines(job.tail)]
    return "\n".join(lines) + "\n"


def safe_lines(text: str) -> str:
    """Several lines, each safe."""
    return "\n".join(safe(line) for line in text.splitlines())
