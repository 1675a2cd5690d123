"""Burned-in captions of one picture: fonts chosen, words placed, ASS written, and the result measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from reframed.media.render import alpha_frames
from reframed.subtitles import fonts, karaoke
from reframed.subtitles.cards import Area, Card, lay_out
from reframed.subtitles.karaoke import Canvas
from reframed.subtitles.styles import Style

_LINE = 1.08
_PROOFS = 24


class Drawing:
    """One style on a picture of one size. Writes into `folder`: ASS files, and links to the fonts they need in `fonts`."""

    def __init__(
        self,
        folder: Path,
        style: Style,
        font: fonts.Font,
        size: tuple[int, int],
        area: Area,
        own_fonts: Path | None,
        tell: Callable[[str, str], None],
    ) -> None:
        self._folder, self._style, self._font, self._safe, self._tell = folder, style, font, area, tell
        self._width, self._height = size
        self._own = own_fonts
        self._chosen: dict[str, fonts.Font] = {}
        self._lost: set[str] = set()
        self._size = style.size * min(size)
        around = style.stroke.width + style.shadow.offset + style.shadow.blur
        around += style.box.padding if style.box.around != "none" else 0.0
        around += 0.2 if style.animation in ("pop", "bounce") else 0.0
        margin = min(around * self._size, self._width * 0.2)
        self._area = Area(area.left + margin, area.top + margin, area.right - margin, area.bottom - margin)
        self._canvas = Canvas(self._width, self._height, font.family, fonts.metrics(font.path).cap, _LINE)
        (folder / "fonts").mkdir(exist_ok=True)
        self._link(font)

    def _link(self, font: fonts.Font) -> None:
        link = self._folder / "fonts" / f"{len(list((self._folder / 'fonts').iterdir()))}{font.path.suffix}"
        link.symlink_to(font.path)

    def _font_for(self, text: str) -> fonts.Font:
        """The style's font, or one that has the characters it lacks; a script that no font here has is said once."""
        if text not in self._chosen:
            font = self._font
            if lost := fonts.missing(font, text):
                known = {other.path: other for other in fonts.installed(self._own).values()}.values()
                noto = sorted(known, key=lambda other: ("noto" not in other.name.lower(), other.name))
                other = fonts.covering(text, noto)
                if other is not None and other not in self._chosen.values():
                    self._link(other)
                font = other or font
                self._lost |= lost if other is None else set()
            self._chosen[text] = font
        return self._chosen[text]

    def _measure(self, text: str, size: float) -> float:
        return fonts.width(self._font_for(text).path, text, size, self._style.spacing * size)

    def cards(self, words: Sequence[Any], language: str) -> list[Card]:
        """The cards of all words."""
        made = lay_out(words, self._style, language, self._area, self._size, _LINE, self._measure)
        if self._lost:
            lost = " ".join(sorted(self._lost)[:20])
            self._tell("no_glyphs", f"No font here has these characters: {lost}. Install a Noto font for them.")
        return [card._replace(words=tuple(self._in_font(word) for word in card.words)) for card in made]

    def _in_font(self, word: Any) -> Any:
        font = self._font_for(word.text)
        return word if font == self._font else word._replace(family=font.family)

    def write(self, cards: Sequence[Card], name: str) -> Any:
        """Write the cards as ASS; the pysubs2 file."""
        made = karaoke.build(cards, self._style, self._canvas)
        (self._folder / name).write_text(made.to_string("ass"), encoding="utf-8")
        return made

    def prove(self, cards: Sequence[Card], ass: Any, log: Callable[[str], None]) -> dict[str, Any]:
        """Draw some cards alone, and measure whether what is drawn lies inside the safe area and is not clipped."""
        import numpy as np
        import pysubs2

        if not cards:
            return {"summary": "no words, so nothing was burned in", "holds": True, "cards": 0}
        step = max(1, len(cards) // _PROOFS)
        sampled = list(cards)[::step][:_PROOFS]
        shown = pysubs2.SSAFile()
        shown.info, shown.styles = ass.info, ass.styles
        for number, card in enumerate(sampled):
            at = round((card.words[0].start + card.words[0].end) * 500)
            for event in ass:
                if event.start <= at < event.end:
                    copy = event.copy()
                    copy.start, copy.end = number * 1000, (number + 1) * 1000
                    shown.append(copy)
        (self._folder / "proof.ass").write_text(shown.to_string("ass"), encoding="utf-8")
        data = alpha_frames(self._folder, self._width, self._height, len(sampled), log)
        frames = np.frombuffer(data, np.uint8).reshape(-1, self._height, self._width, 4)[..., 3]
        boxes = []
        for frame in frames:
            rows, columns = np.flatnonzero(frame.max(axis=1) > 24), np.flatnonzero(frame.max(axis=0) > 24)
            if len(rows):
                boxes.append(Area(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)))
        outside = [box for box in boxes if not self._safe.holds(box, 2.0)]
        holds = bool(boxes) and not outside
        summary = f"{len(boxes)} of {len(sampled)} sampled cards are drawn, {len(outside)} reach out of the safe area"
        return {
            "summary": summary,
            "holds": holds,
            "cards": len(cards),
            "sampled": len(sampled),
            "safe_area": self._safe._asdict(),
            "drawn": [box._asdict() for box in boxes],
        }
