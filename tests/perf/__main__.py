"""`make bench`: what Reframe costs, measured in one run. Absolute times wander with the machine; ratios hold."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from reframed.store import schema
from reframed.store.ledger import Ledger
from tests.conftest import SHORT, Home, wait_for

DROPS = 12
SETTLE_S = 0.3
IDLE_S = 20
JOBS = 100_000
STATUS_RUNS = 11


def percentiles(values: list[float]) -> str:
    """p50 and p95 in milliseconds."""
    ordered = sorted(values)
    return (
        f"p50 {statistics.median(ordered) * 1000:.0f} ms, p95 {ordered[int(0.95 * (len(ordered) - 1))] * 1000:.0f} ms"
    )


def row(what: str, measured: str, aim: str) -> None:
    """One line of the table."""
    print(f"{what:<52} {measured:<34} {aim}", flush=True)


def drops_and_overhead(home: Home) -> None:
    """Drop to running beyond the settle time, and a whole warm job beyond the engine's own time."""
    latencies, overheads, shares = [], [], []
    for number in range(DROPS):
        shutil.copy(SHORT, home.inbox / f".{number}.tmp")
        with (home.inbox / f".{number}.tmp").open("ab") as file:
            file.write(os.urandom(2))  # another content: the cache must not help
        dropped = time.time()
        (home.inbox / f".{number}.tmp").rename(home.inbox / f"{number}.wav")
        home.ended(number + 1)
        time.sleep(0.3)
        job = home.job(number + 1)
        engine = sum(step["engine_s"] for step in job["steps"])
        latencies.append(job["started_at"] - dropped - SETTLE_S)
        if number:  # the first one loads the model
            overheads.append(job["ended_at"] - job["started_at"] - engine)
            shares.append(overheads[-1] / engine)
    row("drop to running, beyond the settle time (warm)", percentiles(latencies[1:]), "p50 under 100 ms")
    row("whole captions job beyond the engine's time (warm)", percentiles(overheads), "under 300 ms")
    row("  as a share of the engine's time, 3 s of speech", f"{statistics.median(shares):.0%}", "")


def idle(home: Home) -> None:
    """CPU, memory and disk writes of the daemon while nothing happens."""
    assert home.daemon is not None
    wait_for(lambda: not list((home.state / "runners").glob("*")), 60)
    time.sleep(2)
    proc = Path(f"/proc/{home.daemon.pid}")

    def ticks() -> int:
        fields = (proc / "stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def written() -> int:
        return int(re.findall(r"write_bytes: (\d+)", (proc / "io").read_text())[0])

    before, bytes_before = ticks(), written()
    time.sleep(IDLE_S)
    used = (ticks() - before) / os.sysconf("SC_CLK_TCK") / IDLE_S
    rss = int(re.findall(r"VmRSS:\s+(\d+)", (proc / "status").read_text())[0]) / 1024
    row(f"idle for {IDLE_S} s: CPU of one core", f"{used:.2%}", "0.1 %")
    row("idle: memory of the daemon", f"{rss:.0f} MB", "60 MB")
    row("idle: written to disk", f"{written() - bytes_before} bytes", "0")


def fill(state: Path) -> None:
    """A ledger with many jobs, in the proportions of a year's use."""
    state.mkdir(exist_ok=True)
    ledger = Ledger(state)
    ledger.open()
    ledger.close()
    database = sqlite3.connect(state / "ledger.db")
    arrivals = (
        (n, "captions", b"/in/%d.mp4" % n, b"/in/done/%d.mp4" % n, f"{n}.mp4", f"1:{n}") for n in range(1, JOBS + 1)
    )
    database.executemany(
        "INSERT INTO arrival (id, inbox, path, place, display, subfolder, inode, size, mtime_ns, owner_uid, root, outbox, "
        "after, taken_at, disposition) VALUES (?, ?, ?, ?, ?, X'', ?, 1, 1, 0, X'', X'', 'done', 1, 'moved')",
        arrivals,
    )
    jobs = ((n, n, "failed" if n % 50 == 0 else "done") for n in range(1, JOBS + 1))
    database.executemany(
        "INSERT INTO job (id, arrival_id, recipe, revision, state, created_at, owner_uid) "
        "VALUES (?, ?, 'captions', 'r', ?, 1, 0)",
        jobs,
    )
    database.commit()
    database.close()


def status_time(folder: Path) -> None:
    """The whole process `reframe status`, and an empty Python for comparison."""
    home = Home(folder)
    fill(home.state)

    def timed(command: list[str]) -> float:
        start = time.perf_counter()
        subprocess.run(command, env=home.environment, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start

    status = [sys.executable, "-m", "reframed", "--config", str(home.config), "status"]
    times, bare = [], []
    for _ in range(STATUS_RUNS):
        times.append(timed(status))
        bare.append(timed([sys.executable, "-c", "pass"]))
    row(f"`reframe status` with {JOBS:,} jobs", percentiles(times), "under 150 ms")
    row("  a Python that does nothing", percentiles(bare), "")


def main() -> None:
    """Measure everything and print the table."""
    assert schema  # the models are imported before anything is timed
    row("what", "measured", "aim")
    with tempfile.TemporaryDirectory(prefix="reframe-bench-") as folder:
        home = Home(Path(folder))
        home.configure(inbox={"settle": SETTLE_S}, models={"whisper": "tiny.en", "idle_unload": "5s"})
        home.start()
        try:
            drops_and_overhead(home)
            idle(home)
        finally:
            home.stop()
    with tempfile.TemporaryDirectory(prefix="reframe-bench-") as folder:
        status_time(Path(folder))


if __name__ == "__main__":
    main()
