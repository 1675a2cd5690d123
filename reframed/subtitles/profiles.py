"""The rules of a caption, as data: how long, how wide, how fast, by profile and language.

Sources: Netflix Timed Text Style Guides (general requirements and the language guides), BBC Subtitle Guidelines 1.2, and
for `broadcast` the 37 characters of teletext with a slow reading speed.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from reframed.errors import ReframeError
from reframed.text import did_you_mean, listing, safe

_FRAME_S = 1 / 24


class Profile(Struct, frozen=True, kw_only=True):
    """Limits of a cue. Widths are characters; where `full_width`, a half-width character counts half.

    `close_gap_s`: a gap to the next cue shorter than this is closed to `min_gap_s`. `linger_s`: how long a cue may stay
    after its last word.
    """

    name: str
    language: str = ""
    max_chars_per_line: float = 42
    max_lines: int = 2
    max_words_per_line: int = 0
    min_duration_s: float = 5 / 6
    max_duration_s: float = 7.0
    max_cps: float = 17
    min_gap_s: float = 0.084  # two frames at 24 a second
    close_gap_s: float = 12 * _FRAME_S
    max_gap_s: float = 1.5
    linger_s: float = 0.5
    full_width: bool = False


_NETFLIX_CPS = {"en": 20, "ar": 20, "hi": 22, "zh": 9, "ko": 12, "ja": 4}
_FULL_WIDTH_CHARS = {"zh": 16, "ko": 16, "ja": 13, "yue": 16}
_BASES = {
    "netflix": Profile(name="netflix"),
    "bbc": Profile(
        name="bbc", max_chars_per_line=37, min_duration_s=1.0, max_duration_s=7.0, max_cps=17, close_gap_s=1.0
    ),
    "broadcast": Profile(
        name="broadcast", max_chars_per_line=37, min_duration_s=1.0, max_duration_s=6.0, max_cps=15, max_gap_s=1.2
    ),
    "shorts": Profile(
        name="shorts",
        max_chars_per_line=24,
        min_duration_s=0.7,
        max_duration_s=5.0,
        max_cps=25,
        max_gap_s=0.6,
        linger_s=0.3,
    ),
}
NAMES = tuple(_BASES)


def profile(name: str, language: str) -> Profile:
    """The rules `name` for a language tag. Raises ReframeError if there are none of that name."""
    if name not in _BASES:
        raise ReframeError(
            f'There is no profile "{safe(name)}"{did_you_mean(name, NAMES)}.', f"Use {listing(NAMES, 'or')}."
        )
    base, tongue = _BASES[name], language.split("-")[0].lower()
    factor = base.max_chars_per_line / _BASES["netflix"].max_chars_per_line
    wide = _FULL_WIDTH_CHARS.get(tongue)
    speed = _NETFLIX_CPS.get(tongue, 17) * base.max_cps / _BASES["netflix"].max_cps
    return msgspec.structs.replace(
        base,
        language=language,
        full_width=wide is not None,
        max_chars_per_line=max(8, round(wide * factor)) if wide else base.max_chars_per_line,
        max_cps=speed if name == "netflix" or wide else base.max_cps,
    )
