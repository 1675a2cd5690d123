"""`make bench-styled`: what burning captions in costs, beside the same encode without them, and beside other tools.

wordcaps and MoviePy take part if $REFRAME_RIVALS names a Python that has them, and ffprobe is on PATH. Memory is that of all
processes of a tool together (Linux).
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from reframed.media.encoders import of
from reframed.media.ffmpeg import find
from reframed.media.probe import probe
from reframed.media.render import NEEDS
from reframed.protocol import Artifact, Input, Settings
from reframed.speech import words
from reframed.speech.words import Transcript, Word
from reframed.steps.base import Work
from reframed.steps.styled import Styled
from tests.conftest import Home, ffmpeg, wait_for

SECONDS = 60
SHORT_SECONDS = 10  # for MoviePy, which needs minutes
RUNS = 3
SIZES = {"720p": "1280x720", "1080p": "1920x1080", "upright": "1080x1920"}
SENTENCE = "ask not what your country can do for you ask what you can do for it".split()
ENCODER = of("libx264", "draft")
_CANCELS = 10

_MOVIEPY = """
import json, sys
from moviepy import CompositeVideoClip, TextClip, VideoFileClip
film, placed, font, target, seconds = *sys.argv[1:5], float(sys.argv[5])
video = VideoFileClip(film).subclipped(0, seconds)
clips = [video]
for text, size, x, y, start, end, colour in json.load(open(placed)):
    clip = TextClip(font=font, text=text, font_size=size, color=colour, stroke_color="black", stroke_width=4, margin=(6, 6))
    clips.append(clip.with_start(start).with_duration(end - start).with_position((x - clip.w / 2, y - clip.h / 2)))
CompositeVideoClip(clips).with_duration(seconds).write_videofile(
    target, codec="libx264", preset="veryfast", audio_codec="aac", threads=2, ffmpeg_params=["-crf", "27"], logger=None)
"""


class Run(NamedTuple):
    """What a command took: seconds, and megabytes of all its processes together at the worst moment."""

    seconds: float
    peak_mb: float


def timed(command: list[str], **options: object) -> Run:
    """Run a command to its end."""
    start = time.perf_counter()
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peak), daemon=True)
    watcher.start()
    if process.wait():
        raise SystemExit(f"failed: {command}")
    watcher.join()
    return Run(time.perf_counter() - start, peak[0])


def _watch(process: subprocess.Popen[bytes], peak: list[float]) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    while process.poll() is None:
        total = 0
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if int((folder / "stat").read_text().rpartition(")")[2].split()[3]) == process.pid:
                    total += int((folder / "statm").read_text().split()[1]) * page
            except (OSError, IndexError):
                continue
        peak[0] = max(peak[0], total / 1e6)
        time.sleep(0.1)


def script(seconds: float) -> Transcript:
    """Speech without a pause, two and a half words a second."""
    spoken = tuple(Word(at * 0.4, at * 0.4 + 0.36, SENTENCE[at % len(SENTENCE)]) for at in range(int(seconds / 0.4)))
    return Transcript(language="en", language_probability=1, duration_s=seconds, model="m", words=spoken)


def quiet(*_: object) -> None:
    """Nobody listens."""


def one(film: Path, transcript: Path, folder: Path) -> None:
    """Our whole step, in this process."""
    folder.mkdir()
    artifact = Artifact(kind="transcript", file=transcript.name, sha256="x", size_bytes=1)
    work = Work(
        source=str(film), media=probe(str(film)), inputs=[Input(path=str(transcript), artifact=artifact)], sidecars=(),
        folder=folder, kept=folder, settings=Settings(models_folder="/nonexistent"), label="", progress=quiet, note=quiet,
        say=quiet, log=quiet,
    )  # fmt: skip
    Styled(style="tiktok", encoder="libx264", quality="draft").run(work)


def measure(folder: Path, size: str, rivals: str) -> dict[str, list[Run]]:
    """The plain encodes, ours and wordcaps', taking turns."""
    film = folder / "film.mp4"
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d={SECONDS}", "-f", "lavfi", "-i", f"sine=d={SECONDS}", "-c:v",
           "libx264", "-preset", "veryfast", "-c:a", "aac", film)  # fmt: skip
    said = script(SECONDS)
    words.write(said, folder / "t.json")
    cards = [said.words[at : at + 3] for at in range(0, len(said.words), 3)]
    theirs = {"wordcaps": 1, "cues": [{"words": [[w.text, w.start, w.end] for w in card]} for card in cards]}
    (folder / "wordcaps.json").write_text(json.dumps(theirs))
    options = [str(part) for key, value in ENCODER.options.items() for part in (f"-{key}", value)]
    plain = [find(NEEDS).path, "-nostdin", "-y", "-v", "error", "-i", str(film), "-c:v", ENCODER.name, *options, "-pix_fmt",
             "yuv420p", "-c:a", "copy", str(folder / "plain.mp4")]  # fmt: skip
    found: dict[str, list[Run]] = {"plain encode": [], "Reframe": [], "wordcaps": []}
    for number in range(RUNS):
        found["plain encode"].append(timed(plain))
        ours = [sys.executable, "-m", "tests.perf.styled", "--one", film, folder / "t.json", folder / f"w{number}"]
        found["Reframe"].append(timed([str(part) for part in ours]))
    if rivals:
        os.symlink(find(NEEDS).path, folder / "ffmpeg")
        burn = [rivals, "-m", "wordcaps", "burn", str(film), "--captions", str(folder / "wordcaps.json"), "--preset",
                "veryfast", "--crf", "27", "--no-verify", "-o", str(folder / "theirs.mp4")]  # fmt: skip
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        found["wordcaps"].append(timed(burn, env=os.environ | {"PATH": path}, stderr=subprocess.DEVNULL))
    return found


