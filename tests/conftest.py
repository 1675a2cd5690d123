"""Real folders, real media, a real daemon in its own process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reframed.media.ffmpeg import find
from reframed.store.reads import Reader

MEDIA = Path(__file__).parent / "media"
JFK = MEDIA / "jfk.wav"
SHORT = MEDIA / "librivox-0880.wav"
SAMPLE = Path(__file__).parent.parent / "reframed" / "sample" / "ask-not.mp4"


def wait_for(happened: Callable[[], Any], timeout_s: float = 30.0, every_s: float = 0.05) -> Any:
    """What `happened` returns once it is true. Fails after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if result := happened():
            return result
        time.sleep(every_s)
    raise AssertionError(f"did not happen within {timeout_s} s: {happened}")


def ffmpeg(*arguments: str | os.PathLike[str]) -> None:
    """Run ffmpeg to make test media."""
    subprocess.run(
        [find().path, "-nostdin", "-y", "-v", "error", *(os.fspath(argument) for argument in arguments)], check=True
    )


class Home:
    """A home of its own with a configuration, folders, and perhaps a daemon."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inbox = folder / "inbox" / "captions"
        self.outbox = folder / "outbox" / "captions"
        self.state = folder / "state"
        self.config = folder / "reframe.yaml"
        self.log = folder / "daemon.log"
        self.daemon: subprocess.Popen[bytes] | None = None
        for made in (self.inbox, self.outbox):
            made.mkdir(parents=True)
        self.configure()

    def configure(self, inbox: dict[str, Any] | None = None, **more: Any) -> None:
        """Write reframe.yaml; `inbox` adds to the one inbox, the rest to the top."""
        entry = {"path": "inbox/captions", "recipe": "captions", "outbox": "outbox/captions", "settle": 0.3, "grace": 1}
        content: dict[str, Any] = {
            "state": "state",
            "slots": {"cpu": 1, "gpu": 0},
            "inboxes": [entry | (inbox or {})],
            "models": {"whisper": "tiny.en"},
            "limits": {"min_free": "10MB", "retry_delay": 0.2},
            "offline": True,
        }
        self.config.write_text(yaml.safe_dump(content | more))

    @property
    def environment(self) -> dict[str, str]:
        """An environment that knows nothing of this machine's user."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "REFRAME_"))}
        return kept | {"HOME": str(self.folder), "COLUMNS": "100"}

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """The command `reframe`."""
        command = [sys.executable, "-m", "reframed", *arguments, "--config", str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, timeout=60, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def json(self, *arguments: str) -> Any:
        """What a reading verb prints as JSON."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def start(self, **options: Any) -> None:
        """Start the daemon and wait until it watches."""
        command = [sys.executable, "-m", "reframed", "run", "--config", str(self.config)]
        with self.log.open("ab") as log:
            self.daemon = subprocess.Popen(command, env=self.environment, stderr=log, stdout=log, **options)
        wait_for(self._watches)

    def _watches(self) -> bool:
        assert self.daemon is not None
        assert self.daemon.poll() is None, self.said()
        about = (
            json.loads((self.state / "daemon.lock").read_text() or "{}")
            if (self.state / "daemon.lock").exists()
            else {}
        )
        return about.get("pid") == self.daemon.pid and "watches" in self.said().rpartition("\n--\n")[2]

    def said(self) -> str:
        """The daemon's own words."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the daemon; its exit status."""
        assert self.daemon is not None
        self.daemon.send_signal(number)
        status = self.daemon.wait(30)
        self.daemon = None
        with self.log.open("a") as log:
            log.write("\n--\n")
        return status

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs, newest first."""
        reader = Reader(self.state)
        try:
            return reader.jobs()
        finally:
            reader.close()

    def job(self, number: int = 1) -> dict[str, Any]:
        """One job in full."""
        reader = Reader(self.state)
        try:
            return reader.job(number)
        finally:
            reader.close()

    def ended(self, count: int = 1, timeout_s: float = 60.0) -> list[dict[str, Any]]:
        """All jobs, once `count` of them have ended."""

        def look() -> list[dict[str, Any]] | None:
            jobs = self.jobs()
            over = [job for job in jobs if job["state"] in ("done", "failed", "cancelled")]
            return jobs if len(over) >= count else None

        found: list[dict[str, Any]] = wait_for(look, timeout_s)
        return found

    def waiting(self) -> dict[str, str]:
        """Why files are not taken, by name."""
        reader = Reader(self.state)
        try:
            return {row["name"]: row["reason"] for row in reader.sightings()}
        finally:
            reader.close()

    def outputs(self) -> list[str]:
        """Names in the outbox, everything included."""
        return sorted(str(path.relative_to(self.outbox)) for path in self.outbox.rglob("*") if path.is_file())


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home; its daemon is killed at the end if it still runs."""
    made = Home(tmp_path)
    yield made
    if made.daemon is not None and made.daemon.poll() is None:
        made.daemon.kill()
        made.daemon.wait(10)
