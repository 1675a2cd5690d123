"""What can be said about translated cues, and what a person should look at."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from msgspec import Struct

from reframed.subtitles import rules
from reframed.subtitles.cues import Cue
from reframed.subtitles.profiles import Profile
from reframed.text import listing
from reframed.translation.sentences import Flag, Translated

_LISTED = 200
_FLAGGED_MAX = 0.05
_FAST_MAX = 0.1


class Report(Struct, frozen=True, kw_only=True):
    """About one translation. `cps_p50` and `cps_p95` are characters a second; cues are counted from 1."""

    source: str
    target: str
    engine: str
    route: tuple[str, ...]
    cues: int
    too_fast: tuple[int, ...]
    too_long: tuple[int, ...]
    flagged: tuple[Flag, ...]
    untranslated: tuple[Flag, ...]
    cps_p50: float
    cps_p95: float
    review: tuple[str, ...]


def examine(
    cues: Sequence[Cue], found: Translated, profile: Profile, source: str, engine: str, route: tuple[str, ...]
) -> Report:
    """The report on `cues`, which are the translation `found`."""
    speeds = sorted(rules.cps(cue, profile) for cue in cues if cue.text.strip() and cue.length > 0)
    breaches = rules.check(cues, profile)
    too_fast = tuple(dict.fromkeys(one.cue for one in breaches if one.rule == "reading_speed"))
    too_long = tuple(dict.fromkeys(one.cue for one in breaches if one.rule in ("lines", "line_length")))
    share = len(cues) or 1
    flagged = {flag.cue for flag in found.flags}
    reasons = [
        (len(too_fast) > _FAST_MAX * share, f"{len(too_fast) / share:.0%} of the captions are too fast to read"),
        (len(flagged) > _FLAGGED_MAX * share, f"{len(flagged)} captions are flagged"),
    ]
    return Report(
        source=source,
        target=profile.language,
        engine=engine,
        route=route,
        cues=len(cues),
        too_fast=too_fast[:_LISTED],
        too_long=too_long[:_LISTED],
        flagged=tuple(found.flags[:_LISTED]),
        untranslated=tuple(found.passed[:_LISTED]),
        cps_p50=round(statistics.median(speeds), 1) if speeds else 0.0,
        cps_p95=round(speeds[int(0.95 * (len(speeds) - 1))], 1) if speeds else 0.0,
        review=tuple(text for holds, text in reasons if holds),
    )


def summary(made: Report, profile: Profile) -> str:
    """The report for a person."""
    way = " -> ".join(made.route)
    lines = [f"{made.cues} captions, {way}, by {made.engine}"]
    lines.append(f"Needs review: {listing(made.review)}." if made.review else "Nothing calls for a review.")
    lines.append(
        f"Reading speed: p50 {made.cps_p50:g}, p95 {made.cps_p95:g} characters a second; {len(made.too_fast)} captions are "
        f"over {profile.max_cps:g}"
    )
    if made.too_long:
        lines.append(f"Too much text for {profile.max_lines} lines: cues {_few(made.too_long)}")
    lines += [f"Look at cue {flag.cue}: {flag.what}" for flag in made.flagged[:50]]
    if made.untranslated:
        reasons: dict[str, list[int]] = {}
        for flag in made.untranslated:
            reasons.setdefault(flag.what, []).append(flag.cue)
        lines += [f"Not translated ({what}): cues {_few(cues)}" for what, cues in sorted(reasons.items())]
    return "\n".join(lines) + "\n"


def _few(cues: Sequence[int]) -> str:
    return ", ".join(map(str, cues[:20])) + (f" and {len(cues) - 20} more" if len(cues) > 20 else "")
