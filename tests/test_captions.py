"""Captions through a real daemon: sidecars, tracks inside files, resuming, reports; and the verbs for subtitle files."""

import json
import os
import re
import shutil
import signal
import time
import wave
from pathlib import Path
from typing import Any

import pytest
import yaml

from reframed.media.probe import probe
from reframed.media.shots import cuts
from reframed.subtitles import files
from tests.conftest import JFK, MEDIA, SAMPLE, SHORT, Home, ffmpeg, wait_for
from tests.speechlab import ggml_model, plain

SAID = (
    "1\n00:00:01,000 --> 00:00:03,000\nWhat a person wrote.\n\n2\n00:00:04,000 --> 00:00:06,500\nÜber zwei\nZeilen!\n"
)


def recipe(home: Home, *steps: Any) -> None:
    """A recipe `captions` of the user's own."""
    (home.folder / "recipes").mkdir(exist_ok=True)
    (home.folder / "recipes" / "captions.yaml").write_text(yaml.safe_dump({"steps": list(steps)}))
    home.configure(recipes="recipes")


def log_of(home: Home, job: int = 1, attempt: int = 1) -> str:
    return (home.state / "logs" / "jobs" / "000" / str(job) / f"attempt-{attempt}.log").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("order", ["subtitles first", "video first"])
def test_subtitles_that_come_along_are_used_to_the_letter(home: Home, order: str) -> None:
    (home.inbox / "talk.en.forced.srt").write_text(SAID.replace("What", "That"))
    home.start()
    subtitles = home.inbox / "talk.de.srt"
    if order == "subtitles first":
        subtitles.write_text(SAID)
        wait_for(lambda: "together with the video" in home.waiting().get("talk.de.srt", ""))
        shutil.copy(SAMPLE, home.inbox / "talk.mp4")
    else:
        shutil.copy(SAMPLE, home.inbox / "talk.mp4")
        subtitles.write_text(SAID)
    home.ended()
    assert home.outputs() == ["talk.de.srt", "talk.de.vtt"]
    assert (home.outbox / "talk.de.srt").read_text() == SAID
    assert files.read(home.outbox / "talk.de.vtt")[1].text == "Über zwei\nZeilen!"
    wait_for(lambda: (home.inbox / "done" / "talk.mp4").exists() and (home.inbox / "done" / "talk.de.srt").exists())
    assert (home.inbox / "done" / "talk.en.forced.srt").exists()
    assert not subtitles.exists()
    wait_for(lambda: not home.waiting())
    shown = home.run("show", "1").stdout
    assert "talk.de.srt came along" in shown
    assert "nothing is transcribed" in shown


@pytest.mark.slow
def test_subtitles_that_come_while_their_recording_is_heard_start_the_job_over(home: Home) -> None:
    long_recording(home.folder / "long.wav", 20)
    home.start()
    shutil.copy(home.folder / "long.wav", home.inbox)
    wait_for(lambda: home.jobs() and home.job()["steps"][0]["state"] == "running")
    (home.inbox / "long.en.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:03.000\nWritten by hand.\n")
    home.ended()
    assert files.read(home.outbox / "long.en.srt")[0].text == "Written by hand."
    assert "started_over" in {event["code"] for event in home.job()["events"]}


@pytest.mark.slow
def test_captions_that_a_person_wrote_are_never_overwritten_nor_doubled(home: Home) -> None:
    home.configure(inbox={"outbox": "beside"})
    (home.inbox / "film.en.srt").write_text(SAID)
    shutil.copy(SHORT, home.inbox / "film.wav")
    home.start()
    home.ended()
    names = sorted(path.name for path in home.inbox.iterdir())
    assert names == ["film.en.srt", "film.en.vtt", "film.wav"]
    assert (home.inbox / "film.en.srt").read_text() == SAID
    time.sleep(2.5)  # another look at the inbox
    assert not home.waiting()


