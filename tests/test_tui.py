"""The dashboard, driven as a person drives it."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from reframed.errors import UsageError
from reframed.store import arrivals, jobs, query
from reframed.store.jobs import Verdict
from reframed.store.ledger import Ledger
from reframed.store.reads import ALL
from tests.test_ledger import PLAN, arrival
from tui.app import Dashboard
from tui.joblist import JobList


def screen(app: Dashboard) -> str:
    """What is on the screen, as text."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


async def shows(pilot: Pilot[None], *words: str) -> str:
    """The screen, once it holds all `words`."""
    assert isinstance(pilot.app, Dashboard)
    for _ in range(100):
        await pilot.pause(0.1)
        if all(word in screen(pilot.app) for word in words):
            return screen(pilot.app)
    raise AssertionError(f"{words} not on the screen:\n{screen(pilot.app)}")


def fill(state: Path, count: int) -> None:
    """A ledger with `count` jobs; the newest runs, the one before it has failed."""
    ledger = Ledger(state)
    ledger.open()

    def make() -> None:
        for number in range(1, count + 1):
            verdict = Verdict("no_audio", "There is no sound.", "Record it again.") if number == count - 1 else None
            name = b"film [red]%d\x1b[31m.mp4" % number
            arrivals.record(arrival(name, inode=f"1:{number}", sha256=str(number)), [PLAN], verdict, time.time())
        jobs.claim(2 * count - 1, "me", time.time())
        jobs.progress(2 * count - 1, "me", 0.5, 90.0)

    ledger.run(make)
    ledger.close()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 12)])
def test_list_detail_and_commands(tmp_path: Path, size: tuple[int, int]) -> None:
    fill(tmp_path, 250)

    async def drive() -> None:
        app = Dashboard(tmp_path)
        async with app.run_test(size=size) as pilot:
            shown = await shows(pilot, "250 ▶ running", "Job 250")
            assert "\x1b" not in shown
            await pilot.press("j")
            await shows(pilot, "Job 249", "There is no sound.")
            await pilot.press("x")
            await shows(pilot, "only a job that has not ended")
            await pilot.press("r")
            await pilot.press("k", "x", "n", "x", "y")
            await pilot.press("G")
            await shows(pilot, "Job 1 ")
            await pilot.press("g")
            await shows(pilot, "Job 250")

    asyncio.run(drive())
    posted = [json.loads(path.read_text()) for path in sorted((tmp_path / "commands").glob("*.json"))]
    assert [(item["verb"], item["arguments"]["jobs"]) for item in posted] == [("retry", [249]), ("cancel", [250])]


def test_it_opens_before_the_daemon_ever_ran_and_finds_the_ledger_later(tmp_path: Path) -> None:
    async def drive() -> None:
        app = Dashboard(tmp_path)
        async with app.run_test(size=(100, 24)) as pilot:
            await shows(pilot, "reframe run")
            fill(tmp_path, 3)
            await shows(pilot, "Job 3")

    asyncio.run(drive())


def test_a_new_job_does_not_move_the_cursor_off_its_job(tmp_path: Path) -> None:
    fill(tmp_path, 5)

    async def drive() -> None:
        app = Dashboard(tmp_path)
        async with app.run_test(size=(80, 24)) as pilot:
            await shows(pilot, "Job 5")
            await pilot.press("j", "j")
            ledger = Ledger(tmp_path)
            ledger.open()
            ledger.run(lambda: arrivals.record(arrival(b"new.mp4", inode="7:7", sha256="n"), [PLAN], None, 1.0))
            ledger.close()
            await shows(pilot, "new.mp4", "Job 3")
            assert app.query_one(JobList)._chosen == 3

    asyncio.run(drive())


def drive(state: Path, steps: Any, size: tuple[int, int] = (80, 24), **options: Any) -> Dashboard:
    """Open the dashboard and let `steps(pilot)` press keys."""
    app = Dashboard(state, **options)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await steps(pilot)

    asyncio.run(run())
    return app


