"""The step `styled`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

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
            style = load_style(self.style, own_folder(settings, "styles"))
            font = find_font(style.font, own_folder(settings, "fonts"))
        except ReframeError:
            return {}
        return {"style": digest(repr(style)), "font": hash_file(str(font.path))}

    def check(self, settings: Settings) -> Iterator[str]:
        """Styles and fonts that are not there."""
        try:
            find_font(load_style(self.style, own_folder(settings, "styles")).font, own_folder(settings, "fonts"))
        except ConfigError as error:
            yield f"the style {safe_text(self.style)} cannot be used: {error.message}"
        except ReframeError as error:
            yield f"{error.message} {error.hint}"

    def run(self, work: Work) -> None:
        """Lay the words out as cards, write them as ASS, burn them in, prove where they are."""
        from reframed.media import encoders, render
        from reframed.speech import words
        from reframed.subtitles.drawing import Drawing

        if not work.media.video:
            raise StepFailed(
                "no_video", "The file has no picture to put captions on.", "Use the recipe captions for sound alone."
            )
        try:
            style = load_style(self.style, own_folder(work.settings, "styles"))
            font = find_font(style.font, own_folder(work.settings, "fonts"))
        except ReframeError as error:
            raise StepFailed("no_style", error.message, error.hint) from error
        transcript = words.read(work.input("transcript"))
        made = render.plan(work.media.video[0])
        for note in made.notes:
            work.log(note)
        area = safe.area(self.safe_area, made.width, made.height)
        own_fonts = own_folder(work.settings, "fonts")
        drawn = Drawing(work.folder, style, font, (made.width, made.height), area, own_fonts, work.note)
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
        proof = drawn.prove(cards, ass, work.log)
        work.log(proof["summary"])
        if not proof["holds"]:
            work.note("captions_outside", str(proof["summary"]))
        (work.folder / "proof.json").write_bytes(msgspec.json.format(msgspec.json.encode(proof), indent=1))
        work.made("report", "proof.json")
        name = "preview." if self.preview_seconds else ""
        work.made("video", result.name, f"{tag}.{self.style}.{name}mp4", encoder=encoder.name, plan=list(made.notes))


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
