"""What every speech engine offers, in one small interface, and how one is chosen."""

from __future__ import annotations

import gc
import importlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from reframed.speech.words import Word

if TYPE_CHECKING:
    from reframed.speech.sound import Samples  # the daemon imports this module, and shall not import numpy

DEFAULT = "faster-whisper"
# Each engine's module here, the package it needs, and what installs that.
_ENGINES = {
    DEFAULT: ("faster", "faster_whisper", "reframe-media"),
    "whisper.cpp": ("cpp", "pywhispercpp", "pywhispercpp"),
    "openai-whisper": ("openai", "whisper", "'reframe-media[openai]'"),
    "whisper-timestamped": ("timestamped", "whisper_timestamped", "'reframe-media[timestamped]'"),
}
NAMES = tuple(_ENGINES)
Tell = Callable[[str, str], None]
"""How an engine says what a person should know: a code and a sentence."""


class Wish(NamedTuple):
    """How to listen. `language` None: find out; `translate`: into English; `vocabulary`: names to expect, as text."""

    language: str | None = None
    translate: bool = False
    vocabulary: str = ""
    temperature: float = 0.0


class Heard(NamedTuple):
    """What an engine heard in one chunk; times in seconds of the chunk.

    `logprob` is the average log-probability of a token, `silence` the probability that nothing was said. `mixed` says that
    several languages may be in it, and that it was therefore not decoded.
    """

    words: tuple[Word, ...]
    language: str
    language_probability: float = 1.0
    logprob: float = 0.0
    silence: float = 0.0
    mixed: bool = False


class Setup(NamedTuple):
    """What an engine is loaded with: the model's folder or file, cpu or cuda, the number of threads in all, and the memory
    in bytes that decoding may take (0: as much as it likes). `rung` is where on its ladder of fallbacks an engine begins."""

    name: str
    path: Path
    device: str
    threads: int
    memory_bytes: int = 0
    rung: int = 0


class Engine(Protocol):
    """A loaded model. `hear` may be called from `workers` threads at once, with at most `batch` chunks each.

    `lighter` and `slower` are how to load it to need less memory: with a smaller type of numbers, or on the CPU.
    """

    name: str
    device: str
    workers: int
    batch: int
    lighter: Setup | None
    slower: Setup | None

    def hear(self, sounds: Sequence[Samples], wish: Wish) -> list[Heard]:
        """The words of each sound of at most 30 s at 16 kHz, in order."""
        ...

    def language(self, sound: Samples) -> tuple[str, float]:
        """The language of up to 10 s of sound, and its probability."""
        ...


def is_installed(name: str) -> bool:
    """Whether the package behind the engine `name` is there."""
    return importlib.util.find_spec(_ENGINES[name][1]) is not None


def how_to_install(name: str) -> str:
    """What to give to pip."""
    return _ENGINES[name][2]


def load(name: str, setup: Setup, tell: Tell) -> Engine:
    """The engine `name` with its model. Raises StepFailed(model_broken)."""
    engine: Engine = importlib.import_module(f"reframed.speech.{_ENGINES[name][0]}").load(setup, tell)
    return engine


_kept: tuple[str, Setup, Engine] | None = None


def keep(name: str, setup: Setup, tell: Tell) -> Engine:
    """The engine `name`, loaded, or kept from the last call if it is the same. One is kept in a process."""
    global _kept
    wanted = setup._replace(memory_bytes=0)  # what was free when it was loaded counts
    if _kept is None or _kept[:2] != (name, wanted):
        _kept = None  # the old model leaves memory before the new one enters it
        gc.collect()
        _kept = name, wanted, load(name, setup, tell)
    return _kept[2]
