"""Publishing and disposal: atomic, never over what is there, repeatable after a crash at any point."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reframed import filesystem, outbox
from reframed.arrival import Arrival, identity_of
from reframed.cache import Cache
from reframed.disposal import dispose
from reframed.errors import StepFailed
from reframed.filesystem import hash_file, move_exclusive, parse_mountinfo, rename_exclusive
from reframed.outbox import OutboxAway, publish
from reframed.protocol import Artifact
from reframed.store import arrivals, jobs
from reframed.store.jobs import Hold, JobPlan, StepPlan, Verdict
from reframed.store.ledger import Ledger
from reframed.store.reads import Reader


class Case:
    """A job whose only step is done and whose results wait to be published."""

    def __init__(self, folder: Path, name: bytes = b"film.mp4", where: str = "out", after: str = "done") -> None:
        self.ledger = Ledger(folder)
        self.ledger.open()
        self.cache = Cache(folder / "cache")
        self.inbox, self.outbox = folder / "in", folder / "out"
        self.inbox.mkdir()
        self.outbox.mkdir()
        self.source = os.path.join(os.fsencode(self.inbox), name)
        with open(self.source, "wb") as file:
            file.write(b"video")
        self.arrival = Arrival(
            inbox="in",
            path=self.source,
            subfolder=b"",
            identity=identity_of(os.lstat(self.source)),
            owner_uid=0,
            root=os.fsencode(self.inbox),
            outbox=os.fsencode(self.outbox) if where == "out" else b"",
            after=after,
            sha256="x",
        )
        self.add()

    def add(self, artifacts: tuple[str, ...] = ("en.srt", "en.vtt")) -> None:
        """Bring a job to the point of publishing."""
        plan = JobPlan("captions", "r", (StepPlan("captions", "{}", "cpu"),))
        self.job = self.ledger.run(lambda: arrivals.record(self.arrival, [plan], None, 1.0)).jobs[0]
        work = self.cache.folder / "work"
        work.mkdir(parents=True, exist_ok=True)
        made = []
        for name in artifacts:
            (work / name).write_text(f"captions {name} {self.job}")
            digest = hash_file(str(work / name))
            size = (work / name).stat().st_size
            made.append(Artifact(kind="captions", file=name, sha256=digest, size_bytes=size, suffix=f".{name}"))
        key = f"{self.job:032x}"
        self.cache.put(key, "captions", work, made)
        step = self.ledger.run(lambda: jobs.due(2.0))[0][0]
        self.ledger.run(lambda: jobs.claim(step, "me", 2.0))
        done = {"cached": False, "engine_s": 0.0, "media_s": 0.0, "now": 3.0}
        self.ledger.run(lambda: jobs.complete(step, "me", key, made, **done))  # type: ignore[arg-type]

    def publish(self) -> bool:
        return publish(self.ledger, self.cache, self.job, lambda: 4.0)

    def dispose(self) -> None:
        dispose(self.ledger, 1)

    def names(self) -> list[bytes]:
        return sorted(os.listdir(os.fsencode(self.outbox)))

    def about(self) -> dict[str, object]:
        reader = Reader(self.ledger.path.parent)
        found = reader.job(self.job)
        reader.close()
        return found


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    made = Case(tmp_path)
    yield made
    made.ledger.close()


def test_publishing_then_moving_the_source(case: Case) -> None:
    assert case.publish()
    assert case.names() == [b"film.en.srt", b"film.en.vtt"]
    assert case.about()["state"] == "done"
    case.dispose()
    assert os.listdir(case.inbox) == ["done"]
    assert (case.inbox / "done" / "film.mp4").read_bytes() == b"video"
    assert not case.publish()  # nothing is left to publish


def test_what_is_there_is_never_overwritten(case: Case) -> None:
    (case.outbox / "film.en.vtt").write_text("written by a person")
    case.publish()
    assert case.names() == [b"film (2).en.srt", b"film (2).en.vtt", b"film.en.vtt"]
    assert (case.outbox / "film.en.vtt").read_text() == "written by a person"


def test_a_file_that_appears_at_the_last_moment_is_kept(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    real = filesystem.rename_exclusive

    def rename(source: bytes, target: bytes) -> None:
        if target.endswith(b"film.en.srt"):
            Path(os.fsdecode(target)).write_text("just now")
        real(source, target)

    monkeypatch.setattr(outbox, "rename_exclusive", rename)
    case.publish()
    assert (case.outbox / "film.en.srt").read_text() == "just now"
    assert b"film (2).en.srt" in case.names()


@pytest.mark.parametrize("where", ["copy_synced", "rename_exclusive", "fsync_folder"])
def test_a_crash_anywhere_leaves_nothing_half_and_the_next_try_ends_it_once(
    case: Case, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    class Crash(BaseException):
        pass

    real = getattr(outbox, where)

    def crash(*arguments: object) -> object:
        if where == "fsync_folder":
            real(*arguments)
        raise Crash

    def intend_only(path: object) -> None:
        """A killed process cleans nothing up."""

    with monkeypatch.context() as broken:
        broken.setattr(outbox, where, crash)
        broken.setattr(outbox, "remove_if_there", intend_only)
        broken.setattr("reframed.store.publications.forget", intend_only)
        with pytest.raises(Crash):
            case.publish()
    assert [name for name in case.names() if not name.startswith(b".")] in ([], [b"film.en.srt"])
    case.publish()
    assert case.names() == [b"film.en.srt", b"film.en.vtt"]
    assert case.about()["state"] == "done"


def test_a_damaged_cache_is_never_published(case: Case) -> None:
    path = case.cache.place(f"{case.job:032x}") / "en.srt"
    path.write_text(path.read_text().upper())
    with pytest.raises(StepFailed, match="damaged"):
        case.publish()
    assert case.names() == []


def test_an_outbox_that_is_away_or_full_is_said(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(outbox, "copy_synced", full)
        with pytest.raises(StepFailed) as caught:
            case.publish()
        assert (caught.value.code, caught.value.retry) == ("no_space", True)
    case.outbox.rename(case.outbox.with_name("elsewhere"))
    with pytest.raises(OutboxAway):
        case.publish()


def test_a_name_of_255_bytes_keeps_room_for_the_suffix(tmp_path: Path) -> None:
    case = Case(tmp_path, name="é".encode() * 125 + b"x.mp4")
    case.publish()
    assert all(len(name) <= 255 and name.decode("utf-8").startswith("ééé") for name in case.names())
    case.dispose()
    assert os.listdir(case.inbox) == ["done"]
    case.ledger.close()


def test_beside_leaves_the_source_alone(tmp_path: Path) -> None:
    case = Case(tmp_path, where="beside")
    case.publish()
    case.dispose()
    assert sorted(os.listdir(case.inbox)) == ["film.en.srt", "film.en.vtt", "film.mp4"]
    case.ledger.close()


def test_trash_and_a_name_that_is_taken_there(tmp_path: Path) -> None:
    case = Case(tmp_path, after="trash")
    (case.inbox / ".trash").mkdir()
    (case.inbox / ".trash" / "film.mp4").write_text("an older one")
    case.publish()
    case.dispose()
    assert sorted(os.listdir(case.inbox / ".trash")) == ["film (2).mp4", "film.mp4"]
    assert (case.inbox / ".trash" / "film.mp4").read_text() == "an older one"
    case.ledger.close()


def test_a_failure_gets_its_reason_and_a_retry_clears_it(case: Case) -> None:
    case.ledger.run(
        lambda: jobs.fail(1, Verdict("bad", "It was bad.", "Mend it.", "tail"), 5.0, 0, 0.0, "failures", None)
    )
    case.dispose()
    reason = (case.inbox / "failed" / "film.mp4.reason.txt").read_text()
    for words in ("It was bad.", "Mend it.", "reframe retry 1", "tail"):
        assert words in reason
    case.ledger.run(lambda: jobs.retry(1, 6.0))
    step = case.ledger.run(lambda: jobs.due(7.0))[0][0]
    case.ledger.run(lambda: jobs.claim(step, "me", 7.0))
    done = {"cached": False, "engine_s": 0.0, "media_s": 0.0, "now": 8.0}
    case.ledger.run(lambda: jobs.complete(step, "me", "k", [], **done))  # type: ignore[arg-type]
    case.publish()
    case.dispose()
    assert os.listdir(case.inbox / "failed") == []
    assert os.listdir(case.inbox / "done") == ["film.mp4"]


def test_a_reason_that_somebody_wrote_into_stays(case: Case) -> None:
    case.ledger.run(lambda: jobs.fail(1, Verdict("bad", "It was bad."), 5.0, 0, 0.0, "failures", None))
    case.dispose()
    path = case.inbox / "failed" / "film.mp4.reason.txt"
    path.write_text(path.read_text() + "my own note")
    case.ledger.run(lambda: jobs.retry(1, 6.0))
    step = case.ledger.run(lambda: jobs.due(7.0))[0][0]
    case.ledger.run(lambda: jobs.claim(step, "me", 7.0))
    case.ledger.run(lambda: jobs.fail(1, Verdict("bad", "Bad again."), 9.0, 0, 0.0, "failures", Hold(step, "me")))
    case.dispose()
    assert "my own note" in path.read_text()
    assert "Bad again." in (case.inbox / "failed" / "film.mp4.reason (2).txt").read_text()


def test_another_file_under_the_sources_name_is_not_moved(case: Case) -> None:
    case.publish()
    (case.inbox / "new.mp4").write_text("another")
    os.replace(case.inbox / "new.mp4", case.source)
    case.dispose()
    assert Path(os.fsdecode(case.source)).read_text() == "another"


def test_an_interrupted_move_is_found_out(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.publish()
    real = filesystem.move_exclusive

    class Crash(BaseException):
        pass

    def crash(source: bytes, target: bytes) -> None:
        real(source, target)
        raise Crash

    with monkeypatch.context() as broken:
        broken.setattr("reframed.disposal.move_exclusive", crash)
        with pytest.raises(Crash):
            case.dispose()
    case.dispose()
    assert case.about()["disposition"] == "moved"
    assert case.about()["place"] == os.fsencode(case.inbox / "done" / "film.mp4")


def test_a_planted_link_is_not_written_through(case: Case, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (case.inbox / "failed").mkdir()
    (case.inbox / "failed" / ".reframe-reason-1.part").symlink_to(precious)
    (case.outbox / f".reframe-{case.job}-0.part").symlink_to(precious)
    case.publish()
    assert case.names() == [b"film.en.srt", b"film.en.vtt"]
    case.ledger.run(lambda: jobs.retry(1, 6.0))
    step = case.ledger.run(lambda: jobs.due(7.0))[0][0]
    case.ledger.run(lambda: jobs.claim(step, "me", 7.0))
    case.ledger.run(lambda: jobs.fail(1, Verdict("bad", "It was bad."), 9.0, 0, 0.0, "failures", Hold(step, "me")))
    case.dispose()
    assert precious.read_text() == "precious"
    assert "It was bad." in (case.inbox / "failed" / "film.mp4.reason.txt").read_text()


def test_an_inbox_that_is_away_keeps_its_arrivals(case: Case) -> None:
    case.publish()
    case.inbox.rename(case.inbox.with_name("unmounted"))
    case.dispose()
    assert case.about()["disposition"] == "here"
    case.inbox.with_name("unmounted").rename(case.inbox)
    case.dispose()
    assert case.about()["disposition"] == "moved"


def test_renames_never_replace_whatever_the_file_system_offers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for syscall in (None, errno.EINVAL):
        if syscall is not None:
            monkeypatch.setattr(filesystem, "_rename_syscall", lambda source, target: errno.EINVAL)
        source, target = tmp_path / "a", tmp_path / "b"
        source.write_text("new")
        target.write_text("old")
        with pytest.raises(FileExistsError):
            rename_exclusive(os.fsencode(source), os.fsencode(target))
        assert (source.read_text(), target.read_text()) == ("new", "old")
        target.unlink()
        rename_exclusive(os.fsencode(source), os.fsencode(target))
        assert target.read_text() == "new"
        assert not source.exists()
        target.unlink()


def test_a_move_across_file_systems_is_a_checked_copy(tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or os.stat(other).st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("no second file system here")
    source, target = tmp_path / "a", other / f"reframe-test-{os.getpid()}"
    source.write_text("content")
    try:
        move_exclusive(os.fsencode(source), os.fsencode(target))
        assert target.read_text() == "content"
        assert not source.exists()
        source.write_text("again")
        with pytest.raises(FileExistsError):
            move_exclusive(os.fsencode(source), os.fsencode(target))
        assert source.read_text() == "again"
    finally:
        target.unlink(missing_ok=True)


def test_mountinfo() -> None:
    text = "22 1 8:1 / / rw - ext4 /dev/a rw\n30 22 0:5 / /mnt/my\\040nas rw,x shared:1 - nfs4 host:/x rw\n"
    mounts = parse_mountinfo(text)
    assert mounts[1].point == "/mnt/my nas"
    assert (mounts[0].is_network, mounts[1].is_network) == (False, True)