def posted(state: Path) -> list[tuple[str, dict[str, Any]]]:
    """The commands that were left, in order."""
    found = [json.loads(path.read_text()) for path in sorted((state / "commands").glob("*.json"))]
    return [(item["verb"], item["arguments"]) for item in found]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 10)])
def test_tabs_and_finding(tmp_path: Path, size: tuple[int, int]) -> None:
    fill(tmp_path, 30)

    async def steps(pilot: Pilot[None]) -> None:
        await shows(pilot, "0 all 30")
        await pilot.press("3")
        assert "30 ▶" not in await shows(pilot, "29 ✗ failed")
        await pilot.press("0", "slash", *"12", "enter")
        await shows(pilot, "12 ·", "Job 12")
        await pilot.press("slash")
        await pilot.press("ctrl+u", *"state:runing", "enter")
        await shows(pilot, "There is no state")
        await pilot.press("slash", "ctrl+u", *"state:queued", "space", "exclamation_mark", *"2", "enter")
        assert "19 ·" in await shows(pilot, "Job 19")
        await pilot.press("slash", "ctrl+u", *"nothing", "enter")
        await shows(pilot, "No job is like that")
        await pilot.press("escape")
        await shows(pilot, "Job 30")

    drive(tmp_path, steps, size)


def test_verbs_act_on_all_that_are_marked(tmp_path: Path) -> None:
    fill(tmp_path, 30)

    async def steps(pilot: Pilot[None]) -> None:
        await shows(pilot, "Job 30")
        await pilot.press("space", "space", "j", "space")
        await shows(pilot, "*   30", "*   29", "*   27", "3 marked")
        await pilot.press("r")
        await pilot.press("x", "enter")
        await shows(pilot, "Cancel 2 marked jobs?")
        await pilot.press("escape", "x", "y", "P", *"7", "enter")
        await pilot.press("u", "P", *"much", "enter")
        await shows(pilot, "a priority is a number")
        await pilot.press("p", "y", "D", "n")

    drive(tmp_path, steps)
    assert posted(tmp_path) == [
        ("retry", {"jobs": [27, 29]}),
        ("cancel", {"jobs": [27, 30]}),
        ("priority", {"jobs": [27, 30], "priority": 7}),
        ("pause", {}),
    ]


def test_pages_of_text_open_and_close(tmp_path: Path) -> None:
    fill(tmp_path, 3)

    async def steps(pilot: Pilot[None]) -> None:
        await shows(pilot, "Job 3")
        await pilot.press("question_mark")
        await shows(pilot, "priority, -9 to 9")
        await pilot.press("escape", "w")
        await shows(pilot, "has not looked into any inbox")
        await pilot.press("escape", "enter")
        assert "\x1b" not in await shows(pilot, "Source:", "transcribe")
        await pilot.press("q", "o")
        await shows(pilot, "published nothing")
        await pilot.press("escape", "l")
        await pilot.pause(0.2)
        assert "▶ running" not in screen(pilot.app)  # type: ignore[arg-type]
        await pilot.press("escape")
        await shows(pilot, "▶ running")
        await pilot.press("y")
        await shows(pilot, "copied: /")
        await pilot.press("c")
        await shows(pilot, "copied: reframe retry 3")

    drive(tmp_path, steps, (100, 30))


def test_read_only_changes_nothing(tmp_path: Path) -> None:
    fill(tmp_path, 3)

    async def steps(pilot: Pilot[None]) -> None:
        await shows(pilot, "read only")
        for keys in (["r"], ["x"], ["P"], ["p"], ["D"]):
            await pilot.press(*keys)
            await shows(pilot, "nothing is changed from here")
            pilot.app.line("")  # type: ignore[attr-defined]
        await pilot.press("q")

    drive(tmp_path, steps, readonly=True)
    assert posted(tmp_path) == []


