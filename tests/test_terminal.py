"""The dashboard in real terminals: behind a pty (bytes), under tmux with a real daemon, and in a browser's place."""

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import termios
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from reframed.paths import job_log
from reframed.store import arrivals, jobs
from reframed.store.ledger import Ledger
from tests.conftest import JFK, SHORT, Home, wait_for
from tests.test_ledger import PLAN, arrival
from tests.test_tui import drive, fill, shows
from tui.app import Dashboard

pytestmark = pytest.mark.slow
# What Textual itself may send: CSI sequences, a few modes, and no others.
_CSI = re.compile(rb"\x1b\[[0-9;:?<>=]*[ -/]*[@-~]")
_MODES = re.compile(rb"\x1b(?:[()][0AB]|[=>78]|P[^\x1b]*\x1b\\|_[^\x1b]*\x1b\\|\]22;[a-z-]*\x07)")


class Pty:
    """A program behind a pseudo-terminal; everything it writes is kept."""

    def __init__(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.resize(80, 24)
        self.data = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reframed", *arguments], stdin=slave, stdout=slave, stderr=slave,
            env=os.environ | {"TERM": "xterm-256color"}, start_new_session=True,
        )  # fmt: skip
        os.close(slave)

    def resize(self, columns: int, rows: int) -> None:
        """Another size of the window."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def read(self, for_s: float = 0.2) -> bytes:
        """What comes within `for_s`."""
        found, end = b"", time.monotonic() + for_s
        while (left := end - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                with contextlib.suppress(OSError):
                    found += os.read(self.master, 65536)
        self.data += found
        return found

    def until(self, wanted: bytes, limit_s: float = 20.0) -> None:
        """Wait for bytes."""
        deadline = time.monotonic() + limit_s
        while wanted not in self.data:
            assert time.monotonic() < deadline, self.data[-500:]
            self.read(0.05)

    def end(self) -> None:
        """Kill it, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self.master)


@contextlib.contextmanager
def terminal(state: Path) -> Iterator[Pty]:
    """The dashboard over a state folder."""
    config = state.parent / f"{state.name}.yaml"
    config.write_text(f"state: {state}\ninboxes: []\n")
    found = Pty("--config", str(config), "tui")
    try:
        yield found
    finally:
        found.end()


