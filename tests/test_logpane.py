"""Log files of any size: read by offset, followed, searched, rotated under the reader."""

import threading
import time
from pathlib import Path

import pytest
from textual.pilot import Pilot

from docs.picture import fill
from reframed.paths import job_log
from tests.test_tui import drive, screen, shows
from tui.app import Dashboard
from tui.logfile import PIECE, LogFile


def lines(path: Path, count: int) -> LogFile:
    path.write_text("".join(f"line {number} of many\n" for number in range(count)))
    file = LogFile(path)
    file.look()
    return file


@pytest.mark.parametrize("count", [0, 1, 7, 5000])
def test_forwards_and_backwards_see_the_same_lines(tmp_path: Path, count: int) -> None:
    file = lines(tmp_path / "a.log", count)
    there = [piece.text for piece in file.forward(0, count + 5)]
    assert there == [f"line {number} of many" for number in range(count)]
    assert [piece.text for piece in file.backward(file.size, count + 5)] == there
    assert [piece.text for piece in file.backward(file.size, 3)] == there[-3:]
    offsets = [piece.start for piece in file.forward(0, count)]
    for offset in offsets[1:50]:
        assert file.backward(offset, 1)[0].end == offset


def test_a_line_without_end_is_shown_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"first\n" + b"x" * (3 * PIECE + 10) + b"\nlast \xff\x1b[31m")
    file = LogFile(path)
    file.look()
    found = file.forward(0, 20)
    assert [len(piece.text) for piece in found[:5]] == [5, PIECE, PIECE, PIECE, 10]
    assert found[5].text == "last \ufffd\\x1b[31m"
    assert "".join(piece.text for piece in file.backward(file.size, 3)).endswith("\\x1b[31m")


def test_a_large_file_is_searched_without_being_read_whole(tmp_path: Path) -> None:
    file = lines(tmp_path / "a.log", 200_000)
    place = file.find("LINE 150000 OF", 0, forwards=True)
    assert place is not None
    assert file.forward(place, 1)[0].text == "line 150000 of many"
    before = file.find("line 149999 ", place, forwards=False)
    assert before is not None
    assert file.forward(before, 1)[0].end == place
    assert file.find("no such thing", 0, forwards=True) is None
    assert file.find("line 199999", 0, forwards=False) is None
    assert file.find("", 0, forwards=True) is None


def test_a_giant_line_is_searched_and_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"first\n" + (b"x" * 5000 + b"needle") * 400 + b"\nend\n")
    file = LogFile(path)
    file.look()
    found, at = [], 0
    for _ in range(5):
        place = file.find("needle", at, forwards=True)
        assert place is not None
        found.append(place)
        at = file.forward(place, 1)[0].end
    assert found == sorted(set(found))
    assert len(file.backward(file.size, 24)) == 24
    assert file.backward(file.size, 24)[-1].text == "end"


def test_what_becomes_of_a_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    file = LogFile(path)
    assert file.look() == "same"
    path.write_text("one\n")
    assert (file.look(), file.look()) == ("grown", "same")
    path.rename(tmp_path / "a.log.1")
    path.write_text("new\n")
    assert file.look() == "rotated"
    path.write_text("")
    assert file.look() == "rotated"
    path.unlink()
    assert file.look() == "gone"
    assert file.forward(0, 3) == []


def test_following_searching_wrapping_and_a_log_that_is_rotated(tmp_path: Path) -> None:
    fill(tmp_path)
    path = job_log(tmp_path, 5, 1)

    async def steps(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        await shows(pilot, "drone")
        await pilot.press("j", "l")
        await shows(pilot, "model small")
        with path.open("a") as log:
            log.write("".join(f"frame {number}\n" for number in range(1000)) + "y" * 200 + "\x1b]0;x\x07\n")
        assert "\x1b" not in await shows(pilot, "frame 999", "yyyy\\x1b" if app.log_pane.wrap else "yyyy")
        await pilot.press("W")
        await shows(pilot, "\\x1b]0;x\\x07")
        await pilot.press("slash", *"frame 77", "enter")
        await shows(pilot, "frame 77", "frame 78")
        await pilot.press("n")
        await shows(pilot, "frame 770")
        await pilot.press("N", "N")
        await shows(pilot, "from the other end")
        await pilot.press("slash", "ctrl+u", *"nowhere", "enter")
        await shows(pilot, "not found: nowhere")
        await pilot.press("g")
        assert "frame 999" not in await shows(pilot, "10:02:11")
        await pilot.press("j", "j", "pagedown", "pageup", "k", "f")
        await shows(pilot, "frame 999")
        path.unlink()
        path.write_text("begun anew\n")
        await shows(pilot, "begun anew", "replaced by a new one")
        path.unlink()
        await shows(pilot, "not there any more")
        await pilot.press("escape")
        await shows(pilot, "drone")

    drive(tmp_path, steps)


def test_a_thousand_lines_a_second(tmp_path: Path) -> None:
    fill(tmp_path)
    path = job_log(tmp_path, 5, 1)
    stop = threading.Event()

    def write() -> None:
        number = 0
        with path.open("a") as log:
            while not stop.wait(0.01):
                log.write("".join(f"busy {number + more}\n" for more in range(10)))
                log.flush()
                number += 10

    worker = threading.Thread(target=write)

    async def steps(pilot: Pilot[None]) -> None:
        await shows(pilot, "drone")
        await pilot.press("j")
        worker.start()
        began = time.monotonic()
        await shows(pilot, "busy 2")
        for size in ((40, 10), (120, 40), (80, 24), (33, 8), (100, 30)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.2)
        await pilot.press("k", "j")
        stop.set()
        worker.join()
        assert time.monotonic() - began < 30
        last = path.read_text().splitlines()[-1]
        await shows(pilot, last, "Job 5")
        assert "▶" in screen(pilot.app)  # type: ignore[arg-type]

    try:
        drive(tmp_path, steps)
    finally:
        stop.set()