@pytest.mark.slow
def test_bad_subtitles_fail_with_a_reason_and_nothing_is_lost(home: Home) -> None:
    (home.inbox / "x.srt").write_bytes(b"\x00\x01 this is no subtitle file")
    shutil.copy(SHORT, home.inbox / "x.wav")
    home.start()
    job = home.ended()[0]
    assert (job["state"], job["code"]) == ("failed", "bad_subtitles")
    wait_for(
        lambda: sorted(p.name for p in (home.inbox / "failed").iterdir()) == ["x.srt", "x.wav", "x.wav.reason.txt"]
    )


def long_recording(path: Path, times: int) -> None:
    """JFK's sentence again and again, with pauses."""
    with wave.open(str(JFK)) as file:
        data, parameters = file.readframes(file.getnframes()), file.getparams()
    with wave.open(str(path), "wb") as file:
        file.setparams(parameters)
        for _ in range(times):
            file.writeframes(data + bytes(3 * 32_000))


@pytest.mark.slow
def test_a_killed_transcription_goes_on_where_it_was(home: Home) -> None:
    long_recording(home.folder / "long.wav", 40)
    home.start()
    shutil.copy(home.folder / "long.wav", home.inbox)

    def heard() -> int:
        kept = list((home.state / "kept").glob("*/heard.jsonl"))
        return kept[0].read_bytes().count(b"\n") - 1 if kept else 0

    at_kill = wait_for(lambda: heard() if heard() > 0 else 0, timeout_s=60)
    assert home.daemon is not None
    os.kill(home.daemon.pid, signal.SIGKILL)
    home.daemon.wait()
    home.daemon = None
    at_kill = max(at_kill, heard())
    home.start()
    home.ended()
    found = re.search(r"from (\d+) chunks, (\d+) of them heard before", log_of(home, attempt=2))
    assert found
    assert int(found[2]) >= at_kill > 0
    assert int(found[1]) > int(found[2])
    words = plain(" ".join(cue.text for cue in files.read(home.outbox / "long.en.srt"))).split()
    assert len(words) == pytest.approx(40 * 22, rel=0.05)
    assert not list((home.state / "kept").glob("*/heard.jsonl"))


@pytest.mark.slow
def test_every_format_and_the_report(home: Home) -> None:
    recipe(home, "transcribe", {"captions": {"formats": ["srt", "vtt", "ass", "ttml", "txt", "json"], "word_times": True,
                                             "report": True}})  # fmt: skip
    home.start()
    shutil.copy(SAMPLE, home.inbox / "talk.mp4")
    home.ended()
    endings = ["ass", "json", "report.json", "report.txt", "srt", "ttml", "txt", "vtt"]
    assert home.outputs() == [f"talk.en.{ending}" for ending in endings]
    cues = files.read(home.outbox / "talk.en.srt")
    for ending in ("vtt", "ass", "ttml"):
        assert [cue.text.split() for cue in files.read(home.outbox / f"talk.en.{ending}")] == [
            cue.text.split() for cue in cues
        ]
    assert "<c>" in (home.outbox / "talk.en.vtt").read_text()
    data = json.loads((home.outbox / "talk.en.json").read_text())
    assert data["cues"][0]["words"][0]["probability"] > 0.5
    made = json.loads((home.outbox / "talk.en.report.json").read_text())
    assert made["covered"] > 0.9
    assert made["review"] == []
    assert "Nothing calls for a review" in home.run("report", "1").stdout
    assert home.json("report", "1")[0]["review"] == []


@pytest.mark.slow
def test_doubtful_captions_ask_for_a_look(home: Home) -> None:
    ffmpeg("-i", JFK, "-af", "areverse", home.folder / "backwards.wav")
    home.start()
    shutil.copy(home.folder / "backwards.wav", home.inbox)
    job = home.ended()[0]
    assert job["state"] == "done"
    assert job["review"]
    assert "needs review" in home.run("jobs").stdout
    assert "review:" in home.run("show", "1").stdout


