"""Words to cues: the cheapest of all ways to break the text, by dynamic programming; then the times."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from reframed.speech.words import Word
from reframed.subtitles.atoms import Atom, atoms
from reframed.subtitles.breaks import Break, between
from reframed.subtitles.cues import Cue
from reframed.subtitles.profiles import Profile
from reframed.subtitles.width import reading_width

# What each break costs at the end of a cue, and at the end of a line within one, in the order of Break.
_CUE_BREAK = (0.0, 3.0, 6.0, 9.0, 16.0, 30.0)
_LINE_BREAK = (0.0, 0.5, 1.0, 2.5, 6.0, 14.0)
_CUE = 4.0
_TOO_SHORT = 400.0
_TOO_FAST = 60.0
_PAUSE_INSIDE = 12.0
_PAUSE_AT_END = 3.0  # taken off a break's cost, for every second of pause
_ORPHAN = 6.0
_SENTENCE_INSIDE = 1.5
_CHANGE_INSIDE = 60.0
_SHOT_INSIDE = 3.0
_SHOT_NEAR_S = 0.5
_IMBALANCE = 2.0
_UPPER_LONGER = 1.0
_LONGEST_ATOMS = 60
_EARLY_S = 0.5
_SNAP_S = 0.25
_MS = 0.001


class _Text(NamedTuple):
    """The atoms with what dynamic programming asks again and again."""

    atoms: list[Atom]
    profile: Profile
    breaks: list[Break]  # after every atom
    ahead: list[float]  # pause after every atom, in seconds
    shots: Sequence[float]


def build(words: Sequence[Word], profile: Profile, shots: Sequence[float] = ()) -> list[Cue]:
    """Cues in time order, without overlaps, that hold every word once. `shots` are times of cuts in the picture."""
    found = atoms(words, profile.language, profile.max_chars_per_line, profile.full_width)
    if not found:
        return []
    breaks = [between(one.text, two.text, one.language or profile.language) for one, two in itertools.pairwise(found)]
    ahead = [max(0.0, two.start - one.end) for one, two in itertools.pairwise(found)]
    text = _Text(found, profile, [*breaks, Break.SENTENCE], [*ahead, float("inf")], shots)
    groups = _groups(text)
    spoken = [(found[start].start, found[end - 1].end) for start, end in groups]
    timed = time_cues(spoken, _needs(text, groups), profile, shots)
    return [
        Cue(begin, finish, _write(text, start, end), _words(found[start:end]), found[start].speaker)
        for (start, end), (begin, finish) in zip(groups, timed, strict=True)
    ]


def _words(some: Sequence[Atom]) -> tuple[Word, ...]:
    kept: list[Word] = []
    for atom in some:
        kept += [word for word in atom.words if not kept or word is not kept[-1]]
    return tuple(kept)


def _groups(text: _Text) -> list[tuple[int, int]]:
    """Start and end of every cue among the atoms, at the least cost in all."""
    count = len(text.atoms)
    best = [0.0] + [float("inf")] * count
    origin = [0] * (count + 1)
    for end in range(1, count + 1):
        for start in range(end - 1, max(-1, end - 1 - _LONGEST_ATOMS), -1):
            cost = _cue_cost(text, start, end)
            if cost is None:
                break
            if best[start] + cost < best[end]:
                best[end], origin[end] = best[start] + cost, start
    groups = []
    at = count
    while at:
        groups.append((origin[at], at))
        at = origin[at]
    return groups[::-1]


def _cue_cost(text: _Text, start: int, end: int) -> float | None:
    """What a cue of the atoms from `start` to `end` costs; None if it breaks a limit, as every longer one does."""
    some, profile = text.atoms, text.profile
    begin, finish = some[start].start, some[end - 1].end
    single = end - start == 1
    if not single and finish - begin > profile.max_duration_s:
        return None
    split = _best_split(text, start, end)
    if split is None and not single:
        return None
    chars = _widths(text, start, end)[-1]
    room = min(text.ahead[end - 1] - profile.min_gap_s, _room_needed(profile, chars, finish - begin))
    length = max(0.05, finish - begin + room)
    cost = _CUE + (split[1] if split else 0.0)
    if length < profile.min_duration_s:
        cost += _TOO_SHORT * (1 + profile.min_duration_s - length)
    speed = chars / length / profile.max_cps
    if speed > 1:
        cost += _TOO_FAST * (speed - 1) + 5
    if not single:
        cost += _inside(text, start, end)
    elif len(some) > 1:
        cost += _ORPHAN
    pause = min(2.0, text.ahead[end - 1])
    return cost + max(0.0, _CUE_BREAK[text.breaks[end - 1]] - _PAUSE_AT_END * pause * 3)


def _room_needed(profile: Profile, chars: float, spoken_s: float) -> float:
    """How much longer than its speech a cue wants to stay."""
    return max(0.0, profile.min_duration_s - spoken_s, min(profile.linger_s, chars / profile.max_cps - spoken_s))


def _inside(text: _Text, start: int, end: int) -> float:
    """What is better not inside one cue: pauses, ends of sentences, a change of voice or language, a cut."""
    cost = 0.0
    some = text.atoms
    for index in range(start, end - 1):
        if text.ahead[index] > text.profile.max_gap_s:
            cost += _PAUSE_INSIDE * (1 + text.ahead[index])
        elif text.ahead[index] > 0.4:
            cost += text.ahead[index] * 4
        if text.breaks[index] is Break.SENTENCE:
            cost += _SENTENCE_INSIDE * (1 + 4 * min(1.0, text.ahead[index]))
        if some[index].speaker != some[index + 1].speaker or some[index].language != some[index + 1].language:
            cost += _CHANGE_INSIDE
    if text.shots:
        first = bisect_left(text.shots, some[start].start + _SHOT_NEAR_S)
        last = bisect_left(text.shots, some[end - 1].end - _SHOT_NEAR_S)
        cost += _SHOT_INSIDE * max(0, last - first)
    return cost


def _best_split(text: _Text, start: int, end: int) -> tuple[list[int], float] | None:
    """Where lines end, and what that costs: on as few lines as it fits. None: it does not fit."""
    widths = _widths(text, start, end)
    for lines in range(1, text.profile.max_lines + 1):
        found = _split_into(text, start, end, widths, lines)
        if found is not None:
            return found
    return None


def _widths(text: _Text, start: int, end: int) -> list[float]:
    """The width of the first 0, 1, 2... atoms on one line."""
    space = 0.5 if text.profile.full_width else 1.0
    widths = [0.0]
    for index in range(start, end):
        atom = text.atoms[index]
        widths.append(widths[-1] + atom.width + (0.0 if atom.glued or index == start else space))
    return widths


def _fits(widths: list[float], one: int, two: int, profile: Profile, space: float) -> bool:
    wide = widths[two] - widths[one] - (space if one else 0.0)
    few = not profile.max_words_per_line or two - one <= profile.max_words_per_line
    return wide <= profile.max_chars_per_line + 1e-6 and few


def _split_into(text: _Text, start: int, end: int, widths: list[float], lines: int) -> tuple[list[int], float] | None:
    """The cheapest way onto exactly `lines` lines."""
    profile = text.profile
    space = 0.5 if profile.full_width else 1.0
    count = end - start
    if lines == 1:
        return ([], 0.0) if _fits(widths, 0, count, profile, space) else None
    best: tuple[list[int], float] | None = None
    if lines == 2:
        for cut in range(1, count):
            if _fits(widths, 0, cut, profile, space) and _fits(widths, cut, count, profile, space):
                upper, lower = widths[cut], widths[count] - widths[cut] - space
                cost = _LINE_BREAK[text.breaks[start + cut - 1]]
                cost += _IMBALANCE * abs(upper - lower) / profile.max_chars_per_line
                cost += _UPPER_LONGER if upper > lower else 0.0
                if best is None or cost < best[1]:
                    best = [cut], cost
        return best
    return _split_into_many(text, start, widths, lines)


def _split_into_many(text: _Text, start: int, widths: list[float], lines: int) -> tuple[list[int], float] | None:
    """The cheapest way onto three lines or more: by the cost of every break and the squares of what stays free."""
    profile = text.profile
    space = 0.5 if profile.full_width else 1.0
    count = len(widths) - 1
    costs = {0: (0.0, list[int]())}  # where the next line begins: its cost, and the cuts so far
    for line in range(lines):
        following: dict[int, tuple[float, list[int]]] = {}
        for begin, (cost, cuts) in costs.items():
            for end in range(begin + 1, count + 1):
                if not _fits(widths, begin, end, profile, space):
                    break
                if (end == count) != (line == lines - 1):
                    continue
                free = 1 - (widths[end] - widths[begin]) / profile.max_chars_per_line
                new = cost + _IMBALANCE * free * free
                new += _LINE_BREAK[text.breaks[start + end - 1]] if end < count else 0.0
                if end not in following or new < following[end][0]:
                    following[end] = new, [*cuts, end] if end < count else cuts
        costs = following
    return (costs[count][1], costs[count][0]) if count in costs else None


def _fewest_lines(text: _Text) -> int:
    """How many lines it takes, filling each."""
    widths = _widths(text, 0, len(text.atoms))
    space = 0.5 if text.profile.full_width else 1.0
    lines, begin = 1, 0
    for end in range(1, len(widths)):
        if end - begin > 1 and not _fits(widths, begin, end, text.profile, space):
            lines, begin = lines + 1, end - 1
    return lines


def _write(text: _Text, start: int, end: int) -> str:
    split = _best_split(text, start, end)
    return _joined(text, start, end, {start + cut for cut in split[0]} if split else set())


def _joined(text: _Text, start: int, end: int, cuts: set[int]) -> str:
    written = ""
    for index in range(start, end):
        atom = text.atoms[index]
        if index in cuts:
            written += "\n"
        elif index > start and not atom.glued:
            written += " "
        written += atom.text
    return written


def _needs(text: _Text, groups: Sequence[tuple[int, int]]) -> list[float]:
    """How long every cue wants to be read."""
    profile = text.profile
    return [
        max(profile.min_duration_s, reading_width(_write(text, start, end), profile.full_width) / profile.max_cps)
        for start, end in groups
    ]


def time_cues(
    spoken: Sequence[tuple[float, float]],
    needs: Sequence[float],
    profile: Profile,
    shots: Sequence[float] = (),
    late_s: float = 0.0,
) -> list[tuple[float, float]]:
    """Start and end of every cue, given when its words are spoken and how long it needs.

    A cue begins with its first word. It stays for its reading speed as far as `linger_s` and the next cue let it, and for
    the least duration in any case where there is room; then it may begin earlier, too, and the next one up to `late_s`
    later.
    """
    times: list[tuple[float, float]] = []
    for index, ((begin, end), need) in enumerate(zip(spoken, needs, strict=True)):
        start = max(begin, times[-1][1] + profile.min_gap_s) if times else begin
        following = spoken[index + 1][0] if index + 1 < len(spoken) else float("inf")
        limit = following - profile.min_gap_s
        if limit - start < profile.min_duration_s:
            limit = min(start + profile.min_duration_s, limit + late_s)
        wanted = max(end, min(start + need, max(end + profile.linger_s, start + profile.min_duration_s)))
        finish = min(wanted, limit, start + profile.max_duration_s)
        if 0 < following - finish < profile.close_gap_s:
            finish = min(limit, start + profile.max_duration_s)
        if finish - start < profile.min_duration_s:  # no room behind: look before
            earliest = max(times[-1][1] + profile.min_gap_s if times else 0.0, start - _EARLY_S)
            start = min(start, max(earliest, finish - profile.min_duration_s))
        times.append((start, max(start + _MS, finish)))
    snapped = _snap(times, shots, profile) if shots else times
    return [(round(start, 3), round(finish, 3)) for start, finish in snapped]


def _snap(times: list[tuple[float, float]], shots: Sequence[float], profile: Profile) -> list[tuple[float, float]]:
    """Starts and ends that lie close to a cut, moved onto it, where all limits hold."""
    result: list[tuple[float, float]] = []
    for index, (start, end) in enumerate(times):
        before = result[-1][1] + profile.min_gap_s if result else 0.0
        after = times[index + 1][0] - profile.min_gap_s if index + 1 < len(times) else float("inf")
        new_start = _nearest(shots, start)
        if abs(new_start - start) > _SNAP_S or new_start < before:
            new_start = start
        new_end = _nearest(shots, end) - profile.min_gap_s
        if abs(new_end - end) > 2 * _SNAP_S or new_end > after:
            new_end = end
        fits = profile.min_duration_s <= new_end - new_start <= profile.max_duration_s
        result.append((new_start, new_end) if fits else (start, end))
    return result


def _nearest(shots: Sequence[float], at: float) -> float:
    index = bisect_left(shots, at)
    return min(shots[max(0, index - 1) : index + 1], key=lambda shot: abs(shot - at))


def break_lines(text: str, profile: Profile) -> str:
    """`text` without its line ends on as few lines as it fits; on more than allowed, if it must be."""
    words = tuple(Word(0.0, 0.0, part) for part in text.split())
    found = atoms(words, profile.language, profile.max_chars_per_line, profile.full_width)
    if not found:
        return ""
    breaks = [between(one.text, two.text, profile.language) for one, two in itertools.pairwise(found)]
    whole = _Text(found, profile, [*breaks, Break.SENTENCE], [0.0] * len(found), ())
    split = _best_split(whole, 0, len(found))
    if split is None:
        split = _split_into_many(whole, 0, _widths(whole, 0, len(found)), _fewest_lines(whole))
    return _joined(whole, 0, len(found), set(split[0]) if split else set(range(1, len(found))))
