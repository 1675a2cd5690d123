"""Whether what an engine heard in a chunk can be true. The thresholds are Whisper's own, where it has one."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from reframed.speech.engine import Heard
from reframed.speech.vad import Region
from reframed.speech.words import Word, join

UNHEARD = "speech without words"
COMPRESSION_MAX = 2.4
LOGPROB_MIN = -1.0
SILENCE_MAX = 0.6
_REPEATS_MAX = 3
_PHRASE_MAX = 12
_OUTSIDE_S = 0.5
_OUTSIDE_SHARE = 0.3
_UNHEARD_S = 2.0
_AROUND_S = 0.6
_HURRIED_S = 0.05
_HURRIED_SHARE = 0.1


def faults(heard: Heard, words: Sequence[Word], speech: Sequence[Region]) -> list[str]:
    """Why this cannot be trusted, as sentences; empty if it can. `words` has the file's times."""
    found = []
    text = join(word.text.strip() for word in heard.words)
    if compression(text) > COMPRESSION_MAX and hurried(words) > _HURRIED_SHARE:
        found.append("the text repeats itself")
    elif repeats(words):
        found.append("words are repeated over and over")
    if heard.logprob < LOGPROB_MIN:
        found.append("the engine was not sure of it")
    if outside(words, speech) > _OUTSIDE_SHARE:
        found.append("words where nobody speaks")
    if unheard(words, speech) > _UNHEARD_S:
        found.append(UNHEARD)
    return found


def is_silence(heard: Heard) -> bool:
    """Whether the engine itself takes its words for noise."""
    return heard.silence > SILENCE_MAX and heard.logprob < LOGPROB_MIN


def compression(text: str) -> float:
    """How much smaller zlib makes `text`: a loop compresses well."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def hurried(words: Sequence[Word]) -> float:
    """The share of words too short to be said: a loop that nobody spoke has no time of its own."""
    return sum(word.end - word.start < _HURRIED_S for word in words) / len(words) if words else 0.0


def repeats(words: Sequence[Word]) -> int:
    """The first word that belongs to a phrase said more than three times in a row, counted from 1; 0 if none does."""
    texts = [word.text.strip(" .,!?").lower() for word in words]
    for length in range(1, _PHRASE_MAX + 1):
        count = 1
        for index in range(length, len(texts) - length + 1):
            same = texts[index : index + length] == texts[index - length : index]
            count = count + 1 if same else 1
            if count > _REPEATS_MAX * length:
                return index - count + 2
    return 0


def outside(words: Sequence[Word], speech: Sequence[Region]) -> float:
    """The share of words that lie clear of all speech."""
    if not words:
        return 0.0
    clear = [
        all(word.start > region.end + _OUTSIDE_S or word.end < region.start - _OUTSIDE_S for region in speech)
        for word in words
    ]
    return sum(clear) / len(words)


def holes(words: Sequence[Word], speech: Sequence[Region]) -> list[Region]:
    """The stretches of speech that no word is near."""
    found = []
    covered = [(word.start - _AROUND_S, word.end + _AROUND_S) for word in words]
    for region in speech:
        at = region.start
        for start, end in covered:
            if start >= region.end:
                break
            if start > at:
                found.append(Region(at, start))
            at = max(at, end)
        if region.end > at:
            found.append(Region(at, region.end))
    return found


def unheard(words: Sequence[Word], speech: Sequence[Region]) -> float:
    """Seconds of speech that no word is near."""
    return sum(hole.length for hole in holes(words, speech))
