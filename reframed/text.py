"""Text for people: names made safe for a terminal, sizes, durations, ages, suggestions."""

from __future__ import annotations

import difflib
import math
import os
import re
import unicodedata
from collections.abc import Iterable

# Zero-width joiners hold emoji and Indic clusters together; every other format character can reorder or hide text.
_ALLOWED_FORMAT = {"\u200c", "\u200d"}
_BIDI_MARKS = {"\u061c", "\u200e", "\u200f"}
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d|w)")
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)


def safe(name: str | bytes) -> str:
    """`name` with everything that could move a cursor, reorder text or end a line shown as an escape.

    Bytes that are no UTF-8 (or the surrogates Python makes of them) appear as \\xNN. Markup stays as it is: whoever feeds
    a markup parser must pass a Text object, never a string.
    """
    text = os.fsdecode(name) if isinstance(name, bytes) else name
    return text if text.isascii() and text.isprintable() else "".join(_safe_char(char) for char in text)


def _safe_char(char: str) -> str:
    if char in _BIDI_MARKS or (unicodedata.category(char) in _UNSAFE and char not in _ALLOWED_FORMAT):
        return _escape(char)
    return char


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def shorten(text: str, width: int) -> str:
    """`text` cut in the middle to at most `width` characters, so that the end of a file name stays visible."""
    if len(text) <= width:
        return text
    head = max(0, (width - 1) * 2 // 3)
    return text[:head] + "…" + text[len(text) - (width - 1 - head) :]


def size(size_bytes: float) -> str:
    """`size_bytes` in decimal units, as disk makers and file managers count: 1.5 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size_bytes) < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" or size_bytes >= 100 else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"


def duration(seconds: float) -> str:
    """`seconds` as 0.4s, 12s, 3m 20s, 2h 05m or 3d 4h."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    total = round(seconds)
    if total < 60:
        return f"{total}s"
    if total < 3600:
        return f"{total // 60}m {total % 60:02d}s"
    if total < 86400:
        return f"{total // 3600}h {total % 3600 // 60:02d}m"
    return f"{total // 86400}d {total % 86400 // 3600}h"


def parse_duration(text: str) -> float:
    """Seconds in `text`: a plain number, or numbers with ms, s, m, h, d, w ("1h 30m"). Raises ValueError."""
    stripped = text.strip().lower()
    try:
        seconds = float(stripped)
    except ValueError:
        pass
    else:
        if not math.isfinite(seconds):
            raise ValueError(f"{text!r} is not a duration")
        return seconds
    parts = _DURATION.findall(stripped)
    if not parts or _DURATION.sub("", stripped).strip():
        raise ValueError(f"{text!r} is not a duration")
    return sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts)


def parse_size(text: str) -> int:
    """Bytes in `text`: a number, or one with kB, MB, GB, TB (decimal) or KiB, MiB, GiB, TiB. Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size")
    number, prefix, binary = match.groups()
    base = 1024 if binary else 1000
    return int(float(number) * base ** (" kmgt".index(prefix.lower()) if prefix else 0))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """' (did you mean "x"?)' for the nearest of `known`, or ''."""
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f' (did you mean "{near[0]}"?)' if near else ""


def listing(words: Iterable[str], last: str = "and") -> str:
    """Words as a person lists them: a, b and c."""
    items = list(words)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"
