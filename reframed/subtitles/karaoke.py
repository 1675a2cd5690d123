"""Cards to ASS: every word an event of its own at a measured place, so that nothing reflows and nothing flashes.

Layers: 0 boxes, 1 outer outlines, 2 words that rest, 3 the word that is spoken. PlayRes is the picture's size; sizes are
pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from reframed.subtitles.cards import Card, Placed, is_rtl
from reframed.subtitles.styles import Style

_POP = 1.14
_POP_MS = 90
_BOUNCE = 0.16  # of the font size, upwards
_BOXES, _OUTLINES, _RESTING, SPOKEN = range(4)
_THINNEST = 0.02  # outline, of the font size
_CURVE = 0.5523  # a quarter of a circle as a Bézier curve


class Canvas(NamedTuple):
    """What the captions are drawn on: the picture's size in pixels, the font as libass finds it, and the height of a line
    as a share of the font size."""

    width: int
    height: int
    font: str
    line: float


def build(cards: Sequence[Card], style: Style, canvas: Canvas) -> Any:
    """The pysubs2 file of `cards`."""
    import pysubs2

    subtitles = pysubs2.SSAFile()
    subtitles.info.update(
        {"PlayResX": str(canvas.width), "PlayResY": str(canvas.height), "ScaledBorderAndShadow": "yes", "WrapStyle": "2",
         "YCbCr Matrix": "None"}  # colours are meant as written; any other value makes ffmpeg bend them to some pictures
    )  # fmt: skip
    subtitles.styles = {"Default": _style(style, canvas)}
    for card in cards:
        subtitles.events += [_event(pysubs2, *parts) for parts in _card(card, style, canvas)]
    return subtitles


def _style(style: Style, canvas: Canvas) -> Any:
    import pysubs2

    return pysubs2.SSAStyle(
        fontname=canvas.font,
        fontsize=40,
        primarycolor=_colour(style.colour),
        outlinecolor=_colour(style.stroke.colour),
        backcolor=_colour(style.shadow.colour),
        bold=False,
        outline=0,
        shadow=0,
        alignment=pysubs2.Alignment.MIDDLE_CENTER,
        encoding=-1,  # each word has the direction of its own letters, so that its full stop is on the right side
        marginl=0,
        marginr=0,
        marginv=0,
    )


def _colour(text: str) -> Any:
    import pysubs2

    red, green, blue = (int(text[at : at + 2], 16) for at in (1, 3, 5))
    return pysubs2.Color(red, green, blue, 255 - int(text[7:9] or "ff", 16))


def _tag(number: int, text: str) -> str:
    """A colour with its alpha as override tags: \\1c and \\1a want BGR and the inverse of opacity."""
    alpha = 255 - int(text[7:9] or "ff", 16)
    return f"\\{number}c&H{text[5:7]}{text[3:5]}{text[1:3]}&\\{number}a&H{alpha:02X}&"


def _event(pysubs2: Any, layer: int, start_cs: int, end_cs: int, text: str) -> Any:
    return pysubs2.SSAEvent(start=start_cs * 10, end=end_cs * 10, text=text, layer=layer)


def _cs(seconds: float) -> int:
    """Centiseconds, which is all that ASS has: rounded once, so that one event ends where the next begins."""
    return round(seconds * 100)


Parts = tuple[int, int, int, str]


def _card(card: Card, style: Style, canvas: Canvas) -> Iterator[Parts]:
    start, end = _cs(card.start), _cs(card.end)
    if style.box.around == "card":
        yield _BOXES, start, end, _box(_bounds(card, canvas), style, card.size)
    times = spoken_times(card)
    look, unspoken, spoken = _look(style, card.size), style.unspoken or style.colour, style.spoken or style.colour
    for index, (word, (begin, finish)) in enumerate(zip(card.words, times, strict=True)):
        if style.outline.width or style.outline.blur:
            yield _OUTLINES, start, end, _word(word, _outline(style, card.size))
        if style.shadow.blur:
            yield _BOXES, start, end, _word(word, _shadow(style, card.size))
        if begin > start:
            yield _RESTING, start, begin, _word(word, look + _tag(1, unspoken))
        if finish > begin:
            yield from _spoken(word, style, card.size, begin, finish, canvas, card.words[index - 1] if index else None)
        if end > finish:
            yield _RESTING, finish, end, _word(word, look + _tag(1, spoken))


def spoken_times(card: Card) -> list[tuple[int, int]]:
    """When each word of a card is highlighted, in centiseconds: within its own time, and never two at once."""
    times: list[tuple[int, int]] = []
    last, limit = _cs(card.start), _cs(card.end)
    for index, word in enumerate(card.words):
        following = _cs(card.words[index + 1].start) if index + 1 < len(card.words) else limit
        begin = max(last, min(_cs(word.start), limit))
        finish = max(begin, min(_cs(word.end), following, limit))
        times.append((begin, finish))
        last = finish
    return times


def _look(style: Style, size: float) -> str:
    """What is the same for every word: size, spacing, outline, shadow."""
    stroke, shadow = style.stroke.width * size, 0.0 if style.shadow.blur else style.shadow.offset * size
    tags = f"\\fs{size:.2f}\\fsp{style.spacing * size:.2f}\\bord{stroke:.2f}\\shad{shadow:.2f}"
    return tags + _tag(3, style.stroke.colour) + _tag(4, style.shadow.colour)


def _shadow(style: Style, size: float) -> str:
    """A soft shadow alone: \\blur would make the letters soft, too."""
    tags = f"\\fs{size:.2f}\\fsp{style.spacing * size:.2f}\\bord{style.stroke.width * size:.2f}"
    tags += f"\\shad{max(0.01, style.shadow.offset * size):.2f}\\blur{style.shadow.blur * size:.2f}\\1a&HFF&\\3a&HFF&"
    return tags + _tag(4, style.shadow.colour)


def _outline(style: Style, size: float) -> str:
    """The contour around the stroke alone: the letters themselves are clear, and drawn above."""
    width = (style.stroke.width + max(_THINNEST, style.outline.width)) * size
    blur = style.outline.blur * size
    tags = f"\\fs{size:.2f}\\fsp{style.spacing * size:.2f}\\bord{width:.2f}\\shad0\\blur{blur:.2f}\\1a&HFF&"
    return tags + _tag(3, style.outline.colour)


def _word(word: Placed, tags: str) -> str:
    return f"{{\\an5\\pos({word.x:.2f},{word.y:.2f}){tags}{_font(word)}}}{_plain(word.text)}"


def _font(word: Placed) -> str:
    return (f"\\fn{word.font}\\fs{word.size:.2f}" if word.font else "") + ("" if word.spaced else "\\fsp0")


def _plain(text: str) -> str:
    """Text without what ASS takes for commands."""
    return text.replace("\\", "\u29f5").replace("{", "(").replace("}", ")").replace("\n", " ")


def _spoken(
    word: Placed, style: Style, size: float, begin: int, finish: int, canvas: Canvas, before: Placed | None
) -> Iterator[Parts]:
    """The word while it is spoken, with its box and its animation."""
    length_ms = (finish - begin) * 10
    look = _look(style, size) + _tag(1, style.highlight)
    if style.box.around == "word":
        yield _BOXES, begin, finish, _word_box(word, style, size, canvas, before, length_ms)
    if style.animation == "pop":
        half = min(_POP_MS, length_ms // 2)
        grown = round(_POP * 100)
        pop = f"\\t(0,{half},\\fscx{grown}\\fscy{grown})\\t({half},{2 * half},\\fscx100\\fscy100)"
        yield SPOKEN, begin, finish, _word(word, look + pop)
    elif style.animation == "bounce":
        up = word.y - _BOUNCE * size
        rise = min(_POP_MS, length_ms)
        move = f"\\move({word.x:.2f},{up:.2f},{word.x:.2f},{word.y:.2f},0,{rise})"
        yield SPOKEN, begin, finish, f"{{\\an5{move}{look}{_font(word)}}}{_plain(word.text)}"
    elif style.animation == "fill":
        yield _RESTING, begin, finish, _word(word, _look(style, size) + _tag(1, style.unspoken or style.colour))
        left, right = word.x - word.width / 2, word.x + word.width / 2
        top, bottom = word.y - size, word.y + size
        begin_x = right if is_rtl(word.text) else left
        clip = f"\\clip({begin_x:.1f},{top:.1f},{begin_x:.1f},{bottom:.1f})"
        sweep = f"\\t(0,{length_ms},\\clip({left:.1f},{top:.1f},{right:.1f},{bottom:.1f}))"
        yield SPOKEN, begin, finish, _word(word, look + clip + sweep)
    else:
        yield SPOKEN, begin, finish, _word(word, look)


def _bounds(card: Card, canvas: Canvas) -> tuple[float, float, float, float]:
    half = card.size * canvas.line / 2
    return (
        min(word.x - word.width / 2 for word in card.words),
        min(word.y for word in card.words) - half,
        max(word.x + word.width / 2 for word in card.words),
        max(word.y for word in card.words) + half,
    )


def _word_box(word: Placed, style: Style, size: float, canvas: Canvas, before: Placed | None, length_ms: int) -> str:
    half = size * canvas.line / 2 * 0.9
    bounds = (word.x - word.width / 2, word.y - half, word.x + word.width / 2, word.y + half)
    if style.animation != "slide" or before is None or abs(before.y - word.y) > 1:
        return _box(bounds, style, size)
    way = min(120, length_ms)
    return _box(bounds, style, size, f"\\move({before.x - word.x:.2f},0,0,0,0,{way})")


def _box(bounds: tuple[float, float, float, float], style: Style, size: float, move: str = "\\pos(0,0)") -> str:
    """A rectangle with round corners, as a drawing."""
    pad = style.box.padding * size
    left, top, right, bottom = bounds[0] - pad, bounds[1] - pad * 0.4, bounds[2] + pad, bounds[3] + pad * 0.4
    r = min(style.box.radius * size, (right - left) / 2, (bottom - top) / 2)
    k = r * (1 - _CURVE)
    path = (
        f"m {left + r:.1f} {top:.1f} l {right - r:.1f} {top:.1f} "
        f"b {right - k:.1f} {top:.1f} {right:.1f} {top + k:.1f} {right:.1f} {top + r:.1f} l {right:.1f} {bottom - r:.1f} "
        f"b {right:.1f} {bottom - k:.1f} {right - k:.1f} {bottom:.1f} {right - r:.1f} {bottom:.1f} "
        f"l {left + r:.1f} {bottom:.1f} "
        f"b {left + k:.1f} {bottom:.1f} {left:.1f} {bottom - k:.1f} {left:.1f} {bottom - r:.1f} l {left:.1f} {top + r:.1f} "
        f"b {left:.1f} {top + k:.1f} {left + k:.1f} {top:.1f} {left + r:.1f} {top:.1f}"
    )
    return f"{{\\an7{move}\\bord0\\shad0{_tag(1, style.box.colour)}\\p1}}{path}{{\\p0}}"
