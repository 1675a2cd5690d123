"""Where captions may be: the parts of a picture that platforms leave free of their own buttons and texts.

Shares of width and height as (left, top, right, bottom) margins. TikTok, Reels and Shorts as measured on their players and
published by their help pages in 2025; they change: look again once a year.
"""

from __future__ import annotations

from reframed.errors import ReframeError
from reframed.subtitles.cards import Area
from reframed.text import did_you_mean, listing, safe

AS_OF = "2025"
_MARGINS = {
    "tiktok": (0.06, 0.09, 0.13, 0.24),
    "reels": (0.06, 0.14, 0.13, 0.21),
    "shorts": (0.05, 0.15, 0.17, 0.25),
    "title": (0.05, 0.05, 0.05, 0.05),  # EBU R 95: the inner 90 %
    "none": (0.01, 0.01, 0.01, 0.01),
}
NAMES = ("auto", *_MARGINS)


def area(name: str, width: int, height: int) -> Area:
    """The safe area `name` of a picture; auto: for an upright one what all three platforms leave free, else the title area.

    Raises ReframeError for an unknown name.
    """
    if name == "auto":
        upright = height > width * 1.3
        kinds = [_MARGINS[one] for one in ("tiktok", "reels", "shorts")] if upright else [_MARGINS["title"]]
        left, top, right, bottom = (max(sides) for sides in zip(*kinds, strict=True))
        left = right = max(left, right) if upright else left  # centred, so that faces stay in the middle
    elif name in _MARGINS:
        left, top, right, bottom = _MARGINS[name]
    else:
        raise ReframeError(
            f'There is no safe area "{safe(name)}"{did_you_mean(name, NAMES)}.', f"Use {listing(NAMES, 'or')}."
        )
    return Area(left * width, top * height, width - right * width, height - bottom * height)
