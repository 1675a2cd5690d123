"""Slots: each drives one warm runner. A queue's worker thread comes in with a step id and leaves when the step has ended."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import stat
import threading
import time
import uuid
from pathlib import Path

import msgspec

from reframed.arrival import identity_of
from reframed.cache import step_key
from reframed.capacity import no_room
from reframed.child import Child, ChildDied, ChildSilent, RunnerBroken
from reframed.config import Config
from reframed.errors import ReframeError, StepFailed
from reframed.filesystem import hash_file
from reframed.media.info import SUBTITLES, MediaInfo
from reframed.outbox import explain
from reframed.outcomes import Hooks, Outcomes
from reframed.paths import WORK, job_log, kept_folder
from reframed.progress import Tracker
from reframed.protocol import (
    Done,
    Failed,
    Input,
    Message,
    Note,
    Probed,
    ProbeRequest,
    Progress,
    RunRequest,
    Settings,
    Sidecar,
    pack_path,
)
from reframed.recipe import settings_of
from reframed.steps import names as step_names
from reframed.steps import step_class
from reframed.steps.base import Step
from reframed.store import arrivals, jobs
from reframed.store.jobs import Claimed, Hold, Verdict
from reframed.store.ledger import Ledger, Stopped
from reframed.subtitles import given
from reframed.text import safe

log = logging.getLogger(__name__)


class _Blocked(Exception):
    """The job has to wait for something outside it."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.verdict = Verdict(code, message, hint)


class _SourceGone(Exception):
    """The source is not the file that was taken."""


