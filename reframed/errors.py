"""The two error families: one for a person at the keyboard, one for a job."""

from __future__ import annotations

from dataclasses import dataclass

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h; the unit file does not restart on it


class ReframeError(Exception):
    """Something a person asked for cannot be done.

    `message` says what and why, `hint` what to do about it. The command line prints both and never a traceback.
    """

    exit_code = EXIT_FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ReframeError):
    """The command line itself is wrong."""

    exit_code = EXIT_USAGE


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong in a YAML file, at `line` and `column` counted from 1 (0: the file as a whole)."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.message}"


class ConfigError(ReframeError):
    """A configuration or recipe that cannot be used; carries every fault that was found."""

    exit_code = EXIT_CONFIG

    def __init__(self, faults: list[Fault], hint: str = "Correct the lines above, then run `reframe check`.") -> None:
        self.faults = sorted(set(faults))
        super().__init__("\n".join(str(fault) for fault in self.faults), hint)


class StepFailed(Exception):
    """A step could not do its work.

    `code` is a stable snake_case word for programs, `message` and `hint` are sentences for a person, `tail` is the end of
    the failing tool's own output. `retry` says that the same input may well succeed later (no space, network away).
    """

    def __init__(self, code: str, message: str, hint: str = "", tail: str = "", *, retry: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.tail = tail
        self.retry = retry
