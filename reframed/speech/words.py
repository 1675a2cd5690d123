"""The transcript: words with times, as every engine gives them and every later step reads them."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct


class Word(Struct, frozen=True):
    """One spoken word with its punctuation; `start` and `end` in seconds from the start of the file."""

    start: float
    end: float
    text: str
    probability: float = 1.0


class Transcript(Struct, frozen=True, kw_only=True):
    """Words in time order that do not overlap; `language` is a BCP 47 tag."""

    language: str
    language_probability: float
    duration_s: float
    model: str
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """All words as running text."""
        return " ".join(word.text for word in self.words)


def normalise(words: list[Word], duration_s: float) -> tuple[Word, ...]:
    """`words` sorted, inside the file, without overlaps and without empty ones.

    An overlap is cut in the later word's favour: the earlier word ends where the next one starts.
    """
    inside = [word for word in words if word.text.strip() and word.start < duration_s]
    ordered = sorted(inside, key=lambda word: (word.start, word.end))
    result = []
    for index, word in enumerate(ordered):
        limit = ordered[index + 1].start if index + 1 < len(ordered) else duration_s
        start = max(0.0, word.start)
        end = max(start, min(word.end, limit, duration_s))
        result.append(Word(round(start, 3), round(end, 3), word.text.strip(), round(word.probability, 4)))
    return tuple(result)


def write(transcript: Transcript, path: Path) -> None:
    """Write `transcript` as JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(transcript), indent=1))


def read(path: Path) -> Transcript:
    """The transcript in a JSON file that `write` made."""
    return msgspec.json.decode(path.read_bytes(), type=Transcript)