def moviepy(folder: Path, rivals: str) -> tuple[Run, Run]:
    """Ours and MoviePy's render of the same words at the same places, of the first seconds of 720p."""
    import pysubs2

    film, said = folder / "film.mp4", script(SHORT_SECONDS)
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={SIZES['720p']}:r=25:d={SHORT_SECONDS}", "-c:v", "libx264", film)
    words.write(said, folder / "t.json")
    ours = timed(
        [sys.executable, "-m", "tests.perf.styled", "--one", str(film), str(folder / "t.json"), str(folder / "w")]
    )
    placed = []
    for event in pysubs2.load(str(folder / "w" / "captions.ass")):
        tags = dict(part for part in _tags(event.text))
        x, y = (float(side) for side in tags["pos"].split(","))
        colour = "yellow" if event.layer == 3 else "white"
        placed.append(
            (event.plaintext, round(float(tags["fs"]) * 0.8), x, y, event.start / 1000, event.end / 1000, colour)
        )
    (folder / "placed.json").write_bytes(msgspec.json.encode(placed))
    font = Path(sys.modules["reframed"].__path__[0]) / "fonts" / "Montserrat-ExtraBold.ttf"
    theirs = [rivals, "-c", _MOVIEPY, film, folder / "placed.json", font, folder / "theirs.mp4", SHORT_SECONDS]
    return ours, timed([str(part) for part in theirs])


def _tags(text: str) -> list[tuple[str, str]]:
    pieces = text[1 : text.index("}")].split("\\")
    return [("pos", piece[4:-1]) for piece in pieces if piece.startswith("pos(")] + [
        ("fs", piece[2:]) for piece in pieces if piece[:2] == "fs" and piece[2:3].isdigit()
    ]


def cancels(folder: Path) -> list[float]:
    """Milliseconds from the command's return to the end of ffmpeg, of renders of ten minutes cancelled at random moments."""
    home = Home(folder)
    home.configure(inbox={"recipe": "styled"})
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=854x480:r=25:d=600", "-c:v", "mpeg4", "-q:v", "10", folder / "long.mp4")
    clocks = [(number, f"00:{number // 60:02d}:{number % 60:02d}") for number in range(600)]
    (home.inbox / "long.en.srt").write_text("\n\n".join(f"{n}\n{t},000 --> {t},900\nword {n}" for n, t in clocks))
    home.start()
    (folder / "long.mp4").rename(home.inbox / "long.mp4")
    taken = []

    def renders() -> bool:
        listed = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout
        return any("rendered.mp4" in line and str(home.state) in line for line in listed.splitlines())

    for number in range(_CANCELS):
        wait_for(renders, 60)
        time.sleep(0.1 + 0.3 * (number * 7 % 10))
        home.run("cancel", "1")
        start = time.perf_counter()
        wait_for(lambda: not renders(), 10, 0.005)
        taken.append((time.perf_counter() - start) * 1000)
        wait_for(lambda: home.job()["state"] == "cancelled")
        assert not list((home.state / "work").rglob("rendered*"))
        if number < _CANCELS - 1:
            home.run("retry", "1")
    home.stop()
    return taken


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--one"]:
        one(*(Path(part) for part in sys.argv[2:5]))
        return
    rivals = os.environ.get("REFRAME_RIVALS", "") if shutil.which("ffprobe") else ""
    for name, size in SIZES.items():
        with tempfile.TemporaryDirectory(prefix="reframe-bench-") as folder:
            found = measure(Path(folder), size, rivals)
        base = statistics.median(run.seconds for run in found["plain encode"])
        for tool, runs in found.items():
            if runs:
                each = " ".join(f"{run.seconds:.1f}" for run in runs)
                ratio = statistics.median(run.seconds for run in runs) / base
                peak = max(run.peak_mb for run in runs)
                print(f"{name:<8} {tool:<13} {ratio:5.2f} times  ({each} s)  peak {peak:.0f} MB", flush=True)
    if rivals:
        with tempfile.TemporaryDirectory(prefix="reframe-bench-") as folder:
            ours, theirs = moviepy(Path(folder), rivals)
        print(f"{SHORT_SECONDS} s of 720p: Reframe {ours.seconds:.1f} s, {ours.peak_mb:.0f} MB; "
              f"MoviePy {theirs.seconds:.1f} s, {theirs.peak_mb:.0f} MB", flush=True)  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="reframe-bench-") as folder:
        taken = sorted(cancels(Path(folder)))
    middle, last = taken[len(taken) // 2], taken[-1]
    print(f"cancelled {_CANCELS} times: ffmpeg gone after {middle:.0f} ms, {last:.0f} ms at most   aim 250")


if __name__ == "__main__":
    main()
