"""Moving subtitles in time: by an amount, by a factor, or onto the words that were heard."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from fractions import Fraction

import msgspec

from reframed.errors import UsageError
from reframed.speech.words import Word
from reframed.subtitles.cues import Cue
from reframed.text import parse_duration, safe

_PLAIN = re.compile(r"[\W_]+")
_LEAST_MATCH = 0.3


def parse_shift(text: str) -> float:
    """Seconds in `1.2s`, `-500ms` or `+3`. Raises UsageError."""
    sign = -1.0 if text.strip().startswith("-") else 1.0
    try:
        return sign * parse_duration(text.strip().lstrip("+-"))
    except ValueError:
        raise UsageError(f"{safe(text)} is no time to shift by.", "For example 1.2s, -500ms or 3.") from None


def parse_scale(text: str) -> Fraction:
    """The factor in `25/23.976` or `1.04`; 23.976 and its like mean 24000/1001 and its like. Raises UsageError."""
    parts = text.split("/")
    try:
        values = [_rate(part) for part in parts]
        factor = values[0] / values[1] if len(values) == 2 else values[0]
    except (ValueError, ZeroDivisionError):
        factor = Fraction(0)
    if len(parts) > 2 or not 0.1 <= factor <= 10:
        raise UsageError(f"{safe(text)} is no factor to scale by.", "For example 25/23.976, or 1.001.")
    return factor


def _rate(text: str) -> Fraction:
    known = {"23.976": Fraction(24000, 1001), "29.97": Fraction(30000, 1001), "59.94": Fraction(60000, 1001)}
    return known.get(text.strip()) or Fraction(text.strip())


def moved(ms: int, by_s: float, scale: Fraction) -> int:
    """A time in milliseconds, scaled and shifted."""
    return round(Fraction(ms) * scale + round(by_s * 1000))


def move(start_ms: int, end_ms: int, by_s: float, scale: Fraction) -> tuple[int, int] | None:
    """New times in milliseconds; None if the cue would end before the file begins."""
    start, end = (moved(ms, by_s, scale) for ms in (start_ms, end_ms))
    return (max(0, start), end) if end > 0 else None


def plain(text: str) -> str:
    """A word as it is compared: without marks and case."""
    return _PLAIN.sub("", text.casefold())


def align_words(given: Sequence[str], heard: Sequence[Word]) -> tuple[list[Word], float]:
    """`given` words with the times of the words that were heard, and the share of them that were found.

    What was not found lies between its neighbours that were, in shares by length.
    """
    one, two = [plain(text) for text in given], [plain(word.text) for word in heard]
    matcher = difflib.SequenceMatcher(None, one, two, autojunk=False)
    times: list[tuple[float, float] | None] = [None] * len(given)
    found = 0
    for block in matcher.get_matching_blocks():
        for index in range(block.size):
            word = heard[block.b + index]
            times[block.a + index] = (word.start, word.end)
            found += 1
    _fill(times, [len(text) + 1 for text in given], heard[0].start if heard else 0.0, heard[-1].end if heard else 0.0)
    words = [Word(round(at[0], 3), round(at[1], 3), text) for text, at in zip(given, times, strict=True) if at]
    return words, found / max(1, len(given))


def _fill(times: list[tuple[float, float] | None], sizes: Sequence[int], first: float, last: float) -> None:
    index = 0
    while index < len(times):
        if times[index] is not None:
            index += 1
            continue
        end = index
        while end < len(times) and times[end] is None:
            end += 1
        before, after = times[index - 1] if index else None, times[end] if end < len(times) else None
        begin = before[1] if before else first
        finish = max(begin, after[0] if after else last)
        per = (finish - begin) / sum(sizes[index:end])
        at = begin
        for position in range(index, end):
            times[position] = (at, at + sizes[position] * per)
            at += sizes[position] * per
        index = end


def align_cues(cues: Sequence[Cue], heard: Sequence[Word]) -> tuple[list[Cue], float]:
    """`cues` moved onto the words that were heard, texts untouched, and the share of their words that were found."""
    texts = [text for cue in cues for text in cue.text.split()]
    words, share = align_words(texts, heard)
    moved, at = [], 0
    for cue in cues:
        count = len(cue.text.split())
        mine = words[at : at + count]
        at += count
        if not mine:
            moved.append(cue)
            continue
        end = max(mine[-1].end, mine[0].start + 0.1)
        moved.append(msgspec.structs.replace(cue, start=mine[0].start, end=end, words=tuple(mine)))
    return moved, share


def is_match(share: float) -> bool:
    """Whether enough was found for the alignment to mean anything."""
    return share >= _LEAST_MATCH