def test_names_and_log_lines_reach_the_terminal_without_their_commands(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    ledger = Ledger(state)
    ledger.open()
    evil = b"\x1b]0;owned\x07\x1b[2J\x1b[31m[@click=app.quit]x[/]\x9b5n\xe2\x80\xaeevil\r\nname\x00.mp4"
    ledger.run(lambda: arrivals.record(arrival(evil[:-5] + b".mp4"), [PLAN], None, time.time()))
    ledger.run(lambda: jobs.claim(1, "me", time.time()))
    ledger.close()
    log = job_log(state, 1, 1)
    log.parent.mkdir(parents=True)
    log.write_bytes(b"a line \x1b]52;c;aGk=\x07 \x1bPq#0\x1b\\ \x9d0;x\x9c end\nmarker-line\n")
    with terminal(state) as found:
        found.until(b"marker-line")
        for keys in ("\r", "\x1b", "l", "\x1b", "o", "\x1b", "x", "n", "c", "y", "?", "\x1b", "/", "evil\r", "q"):
            found.press(keys)
            found.read(0.25)
        seen = found.data
    rest = _MODES.sub(b"", _CSI.sub(b"", seen))
    copied = rb"\x1b]52;c;[A-Za-z0-9+/=]*\x07"  # what y and c copy, and nothing else
    assert len(re.findall(copied, rest)) == 2
    rest = re.sub(copied, b"", rest)
    assert b"\x1b" not in rest, rest
    assert b"\x07" not in rest
    assert b"\x00" not in rest
    assert "\u202e".encode() not in rest
    assert b"\x1b[5n" not in seen
    assert b"owned" in seen  # as text


@pytest.mark.parametrize("size", [(40, 10), (20, 5), (200, 60)])
def test_it_opens_at_any_size_and_ends_with_its_terminal(tmp_path: Path, size: tuple[int, int]) -> None:
    state = tmp_path / "state"
    state.mkdir()
    fill(state, 30)
    with terminal(state) as found:
        found.until(b"film")
        for columns, rows in (size, (80, 24), size):
            found.resize(columns, rows)
            found.process.send_signal(signal.SIGWINCH)
            found.press("jjG?")
            found.read(0.3)
            found.press("\x1bg")
            found.read(0.3)
        assert found.process.poll() is None
        os.close(found.master)  # the SSH line breaks
        assert found.process.wait(10) is not None


def test_nothing_is_sent_while_nothing_happens(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    ledger = Ledger(state)
    ledger.open()
    for number in range(50):
        name = b"film %d.mp4" % number
        ledger.run(lambda name=name: arrivals.record(arrival(name, inode=repr(name)), [PLAN], None, time.time() - 7300))  # type: ignore[misc]
    ledger.close()
    with terminal(state) as found:
        found.until(b"film 49")
        found.read(2.0)
        assert found.read(3.0) == b""


def test_a_ledger_that_is_locked_replaced_or_from_the_future_is_lived_with(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    path = tmp_path / "ledger.db"
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("PRAGMA journal_mode = DELETE")

    async def steps(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        await shows(pilot, "Job 3")
        blocker.execute("BEGIN EXCLUSIVE")
        app.look_now()
        assert "3 ▶" in await shows(pilot, "the ledger is locked; this is from before")
        app.list.marked = {1, 2}
        await pilot.press("r")  # asks the ledger which of them can be retried
        assert "database is locked" in app._said
        app.list.marked.clear()
        blocker.execute("ROLLBACK")
        blocker.close()
        for name in path.parent.glob("ledger.db*"):
            name.unlink()
        fill(tmp_path, 5)  # another one in its place
        await shows(pilot, "5 ▶ running")
        newer = sqlite3.connect(path)
        newer.execute("ALTER TABLE job RENAME COLUMN recipe TO cookbook")
        newer.commit()
        newer.close()
        await shows(pilot, "the ledger cannot be read")
        assert "no such column" in app._said
        await pilot.press(
            "j", "k", "enter", "escape", "w", "escape", "H", "escape", "slash", *"x", "enter", "escape", "G"
        )
        assert app.is_running

    drive(tmp_path, steps, (120, 30))


def tmux(home: Home) -> tuple[Callable[[], str], Callable[..., None], Callable[[], None]]:
    """The dashboard under tmux at 80x24: look, press keys, end."""
    session = f"reframe-{uuid.uuid4().hex[:8]}"
    command = f"{sys.executable} -m reframed --config {home.config} tui"
    start = ["tmux", "-L", session]
    subprocess.run([*start, "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", command], check=True)

    def seen() -> str:
        return subprocess.run([*start, "capture-pane", "-p"], capture_output=True, text=True, check=True).stdout

    def press(*keys: str) -> None:
        subprocess.run([*start, "send-keys", *keys], check=True)

    def end() -> None:
        subprocess.run([*start, "kill-server"], check=False)

    return seen, press, end


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
def test_under_tmux_with_a_real_daemon(home: Home) -> None:
    home.start()
    seen, press, end = tmux(home)
    try:
        wait_for(lambda: "No jobs yet" in seen() and "running" in seen(), 20)
        shutil.copy(SHORT, home.inbox / "film.wav")
        wait_for(lambda: "✓ done" in seen() and "Output:" in seen(), 60)
        wait_for(lambda: "captions done" in seen(), 10)  # the log's end
        press("r")
        wait_for(lambda: home.job()["attempt"] == 2 and home.job()["state"] == "done")
        assert home.outputs() == ["film.en.srt", "film.en.vtt"]  # found as they are, not published again
        (home.inbox / "bad.wav").write_text("no sound")
        wait_for(lambda: "✗ failed" in seen(), 20)
        press("3")
        wait_for(lambda: "Why:" in seen() and "film.wav" not in seen(), 10)
        events = len(home.job(2)["events"])
        press("r")  # a failed one, again
        wait_for(lambda: "Queued again: job 2." in seen(), 10)
        wait_for(lambda: len(home.job(2)["events"]) > events and home.job(2)["state"] == "failed", 20)
        press("0")
        shutil.copy(JFK, home.inbox / "long.wav")
        wait_for(lambda: "▶ running" in seen(), 30)
        os.kill(home.daemon.pid, signal.SIGSTOP) if home.daemon else None  # so that it still runs when we press
        press("g", "x")
        wait_for(lambda: "Cancel job 3" in seen(), 10)
        press("Enter")  # is no answer
        time.sleep(0.5)
        press("y")
        wait_for(lambda: list((home.state / "commands").glob("*.json")), 10)
        os.kill(home.daemon.pid, signal.SIGCONT) if home.daemon else None
        wait_for(lambda: home.job(3)["state"] in ("cancelled", "done"), 30)
        wait_for(lambda: "cancelled" in seen() or "long.en.srt" in " ".join(home.outputs()), 10)
        home.stop(signal.SIGKILL)
        wait_for(lambda: "stopped: reframe run" in seen(), 10)
        home.start()
        wait_for(lambda: "stopped" not in seen(), 20)
        press("q")
        wait_for(lambda: home.daemon is not None and home.daemon.poll() is None)
    finally:
        end()


def test_the_browsers_door_has_a_lock() -> None:
    server = pytest.importorskip("textual_serve.server", reason="the extra serve is not installed")
    from aiohttp import CookieJar
    from aiohttp.test_utils import TestClient, TestServer

    from tui.serve import guarded

    async def knock() -> None:
        made = guarded(server.Server, "true", 8421, "sesame")
        app = await made._make_app()
        app.on_startup.clear()
        app.on_shutdown.clear()
        async with TestClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
            here = {"Host": "127.0.0.1:8421"}
            for path in ("/", "/ws", "/?token=wrong", "/static/css/xterm.css"):
                assert (await client.get(path, headers=here)).status == 403, path
            assert (await client.get("/?token=sesame", headers={"Host": "evil.example:8421"})).status == 403
            opened = await client.get("/?token=sesame", headers=here, allow_redirects=False)
            assert (opened.status, opened.headers["Location"]) == (302, "/")
            cookie = opened.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
            key = here | {"Cookie": cookie.partition(";")[0]}
            assert (await client.get("/", headers=key)).status == 200
            assert (await client.get("/ws", headers=key | {"Origin": "http://evil.example"})).status == 403
        assert made.host == "127.0.0.1"

    asyncio.run(knock())
