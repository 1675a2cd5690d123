"""Cues to whole sentences and back: joined over cues, translated once, dealt out over the same cues again.

The count of cues, their order and their times are not touched here: texts go in, texts come out, one for each cue.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from reframed.speech.words import Word, is_unspaced, join
from reframed.subtitles.atoms import Atom, atoms, split_words
from reframed.subtitles.breaks import CLAUSE_END, between, ends_sentence
from reframed.subtitles.layout import break_lines
from reframed.subtitles.profiles import Profile
from reframed.translation import guard
from reframed.translation.marks import Markup, Part, begins_voice, is_drawing, is_sung, put_together, take_apart
from reframed.translation.marks import plain as readable

_GAP_S = 1.0
_OVERLAP_S = 0.1  # cues that overlap longer are two things at once
_TITLES = frozenset("mr mrs ms dr st prof sr jr sra herr frau mme".split())
_LONGEST_CHARS = 300  # of a sentence: engines cut off what is longer than their context, or lose the thread
_RUN = 50  # cues that are joined before the next full stop ends it
_MOST_CUES = 8  # that one sentence may cover
_BREAK_COST = (0.0, 0.01, 0.02, 0.05, 0.12, 0.3)  # in the order of Break, against shares of the sentence


class Line(NamedTuple):
    """A cue as it is read: seconds, raw text, who speaks, and where it stands (a sign is no part of the dialogue)."""

    start: float
    end: float
    raw: str
    speaker: str = ""
    place: str = ""


class Flag(NamedTuple):
    """Something about a cue (counted from 1) that a person should look at."""

    cue: int
    what: str


class Translated(NamedTuple):
    """A text for every cue, raw and plain; what to look at; and the cues that were passed through, with the reason."""

    raw: list[str]
    plain: list[str]
    flags: list[Flag]
    passed: list[Flag]


class _Unit(NamedTuple):
    """One voice in one cue: what is translated together, or joined with its neighbours."""

    cue: int
    part: Part
    alone: bool
    passes: str  # why it is not translated; empty: it is


class _Piece(NamedTuple):
    """The share of a sentence that stands in one unit."""

    unit: int
    text: str


Engine = Callable[[Sequence[str]], list[str]]
"""Sentences in, as many out, in order."""


class Rules(NamedTuple):
    """How to split and lay out: the source's tag, the target's profile, names that stay, and what tells languages apart."""

    source: str
    profile: Profile
    names: frozenset[str] = frozenset()
    is_target: Callable[[str], bool] = lambda text: False


def translate(lines: Sequence[Line], markup: Markup, translate_all: Engine, rules: Rules) -> Translated:
    """Translate the cues. `translate_all` may raise StepFailed, which goes through."""
    units = _units(lines, markup, rules)
    sentences = [sentence for run in _runs(units, lines) for sentence in _sentences(run, units, rules.source)]
    texts = ["".join(piece.text for piece in sentence).strip() for sentence in sentences]
    answers = guard.translate(texts, translate_all, rules.names)
    flags: list[Flag] = []
    made: dict[int, list[str]] = {}
    for sentence, answer in zip(sentences, answers, strict=True):
        dealt = _deal(answer.text, _weights(sentence, units, lines), rules.profile)
        for piece, text in zip(sentence, dealt, strict=True):
            made.setdefault(piece.unit, []).append(text)
        flags += [Flag(units[sentence[0].unit].cue + 1, what) for what in answer.doubts]
    shown, more = _shown(units, made)
    raw, plain = _write(lines, units, shown, markup, rules.profile)
    passed = {unit.cue: Flag(unit.cue + 1, unit.passes) for unit in units if unit.passes}
    return Translated(raw, plain, sorted([*flags, *more]), list(passed.values()))


def _units(lines: Sequence[Line], markup: Markup, rules: Rules) -> list[_Unit]:
    units = []
    for number, line in enumerate(lines):
        if is_drawing(line.raw, markup):
            units.append(_Unit(number, Part("", line.raw), alone=True, passes="a drawing"))
            continue
        parts = take_apart(line.raw, markup)
        for part in parts:
            alone = len(parts) > 1 or "[" in part.before or "(" in part.before
            units.append(_Unit(number, part, alone, _why_not(part.text, rules)))
    return units


def _why_not(text: str, rules: Rules) -> str:
    """Why a text is not for translating; empty if it is."""
    if not text:
        return "no text"
    if not any(char.isalpha() for char in text):
        return "only a number" if any(char.isdigit() for char in text) else "only punctuation"
    bare = text.strip(" .,;:!?…\"'“”").casefold()
    if bare in {name.casefold() for name in rules.names}:
        return "a name in the glossary"
    return f"in {rules.profile.language} already" if rules.is_target(text) else ""


def _runs(units: Sequence[_Unit], lines: Sequence[Line]) -> list[list[int]]:
    """Units that may share sentences: one voice in one place, going on within a second."""
    runs: list[list[int]] = []
    latest: dict[str, list[int] | None] = {}  # by place: the run that may go on there
    for index, unit in enumerate(units):
        place = lines[unit.cue].place
        run = latest.get(place)
        if unit.passes:
            latest[place] = None
            continue
        full = run is not None and len(run) >= _RUN and ends_sentence(units[run[-1]].part.text)
        if run is not None and not full and _goes_on(units[run[-1]], unit, lines):
            run.append(index)
        else:
            latest[place] = [index]
            runs.append(latest[place] or [])
    return runs


def _goes_on(one: _Unit, two: _Unit, lines: Sequence[Line]) -> bool:
    """Whether the voice of one cue may go on in the other."""
    before, after = lines[one.cue], lines[two.cue]
    return (
        one.cue != two.cue
        and not one.alone
        and not two.alone
        and before.speaker == after.speaker
        and -_OVERLAP_S < after.start - before.end < _GAP_S
        and not begins_voice(two.part)
        and is_sung(one.part) == is_sung(two.part)
        and not one.part.text.endswith(("]", ")"))
        and not _is_answer(one.part.text, two.part.text)
    )


def _is_answer(one: str, two: str) -> bool:
    """Whether a cue is one word with a full stop, and another sentence follows: "No.", which looks like a number's."""
    bare = one.strip(" .\"'“”").lower()
    return one.rstrip("\"'”").endswith(".") and " " not in bare and bare not in _TITLES and two[:1].isupper()


