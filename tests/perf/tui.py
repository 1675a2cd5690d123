"""`make bench-tui`: the dashboard in a terminal of 80x24 over a ledger of 100,000 jobs: how quick, how quiet, how large."""

from __future__ import annotations

import fcntl
import functools
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

from reframed.store import arrivals, jobs
from reframed.store.jobs import JobPlan, StepPlan
from reframed.store.ledger import Ledger
from tests.test_ledger import arrival

JOBS = 100_000
KEYS = 150
QUIET_S = 0.03  # output that stops for so long has ended
RUNNING = 4
PLAN = JobPlan("captions", "r1", (StepPlan("transcribe", "{}", "gpu"), StepPlan("captions", "{}", "cpu")))


def fill(state: Path) -> None:
    """A ledger with many jobs, some of which run."""
    state.mkdir()
    ledger = Ledger(state)
    ledger.open()

    def some(first: int, last: int) -> None:
        for number in range(first, last):
            name = b"Season %d/episode %d - a title of usual length.mkv" % (number // 20, number)
            arrivals.record(arrival(name, inode=f"1:{number}", sha256=str(number)), [PLAN], None, 1000.0 + number)

    for first in range(1, JOBS + 1, 5000):
        ledger.run(lambda first=first: some(first, min(JOBS + 1, first + 5000)))  # type: ignore[misc]
    for number in range(RUNNING):
        ledger.run(lambda number=number: jobs.claim(2 * (JOBS - number) - 1, f"t{number}", time.time()))  # type: ignore[misc]
    ledger.close()


class Terminal:
    """The dashboard behind a pseudo-terminal."""

    def __init__(self, state: Path, config: Path) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.started = time.perf_counter()
        environment = os.environ | {"TERM": "xterm-256color", "REFRAME_CONFIG": str(config)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reframed", "tui"], stdin=slave, stdout=slave, stderr=slave, env=environment,
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


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="reframe-bench-") as name:
        folder = Path(name)
        (folder / "reframe.yaml").write_text(f"state: {folder}/state\ninboxes: []\n")
        fill(folder / "state")
        starts = []
        for _ in range(3):
            terminal = Terminal(folder / "state", folder / "reframe.yaml")
            starts.append(terminal.until(b"episode 99999") * 1000)
            terminal.process.send_signal(signal.SIGKILL)
            terminal.process.wait()
        terminal = Terminal(folder / "state", folder / "reframe.yaml")
        terminal.until(b"episode 99999")
        terminal.read(2.0)
        idle = len(terminal.read(4.0)) / 4
        found = [terminal.key(b"j" if number % 3 else b"k") for number in range(KEYS)]
        times = sorted(seconds * 1000 for seconds, _ in found)
        sizes = sorted(size for _, size in found)
        terminal.key(b"g")  # where the jobs that run are
        busy = _busy(terminal, folder / "state")
        print(f"ready {statistics.median(starts):.0f} ms ({' '.join(f'{one:.0f}' for one in starts)})   aim 350")
        print(f"key p50 {times[KEYS // 2]:.1f} ms, p95 {times[int(KEYS * 0.95)]:.1f} ms   aim 6 and 20")
        print(f"bytes a key p50 {sizes[KEYS // 2]}, p95 {sizes[int(KEYS * 0.95)]}   aim 600")
        print(f"idle {idle:.0f} B/s   aim 0;  {RUNNING} running jobs {busy / 1000:.1f} kB/s   aim 5")
        print(f"memory {terminal.rss_mb():.0f} MB   aim 50")
        terminal.process.send_signal(signal.SIGKILL)
        terminal.process.wait()


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
