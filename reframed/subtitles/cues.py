"""What a cue is."""

from __future__ import annotations

from msgspec import Struct

from reframed.speech.words import Word


class Cue(Struct, frozen=True, omit_defaults=True):
    """One caption on screen from `start` to `end` (seconds); lines are separated by newlines.

    `words` are those it was made of, if they are known; `speaker` is a name or label.
    """

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    speaker: str = ""

    @property
    def length(self) -> float:
        """Seconds on screen."""
        return self.end - self.start

    @property
    def lines(self) -> list[str]:
        """Its lines."""
        return self.text.split("\n")
