"""Exports the dashboard's main views as SVG for the README, from a ledger made for it: `make picture`."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from unittest import mock

from reframed.arrival import Arrival, Identity
from reframed.media.info import MediaInfo
from reframed.paths import CACHE, cached, job_log
from reframed.protocol import Artifact
from reframed.store import arrivals, jobs
from reframed.store.arrivals import SightingRow
from reframed.store.jobs import JobPlan, StepPlan, Verdict
from reframed.store.ledger import Ledger
from reframed.subtitles import files
from reframed.subtitles.cues import Cue
from tui.app import Dashboard

FOLDER = Path(__file__).parent
PLAN = JobPlan("captions", "r1", (StepPlan("transcribe", "{}", "gpu"), StepPlan("captions", "{}", "cpu")))
RENDER = JobPlan(
    "styled", "r1", (StepPlan("transcribe", "{}", "gpu"), StepPlan("styled", '{"style": "tiktok"}', "cpu"))
)
NAMES = ["Holiday 2019.mov", "lecture-04.mkv", "interview raw.mp4", "Grandma's stories.m4a", "keynote.mp4", "drone.mp4"]
INBOX = b"/srv/media/inbox/captions"
LOG = """\
10:02:11 --- transcribe (job 5, step 9, attempt 1) of /srv/media/inbox/captions/keynote.mp4
10:02:12 model small from fetched on cpu; stream 1 (aac)
10:02:12 $ ffmpeg -protocol_whitelist file,pipe -i file:work/5-9-1/source.mp4 -map 0:1 -f s16le -ar 16000 pipe:1
"""
CUES = (
    Cue(1.0, 3.2, "When I was a girl,\nwe had no television."),
    Cue(3.4, 4.1, "We had a radio, and on Sundays the whole street came\nto listen."),
    Cue(9.0, 11.4, "My father built it himself."),
    Cue(11.6, 14.9, "It took him two winters,\nand my mother never forgave him."),
)


def fill(state: Path) -> None:
    """Jobs in every state, folders, and files that wait."""
    ledger = Ledger(state)
    ledger.open()
    now = time.time()
    for number, name in enumerate(NAMES, 1):
        _arrive(ledger, number, name, now - 6942 + 1000 * number)
        if number <= 4:
            _finish(ledger, state, number, now - 6942 + 1000 * number)
    ledger.run(lambda: jobs.claim(9, "x", now))
    ledger.run(lambda: jobs.progress(9, "x", 0.42, 139.0))
    waits = [
        SightingRow("captions", INBOX + b"/new.mp4", "growing", "still growing"),
        SightingRow("captions", INBOX + b"/trailer.mkv", "ignored", "ignored by the rule *trailer*"),
    ]
    ledger.run(lambda: arrivals.replace_sightings("captions", [], waits, now - 90))
    folders = [
        ("captions", INBOX.decode(), "events", "", now - 95),
        ("films", "/mnt/nas/films", "polling", "the folder is not there", 0.0),
    ]
    ledger.run(lambda: arrivals.replace_folders(folders))
    log = job_log(state, 5, 1)
    log.parent.mkdir(parents=True)
    log.write_text(LOG)
    ledger.close()


def _arrive(ledger: Ledger, number: int, name: str, when: float) -> None:
    arrival = Arrival(
        inbox="captions",
        path=INBOX + b"/" + name.encode(),
        subfolder=b"",
        identity=Identity(f"1:{number}", 480_000_000, 1),
        owner_uid=1000,
        root=INBOX,
        outbox=b"/srv/media/outbox/captions",
        after="done",
        media=MediaInfo(container="mov", duration_s=600.0),
    )
    verdict = None
    if name == "drone.mp4":
        verdict = Verdict(
            "no_audio", "The file has no audio track, so there is nothing to caption.", "Export it with sound."
        )
    plan = RENDER if number == 3 else PLAN
    ledger.run(lambda: arrivals.record(arrival, [plan], verdict, when))


def _finish(ledger: Ledger, state: Path, number: int, when: float) -> None:
    for step in (2 * number - 1, 2 * number):
        made = []
        if step % 2 == 0:
            key = f"{number:064x}"
            folder = cached(state / CACHE, key)
            folder.mkdir(parents=True)
            files.write(CUES, folder / "cues.json", files.JSON, language="en")
            made = [Artifact(kind="cues", file="cues.json", sha256="", size_bytes=1, about={"language": "en"})]
            made += [Artifact(kind="captions", file="c.srt", suffix=".en.srt", sha256="", size_bytes=52_000)]
        ledger.run(lambda step=step: jobs.claim(step, "x", when))  # type: ignore[misc]
        ledger.run(
            lambda step=step, made=made: jobs.complete(  # type: ignore[misc]
                step, "x", f"{number:064x}", made, cached=False, engine_s=1.0, media_s=600.0, now=when + 240
            )
        )
    ledger.run(lambda: jobs.finish(number, when + 241))


async def draw(state: Path) -> None:
    """Export the dashboard, the cue editor and the history."""
    app = Dashboard(state)
    with mock.patch("tui.detail.user", return_value="anna"):
        await _draw(app)


async def _draw(app: Dashboard) -> None:
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.pause(0.5)
        await pilot.press("j")
        await pilot.pause(0.8)
        (FOLDER / "dashboard.svg").write_text(app.export_screenshot(title="reframe tui"))
        await pilot.press("j", "e", "j")
        await pilot.pause(0.8)
        (FOLDER / "editor.svg").write_text(app.export_screenshot(title="reframe tui: e"))
        await pilot.press("escape", "H")
        await pilot.pause(0.8)
        (FOLDER / "history.svg").write_text(app.export_screenshot(title="reframe tui: H"))


def main() -> None:
    """Make the pictures."""
    from reframed import lock

    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        held = lock.Lock(state)
        fill(state)
        asyncio.run(draw(state))
        held.release()


if __name__ == "__main__":
    main()