class Slots:
    """Runs claimed steps on runners, as many at once as there are queue workers."""

    def __init__(self, ledger: Ledger, config: Config, hooks: Hooks) -> None:
        self._ledger = ledger
        self._hooks = hooks
        self._outcomes = Outcomes(ledger, config, hooks)
        self._config = config
        self._lock = threading.Lock()
        self._idle: list[tuple[str, Child]] = []
        self._running: dict[str, tuple[int, Child]] = {}  # by claim: the job and its runner
        self._stopping = False

    @property
    def outcomes(self) -> Outcomes:
        """What publishes finished jobs."""
        return self._outcomes

    def adopt(self, config: Config) -> None:
        """Go on with another configuration."""
        self._config = self._outcomes.config = config

    def execute(self, kind: str, step_id: int) -> None:
        """Claim the step, run it, record how it ended. Called by the queue's workers; never raises."""
        token = uuid.uuid4().hex
        try:
            claimed = self._ledger.run(lambda: jobs.claim(step_id, token, time.time()))
            if claimed is not None:
                self._execute(kind, claimed)
        except Stopped:
            pass
        except Exception:  # the edge of a worker thread
            log.exception("step %d ended in an error of the daemon itself", step_id)

    def cancel(self, job_id: int) -> None:
        """End the runner that works for the job, if one does."""
        self._end(self._claims_on(job_id))

    def _claims_on(self, job_id: int) -> list[str]:
        with self._lock:
            return [claim for claim, (job, _) in self._running.items() if job == job_id]

    def _end(self, claims: list[str]) -> None:
        """Kill the runners that still work for `claims`; one that was given back may work for another job by now."""
        with self._lock:
            for claim in claims:
                if claim in self._running:
                    self._running[claim][1].kill()

    def start_over(self, job_id: int, reason: str) -> None:
        """Queue the job again from its first step, and end the runner that works for it."""
        claims = self._claims_on(job_id)  # before the job is queued: whoever takes it then must not be ended
        self._ledger.run(lambda: jobs.start_over(job_id, reason, time.time()))
        self._end(claims)

    def end_idle(self) -> None:
        """End runners idle for longer than configured."""
        limit = self._config.models.idle_unload
        now = time.monotonic()
        with self._lock:
            due = [item for item in self._idle if now - item[1].idle_since >= limit]
            self._idle = [item for item in self._idle if item not in due]
        for _, child in due:
            child.close()

    def stop(self) -> None:
        """Kill every runner; steps under way go back to the queue."""
        with self._lock:
            self._stopping = True
            children = [child for _, child in [*self._idle, *self._running.values()]]
            self._idle = []
        for child in children:
            child.kill()

    def _execute(self, kind: str, claimed: Claimed) -> None:
        marks = {"job": claimed.job, "step": claimed.name}
        log.info("%s of %s starts", claimed.name, claimed.display, extra=marks)
        started = time.monotonic()
        try:
            following = self._run_step(kind, claimed)
        except Exception as error:  # noqa: BLE001 - told apart there
            self._ended_badly(claimed, error)
        else:
            log.info("%s of %s took %.2f s", claimed.name, claimed.display, time.monotonic() - started, extra=marks)
            if following is None:
                self._outcomes.publish(claimed.job, claimed.arrival)
        self._hooks.steps_due()

    def _ended_badly(self, claimed: Claimed, error: Exception) -> None:
        """Record why the step did not end well. A stop is nobody's failure; a claim that fell has no say."""
        hold = _hold(claimed)
        if self._stopping or isinstance(error, Stopped):
            self._ledger.run(lambda: jobs.release(*hold))
            return
        match error:
            case _Blocked():
                self._outcomes.block(claimed.job, error.verdict, hold)
            case _SourceGone():
                self._outcomes.source_gone(claimed, str(error))
            case ChildDied():
                self._crashed(claimed, error)
            case RunnerBroken():
                self._outcomes.block(claimed.job, Verdict("runner_broken", error.message, error.hint), hold)
            case StepFailed():
                self._outcomes.failed(claimed.job, claimed.arrival, error, hold)
            case OSError():
                failed = explain(error, os.fsencode(self._config.state))
                self._outcomes.failed(claimed.job, claimed.arrival, failed, hold)
            case _:
                self._outcomes.broke(claimed.job, claimed.arrival, error, hold)

    def _run_step(self, kind: str, claimed: Claimed) -> int | None:
        """Run or find the step's result; the id of the next step."""
        self._check_room(claimed)
        source = self._check_source(claimed)
        claimed = self._with_media(kind, claimed)
        step = _decode(claimed)
        settings = settings_of(self._config, "cuda" if kind == "gpu" else "cpu")
        inputs = [item.sha256 for _, item in claimed.inputs] or [claimed.sha256]
        sidecars = step.reads(_sidecars(claimed))
        inputs += [f"{sidecar.sha256}:{sidecar.language}" for sidecar in sidecars]
        media = msgspec.json.decode(claimed.media, type=MediaInfo)
        named = _named_language(claimed, media)
        inputs += [f"language:{named}"] if named else []
        try:
            key = step_key(claimed.name, step, settings, inputs)
        except ReframeError as error:
            raise StepFailed("model_missing", error.message, error.hint) from error
        artifacts = self._outcomes.cache.get(key)
        cached, engine_s = artifacts is not None, 0.0
        if artifacts is None:
            done, folder = self._run_fresh(kind, claimed, step, settings, media, source, sidecars, named)
            self._check_source(claimed)
            inputs += [f"stand-in:{claimed.step}:{claimed.attempt}"] if done.stand_in else []
            # A model that was fetched during the run is part of the key from now on.
            key = step_key(claimed.name, step, settings, inputs)
            artifacts = self._outcomes.cache.put(key, claimed.name, folder, done.artifacts)
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(kept_folder(self._config.state_path, claimed.job, claimed.step), ignore_errors=True)
            engine_s = done.engine_s
        held, following = self._ledger.run(
            lambda: jobs.complete(
                claimed.step,
                claimed.claim,
                key,
                artifacts or [],
                cached=cached,
                engine_s=engine_s,
                media_s=media.duration_s,
                now=time.time(),
            )
        )
        if not held:
            raise Stopped  # cancelled at the last moment: its result stays in the cache
        return following

    def _run_fresh(
        self,
        kind: str,
        claimed: Claimed,
        step: Step,
        settings: Settings,
        media: MediaInfo,
        source: bytes,
        sidecars: tuple[Sidecar, ...],
        named_language: str,
    ) -> tuple[Done, Path]:
        state = self._config.state_path
        folder = state / WORK / f"{claimed.job}-{claimed.step}-{claimed.attempt}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        kept = kept_folder(state, claimed.job, claimed.step)
        kept.mkdir(parents=True, exist_ok=True)
        log_path = job_log(state, claimed.job, claimed.attempt)
        log_path.parent.mkdir(parents=True, exist_ok=True)
        request = RunRequest(
            step=claimed.name,
            options=msgspec.to_builtins(step),
            source=pack_path(source),
            media=media,
            inputs=[
                Input(path=str(self._outcomes.cache.place(key) / item.file), artifact=item)
                for key, item in claimed.inputs
            ],
            sidecars=sidecars,
            folder=str(folder),
            kept=str(kept),
            log=str(log_path),
            label=f"job {claimed.job}, step {claimed.step}, attempt {claimed.attempt}",
            settings=settings,
            named_language=named_language,
        )
        try:
            answer = self._converse(kind, claimed, request, media.duration_s)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if isinstance(answer, Done):
            return answer, folder
        shutil.rmtree(folder, ignore_errors=True)
        assert isinstance(answer, Failed)
        raise StepFailed(answer.code, answer.message, answer.hint, answer.tail, retry=answer.retry)

    def _converse(self, kind: str, claimed: Claimed, request: RunRequest | ProbeRequest, media_s: float) -> Message:
        """Hand a request to a runner and follow it to its last message. Raises ChildDied, StepFailed."""
        child = self._take(kind, claimed)
        healthy = False
        try:
            progress = Tracker(self._ledger, claimed, media_s)
            child.send(request)
            while True:
                message = child.receive(self._config.limits.stall)
                if isinstance(message, Progress):
                    progress.report(message.fraction)
                elif isinstance(message, Note):
                    self._note(claimed, message)
                else:
                    healthy = True
                    return message
        except ChildSilent:
            raise StepFailed(
                "stalled",
                f"The step reported nothing for {self._config.limits.stall:.0f} s and was stopped.",
                "Raise `limits: stall:` if this machine is that slow.",
                retry=True,
            ) from None
        finally:
            self._give_back(kind, claimed.claim, child, healthy)

    def _take(self, kind: str, claimed: Claimed) -> Child:
        """A warm runner, or a new one. Raises Stopped if the claim fell meanwhile (cancelled, or the daemon stops)."""
        with self._lock:
            found = next((item for item in reversed(self._idle) if item[0] == kind and item[1].alive), None)
            if found:
                self._idle.remove(found)
        child = found[1] if found else Child(self._config.state_path, self._config.nice, self._config.offline)
        with self._lock:
            self._running[claimed.claim] = (claimed.job, child)
        # From here on `cancel` and `stop` find the runner; what they did before shows now.
        if self._stopping or not self._ledger.run(lambda: jobs.is_held(_hold(claimed))):
            self._give_back(kind, claimed.claim, child, healthy=not self._stopping)
            raise Stopped
        return child

    def _give_back(self, kind: str, claim: str, child: Child, healthy: bool) -> None:
        with self._lock:
            self._running.pop(claim, None)
            keep = healthy and child.alive and not self._stopping
            if keep:
                child.idle_since = time.monotonic()
                self._idle.append((kind, child))
        if not keep:
            child.close()

    def _note(self, claimed: Claimed, message: Note) -> None:
        level = logging.INFO if message.level == "info" else logging.WARNING
        log.log(level, "%s", message.text, extra={"job": claimed.job, "step": claimed.name})
        self._ledger.run(lambda: jobs.note(claimed.job, message.level, message.code, message.text, time.time()))

    def _check_room(self, claimed: Claimed) -> None:
        """Raise _Blocked while a disk that the job writes to is nearly full."""
        reason = no_room(self._config, claimed.outbox)
        if reason:
            raise _Blocked("no_space", reason, "Free some space; the job then goes on by itself.")

    def _check_source(self, claimed: Claimed) -> bytes:
        """The source's path, if it still is the file that was taken. Raises _SourceGone, _Blocked."""
        try:
            status = os.lstat(claimed.path)
        except OSError as error:
            if claimed.root and not os.path.isdir(claimed.root):
                where = safe(claimed.root)
                raise _Blocked("inbox_away", f"The inbox {where} is not there.", "Is its disk mounted?") from None
            if isinstance(error, FileNotFoundError):
                raise _SourceGone("The source was removed before it was done.") from None
            message = f"The source cannot be read: {error.strerror}."
            raise StepFailed("unreadable", message, "Give the daemon's user permission to read it.") from None
        identity = identity_of(status)
        unchanged = (identity.size, identity.mtime_ns) == (claimed.size, claimed.mtime_ns)
        if not stat.S_ISREG(status.st_mode) or not unchanged:
            raise _SourceGone("The source changed after it was taken; as it is now, it is a new arrival.")
        return claimed.path

    def _with_media(self, kind: str, claimed: Claimed) -> Claimed:
        """Probe a source that could not be read when it arrived (a retry). Raises StepFailed."""
        if claimed.media:
            return claimed
        answer = self._converse(kind, claimed, ProbeRequest(pack_path(claimed.path)), 0.0)
        if not isinstance(answer, Probed):
            assert isinstance(answer, Failed)
            raise StepFailed(answer.code, answer.message, answer.hint, answer.tail)
        media = msgspec.json.encode(answer.media).decode()
        self._ledger.run(lambda: arrivals.set_media(claimed.arrival, media, answer.sha256))
        return claimed._replace(media=media, sha256=answer.sha256)

    def _crashed(self, claimed: Claimed, died: ChildDied) -> None:
        if not self._ledger.run(lambda: jobs.is_held(_hold(claimed))):
            return  # cancelled: that is why it died
        verdict = Verdict(
            "runner_crashed",
            f"The process that ran {claimed.name} {died}.",
            "The file may be damaged, or memory too short: try a smaller model. The log has its last words.",
        )
        limit = self._config.limits.crashes
        self._outcomes.end(claimed.job, claimed.arrival, verdict, limit, 0.0, "crashes", _hold(claimed))


