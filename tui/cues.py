"""Cues being edited: every change can be undone, and each cue says which reading rules it breaks."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from msgspec.structs import replace

from reframed.speech.words import Word
from reframed.subtitles import rules
from reframed.subtitles.cues import Cue
from reframed.subtitles.layout import break_lines
from reframed.subtitles.profiles import Profile

SHORTEST_S = 0.1
_NEW_S = 1.5


class CueTable:
    """Cues in the order of their times."""

    def __init__(self, cues: Sequence[Cue], profile: Profile) -> None:
        self.profile = profile
        self._cues = tuple(sorted((_clean(cue) for cue in cues), key=lambda cue: cue.start))
        self._past: list[tuple[Cue, ...]] = []
        self._future: list[tuple[Cue, ...]] = []
        self._saved = self._cues
        # By the cue and the next one, which are kept here too, so that nothing else gets their ids.
        self._broken: dict[tuple[int, int], tuple[tuple[Cue, ...], list[rules.Breach]]] = {}

    def __len__(self) -> int:
        return len(self._cues)

    def __getitem__(self, index: int) -> Cue:
        return self._cues[index]

    @property
    def cues(self) -> tuple[Cue, ...]:
        """All of them."""
        return self._cues

    @property
    def is_changed(self) -> bool:
        """Whether anything is not saved."""
        return self._cues != self._saved

    def saved(self) -> None:
        """What is there now is saved."""
        self._saved = self._cues

    def _replace(self, index: int, count: int, *new: Cue) -> None:
        self._past.append(self._cues)
        self._future.clear()
        self._cues = (*self._cues[:index], *new, *self._cues[index + count :])

    def undo(self) -> bool:
        """Take the last change back; whether there was one."""
        return self._step(self._past, self._future)

    def redo(self) -> bool:
        """Make the change again that was taken back."""
        return self._step(self._future, self._past)

    def _step(self, source: list[tuple[Cue, ...]], target: list[tuple[Cue, ...]]) -> bool:
        if not source:
            return False
        target.append(self._cues)
        self._cues = source.pop()
        return True

    def breaches(self, index: int) -> list[rules.Breach]:
        """The rules that a cue breaks, by itself or with the next one."""
        pair = self._cues[index : index + 2]
        key = (id(pair[0]), id(pair[-1]))
        if key not in self._broken:
            self._broken[key] = pair, [breach for breach in rules.check(pair, self.profile) if breach.cue == 1]
        return self._broken[key][1]

    def next_breach(self, index: int) -> int | None:
        """The next cue, after `index` and then from the first on, that breaks a rule."""
        count = len(self._cues)
        return next(
            (place % count for place in range(index + 1, index + 1 + count) if self.breaches(place % count)), None
        )

    def find(self, text: str, index: int, *, forwards: bool) -> int | None:
        """The next cue (or the last before), from `index` on and around, that holds `text`."""
        count, wanted = len(self._cues), text.lower()
        for step in range(1, count + 1):
            place = (index + step if forwards else index - step) % count
            if wanted in self._cues[place].text.lower():
                return place
        return None

    def set_text(self, index: int, text: str) -> None:
        """Other words. Their times stay where the number of words does."""
        cue, text = self._cues[index], plain(text)
        if text != cue.text:
            self._replace(index, 1, replace(cue, text=text, words=_timed(cue, text)))

    def split(self, index: int, at: int) -> bool:
        """Two cues instead of one, apart before the character `at`; False if one would be empty."""
        cue = self._cues[index]
        first, second = cue.text[:at].strip(), cue.text[at:].strip()
        if not first or not second:
            return False
        count = len(first.split())
        if count + len(second.split()) == len(cue.words):
            moment, words = cue.words[count].start, (cue.words[:count], cue.words[count:])
        else:
            moment, words = cue.start + cue.length * len(first) / (len(first) + len(second)), ((), ())
        moment = min(max(moment, cue.start + SHORTEST_S), max(cue.start + SHORTEST_S, cue.end - SHORTEST_S))
        end = max(cue.start + SHORTEST_S, min(moment, moment - self.profile.min_gap_s))
        one = replace(cue, end=end, text=first, words=tuple(replace(w, end=min(w.end, end)) for w in words[0]))
        two = replace(cue, start=moment, text=second, words=words[1])
        self._replace(index, 1, one, two)
        return True

    def join(self, index: int) -> bool:
        """One cue instead of this and the next; False if it is the last."""
        if index + 1 >= len(self._cues):
            return False
        one, two = self._cues[index], self._cues[index + 1]
        text = break_lines(f"{one.text} {two.text}", self.profile)
        words = one.words + two.words if one.words and two.words else ()
        self._replace(index, 2, Cue(one.start, max(one.end, two.end), text, words, one.speaker))
        return True

    def move(self, index: int, by_s: float, *, start: bool = True, end: bool = True) -> int | None:
        """Another beginning, another end, or both; None if the cue would begin before 0 or end before it begins."""
        cue = self._cues[index]
        moved = _moved(cue, by_s if start else 0.0, by_s if end else 0.0)
        if moved is None:
            return None
        self._replace(index, 1, moved)
        return self._in_order(moved)

    def shift_from(self, index: int, by_s: float) -> int | None:
        """This cue and all that follow, later (or earlier); None if one would begin before 0."""
        moved = [cue for cue in (_moved(cue, by_s, by_s) for cue in self._cues[index:]) if cue is not None]
        if len(moved) < len(self._cues) - index:
            return None
        self._replace(index, len(moved), *moved)
        return self._in_order(moved[0])

    def _in_order(self, cue: Cue) -> int:
        """Sort by the times; where `cue` is then."""
        self._cues = tuple(sorted(self._cues, key=lambda one: one.start))
        return next(place for place, one in enumerate(self._cues) if one is cue)

    def delete(self, index: int) -> None:
        """Without this cue."""
        self._replace(index, 1)

    def insert(self, index: int) -> int:
        """A new cue after this one, where there is room."""
        start = self._cues[index].end + self.profile.min_gap_s if self._cues else 0.0
        limit = self._cues[index + 1].start - self.profile.min_gap_s if index + 1 < len(self._cues) else start + _NEW_S
        end = max(start + SHORTEST_S, min(start + _NEW_S, limit))
        place = index + 1 if self._cues else 0
        self._replace(place, 0, Cue(start, end, ""))
        return place

    def faults(self) -> list[str]:
        """What must not be saved: cues without text, or that end before they begin."""
        found = [] if self._cues else ["there are no cues"]
        found += [f"cue {number} has no text" for number, cue in enumerate(self._cues, 1) if not cue.text.strip()]
        found += [
            f"cue {number} ends before it begins" for number, cue in enumerate(self._cues, 1) if cue.end <= cue.start
        ]
        return found


def plain(text: str) -> str:
    """Text without what could command a terminal or a player: control characters other than line ends."""
    return "".join(char for char in text.replace("\t", " ") if char == "\n" or unicodedata.category(char) != "Cc")


def _clean(cue: Cue) -> Cue:
    text = plain(cue.text)
    return cue if text == cue.text else replace(cue, text=text)


def _timed(cue: Cue, text: str) -> tuple[Word, ...]:
    """The old words' times for the new words, if there are as many."""
    tokens = text.split()
    if len(tokens) != len(cue.words):
        return ()
    return tuple(replace(word, text=token) for word, token in zip(cue.words, tokens, strict=True))


def _moved(cue: Cue, start_s: float, end_s: float) -> Cue | None:
    start, end = round(cue.start + start_s, 3), round(cue.end + end_s, 3)
    if start < 0 or end - start < SHORTEST_S:
        return None
    words = cue.words
    if start_s == end_s:
        words = tuple(replace(word, start=word.start + start_s, end=word.end + start_s) for word in words)
    elif start_s or end_s:
        words = tuple(replace(word, start=max(start, word.start), end=min(end, word.end)) for word in words)
    return replace(cue, start=start, end=end, words=words)