def _sentences(run: Sequence[int], units: Sequence[_Unit], language: str) -> list[list[_Piece]]:
    """The sentences of a run, each as its pieces in the units it covers."""
    import sentencex

    whole, spans = "", []
    for index in run:
        text = units[index].part.text
        glue = "" if not whole or (is_unspaced(whole[-1]) and is_unspaced(text[0])) else " "
        spans.append((len(whole) + len(glue), index))
        whole += glue + text
    starts = [start for start, _ in spans]
    found: list[list[_Piece]] = []
    at = 0
    for sentence in sentencex.segment(language.split("-")[0] or "en", whole):
        for text in _short_enough(sentence):
            pieces = _pieces(at, text, starts, [index for _, index in spans])
            at += len(text)
            if "".join(piece.text for piece in pieces).strip():
                found += _few_cues(pieces)
    return found


def _pieces(at: int, text: str, starts: Sequence[int], indexes: Sequence[int]) -> list[_Piece]:
    """The parts of `text`, which begins at `at`, in the units that begin at `starts`."""
    end, pieces = at + len(text), []
    for number in range(max(0, bisect_right(starts, at) - 1), bisect_left(starts, end)):
        start = starts[number]
        stop = starts[number + 1] if number + 1 < len(starts) else end
        one, two = max(at, start), min(end, stop)
        if one < two and text[one - at : two - at].strip():
            pieces.append(_Piece(indexes[number], text[one - at : two - at]))
    return pieces


def _few_cues(pieces: list[_Piece]) -> list[list[_Piece]]:
    """A sentence that goes on and on, without a full stop, in several."""
    return [pieces[start : start + _MOST_CUES] for start in range(0, len(pieces), _MOST_CUES)]


def _short_enough(sentence: str) -> list[str]:
    """`sentence` in pieces that engines take whole, cut after a clause where there is one."""
    parts = []
    while len(sentence) > _LONGEST_CHARS:
        window = sentence[:_LONGEST_CHARS]
        clause = max((window.rfind(mark + " ") for mark in CLAUSE_END), default=-1) + 2
        space = window.rfind(" ") + 1
        cut = clause if clause > _LONGEST_CHARS // 3 else space if space > _LONGEST_CHARS // 3 else _LONGEST_CHARS
        parts.append(sentence[:cut])
        sentence = sentence[cut:]
    return [*parts, sentence]


