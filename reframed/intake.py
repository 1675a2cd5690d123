"""The intake thread: from files that appear in inboxes to jobs in the ledger."""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

import msgspec

from reframed.arrival import Arrival, Identity, Sidecar, identity_of
from reframed.config import BESIDE, Config, Inbox
from reframed.disposal import dispose
from reframed.filesystem import mount_of
from reframed.inbox import bundle, lease
from reframed.inbox.bundle import Bundles
from reframed.inbox.latecomers import Latecomers, is_fresh
from reframed.inbox.prober import Prober
from reframed.inbox.scan import SIDECAR, Found, Why
from reframed.inbox.settle import LOCAL_SETTLE_S, NETWORK_SETTLE_S, Act, Candidate
from reframed.inbox.watch import FOLDERS_MAX, Watcher
from reframed.inbox.watched import Entry, Watched, no_permission
from reframed.media.info import SUBTITLES, kind_of
from reframed.protocol import Failed, Probed
from reframed.recipe import Recipe, Recipes
from reframed.steps import step_class
from reframed.store import arrivals, companions, switches
from reframed.store.arrivals import SightingRow
from reframed.store.jobs import JobPlan, StepPlan, Verdict
from reframed.store.ledger import Ledger, Stopped
from reframed.store.publications import arrival_of
from reframed.text import safe

LOOK_EVERY_S = 2.0
NETWORK_LOOK_EVERY_S = 10.0
FULL_LOOK_EVERY_S = 300.0
SIDECAR_LOOK_EVERY_S = 0.2
SUBTITLES_WAIT_S = 5.0
HINT_PAUSE_S = 0.05
ERROR_PAUSE_S = 60.0
LOOK_PAUSE_MAX_S = 60.0
ADDED = "added"
log = logging.getLogger(__name__)