@pytest.mark.slow
def test_text_inside_a_file_is_used_when_asked_and_captions_are_put_inside_a_copy(home: Home) -> None:
    recipe(home, {"transcribe": {"embedded": "use"}}, {"captions": {"mux": True, "formats": ["srt"]}})
    (home.folder / "said.srt").write_text(SAID)
    ffmpeg("-i", SAMPLE, "-i", home.folder / "said.srt", "-map", "0", "-map", "1", "-c", "copy", "-c:s", "srt",
           "-metadata:s:s:0", "language=ger", home.folder / "inside.mkv")  # fmt: skip
    home.start()
    shutil.copy(home.folder / "inside.mkv", home.inbox)
    home.ended(1)
    shutil.copy(SAMPLE, home.inbox / "plain.mp4")
    home.ended(2)
    assert home.outputs() == ["inside.de.captions.mkv", "inside.de.srt", "plain.en.captions.mp4", "plain.en.srt"]
    assert [cue.text for cue in files.read(home.outbox / "inside.de.srt")] == [
        "What a person wrote.",
        "Über zwei\nZeilen!",
    ]
    made = probe(str(home.outbox / "plain.en.captions.mp4"))
    assert [(track.codec, track.language, track.default) for track in made.text] == [("mov_text", "eng", True)]
    assert (made.video[0].codec, made.audio[0].codec) == (
        probe(str(SAMPLE)).video[0].codec,
        probe(str(SAMPLE)).audio[0].codec,
    )


@pytest.mark.slow
def test_a_given_text_is_synchronised_and_one_that_was_not_said_is_refused(home: Home) -> None:
    recipe(home, {"transcribe": {"sidecar": "ignore"}}, {"captions": {"sync": "sidecar", "formats": ["srt"]}})
    late = "1\n00:01:01,000 --> 00:01:04,000\nAnd so — my fellow Americans!\n\n2\n00:01:04,000 --> 00:01:05,000\n"
    (home.inbox / "talk.en.srt").write_text(late + "Ask not what your COUNTRY\ncan do for you.\n")
    shutil.copy(JFK, home.inbox / "talk.wav")
    home.start()
    home.ended(1)
    cues = files.read(home.outbox / "talk.en.srt")
    assert cues[0].text == "And so — my fellow Americans!"
    assert cues[0].start == pytest.approx(0.32, abs=0.15)
    assert cues[1].start == pytest.approx(3.3, abs=0.3)
    (home.inbox / "other.srt").write_text(SAID)
    shutil.copy(SHORT, home.inbox / "other.wav")
    assert home.ended(2)[0]["code"] == "sync_no_match"


@pytest.mark.slow
def test_a_glossary_a_missing_engine_and_a_cpp_model(home: Home) -> None:
    (home.folder / "recipes").mkdir()
    (home.folder / "recipes" / "names.txt").write_text("JFK-Americans = Americans\n")
    recipe(home, {"transcribe": {"engine": "whisper.cpp", "glossary": "names.txt"}}, "captions")
    home.start()
    shutil.copy(JFK, home.inbox)
    home.ended(1)
    assert "JFK-Americans" in (home.outbox / "jfk.en.srt").read_text()
    said = {event["code"]: event["text"] for event in home.job()["events"]}
    assert "faster-whisper listens instead" in said["engine_without_model"]
    assert "put 1 words right" in said["glossary"]
    folder = home.state / "models" / "whisper.cpp"
    folder.mkdir(parents=True)
    ggml_model(folder)
    shutil.copy(SHORT, home.inbox)
    home.ended(2)
    assert "engine_without_model" not in {event["code"] for event in home.job(2)["events"]}
    assert "whisper.cpp with tiny.en" in log_of(home, 2)
    assert "young man" in (home.outbox / "librivox-0880.en.srt").read_text()


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ({"transcribe": {"model": "large-v3-turbo", "translate": "en"}}, "cannot translate into English"),
        ({"transcribe": {"model": "tiny.en", "translate": "en"}}, "cannot translate into English"),
        ({"transcribe": {"language": "klingon"}}, "Whisper knows no language"),
        ({"transcribe": {"glossary": "none.txt"}}, "cannot be read"),
        ({"transcribe": {"engine": "siri"}}, "must be"),
        ({"captions": {"profile": "hbo"}}, "must be"),
        ({"captions": {"sync": "none.srt"}}, "is not there"),
    ],
)
def test_recipes_that_cannot_work_are_refused(home: Home, step: dict[str, Any], fault: str) -> None:
    recipe(home, *([step] if "transcribe" in step else ["transcribe", step]))
    done = home.run("check", check=False)
    assert done.returncode == 78
    assert fault in done.stdout + done.stderr


