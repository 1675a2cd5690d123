"""What can be said about captions: which rules they keep, how they lie on the speech, and what a person should look at."""

from __future__ import annotations

import itertools
import statistics
from bisect import bisect_left
from collections.abc import Sequence

from msgspec import Struct

from reframed.speech.words import Span, Transcript
from reframed.subtitles import rules
from reframed.subtitles.cues import Cue
from reframed.subtitles.profiles import Profile
from reframed.text import listing

_UNSURE = 0.35
_UNSURE_SHARE = 0.12
_COVERED_MIN = 0.8
_OUTSIDE_MAX = 0.25
_SPEED_MIN = 0.9
_LANGUAGE_MIN = 0.6
_ONSET_S = 1.5
_PAUSE_S = 0.5
_LISTED = 200


class Kept(Struct, frozen=True):
    """How many cues keep a rule, and the share of them."""

    rule: str
    breaches: int
    share: float


class Unsure(Struct, frozen=True):
    """A word that the engine doubted."""

    at: float
    word: str
    probability: float


class Report(Struct, frozen=True, kw_only=True):
    """About one set of captions. Times in seconds, shares 0 to 1; what needs the speech is None where it is not known.

    `onset_p50_s` and `onset_p95_s`: how far captions begin from where speech begins after a pause; `covered`: the share of
    speech with a caption on screen; `outside_s`: caption time more than half a second from any speech.
    """

    profile: str
    language: str
    cues: int
    words: int
    rules: tuple[Kept, ...]
    breaches: tuple[str, ...]
    onset_p50_s: float | None
    onset_p95_s: float | None
    covered: float | None
    outside_s: float | None
    repeats: int
    unsure: tuple[Unsure, ...]
    unsure_share: float
    doubts: tuple[Span, ...]
    review: tuple[str, ...]


def examine(cues: Sequence[Cue], profile: Profile, transcript: Transcript | None = None) -> Report:
    """The report on `cues`; with the transcript they were made of, it knows the speech, too."""
    breaches = rules.check(cues, profile)
    speech = transcript.speech if transcript else ()
    words = transcript.words if transcript and not transcript.cues else ()
    unsure = tuple(Unsure(word.start, word.text, word.probability) for word in words if word.probability < _UNSURE)
    onsets = sorted(_onsets(cues, speech))
    made = Report(
        profile=profile.name,
        language=profile.language,
        cues=len(cues),
        words=sum(len(cue.text.split()) for cue in cues),
        rules=tuple(_kept(rule, breaches, len(cues)) for rule in rules.RULES),
        breaches=tuple(f"cue {one.cue} at {one.at:.1f} s: {one.rule}, {one.how}" for one in breaches[:_LISTED]),
        onset_p50_s=round(statistics.median(onsets), 3) if onsets else None,
        onset_p95_s=round(onsets[int(0.95 * (len(onsets) - 1))], 3) if onsets else None,
        covered=_covered(cues, speech),
        outside_s=_outside(cues, speech) if speech else None,
        repeats=_repeats(cues),
        unsure=unsure[:_LISTED],
        unsure_share=round(len(unsure) / len(words), 4) if words else 0.0,
        doubts=transcript.doubts if transcript else (),
        review=(),
    )
    sure = transcript.language_probability if transcript and not transcript.cues else 1.0
    return _with_review(made, sure)


def _kept(rule: str, breaches: Sequence[rules.Breach], count: int) -> Kept:
    cues = {one.cue for one in breaches if one.rule == rule}
    return Kept(rule, sum(one.rule == rule for one in breaches), round(1 - len(cues) / count, 4) if count else 1.0)


def _onsets(cues: Sequence[Cue], speech: Sequence[Span]) -> list[float]:
    """The distance from each beginning of speech after a pause to the nearest beginning of a cue."""
    starts = [cue.start for cue in cues]
    found = []
    for index, span in enumerate(speech):
        if index and span.start - speech[index - 1].end < _PAUSE_S:
            continue
        at = bisect_left(starts, span.start)
        near = [abs(start - span.start) for start in starts[max(0, at - 1) : at + 1]]
        if near and min(near) <= _ONSET_S:
            found.append(min(near))
    return found


