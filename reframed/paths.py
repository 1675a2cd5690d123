"""Where Reframe's own files are. Light: `reframe status` needs nothing else of the configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from reframed.errors import ConfigError, Fault

LEDGER = "ledger.db"
LOCK = "daemon.lock"
COMMANDS = "commands"
LOGS = "logs"
CACHE = "cache"
WORK = "work"
KEPT = "kept"
REFUSED = "refused"
QUEUE = "queue"


def default_home() -> Path:
    """The folder that holds the default inboxes and outboxes."""
    return Path.home() / "Reframe"


def default_state() -> Path:
    """The state folder when none is configured: systemd's, else XDG's."""
    systemd = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if systemd:
        return Path(systemd)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "reframe"


def user_config() -> Path:
    """Where `reframe init` writes."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "reframe" / "reframe.yaml"


def config_file(explicit: Path | None = None) -> Path | None:
    """The configuration file in force: `explicit`, $REFRAME_CONFIG, the user's, the system's; None if there is none.

    Raises ConfigError if one that was named is not there.
    """
    named = explicit or (Path(os.environ["REFRAME_CONFIG"]) if os.environ.get("REFRAME_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise ConfigError(
                [Fault(str(named), 0, 0, "is not there")], "Name an existing file, or run `reframe init`."
            )
        return named
    return next((path for path in (user_config(), Path("/etc/reframe/reframe.yaml")) if path.is_file()), None)


def state_folder(explicit: Path | None = None) -> Path:
    """The state folder, read from the configuration without checking the rest. Raises ConfigError."""
    return state_and_section(explicit)[0]


def state_and_section(explicit: Path | None = None, section: str = "") -> tuple[Path, Any]:
    """The state folder, and the YAML node of one section (None: it is not there). Raises ConfigError."""
    file = config_file(explicit)
    if file is None:
        return default_state(), None
    from reframed import yamlfile

    root, source = yamlfile.read(file)
    entries = yamlfile.mapping(root, "", source) if root is not None else {}
    source.raise_faults()
    node = entries[section][1] if section in entries else None
    state = entries["state"][1].value if "state" in entries else ""
    if not isinstance(state, str) or not state:
        return default_state(), node
    return Path(os.path.abspath(os.path.join(file.resolve().parent, os.path.expanduser(state)))), node


def shipped(name: str) -> Path:
    """A file or folder that ships beside the packages: inside `reframed` once installed, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / name
    return inside if inside.exists() else package.parent / name


def kept_folder(state: Path, job: int, step: int) -> Path:
    """What a step of a job keeps between its attempts."""
    return state / KEPT / f"{job}-{step}"


def cached(cache: Path, key: str) -> Path:
    """The folder of a finished step in the cache."""
    return cache / key[:2] / key


def job_log(state: Path, job: int, attempt: int) -> Path:
    """The log file of one attempt of a job."""
    return state / LOGS / "jobs" / f"{job // 1000:03d}" / f"{job}" / f"attempt-{attempt}.log"
