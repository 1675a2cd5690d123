"""`make bench-captions`: our transcription and captions beside others', on the same ten minutes, in one run.

`--long` adds the memory at 1 h and 10 h. The command whisper-ctranslate2 takes part if $WHISPER_CTRANSLATE2 names it or
if it is on PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import jiwer

from reframed.speech import machine, models
from reframed.subtitles import files, profiles, report
from reframed.subtitles.cues import Cue
from tests.conftest import Home
from tests.speechlab import conversation, ggml_model, plain, write_wav

MINUTES = 10
SEEDS = (1, 2, 3)  # three recordings; every tool hears each once

# Each prints as JSON: the seconds of every run with a loaded model, the text, segments as (start, end, text), peak kB.
_HEAD = """
import json, sys, time, warnings
model, threads, paths = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
times = []
"""
_TAIL = """
import resource
print(json.dumps([times, texts, segments, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""
_PLAIN = """
from faster_whisper import WhisperModel
engine = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)
texts = []
for path in paths:
    start = time.perf_counter()
    found = list(engine.transcribe(path, language="en", beam_size=5, word_timestamps=True, vad_filter=True)[0])
    times.append(time.perf_counter() - start)
    segments = [(s.start, s.end, s.text) for s in found]
    texts.append(" ".join(s.text for s in found))
"""
_BATCHED = """
from faster_whisper import BatchedInferencePipeline, WhisperModel
engine = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)
texts = []
for path in paths:
    start = time.perf_counter()
    pipeline = BatchedInferencePipeline(engine)
    found = list(pipeline.transcribe(path, language="en", beam_size=5, word_timestamps=True, batch_size=8)[0])
    times.append(time.perf_counter() - start)
    segments = [(s.start, s.end, s.text) for s in found]
    texts.append(" ".join(s.text for s in found))
"""
_CPP = """
from pywhispercpp.model import Model
engine = Model(model, n_threads=threads, print_progress=False, redirect_whispercpp_logs_to=None,
    params_sampling_strategy=1, beam_search={"beam_size": 5, "patience": -1.0})
texts = []
for path in paths:
    start = time.perf_counter()
    found = engine.transcribe(path, language="en")
    times.append(time.perf_counter() - start)
    segments = [(s.t0 / 100, s.t1 / 100, s.text) for s in found]
    texts.append(" ".join(s.text for s in found))
"""
_FLOOR = """
import numpy as np
from concurrent.futures import ThreadPoolExecutor
from faster_whisper import WhisperModel
engine = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=1, num_workers=threads, local_files_only=True)
features = np.zeros((1, 80, 3000), dtype=np.float32)
chunks = int(paths[0])
engine.encode(features)
with ThreadPoolExecutor(threads) as pool:
    start = time.perf_counter()
    list(pool.map(lambda _: engine.encode(features), range(chunks)))
    times.append(time.perf_counter() - start)
texts, segments = [], []
"""
_LONG = """
import json, resource, sys
from pathlib import Path
from reframed.speech import engine, listen, machine, models, sound
from reframed.speech.checkpoint import Checkpoint
piece, count, folder = Path(sys.argv[1]).read_bytes(), int(sys.argv[2]), Path(sys.argv[3])
tiny = models.resolve("tiny.en", Path("/nonexistent"), machine.here("cpu"))
made = sound.spool((piece for _ in range(count)), folder / "pcm")
loaded = engine.load("faster-whisper", engine.Setup("tiny.en", tiny.path, "cpu", machine.threads()), print)
found = listen.transcribe(loaded, made, engine.Wish("en"), trust_vad=True,
    checkpoint=Checkpoint(folder / f"heard-{count}", str(count)), progress=lambda done: None)
print(json.dumps([len(found.words), made.duration_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def measured(code: str, *arguments: object) -> Any:
    """What a script prints last, run by itself."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


class Recording(NamedTuple):
    """Ten minutes of speech, and what is said."""

    path: Path
    text: str
    length_s: float


def line(name: str, times: list[float], texts: list[str], recordings: list[Recording], peak_kb: int) -> None:
    """One line of the table."""
    errors = [jiwer.wer(plain(one.text), plain(text)) for one, text in zip(recordings, texts, strict=True)]
    paces = [seconds / one.length_s for one, seconds in zip(recordings, times, strict=True)]
    each = " ".join(f"{pace:.4f}" for pace in paces)
    wrong = " ".join(f"{error:.3f}" for error in errors)
    print(
        f"{name:<44} {statistics.mean(paces):.4f}  ({each})   {statistics.mean(errors):.3f}  ({wrong})   "
        f"{peak_kb / 1000:.0f} MB",
        flush=True,
    )


def ours(folder: Path, recordings: list[Recording]) -> tuple[list[Cue], int]:
    """Through the daemon, the model loaded by a first short file. Returns the cues and how many chunks there were."""
    home = Home(folder / "home")
    home.start()
    try:
        shutil.copy(Path(__file__).parents[1] / "media" / "jfk.wav", home.inbox)
        home.ended(1)
        engine_s, whole_s, texts = [], [], []
        for number, recording in enumerate(recordings):
            shutil.copy(recording.path, home.inbox / f"{number}.tmp")
            (home.inbox / f"{number}.tmp").rename(home.inbox / f"ten{number}.wav")
            home.ended(number + 2, timeout_s=600)
            job = home.job(number + 2)
            engine_s.append(job["steps"][0]["engine_s"])
            whole_s.append(job["ended_at"] - job["started_at"])
            cues = files.read(home.outbox / f"ten{number}.en.srt")
            texts.append(" ".join(cue.text.replace("\n", " ") for cue in cues))
        peak = max(_peak_kb(int(path.name)) for path in (home.state / "runners").iterdir())
        log = (home.state / "logs" / "jobs" / "000" / "2" / "attempt-1.log").read_text()
    finally:
        home.stop()
    line("Reframe, transcribe step", engine_s, texts, recordings, peak)
    line("Reframe, the whole job through the daemon", whole_s, texts, recordings, peak)
    return cues, int(log.split(" chunks,")[0].rpartition(" ")[2])


def _peak_kb(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def command_line(tool: str, folder: Path, model: Path, recordings: list[Recording], more: list[str]) -> list[Cue]:
    """whisper-ctranslate2, loading included: that is how it is used."""
    times, texts = [], []
    options = ["--model_directory", str(model), "--language", "en", "--compute_type", "int8",
               "--device", "cpu", "--threads", str(machine.threads()), "--word_timestamps", "True",
               "--output_format", "srt", "-o", str(folder), "--local_files_only", "True", *more]  # fmt: skip
    for recording in recordings:
        start = time.perf_counter()
        subprocess.run([tool, str(recording.path), *options], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
        cues = files.read(folder / f"{recording.path.stem}.srt")
        texts.append(" ".join(cue.text.replace("\n", " ") for cue in cues))
    line(f"whisper-ctranslate2 {' '.join(more)}", times, texts, recordings, 0)
    return cues


def rules_table(found: dict[str, list[Cue]]) -> None:
    """The share of cues that keep each of Netflix's rules."""
    profile = profiles.profile("netflix", "en")
    made = {name: report.examine(cues, profile) for name, cues in found.items()}
    print(f"\n{'rule':<16}" + "".join(f"{name:>26}" for name in made))
    for index, kept in enumerate(next(iter(made.values())).rules):
        print(f"{kept.rule:<16}" + "".join(f"{one.rules[index].share:>26.1%}" for one in made.values()))
    print(f"{'cues':<16}" + "".join(f"{one.cues:>26}" for one in made.values()), flush=True)


def memory(folder: Path, pcm: bytes) -> None:
    """Peak memory of listening to ten minutes, an hour and ten hours."""
    (folder / "piece").write_bytes(pcm)
    print("\nlength      words    peak memory")
    for count in (1, 6, 60):
        words, length_s, peak = measured(_LONG, folder / "piece", count, folder)
        print(f"{length_s / 3600:5.2f} h   {words:>7}    {peak / 1000:.0f} MB", flush=True)


def main(long: bool) -> None:
    """Measure everything and print the tables."""
    tiny = models.resolve("tiny.en", Path("/nonexistent"), machine.here("cpu"))
    assert tiny is not None
    with tempfile.TemporaryDirectory(prefix="reframe-bench-") as name:
        folder = Path(name)
        recordings = []
        for seed in SEEDS:
            pcm, text = conversation(MINUTES * 60, seed)
            recordings.append(Recording(folder / f"ten-{seed}.wav", text, len(pcm) / 32_000))
            write_wav(recordings[-1].path, pcm)
        paths, threads = [one.path for one in recordings], machine.threads()
        print(f"3 x {MINUTES} min of speech with pauses, tiny.en int8, {threads} threads; means, then each recording")
        print(f"{'':<44} RTF                               WER                           peak")
        found: dict[str, list[Cue]] = {}
        for title, code in (("faster-whisper, beam 5, words, VAD", _PLAIN), ("faster-whisper, batched 8", _BATCHED)):
            times, texts, segments, peak = measured(_HEAD + code + _TAIL, tiny.path, threads, *paths)
            line(title, times, texts, recordings, peak)
            found["faster-whisper" if code is _PLAIN else "batched"] = [Cue(*segment) for segment in segments]
        found["Reframe"], chunks = ours(folder, recordings)
        floor = measured(_HEAD + _FLOOR + _TAIL, tiny.path, threads, chunks)[0][0]
        print(f"{f'floor: the encoder alone, {chunks} chunks':<44} {floor / recordings[0].length_s:.4f}", flush=True)
        times, texts, _, peak = measured(_HEAD + _CPP + _TAIL, ggml_model(folder), threads, *paths)
        line("whisper.cpp, beam 5, float16", times, texts, recordings, peak)
        tool = os.environ.get("WHISPER_CTRANSLATE2") or shutil.which("whisper-ctranslate2")
        if tool:
            for more in ([], ["--batched", "True"]):
                cues = command_line(tool, folder, tiny.path, recordings, more)
                found.setdefault("whisper-ctranslate2", cues)
        rules_table(found)
        if long:
            memory(folder, pcm)


if __name__ == "__main__":
    main("--long" in sys.argv)
