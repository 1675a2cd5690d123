"""Exports the dashboard as an SVG for the README, from a ledger made for it: `make picture`."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from reframed.arrival import Arrival, Identity
from reframed.media.info import MediaInfo
from reframed.paths import job_log
from reframed.store import arrivals, jobs
from reframed.store.jobs import JobPlan, StepPlan, Verdict
from reframed.store.ledger import Ledger
from tui.app import Dashboard

OUTPUT = Path(__file__).parent / "dashboard.svg"
PLAN = JobPlan("captions", "r1", (StepPlan("transcribe", "{}", "gpu"), StepPlan("captions", "{}", "cpu")))
NAMES = ["Holiday 2019.mov", "lecture-04.mkv", "interview raw.mp4", "Grandma's stories.m4a", "keynote.mp4", "drone.mp4"]
LOG = """\
10:02:11 --- transcribe (job 5, step 9, attempt 1) of /srv/media/inbox/captions/keynote.mp4
10:02:12 model small from fetched on cpu; stream 1 (aac)
10:02:12 $ ffmpeg -protocol_whitelist file,pipe -i file:work/5-9-1/source.mp4 -map 0:1 -f s16le -ar 16000 pipe:1
"""


def fill(state: Path) -> None:
    """Jobs in every state."""
    ledger = Ledger(state)
    ledger.open()
    now = time.time()
    for number, name in enumerate(NAMES, 1):
        path = b"/srv/media/inbox/captions/" + name.encode()
        arrival = Arrival(
            inbox="captions",
            path=path,
            subfolder=b"",
            identity=Identity(f"1:{number}", 1, 1),
            owner_uid=1000,
            root=b"/srv/media/inbox/captions",
            outbox=b"/srv/media/outbox/captions",
            after="done",
            media=MediaInfo(container="mov", duration_s=600.0),
        )
        verdict = None
        if name == "drone.mp4":
            verdict = Verdict(
                "no_audio", "The file has no audio track, so there is nothing to caption.", "Export it with sound."
            )
        when = now - 7000 + 1000 * number
        ledger.run(lambda arrival=arrival, verdict=verdict, when=when: arrivals.record(arrival, [PLAN], verdict, when))
        if number <= 4:
            for step in (2 * number - 1, 2 * number):
                ledger.run(lambda step=step, when=when: jobs.claim(step, "x", when))
                done = {"cached": False, "engine_s": 1.0, "media_s": 600.0, "now": when + 240}
                ledger.run(lambda step=step, done=done: jobs.complete(step, "x", "k", [], **done))
            ledger.run(lambda number=number, when=when: jobs.finish(number, when + 241))
    ledger.run(lambda: jobs.claim(9, "x", now))
    ledger.run(lambda: jobs.progress(9, "x", 0.42, 139.0))
    log = job_log(state, 5, 1)
    log.parent.mkdir(parents=True)
    log.write_text(LOG)
    ledger.close()


async def draw(state: Path) -> None:
    """Choose the running job and export."""
    app = Dashboard(state)
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.pause(0.5)
        await pilot.press("j")
        await pilot.pause(0.8)
        OUTPUT.write_text(app.export_screenshot(title="reframe tui"))


def main() -> None:
    """Make docs/dashboard.svg."""
    from reframed import lock

    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        held = lock.Lock(state)
        fill(state)
        asyncio.run(draw(state))
        held.release()


if __name__ == "__main__":
    main()
