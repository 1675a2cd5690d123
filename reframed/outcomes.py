"""What follows the end of a step: publishing, another try, waiting, failing; and then what becomes of the source."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from reframed.cache import Cache
from reframed.config import Config
from reframed.disposal import dispose
from reframed.errors import StepFailed
from reframed.outbox import OutboxAway, publish
from reframed.paths import CACHE
from reframed.store import jobs, publications
from reframed.store.jobs import Claimed, Hold, Verdict
from reframed.store.ledger import Ledger, Stopped
from reframed.text import safe
from reframed.translation.engine import NO_MODEL

log = logging.getLogger(__name__)


class Hooks(NamedTuple):
    """What slots tell the rest of the daemon: steps may have become due; the inboxes' files may have changed."""

    steps_due: Callable[[], None]
    files_changed: Callable[[], None]


class Outcomes:
    """Records how jobs go on. Called from the slots' threads."""

    def __init__(self, ledger: Ledger, config: Config, hooks: Hooks) -> None:
        self._ledger = ledger
        self._hooks = hooks
        self.config = config
        self.cache = Cache(config.state_path / CACHE)

    def block(self, job_id: int, verdict: Verdict, hold: Hold | None) -> None:
        """The job waits for something outside it."""
        self._ledger.run(lambda: jobs.block(job_id, verdict, time.time(), hold))
        log.warning("waits: %s %s", verdict.message, verdict.hint, extra={"job": job_id})

    def broke(self, job_id: int, arrival_id: int, error: Exception, hold: Hold | None) -> None:
        """An error that nobody foresaw, inside the daemon: said, and tried again like one that may pass."""
        log.error("an error of the daemon itself", exc_info=error, extra={"job": job_id})
        message = f"An unexpected error in the daemon: {type(error).__name__}: {error}"
        self.failed(job_id, arrival_id, StepFailed("unexpected", message, "Please report it.", retry=True), hold)

    def publish(self, job_id: int, arrival_id: int) -> None:
        """Publish a job whose steps are done, then see to its source."""
        try:
            published = publish(self._ledger, self.cache, job_id, time.time)
        except OutboxAway as away:
            message = f"The outbox {safe(str(away))} is not there."
            self.block(job_id, Verdict("outbox_away", message, "Is its disk mounted? Else create it."), None)
        except StepFailed as failed:
            self.failed(job_id, arrival_id, failed, None)
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001 - reported
            self.broke(job_id, arrival_id, error, None)
        else:
            if published:
                log.info("done", extra={"job": job_id})
                dispose(self._ledger, arrival_id)
                self._hooks.files_changed()

    def failed(self, job_id: int, arrival_id: int, failed: StepFailed, hold: Hold | None) -> None:
        """A step said why it could not do its work."""
        limits = self.config.limits
        verdict = Verdict(failed.code, failed.message, failed.hint, failed.tail)
        if failed.code in ("no_space", NO_MODEL):  # never given up: it goes on as soon as that is there
            self.block(job_id, verdict, hold)
            return
        limit = limits.attempts if failed.retry else 0
        self.end(job_id, arrival_id, verdict, limit, limits.retry_delay, "failures", hold)

    def end(
        self,
        job_id: int,
        arrival_id: int,
        verdict: Verdict,
        limit: int,
        delay_s: float,
        counter: str,
        hold: Hold | None,
    ) -> None:
        """Queue the job again while `counter` stays below `limit`, else fail it and see to its source."""
        state = self._ledger.run(lambda: jobs.fail(job_id, verdict, time.time(), limit, delay_s, counter, hold))
        log.error("%s: %s (%s)", verdict.code, verdict.message, state, extra={"job": job_id})
        dispose(self._ledger, arrival_id)
        self._hooks.files_changed()

    def source_gone(self, claimed: Claimed, message: str) -> None:
        """The source is not the file that was taken: let the job go, so that what is there now can be taken."""
        verdict = Verdict("source_gone", message, "Drop the file into the inbox again if it is still wanted.")

        def record() -> None:
            if jobs.is_held(Hold(claimed.step, claimed.claim)):
                jobs.cancel(claimed.job, verdict, time.time())
                publications.gone(claimed.arrival)

        self._ledger.run(record)
        log.warning("cancelled: %s", message, extra={"job": claimed.job})
        self._hooks.files_changed()
