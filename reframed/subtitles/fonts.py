"""Fonts: which are there, which characters they have, and how wide a text is in them (HarfBuzz, as libass shapes it)."""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
_SYSTEM = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path("/Library/Fonts"),
    Path("/System/Library/Fonts"),
)
_NAME_FAMILY, _NAME_STYLE, _NAME_FULL, _NAME_POSTSCRIPT = 1, 2, 4, 6
_REGULAR = frozenset({"regular", "book", "roman", "normal"})
# Han characters look different by language; Noto's fonts for them say which in their names.
_HAN = {"zh": " sc", "zh-TW": " tc", "zh-HK": " hk", "zh-Hant": " tc", "yue": " hk", "ja": " jp", "ko": " kr"}


class Font(NamedTuple):
    """A font. `name` is its full name, what a style calls it; `libass` what libass finds it by: the full name, of a
    PostScript font its PostScript name. `style` is its weight and slope, `place` counts within a collection."""

    name: str
    family: str
    style: str
    libass: str
    path: Path
    place: int = 0


def shipped_folder() -> Path:
    """The folder of the fonts that come with Reframe."""
    return Path(__file__).parent.parent / "fonts"


@cache
def installed(own: Path | None = None) -> dict[str, Font]:
    """Fonts by lower-case full name, and by family: Reframe's, the user's, the system's; the first of a name counts.

    A family's name alone is its regular weight, where there is one.
    """
    home = Path.home()
    folders = (shipped_folder(), *([own] if own else []), home / ".local/share/fonts", home / ".fonts", *_SYSTEM)
    fonts = [font for folder in folders for path in _files(folder) for font in _read(path)]
    found = {font.name.lower(): font for font in reversed(fonts)}
    for font in fonts:
        found.setdefault(f"{font.family} {font.style}".lower(), font)
    for font in sorted(fonts, key=lambda font: font.style.lower() not in _REGULAR):
        found.setdefault(font.family.lower(), font)
    return found


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)


def _read(path: Path) -> Iterator[Font]:
    """The fonts in a file that are drawn with outlines; libass draws no others."""
    try:
        blob = _blob(path)
        count = max(1, struct.unpack(">I", blob.data[8:12])[0]) if blob.data[:4] == b"ttcf" else 1
    except (OSError, ValueError, RuntimeError, struct.error):
        return
    for index in range(min(count, 64)):
        try:
            tables, names = set(_face(path, index).table_tags), _names(_face(path, index))
        except (OSError, ValueError, RuntimeError, struct.error):
            continue
        if _NAME_FAMILY in names and tables & {"glyf", "CFF ", "CFF2"}:  # the others are colour emoji
            family = names[_NAME_FAMILY]
            name = names.get(_NAME_FULL, family)
            style = names.get(_NAME_STYLE, "")
            yield Font(
                name, family, style, name if "glyf" in tables else names.get(_NAME_POSTSCRIPT, name), path, index
            )


def _names(face: Any) -> dict[int, str]:
    """Names by their number: the family, the full and the PostScript name."""
    table = bytes(face.reference_table("name").data)
    count, offset = struct.unpack(">HH", table[2:6])
    names: dict[int, str] = {}
    wanted = (_NAME_FAMILY, _NAME_STYLE, _NAME_FULL, _NAME_POSTSCRIPT)
    for index in range(count):
        platform, _, _, number, length, at = struct.unpack(">6H", table[6 + 12 * index : 18 + 12 * index])
        raw = table[offset + at : offset + at + length]
        if number in wanted and platform in (0, 3):
            names.setdefault(number, raw.decode("utf-16-be", "replace"))
        elif number in wanted and platform == 1:
            names.setdefault(number, raw.decode("mac-roman", "replace"))
    return names


@lru_cache(maxsize=8)
def _blob(path: Path) -> Any:
    import uharfbuzz

    return uharfbuzz.Blob.from_file_path(str(path))


@lru_cache(maxsize=32)
def _face(path: Path, index: int) -> Any:
    import uharfbuzz

    return uharfbuzz.Face(_blob(path), index)


@cache
def _characters(path: Path, index: int) -> frozenset[int]:
    return frozenset(_face(path, index).unicodes)


def missing(font: Font, text: str) -> set[str]:
    """The characters of `text` that `font` has no glyph for; spaces, joiners and variation selectors need none."""
    have = _characters(font.path, font.place)
    return {char for char in text if ord(char) not in have and char.isprintable() and not is_quiet(char)}


def is_quiet(char: str) -> bool:
    """Whether a character is not drawn: spaces, joiners and variation selectors."""
    return char.isspace() or "\ufe00" <= char <= "\ufe0f" or unicodedata.category(char) == "Cf"


def fallback(text: str, language: str, known: Iterable[Font]) -> Font | None:
    """The best of `known` that has every character of `text`: Noto Sans before others, bold, in the language's own forms."""
    able = [font for font in known if not missing(font, text)]
    return min(able, key=lambda font: _rank(font, language), default=None)


def _rank(font: Font, language: str) -> tuple[int, bool, int, bool, int, str]:
    name = font.name.lower()
    own = _HAN.get(language) or _HAN.get(language.split("-", maxsplit=1)[0])
    return (
        0 if name.startswith("noto sans") else 1 if name.startswith("noto ") else 2,
        "serif" in name or "mono" in name or "condensed" in name,
        0 if "cjk" not in name or (own and own in name) else 1 + (" sc" not in name),
        "bold" not in name,
        len(name),
        name,
    )


def scripts(characters: Iterable[str]) -> list[str]:
    """The scripts that letters belong to, by name: Devanagari, Cjk. Other characters are symbols."""
    return sorted(
        {unicodedata.name(one, "unknown").split()[0].title() if one.isalpha() else "symbols" for one in characters}
    )


@cache
def em(font: Font) -> float:
    """The em at ASS size 1: libass makes a size the height from winAscent to winDescent, as VSFilter has it.

    Without those it takes the ascender and descender of `hhea`.
    """
    face = _face(font.path, font.place)
    os2, hhea = (bytes(face.reference_table(tag).data) for tag in ("OS/2", "hhea"))
    height = sum(struct.unpack(">HH", os2[74:78])) if len(os2) >= 78 else 0
    if not height and len(hhea) >= 8:
        ascender, descender = struct.unpack(">hh", hhea[4:8])
        height = ascender - descender
    return float(face.upem / height) if height > 0 else 1.0


@lru_cache(maxsize=4096)
def width(font: Font, text: str, size: float, spacing: float = 0.0) -> float:
    """The advance of `text` on one line at ASS size `size`, in pixels; `spacing` is added after every character."""
    import uharfbuzz

    face = _face(font.path, font.place)
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    uharfbuzz.shape(uharfbuzz.Font(face), buffer, {"kern": True, "liga": True})
    units = sum(position.x_advance for position in buffer.glyph_positions)
    return float(units / face.upem * em(font) * size + spacing * len(text))
