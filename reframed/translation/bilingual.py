"""Two languages in one file: the original over its translation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reframed.subtitles.cues import Cue
from reframed.subtitles.layout import break_lines
from reframed.subtitles.profiles import Profile
from reframed.subtitles.width import width

_ORIGINAL, _TRANSLATION = "Original", "Translation"


def write(original: Sequence[Cue], translated: Sequence[Cue], upper: Profile, lower: Profile) -> dict[str, str]:
    """SRT and ASS texts by format; in ASS each language has a style of its own."""
    import pysubs2

    srt, ass = pysubs2.SSAFile(), pysubs2.SSAFile()
    ass.styles = {
        _ORIGINAL: _style(30, pysubs2.Color(190, 190, 190)),
        _TRANSLATION: _style(38, pysubs2.Color(255, 255, 255)),
    }
    for one, two in zip(original, translated, strict=True):
        above, below = _within(one.text, upper), _within(two.text, lower)
        if one.text == two.text:  # a number, a name: once is enough
            below = ""
        lines = [text for text in (above, below) if text.strip()]
        srt.append(_event(one, "\\N".join(_ass(text) for text in lines), "Default"))
        text = f"{_ass(above)}\\N{{\\r{_TRANSLATION}}}{_ass(below)}" if len(lines) == 2 else _ass("".join(lines))
        ass.append(_event(one, text, _ORIGINAL if above.strip() else _TRANSLATION))
    return {"srt": srt.to_string("srt"), "ass": ass.to_string("ass")}


def _within(text: str, profile: Profile) -> str:
    """`text` as it is if its lines keep the rules, else on other lines."""
    lines = text.split("\n")
    fits = len(lines) <= profile.max_lines and all(
        width(line, profile.full_width) <= profile.max_chars_per_line for line in lines
    )
    return text if fits else break_lines(text, profile)


def _style(size: int, colour: Any) -> Any:
    import pysubs2

    return pysubs2.SSAStyle(
        fontsize=size, primarycolor=colour, outline=2, shadow=0, alignment=pysubs2.Alignment.BOTTOM_CENTER
    )


def _event(cue: Cue, text: str, style: str) -> Any:
    import pysubs2

    return pysubs2.SSAEvent(
        start=round(cue.start * 1000), end=round(cue.end * 1000), text=text, style=style, name=cue.speaker
    )


def _ass(text: str) -> str:
    return text.replace("{", "(").replace("}", ")").replace("\n", "\\N")
