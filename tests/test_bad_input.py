"""What people drop: each ends in a sentence that says what to do, and the source is still there."""

import os
import shutil
import socket
import threading
from pathlib import Path

import pytest

from tests.conftest import JFK, SHORT, Home, ffmpeg, wait_for

pytestmark = pytest.mark.slow


def test_files_that_are_not_what_they_seem(home: Home, tmp_path: Path) -> None:
    inbox, make = home.inbox, tmp_path / "make"
    make.mkdir()
    ffmpeg("-f", "lavfi", "-i", "color=s=64x64:r=10:d=2", make / "mute.mp4")
    ffmpeg("-f", "lavfi", "-i", "anullsrc=r=16000", "-t", "3", make / "silence.wav")
    ffmpeg("-f", "lavfi", "-i", "color=s=64x64:r=10:d=11", "-i", JFK, make / "whole.mp4")
    whole = (make / "whole.mp4").read_bytes()
    (make / "truncated.mp4").write_bytes(whole[: len(whole) // 2])
    (make / "empty.mp4").touch()
    (make / "text.mp4").write_text("dear diary\n" * 100)
    (make / "whole.mp4").unlink()
    expected = {
        "mute.mp4": "no_audio",
        "silence.wav": "no_speech",
        "truncated.mp4": "truncated",
        "empty.mp4": "empty",
        "text.mp4": "not_media",
    }
    home.start()
    for name in expected:
        shutil.copy(make / name, inbox / name)
    jobs = home.ended(len(expected), 90)
    assert {job["name"]: job["code"] for job in jobs} == expected
    assert all(job["state"] == "failed" and job["reason"] and job["hint"] for job in jobs)
    for name in expected:
        wait_for(lambda name=name: (inbox / "failed" / name).exists())  # type: ignore[misc]
        assert (inbox / "failed" / name).read_bytes() == (make / name).read_bytes()
        reason = (inbox / "failed" / f"{name}.reason.txt").read_text()
        assert "What to do:" in reason
        assert "reframe retry" in reason
    assert home.outputs() == []


def test_playlists_are_never_opened(home: Home) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.2)
        asked: list[object] = []
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    asked.append(server.accept())
                except TimeoutError:
                    continue

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x.ts"
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}\n#EXTINF:5,\n{JFK}\n#EXT-X-ENDLIST\n"
        home.start()
        (home.inbox / "list.m3u8").write_text(playlist)
        (home.inbox / "hidden.mp4").write_text(playlist)
        (home.inbox / "concat.mp4").write_text(f"ffconcat version 1.0\nfile '{JFK}'\n")
        jobs = home.ended(2)
        stop.set()
        thread.join()
    assert {job["name"]: job["code"] for job in jobs} == {"hidden.mp4": "not_media", "concat.mp4": "not_media"}
    assert "never opened" in home.waiting()["list.m3u8"]
    assert (home.inbox / "list.m3u8").exists()
    assert asked == []
    assert home.outputs() == []


