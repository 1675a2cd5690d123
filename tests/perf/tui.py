"""`make bench-tui`: the dashboard in a terminal of 80x24 over a ledger of 100,000 jobs: how quick, how quiet, how large."""

from __future__ import annotations

import fcntl
import functools
import os
import pty
import select
import shutil
import signal
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

from reframed.paths import job_log
from reframed.store import arrivals, jobs
from reframed.store.jobs import JobPlan, StepPlan
from reframed.store.ledger import Ledger
from tests.test_ledger import arrival

JOBS = 100_000
KEYS = 150
# How a copy differs from its original: in its number.
_COPIED = {
    ("arrival", "display"): "'Season ' || (n / 20) || '/episode ' || (n - 1) || ' - a title of usual length.mkv'",
    ("arrival", "inode"): "'1:' || n",
    ("arrival", "sha256"): "n",
    ("arrival", "path"): "CAST('/in/' || n AS BLOB)",
    ("job", "arrival_id"): "n",
    ("job", "created_at"): "1000.0 + n",
    ("step", "job_id"): "n",
    ("event", "job_id"): "n",
}
LOG_LINES = 100_000
QUIET_S = 0.03  # output that stops for so long has ended
RUNNING = 4
PLAN = JobPlan("captions", "r1", (StepPlan("transcribe", "{}", "gpu"), StepPlan("captions", "{}", "cpu")))


def fill(state: Path) -> None:
    """A ledger with many jobs, some of which run: one is made by the daemon's own means, the others are its copies."""
    state.mkdir()
    ledger = Ledger(state)
    ledger.open()
    ledger.run(lambda: arrivals.record(arrival(b"first.mkv", inode="1:0"), [PLAN], None, 1000.0))
    ledger.close()
    database = sqlite3.connect(state / "ledger.db")
    for table, key in (("arrival", "id"), ("job", "id"), ("step", "id"), ("event", "id")):
        names = [row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[1] != key]
        values = ", ".join(_COPIED.get((table, name), name) for name in names)
        order = "n, position" if table == "step" else "n"
        database.execute(
            f"WITH RECURSIVE more(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM more WHERE n < {JOBS}) "
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM more, {table} "
            f"WHERE {'job_id' if table in ('step', 'event') else 'id'} = 1 ORDER BY n, {order}"
        )
    database.commit()
    database.close()
    ledger = Ledger(state)
    ledger.open()
    for number in range(RUNNING):
        ledger.run(lambda number=number: jobs.claim(2 * (JOBS - number) - 1, f"t{number}", time.time()))  # type: ignore[misc]
    ledger.close()


