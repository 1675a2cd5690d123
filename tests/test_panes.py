"""Every pane of the dashboard as text, every key at three sizes, and the looks."""

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from docs.picture import INBOX, fill
from reframed.errors import ReframeError
from reframed.store.ledger import Ledger
from tests.test_tui import drive, posted, screen, shows
from tui import keys
from tui.app import Dashboard, Services, Settings
from tui.keys import KEYS
from tui.looks import wants_ascii

GOLDENS = Path(__file__).parent / "goldens"


def no_picture(name: str, path: Path) -> None:
    """A machine on which nothing can be drawn."""
    raise ReframeError("Nothing can be drawn here.")


SERVICES = Services(
    check=lambda: ["reframe.yaml: no fault", "", "Recipes", "  captions: Captions."],
    styles=lambda: [("clean", "Plain."), ("tiktok", "Loud.")],
    still=no_picture,
)
# The panes: the keys that lead there, and what has to be seen before it is compared.
PANES: dict[str, tuple[Sequence[str], str]] = {
    "failed": ([], "Export it with sound"),
    "running": (["j"], "transcribe 42%"),
    "done": (["j", "j"], "Job 4"),
    "nothing-found": (["slash", *"zzz", "enter"], "No job is like that"),
    "found": (["slash", *"state:done", "space", *"o", "enter"], "/ state:done o"),
    "tab-failed": (["3"], "Job 6"),
    "marked": (["space", "space"], "2 marked"),
    "question": (["j", "x"], "Cancel job 5"),
    "log": (["j", "l"], "model small"),
    "job": (["j", "j", "enter"], "Job 4"),
    "folders": (["w"], "*trailer*"),
    "keys": (["question_mark"], "queue the job again"),
    "outputs-none": (["o"], "job 6 has published nothing"),
    "history": (["H"], "4 done, 1 failed"),
    "recipes": (["R"], "no fault"),
    "transcript": (["j", "j", "t"], "radio"),
    "editor": (["j", "j", "e", "j"], "at most 42 characters"),
    "editor-keys": (["j", "j", "e", "question_mark"], "split"),
    "styles": (["j", "j", "j", "s"], "Loud."),
    "palette": (["ctrl+p", *"history"], "what was done"),
}


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs from machine to machine."""
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.setattr("tui.header.free", lambda state: 187_000_000_000)
    monkeypatch.setattr("tui.history.used", lambda path: 1_000_000)
    monkeypatch.setattr("tui.detail.user", lambda uid: "anna")


def still(text: str) -> str:
    """A screen without its dates and what a moment changes; everything keeps its place."""
    text = re.sub(r"\d\d \w{3} \d\d:\d\d:\d\d", "DD Mon HH:MM:SS", text)
    text = re.sub(r"\d{4}-\d\d-\d\d", "YYYY-MM-DD", text)
    text = re.sub(r"\(1m \d\ds\)", "(1m 30s)", text)
    text = re.sub(r"[▁▂▃▄▅▆▇█▏▎▍▌▋▊▉▔]", " ", text)  # the thumb of a scroll bar
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip() + "\n"


@pytest.mark.slow
@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 10)], ids=["80x24", "120x40", "40x10"])
def test_every_pane_looks_as_it_did(tmp_path: Path, size: tuple[int, int]) -> None:
    fill(tmp_path)
    different = []

    async def steps(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        await shows(pilot, "drone")
        for name, (pressed, wanted) in PANES.items():
            await pilot.press(*pressed)
            golden = GOLDENS / f"{name}-{size[0]}x{size[1]}.txt"
            if "REFRAME_WRITE_GOLDENS" in os.environ:
                await pilot.pause(1.5)
                GOLDENS.mkdir(exist_ok=True)
                golden.write_text(still(screen(app)))
                assert size[0] < 80 or wanted in screen(app), name
            expected, deadline = golden.read_text(), time.monotonic() + 15
            while still(screen(app)) != expected and time.monotonic() < deadline:
                await pilot.pause(0.05)
            if still(screen(app)) != expected:
                different.append(f"{golden.name}:\n{still(screen(app))}")
            await start_again(pilot)

    drive(tmp_path, steps, size, services=SERVICES)
    assert not different, "\n\n".join(different)


async def start_again(pilot: Pilot[None]) -> None:
    """Close what is open, and go to the first job."""
    app = pilot.app
    assert isinstance(app, Dashboard)
    while len(app.screen_stack) > 1:
        app.pop_screen()
        await pilot.pause(0.01)
    for _ in range(3):
        app.actions.back()
    app.actions.unmark()
    app.list.action_jump(0)
    app.line("")
    await pilot.pause(0.01)


@pytest.mark.slow
@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 10)], ids=["80x24", "120x40", "40x10"])
def test_every_key_does_something_or_says_why_not(tmp_path: Path, size: tuple[int, int]) -> None:
    fill(tmp_path)

    async def steps(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        await shows(pilot, "drone")
        for row in range(4):
            for key in KEYS:
                if key.name in ("quit", "switch", "back", "unmark"):
                    continue
                app.list.action_jump(row)
                await pilot.pause(0.01)
                app.line("")
                before = state_of(app)
                await pilot.press(key.key)
                await pilot.pause(0.02)
                assert state_of(app) != before, f"{key.name} did nothing in row {row}"
                if app.actions.why_not(key.name) and not app.actions.asking:
                    assert app._said, key.name
                await start_again(pilot)
        assert app.is_running

    drive(tmp_path, steps, size, services=SERVICES)


def state_of(app: Dashboard) -> tuple[Any, ...]:
    """Everything that a key may change."""
    return (
        len(app.screen_stack), app._said, app.actions.asking, len(app.screen.query("#ask")), app.list.marked.copy(),
        app.screen_stack[0].has_class("-loud"), app.log_pane.follow, app.log_pane.wrap, app.looks.dark, app.list._cursor,
        len(list((app.state / "commands").glob("*"))) if (app.state / "commands").exists() else 0,
    )  # fmt: skip


@pytest.mark.usefixtures("settled")
def test_keys_can_be_others_and_faults_are_said(tmp_path: Path) -> None:
    fill(tmp_path)
    assert "did you mean" in keys.faults({"retri": "a"})[0]
    for wanted, said in (
        ({"retry": "x"}, "is for cancel already"),
        ({"retry": "Ctrl-X"}, "is no key"),
        ({"retry": ""}, "is no key"),
        ({"retry": "j"}, "moving about"),
        ({"retry": "z", "find": "z"}, "is for"),
    ):
        assert said in keys.faults(wanted)[0], wanted
    assert keys.faults({"retry": "x", "cancel": "r"}) == []
    assert keys.usable({"retry": "j", "cancel": "f5"}) == {"cancel": "f5"}

    async def steps(pilot: Pilot[None]) -> None:
        await shows(pilot, 'there is no "nothing"')
        await pilot.press("z")
        await shows(pilot, "z Retry", "retry 6")
        await pilot.press("r")
        await pilot.press("question_mark")
        await shows(pilot, "z              queue the job again")

    settings = Settings(keys={"retry": "z", "nothing": "q"})
    drive(tmp_path, steps, settings=settings)
    assert [verb for verb, _ in posted(tmp_path)] == ["retry"]


@pytest.mark.usefixtures("settled")
def test_ascii_and_no_colour_and_light(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)

    async def plain(pilot: Pilot[None]) -> None:
        for pressed in ([], ["j", "j", "e"], ["escape", "H"], ["escape", "w"], ["escape", "question_mark"]):
            await pilot.press(*pressed)
            await pilot.pause(0.4)
            assert screen(pilot.app).isascii(), screen(pilot.app)  # type: ignore[arg-type]

    drive(tmp_path, plain, settings=Settings(ascii=True))
    assert wants_ascii({"LANG": "en_US.ISO-8859-1"})
    assert wants_ascii({"LC_ALL": "C", "LANG": "en_US.UTF-8"})
    assert not wants_ascii({"LANG": "de_DE.UTF-8"})
    assert not wants_ascii({})

    async def light(pilot: Pilot[None]) -> None:
        await shows(pilot, "drone")
        assert not pilot.app.current_theme.dark
        await pilot.press("T")
        assert pilot.app.current_theme.dark

    drive(tmp_path, light, settings=Settings(theme="light"))
    monkeypatch.setenv("NO_COLOR", "1")

    async def grey(pilot: Pilot[None]) -> None:
        await shows(pilot, "drone")
        strip = pilot.app.list.render_line(0)  # type: ignore[attr-defined]
        assert all(segment.style is not None and segment.style.reverse for segment in strip if segment.text.strip())

    drive(tmp_path, grey)


@pytest.mark.usefixtures("settled")
def test_the_first_steps_are_said_while_there_is_nothing(tmp_path: Path) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await shows(pilot, "There is no ledger", "reframe run")

    drive(tmp_path, before)
    ledger = Ledger(tmp_path)
    ledger.open()
    from reframed.store import arrivals

    ledger.run(lambda: arrivals.replace_folders([("captions", INBOX.decode(), "events", "", 0.0)]))
    ledger.close()

    async def empty(pilot: Pilot[None]) -> None:
        await shows(pilot, "No jobs yet", "Drop a video", INBOX.decode(), "reframe add FILE")

    drive(tmp_path, empty)


@pytest.mark.usefixtures("settled")
def test_the_mouse_chooses_jobs_and_tabs(tmp_path: Path) -> None:
    fill(tmp_path)

    async def steps(pilot: Pilot[None]) -> None:
        await shows(pilot, "Job 6")
        await pilot.click("#jobs", offset=(10, 2))
        await shows(pilot, "Job 4 ")
        await pilot.click("#tabs", offset=(2 + len("0 all 6  1 running 1  2 waiting 0  "), 0))
        assert "Holiday" not in await shows(pilot, "Job 6")

    drive(tmp_path, steps)


@pytest.mark.usefixtures("settled")
def test_looking_often_only_while_something_runs_and_somebody_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path)
    looks: list[float] = []
    original = Dashboard._look

    def look(app: Dashboard) -> None:
        looks.append(1.0)
        original(app)

    monkeypatch.setattr(Dashboard, "_look", look)

    async def steps(pilot: Pilot[None]) -> None:
        await shows(pilot, "Job 6")
        for focused, least, most in ((True, 4, 9), (False, 1, 4)):
            pilot.app.app_focus = focused
            await pilot.pause(0.1)
            looks.clear()
            await pilot.pause(2.0)
            assert least <= len(looks) <= most, (focused, len(looks))

    drive(tmp_path, steps)