def test_cuts_in_a_picture_are_found(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "color=red:d=2:s=320x180:r=25", "-f", "lavfi", "-i", "testsrc2=d=3:s=320x180:r=25",
           "-filter_complex", "concat=n=2", "-c:v", "libx264", "-g", "25", tmp_path / "x.mp4")  # fmt: skip
    assert cuts(str(tmp_path / "x.mp4"), print) == [pytest.approx(2.0, abs=0.05)]
    assert cuts(str(JFK), print) == []


def test_lint_tells_and_fix_writes_another_file(home: Home) -> None:
    path = home.folder / "movie.en.srt"
    path.write_bytes("1\r\n00:00:01,000 --> 00:00:01,200\r\n<i>Über</i> alles\r\n".encode("cp1252"))
    done = home.run("lint", str(path), check=False)
    assert done.returncode == 1
    assert "cp1252" in done.stdout
    assert "duration_min" in done.stdout
    fixed = home.run("lint", str(path), "--fix")
    assert "movie.en.fixed.srt" in fixed.stdout
    text = (home.folder / "movie.en.fixed.srt").read_text()
    assert "00:00:01,000 --> 00:00:01,833\n<i>Über</i> alles" in text
    assert path.read_bytes().endswith(b"alles\r\n")
    assert home.run("lint", str(home.folder / "movie.en.fixed.srt")).returncode == 0
    again = home.run("lint", str(path), "--fix", check=False)
    assert "is there already" in again.stderr
    assert json.loads(home.run("lint", str(path), "--json", check=False).stdout)["cues"] == 1
    none = home.run("lint", str(home.folder / "none.srt"), check=False)
    assert (none.returncode, "cannot be read" in none.stderr) == (1, True)


def test_shift_keeps_styles_and_loses_nothing(home: Home) -> None:
    path = home.folder / "x.srt"
    path.write_text(SAID)
    home.run("shift", str(path), "--by", "1.5s")
    cues = files.read(home.folder / "x.shifted.srt")
    assert [(cue.start, cue.end) for cue in cues] == [(2.5, 4.5), (5.5, 8.0)]
    home.run("shift", str(path), "--scale", "25/23.976", "-o", str(home.folder / "y.vtt"))
    assert files.read(home.folder / "y.vtt")[1].end == pytest.approx(6.5 * 25 / 23.976, abs=0.001)
    lost = home.run("shift", str(path), "--by=-3.5s", check=False)
    assert (lost.returncode, "1 cues would end" in lost.stderr) == (1, True)
    home.run("shift", str(path), "--by=-3.5s", "--drop", "-o", str(home.folder / "z.srt"))
    assert [(cue.start, cue.end) for cue in files.read(home.folder / "z.srt")] == [(0.5, 3.0)]
    assert home.run("shift", str(path), "--by", "soon", check=False).returncode == 2
    assert path.read_text() == SAID


@pytest.mark.slow
def test_our_captions_keep_netflix_rules(home: Home) -> None:
    with wave.open(str(MEDIA / "librivox-0870.wav")) as file:
        parameters = file.getparams()
    with wave.open(str(home.folder / "mix.wav"), "wb") as out:
        out.setparams(parameters)
        for name in ("librivox-0870.wav", "jfk.wav", "librivox-0890.wav", "librivox-0880.wav") * 2:
            with wave.open(str(MEDIA / name)) as file:
                out.writeframes(file.readframes(file.getnframes()) + bytes(32_000))
    home.start()
    shutil.copy(home.folder / "mix.wav", home.inbox)
    home.ended()
    done = home.run("lint", str(home.outbox / "mix.en.srt"), "--json", check=False)
    made = {kept["rule"]: kept for kept in json.loads(done.stdout)["rules"]}
    for rule in ("order", "overlap", "gap", "duration_min", "duration_max", "lines", "line_length", "empty"):
        assert made[rule]["share"] == 1.0, rule
    assert made["reading_speed"]["share"] >= 0.95
    assert made["break"]["breaches"] <= 1