class Terminal:
    """A program behind a pseudo-terminal of 80x24."""

    def __init__(self, command: list[str], config: Path) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.started = time.perf_counter()
        environment = os.environ | {"TERM": "xterm-256color", "REFRAME_CONFIG": str(config)}
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment,
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)

    def read(self, for_s: float) -> bytes:
        """What comes within `for_s`."""
        data, end = b"", time.perf_counter() + for_s
        while (left := end - time.perf_counter()) > 0:
            if select.select([self.master], [], [], left)[0]:
                data += os.read(self.master, 65536)
        return data

    def until(self, wanted: bytes, limit_s: float = 30.0) -> float:
        """Seconds from the start until `wanted` is on the screen."""
        data = b""
        while wanted not in data:
            if time.perf_counter() - self.started > limit_s:
                raise SystemExit(f"{wanted!r} never came: {data[-300:]!r}")
            data += self.read(0.002)
        return time.perf_counter() - self.started

    def key(self, key: bytes) -> tuple[float, int]:
        """Seconds from a key to the first answer, and the bytes of the whole answer."""
        start = time.perf_counter()
        os.write(self.master, key)
        select.select([self.master], [], [], 2.0)
        answer = time.perf_counter() - start
        size = 0
        while data := self.read(QUIET_S):
            size += len(data)
        return answer, size

    def rss_mb(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def end(self) -> None:
        """Kill it."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.master)


REFRAME = [sys.executable, "-m", "reframed", "tui"]
BARE = """
import gc; gc.disable()
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("bare textual")
Bare().run()
"""


def ready(command: list[str], wanted: bytes, config: Path) -> float:
    """Milliseconds until `wanted` is on the screen: the median of five starts."""
    found = []
    for _ in range(5):
        terminal = Terminal(command, config)
        found.append(terminal.until(wanted) * 1000)
        terminal.end()
    return statistics.median(found)


def keys(terminal: Terminal, name: str) -> None:
    """Print what keys cost: down, down, up, down, down, up..."""
    found = [terminal.key(b"j" if number % 3 else b"k") for number in range(KEYS)]
    times = sorted(seconds * 1000 for seconds, _ in found)
    sizes = sorted(size for _, size in found)
    high = int(KEYS * 0.95)
    print(f"{name:<26} key p50 {times[KEYS // 2]:.1f} ms, p95 {times[high]:.1f} ms", end="; ")
    print(f"bytes a key p50 {sizes[KEYS // 2]}, mean {statistics.mean(sizes):.0f}, p95 {sizes[high]}", end="; ")
    print(f"memory {terminal.rss_mb():.0f} MB")


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="reframe-bench-") as name:
        folder = Path(name)
        config = folder / "reframe.yaml"
        config.write_text(f"state: {folder}/state\ninboxes: []\n")
        fill(folder / "state")
        bare = ready([sys.executable, "-c", BARE], b"bare textual", config)
        ours = ready(REFRAME, b"episode 99999", config)
        print(f"ready {ours:.0f} ms (aim 350); a Textual app that does nothing {bare:.0f} ms; {ours / bare:.2f} times")
        terminal = Terminal(REFRAME, config)
        terminal.until(b"episode 99999")
        terminal.read(2.0)
        print(f"idle {len(terminal.read(4.0)) / 4:.0f} B/s (aim 0)")
        print("aims: key p50 6 ms, p95 20 ms, 600 bytes a key, 50 MB")
        keys(terminal, f"Reframe, {JOBS:,} jobs")
        terminal.key(b"g")  # where the jobs that run are
        print(f"{RUNNING} running jobs {_busy(terminal, folder / 'state') / 1000:.1f} kB/s (aim 5)")
        terminal.end()
        _logs(folder, config)


def _logs(folder: Path, config: Path) -> None:
    """The same keys in a log, beside two log viewers where they are installed."""
    log = job_log(folder / "state", JOBS, 1)
    log.parent.mkdir(parents=True)
    log.write_text(
        "".join(f"10:00:00 line {number} of a log as steps write it, of usual length\n" for number in range(LOG_LINES))
    )
    last = b"line %d of" % (LOG_LINES - 1)
    terminal = Terminal(REFRAME, config)
    terminal.until(b"episode 99999")
    terminal.read(1.0)
    terminal.key(b"l")
    terminal.key(b"g")
    keys(terminal, f"Reframe, {LOG_LINES:,} lines")
    terminal.end()
    for tool, command in (("lnav", ["lnav", "-q", str(log)]), ("toolong", ["tl", str(log)])):
        if shutil.which(command[0]) is None:
            print(f"{tool}: not installed")
            continue
        print(f"{tool}: ready {ready(command, last if tool == 'lnav' else b'usual length', config):.0f} ms")
        terminal = Terminal(command, config)
        terminal.read(4.0)
        if tool == "lnav":
            terminal.key(b"g")
        keys(terminal, f"{tool}, {LOG_LINES:,} lines")
        terminal.end()


def _busy(terminal: Terminal, state: Path) -> float:
    """Bytes a second while jobs report progress."""
    stop = threading.Event()

    def work() -> None:
        ledger = Ledger(state)
        ledger.open()
        done = 0.0
        while not stop.is_set():
            done = (done + 0.003) % 1
            ledger.run(functools.partial(_advance, done))
            stop.wait(0.25)
        ledger.close()

    worker = threading.Thread(target=work)
    worker.start()
    terminal.read(1.0)
    busy = len(terminal.read(5.0)) / 5
    stop.set()
    worker.join()
    return busy


def _advance(done: float) -> None:
    for number in range(RUNNING):
        jobs.progress(2 * (JOBS - number) - 1, f"t{number}", done, 60.0)


if __name__ == "__main__":
    main()
