"""What commands do: each verb of the spool, applied to the ledger."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from reframed.arrival import Sidecar, identity_of
from reframed.commands import Command, payload
from reframed.config import Config
from reframed.errors import ConfigError, ReframeError
from reframed.filesystem import fsync_folder, hash_file, remove_if_there, rename_exclusive
from reframed.media.info import SUBTITLE_EXTENSIONS, SUBTITLES, kind_of
from reframed.outbox import explain
from reframed.paths import WORK
from reframed.queue import Queues
from reframed.recipe import Recipes, settings_of
from reframed.steps.styled import load_style, own_folder
from reframed.store import arrivals, companions, jobs, switches
from reframed.store.jobs import Verdict
from reframed.store.ledger import Ledger
from reframed.text import did_you_mean, listing, safe

PRIORITY_MOST = 9
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)
Outcome = dict[str, Any]
_Apply = Callable[[Command, float], Outcome]


class _Home(NamedTuple):
    """Where a job's source lies now."""

    arrival: int
    place: bytes


class Verbs:
    """Applies commands. `prepare` may touch files; `apply` runs on the ledger's writer, in one transaction."""

    def __init__(self, ledger: Ledger, queues: Queues, config: Config, recipes: Recipes) -> None:
        self._ledger = ledger
        self._queues = queues
        self.config = config
        self.recipes = recipes

    def prepare(self, command: Command) -> Sidecar | None:
        """What has to be there before the command can be applied. Raises ReframeError."""
        return self._write_captions(command) if command.verb == "recaption" else None

    def apply(self, command: Command, now: float, prepared: Sidecar | None) -> Outcome:
        """Do it: a message for people, and the jobs it was about. Raises ReframeError if it is refused."""
        if command.verb == "recaption":
            assert prepared is not None
            return self._recaption(command, now, prepared)
        apply: dict[str, _Apply] = {
            "retry": self._retry,
            "cancel": self._cancel,
            "add": self._add,
            "priority": self._priority,
            "restyle": self._restyle,
            "pause": self._switch,
            "drain": self._switch,
            "resume": self._switch,
        }
        return apply[command.verb](command, now)

    def _retry(self, command: Command, now: float) -> Outcome:
        ids = self._owned(command)
        for job_id in ids:
            jobs.retry(job_id, now)
        return {"message": f"Queued again: {_jobs(ids)}.", "jobs": ids}

    def _cancel(self, command: Command, now: float) -> Outcome:
        ids = self._owned(command)
        verdict = Verdict("cancelled", "Cancelled by hand.", "To run it after all: `reframe retry`.")
        for job_id in ids:
            jobs.cancel(job_id, verdict, now)
        return {"message": f"Cancelled: {_jobs(ids)}.", "jobs": ids}

    def _add(self, command: Command, now: float) -> Outcome:
        if not self._is_operator(command.author_uid):
            raise ReframeError("Only the daemon's user, root and `operators:` may add files.", "Drop it into an inbox.")
        path = bytes.fromhex(command.arguments["path"])
        recipe = str(command.arguments["recipe"])
        if recipe not in self.recipes:
            known = listing(sorted(self.recipes))
            hint = did_you_mean(recipe, self.recipes)
            raise ReframeError(f'There is no recipe "{safe(recipe)}"{hint}.', f"There are: {known}.")
        if not os.path.isabs(path) or not os.path.isfile(path) or os.path.islink(path):
            raise ReframeError(
                f"{safe(path)} is not a file that the daemon can see.", "Give the file itself, not a link."
            )
        identity = identity_of(os.stat(path))
        earlier = arrivals.job_of(path, identity.size, identity.mtime_ns, recipe, self.recipes[recipe].revision)
        if earlier is not None:
            number, state = earlier
            raise ReframeError(
                f"{safe(path)} is job {number} already ({state}).", f"Once more: `reframe retry {number}`."
            )
        arrivals.add(path, recipe, command.author_uid, now)
        return {"message": f"Added {safe(path)} for {recipe}.", "jobs": []}

    def _priority(self, command: Command, now: float) -> Outcome:
        ids, priority = self._owned(command), int(command.arguments["priority"])
        if not -PRIORITY_MOST <= priority <= PRIORITY_MOST:
            raise ReframeError(f"{priority} is no priority.", f"From -{PRIORITY_MOST} to {PRIORITY_MOST}; 0 is usual.")
        for job_id in ids:
            jobs.set_priority(job_id, priority, now)
        self._queues.forget(jobs.ready_steps(ids))
        return {"message": f"Priority {priority}: {_jobs(ids)}.", "jobs": ids}

    def _restyle(self, command: Command, now: float) -> Outcome:
        ids, style = self._owned(command), str(command.arguments.get("style", ""))
        own = own_folder(settings_of(self.config), "styles")
        try:
            load_style(style, own)
        except ConfigError as error:
            raise ReframeError(f'The style "{safe(style)}" has faults: {error.message}', "Mend it first.") from None
        for job_id in ids:
            jobs.set_option(job_id, "styled", "style", style)
            jobs.retry(job_id, now)
        return {"message": f'Rendered again in the style "{safe(style)}": {_jobs(ids)}.', "jobs": ids}

    def _write_captions(self, command: Command) -> Sidecar:
        """Put edited captions beside their video, as a file of the user's own; never over one that is there."""
        language = str(command.arguments.get("language", ""))
        if language and not _TAG.fullmatch(language):
            raise ReframeError(f'"{safe(language)}" is no language tag.', "Like en or pt-BR.")
        format_ = str(command.arguments.get("format", "srt"))
        if format_ not in SUBTITLE_EXTENSIONS:
            raise ReframeError(
                f'"{safe(format_)}" is no format of subtitles.', f"One of {listing(sorted(SUBTITLE_EXTENSIONS))}."
            )
        data = payload(command)
        self._check_captions(data, format_)
        home = self._ledger.run(partial(self._home, command))
        digest = hashlib.sha256(data).hexdigest()
        folder = os.path.dirname(home.place)
        temporary = os.path.join(folder, b".reframe-captions-%d.part" % home.arrival)
        try:
            remove_if_there(temporary)
            with os.fdopen(
                os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "wb"
            ) as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            target = _put(temporary, home.place, f".{language}.{format_}" if language else f".{format_}", digest)
            fsync_folder(folder)
        except OSError as error:
            found = explain(error, folder)
            raise ReframeError(f"The captions were not saved. {found.message}", found.hint) from None
        finally:
            remove_if_there(temporary)
        status = os.lstat(target)
        return Sidecar(target, status.st_size, status.st_mtime_ns, digest, language)

    def _check_captions(self, data: bytes, format_: str) -> None:
        """Raise ReframeError unless the captions can be read."""
        from reframed.subtitles import files

        work = self.config.state_path / WORK
        try:
            with tempfile.TemporaryDirectory(dir=work) as name:
                path = Path(name) / f"captions.{format_}"
                path.write_bytes(data)
                files.read(path)
        except OSError as error:
            found = explain(error, os.fsencode(work))
            raise ReframeError(f"The captions were not saved. {found.message}", found.hint) from None

    def _home(self, command: Command) -> _Home:
        """The source of the command's job, if captions can be given to it. Raises ReframeError."""
        job_id = self._owned(command)[0]
        arrival, place = jobs.source(job_id)
        if kind_of(place) == SUBTITLES:
            raise ReframeError(f"Job {job_id} came from a subtitle file.", "Edit that file, and drop it again.")
        if jobs.option(job_id, "transcribe", "sidecar", "use") != "use":
            raise ReframeError(
                f"The recipe of job {job_id} does not use subtitles that come along.",
                "Set `sidecar: use` for its step transcribe.",
            )
        if not os.path.lexists(place):
            raise ReframeError(f"The source of job {job_id} is not there any more.", "Drop it again, with captions.")
        jobs.require_retry(job_id)
        return _Home(arrival, place)

    def _recaption(self, command: Command, now: float, captions: Sidecar) -> Outcome:
        ids = self._owned(command)
        home = self._home(command)
        companions.replace(home.arrival, captions)
        jobs.retry(ids[0], now)
        where = safe(captions.path)
        return {"message": f"Saved as {where}; job {ids[0]} starts again from there.", "jobs": ids[:1]}

    def _switch(self, command: Command, now: float) -> Outcome:
        if not self._is_operator(command.author_uid):
            raise ReframeError("Only the daemon's user, root and `operators:` may do that.", "Ask one of them.")
        if command.verb == "resume":
            were = switches.turn_off()
            return {"message": "Going on." if were else "Nothing was paused.", "jobs": []}
        switches.turn_on("pause" if command.verb == "pause" else "drain", command.author_uid, now)
        if command.verb == "pause":
            return {"message": "No more files are taken until `reframe resume`; jobs go on.", "jobs": []}
        return {"message": "No more steps are started until `reframe resume`; those that run go on.", "jobs": []}

    def _owned(self, command: Command) -> list[int]:
        """The command's jobs. Raises ReframeError if one is not there or not the author's to command."""
        ids = [int(job_id) for job_id in command.arguments["jobs"]]
        if not ids:
            raise ReframeError("Which job?", "Give the numbers that `reframe jobs` shows.")
        for job_id in ids:
            owner = jobs.owner(job_id)
            if owner is None:
                raise ReframeError(f"There is no job {job_id}.", "See `reframe jobs`.")
            if owner != command.author_uid and not self._is_operator(command.author_uid):
                raise ReframeError(
                    f"Job {job_id} belongs to somebody else.",
                    "The daemon's user, root and `operators:` may command all.",
                )
        return ids

    def _is_operator(self, uid: int) -> bool:
        names = set(self.config.operators)
        try:
            named = pwd.getpwuid(uid).pw_name in names
        except KeyError:
            named = False
        return named or uid in (0, os.getuid())


def _put(temporary: bytes, source: bytes, suffix: str, digest: str) -> bytes:
    """Give the captions a name beside their video: NAME.en.srt, or NAME.edited.en.srt, NAME.edited (2).en.srt..."""
    stem = os.path.splitext(source)[0]
    ending = suffix.encode()
    number = 0
    while True:
        mark = b"" if number == 0 else b".edited" if number == 1 else b".edited (%d)" % number
        folder, name = os.path.split(stem)
        target = os.path.join(folder, name[: 255 - len(mark + ending)] + mark + ending)
        try:
            rename_exclusive(temporary, target)
        except FileExistsError:
            if _has(target, digest):
                return target
            number += 1
        else:
            return target


def _has(path: bytes, digest: str) -> bool:
    """Whether that very content lies there already: saved once more, or a command that a crash interrupted."""
    try:
        return hash_file(path) == digest
    except OSError:
        return False


def _jobs(ids: list[int]) -> str:
    return f"job{'s' if len(ids) > 1 else ''} {listing(map(str, ids))}"
