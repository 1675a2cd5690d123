"""The ledger: one writer, compare-and-set claims, one transition table, migrations, refusals."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reframed.arrival import Arrival, Identity, identity_of, is_same_file
from reframed.errors import ReframeError
from reframed.job import ENDED, TRANSITIONS, State
from reframed.protocol import Artifact
from reframed.store import arrivals, jobs, publications, retention
from reframed.store.jobs import Hold, JobPlan, StepPlan, Verdict
from reframed.store.ledger import Ledger
from reframed.store.reads import Filter, Reader

PLAN = JobPlan("captions", "r1", (StepPlan("transcribe", "{}", "gpu"), StepPlan("captions", "{}", "cpu")))

ME = Hold(1, "me")


def arrival(name: bytes = b"a.mp4", inode: str = "1:1", **more: object) -> Arrival:
    fields: dict[str, object] = {
        "inbox": "in",
        "path": b"/in/" + name,
        "subfolder": b"",
        "identity": Identity(inode, 5, 7),
        "owner_uid": 1000,
        "root": b"/in",
        "outbox": b"/out",
        "after": "done",
        "sha256": "abc",
    }
    return Arrival(**(fields | more))  # type: ignore[arg-type]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path)
    opened.open()
    yield opened
    opened.close()


def state(ledger: Ledger, job: int) -> dict[str, object]:
    reader = Reader(ledger.path.parent)
    found = reader.job(job)
    reader.close()
    return found


def test_every_state_has_its_transitions_and_every_end_can_be_retried() -> None:
    assert set(TRANSITIONS) == set(State)
    assert all(State.QUEUED in TRANSITIONS[ended] for ended in ENDED)
    assert State.RUNNING not in TRANSITIONS[State.DONE]


def test_the_same_file_is_taken_once(ledger: Ledger) -> None:
    first = ledger.run(lambda: arrivals.record(arrival(), [PLAN], None, 1.0))
    again = ledger.run(lambda: arrivals.record(arrival(), [PLAN], None, 2.0))
    rebooted = ledger.run(lambda: arrivals.record(arrival(inode="9:1"), [PLAN], None, 3.0))  # another device number
    other = ledger.run(lambda: arrivals.record(arrival(inode="1:2", sha256="new"), [PLAN], None, 4.0))
    assert (first.known, again.known, rebooted.known, other.known) == (False, True, True, False)
    assert first.jobs == again.jobs == rebooted.jobs != other.jobs


def test_only_one_claim_wins(ledger: Ledger) -> None:
    ledger.run(lambda: arrivals.record(arrival(), [PLAN], None, 1.0))
    won: list[object] = []

    def race(token: str) -> None:
        claimed = ledger.run(lambda: jobs.claim(1, token, 2.0))
        if claimed is not None:
            won.append(claimed)

    threads = [threading.Thread(target=race, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_a_job_from_arrival_to_done(ledger: Ledger) -> None:
    made = Artifact(kind="transcript", file="t.json", sha256="s", size_bytes=1)
    ledger.run(lambda: arrivals.record(arrival(), [PLAN], None, 1.0))
    assert ledger.run(lambda: jobs.due(2.0)) == [(1, "gpu", 0)]
    ledger.run(lambda: jobs.claim(1, "me", 2.0))
    done = {"cached": False, "engine_s": 1.0, "media_s": 10.0, "now": 4.0}
    assert ledger.run(lambda: jobs.complete(1, "other", "k", [made], **done)) == (False, None)  # type: ignore[arg-type]
    assert ledger.run(lambda: jobs.complete(1, "me", "k", [made], **done)) == (True, 2)  # type: ignore[arg-type]
    claimed = ledger.run(lambda: jobs.claim(2, "me", 4.0))
    assert claimed is not None
    assert claimed.inputs == (("k", made),)
    assert ledger.run(lambda: jobs.complete(2, "me", "k2", [], **done)) == (True, None)  # type: ignore[arg-type]
    assert state(ledger, 1)["state"] == "publishing"
    ledger.run(lambda: jobs.finish(1, 5.0))
    assert state(ledger, 1)["state"] == "done"
    assert ledger.run(lambda: jobs.pace("transcribe")) == pytest.approx(0.2)


def test_failures_wait_longer_each_time_and_end(ledger: Ledger) -> None:
    ledger.run(lambda: arrivals.record(arrival(), [PLAN], None, 1.0))
    verdict = Verdict("no_space", "full")
    for now, retry_at in ((10.0, 15.0), (20.0, 30.0)):
        ledger.run(lambda now=now: jobs.claim(1, "me", now))  # type: ignore[misc]
        assert ledger.run(lambda now=now: jobs.fail(1, verdict, now, 3, 5.0, "failures", ME)) == "queued"  # type: ignore[misc]
        assert ledger.run(lambda now=now: jobs.next_retry(now)) == retry_at  # type: ignore[misc]
        assert ledger.run(lambda now=now: jobs.due(now)) == []  # type: ignore[misc]
        assert ledger.run(lambda now=now: jobs.claim(1, "me", now)) is None  # type: ignore[misc]
    ledger.run(lambda: jobs.claim(1, "me", 40.0))
    assert ledger.run(lambda: jobs.fail(1, verdict, 41.0, 3, 5.0, "failures", ME)) == "failed"
    assert state(ledger, 1)["reason"] == "full"
    assert state(ledger, 1)["attempt"] == 3
    ledger.run(lambda: jobs.retry(1, 50.0))
    assert ledger.run(lambda: jobs.due(51.0)) == [(1, "gpu", 0)]
    assert state(ledger, 1)["failures"] == 0


def test_a_late_result_of_a_cancelled_job_is_dropped(ledger: Ledger) -> None:
    ledger.run(lambda: arrivals.record(arrival(), [PLAN], None, 1.0))
    ledger.run(lambda: jobs.claim(1, "me", 2.0))
    ledger.run(lambda: jobs.cancel(1, Verdict("cancelled", "by hand"), 3.0))
    done = {"cached": False, "engine_s": 1.0, "media_s": 10.0, "now": 4.0}
    assert ledger.run(lambda: jobs.complete(1, "me", "k", [], **done)) == (False, None)  # type: ignore[arg-type]
    with pytest.raises(ReframeError, match="cannot become"):
        ledger.run(lambda: jobs.cancel(1, Verdict("cancelled", "again"), 5.0))


def test_a_claim_that_fell_has_no_say(ledger: Ledger) -> None:
    """Cancelled and retried while the first worker still winds down: the second one's run is not touched."""
    ledger.run(lambda: arrivals.record(arrival(), [PLAN], None, 1.0))
    ledger.run(lambda: jobs.claim(1, "me", 2.0))
    ledger.run(lambda: jobs.cancel(1, Verdict("cancelled", "by hand"), 3.0))
    ledger.run(lambda: jobs.retry(1, 4.0))
    ledger.run(lambda: jobs.claim(1, "second", 5.0))
    ledger.run(lambda: jobs.fail(1, Verdict("crash", "x"), 6.0, 1, 0.0, "crashes", ME))
    ledger.run(lambda: jobs.block(1, Verdict("away", "x"), 6.0, ME))
    ledger.run(lambda: jobs.release(*ME))
    found = state(ledger, 1)
    assert (found["state"], found["crashes"]) == ("running", 0)
    assert ledger.run(lambda: jobs.is_held(Hold(1, "second")))


