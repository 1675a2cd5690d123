"""`python -m tests.perf.styled`: what burning captions in costs, beside the same encode without them, in one run."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from reframed.media import encoders, render
from reframed.media.ffmpeg import find
from reframed.media.probe import probe
from reframed.speech.words import Word
from reframed.steps.styled import find_font, load_style
from reframed.subtitles import safe
from reframed.subtitles.drawing import Drawing
from tests.conftest import ffmpeg

SECONDS = 60
RUNS = 3
SIZES = {"720p": "1280x720", "1080p": "1920x1080", "upright": "1080x1920"}


def quiet(*_: object) -> None:
    """Nobody listens."""


def measure(folder: Path, size: str) -> tuple[list[float], list[float]]:
    """Seconds of the plain encodes and of ours, taking turns."""
    film = folder / "film.mp4"
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d={SECONDS}", "-f", "lavfi", "-i", f"sine=d={SECONDS}", "-c:v",
           "libx264", "-preset", "veryfast", "-c:a", "aac", film)  # fmt: skip
    media = probe(str(film))
    made = render.plan(media.video[0])
    encoder, _ = encoders.choose("libx264", "draft", made.needs)
    words = [Word(i * 0.4, i * 0.4 + 0.36, f"word{i % 9}") for i in range(int(SECONDS / 0.4))]
    style = load_style("tiktok", None)
    drawing = Drawing(
        folder, style, find_font(style.typeface, None), (made.width, made.height),
        safe.area("auto", made.width, made.height), None, quiet,
    )  # fmt: skip
    plain, styled = [], []
    options = [str(part) for key, value in encoder.options.items() for part in (f"-{key}", value)]
    for _ in range(RUNS):
        start = time.perf_counter()
        command = [find().path, "-nostdin", "-y", "-v", "error", "-i", str(film), "-c:v", encoder.name, *options]
        subprocess.run([*command, "-pix_fmt", "yuv420p", "-c:a", "copy", str(folder / "plain.mp4")], check=True)
        plain.append(time.perf_counter() - start)
        start = time.perf_counter()
        drawing.write(drawing.cards(words, "en"), "captions.ass")
        render.Renderer(folder, media, made, quiet, quiet).burn(str(film), encoder)
        styled.append(time.perf_counter() - start)
    return plain, styled


def main() -> None:
    """Measure and print."""
    for name, size in SIZES.items():
        with tempfile.TemporaryDirectory(prefix="reframe-bench-") as folder:
            plain, styled = measure(Path(folder), size)
        ratio = statistics.median(styled) / statistics.median(plain)
        each = " ".join(f"{one:.1f}/{two:.1f}" for one, two in zip(styled, plain, strict=True))
        print(f"{name:<8} {SECONDS} s, {RUNS} runs: styled/plain {ratio:.2f}  ({each} s)   aim 1.10", flush=True)


if __name__ == "__main__":
    main()