def _weights(sentence: Sequence[_Piece], units: Sequence[_Unit], lines: Sequence[Line]) -> list[float]:
    """How much of the sentence each piece is, by the time that it is on screen."""
    found = []
    for piece in sentence:
        unit = units[piece.unit]
        line = lines[unit.cue]
        share = len(piece.text.strip()) / max(1, len(unit.part.text))
        found.append(max(0.05, line.end - line.start) * min(1.0, share))
    return found


def _deal(text: str, weights: Sequence[float], profile: Profile) -> list[str]:
    """`text` in as many pieces as there are weights, in proportion to them, broken where a reader breaks.

    With fewer words than pieces some are empty.
    """
    if len(weights) == 1:
        return [text]
    words = [Word(0.0, 0.0, part) for part in split_words(text)]
    found = atoms(words, profile.language, float("inf"), profile.full_width)
    whole = sum(atom.width + 1 for atom in found)
    total = sum(weights)
    aims = [sum(weights[: number + 1]) / total for number in range(len(weights))]
    # best[k][n]: the least cost of dealing the first n atoms to the first k pieces, and where the last piece begins.
    count, infinite = len(found), float("inf")
    after = [0.0, *itertools.accumulate((atom.width + 1) / whole for atom in found)] if found else [0.0]
    penalty = [0.0] * (count + 1)
    for at in range(1, count):
        penalty[at] = _BREAK_COST[between(found[at - 1].text, found[at].text, profile.language)]
    best = [[0.0] + [infinite] * count]
    origin: list[list[int]] = []
    for number, aim in enumerate(aims):
        row, begun = [infinite] * (count + 1), [0] * (count + 1)
        for end in range(count + 1):
            for start in range(end + 1):
                empty = 2.0 if start == end else 0.0  # better a bad break than a cue without words
                cost = best[number][start] + empty + (after[end] - aim) ** 2 + penalty[end]
                if cost < row[end]:
                    row[end], begun[end] = cost, start
        best.append(row)
        origin.append(begun)
    cuts = [count]
    for begun in reversed(origin):
        cuts.append(begun[cuts[-1]])
    cuts.reverse()
    return [_text(found[start:end]) for start, end in itertools.pairwise(cuts)]


def _text(some: Sequence[Atom]) -> str:
    return "".join(("" if atom.glued or not index else " ") + atom.text for index, atom in enumerate(some))


def _shown(units: Sequence[_Unit], made: dict[int, list[str]]) -> tuple[list[str], list[Flag]]:
    """What each unit shows. One that got no words of a short translation shows its neighbour's, so that none is empty."""
    shown: list[str] = []
    flags = []
    for index, unit in enumerate(units):
        if unit.passes:
            shown.append(unit.part.text)
            continue
        text = join(part for part in made.get(index, []) if part)
        if not text:
            text = _neighbour(units, made, index)
            flags.append(Flag(unit.cue + 1, "the translation has fewer words than cues: its neighbour's are repeated"))
        shown.append(text)
    return shown, flags


def _neighbour(units: Sequence[_Unit], made: dict[int, list[str]], index: int) -> str:
    """What the nearest unit before shows, else the nearest after, of those that were translated with it."""
    for steps in (range(index - 1, -1, -1), range(index + 1, len(units))):
        for other in steps:
            if units[other].passes:
                break
            if text := join(part for part in made.get(other, []) if part):
                return text
    return units[index].part.text


def _write(
    lines: Sequence[Line], units: Sequence[_Unit], shown: Sequence[str], markup: Markup, profile: Profile
) -> tuple[list[str], list[str]]:
    """The raw and the plain text of every cue, on lines by the target's profile."""
    raw = []
    by_cue: list[list[int]] = [[] for _ in lines]
    for index, unit in enumerate(units):
        by_cue[unit.cue].append(index)
    for line, indexes in zip(lines, by_cue, strict=True):
        if all(units[index].passes for index in indexes):
            raw.append(line.raw)
            continue
        texts = [shown[index] for index in indexes]
        if len(texts) == 1:
            texts = [_lines(texts[0], units[indexes[0]].part, profile)]
        raw.append(put_together([units[index].part for index in indexes], texts, markup))
    return raw, [readable(text, markup) for text in raw]


def _lines(text: str, part: Part, profile: Profile) -> str:
    """`text` on lines, with room for what is put before and after it."""
    marks = len(re.sub(r"\{[^}]*\}|<[^>]*>", "", part.before + part.after))
    chars = max(8.0, profile.max_chars_per_line - marks) if marks else profile.max_chars_per_line
    return break_lines(text, msgspec.structs.replace(profile, max_chars_per_line=chars))
