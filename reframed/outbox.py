"""Publishing: artifacts become files in the outbox, atomically, never over a file that is there."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable

from reframed.cache import Cache
from reframed.errors import StepFailed
from reframed.filesystem import copy_synced, fsync_folder, hash_file, remove_if_there, rename_exclusive
from reframed.media.info import SUBTITLES, kind_of
from reframed.store import jobs, publications
from reframed.store.ledger import Ledger
from reframed.store.publications import Delivery, Output, Published
from reframed.subtitles import given
from reframed.text import safe, size

NAME_MAX_BYTES = 255
_NUMBER_BYTES = 8  # room for " (1234)"
log = logging.getLogger(__name__)


class OutboxAway(Exception):
    """The outbox folder is not there: unmounted, most likely."""


def publish(ledger: Ledger, cache: Cache, job_id: int, clock: Callable[[], float]) -> bool:
    """Bring the job's results into its outbox and mark it done; False if it is not publishing (any more).

    Can be interrupted anywhere and called again. Raises StepFailed (no_space, outbox_denied, cache_damaged) and
    OutboxAway.
    """
    delivery = ledger.run(lambda: publications.delivery(job_id))
    if delivery is None:
        return False
    folder = _folder(delivery)
    try:
        _publish_all(ledger, cache, delivery, folder, clock)
    except OSError as error:
        raise explain(error, folder) from error
    ledger.run(lambda: jobs.finish(job_id, clock()))
    return True


def _publish_all(ledger: Ledger, cache: Cache, delivery: Delivery, folder: bytes, clock: Callable[[], float]) -> None:
    os.makedirs(folder, exist_ok=True)
    there = _settle_earlier(ledger, delivery)
    todo = [output for output in delivery.outputs if (output.suffix, output.sha256) not in there]
    todo = [output for output in todo if not _is_their_own(folder, delivery.path, output)]
    number = _free_number(folder, delivery.path, todo)
    for index, output in enumerate(todo):
        while not _publish_one(
            ledger, cache, delivery.job, output, folder, _name(delivery.path, output.suffix, number), index, clock
        ):
            number += 1
    fsync_folder(folder)


def _publish_one(
    ledger: Ledger,
    cache: Cache,
    job: int,
    output: Output,
    folder: bytes,
    name: bytes,
    index: int,
    clock: Callable[[], float],
) -> bool:
    """Publish one file as `name`; False if that name is taken."""
    target = os.path.join(folder, name)
    temporary = os.path.join(folder, b".reframe-%d-%d.part" % (job, index))
    if os.path.lexists(target):
        return False
    intent = ledger.run(lambda: publications.intend(job, output, target, temporary, clock()))
    source = os.fsencode(cache.place(output.key) / output.file)
    try:
        written = copy_synced(source, temporary)
        if written != output.sha256:
            cache.drop(output.key)
            raise StepFailed(
                "cache_damaged", "A cached result was damaged on disk; it is made again.", "Check the disk.", retry=True
            )
        rename_exclusive(temporary, target)
    except FileExistsError:
        ledger.run(lambda: publications.forget(intent))
        return False
    except BaseException:
        remove_if_there(temporary)
        ledger.run(lambda: publications.forget(intent))
        raise
    fsync_folder(folder)
    ledger.run(lambda: publications.confirm(intent))
    log.info("published %s (%s)", safe(target), size(output.size_bytes), extra={"job": job})
    return True


def _settle_earlier(ledger: Ledger, delivery: Delivery) -> set[tuple[str, str]]:
    """Suffix and hash of what this job published before and is still there as it was; tidies the rest."""
    there = set()
    for row in delivery.earlier:
        if _is_there(row):
            there.add((row.suffix, row.sha256))
            if not row.done:
                ledger.run(lambda row=row: publications.confirm(row.id))  # type: ignore[misc]
        elif not row.done or not os.path.lexists(row.target):
            remove_if_there(row.temporary) if not row.done else None
            ledger.run(lambda row=row: publications.forget(row.id))  # type: ignore[misc]
    return there


def _is_their_own(folder: bytes, path: bytes, output: Output) -> bool:
    """Whether the file is a copy of subtitles that came along, and these lie where it would go."""
    try:
        return output.given and hash_file(os.path.join(folder, _name(path, output.suffix, 1))) == output.sha256
    except OSError:
        return False


def _is_there(row: Published) -> bool:
    try:
        return hash_file(row.target) == row.sha256
    except OSError:
        return False


def _folder(delivery: Delivery) -> bytes:
    if not delivery.outbox:
        return os.path.dirname(delivery.place)
    if not os.path.isdir(delivery.outbox):
        raise OutboxAway(os.fsdecode(delivery.outbox))
    return os.path.join(delivery.outbox, delivery.subfolder) if delivery.subfolder else delivery.outbox


def _free_number(folder: bytes, path: bytes, outputs: list[Output]) -> int:
    """The least number at which no output's name is taken, so that the files of a job carry the same one."""
    number = 1
    while any(os.path.lexists(os.path.join(folder, _name(path, output.suffix, number))) for output in outputs):
        number += 1
    return number


def _name(path: bytes, suffix: str, number: int) -> bytes:
    """NAME.en.srt, or NAME (2).en.srt; NAME is cut where the whole would be longer than a name may be."""
    stem = os.path.splitext(os.path.basename(path))[0]
    if kind_of(path) == SUBTITLES:
        stem = os.fsencode(given.parts(os.fsdecode(os.path.basename(path)))[0])
    ending = os.fsencode(suffix)
    room = NAME_MAX_BYTES - len(ending) - _NUMBER_BYTES
    if len(stem) > room:
        stem = stem[:room].decode("utf-8", "ignore").encode() or stem[:room]
    return stem + (b" (%d)" % number if number > 1 else b"") + ending


def explain(error: OSError, folder: bytes) -> StepFailed:
    """What an error of the file system means for a person."""
    where = safe(folder)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StepFailed("no_space", f"There is no space left in {where}.", "Free some space there.", retry=True)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StepFailed(
            "outbox_denied",
            f"The daemon may not write into {where}: {error.strerror}.",
            "Give the daemon's user permission to write there, then retry.",
        )
    return StepFailed(
        "outbox_error", f"Writing into {where} failed: {error.strerror or error}.", "Check the disk.", retry=True
    )
