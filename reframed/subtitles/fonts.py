"""Fonts: which are there, which characters they have, and how wide a text is in them (HarfBuzz, as libass shapes it)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

_SUFFIXES = (".ttf", ".otf")
_SYSTEM = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path("/Library/Fonts"),
    Path("/System/Library/Fonts"),
)
_NAME_FAMILY, _NAME_FULL = 1, 4


class Font(NamedTuple):
    """A font file. `name` is what a style calls it (its full name), `family` what libass finds it by."""

    name: str
    family: str
    path: Path


def shipped_folder() -> Path:
    """The folder of the fonts that come with Reframe."""
    return Path(__file__).parent.parent / "fonts"


@cache
def installed(own: Path | None = None) -> dict[str, Font]:
    """Fonts by lower-case name and family: Reframe's, the user's, the system's; the first of a name counts."""
    found: dict[str, Font] = {}
    home = Path.home()
    for folder in (shipped_folder(), *([own] if own else []), home / ".local/share/fonts", home / ".fonts", *_SYSTEM):
        for path in _files(folder):
            font = _read(path)
            if font is not None:
                found.setdefault(font.name.lower(), font)
                found.setdefault(font.family.lower(), font)
    return found


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)


def _read(path: Path) -> Font | None:
    """The names in a font file; None if it is not one."""
    try:
        table = bytes(_face(path).reference_table("name").data)
        count, offset = struct.unpack(">HH", table[2:6])
    except (OSError, ValueError, RuntimeError, struct.error):
        return None
    names: dict[int, str] = {}
    for index in range(count):
        platform, _, _, number, length, at = struct.unpack(">6H", table[6 + 12 * index : 18 + 12 * index])
        raw = table[offset + at : offset + at + length]
        if number in (_NAME_FAMILY, _NAME_FULL) and platform in (0, 3):
            names[number] = raw.decode("utf-16-be", "replace")
        elif number in (_NAME_FAMILY, _NAME_FULL) and platform == 1:
            names.setdefault(number, raw.decode("mac-roman", "replace"))
    if _NAME_FAMILY not in names:
        return None
    return Font(names.get(_NAME_FULL, names[_NAME_FAMILY]), names[_NAME_FAMILY], path)


@lru_cache(maxsize=32)
def _face(path: Path) -> Any:
    import uharfbuzz

    return uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(path)))


@cache
def _characters(path: Path) -> frozenset[int]:
    return frozenset(_face(path).unicodes)


def missing(font: Font, text: str) -> set[str]:
    """The characters of `text` that `font` has no glyph for; spaces and joiners need none."""
    have = _characters(font.path)
    return {char for char in text if ord(char) not in have and char.isprintable() and not char.isspace()}


def covering(text: str, fonts: Iterable[Font]) -> Font | None:
    """The first font that has every character of `text`."""
    return next((font for font in fonts if not missing(font, text)), None)


class Metrics(NamedTuple):
    """Of a font at ASS size 1: what libass makes of a size. All as shares of the size, as pixels at size 1."""

    em: float
    ascent: float
    descent: float
    cap: float


@cache
def metrics(path: Path) -> Metrics:
    """How libass scales a font: an ASS size is the height from winAscent to winDescent, as VSFilter has it."""
    face = _face(path)
    table = bytes(face.reference_table("OS/2").data)
    ascent, descent = struct.unpack(">HH", table[74:78])
    version = struct.unpack(">H", table[:2])[0]
    cap = struct.unpack(">h", table[88:90])[0] if version >= 2 and len(table) >= 90 else round(0.7 * face.upem)
    height = ascent + descent
    return Metrics(face.upem / height, ascent / height, descent / height, cap / height)


@lru_cache(maxsize=4096)
def width(path: Path, text: str, size: float, spacing: float = 0.0) -> float:
    """The advance of `text` on one line at ASS size `size`, in pixels; `spacing` is added after every character."""
    import uharfbuzz

    face = _face(path)
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    uharfbuzz.shape(uharfbuzz.Font(face), buffer, {"kern": True, "liga": True})
    units = sum(position.x_advance for position in buffer.glyph_positions)
    return float(units / face.upem * metrics(path).em * size + spacing * len(text))