def test_a_date_far_away_and_a_new_device_number(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")
    os.utime(path, (20_000_000_000, 20_000_000_000))
    identity = identity_of(path.stat())
    taken = ledger.run(lambda: arrivals.record(arrival(identity=identity), [PLAN], None, 1.0))
    assert taken.jobs == [1]
    moved = Identity("999:" + identity.inode.partition(":")[2], identity.size, identity.mtime_ns)
    assert is_same_file(path.stat(), moved)
    assert not is_same_file(path.stat(), Identity(identity.inode, 2, identity.mtime_ns))


def test_interruptions_are_counted_apart_and_wait_after_the_third(ledger: Ledger) -> None:
    ledger.run(lambda: arrivals.record(arrival(), [PLAN], None, 1.0))
    for count in range(1, 6):
        ledger.run(lambda: jobs.claim(1, "me", 1e6))
        ledger.run(lambda: jobs.recover(2e6))
        found = state(ledger, 1)
        assert (found["state"], found["interruptions"], found["crashes"], found["failures"]) == ("queued", count, 0, 0)
        waits = (count - 3) * 60.0 if count > 3 else None
        assert found["retry_at"] == (2e6 + waits if waits else None)
        ledger.run(lambda: jobs.claim(1, "me", 3e6))
        ledger.run(lambda: jobs.release(1, "me"))


def test_retention_removes_what_is_old_and_out_of_the_inbox(ledger: Ledger) -> None:
    for number in (1, 2):
        taken = arrival(b"%d.mp4" % number, inode=f"1:{number}")
        ledger.run(lambda taken=taken: arrivals.record(taken, [PLAN], Verdict("empty", "x"), 1.0))  # type: ignore[misc]
    ledger.run(lambda: publications.moved(1, b"/in/failed/1.mp4"))
    assert ledger.run(lambda: retention.expired_jobs(0.5)) == []
    assert ledger.run(lambda: retention.expired_jobs(9.0)) == [1]  # job 2's source is still in the inbox
    ledger.run(lambda: retention.remove_jobs([1]))
    with pytest.raises(ReframeError, match="no job 1"):
        state(ledger, 1)


def test_paths_that_are_no_text_are_kept_to_the_byte(ledger: Ledger) -> None:
    name = b"\xff\x1b\n'.mp4"
    ledger.run(lambda: arrivals.record(arrival(name), [PLAN], None, 1.0))
    found = state(ledger, 1)
    assert found["path"] == b"/in/" + name
    assert found["name"] == "\\xff\\x1b\\n'.mp4"


def test_filters(ledger: Ledger) -> None:
    for number, name in enumerate((b"a_b.mp4", b"axb.mp4")):
        taken = arrival(name, inode=f"1:{number}")
        ledger.run(lambda taken=taken: arrivals.record(taken, [PLAN], None, 1.0))  # type: ignore[misc]
    reader = Reader(ledger.path.parent)
    assert [row["name"] for row in reader.jobs(Filter(texts=("a_b",)))] == ["a_b.mp4"]
    assert reader.total(Filter(states=("done",))) == 0
    assert reader.counts()["queued"] == 2
    reader.close()


def test_a_newer_schema_and_a_damaged_file_are_refused(tmp_path: Path) -> None:
    opened = Ledger(tmp_path)
    opened.open()
    opened.close()
    with sqlite3.connect(opened.path) as database:
        database.execute("INSERT INTO schema_migration (name, applied) VALUES ('0999_future', '2030-01-01')")
    database.close()
    for expected in ("written by a newer Reframe", "is damaged"):
        refused = Ledger(tmp_path)
        with pytest.raises(ReframeError, match=expected):
            refused.open()
        refused.close()
        for path in tmp_path.glob("ledger.db*"):
            path.write_bytes(b"not a database at all" * 400)


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reframed.filesystem import Mount

    monkeypatch.setattr("reframed.store.ledger.mount_of", lambda path: Mount("/mnt/nas", "nfs4"))
    with pytest.raises(ReframeError, match=r"network file system \(nfs4\)"):
        Ledger(tmp_path).open()
    assert list(tmp_path.iterdir()) == []


def test_the_ledger_can_be_read_daemon_up_and_down_by_another_user(ledger: Ledger, tmp_path: Path) -> None:
    ledger.run(lambda: arrivals.record(arrival(), [PLAN], None, 1.0))
    reader = Reader(tmp_path)
    assert len(reader.jobs()) == 1
    reader.close()
    ledger.close()
    assert not (tmp_path / "ledger.db-wal").exists()
    if os.getuid() != 0:
        pytest.skip("needs root to become another user")
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == 0 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    child = os.fork()
    if child == 0:  # this process has all it needs loaded: another user may not reach this Python
        os.setgid(65534)
        os.setuid(65534)
        try:
            os._exit(10 + len(Reader(tmp_path).jobs()))
        except BaseException:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 11


def test_a_full_disk_makes_calls_wait_until_there_is_room(ledger: Ledger, tmp_path: Path) -> None:
    """SQLite's own page limit stands in for the disk: the same error, at will."""
    from reframed.store.schema import database

    def limit(pages: int) -> None:
        ledger.run(lambda: database.execute_sql(f"PRAGMA max_page_count={pages}"), in_transaction=False)

    assert (tmp_path / "ballast").exists()
    limit(1)  # SQLite clamps it to the pages there are
    written = threading.Event()

    def write() -> None:
        for number in range(200):
            taken = arrival(b"%d.mp4" % number + b"x" * 3000, inode=f"1:{number}")
            ledger.run(lambda taken=taken: arrivals.record(taken, [PLAN], None, 1.0))  # type: ignore[misc]
        written.set()

    original = ledger._make_room
    calls: list[bool] = []

    def make_room() -> None:
        calls.append(True)
        original()
        if len(calls) == 2:
            database.execute_sql("PRAGMA max_page_count=1000000")

    ledger._make_room = make_room  # type: ignore[method-assign]
    thread = threading.Thread(target=write)
    thread.start()
    assert written.wait(30)
    thread.join()
    assert len(calls) >= 2
    assert not (tmp_path / "ballast").exists()
    assert not ledger.full
    reader = Reader(tmp_path)
    assert reader.total() == 200
    reader.close()
