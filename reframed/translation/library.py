"""The argos-translate library itself, for those who have it (the extra `argostranslate`)."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reframed.errors import StepFailed
from reframed.text import safe
from reframed.translation import argos
from reframed.translation.engine import no_pair

NAME = "argostranslate"


def is_installed() -> bool:
    """Whether the library is there."""
    return importlib.util.find_spec("argostranslate") is not None


class _Whole:
    """Instead of the library's own splitters of sentences, which may want a network: sentences come as sentences."""

    def split_sentences(self, text: str) -> list[str]:
        """The text."""
        return [text]


def _keep_whole(translation: Any) -> None:
    for name in ("underlying", "t1", "t2"):
        if hasattr(translation, name):
            _keep_whole(getattr(translation, name))
    if hasattr(translation, "sentencizer"):
        translation.sentencizer = _Whole()


class Library:
    """One way between two languages, as the library finds it."""

    name = NAME

    def __init__(self, source: str, target: str, models_folder: Path) -> None:
        """Raises StepFailed(no_model) if the library knows no way."""
        os.environ.setdefault("ARGOS_PACKAGES_DIR", str(argos.folder(models_folder)))
        from argostranslate import translate

        self.route: tuple[str, ...] = (source, target)
        self._translation = translate.get_translation_from_codes(source, target)
        if self._translation is None:
            there = [package.name for package in argos.packages(models_folder)]
            raise no_pair(source, target, there, NAME)
        _keep_whole(self._translation)

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """One sentence after the other. Raises StepFailed."""
        try:
            return [str(self._translation.translate(text)) for text in sentences]
        except Exception as error:
            raise StepFailed(
                "translation_failed",
                f"argos-translate failed: {type(error).__name__}: {safe(str(error))}.",
                "Use `engine: argos`, which reads the same packages without the library.",
            ) from error
