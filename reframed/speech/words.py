"""The transcript: words with times, as every engine gives them and every later step reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

# Unicode blocks of scripts that are written without spaces between words, with their marks: Thai and Lao, Myanmar, Khmer,
# Chinese and Japanese. Korean has spaces.
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x312F), (0x31A0, 0x9FFF), (0xF900, 0xFAFF),
    (0xFE30, 0xFE4F), (0xFF00, 0xFF9F), (0x20000, 0x3FFFF),
)  # fmt: skip


class Word(Struct, frozen=True, omit_defaults=True):
    """One spoken word with its punctuation; `start` and `end` in seconds from the start of the file.

    `language` is a BCP 47 tag, given only where it differs from the transcript's; `speaker` a name or label, if known.
    """

    start: float
    end: float
    text: str
    probability: float = 1.0
    language: str = ""
    speaker: str = ""


class Span(Struct, frozen=True):
    """A stretch of time in seconds, with what is said about it, if anything."""

    start: float
    end: float
    about: str = ""


class GivenCue(Struct, frozen=True):
    """A caption that somebody else wrote; lines are separated by newlines. Times in seconds."""

    start: float
    end: float
    text: str


class Transcript(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Words in time order that do not overlap; `language` is a BCP 47 tag, that of most words.

    `speech` is where a voice was found (nothing for a transcript that was not heard); `doubts` is where the engine could
    not be trusted, and why; `cues` are the captions that these words were read from, if they were. `translated_from` names
    the language that was spoken, when the words are a translation.
    """

    language: str
    language_probability: float
    duration_s: float
    model: str
    words: tuple[Word, ...]
    engine: str = "faster-whisper"
    translated_from: str = ""
    speech: tuple[Span, ...] = ()
    doubts: tuple[Span, ...] = ()
    cues: tuple[GivenCue, ...] = ()

    @property
    def text(self) -> str:
        """All words as running text."""
        return join(word.text for word in self.words)


def is_unspaced(char: str) -> bool:
    """Whether `char` belongs to a script that is written without spaces."""
    code = ord(char)
    return code >= 0x0E00 and any(first <= code <= last for first, last in _UNSPACED)


def join(texts: Iterable[str]) -> str:
    """Words as running text: with spaces, except beside scripts that have none."""
    result = ""
    for text in texts:
        space = result and text and not is_unspaced(result[-1]) and not is_unspaced(text[0])
        result += f" {text}" if space else text
    return result


def whole(parts: Iterable[Word]) -> tuple[Word, ...]:
    """Words from an engine's parts: "ill", "-disposed" is one word, for a new one begins with a space.

    Scripts without spaces keep their parts.
    """
    words: list[Word] = []
    for part in parts:
        text = part.text.strip()
        if not text:
            continue
        new = not words or part.text[0].isspace() or is_unspaced(text[0]) or is_unspaced(words[-1].text[-1])
        if new:
            words.append(msgspec.structs.replace(part, text=text))
        else:
            last = words.pop()
            sureness = min(last.probability, part.probability)
            words.append(msgspec.structs.replace(last, end=part.end, text=last.text + text, probability=sureness))
    return tuple(words)


def normalise(words: Sequence[Word], duration_s: float) -> tuple[Word, ...]:
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
        result.append(
            msgspec.structs.replace(
                word,
                start=round(start, 3),
                end=round(end, 3),
                text=word.text.strip(),
                probability=round(min(1.0, max(0.0, word.probability)), 4),
            )
        )
    return tuple(result)


def write(transcript: Transcript, path: Path) -> None:
    """Write `transcript` as JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(transcript), indent=1))


def read(path: Path) -> Transcript:
    """The transcript in a JSON file that `write` made."""
    return msgspec.json.decode(path.read_bytes(), type=Transcript)
