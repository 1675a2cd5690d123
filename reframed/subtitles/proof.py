"""The proof of a render: its captions are drawn alone, and measured against what they should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from reframed.media.render import FRAME_EVERY_S, alpha_frames
from reframed.speech.words import Transcript
from reframed.subtitles.cards import Area, Card, Placed
from reframed.subtitles.karaoke import SPOKEN
from reframed.subtitles.styles import Style

_CARDS = 24
_SEEN = 24  # of 255: more opaque than this is drawn
_SHORT_SIDE = 540  # of the frames that are drawn; ASS scales
_SLACK_PX = 2.0
_SLACK_S = 0.0101  # ASS counts in centiseconds
_NEAR = 40  # of 255, of each colour


class Proof(Struct, frozen=True, kw_only=True):
    """What was measured. `holds` if nothing is wrong; all boxes are pixels of the picture, times seconds.

    `words_out_of_time` counts highlights that begin before or end after their word, `words_unlit` words that are too short
    to be lit at all. Of `sampled` cards one frame each was drawn, in the middle of a word: `clipped` touch the edge of the
    picture, `outside` leave the safe area, in `dark` the word is not in the highlight's colour. `speech_covered` is the
    share of the time of speech in which a card is shown.
    """

    holds: bool
    summary: str
    cards: int
    words: int
    words_out_of_time: int
    words_unlit: int
    sampled: int
    clipped: int
    outside: int
    dark: int
    speech_covered: float
    safe_area: Area
    drawn: tuple[Area, ...] = ()


def prove(
    folder: Path,
    ass: Any,
    cards: Sequence[Card],
    style: Style,
    safe: Area,
    size: tuple[int, int],
    transcript: Transcript,
    log: Callable[[str], None],
) -> Proof:
    """Measure the captions `ass` of `cards` on a picture of `size` pixels, of which `safe` is to be used.

    Raises StepFailed if ffmpeg cannot draw them.
    """
    words = [word for card in cards for word in card.words]
    lit = [event for event in ass if event.layer == SPOKEN]
    unlit, late = _times(words, lit)
    sampled = list(cards)[:: max(1, -(-len(cards) // _CARDS))]
    boxes, dark = [], 0
    for box, is_lit in _drawn(folder, ass, sampled, style, size, log):
        boxes += [box] if box else []
        dark += not is_lit
    clipped = sum(not Area(1, 1, size[0] - 1, size[1] - 1).holds(box) for box in boxes)
    outside = sum(not safe.holds(box, _SLACK_PX * _scale(size)) for box in boxes)
    faults = {
        "words lit out of their time": late,
        "cards not drawn": len(sampled) - len(boxes),
        "clipped": clipped,
        "out of the safe area": outside,
        "without their highlight": dark,
    }
    said = ", ".join(f"{count} {what}" for what, count in faults.items() if count) or "all of them as they should be"
    covered = _covered(transcript, cards)
    return Proof(
        holds=not any(faults.values()),
        summary=f"{len(words)} words on {len(cards)} cards over {covered:.0%} of the speech; {len(sampled)} were drawn and "
        f"measured: {said}.",
        cards=len(cards),
        words=len(words),
        words_out_of_time=late,
        words_unlit=unlit,
        sampled=len(sampled),
        clipped=clipped,
        outside=outside,
        dark=dark,
        speech_covered=round(covered, 4),
        safe_area=safe,
        drawn=tuple(boxes),
    )


def _times(words: Sequence[Placed], lit: Sequence[Any]) -> tuple[int, int]:
    """How many words are never lit, and how many are lit out of their time."""
    late, events = 0, iter(lit)
    event = next(events, None)
    unlit = 0
    for word in words:
        instant = round(word.start * 100) >= round(word.end * 100)
        if instant or event is None or event.start / 1000 > word.end + _SLACK_S:
            unlit += 1
            continue
        late += event.start / 1000 < word.start - _SLACK_S or event.end / 1000 > word.end + _SLACK_S
        event = next(events, None)
    return unlit, late + (event is not None) + sum(1 for _ in events)


def _scale(size: tuple[int, int]) -> float:
    """Pixels of the picture in one of the frames that are drawn."""
    return max(1.0, min(size) / _SHORT_SIDE)


def _drawn(
    folder: Path, ass: Any, cards: Sequence[Card], style: Style, size: tuple[int, int], log: Callable[[str], None]
) -> Iterator[tuple[Area | None, bool]]:
    """Each card's box as drawn (None: nothing is) in the middle of a word, and whether that word is lit."""
    import numpy as np
    import pysubs2

    shown, middle = pysubs2.SSAFile(), []
    shown.info, shown.styles = ass.info, ass.styles
    for number, card in enumerate(cards, 1):
        word = max(card.words, key=lambda word: word.end - word.start)
        at = round((word.start + word.end) * 500)
        middle.append(word)
        for event in ass:
            if event.start <= at < event.end:
                copy = event.copy()
                copy.shift(
                    ms=number * FRAME_EVERY_S * 1000 - at
                )  # whole events, so that animations are where they were
                shown.append(copy)
    (folder / "proof.ass").write_text(shown.to_string("ass"), encoding="utf-8")
    scale = _scale(size)
    width, height = max(1, round(size[0] / scale)), max(1, round(size[1] / scale))
    path = alpha_frames(folder, width, height, len(cards) + 1, log)
    across, down = size[0] / width, size[1] / height
    frames = np.memmap(path, np.uint8, "r", shape=(len(cards) + 1, height, width, 4))
    for frame, word in zip(frames[1:], middle, strict=True):
        alpha = frame[..., 3]
        rows, columns = np.flatnonzero(alpha.max(axis=1) > _SEEN), np.flatnonzero(alpha.max(axis=0) > _SEEN)
        if not len(rows):
            yield None, False
            continue
        box = Area(columns[0] * across, rows[0] * down, (columns[-1] + 1) * across, (rows[-1] + 1) * down)
        left, right = round((word.x - word.width / 2) / across), round((word.x + word.width / 2) / across)
        top, bottom = round((word.y - word.width) / down), round((word.y + word.width) / down)
        inside = frame[max(0, top) : max(1, bottom), max(0, left) : max(1, right)]
        yield Area(*(float(round(side, 1)) for side in box)), _is_lit(inside, style)
    path.unlink()


def _is_lit(pixels: Any, style: Style) -> bool:
    """Whether the highlight's colour is among RGBA `pixels`."""
    import numpy as np

    colour = np.array([int(style.highlight[at : at + 2], 16) for at in (1, 3, 5)])
    solid = pixels[pixels[..., 3] > 0].astype(int)
    straight = solid[:, :3] * 255 // solid[:, 3:]  # libass' frames hold colour times opacity
    return bool((np.abs(straight - colour).max(axis=1) < _NEAR).any())


def _covered(transcript: Transcript, cards: Sequence[Card]) -> float:
    """The share of the time of speech (without any known: of the words) in which a card is shown."""
    spans = [(span.start, span.end) for span in transcript.speech or transcript.words]
    whole = sum(end - start for start, end in spans)
    both = 0.0
    at = 0
    for start, end in spans:
        while at < len(cards) and cards[at].end <= start:
            at += 1
        for card in cards[at:]:
            if card.start >= end:
                break
            both += max(0.0, min(end, card.end) - max(start, card.start))
    return min(1.0, both / whole) if whole else 1.0
