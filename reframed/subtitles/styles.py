"""A style of burned-in captions: how they look, as data. Styles are YAML files; a user's own override those that ship."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

Colour = Annotated[
    str,
    Meta(pattern=r"^#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?$", extra={"unit": "colour"}, description="#RRGGBB or #RRGGBBAA."),
]


class Stroke(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The outline of the letters; `width` in shares of the font size."""

    width: Annotated[float, Meta(ge=0, le=0.3)] = 0.0
    colour: Colour = "#000000"


class Outline(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A second contour outside the stroke, or a glow; `width` and `blur` in shares of the font size."""

    width: Annotated[float, Meta(ge=0, le=0.5)] = 0.0
    blur: Annotated[float, Meta(ge=0, le=0.5)] = 0.0
    colour: Colour = "#FFFFFF"


class Shadow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A shadow behind the letters; `offset` and `blur` in shares of the font size."""

    offset: Annotated[float, Meta(ge=0, le=0.3)] = 0.0
    blur: Annotated[float, Meta(ge=0, le=0.3)] = 0.0
    colour: Colour = "#00000080"


class Box(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A box behind the spoken word, or behind the whole card; `padding` and `radius` in shares of the font size."""

    around: Literal["none", "word", "card"] = "none"
    colour: Colour = "#000000B0"
    padding: Annotated[float, Meta(ge=0, le=1)] = 0.18
    radius: Annotated[float, Meta(ge=0, le=1)] = 0.15


class Style(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How captions look. Sizes are relative, so that a style fits any picture."""

    about: Annotated[str, Meta(description="One sentence for the list of styles.")] = ""
    font: Annotated[str, Meta(description="A font's full name, like Montserrat ExtraBold, or its family.")] = (
        "Montserrat ExtraBold"
    )
    weight: Annotated[str, Meta(description="With a family: which of its weights, like Bold.")] = ""
    size: Annotated[
        float, Meta(gt=0, le=0.5, description="Height of a line, as a share of the picture's shorter side.")
    ] = 0.085
    spacing: Annotated[float, Meta(ge=-0.1, le=0.5, description="Between letters, in shares of the font size.")] = 0.0
    case: Annotated[Literal["as written", "upper", "lower"], Meta(description="Upper or lower case.")] = "as written"
    colour: Annotated[Colour, Meta(description="Of the text.")] = "#FFFFFF"
    highlight: Annotated[Colour, Meta(description="The word that is spoken.")] = "#FFE500"
    unspoken: Annotated[Colour | None, Meta(description="Words that come; default: `colour`.")] = None
    spoken: Annotated[Colour | None, Meta(description="Words that were; default: `colour`.")] = None
    stroke: Stroke = Stroke()
    outline: Outline = Outline()
    shadow: Shadow = Shadow()
    box: Box = Box()
    animation: Annotated[
        Literal["none", "pop", "fill", "slide", "bounce"],
        Meta(
            description="Of the spoken word: it pops, fills from its start to its end, its box slides, or it bounces."
        ),
    ] = "none"
    words: Annotated[int, Meta(ge=1, le=20, description="Most words on a card.")] = 4
    lines: Annotated[int, Meta(ge=1, le=3, description="Most lines on a card.")] = 2
    position: Annotated[Literal["top", "middle", "lower", "bottom"], Meta(description="Where in the safe area.")] = (
        "lower"
    )
    align: Annotated[Literal["left", "centre", "right"], Meta(description="Of lines within the safe area.")] = "centre"
    margin: Annotated[
        float, Meta(ge=0, le=0.3, description="Kept free inside the safe area, as a share of the shorter side.")
    ] = 0.0
    width: Annotated[float, Meta(gt=0.1, le=1, description="Widest line, as a share of the safe area.")] = 1.0
    punctuation: Annotated[bool, Meta(description="Whether full stops and commas are shown.")] = True

    @property
    def typeface(self) -> str:
        """The name of the font with its weight."""
        return f"{self.font} {self.weight}".strip()


def folders(own: Path | None) -> list[Path]:
    """Where styles are: the user's first."""
    return [*([own] if own else []), Path(__file__).parent.parent / "styles"]
