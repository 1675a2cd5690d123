"""The command line: exit codes, JSON, what is imported, what a person reads."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reframed.store import arrivals
from reframed.store.jobs import JobPlan, StepPlan, Verdict
from reframed.store.ledger import Ledger
from tests.conftest import Home
from tests.test_ledger import arrival


@pytest.fixture
def ledger_with_two(home: Home) -> Home:
    """A ledger with a queued and a failed job, and no daemon."""
    home.state.mkdir()
    ledger = Ledger(home.state)
    ledger.open()
    plan = JobPlan("captions", "r", (StepPlan("transcribe", "{}", "gpu"), StepPlan("captions", "{}", "cpu")))
    ledger.run(lambda: arrivals.record(arrival(b"one\x1b[31m.mp4"), [plan], None, 1.0))
    verdict = Verdict("no_audio", "The file has no audio track.", "Record it again.")
    ledger.run(lambda: arrivals.record(arrival(b"two.mp4", inode="1:2"), [plan], verdict, 2.0))
    ledger.close()
    return home


def test_reading_verbs_as_text_and_as_json(ledger_with_two: Home) -> None:
    home = ledger_with_two
    assert "1 queued, 1 failed" in home.run("status").stdout
    assert "one\\x1b[31m.mp4" in home.run("jobs").stdout
    assert [job["id"] for job in home.json("jobs", "--state", "failed")] == [2]
    shown = home.run("show", "2").stdout
    assert "The file has no audio track." in shown
    assert "Record it again." in shown
    assert "waits:    for a free slot" in home.run("show", "1").stdout
    assert home.json("show", "2")["steps"][0]["name"] == "transcribe"
    assert home.json("status")["jobs"]["failed"] == 1
    assert home.json("log", "1")["lines"] == []


def test_exit_codes(ledger_with_two: Home) -> None:
    home = ledger_with_two
    assert home.run("show", "99", check=False).returncode == 1
    assert home.run("log", "1", check=False).returncode == 1
    assert home.run("retry", check=False).returncode == 2
    assert home.run("bogus", check=False).returncode == 2
    assert home.run("jobs", "--state", "bogus", check=False).returncode == 2
    home.config.write_text("bogus: 1\n")
    assert home.run("check", check=False).returncode == 78
    missing = [sys.executable, "-m", "reframed", "status", "--config", "/nonexistent.yaml"]
    assert subprocess.run(missing, capture_output=True, check=False).returncode == 78


def test_commands_wait_for_a_daemon_that_is_down(ledger_with_two: Home) -> None:
    home = ledger_with_two
    assert "not running" in home.run("retry", "--failed").stdout
    spooled = [json.loads(path.read_text()) for path in (home.state / "commands").glob("*.json")]
    assert spooled == [{"verb": "retry", "arguments": {"jobs": [2]}}]


def test_check_names_the_faults_of_configuration_and_recipes_together(home: Home) -> None:
    (home.folder / "recipes").mkdir()
    (home.folder / "recipes" / "mine.yaml").write_text("steps: [captions]\n")
    home.config.write_text("recipes: recipes\nslotz: 1\n")
    report = json.loads(home.run("check", "--json", check=False).stdout)
    assert not report["ok"]
    assert [fault["line"] for fault in report["faults"]] == [1, 2]
    printed = home.run("check", check=False).stdout
    assert "mine.yaml:1:9:" in printed
    assert "2 faults." in printed


def test_init_makes_everything_once(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}

    def reframe(*arguments: str) -> str:
        command = [sys.executable, "-m", "reframed", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert "wrote" in reframe("init")
    config = tmp_path / ".config" / "reframe" / "reframe.yaml"
    config.write_text(config.read_text() + "# mine\n")
    assert "kept" in reframe("init")
    assert config.read_text().endswith("# mine\n")
    assert (tmp_path / "Reframe" / "inbox" / "captions").is_dir()
    assert (tmp_path / "Reframe" / "outbox" / "captions").is_dir()
    assert "no fault" in reframe("check")
    json.loads((config.parent / "reframe.schema.json").read_text())


def test_verbs_about_the_machine(home: Home) -> None:
    findings = {row["subject"]: row for row in home.json("doctor")}
    assert findings["ffmpeg"]["level"] == "ok"
    assert "tiny.en" in findings["model"]["state"]
    assert findings["sqlite"]["level"] == "ok"
    assert "max_chars_per_line" in home.run("recipes", "captions").stdout
    assert home.json("recipes")[0]["name"] == "captions"
    models = home.json("models")
    assert [model["name"] for model in models["installed"] if model["chosen"]] == ["tiny.en"]
    home.configure(inbox={"path": "nowhere"})
    bad = home.run("doctor", check=False)
    assert bad.returncode == 1
    assert "is not there" in bad.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(home: Home, shell: str) -> None:
    assert "retry" in home.run("completion", shell).stdout


def test_status_imports_nothing_heavy(ledger_with_two: Home) -> None:
    code = "import sys; from reframed.cli import main; main(['status', '--config', sys.argv[1]]); "
    code += "print('LOADED', *sys.modules)"
    command = [sys.executable, "-c", code, str(ledger_with_two.config)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rpartition("LOADED")[2].split()
    heavy = {
        "peewee",
        "huey",
        "watchdog",
        "textual",
        "rich",
        "msgspec",
        "numpy",
        "av",
        "faster_whisper",
        "pysubs2",
        "asyncio",
    }
    assert heavy.isdisjoint(loaded), heavy & set(loaded)


def test_the_daemon_imports_no_engine() -> None:
    code = "import sys, reframed.daemon; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "av", "faster_whisper", "ctranslate2", "onnxruntime", "textual"}.isdisjoint(loaded)
