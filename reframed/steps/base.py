"""What a step is: frozen options, what it needs and makes, which slot it wants, and `run`."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from msgspec import Struct

from reframed.filesystem import hash_file
from reframed.media.info import MediaInfo
from reframed.protocol import Artifact, Input, Settings, Sidecar


class Work:
    """One run of a step, inside a runner: its inputs, its private folder, and how it reports.

    `note` tells a person of a fallback, `say` of a plain fact, both with a code; `kept` outlives a crash;
    `named_language` is what the name of a subtitle file says (movie.en.srt).
    """

    def __init__(
        self,
        *,
        source: str,
        media: MediaInfo,
        inputs: list[Input],
        sidecars: tuple[Sidecar, ...],
        folder: Path,
        kept: Path,
        settings: Settings,
        label: str,
        named_language: str = "",
        progress: Callable[[float], None],
        note: Callable[[str, str], None],
        say: Callable[[str, str], None],
        log: Callable[[str], None],
    ) -> None:
        self.source = source
        self.media = media
        self.inputs = inputs
        self.sidecars = sidecars
        self.folder = folder
        self.kept = kept
        self.settings = settings
        self.label = label
        self.named_language = named_language
        self.progress = progress
        self.note = note
        self.say = say
        self.log = log
        self.artifacts: list[Artifact] = []
        self.engine_s = 0.0
        self.stand_in = False  # something else than what was asked for did the work: nobody else is to get this result

    def input(self, kind: str) -> Path:
        """The path of the newest input of `kind`; recipes are checked so that it is there."""
        return Path(next(item.path for item in reversed(self.inputs) if item.artifact.kind == kind))

    def made(self, kind: str, file: str, suffix: str = "", **about: Any) -> None:
        """Declare the finished file `file` in the folder as an artifact."""
        path = self.folder / file
        self.artifacts.append(
            Artifact(
                kind=kind,
                file=file,
                sha256=hash_file(str(path)),
                size_bytes=path.stat().st_size,
                suffix=suffix,
                about=about,
            )
        )

    @contextmanager
    def engine(self) -> Iterator[None]:
        """Count the time inside as the engine's own."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.engine_s += time.perf_counter() - start


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing done to artifacts. Fields are its options in YAML; the first docstring line is its summary."""

    version: ClassVar[int] = 1
    slot: ClassVar[str] = "cpu"
    needs: ClassVar[tuple[str, ...]] = ()
    makes: ClassVar[tuple[str, ...]] = ()
    takes_sidecars: ClassVar[bool] = False

    def identity(self, settings: Settings) -> dict[str, str]:
        """What decides the result besides options and inputs, such as the model's revision. Raises ReframeError."""
        return {}

    def reads(self, sidecars: tuple[Sidecar, ...]) -> tuple[Sidecar, ...]:
        """Those of the files that came along with the source which decide the result."""
        return ()

    def check(self, settings: Settings) -> Iterator[str]:
        """Sentences about options that contradict each other or this machine; for `reframe check`."""
        yield from ()

    def run(self, work: Work) -> None:
        """Do it: read inputs, write files into `work.folder`, declare them with `work.made`. Raises StepFailed."""
        raise NotImplementedError


def digest(*parts: str) -> str:
    """A short stable hash of texts, for keys and revisions."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
