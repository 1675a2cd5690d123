"""How wide a text is on screen, in characters."""

from __future__ import annotations

import unicodedata
from functools import lru_cache


@lru_cache(maxsize=8192)
def _char_width(char: str, full_width: bool) -> float:
    if unicodedata.category(char) in ("Mn", "Me", "Cf", "Cc"):
        return 0.0
    if full_width:
        return 1.0 if unicodedata.east_asian_width(char) in "WF" else 0.5
    return 1.0


def width(text: str, full_width: bool) -> float:
    """The width of a line: combining marks count nothing; with `full_width`, a half-width character counts half."""
    if not full_width and text.isascii():
        return float(len(text))
    return sum(_char_width(char, full_width) for char in text)


def reading_width(text: str, full_width: bool) -> float:
    """What reading speed counts: all characters and spaces, line ends as one space."""
    return width(" ".join(text.split("\n")) if not full_width else text.replace("\n", ""), full_width)