class Intake:
    """Looks, waits, takes. One thread; `hint`, `reload` and `stop` may be called from others."""

    def __init__(
        self,
        ledger: Ledger,
        prober: Prober,
        watcher: Watcher,
        config: Config,
        recipes: Recipes,
        jobs_added: Callable[[], None],
        start_over: Callable[[int, str], None],
    ) -> None:
        self._ledger = ledger
        self._watcher = watcher
        self._prober = prober
        self._jobs_added = jobs_added
        self._bundles = Bundles()
        self._late = Latecomers(ledger, start_over, time.time)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._next: tuple[Config, Recipes] | None = (config, recipes)
        self._hinted = True
        self._watched: list[Watched] = []
        self._recipes: Recipes = {}
        self._config = config
        self._entries: dict[bytes, Entry] = {}
        self._postponed: dict[bytes, float] = {}  # files that met an unexpected error
        self._answers: list[tuple[bytes, Identity, Probed | Failed | None]] = []
        self._known: set[tuple[str, Identity]] = set()
        self._folders: list[tuple[str, str, str, str, float]] = []
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self.failed: BaseException | None = None
        self.looking_at: tuple[str, float] | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End it, and the prober's children."""
        self._stopping.set()
        self._wake.set()
        self._prober.stop()
        if self._thread.is_alive():
            self._thread.join(10)

    def reload(self, config: Config, recipes: Recipes) -> None:
        """Go on with another configuration."""
        with self._lock:
            self._next = (config, recipes)
        self.hint()

    def hint(self) -> None:
        """Something may have changed: look again, additions and known files included."""
        self._hinted = True
        self._wake.set()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                due = self._tick(time.monotonic())
                if self._wake.wait(max(0.0, due - time.monotonic())):
                    self._stopping.wait(HINT_PAUSE_S)  # let a burst of events become one look
                    self._wake.clear()
                    self._look_soon()
        except Stopped:
            pass
        except BaseException as error:
            log.exception("the intake stopped")
            self.failed = error

    def _look_soon(self) -> None:
        for watched in self._watched:
            if not watched.polled:
                watched.look_at = 0.0

    def _tick(self, now: float) -> float:
        """One round; the clock time of the next."""
        self._apply_reload()
        if self._hinted:
            self._hinted = False
            self._refresh()
        for watched in self._watched:
            if now >= watched.look_at:
                self._look_safely(watched, now)
        self._write_folders()
        self._take_answers(now)
        due = min((watched.look_at for watched in self._watched), default=now + LOOK_EVERY_S)
        for path in list(self._entries):
            due = min(due, self._advance_safely(path, now))
        self._prober.end_idle()
        return due

    def _apply_reload(self) -> None:
        with self._lock:
            following, self._next = self._next, None
        if following is None:
            return
        self._config, self._recipes = following
        paths = {inbox.path for inbox in self._config.inboxes}
        for watched in self._watched:
            if watched.inbox.path not in paths:
                self._watcher.drop(watched.inbox.path)
        self._watched = [
            Watched(inbox, [self._recipes[name] for name in inbox.recipes]) for inbox in self._config.inboxes
        ]
        self._entries.clear()
        self._folders = []
        self._ledger.run(arrivals.clear_sightings)

    def _refresh(self) -> None:
        """Read from the ledger what others may have changed: known files and additions."""
        self._known = set(self._ledger.run(arrivals.known_identities))
        for path, recipe, _ in self._ledger.run(arrivals.additions):
            if path not in self._entries:
                self._offer_added(path, recipe)

    def _offer_added(self, path: bytes, recipe: str) -> None:
        try:
            status = os.lstat(path)
        except OSError as error:
            log.warning("%s was added, but cannot be read: %s", safe(path), error.strerror)
            self._ledger.run(partial(arrivals.drop_addition, path))
            return
        settle_s = NETWORK_SETTLE_S if mount_of(path).is_network else LOCAL_SETTLE_S
        since = time.monotonic() - (settle_s if time.time() - status.st_mtime > settle_s else 0)
        candidate = Candidate(identity_of(status), since, settle_s, grace_s=0.0)
        self._entries[path] = Entry(candidate, None, b"", recipe)

    def _look_safely(self, watched: Watched, now: float) -> None:
        """One inbox must not end the others' intake."""
        self.looking_at = (watched.inbox.name, now)
        try:
            self._look(watched, now)
        except Stopped:
            raise
        except Exception as error:
            log.exception("looking into the inbox %s failed", watched.inbox.name)
            watched.trouble = f"looking into it failed: {type(error).__name__}: {error}"
            watched.look_at = now + ERROR_PAUSE_S
        self.looking_at = None

    def _advance_safely(self, path: bytes, now: float) -> float:
        """One file must not end the others' intake."""
        try:
            return self._advance(path, now) if now >= self._postponed.get(path, 0.0) else self._postponed[path]
        except Stopped:
            raise
        except Exception as error:
            log.exception("%s could not be taken", safe(path))
            self._postponed[path] = now + ERROR_PAUSE_S
            why = Why("error", f"an unexpected error, tried again in a minute: {type(error).__name__}: {error}")
            self._explain(self._entries[path], path, why)
            return now + ERROR_PAUSE_S

    def _look(self, watched: Watched, now: float) -> None:
        started = time.monotonic()
        look = watched.scanner.look(full=now >= watched.full_at)
        if now >= watched.full_at:
            watched.full_at, watched.looked_at = now + FULL_LOOK_EVERY_S, time.time()
        took = time.monotonic() - started
        pause = NETWORK_LOOK_EVERY_S if watched.network else LOOK_EVERY_S
        watched.look_at = now + max(pause, min(500 * took, LOOK_PAUSE_MAX_S))
        watched.trouble, watched.folders = look.trouble, look.folders
        if not watched.polled and not look.trouble:
            self._watch(watched)
        for found in look.found:
            self._offer(watched, found, now)
        for path, why in look.reasons.items():
            if why.code == SIDECAR:  # its video came while it was waiting to be taken by itself
                self._entries.pop(path, None)
        self._write_reasons(watched, self._late.sort_out(watched.inbox, watched.settle_s, look.reasons))

    def _watch(self, watched: Watched) -> None:
        if watched.folders > FOLDERS_MAX and watched.inbox.watch == "auto":
            log.info("%s has %d folders: it is polled", watched.inbox.name, watched.folders)
            self._watcher.drop(watched.inbox.path)
            watched.polled = True
            return
        trouble = self._watcher.keep(watched.inbox.path, watched.inbox.recursive, self._wake.set)
        if trouble:
            log.warning("the inbox %s is polled: %s", watched.inbox.name, trouble)
            watched.polled = True

    def _offer(self, watched: Watched, found: Found, now: float) -> None:
        identity = identity_of(found.status)
        if found.path in self._entries or (watched.inbox.name, identity) in self._known:
            return
        if self._ledger.run(partial(arrivals.is_ours, found.path)):
            return
        settle_s = watched.settle_s
        if kind_of(found.path) == SUBTITLES:  # perhaps they belong to a video that follows
            settle_s = max(settle_s, min(SUBTITLES_WAIT_S, watched.inbox.sidecar_grace))
        candidate = Candidate(identity, now, settle_s, watched.inbox.grace)
        self._entries[found.path] = Entry(candidate, watched.inbox, found.subfolder, "")

    def _advance(self, path: bytes, now: float) -> float:
        """Bring one candidate on; when to come back to it."""
        entry = self._entries[path]
        try:
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode):
                raise FileNotFoundError
        except OSError:
            self._forget(path, entry)
            return now + LOOK_EVERY_S
        identity = identity_of(status)
        entry.candidate.seen(identity, now)
        try:
            writers = lease.writers(path)
        except OSError as error:
            self._explain(entry, path, no_permission(error, status))
            entry.candidate.still_since = now
            return now + LOOK_EVERY_S
        decision = entry.candidate.decide(now, writers)
        if decision.act is Act.PROBE:
            self._probe(path, entry.candidate, identity)
        elif decision.act is Act.TAKE:
            self._take(path, entry, status)
            return now + (SIDECAR_LOOK_EVERY_S if path in self._entries else LOOK_EVERY_S)
        self._explain(entry, path, decision.why)
        return max(decision.again_at, now + 0.02) if decision.act is Act.WAIT else now + LOOK_EVERY_S

    def _probe(self, path: bytes, candidate: Candidate, identity: Identity) -> None:
        candidate.probing = True
        future = self._prober.probe(path, identity.size)
        future.add_done_callback(partial(self._answered, path, identity))

    def _answered(self, path: bytes, identity: Identity, future: Future[Probed | Failed]) -> None:
        if future.cancelled() or self._stopping.is_set():
            return
        error = future.exception()
        if error is not None:
            log.error("%s cannot be probed now: %s", safe(path), error)
        answer = future.result() if error is None else None
        with self._lock:
            self._answers.append((path, identity, answer))
        self._wake.set()

    def _take_answers(self, now: float) -> None:
        with self._lock:
            answers, self._answers = self._answers, []
        for path, identity, answer in answers:
            entry = self._entries.get(path)
            if entry is not None and answer is not None:
                entry.candidate.probed(identity, answer, now)
            elif entry is not None:
                entry.candidate.postponed(now)

    def _take(self, path: bytes, entry: Entry, status: os.stat_result) -> None:
        answer = entry.candidate.verdict
        assert answer is not None
        if self._ledger.run(lambda: switches.is_on("pause")):
            self._explain(entry, path, Why("paused", "an operator paused the intake; `reframe resume` goes on"))
            return
        sidecars = self._sidecars(path, entry)
        if sidecars is None:
            self._explain(entry, path, Why("sidecar", "its subtitles are still arriving"))
            return
        arrival = self._arrival(path, entry, status, answer, sidecars)
        verdict = Verdict(answer.code, answer.message, answer.hint, answer.tail) if isinstance(answer, Failed) else None
        plans = self._plans(path, entry)
        now = time.time()
        taken = self._ledger.run(lambda: _record(arrival, plans, verdict, now, added=entry.inbox is None))
        self._forget(path, entry)
        for sidecar in sidecars:
            self._explain(entry, sidecar.path, None)
        if entry.inbox is not None:
            self._known.add((entry.inbox.name, entry.candidate.identity))
        state = "known already as" if taken.known else "taken as"
        log.info("%s: %s job %s", safe(path), state, ", ".join(map(str, taken.jobs)))
        if verdict is not None and taken.jobs:
            arrival_id = self._ledger.run(lambda: arrival_of(taken.jobs[0]))
            dispose(self._ledger, arrival_id)
            self._known = set(self._ledger.run(arrivals.known_identities))
        self._jobs_added()

    def _sidecars(self, path: bytes, entry: Entry) -> tuple[Sidecar, ...] | None:
        """The subtitles that came along; None while one of them is still being written."""
        names = entry.inbox.recipes if entry.inbox else [entry.recipe]
        if not any(name in self._recipes and self._recipes[name].takes_sidecars for name in names):
            return ()
        beside = list(self._bundles.beside(path))
        ours = self._ledger.run(partial(companions.taken, [other for other, _, _ in beside])) if beside else set()
        theirs = [item for item in beside if item[0] not in ours]
        if any(is_fresh(status, entry.candidate.settle_s) for _, _, status in theirs):
            return None
        found = bundle.read(theirs)
        for other, _, _ in theirs:
            if other not in {sidecar.path for sidecar in found}:
                log.warning("%s lies beside %s, but cannot be read: it is not used", safe(other), safe(path))
        return found

    def _arrival(
        self,
        path: bytes,
        entry: Entry,
        status: os.stat_result,
        answer: Probed | Failed,
        sidecars: tuple[Sidecar, ...],
    ) -> Arrival:
        inbox = entry.inbox or self._home_of(entry.recipe)
        probed = answer if isinstance(answer, Probed) else None
        beside = inbox is None or inbox.outbox == BESIDE
        return Arrival(
            inbox=entry.inbox.name if entry.inbox else ADDED,
            path=path,
            subfolder=entry.subfolder,
            identity=entry.candidate.identity,
            owner_uid=status.st_uid,
            root=os.fsencode(entry.inbox.path) if entry.inbox else b"",
            outbox=b"" if beside or inbox is None else os.fsencode(inbox.outbox),
            after=entry.inbox.after if entry.inbox else "keep",
            sha256=probed.sha256 if probed else "",
            media=probed.media if probed else None,
            sidecars=sidecars,
        )

    def _home_of(self, recipe: str) -> Inbox | None:
        """The inbox whose outbox takes the results of an added file."""
        return next((inbox for inbox in self._config.inboxes if recipe in inbox.recipes), None)

    def _plans(self, path: bytes, entry: Entry) -> list[JobPlan]:
        if entry.inbox is None:
            names = [entry.recipe] if entry.recipe in self._recipes else []
        else:
            names = [name for name in entry.inbox.recipes if self._recipes[name].takes(os.path.basename(path))]
        return [plan(self._recipes[name]) for name in names]

    def _forget(self, path: bytes, entry: Entry) -> None:
        self._entries.pop(path, None)
        self._postponed.pop(path, None)
        self._explain(entry, path, None)

    def _explain(self, entry: Entry, path: bytes, why: Why | None) -> None:
        """Tell people why a candidate is not running yet (None: no need any more)."""
        watched = next((item for item in self._watched if entry.inbox and item.inbox.name == entry.inbox.name), None)
        if watched is None:
            return
        if why is None:
            if watched.reasons.pop(path, None) is not None:
                self._ledger.run(partial(arrivals.replace_sightings, watched.inbox.name, [path], [], time.time()))
        elif watched.reasons.get(path) != why:
            watched.reasons[path] = why
            row = SightingRow(watched.inbox.name, path, why.code, why.reason)
            self._ledger.run(partial(arrivals.replace_sightings, watched.inbox.name, [], [row], time.time()))

    def _write_reasons(self, watched: Watched, reasons: dict[bytes, Why]) -> None:
        """Bring the sightings of an inbox up to date; candidates speak for themselves."""
        before, name = watched.reasons, watched.inbox.name
        candidates = {path: why for path, why in before.items() if path in self._entries}
        after = reasons | candidates
        gone = [path for path in before if path not in after]
        changed = [SightingRow(name, path, *why) for path, why in after.items() if before.get(path) != why]
        watched.reasons = after
        if gone or changed:
            self._ledger.run(partial(arrivals.replace_sightings, name, gone, changed, time.time()))

    def _write_folders(self) -> None:
        rows = [
            (item.inbox.name, item.inbox.path, "polling" if item.polled else "events", item.trouble, item.looked_at)
            for item in self._watched
        ]
        if rows != self._folders:
            self._folders = rows
            self._ledger.run(partial(arrivals.replace_folders, rows))


def _record(
    arrival: Arrival, plans: list[JobPlan], verdict: Verdict | None, now: float, *, added: bool
) -> arrivals.Taken:
    if added:
        arrivals.drop_addition(arrival.path)
    return arrivals.record(arrival, plans, verdict, now)


def plan(recipe: Recipe) -> JobPlan:
    """A recipe as the ledger keeps it."""
    steps = tuple(
        StepPlan(name, msgspec.json.encode(step, order="sorted").decode(), step_class(name).slot)
        for name, step in recipe.steps
    )
    return JobPlan(recipe.name, recipe.revision, steps)
