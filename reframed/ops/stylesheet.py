"""`reframe style`: the styles there are, and a picture of how they look."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from reframed import config
from reframed.errors import ReframeError, StepFailed
from reframed.recipe import settings_of
from reframed.speech.words import Word
from reframed.steps.styled import find_font, load_style, own_folder, style_files
from reframed.text import safe

_TEXT = "This is how every spoken word looks"
_PACE_S = 0.4
_MOMENT_S = 2.38
_SIZES = {"upright": (432, 768), "wide": (768, 432)}
_COLUMNS = {"upright": 4, "wide": 2}


def listed(path: Path | None) -> list[dict[str, Any]]:
    """Every style by name, with its sentence and its file. Raises ConfigError."""
    own = own_folder(settings_of(config.load(path)), "styles")
    return [
        {"name": name, "about": load_style(name, own).about, "file": str(file)}
        for name, file in sorted(style_files(own).items())
    ]


def draw(path: Path | None, names: list[str], shape: str, target: Path) -> None:
    """Write a PNG with the styles `names` (none: all) side by side, on an upright or a wide picture. Raises ReframeError."""
    from reframed.media import render
    from reframed.subtitles import safe as areas
    from reframed.subtitles.drawing import Drawing

    if target.exists():
        raise ReframeError(f"{safe(str(target))} is there already, and is left as it is.", "Name another file with -o.")
    settings = settings_of(config.load(path))
    own, own_fonts = own_folder(settings, "styles"), own_folder(settings, "fonts")
    words = [Word(0.2 + i * _PACE_S, 0.2 + (i + 0.9) * _PACE_S, text) for i, text in enumerate(_TEXT.split())]
    size = _SIZES[shape]
    said: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        stills: list[Path] = []
        for style_name in names or sorted(style_files(own)):
            style = load_style(style_name, own)
            folder = Path(name) / str(len(stills))
            folder.mkdir()
            drawing = Drawing(
                folder, style, find_font(style.typeface, own_fonts), size, areas.area("auto", *size), own_fonts, _ignore
            )
            ass = drawing.write(drawing.cards(words, "en"), "captions.ass")
            _label(ass, style_name, folder / "captions.ass")
            stills.append(folder / "still.png")
            _try(lambda folder=folder: render.still(folder, *size, _MOMENT_S, folder / "still.png", said.append))
        sheet = Path(name) / "sheet.png"
        _try(lambda: render.side_by_side(stills, _COLUMNS[shape], sheet, said.append))
        try:
            with target.open("xb") as file:
                file.write(sheet.read_bytes())
        except OSError as error:
            raise ReframeError(
                f"{safe(str(target))} cannot be written: {error.strerror}.", "Check the folder."
            ) from error


def _label(ass: Any, name: str, path: Path) -> None:
    """Write the style's name above its sample."""
    import pysubs2

    text = f"{{\\an7\\pos(14,10)\\fs22\\bord0\\shad0\\1c&HFFFFFF&\\1a&H40&}}{safe(name)}"
    ass.append(pysubs2.SSAEvent(start=0, end=10_000, text=text))
    path.write_text(ass.to_string("ass"), encoding="utf-8")


def _ignore(code: str, text: str) -> None:
    """A sample sentence has nothing to tell."""


def _try(work: Any) -> None:
    try:
        work()
    except StepFailed as failed:
        raise ReframeError(str(failed), failed.hint) from failed
