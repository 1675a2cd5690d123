"""`reframe doctor`: examines what Reframe depends on, and says how to mend what is wrong."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from reframed import __version__, config, lock, yamlfile
from reframed.capacity import has_gpu
from reframed.config import BESIDE, Config, Inbox
from reframed.errors import ReframeError
from reframed.filesystem import free_bytes, mount_of
from reframed.inbox.watch import FOLDERS_MAX, polls
from reframed.ops.check import check_all
from reframed.text import listing, safe, size

OK, WARN, BAD = "ok", "warn", "BAD"
_WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")
_OPEN_FILES_MIN = 1024
_WAL_RESET_FIXED = (3, 51, 3)


class Finding(NamedTuple):
    """One thing that was examined: how it is, and how to mend it."""

    level: str
    subject: str
    state: str
    mend: str = ""


def examine(path: Path | None) -> list[Finding]:
    """Examine everything; a check that itself fails becomes a finding."""
    findings = [Finding(OK, "reframe", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")]
    report = check_all(path)
    if report.faults:
        faults = f"{len(report.faults)} faults, the first: {report.faults[0]}"
        return [*findings, Finding(BAD, "config", faults, "See them all with `reframe check`."), *_ffmpeg(), *_engine()]
    settings = config.load(path)
    findings.append(Finding(OK, "config", f"{report.file}: {report.inboxes} inboxes, {report.recipes} recipes"))
    checks: list[Callable[[Config], Iterator[Finding]]] = [_daemon, _state, _folders, _limits, _gpu, _models, _needs]
    for check in checks:
        findings += _guarded(check, settings)
    return [*findings, *_ffmpeg(), *_engine(), _sqlite()]


def _guarded(check: Callable[[Config], Iterator[Finding]], settings: Config) -> list[Finding]:
    try:
        return list(check(settings))
    except OSError as error:
        return [Finding(BAD, check.__name__.strip("_"), f"cannot be examined: {error}")]


def _daemon(settings: Config) -> Iterator[Finding]:
    if lock.is_held(settings.state_path):
        yield Finding(OK, "daemon", f"runs as process {lock.read(settings.state_path).get('pid', '?')}")
    else:
        yield Finding(WARN, "daemon", "does not run", "`reframe run`, or install the service (README).")


def _state(settings: Config) -> Iterator[Finding]:
    folder = settings.state_path
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    mount = mount_of(str(there))
    if mount.is_network:
        mend = "Set `state:` to a folder on a local disk."
        yield Finding(BAD, "state", f"{safe(str(folder))} is on a network file system ({mount.type})", mend)
    elif not os.access(there, os.W_OK):
        yield Finding(
            BAD, "state", f"{safe(str(folder))} may not be written", "Set `state:`, or change its permissions."
        )
    else:
        yield _room("state", str(there), settings)


def _room(subject: str, folder: str, settings: Config) -> Finding:
    free, mount = free_bytes(folder), mount_of(folder)
    state = f"{safe(folder)} ({mount.type}, {size(free)} free)"
    if free < settings.limits.min_free:
        return Finding(BAD, subject, f"{state}: less than `limits: min_free`, jobs wait", "Free some space there.")
    return Finding(OK, subject, state)


def _folders(settings: Config) -> Iterator[Finding]:
    for inbox in settings.inboxes:
        yield _inbox(inbox)
        if inbox.outbox == BESIDE:
            continue
        if not os.path.isdir(inbox.outbox):
            yield Finding(
                BAD, "outbox", f"{safe(inbox.outbox)} is not there", "`reframe init` makes it; or mount its disk."
            )
        elif not os.access(inbox.outbox, os.W_OK | os.X_OK):
            yield Finding(BAD, "outbox", f"{safe(inbox.outbox)} may not be written", "Give this user permission.")
        else:
            yield _room("outbox", inbox.outbox, settings)


def _inbox(inbox: Inbox) -> Finding:
    where = f"{safe(inbox.path)} ({mount_of(inbox.path).type}, {'polling' if polls(inbox) else 'events'})"
    if not os.path.isdir(inbox.path):
        return Finding(BAD, "inbox", f"{where} is not there", "`reframe init` makes it; or mount its disk.")
    if not os.access(inbox.path, os.R_OK | os.X_OK):
        return Finding(BAD, "inbox", f"{where} may not be read", "Give this user permission to read it.")
    if not inbox.keeps_source and not os.access(inbox.path, os.W_OK):
        mend = "Give this user permission to write there, or set `after: keep`."
        return Finding(BAD, "inbox", f"{where} may not be written: sources cannot move to done/", mend)
    return Finding(OK, "inbox", where)


def _limits(settings: Config) -> Iterator[Finding]:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    level = OK if files >= _OPEN_FILES_MIN else WARN
    yield Finding(level, "limits", f"{files} open files", "" if level == OK else "Raise it: `ulimit -n 4096`.")
    if not _WATCHES.exists():
        return
    watches = int(_WATCHES.read_text())
    if watches < FOLDERS_MAX:
        mend = "For large folders: `sysctl fs.inotify.max_user_watches=65536`. Scanning goes on without."
        yield Finding(WARN, "limits", f"{watches} folders can be watched for events", mend)
    else:
        yield Finding(OK, "limits", f"{watches} folders can be watched for events")


def _gpu(settings: Config) -> Iterator[Finding]:
    state = "an NVIDIA GPU is there" if has_gpu() else "none; everything runs on the CPU"
    yield Finding(OK, "gpu", state)


def _models(settings: Config) -> Iterator[Finding]:
    from reframed.speech import machine, models

    try:
        here = machine.here("cuda" if has_gpu() else "cpu")
        model = models.resolve(settings.models.whisper, settings.models_path, here)
    except ReframeError as error:
        yield Finding(BAD, "model", error.message, error.hint)
        return
    name = models.to_fetch(settings.models.whisper, here)
    if model is not None:
        state = f"{model.name} ({size(model.size_bytes)}, {model.origin})"
        small = model.name.startswith("tiny")
        mend = "Good to try things out; `reframe models fetch small` hears much better." if small else ""
        yield Finding(WARN if small else OK, "model", state, mend)
    elif settings.offline:
        yield Finding(
            BAD, "model", f"{name} is not here, and `offline: true`", f"`reframe models fetch {name}` once online."
        )
    else:
        yield Finding(WARN, "model", f"{name} is fetched at the first job", f"Or now: `reframe models fetch {name}`.")


def _needs(settings: Config) -> Iterator[Finding]:
    """Translation models that the recipes of inboxes lack."""
    from reframed.ops import needs
    from reframed.recipe import load_all, settings_of

    recipes = load_all(config.ConfigFile(settings, yamlfile.Source("checked"), None))
    for name in dict.fromkeys(name for inbox in settings.inboxes for name in inbox.recipes):
        for need in needs.needs(recipes[name], settings_of(settings)):
            if need.step == "translate":
                mend = "" if need.there else need.get
                yield Finding(OK if need.there else WARN, "translation", f"recipe {safe(name)}: {need.what}", mend)


def _ffmpeg() -> Iterator[Finding]:
    from reframed.media import ffmpeg

    try:
        found = ffmpeg.find()
    except ReframeError as error:
        yield Finding(BAD, "ffmpeg", error.message, error.hint)
        return
    yield Finding(OK, "ffmpeg", f"{found.version.split(' Copyright')[0]} ({found.origin}: {safe(found.path)})")
    if "ass" not in found.filters:
        yield Finding(
            WARN, "ffmpeg", "has no libass: it cannot burn captions into pictures", "Captions as files need none."
        )
    else:
        from reframed.media import encoders

        usable = [name for name in encoders.NAMES if encoders.works(name, found.path)]
        yield Finding(OK if usable else BAD, "encoder", listing(usable) if usable else "none encodes H.264 here")


def _engine() -> Iterator[Finding]:
    for package in ("faster-whisper", "ctranslate2", "av"):
        try:
            yield Finding(OK, "engine", f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            yield Finding(BAD, "engine", f"{package} is not installed", "Install Reframe again with pip.")


def _sqlite() -> Finding:
    note = (
        "" if sqlite3.sqlite_version_info >= _WAL_RESET_FIXED else "; its WAL fault needs two writers, Reframe has one"
    )
    return Finding(OK, "sqlite", sqlite3.sqlite_version + note)
