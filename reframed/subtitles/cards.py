"""Words to cards: which words are on screen together, and where each of them is, measured and not left to a renderer."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from reframed.speech.words import Word, is_unspaced
from reframed.subtitles.breaks import Break, between
from reframed.subtitles.styles import Style

_PAUSE_S = 0.6
_LONGEST_S = 5.0
_LINGER_S = 0.4
_MARKS = ".,;:…。，、；：،؛"
_RTL = ((0x0590, 0x08FF), (0xFB1D, 0xFDFF), (0xFE70, 0xFEFF))


class Area(NamedTuple):
    """A part of the picture, in pixels from its top left."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Pixels across."""
        return self.right - self.left

    def holds(self, other: Area, tolerance: float = 0.0) -> bool:
        """Whether `other` lies inside, give or take `tolerance` pixels."""
        return (
            other.left >= self.left - tolerance
            and other.top >= self.top - tolerance
            and other.right <= self.right + tolerance
            and other.bottom <= self.bottom + tolerance
        )


class Placed(NamedTuple):
    """A word on a card: its text as shown, its times in seconds, its centre and its width in pixels.

    `font` is what libass finds it by and `size` its size, where the font is not the style's own;
    `spaced` whether the style's letter spacing suits its script.
    """

    text: str
    start: float
    end: float
    x: float
    y: float
    width: float
    font: str = ""
    size: float = 0.0
    spaced: bool = True


class Card(NamedTuple):
    """Words that are on screen together from `start` to `end`, at one font size."""

    start: float
    end: float
    size: float
    words: tuple[Placed, ...]


Measure = Callable[[str, float], float]
"""The width in pixels of a text at a font size."""


def is_rtl(text: str) -> bool:
    """Whether `text` is written from right to left: by its first letter that says so."""
    for char in text:
        if any(first <= ord(char) <= last for first, last in _RTL):
            return True
        if char.isalpha():
            return False
    return False


def _visual(line: Sequence[str], *, rtl: bool) -> list[int]:
    """The words of a line from left to right: those against the line's direction keep their own among themselves."""
    directions = [is_rtl(text) if any(char.isalpha() for char in text) else rtl for text in line]
    runs = [list(run) for _, run in itertools.groupby(range(len(line)), key=lambda number: directions[number])]
    ordered = [number for run in runs for number in (run if directions[run[0]] == rtl else reversed(run))]
    return ordered[::-1] if rtl else ordered


def may_be_spaced(text: str) -> bool:
    """Whether letters may be set apart: not those that join or stack, from Hebrew to Myanmar, Khmer and Mongolian."""
    return not any("\u0590" <= char <= "\u109f" or "\u1780" <= char <= "\u18af" or char >= "\ufb1d" for char in text)


def shown(text: str, style: Style, language: str = "") -> str:
    """A word as the style writes it, in `language`."""
    if not style.punctuation:
        text = text.rstrip(_MARKS) or text
    turkish = language.split("-")[0] in ("tr", "az")
    if style.case == "upper":
        return (text.replace("i", "İ") if turkish else text).upper()
    if style.case == "lower":
        return (text.replace("I", "ı").replace("İ", "i") if turkish else text).lower()
    return text


def deal(
    words: Sequence[Word], style: Style, language: str, fits: Callable[[Sequence[Word]], bool]
) -> list[list[Word]]:
    """Words in groups that share a card: at most `style.words`, never over a pause, and broken where a reader breaks."""
    groups: list[list[Word]] = []
    run: list[Word] = []
    for index, word in enumerate(words):
        run.append(word)
        following = words[index + 1] if index + 1 < len(words) else None
        pause = following is None or following.start - word.end > _PAUSE_S or following.speaker != word.speaker
        ends = following is not None and between(word.text, following.text, language) is Break.SENTENCE
        if pause or ends or following is None:
            groups += _split(run, style, language, fits)
            run = []
    return groups


def _split(
    run: Sequence[Word], style: Style, language: str, fits: Callable[[Sequence[Word]], bool]
) -> list[list[Word]]:
    """One sentence in as few cards as it fits, of even lengths, broken at the best places."""
    count = len(run)
    best = [0.0] + [float("inf")] * count
    origin = [0] * (count + 1)
    for end in range(1, count + 1):
        for start in range(max(0, end - style.words), end):
            some = run[start:end]
            single = end - start == 1
            if not single and (not fits(some) or some[-1].end - some[0].start > _LONGEST_S):
                continue
            kind = between(run[end - 1].text, run[end].text, language) if end < count else Break.SENTENCE
            cost = best[start] + 4.0 + 2.0 * kind + (3.0 if single and count > 1 else 0.0)
            if cost < best[end]:
                best[end], origin[end] = cost, start
    cuts = [count]
    while cuts[-1]:
        cuts.append(origin[cuts[-1]])
    cuts.reverse()
    return [list(run[start:end]) for start, end in itertools.pairwise(cuts)]