def test_a_ledger_that_is_locked_or_newer_or_gone_is_said(tmp_path: Path) -> None:
    fill(tmp_path, 3)

    async def steps(pilot: Pilot[None]) -> None:
        await shows(pilot, "Job 3")
        for path in tmp_path.glob("ledger.db*"):
            path.unlink()
        (tmp_path / "ledger.db").write_bytes(b"not a ledger at all, but something else" * 100)
        app = pilot.app
        assert isinstance(app, Dashboard)
        app.reader = None
        await shows(pilot, "cannot be read")
        (tmp_path / "ledger.db").unlink()
        fill(tmp_path, 5)
        await shows(pilot, "5 ▶ running", "Job 3")

    drive(tmp_path, steps)


def test_what_people_type_to_find_jobs() -> None:
    found = query.parse("state:failed,waiting recipe:styled lang:es inbox:films a_b !trailer 10:30")
    assert found.states == ("failed", "queued", "blocked")
    assert (found.recipe, found.language, found.inbox) == ("styled", "es", "films")
    assert (found.texts, found.without) == (("a_b", "10:30"), ("trailer",))
    assert query.parse("  ") == ALL
    with pytest.raises(UsageError, match="did you mean"):
        query.parse("state:faild")


def test_questions_are_seen_or_withdrawn_and_name_the_right_job(tmp_path: Path) -> None:
    fill(tmp_path, 30)

    async def steps(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        await shows(pilot, "Job 30")
        await pilot.press("space", "x")
        await shows(pilot, "Cancel job 30, film [red]30", "y yes, n no")
        await pilot.press("f", "y")  # something else is no answer
        await pilot.press("x", "j", "y")
        await pilot.press("x", "3", "y", "0")
        await pilot.press("slash", "tab", "x")
        await shows(pilot, "Cancel job 30")
        app.say("the log was replaced")
        await shows(pilot, "Cancel job 30")
        await pilot.press("n", "u", "g", "P")
        ledger = Ledger(tmp_path)
        ledger.open()
        ledger.run(lambda: arrivals.record(arrival(b"new.mp4", inode="7:7", sha256="n"), [PLAN], None, 1.0))
        ledger.close()
        await pilot.pause(1.5)
        await pilot.press(*"99", "enter")
        await shows(pilot, "a priority is a number")
        await pilot.press("P", "5", "enter")

    drive(tmp_path, steps)
    assert posted(tmp_path) == [("priority", {"jobs": [30], "priority": 5})]


def test_the_cursor_stays_on_its_job_when_others_leave_the_tab(tmp_path: Path) -> None:
    fill(tmp_path, 9)

    async def steps(pilot: Pilot[None]) -> None:
        await shows(pilot, "Job 9")
        await pilot.press("2", "j", "j")
        await shows(pilot, "Job 5")
        ledger = Ledger(tmp_path)
        ledger.open()
        ledger.run(lambda: jobs.cancel(7, Verdict("cancelled", "By hand."), time.time()))
        ledger.close()
        await shows(pilot, "waiting 6", "Job 5")

    drive(tmp_path, steps)


@pytest.mark.parametrize(
    "text",
    ["date:9999-12", "date:9999", "date:1", "since:0001-01-01", "date:9999-12-31", "date:2026-13", "date:x", "date:1-2-3-4",
     "owner:99999999999999999999999", "owner:a\0b", "owner:nobody-at-all", "x " * 60],
)  # fmt: skip
def test_what_cannot_be_looked_for_is_said(text: str) -> None:
    with pytest.raises(UsageError):
        query.parse(text)


def test_days_months_and_years_are_found() -> None:
    day, month, year = (query.parse(f"date:{text}") for text in ("2026-11-21", "2026-12", "2026"))
    assert day.until - day.since == 86400
    assert 30 * 86400 < month.until - month.since < 32 * 86400
    assert year.since < month.since < month.until == year.until
    assert query.parse("since:2026").until == 0
    assert query.parse("until:2026-12").until == year.until
    assert query.parse("owner:0").owner_uid == 0
