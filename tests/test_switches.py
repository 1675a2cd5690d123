"""Pausing the intake, draining the slots, and jobs that may go first."""

import shutil
import time
from pathlib import Path

import pytest

from reframed.store import arrivals, jobs, switches
from reframed.store.ledger import Ledger
from tests.conftest import SHORT, Home, wait_for
from tests.test_ledger import PLAN, arrival

pytestmark = pytest.mark.slow


def test_pause_holds_files_and_drain_holds_steps(home: Home) -> None:
    home.start()
    assert "until `reframe resume`" in home.run("pause").stdout
    shutil.copy(SHORT, home.inbox / "a.wav")
    wait_for(lambda: "paused the intake" in home.waiting().get("a.wav", ""))
    assert "Paused" in home.run("status").stdout
    assert home.jobs() == []
    home.run("drain")
    home.run("resume")
    home.ended()
    home.run("drain")
    shutil.copy(SHORT, home.inbox / "b.wav")
    wait_for(lambda: len(home.jobs()) == 2)
    time.sleep(1.0)
    assert home.jobs()[0]["state"] == "queued"
    assert "Draining" in home.run("status").stdout
    home.stop()
    home.start()  # a restart does not undo what an operator did
    time.sleep(1.0)
    assert home.jobs()[0]["state"] == "queued"
    assert "Going on" in home.run("resume").stdout
    home.ended(2)
    assert "Nothing was paused" in home.run("resume").stdout


def test_a_job_with_priority_goes_first(home: Home) -> None:
    home.start()
    home.run("drain")
    for name in "abc":
        shutil.copy(SHORT, home.inbox / f"{name}.wav")
        wait_for(lambda: len(home.jobs()) == "abc".index(name) + 1)  # noqa: B023
    home.run("priority", "3", "--to", "9")
    refused = home.run("priority", "1", "--to", "99", check=False)
    assert "no priority" in refused.stderr
    home.run("resume")
    home.ended(3)
    ended = {job["name"]: job["ended_at"] for job in home.jobs()}
    assert ended["c.wav"] < ended["a.wav"] < ended["b.wav"]
    refused = home.run("priority", "1", check=False)
    assert "place in the queue" in refused.stderr


def test_switches_are_in_the_ledger(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.open()
    ledger.run(lambda: arrivals.record(arrival(b"x.mp4", inode="1:1", sha256="1"), [PLAN], None, 1.0))
    ledger.run(lambda: switches.turn_on("drain", 0, 5.0))
    ledger.run(lambda: switches.turn_on("drain", 0, 9.0))
    assert ledger.run(lambda: jobs.claim(1, "t", 1.0)) is None
    assert ledger.run(switches.turn_off) == ["drain"]
    assert ledger.run(lambda: jobs.claim(1, "t", 1.0)) is not None
    ledger.close()
