"""The step `styled`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from reframed import yamlfile, yamltypes
from reframed.errors import ConfigError, ReframeError, StepFailed
from reframed.filesystem import hash_file
from reframed.protocol import Settings
from reframed.steps.base import Step, Work, digest
from reframed.subtitles import fonts, safe, styles
from reframed.subtitles.styles import Style
from reframed.text import did_you_mean, listing
from reframed.text import safe as safe_text

if TYPE_CHECKING:
    from reframed.media.render import Plan
    from reframed.subtitles.cards import Area, Card
    from reframed.subtitles.karaoke import Canvas

_LINE = 1.08
_PROOFS = 24


class Styled(Step, frozen=True, kw_only=True):
    """Burns word-by-word captions into a copy of the video, in a style, with the spoken word highlighted."""

    version: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("transcript",)
    makes: ClassVar[tuple[str, ...]] = ("video", "ass")

    style: Annotated[str, Meta(description="A style that ships or one of your own; see the README for pictures.")] = (
        "tiktok"
    )
    safe_area: Annotated[
        Literal["auto", "tiktok", "reels", "shorts", "title", "none"],
        Meta(
            description="Where captions may be; auto: free of all three platforms' buttons, on wide video the inner 90 %."
        ),
    ] = "auto"
    encoder: Annotated[
        Literal["auto", "libx264", "h264_nvenc", "h264_videotoolbox", "h264_qsv", "h264_vaapi"],
        Meta(description="auto: the first that really works here."),
    ] = "auto"
    quality: Annotated[Literal["draft", "good", "best"], Meta(description="Speed against size and looks.")] = "good"
    preview_seconds: Annotated[float, Meta(ge=0, description="Render only so much from the start; 0: all.")] = 0.0
    ass_only: Annotated[bool, Meta(description="Write the captions as an ASS file, and no video.")] = False

    def identity(self, settings: Settings) -> dict[str, str]:
        """The content of the style and of its font."""
        try:
            style = load_style(self.style, _own(settings, "styles"))
            font = find_font(style.font, _own(settings, "fonts"))
        except ReframeError:
            return {}
        return {"style": digest(repr(style)), "font": hash_file(str(font.path))}

    def check(self, settings: Settings) -> Iterator[str]:
        """Styles and fonts that are not there."""
        try:
            find_font(load_style(self.style, _own(settings, "styles")).font, _own(settings, "fonts"))
        except ConfigError as error:
            yield f"the style {safe_text(self.style)} cannot be used: {error.message}"
        except ReframeError as error:
            yield f"{error.message} {error.hint}"

    def run(self, work: Work) -> None:
        """Lay the words out as cards, write them as ASS, burn them in, prove where they are."""
        from reframed.media import encoders, render
        from reframed.speech import words

        if not work.media.video:
            raise StepFailed(
                "no_video", "The file has no picture to put captions on.", "Use the recipe captions for sound alone."
            )
        try:
            style = load_style(self.style, _own(work.settings, "styles"))
            font = find_font(style.font, _own(work.settings, "fonts"))
        except ReframeError as error:
            raise StepFailed("no_style", error.message, error.hint) from error
        transcript = words.read(work.input("transcript"))
        made = render.plan(work.media.video[0])
        for note in made.notes:
            work.log(note)
        drawn = _Drawing(work, style, font, made, safe.area(self.safe_area, made.width, made.height))
        cards = drawn.cards(transcript.words, transcript.language)
        ass = drawn.write(cards, "captions.ass")
        tag = "" if transcript.language == "und" else f".{transcript.language}"
        work.made("ass", "captions.ass", f"{tag}.{self.style}.ass" if self.ass_only else "", cards=len(cards))
        if self.ass_only:
            return
        encoder, fallback = encoders.choose(self.encoder, self.quality, made.needs)
        if fallback:
            work.note("encoder", fallback)
        with work.engine():
            result = render.burn(
                work.source, work.media, made, encoder, work.folder, work.log, work.progress, self.preview_seconds
            )
        proof = drawn.prove(cards, ass)
        work.log(proof["summary"])
        if not proof["holds"]:
            work.note("captions_outside", str(proof["summary"]))
        (work.folder / "proof.json").write_bytes(msgspec.json.format(msgspec.json.encode(proof), indent=1))
        work.made("report", "proof.json")
        name = "preview." if self.preview_seconds else ""
        work.made("video", result.name, f"{tag}.{self.style}.{name}mp4", encoder=encoder.name, plan=list(made.notes))


class _Drawing:
    """One style on one picture."""

    def __init__(self, work: Work, style: Style, font: fonts.Font, made: Plan, area: Area) -> None:
        from reframed.subtitles.cards import Area
        from reframed.subtitles.karaoke import Canvas

        self._work, self._style, self._font, self._made, self._safe = work, style, font, made, area
        self._own = _own(work.settings, "fonts")
        self._chosen: dict[str, fonts.Font] = {}
        self._lost: set[str] = set()
        self._size = style.size * min(made.width, made.height)
        around = style.stroke.width + style.shadow.offset + style.shadow.blur
        around += style.box.padding if style.box.around != "none" else 0.0
        around += 0.2 if style.animation in ("pop", "bounce") else 0.0
        margin = min(around * self._size, made.width * 0.2)
        self._area = Area(area.left + margin, area.top + margin, area.right - margin, area.bottom - margin)
        self._canvas: Canvas = Canvas(made.width, made.height, font.family, fonts.metrics(font.path).cap, _LINE)
        (work.folder / "fonts").mkdir()
        self._link(font)

    def _link(self, font: fonts.Font) -> None:
        link = self._work.folder / "fonts" / f"{len(list((self._work.folder / 'fonts').iterdir()))}{font.path.suffix}"
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
        from reframed.subtitles import cards

        made = cards.lay_out(words, self._style, language, self._area, self._size, _LINE, self._measure)
        if self._lost:
            lost = " ".join(sorted(self._lost)[:20])
            self._work.note("no_glyphs", f"No font here has these characters: {lost}. Install a Noto font for them.")
        return [card._replace(words=tuple(self._in_font(word) for word in card.words)) for card in made]

    def _in_font(self, word: Any) -> Any:
        font = self._font_for(word.text)
        return word if font == self._font else word._replace(family=font.family)

    def write(self, cards: Sequence[Card], name: str) -> Any:
        """Write the cards as ASS; the pysubs2 file."""
        from reframed.subtitles import karaoke

        made = karaoke.build(cards, self._style, self._canvas)
        (self._work.folder / name).write_text(made.to_string("ass"), encoding="utf-8")
        return made

    def prove(self, cards: Sequence[Card], ass: Any) -> dict[str, Any]:
        """Draw some cards alone, and measure whether what is drawn lies inside the safe area and is not clipped."""
        import numpy as np
        import pysubs2

        from reframed.media.render import alpha_frames
        from reframed.subtitles.cards import Area

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
        (self._work.folder / "proof.ass").write_text(shown.to_string("ass"), encoding="utf-8")
        data = alpha_frames(self._work.folder, self._made, len(sampled), self._work.log)
        frames = np.frombuffer(data, np.uint8).reshape(-1, self._made.height, self._made.width, 4)[..., 3]
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


def _own(settings: Settings, kind: str) -> Path | None:
    """The user's folder of styles or fonts, inside the folder of recipes."""
    return Path(settings.recipes_folder, kind) if settings.recipes_folder else None


def load_style(name: str, own: Path | None) -> Style:
    """The style `name`. Raises ReframeError if there is none, ConfigError with every fault in it."""
    known = style_files(own)
    if name not in known:
        raise ReframeError(
            f'There is no style "{safe_text(name)}"{did_you_mean(name, known)}.', f"There are {listing(sorted(known))}."
        )
    root, source = yamlfile.read(known[name])
    style = yamltypes.convert(root, Style, source)
    source.raise_faults()
    assert style is not None
    return style


def style_files(own: Path | None) -> dict[str, Path]:
    """Style files by name; the user's override those that ship."""
    return {path.stem: path for folder in reversed(styles.folders(own)) for path in sorted(folder.glob("*.yaml"))}


def find_font(name: str, own: Path | None) -> fonts.Font:
    """The font of this full name or family. Raises ReframeError."""
    known = fonts.installed(own)
    if name.lower() not in known:
        raise ReframeError(
            f'There is no font "{safe_text(name)}"{did_you_mean(name.lower(), known)}.',
            "Put its .ttf or .otf file into `fonts/` in your recipes folder.",
        )
    return known[name.lower()]
