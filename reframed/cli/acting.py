"""The verbs that change something. They do it by leaving a command for the daemon, and wait a little for its answer."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from reframed import commands, lock, paths
from reframed.errors import EXIT_FAILED, EXIT_OK, ReframeError, UsageError
from reframed.store.reads import Filter, Reader
from reframed.text import safe

_WAIT_S = 5.0
_LOOK_EVERY_S = 0.05


def add(options: argparse.Namespace) -> int:
    """Hand files to the daemon, where they are."""
    state = paths.state_folder(options.config)
    for file in options.file:
        if not file.exists():
            raise ReframeError(f"There is no file {safe(str(file))}.", "Check the name.")
        if file.is_dir():
            raise ReframeError(f"{safe(str(file))} is a folder.", "Name the files in it, or make it an inbox.")
    worst = EXIT_OK
    for file in options.file:
        path = os.fsencode(os.path.realpath(file))
        worst = max(worst, _send(state, "add", {"path": path.hex(), "recipe": options.recipe}))
    return worst


def retry(options: argparse.Namespace) -> int:
    """Queue jobs again."""
    state = paths.state_folder(options.config)
    ids = list(options.job)
    if options.failed:
        ids += [row["id"] for row in Reader(state).jobs(Filter(states=("failed",))) if row["id"] not in ids]
        if not ids:
            print("No job has failed.")
            return EXIT_OK
    return _send(state, "retry", {"jobs": _named(ids)})


def cancel(options: argparse.Namespace) -> int:
    """Cancel jobs."""
    return _send(paths.state_folder(options.config), "cancel", {"jobs": _named(options.job)})


def priority(options: argparse.Namespace) -> int:
    """Let jobs run before or after others."""
    arguments = {"jobs": _named(options.job), "priority": options.to}
    return _send(paths.state_folder(options.config), "priority", arguments)


def recaption(options: argparse.Namespace) -> int:
    """Give a job captions."""
    from reframed.subtitles import files, given

    files.read(options.file)  # a broken file is refused here, with the reason
    language = options.language or given.parts(options.file.name)[1]
    format_ = options.file.suffix.lower().lstrip(".")
    arguments = {"jobs": [options.job], "language": language, "format": format_}
    return _send(paths.state_folder(options.config), "recaption", arguments, options.file.read_bytes())


def restyle(options: argparse.Namespace) -> int:
    """Render a job again in another style."""
    return _send(paths.state_folder(options.config), "restyle", {"jobs": [options.job], "style": options.style})


def pause(options: argparse.Namespace) -> int:
    """Take no more files."""
    return _send(paths.state_folder(options.config), "pause", {})


def drain(options: argparse.Namespace) -> int:
    """Start no more steps."""
    return _send(paths.state_folder(options.config), "drain", {})


def resume(options: argparse.Namespace) -> int:
    """Go on after pause or drain."""
    return _send(paths.state_folder(options.config), "resume", {})


def _named(ids: list[int]) -> list[int]:
    if not ids:
        raise UsageError("Which job?", "Give the numbers that `reframe jobs` shows.")
    return ids


def _send(state: Path, verb: str, arguments: dict[str, Any], payload: bytes | None = None) -> int:
    identity = commands.post(state, verb, arguments, payload)
    if not lock.is_held(state):
        print("The daemon is not running: this is done when it starts (`reframe run`).")
        return EXIT_OK
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        outcome = Reader(state).command(identity)
        if outcome is not None:
            print(outcome["message"], file=sys.stdout if outcome["ok"] else sys.stderr)
            return EXIT_OK if outcome["ok"] else EXIT_FAILED
        time.sleep(_LOOK_EVERY_S)
    print("The daemon has not answered yet; the command is left for it.")
    return EXIT_OK
