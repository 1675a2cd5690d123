"""The whole way of a file, through a real daemon with real speech."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import jiwer
import pytest

from reframed.subtitles import files
from tests.conftest import JFK, MEDIA, SHORT, Home, ffmpeg, wait_for

pytestmark = pytest.mark.slow


def words(text: str) -> str:
    """Text as the reference has it."""
    return re.sub(r"[^a-z' ]+", " ", text.lower()).strip()


def reference(name: str) -> str:
    with (MEDIA / "TRANSCRIPTS.tsv").open() as file:
        return {row[0]: row[1] for row in csv.reader(file, delimiter="\t")}[name]


def test_jfk_from_the_inbox_to_captions_that_say_what_he_said(home: Home) -> None:
    home.start()
    (home.inbox / "1961").mkdir()
    shutil.copy(JFK, home.inbox / "1961" / "it's: ask-not.wav")
    home.ended()
    assert home.outputs() == ["1961/it's: ask-not.en.srt", "1961/it's: ask-not.en.vtt"]
    cues = files.read(home.outbox / "1961" / "it's: ask-not.en.srt")
    spoken = " ".join(cue.text.replace("\n", " ") for cue in cues)
    assert jiwer.wer(reference("jfk.wav"), words(spoken)) < 0.1
    assert all(one.end <= two.start for one, two in pairwise(cues))
    assert 0 <= cues[0].start < 1
    assert cues[-1].end <= 11.5
    assert (home.outbox / "1961" / "it's: ask-not.en.vtt").read_text().startswith("WEBVTT")
    wait_for((home.inbox / "done" / "1961" / "it's: ask-not.wav").exists)
    job = home.job()
    assert job["state"] == "done"
    assert [step["name"] for step in job["steps"]] == ["transcribe", "captions"]
    log = (home.state / "logs" / "jobs" / "000" / "1" / "attempt-1.log").read_text()
    assert "$ " in log
    assert "-protocol_whitelist file,pipe" in log
    assert "it's" not in log.split("$ ")[1].split("\n")[0]  # tools never see the file's own name
    lines = [json.loads(line) for line in (home.state / "logs" / "reframed.jsonl").read_text().splitlines()]
    assert {line.get("job") for line in lines} == {None, 1}
    assert home.stop() == 0


def test_a_second_recipe_and_a_second_copy_use_the_cache(home: Home) -> None:
    (home.folder / "recipes").mkdir()
    recipe = "steps: [transcribe, captions: {formats: [srt], max_lines: 1}]\n"
    (home.folder / "recipes" / "oneline.yaml").write_text(recipe)
    home.configure(inbox={"recipe": ["captions", "oneline"]}, recipes="recipes")
    home.start()
    shutil.copy(SHORT, home.inbox / "a.wav")
    home.ended(2)
    assert sorted(home.outputs()) == ["a (2).en.srt", "a.en.srt", "a.en.vtt"]
    shutil.copy(SHORT, home.inbox / "b.wav")
    jobs = home.ended(4)
    assert [job["state"] for job in jobs] == ["done"] * 4
    cached = [
        step["cached"] for number in (2, 3, 4) for step in home.job(number)["steps"] if step["name"] == "transcribe"
    ]
    assert cached == [1, 1, 1]


def test_files_that_came_while_it_was_down_and_files_that_still_grow(home: Home) -> None:
    shutil.copy(SHORT, home.inbox / "before.wav")
    growing = home.inbox / "growing.wav"
    data = SHORT.read_bytes()
    growing.write_bytes(data[:2000])
    home.configure(inbox={"settle": 1})
    home.start()
    with growing.open("ab") as file:
        for start in range(2000, len(data), len(data) // 4):
            file.write(data[start : start + len(data) // 4])
            file.flush()
            time.sleep(0.5)
            assert "growing.wav" not in {job["name"] for job in home.jobs()}
    jobs = home.ended(2)
    assert {job["name"]: job["state"] for job in jobs} == {"before.wav": "done", "growing.wav": "done"}


def test_keep_and_beside_leave_the_source_and_do_it_once(home: Home) -> None:
    home.configure(inbox={"outbox": "beside"})
    shutil.copy(SHORT, home.inbox / "film.wav")
    home.start()
    home.ended()
    assert home.stop() == 0
    home.start()
    time.sleep(2)
    assert sorted(os.listdir(home.inbox)) == ["film.en.srt", "film.en.vtt", "film.wav"]
    assert len(home.jobs()) == 1


def test_add_leaves_the_file_where_it_is(home: Home) -> None:
    file = home.folder / "elsewhere.wav"
    shutil.copy(SHORT, file)
    assert "not running" in home.run("add", str(file)).stdout
    home.start()
    home.ended()
    assert file.exists()
    assert home.outputs() == ["elsewhere.en.srt", "elsewhere.en.vtt"]
    again = home.run("add", str(file), check=False)
    assert again.returncode == 1
    assert "is job 1 already (done). Once more: `reframe retry 1`." in again.stderr
    assert home.run("add", str(file), "--recipe", "nope", check=False).returncode == 1
    assert home.run("add", str(home.folder / "missing.wav"), check=False).returncode == 1


def test_cancel_and_retry_while_running(home: Home) -> None:
    ffmpeg("-stream_loop", "10", "-i", JFK, home.folder / "long.wav")
    home.start()
    (home.folder / "long.wav").rename(home.inbox / "long.wav")
    wait_for(lambda: any(step["progress"] > 0 for step in home.job()["steps"]) if home.jobs() else False, 60)
    child = _children(home)
    assert child
    began = time.monotonic()
    assert "Cancelled: job 1." in home.run("cancel", "1").stdout
    wait_for(lambda: len(_children(home)) < len(child), 5)  # the prober's may still be there
    assert time.monotonic() - began < 5
    assert home.job()["state"] == "cancelled"
    assert os.listdir(home.state / "work") == []
    assert home.outputs() == []
    assert (home.inbox / "long.wav").exists()
    assert home.run("cancel", "1", check=False).returncode == 1
    assert "Queued again" in home.run("retry", "1").stdout
    wait_for(lambda: home.job()["state"] == "running")
    home.stop()
    wait_for(lambda: not _children(home))
    assert home.job()["state"] == "queued"
    assert home.job()["crashes"] == 0


def _children(home: Home) -> list[int]:
    return [int(path.name) for path in (home.state / "runners").glob("*")]


def _alive(pids: list[int]) -> bool:
    return any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_runner_that_is_killed_is_replaced_and_counted(home: Home) -> None:
    ffmpeg("-stream_loop", "4", "-i", JFK, home.folder / "long.wav")
    home.start()
    (home.folder / "long.wav").rename(home.inbox / "long.wav")
    wait_for(lambda: home.jobs() and any(step["progress"] > 0 for step in home.job()["steps"]), 60)
    runners = [pid for pid in _children(home) if b"runner" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    for pid in runners:
        os.kill(pid, signal.SIGKILL)
    home.ended()
    job = home.job()
    assert (job["state"], job["crashes"], job["failures"]) == ("done", 1, 0)


def test_kill_9_ten_times_and_every_job_ends_once(home: Home) -> None:
    for number in range(10):
        shutil.copy(SHORT if number % 2 else JFK, home.inbox / f"{number}.wav")
        home.start()
        # From just taken to nearly published: another moment each time.
        wait_for(lambda number=number: len(home.jobs()) > number)  # type: ignore[misc]
        time.sleep(0.4 * number)
        runners = _children(home)
        home.stop(signal.SIGKILL)
        wait_for(lambda runners=runners: not _alive(runners), 10)  # type: ignore[misc]
        assert not [name for name in home.outputs() if name.startswith(".") and not name.endswith(".part")]
        home.start()
        home.ended(number + 1)
        wait_for(lambda number=number: (home.inbox / "done" / f"{number}.wav").exists())  # type: ignore[misc]
        home.stop()
        assert home.outputs() == sorted(f"{done}.en.{kind}" for done in range(number + 1) for kind in ("srt", "vtt"))
    jobs = home.jobs()
    assert [job["state"] for job in jobs] == ["done"] * 10
    assert all(job["crashes"] == 0 for job in jobs)
    for name in home.outputs():
        assert (home.outbox / name).read_text().strip()


def test_two_daemons_on_one_state_folder(home: Home) -> None:
    home.start()
    assert home.daemon is not None
    second = home.run("run", check=False)
    assert second.returncode == 1
    assert f"process {home.daemon.pid}, since" in second.stderr
    assert "->" in second.stderr


def test_a_reload_takes_a_good_file_and_refuses_a_broken_one(home: Home) -> None:
    home.start()
    assert home.daemon is not None
    good = home.config.read_text()
    home.config.write_text(good + "slotz: 1\n")
    home.daemon.send_signal(signal.SIGHUP)
    wait_for(lambda: "the old one stays in force" in home.said())
    assert "slotz" in home.said()
    assert "is refused" in home.run("status", check=False).stdout + home.run("status", check=False).stderr
    shutil.copy(SHORT, home.inbox / "a.wav")
    assert home.ended()[0]["state"] == "done"
    second = home.folder / "second"
    second.mkdir()
    home.config.write_text(good)
    home.configure()
    import yaml

    content = yaml.safe_load(home.config.read_text())
    content["inboxes"].append({"path": "second", "recipe": "captions", "outbox": "outbox/captions", "settle": 0.3})
    home.config.write_text(yaml.safe_dump(content))
    home.daemon.send_signal(signal.SIGHUP)
    wait_for(lambda: "was read again: 2 inboxes" in home.said())
    shutil.copy(SHORT, second / "b.wav")
    assert {job["inbox"] for job in home.ended(2)} == {"captions", "second"}


def test_a_broken_configuration_ends_with_78(home: Home) -> None:
    home.config.write_text("inboxes: 7\n")
    done = home.run("run", check=False)
    assert done.returncode == 78
    assert ":1:10:" in done.stderr


def test_a_model_that_is_not_there_and_may_not_be_fetched(home: Home) -> None:
    home.configure(models={"whisper": "medium"})
    home.start()
    shutil.copy(SHORT, home.inbox / "a.wav")
    job = home.ended()[0]
    assert (job["state"], job["code"]) == ("failed", "model_missing")
    assert "medium" in job["reason"]
    assert "reframe models fetch medium" in job["hint"]
    wait_for((home.inbox / "failed" / "a.wav").exists)


def test_an_audio_track_that_begins_later_keeps_its_time(home: Home) -> None:
    late = home.folder / "late.mkv"
    ffmpeg("-f", "lavfi", "-i", "color=s=64x64:r=10:d=14", "-itsoffset", "3", "-i", JFK, "-c:a", "aac", late)
    home.start()
    late.rename(home.inbox / "late.mkv")
    home.ended()
    first = files.read(home.outbox / "late.en.srt")[0]
    assert 2.7 < first.start < 3.7


def test_idle_costs_next_to_nothing(home: Home) -> None:
    """Not the time, which wanders: what is written, and what is held. The rest is measured in tests/perf."""
    home.configure(models={"whisper": "tiny.en", "idle_unload": "1s"})
    home.start()
    assert home.daemon is not None
    shutil.copy(SHORT, home.inbox / "a.wav")
    home.ended()
    wait_for(lambda: not _children(home), 60)  # the runner's after a second, the prober's a little later
    proc = Path(f"/proc/{home.daemon.pid}")
    if not proc.exists():
        pytest.skip("needs /proc")

    def written() -> int:
        return int(re.findall(r"write_bytes: (\d+)", (proc / "io").read_text())[0])

    time.sleep(1)
    before = written()
    time.sleep(6)
    assert written() == before
    assert int(re.findall(r"VmRSS:\s+(\d+)", (proc / "status").read_text())[0]) < 80_000


def test_an_outbox_that_comes_back_gets_its_results(home: Home) -> None:
    home.start()
    home.outbox.rename(home.folder / "unmounted")
    shutil.copy(SHORT, home.inbox / "a.wav")
    wait_for(lambda: home.jobs() and home.jobs()[0]["state"] == "blocked")
    assert "is not there" in home.job()["reason"]
    assert (home.inbox / "a.wav").exists()
    (home.folder / "unmounted").rename(home.outbox)
    home.run("retry", "1")  # or the next sweep, within half a minute
    assert home.ended()[0]["state"] == "done"
    assert home.outputs() == ["a.en.srt", "a.en.vtt"]


def test_no_command_ends_the_daemon(home: Home) -> None:
    home.start()
    for number, arguments in enumerate(
        ('{"jobs": [1e999]}', '{"jobs": [10000000000000000000000]}', '{"jobs": 7}', "{}")
    ):
        (home.state / "commands" / f"{number}.json").write_text(f'{{"verb": "retry", "arguments": {arguments}}}')
    wait_for(lambda: os.listdir(home.state / "commands") == [])
    shutil.copy(SHORT, home.inbox / "a.wav")
    assert home.ended()[0]["state"] == "done"


def test_systemd_is_told(home: Home) -> None:
    import socket

    address = str(home.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(20)
        command = [sys.executable, "-m", "reframed", "run", "--config", str(home.config)]
        environment = home.environment | {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"}
        daemon = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            said = [listener.recv(1000).decode() for _ in range(3)]
            assert said[0].startswith("READY=1")
            assert said[1:] == ["WATCHDOG=1", "WATCHDOG=1"]
            daemon.terminate()
            while not said[-1].startswith("STOPPING"):
                said.append(listener.recv(1000).decode())
        finally:
            daemon.kill()
            daemon.wait(10)
