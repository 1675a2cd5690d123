"""The Firefox Translations models through fxtranslate: small, fast, deterministic, on the CPU.

A model is a folder `SOURCE-TARGET` with model*.bin, one vocabulary (vocab*.spm) or two (srcvocab*, trgvocab*), and perhaps a
lexical shortlist (lex*.bin).
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reframed.errors import StepFailed
from reframed.text import safe
from reframed.translation.engine import no_pair, route

NAME = "firefox"
HUB = "en"
_loaded: dict[tuple[int, str], tuple[Any, Any]] = {}  # by thread, for an engine belongs to the one that made it


def is_installed() -> bool:
    """Whether fxtranslate is there; it has no wheel for some machines."""
    return importlib.util.find_spec("fxtranslate") is not None


def folder(models_folder: Path) -> Path:
    """Where these models are kept."""
    return models_folder / "translation" / NAME


def pairs(models_folder: Path) -> list[tuple[str, str]]:
    """The pairs of languages that are installed whole."""
    try:
        found = sorted(path for path in folder(models_folder).iterdir() if path.is_dir() and path.name[0] != ".")
    except OSError:
        return []
    return [(one, two) for one, dash, two in (path.name.partition("-") for path in found if is_whole(path)) if dash]


def is_whole(path: Path) -> bool:
    """Whether a folder has what a model needs."""
    return bool(_files(path, "model*.bin")) and bool(
        _files(path, "vocab*.spm") or (_files(path, "srcvocab*.spm") and _files(path, "trgvocab*.spm"))
    )


def _files(path: Path, pattern: str) -> list[Path]:
    return sorted(file for file in path.glob(pattern) if file.stat().st_size)


class Firefox:
    """One way between two languages, over English if need be."""

    name = NAME

    def __init__(self, source: str, target: str, models_folder: Path) -> None:
        """Raises StepFailed(no_model) if there is no way."""
        there = pairs(models_folder)
        self.route = route(source, target, there, HUB)
        if not self.route:
            raise no_pair(source, target, ["-".join(pair) for pair in there], NAME)
        self._folder = folder(models_folder)

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """One sentence after the other, over every leg of the way. Raises StepFailed."""
        texts = list(sentences)
        for source, target in zip(self.route, self.route[1:], strict=False):
            leg = self._leg(f"{source}-{target}")
            texts = [_guarded(leg.translate, text) for text in texts]
        return texts

    def _leg(self, pair: str) -> Any:
        path = self._folder / pair
        key = (threading.get_ident(), str(path))
        try:
            stamp = [(file.name, file.stat().st_mtime_ns) for file in sorted(path.iterdir())]
        except OSError:  # removed meanwhile
            source, _, target = pair.partition("-")
            raise no_pair(source, target, [], NAME) from None
        if key not in _loaded or _loaded[key][0] != stamp:
            _loaded[key] = stamp, _guarded(_load, path)
        return _loaded[key][1]


def _load(path: Path) -> Any:
    import fxtranslate

    shared = _files(path, "vocab*.spm")
    source = (shared or _files(path, "srcvocab*.spm"))[0].read_bytes()
    target = source if shared else _files(path, "trgvocab*.spm")[0].read_bytes()
    shortlist = _files(path, "lex*.bin")
    return fxtranslate.Translator(
        _files(path, "model*.bin")[0].read_bytes(), source, target, shortlist[0].read_bytes() if shortlist else None
    )


def _guarded(call: Any, argument: Any) -> Any:
    """The call's result; Rust's panics, which are no Exceptions, become a failure. Raises StepFailed."""
    try:
        return call(argument)
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:
        raise StepFailed(
            "translation_failed",
            f"The Firefox model failed: {type(error).__name__}: {safe(str(error))}.",
            "Its files may be damaged: `reframe models remove PAIR`, then fetch it again.",
        ) from error
