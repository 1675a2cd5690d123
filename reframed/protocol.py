"""What the daemon and its children say to each other: one JSON object a line, tagged by `type`."""

from __future__ import annotations

import os
from typing import Any

import msgspec
from msgspec import Struct

from reframed.media.info import MediaInfo


class Server(Struct, frozen=True, kw_only=True):
    """A server with a language model, as configured; `url` is empty if there is none."""

    url: str = ""
    model: str = ""
    key_file: str = ""
    key_variable: str = ""
    timeout_s: float = 60.0


class Settings(Struct, frozen=True, kw_only=True):
    """What of the configuration a step may know; `device` is cpu or cuda. Files that recipes name are relative to
    `recipes_folder`."""

    models_folder: str
    whisper: str = "auto"
    offline: bool = False
    device: str = "cpu"
    recipes_folder: str = ""
    llm: Server = Server()


class Artifact(Struct, frozen=True, kw_only=True):
    """A typed file made by a step.

    `file` is its name within the step's folder. `suffix` is what the outbox appends to the source's stem (".en.srt"); an
    artifact without one is not published. `about` holds facts for people and later steps (language, cue count).
    """

    kind: str
    file: str
    sha256: str
    size_bytes: int
    suffix: str = ""
    about: dict[str, Any] = {}


class Input(Struct, frozen=True, kw_only=True):
    """An artifact handed to a step, at an absolute `path`."""

    path: str
    artifact: Artifact


class Sidecar(Struct, frozen=True, kw_only=True):
    """A subtitle file that arrived with the source. `path` as in ProbeRequest; `language` from its name, or empty."""

    path: str
    name: str
    sha256: str
    language: str = ""

    @property
    def is_forced(self) -> bool:
        """Whether it holds only what a viewer who knows the language needs: signs, and other languages."""
        return ".forced." in self.name.lower()


class ProbeRequest(Struct, frozen=True, tag="probe"):
    """Read a file's kind, streams and hash. `path` is hex of the path's bytes, for a path need not be UTF-8."""

    path: str


class RunRequest(Struct, frozen=True, kw_only=True, tag="run"):
    """Run one step in `folder`, which is empty and private to this attempt; `log` is the attempt's log file.

    `kept` is a folder that outlives attempts of this step of this job: what a step leaves there, it finds again.
    `named_language` is what the name of a subtitle file says.
    """

    step: str
    options: dict[str, Any]
    source: str
    media: MediaInfo
    inputs: list[Input]
    folder: str
    kept: str
    log: str
    label: str
    settings: Settings
    named_language: str = ""
    sidecars: tuple[Sidecar, ...] = ()


class Ready(Struct, frozen=True, tag="ready"):
    """The runner has started: what goes wrong from now on is about the request, not about this installation."""


class Progress(Struct, frozen=True, tag="progress"):
    """How much of the step is done, 0 to 1."""

    fraction: float


class Note(Struct, frozen=True, tag="note"):
    """Something a person should know about this job, although it goes on; `level` is warning or info."""

    code: str
    text: str
    level: str = "warning"


class Done(Struct, frozen=True, kw_only=True, tag="done"):
    """The step succeeded. `engine_s` is the time spent inside tools and models, as far as the step counted it.

    `stand_in`: something else than what was asked for did the work, so the result is for this job alone.
    """

    artifacts: list[Artifact] = []
    engine_s: float = 0.0
    stand_in: bool = False


class Failed(Struct, frozen=True, kw_only=True, tag="failed"):
    """The step or probe could not do its work (see errors.StepFailed)."""

    code: str
    message: str
    hint: str = ""
    tail: str = ""
    retry: bool = False


class Probed(Struct, frozen=True, kw_only=True, tag="probed"):
    """What a file is, and the SHA-256 of its content."""

    media: MediaInfo
    sha256: str


Request = ProbeRequest | RunRequest
Message = Ready | Progress | Note | Done | Failed | Probed

decode_request = msgspec.json.Decoder(Request).decode
decode_message = msgspec.json.Decoder(Message).decode


def encode(message: Request | Message) -> bytes:
    """One line of the protocol."""
    return msgspec.json.encode(message) + b"\n"


def pack_path(path: bytes) -> str:
    """Path bytes as hex."""
    return path.hex()


def unpack_path(packed: str) -> str:
    """The path for Python's file functions (undecodable bytes become surrogates, PEP 383)."""
    return os.fsdecode(bytes.fromhex(packed))