def _sidecars(claimed: Claimed) -> tuple[Sidecar, ...]:
    """The subtitles that came along, as they are now: somebody may have corrected or removed them."""
    found = []
    for companion in claimed.companions:
        with contextlib.suppress(OSError):
            digest = hash_file(os.fsdecode(companion.path))
            name = safe(os.path.basename(companion.path))
            found.append(Sidecar(path=pack_path(companion.path), name=name, sha256=digest, language=companion.language))
    return tuple(found)


def _named_language(claimed: Claimed, media: MediaInfo) -> str:
    """What the name of a subtitle file says about its language."""
    return given.parts(os.fsdecode(os.path.basename(claimed.path)))[1] if media.kind == SUBTITLES else ""


def _hold(claimed: Claimed) -> Hold:
    return Hold(claimed.step, claimed.claim)


def _decode(claimed: Claimed) -> Step:
    """The step's options as planned. Raises StepFailed if this version of Reframe does not know them any more."""
    try:
        if claimed.name not in step_names():
            raise msgspec.ValidationError(f"there is no step {claimed.name}")
        return msgspec.json.decode(claimed.options, type=step_class(claimed.name))
    except msgspec.ValidationError as error:
        raise StepFailed(
            "recipe_outdated",
            f"The job was planned by another version of Reframe: {error}.",
            "Drop the file again, or `reframe add` it: it is then planned anew.",
        ) from None