def lay_out(
    words: Sequence[Word], style: Style, language: str, area: Area, size: float, line_height: float, measure: Measure
) -> list[Card]:
    """Cards for `words` inside `area`. A word wider than the area is set smaller, with its whole card.

    `size` is the font size in pixels, `line_height` the distance of two lines as a share of it.
    """
    widest = area.width * style.width

    def lines_of(some: Sequence[Word], at: float) -> list[list[str]] | None:
        most = min(style.lines, max(1, int((area.bottom - area.top) / (at * line_height))))
        return _lines([shown(word.text, style, language) for word in some], at, widest, most, measure)

    groups = deal(words, style, language, lambda some: lines_of(some, size) is not None)
    cards = []
    for index, group in enumerate(groups):
        at = size
        while (lines := lines_of(group, at)) is None and at > 8:
            at *= 0.92
        lines = lines or [[shown(word.text, style, language) for word in group]]
        following = groups[index + 1][0].start if index + 1 < len(groups) else float("inf")
        end = min(group[-1].end + _LINGER_S, max(following, group[-1].end))
        placed = _place(group, lines, style, area, at, line_height, measure)
        cards.append(Card(group[0].start, end, at, placed))
    return cards


def _lines(texts: Sequence[str], size: float, widest: float, most: int, measure: Measure) -> list[list[str]] | None:
    """The texts on as few lines as they fit, evenly; None if they do not fit."""
    whole = _wide(texts, size, measure)
    for count in range(1, most + 1):
        longest = max(measure(text, size) for text in texts)
        limit = widest if count == 1 else min(widest, max(whole / count * 1.15, longest))
        for room in (limit, widest):
            lines = _wrap(texts, size, room, measure)
            if lines is not None and len(lines) <= count:
                return lines
    return None


def _wrap(texts: Sequence[str], size: float, room: float, measure: Measure) -> list[list[str]] | None:
    lines: list[list[str]] = [[]]
    for text in texts:
        if measure(text, size) > room:
            return None
        if lines[-1] and _wide([*lines[-1], text], size, measure) > room:
            lines.append([])
        lines[-1].append(text)
    return lines


def _gap(left: str, right: str, size: float, measure: Measure) -> float:
    """The space between two words."""
    glued = left and right and (is_unspaced(left[-1]) or is_unspaced(right[0]))
    return 0.0 if glued else measure(" ", size) * 1.15


def _wide(texts: Sequence[str], size: float, measure: Measure) -> float:
    gaps = sum(_gap(left, right, size, measure) for left, right in itertools.pairwise(texts))
    return gaps + sum(measure(text, size) for text in texts)


def _place(
    group: Sequence[Word],
    lines: Sequence[Sequence[str]],
    style: Style,
    area: Area,
    size: float,
    line_height: float,
    measure: Measure,
) -> tuple[Placed, ...]:
    step = size * line_height
    height = step * len(lines)
    top = {
        "top": area.top,
        "middle": (area.top + area.bottom - height) / 2,
        "lower": area.top + (area.bottom - area.top - height) * 0.8,
        "bottom": area.bottom - height,
    }[style.position]
    placed: list[Placed] = []
    words = iter(group)
    rtl = is_rtl(" ".join(text for line in lines for text in line))
    for row, line in enumerate(lines):
        wide = _wide(line, size, measure)
        free = area.width - wide
        left = area.left + {"left": 0.0, "centre": free / 2, "right": free}[style.align]
        y = top + step * (row + 0.5)
        centres: dict[int, float] = {}
        order = _visual(line, rtl=rtl)
        at = left
        for index, number in enumerate(order):
            own = measure(line[number], size)
            centres[number] = at + own / 2
            following = order[index + 1] if index + 1 < len(order) else None
            # Where the words are one before the other, so is their gap: glued ones have none.
            one, two = (number, following) if following is None or following > number else (following, number)
            at += own + (_gap(line[one], line[two], size, measure) if two is not None else 0.0)
        for number, text in enumerate(line):
            word = next(words)
            placed.append(Placed(text, word.start, word.end, centres[number], y, measure(text, size)))
    return tuple(placed)
