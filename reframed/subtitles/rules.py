"""The rules of a profile, checked on any cues, and mended where that is possible."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from reframed.subtitles.breaks import Break, between
from reframed.subtitles.cues import Cue
from reframed.subtitles.files import spread
from reframed.subtitles.layout import break_lines, build, time_cues
from reframed.subtitles.profiles import Profile
from reframed.subtitles.width import reading_width, width

RULES = {
    "order": "cues are in the order of their times",
    "overlap": "no cue overlaps the next",
    "gap": "at least {gap:.3f} s between two cues",
    "duration_min": "a cue stays at least {shortest:.2f} s",
    "duration_max": "a cue stays at most {longest:g} s",
    "lines": "at most {lines} lines",
    "line_length": "at most {chars:g} characters a line",
    "reading_speed": "at most {cps:g} characters a second",
    "break": "no line or cue ends between words that belong together",
    "empty": "every cue has text",
}
_TOLERANCE_S = 0.0015
_SAME_SPEECH_S = 1.0
_LATE_S = 1.0


class Breach(NamedTuple):
    """A cue (counted from 1) that breaks a rule, and how."""

    cue: int
    at: float
    rule: str
    how: str


def describe(rule: str, profile: Profile) -> str:
    """The rule as a sentence, with the profile's numbers."""
    return RULES[rule].format(
        gap=profile.min_gap_s,
        shortest=profile.min_duration_s,
        longest=profile.max_duration_s,
        lines=profile.max_lines,
        chars=profile.max_chars_per_line,
        cps=profile.max_cps,
    )


def check(cues: Sequence[Cue], profile: Profile) -> list[Breach]:
    """Every breach, in the order of the cues."""
    found: list[Breach] = []
    for index, cue in enumerate(cues):
        following = cues[index + 1] if index + 1 < len(cues) else None
        broken = [*_time(cue, following, profile), *_text(cue, following, profile)]
        found += [Breach(index + 1, cue.start, rule, how) for rule, how in broken]
    return found


def _time(cue: Cue, following: Cue | None, profile: Profile) -> Iterator[tuple[str, str]]:
    if cue.length < profile.min_duration_s - _TOLERANCE_S:
        yield "duration_min", f"{cue.length:.2f} s"
    if cue.length > profile.max_duration_s + _TOLERANCE_S:
        yield "duration_max", f"{cue.length:.2f} s"
    if following is None:
        return
    gap = following.start - cue.end
    if following.start < cue.start:
        yield "order", f"the next one begins {cue.start - following.start:.2f} s earlier"
    elif gap < -_TOLERANCE_S:
        yield "overlap", f"by {-gap:.2f} s"
    elif gap < profile.min_gap_s - _TOLERANCE_S:
        yield "gap", f"{gap:.3f} s"


def _text(cue: Cue, following: Cue | None, profile: Profile) -> Iterator[tuple[str, str]]:
    if not cue.text.strip():
        yield "empty", "no text"
        return
    if len(cue.lines) > profile.max_lines:
        yield "lines", f"{len(cue.lines)} lines"
    for line in cue.lines:
        if (wide := width(line, profile.full_width)) > profile.max_chars_per_line:
            yield "line_length", f"{wide:g} characters"
    speed = cps(cue, profile)
    if speed > profile.max_cps * 1.001:
        yield "reading_speed", f"{speed:.1f} characters a second"
    goes_on = following is not None and following.start - cue.end < _SAME_SPEECH_S
    lines = [*cue.lines, following.lines[0]] if following is not None and goes_on else cue.lines
    for upper, lower in itertools.pairwise(lines):
        if upper.split() and lower.split():
            left, right = upper.split()[-1], lower.split()[0]
            if between(left, right, profile.language) is Break.FORBIDDEN:
                yield "break", f'"{left}" | "{right}"'


def cps(cue: Cue, profile: Profile) -> float:
    """Characters a second."""
    return reading_width(cue.text, profile.full_width) / max(0.001, cue.length)


def fix(cues: Sequence[Cue], profile: Profile) -> list[Cue]:
    """Cues in order, without empty ones and overlaps, on lines that fit, with times inside the limits where there is room.

    No word is lost: a cue with too much text or time is parted into several. What is right already stays as it is.
    """
    ordered = sorted((cue for cue in cues if cue.text.strip()), key=lambda cue: (cue.start, cue.end))
    parted = [part for cue in ordered for part in _part(cue, profile)]
    needs = [
        max(profile.min_duration_s, reading_width(cue.text, profile.full_width) / profile.max_cps) for cue in parted
    ]
    timed = time_cues([(cue.start, cue.end) for cue in parted], needs, _patient(profile), late_s=_LATE_S)
    result, moved = parted, set[int]()
    while True:  # what is moved may come too near to its neighbours: then these move, too
        broken = {breach.cue - 1 for breach in check(result, profile) if breach.rule in _TIMES}
        more = (broken | {index + 1 for index in broken}) & set(range(len(parted))) - moved
        if not more:
            return result
        moved |= more
        result = [
            msgspec.structs.replace(cue, start=timed[index][0], end=timed[index][1]) if index in moved else cue
            for index, cue in enumerate(parted)
        ]


_TIMES = ("order", "overlap", "gap", "duration_min", "duration_max", "reading_speed")


def _patient(profile: Profile) -> Profile:
    """Others' cues may stay as long as they need: where the speech ends is not known."""
    return msgspec.structs.replace(profile, linger_s=profile.max_duration_s, close_gap_s=profile.min_gap_s)


def _part(cue: Cue, profile: Profile) -> list[Cue]:
    """The cue on lines that fit; or as several, its words spread over its time, if it has too much text for one."""
    wide = max(width(line, profile.full_width) for line in cue.lines)
    if len(cue.lines) <= profile.max_lines and wide <= profile.max_chars_per_line:
        return [cue]
    whole = break_lines(cue.text, profile)
    if whole.count("\n") < profile.max_lines:
        return [msgspec.structs.replace(cue, text=whole)]
    parts = build(spread([cue]), profile)
    return [msgspec.structs.replace(part, words=(), end=min(part.end, cue.end)) for part in parts]