def _shared(one: Sequence[tuple[float, float]], two: Sequence[tuple[float, float]]) -> float:
    """Seconds that two ordered lists of spans have in common."""
    total, at = 0.0, 0
    for start, end in one:
        while at < len(two) and two[at][1] <= start:
            at += 1
        index = at
        while index < len(two) and two[index][0] < end:
            total += min(end, two[index][1]) - max(start, two[index][0])
            index += 1
    return total


def _spans(items: Sequence[Cue] | Sequence[Span], around_s: float = 0.0) -> list[tuple[float, float]]:
    """Merged and ordered."""
    merged: list[tuple[float, float]] = []
    for start, end in sorted((item.start - around_s, item.end + around_s) for item in items):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        elif end > start:
            merged.append((start, end))
    return merged


def _covered(cues: Sequence[Cue], speech: Sequence[Span]) -> float | None:
    total = sum(span.end - span.start for span in speech)
    return round(_shared(_spans(speech), _spans(cues)) / total, 4) if total else None


def _outside(cues: Sequence[Cue], speech: Sequence[Span]) -> float:
    shown = _spans(cues)
    return round(max(0.0, sum(end - start for start, end in shown) - _shared(shown, _spans(speech, 0.5))), 2)


def _repeats(cues: Sequence[Cue]) -> int:
    """Cues that say what the one before says."""
    return sum(one.text.casefold() == two.text.casefold() for one, two in itertools.pairwise(cues))


def _with_review(made: Report, language_sure: float) -> Report:
    import msgspec

    speed = next(kept.share for kept in made.rules if kept.rule == "reading_speed")
    shown_s = made.outside_s or 0.0
    covered = 1.0 if made.covered is None else made.covered
    reasons = [
        (bool(made.doubts), f"{len(made.doubts)} places where the engine could not be trusted"),
        (made.unsure_share > _UNSURE_SHARE, f"{made.unsure_share:.0%} of the words are doubtful"),
        (covered < _COVERED_MIN, f"only {covered:.0%} of the speech has a caption"),
        (shown_s > _OUTSIDE_MAX * max(1, made.cues), f"{shown_s:.0f} s of captions where nobody speaks"),
        (made.repeats > max(2, made.cues // 10), f"{made.repeats} captions repeat the one before"),
        (speed < _SPEED_MIN, f"{1 - speed:.0%} of the captions are too fast to read"),
        (language_sure < _LANGUAGE_MIN, f"the language is uncertain ({language_sure:.0%} {made.language})"),
    ]
    return msgspec.structs.replace(made, review=tuple(text for holds, text in reasons if holds))


def summary(made: Report, profile: Profile) -> str:
    """The report for a person."""
    lines = [
        f"{made.cues} captions, {made.words} words, {made.language or 'unknown language'}, rules of {made.profile}"
    ]
    lines.append(f"Needs review: {listing(made.review)}." if made.review else "Nothing calls for a review.")
    lines.append("")
    for kept in made.rules:
        mark = "ok " if not kept.breaches else f"{kept.breaches} x"
        lines.append(f"  {kept.share:7.1%}  {mark:>6}  {rules.describe(kept.rule, profile)}")
    lines.append("")
    if made.covered is not None:
        lines.append(f"Speech with a caption: {made.covered:.1%}; captions away from speech: {made.outside_s:g} s")
    if made.onset_p50_s is not None:
        lines.append(
            f"Captions begin this far from the speech: p50 {made.onset_p50_s:.2f} s, p95 {made.onset_p95_s:.2f} s"
        )
    lines += [f"Doubtful: {span.start:.1f} to {span.end:.1f} s, {span.about}" for span in made.doubts]
    if made.unsure:
        words = ", ".join(f"{one.word} ({_clock(one.at)}, {one.probability:.0%})" for one in made.unsure[:30])
        lines.append(f"Words to check: {words}")
    lines += made.breaches[:50]
    return "\n".join(lines) + "\n"


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return (
        f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
        if whole >= 3600
        else f"{whole // 60}:{whole % 60:02d}"
    )
