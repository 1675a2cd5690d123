"""The step `styled`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from reframed import yamlfile, yamltypes
from reframed.errors import ConfigError, ReframeError, StepFailed
from reframed.filesystem import hash_file
from reframed.media.info import UNKNOWN
from reframed.protocol import Settings
from reframed.steps.base import Step, Work, digest
from reframed.subtitles import fonts, safe, styles
from reframed.subtitles.styles import Style
from reframed.text import did_you_mean, listing
from reframed.text import safe as safe_text

if TYPE_CHECKING:
    from reframed.media.encoders import Encoder
    from reframed.media.render import Renderer
    from reframed.subtitles.cards import Card
    from reframed.subtitles.proof import Proof

_PREVIEW_S = 8.0
_BEFORE_S = 0.5


class Styled(Step, frozen=True, kw_only=True):
    """Burns word-by-word captions into a copy of the video, in a style, with the spoken word highlighted."""

    version: ClassVar[int] = 2
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
    preview_seconds: Annotated[
        float, Meta(ge=0, description="Render only so much from the first words on; 0: all.")
    ] = 0.0
    preview: Annotated[
        Literal["background"] | None,
        Meta(description="background: only the captions, on a plain colour; made in a second, the video is not read."),
    ] = None
    ass_only: Annotated[bool, Meta(description="Write the captions as an ASS file, and no video.")] = False
    overlay: Annotated[
        Literal["prores", "webm"] | None,
        Meta(description="Write the captions alone, on nothing, as ProRes 4444 or WebM for an editor, and no video."),
    ] = None
    proof: Annotated[
        bool, Meta(description="Publish what was measured about the captions; `reframe log` has its summary anyway.")
    ] = True

    def identity(self, settings: Settings) -> dict[str, str]:
        """The content of the style and of its font."""
        try:
            style, font = self._look(settings)
        except ReframeError:
            return {}
        return {"style": digest(repr(style)), "font": hash_file(str(font.path))}

    def check(self, settings: Settings) -> Iterator[str]:
        """Styles and fonts that are not there, and options that exclude each other."""
        try:
            self._look(settings)
        except ConfigError as error:
            yield f"the style {safe_text(self.style)} cannot be used: {error.message}"
        except ReframeError as error:
            yield f"{error.message} {error.hint}"
        chosen = {"preview": self.preview, "ass_only": self.ass_only, "overlay": self.overlay}
        names = [f"`{name}`" for name, value in chosen.items() if value]
        if len(names) > 1:
            yield f"{listing(names)} exclude each other: choose one"

    def run(self, work: Work) -> None:
        """Lay the words out as cards, write them as ASS, burn them in, prove where they are."""
        from reframed.media import render
        from reframed.speech import words
        from reframed.subtitles import proof
        from reframed.subtitles.drawing import Drawing

        if not work.media.video:
            raise StepFailed(
                "no_video", "The file has no picture to put captions on.", "Use the recipe captions for sound alone."
            )
        try:
            style, font = self._look(work.settings)
        except ReframeError as error:
            raise StepFailed("no_style", error.message, error.hint) from error
        transcript = words.read(work.input("transcript"))
        made = render.plan(work.media.video[0])
        for note in made.notes:
            work.log(note)
        for number, track in enumerate(work.media.audio, 1):
            if track.codec == UNKNOWN:
                work.note("audio_left_out", f"Audio track {number} cannot be decoded here, and is left out.")
        size = (made.width, made.height)
        area = safe.area(self.safe_area, *size)
        drawn = Drawing(work.folder, style, font, size, area, own_folder(work.settings, "fonts"), work.note)
        cards = self._shown(work, drawn.cards(transcript.words, transcript.language))
        ass = drawn.write(cards, "captions.ass")
        tag = "" if transcript.language == "und" else f".{transcript.language}"
        name = f"{tag}.{self.style}"
        work.made("ass", "captions.ass", f"{name}.ass" if self.ass_only else "", cards=len(cards))
        if self.ass_only:
            return
        with work.engine():
            self._prove(work, proof.prove(work.folder, ass, cards, style, area, size, transcript, work.log), name)
        renderer = render.Renderer(work.folder, work.media, made, work.log, work.progress)
        about: dict[str, object] = {"plan": list(made.notes), "cards": len(cards)}
        with work.engine():
            start_s = self._start(cards)
            if start_s:
                drawn.write([_earlier(card, start_s) for card in cards], "captions.ass")
            if self.overlay:
                whole_s = work.media.duration_s or (cards[-1].end if cards else 1.0)
                result = renderer.overlay(self.overlay, min(self.preview_seconds or whole_s, whole_s - start_s))
                name += ".overlay"
            else:
                result, about["encoder"] = self._encode(work, renderer, made.needs, start_s)
                name += ".preview" if self._preview_s else ""
        work.made("video", result.name, f"{name}{result.suffix}", **about)

    @property
    def _preview_s(self) -> float:
        return self.preview_seconds or (_PREVIEW_S if self.preview else 0.0)

    def _start(self, cards: Sequence[Card]) -> float:
        """Where a preview begins: just before the first words."""
        return round(max(0.0, cards[0].start - _BEFORE_S), 2) if cards and self._preview_s else 0.0

    def _look(self, settings: Settings) -> tuple[Style, fonts.Font]:
        style = load_style(self.style, own_folder(settings, "styles"))
        return style, find_font(style.typeface, own_folder(settings, "fonts"))

    def _shown(self, work: Work, cards: list[Card]) -> list[Card]:
        """The cards that begin within the picture; others are said."""
        shown = [card for card in cards if not work.media.duration_s or card.start < work.media.duration_s]
        if late := len(cards) - len(shown):
            work.note(
                "captions_too_late",
                f"{late} of {len(cards)} cards begin after the end of the video, at {work.media.duration_s:.1f} s, and are "
                "not drawn. Do the captions belong to this video?",
            )
        if not shown:
            work.note("no_captions", "There are no words to draw: the video comes out without captions.")
        return shown

    def _encode(self, work: Work, renderer: Renderer, needs: frozenset[str], start_s: float) -> tuple[Path, str]:
        """The rendered file, and the encoder's name. What hardware cannot do, libx264 does, and that is said."""
        from reframed.media import encoders

        try:
            encoder, fallback = encoders.choose(self.encoder, self.quality, needs)
        except ReframeError as error:
            raise StepFailed("no_ffmpeg", error.message, error.hint) from error
        if fallback:
            work.note("encoder", fallback)
        try:
            return self._render(work, renderer, encoder, start_s), encoder.name
        except StepFailed as failed:
            if not encoder.is_hardware or failed.code not in ("no_encoder", "ffmpeg_failed"):
                raise
            work.note("encoder", f"{failed.message} {encoder.name} is given up for {encoders.SOFTWARE}.")
            return self._render(
                work, renderer, encoders.of(encoders.SOFTWARE, self.quality), start_s
            ), encoders.SOFTWARE

    def _render(self, work: Work, renderer: Renderer, encoder: Encoder, start_s: float) -> Path:
        if self.preview:
            return renderer.background(encoder, self._preview_s)
        return renderer.burn(work.source, encoder, start_s, self._preview_s)

    def _prove(self, work: Work, found: Proof, name: str) -> None:
        work.log(found.summary)
        if not found.holds:
            work.note("captions_faulty", found.summary)
        (work.folder / "proof.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))
        work.made("report", "proof.json", f"{name}.proof.json" if self.proof else "", summary=found.summary)


def _earlier(card: Card, by_s: float) -> Card:
    moved = tuple(word._replace(start=word.start - by_s, end=word.end - by_s) for word in card.words)
    return card._replace(start=card.start - by_s, end=card.end - by_s, words=moved)


def own_folder(settings: Settings, kind: str) -> Path | None:
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