def test_things_that_are_no_files(home: Home, tmp_path: Path) -> None:
    outside = tmp_path / "outside.wav"
    shutil.copy(SHORT, outside)
    (home.inbox / "x.mp4").mkdir()
    (home.inbox / "link.wav").symlink_to(outside)
    os.mkfifo(home.inbox / "pipe.mp4")
    home.start()
    why = wait_for(lambda: len(home.waiting()) == 3 and home.waiting())
    assert "a folder" in why["x.mp4"]
    assert "copy or move the file itself" in why["link.wav"]
    assert "a named pipe" in why["pipe.mp4"]
    assert home.jobs() == []
    assert outside.exists()
    status = home.run("status").stdout
    assert "pipe.mp4: a named pipe" in status
    assert "a named pipe" in home.run("show", str(home.inbox / "pipe.mp4")).stdout


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to run the daemon as another user")
def test_a_file_that_may_not_be_read_waits_until_it_may(home: Home) -> None:
    """Root reads everything, so this daemon gives up the capabilities that let it."""
    shutil.copy(SHORT, home.inbox / "secret.wav")
    os.chown(home.inbox / "secret.wav", 65534, 65534)
    (home.inbox / "secret.wav").chmod(0o600)
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv")
    wrapper = home.folder / "python"
    import sys

    wrapper.write_text(f'#!/bin/sh\nexec setpriv --bounding-set=-all --inh-caps=-all {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    home.start(executable=str(wrapper))
    why = wait_for(lambda: home.waiting().get("secret.wav"))
    assert "it belongs to uid 65534 with mode 0600" in why
    assert home.jobs() == []
    (home.inbox / "secret.wav").chmod(0o644)
    home.ended()


def test_names(home: Home) -> None:
    names = [
        b"new\nline.wav",
        b"\x1b[31mred.wav",
        b"apo'strophe: colon, [red]x[@click=quit].wav",
        b"-rf.wav",
        "emoji 👩‍👧.wav".encode(),
        "שלום עולם.wav".encode(),
        b"bad\xff\xfebytes.wav",
        b"n" * 251 + b".wav",
        b"%d %s {0} $HOME `id`.wav",
        b" spaces .wav",
    ]
    inbox = os.fsencode(home.inbox)
    home.start()
    for name in names:
        shutil.copy(SHORT, os.fsdecode(os.path.join(inbox, name)))
    jobs = home.ended(len(names), 90)
    assert [job["state"] for job in jobs] == ["done"] * len(names), [job["reason"] for job in jobs]
    made = os.listdir(os.fsencode(home.outbox))
    assert len(made) == 2 * len(names)
    for name in names:
        stem = name[:-4]
        assert stem + b".en.srt" in made or any(stem[:200] == other[:200] for other in made)
        wait_for(lambda name=name: os.path.exists(os.path.join(inbox, b"done", name)))  # type: ignore[misc]
    for printed in (home.run("jobs").stdout, home.run("show", "1").stdout, home.run("log", "1").stdout, home.said()):
        assert "\x1b" not in printed.replace("\x1b[0m", "")
    assert len(home.json("jobs")) == len(names)


def fail_one(home: Home) -> Path:
    """Start, let one file fail; where it is then."""
    home.start()
    (home.inbox / "a.wav").write_text("not yet sound")
    home.ended()
    failed = home.inbox / "failed" / "a.wav"
    wait_for(failed.exists)
    return failed


def test_a_corrected_file_moved_back_is_a_new_arrival(home: Home) -> None:
    failed = fail_one(home)
    shutil.copy(SHORT, failed)
    failed.rename(home.inbox / "a.wav")
    jobs = home.ended(2)
    assert [job["state"] for job in jobs] == ["done", "failed"]


def test_a_retry_in_place_reads_the_file_again(home: Home) -> None:
    failed = fail_one(home)
    home.run("retry", "1")
    wait_for(lambda: home.job()["state"] == "failed" and home.job()["attempt"] == 1)
    assert home.job()["code"] == "not_media"
    assert failed.exists()


def test_a_source_that_vanishes_or_changes_is_let_go(home: Home) -> None:
    home.configure(slots={"cpu": 1, "gpu": 0})
    ffmpeg("-stream_loop", "20", "-i", JFK, home.folder / "first.wav")
    home.start()
    (home.folder / "first.wav").rename(home.inbox / "first.wav")
    wait_for(lambda: home.jobs() and home.jobs()[0]["state"] == "running")
    shutil.copy(SHORT, home.inbox / "gone.wav")
    wait_for(lambda: len(home.jobs()) == 2)
    (home.inbox / "gone.wav").unlink()
    home.run("cancel", "1")
    wait_for(lambda: home.job(2)["state"] == "cancelled")
    assert "removed" in home.job(2)["reason"]
