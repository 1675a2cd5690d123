"""Burned-in captions for one picture: fonts chosen, words placed, ASS written."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from reframed.errors import StepFailed
from reframed.speech.words import Word
from reframed.subtitles import fonts, karaoke
from reframed.subtitles.cards import Area, Card, Placed, lay_out, may_be_spaced
from reframed.subtitles.karaoke import Canvas
from reframed.subtitles.styles import Style
from reframed.text import listing

_LINE = 1.08
_LARGEST = 1.6
_LONGEST_WORD = 40  # characters; an address that nobody can read at once is parted
_SMALLEST = 0.6  # of the style's size, before somebody is told
_LOST_MOST = 0.5  # of the words; with more of them incomplete, a render is not worth its time
_HINT = (
    "Install Noto fonts (on Debian and Ubuntu `apt install fonts-noto-core`, for Chinese, Japanese and Korean "
    "fonts-noto-cjk), or put a .ttf or .otf file into `fonts/` in your recipes folder."
)


class _Runs:
    """Tells, character by character, when another font is needed; marks stay with the letter before them."""

    def __init__(self, font_for: Callable[[str], fonts.Font | None]) -> None:
        self._font_for = font_for
        self._font: fonts.Font | None = None

    def __call__(self, char: str) -> fonts.Font | None:
        if self._font is None or not (fonts.is_quiet(char) or unicodedata.combining(char)):
            self._font = self._font_for(char)
        return self._font


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
        self._folder, self._style, self._font, self._tell = folder, style, font, tell
        self._own = own_fonts
        self._chosen: dict[str, fonts.Font | None] = {}
        self._linked: set[Path] = set()
        self._language = ""
        self._size = style.size * min(size)
        around = style.stroke.width + style.outline.width + style.outline.blur + style.shadow.offset + style.shadow.blur
        around += style.box.padding if style.box.around != "none" else 0.0
        around += 0.2 if style.animation in ("pop", "bounce") else 0.0
        inner = min(around * self._size, size[0] * 0.2) + style.margin * min(size)
        self._area = Area(area.left + inner, area.top + inner, area.right - inner, area.bottom - inner)
        self._canvas = Canvas(*size, font.libass, _LINE)
        (folder / "fonts").mkdir(exist_ok=True)
        self._link(font)

    def _link(self, font: fonts.Font) -> None:
        """Put the font where libass looks, under a name that no filter can stumble over."""
        if font.path not in self._linked:
            link = self._folder / "fonts" / f"{len(self._linked)}{font.path.suffix.lower()}"
            link.symlink_to(font.path)
            self._linked.add(font.path)

    def _font_for(self, text: str) -> fonts.Font | None:
        """The style's font, else the best one here that has all characters of `text`."""
        if text not in self._chosen:
            font: fonts.Font | None = self._font
            if fonts.missing(self._font, text):
                known = dict.fromkeys(fonts.installed(self._own).values())
                font = fonts.fallback(text, self._language, known)
                if font is not None:
                    self._link(font)
            self._chosen[text] = font
        return self._chosen[text]

    def _measure(self, text: str, size: float) -> float:
        font = self._font_for(text) or self._font
        spacing = self._style.spacing * size if may_be_spaced(text) else 0.0
        return fonts.width(font, text, size * self._scale(font), spacing)

    def _scale(self, font: fonts.Font) -> float:
        """How much larger another font is set, so that its letters are as large as the style's own."""
        return max(1.0, min(_LARGEST, fonts.em(self._font) / fonts.em(font)))

    def cards(self, words: Sequence[Word], language: str) -> list[Card]:
        """The cards of all words. Characters that no font here has are left out, and said.

        Raises StepFailed(no_font) where that would be most of them.
        """
        self._language = language
        drawable: list[Word] = []
        lost, incomplete = set[str](), 0
        for word in words:
            gone = {char for char in fonts.missing(self._font, word.text) if self._font_for(char) is None}
            lost |= gone
            incomplete += bool(gone)
            drawable += self._in_one_font(word, "".join(char for char in word.text if char not in gone))
        if incomplete > _LOST_MOST * len(words):
            raise StepFailed("no_font", f"No font here can write {listing(fonts.scripts(lost))}.", _HINT)
        if lost:
            some = " ".join(sorted(lost)[:20])
            self._tell(
                "no_glyphs",
                f"No font here has these characters ({listing(fonts.scripts(lost))}), so they are left out: {some}. {_HINT}",
            )
        made = lay_out(drawable, self._style, language, self._area, self._size, _LINE, self._measure)
        small = sum(card.size < _SMALLEST * self._size for card in made)
        if small:
            self._tell(
                "small", f"{small} of {len(made)} cards do not fit at the style's size, and are set much smaller."
            )
        return [card._replace(words=tuple(self._in_font(word, card.size) for word in card.words)) for card in made]

    def _in_one_font(self, word: Word, text: str) -> Iterator[Word]:
        """The word; or where no font has all of it (letters with an emoji), its pieces, sharing its time."""
        pieces = [text] if text else []
        if text and self._font_for(text) is None:
            pieces = ["".join(run) for _, run in itertools.groupby(text, _Runs(self._font_for))]
        pieces = [piece[at : at + _LONGEST_WORD] for piece in pieces for at in range(0, len(piece), _LONGEST_WORD)]
        per_char = (word.end - word.start) / max(1, len(text))
        at = word.start
        for piece in pieces:
            end = min(word.end, at + len(piece) * per_char)
            yield msgspec.structs.replace(word, text=piece, start=at, end=end)
            at = end

    def _in_font(self, word: Placed, size: float) -> Placed:
        font = self._font_for(word.text) or self._font
        word = word._replace(spaced=may_be_spaced(word.text))
        return word if font == self._font else word._replace(font=font.libass, size=size * self._scale(font))

    def write(self, cards: Sequence[Card], name: str) -> Any:
        """Write the cards as ASS; the pysubs2 file."""
        made = karaoke.build(cards, self._style, self._canvas)
        (self._folder / name).write_text(made.to_string("ass"), encoding="utf-8")
        return made
