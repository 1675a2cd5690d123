"""Logging: lines for people on the terminal, JSON lines with rotation in the state folder."""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
import time
from pathlib import Path

from reframed.text import safe

_FILE_BYTES = 5_000_000
_FILES = 5
_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31m"}


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, text, and job and step where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for `record`."""
        entry = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "from": record.name,
            "text": record.getMessage(),
        }
        entry |= {key: getattr(record, key) for key in ("job", "step") if hasattr(record, key)}
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=True)


class ForPeople(logging.Formatter):
    """Time, job, text; coloured on a terminal. Under systemd no time: the journal has its own."""

    def __init__(self, colours: bool, clock: bool) -> None:
        super().__init__()
        self._colours = colours
        self._clock = clock

    def format(self, record: logging.LogRecord) -> str:
        """The line for `record`."""
        stamp = time.strftime("%H:%M:%S ", time.localtime(record.created)) if self._clock else ""
        job = f"[{record.job}] " if hasattr(record, "job") else ""
        level = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        text = "\n    ".join(safe(line) for line in record.getMessage().split("\n"))
        line = f"{stamp}{job}{level}{text}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        colour = _COLOURS.get(record.levelname, "") if self._colours else ""
        return f"{colour}{line}\x1b[0m" if colour else line


def start(folder: Path, level: str, *, colours: bool, clock: bool) -> None:
    """Log to stderr for people, and to `folder`/reframed.jsonl for programs."""
    folder.mkdir(parents=True, exist_ok=True)
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(ForPeople(colours, clock))
    file = logging.handlers.RotatingFileHandler(
        folder / "reframed.jsonl", maxBytes=_FILE_BYTES, backupCount=_FILES, encoding="utf-8", delay=True
    )
    file.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [terminal, file]
    set_level(level)
    logging.raiseExceptions = False  # a full disk must not fill the terminal with tracebacks of the log itself


def set_level(level: str) -> None:
    """Change the least level of Reframe's own messages; libraries stay at warning."""
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("reframed").setLevel(level.upper())
