"""What every translation engine does, and which one a job uses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from reframed.errors import StepFailed
from reframed.text import listing

NAMES = ("auto", "firefox", "argos", "argostranslate", "llm")
OFFLINE = ("firefox", "argos")
NO_MODEL = "no_model"  # the code of a job that waits for a model


class Endpoint(NamedTuple):
    """An OpenAI-compatible server: where it is, which model, and where its key is (a file, or a variable)."""

    url: str
    model: str
    key_file: str = ""
    key_variable: str = ""
    timeout_s: float = 60.0


class Setup(NamedTuple):
    """What engines need to know of this machine. `device` is cpu or cuda."""

    models_folder: Path
    threads: int = 0
    device: str = "cpu"


class Engine(Protocol):
    """Turns sentences of one language into another; `route` are the languages in between and both ends."""

    name: str
    route: tuple[str, ...]

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """The sentences in the same order and number. Raises StepFailed."""
        ...


def no_pair(source: str, target: str, there: Sequence[str], wanted: str) -> StepFailed:
    """The error for a pair of languages that no installed model translates."""
    have = f"Installed: {listing(there)}." if there else "None is installed."
    return StepFailed(
        NO_MODEL,
        f"No {'' if wanted == 'auto' else wanted + ' '}model here translates {source} into {target}. {have}",
        f"Get one: `reframe models fetch {source}-{target}`, or `reframe models install FILE`. The job then goes on.",
    )


def route(source: str, target: str, pairs: Sequence[tuple[str, str]], hub: str = "") -> tuple[str, ...]:
    """The shortest way from `source` to `target` over `pairs`, preferring `hub`; empty if there is none."""
    ways: list[tuple[str, ...]] = [(source,)]
    seen = {source}
    while ways:
        longer: list[tuple[str, ...]] = []
        for way in ways:
            onwards = sorted({two for one, two in pairs if one == way[-1]} - seen, key=lambda two: (two != hub, two))
            for following in onwards:
                if following == target:
                    return (*way, target)
                longer.append((*way, following))
        seen |= {way[-1] for way in longer}
        ways = longer
    return ()
