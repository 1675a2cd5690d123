"""Scanning, ignoring, settling."""

import os
import stat
from pathlib import Path

import pytest

from reframed.arrival import Identity
from reframed.config import Inbox
from reframed.inbox.lease import Writers, writers
from reframed.inbox.rules import ignored_by
from reframed.inbox.scan import Scanner
from reframed.inbox.settle import Act, Candidate
from reframed.media.info import MediaInfo
from reframed.paths import shipped
from reframed.protocol import Failed, Probed, Settings
from reframed.recipe import load

RECIPE = load(shipped("recipes") / "captions.yaml", Settings(models_folder="/nonexistent"))


@pytest.mark.parametrize(
    "name",
    [
        "film.mp4.part",
        "film.crdownload",
        "film.mp4.!qB",
        "film.tmp",
        "film.mp4~",
        ".film.mp4.x7Ghq2",
        ".syncthing.film.mp4.tmp",
        "~syncthing~film.mp4.tmp",
        "~$notes.mp4",
        "film.filepart",
        "film.sync-conflict-20260101-120000-ABCDEFG.mp4",
    ],
)
def test_temporary_names_are_ignored(name: str) -> None:
    assert ignored_by(name.encode(), False)


@pytest.mark.parametrize("name", ["_UNPACK_Film.2020", "@eaDir", "#recycle", ".stversions", "lost+found"])
def test_foreign_folders_are_ignored(name: str) -> None:
    assert ignored_by(name.encode(), True)


def test_ordinary_names_are_not_ignored_and_own_patterns_are() -> None:
    for name in (b"film.mp4", b"part.mp4", b"it's (2).mkv", b"\xff.mp4", b"-rf.mp4", b"_unpack_x.mp4"):
        assert ignored_by(name, False) == ""
    assert ignored_by(b"film-TRAILER.mp4", False, ["*-trailer.*"]) == "*-trailer.*"
    assert ignored_by(b"Extras", True, ["Extras/"]) == "Extras"
    assert ignored_by(b"Extras", False, ["Extras/"]) == ""


def scanner(folder: Path, **options: object) -> Scanner:
    inbox = Inbox(path=str(folder), recipe="captions", name="in", **options)  # type: ignore[arg-type]
    return Scanner(inbox, [RECIPE], lambda: 10**20)


def test_a_scan_sorts_everything_it_sees(tmp_path: Path) -> None:
    outside = tmp_path / "outside.mp4"
    outside.write_bytes(b"x")
    inbox = tmp_path / "in"
    for name in ("sub/deep", "done", "failed", "x.mp4", "@eaDir"):
        (inbox / name).mkdir(parents=True)
    for name in ("a.mp4", "sub/deep/b.mkv", "done/old.mp4", "failed/bad.mp4", "x.mp4/inside.mp4", "@eaDir/t.mp4"):
        (inbox / name).write_bytes(b"x")
    for name in ("notes.txt", "list.m3u8", "c.mp4.part"):
        (inbox / name).write_bytes(b"x")
    (inbox / "link.mp4").symlink_to(outside)
    os.mkfifo(inbox / "pipe.mp4")
    look = scanner(inbox).look(full=True)
    found = {(os.fsdecode(os.path.relpath(item.path, os.fsencode(inbox))), item.subfolder) for item in look.found}
    assert found == {("a.mp4", b""), ("sub/deep/b.mkv", b"sub/deep"), ("x.mp4/inside.mp4", b"x.mp4")}
    why = {os.fsdecode(os.path.basename(path)): reason.reason for path, reason in look.reasons.items()}
    assert set(why) == {"notes.txt", "list.m3u8", "c.mp4.part", "link.mp4", "pipe.mp4", "x.mp4", "@eaDir"}
    assert "no recipe of this inbox takes it" in why["notes.txt"]
    assert "never opened" in why["list.m3u8"]
    assert "*.part" in why["c.mp4.part"]
    assert "copy or move the file itself" in why["link.mp4"]
    assert "a named pipe" in why["pipe.mp4"]


def test_a_second_look_lists_only_folders_that_changed(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.mp4").write_bytes(b"x")
    looks = scanner(tmp_path)
    assert len(looks.look(full=False).found) == 1
    assert looks.look(full=False).found == []
    (tmp_path / "sub" / "b.mp4").write_bytes(b"x")
    assert {os.path.basename(item.path) for item in looks.look(full=False).found} == {b"a.mp4", b"b.mp4"}
    assert len(looks.look(full=True).found) == 2
    (tmp_path / "notes.txt").write_bytes(b"x")
    assert len(looks.look(full=False).reasons) == 1
    (tmp_path / "notes.txt").unlink()
    assert looks.look(full=False).reasons == {}


def test_trouble_with_the_inbox_itself(tmp_path: Path) -> None:
    assert "cannot be read" in scanner(tmp_path / "gone").look(full=True).trouble
    (tmp_path / "file").write_bytes(b"")
    assert scanner(tmp_path / "file").look(full=True).trouble == "is not a folder"


ONE, TWO = Identity("1:1", 10, 1), Identity("1:1", 20, 2)
GOOD = Probed(media=MediaInfo(container="wav"), sha256="x")
BAD = Failed(code="truncated", message="cut short")


def test_a_file_is_taken_when_still_and_readable() -> None:
    file = Candidate(ONE, still_since=0.0, settle_s=2.0, grace_s=60.0)
    assert file.decide(0.5, Writers.NONE).act is Act.WAIT
    assert file.decide(1.0, Writers.NONE).act is Act.PROBE
    file.probed(ONE, GOOD, 1.2)
    decision = file.decide(1.3, Writers.NONE)
    assert (decision.act, decision.again_at) == (Act.WAIT, 2.0)
    assert file.decide(2.0, Writers.NONE).act is Act.TAKE


def test_growing_starts_anew_and_an_old_probe_does_not_count() -> None:
    file = Candidate(ONE, still_since=0.0, settle_s=2.0, grace_s=60.0)
    assert file.seen(TWO, 1.5)
    file.probed(ONE, GOOD, 1.6)
    assert file.decide(2.0, Writers.NONE).act is Act.WAIT
    assert file.decide(2.5, Writers.NONE).act is Act.PROBE


def test_an_open_file_is_not_taken() -> None:
    file = Candidate(ONE, still_since=0.0, settle_s=2.0, grace_s=60.0)
    file.probed(ONE, GOOD, 1.0)
    decision = file.decide(99.0, Writers.SOME)
    assert decision.act is Act.WAIT
    assert "another program" in decision.why.reason
    assert file.decide(99.0, Writers.UNKNOWN).act is Act.TAKE


def test_an_unreadable_file_gets_its_grace_time() -> None:
    file = Candidate(ONE, still_since=0.0, settle_s=2.0, grace_s=60.0)
    file.probed(ONE, BAD, 1.0)
    assert file.decide(2.0, Writers.NONE).act is Act.WAIT
    assert "cannot be read yet" in file.decide(2.0, Writers.NONE).why.reason
    assert (
        file.decide(6.0, Writers.NONE).act is Act.PROBE
    )  # tried again, in case the rest came without a change of size
    assert file.decide(60.0, Writers.NONE).act is Act.TAKE


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="leases are Linux's")
def test_the_lease_tells_whether_somebody_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with path.open("wb"):
        assert writers(os.fsencode(path)) is Writers.SOME
    assert writers(os.fsencode(path)) is Writers.NONE
    assert stat.S_ISREG(path.stat().st_mode)
