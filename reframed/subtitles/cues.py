"""Words to cues: the plain builder. Breaks at sentence ends, pauses and full lines; balances two lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from reframed.speech.words import Word

_SENTENCE_END = (".", "!", "?", "…", "。", "！", "？")
_CLAUSE_END = (",", ";", ":", "，", "、", "；", "：")
_CLOSERS = "\"'”’)]»"


class Cue(Struct, frozen=True):
    """One caption on screen from `start` to `end` (seconds); lines are separated by newlines."""

    start: float
    end: float
    text: str


class Layout(NamedTuple):
    """Limits of a cue. Defaults: Netflix Timed Text Style Guide (42 characters, 2 lines, 5/6 s to 7 s)."""

    max_chars_per_line: int = 42
    max_lines: int = 2
    min_duration_s: float = 5 / 6
    max_duration_s: float = 7.0
    max_gap_s: float = 0.8
    min_gap_s: float = 0.084  # two frames at 24 a second


def build(words: Sequence[Word], layout: Layout) -> list[Cue]:
    """Cues in time order, without overlaps, that hold every word once."""
    groups = _group(words, layout)
    cues = []
    for index, group in enumerate(groups):
        following = groups[index + 1][0].start if index + 1 < len(groups) else float("inf")
        start = group[0].start
        end = max(group[-1].end, start + layout.min_duration_s)
        end = min(end, max(group[-1].end, following - layout.min_gap_s), following)
        cues.append(Cue(round(start, 3), round(max(end, start + 0.001), 3), break_lines(_joined(group), layout)))
    return cues


def _group(words: Sequence[Word], layout: Layout) -> list[list[Word]]:
    groups: list[list[Word]] = []
    for word in words:
        if groups and _fits(groups[-1], word, layout):
            groups[-1].append(word)
        else:
            groups.append([word])
    return groups


def _fits(group: list[Word], word: Word, layout: Layout) -> bool:
    last = group[-1]
    pause = word.start - last.end > layout.max_gap_s
    too_long = word.end - group[0].start > layout.max_duration_s
    return not (pause or too_long or _ends(last.text, _SENTENCE_END) or not _lines_fit([*group, word], layout))


def _lines_fit(group: list[Word], layout: Layout) -> bool:
    return len(_wrap([word.text for word in group], layout.max_chars_per_line)) <= layout.max_lines


def _ends(text: str, marks: tuple[str, ...]) -> bool:
    return text.rstrip(_CLOSERS).endswith(marks)


def _joined(group: list[Word]) -> str:
    return " ".join(word.text for word in group)


def _wrap(words: list[str], width: int) -> list[str]:
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def break_lines(text: str, layout: Layout) -> str:
    """`text` on as few lines as it fits; two are balanced, the upper one preferably the shorter or after a comma."""
    if len(text) <= layout.max_chars_per_line or layout.max_lines == 1:
        return text
    words = text.split(" ")
    options = [(" ".join(words[:cut]), " ".join(words[cut:])) for cut in range(1, len(words))]
    fitting = [pair for pair in options if max(map(len, pair)) <= layout.max_chars_per_line]
    if not fitting:
        return "\n".join(_wrap(words, layout.max_chars_per_line))
    return "\n".join(min(fitting, key=lambda pair: _imbalance(*pair)))


def _imbalance(upper: str, lower: str) -> float:
    cost = abs(len(upper) - len(lower)) + (4 if len(upper) > len(lower) else 0)
    return cost - (12 if _ends(upper, _CLAUSE_END) else 0)
