"""A glossary of names and brands: what an engine is told to expect, and what is put right afterwards."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from reframed.errors import ReframeError
from reframed.speech.words import Word, join
from reframed.text import safe

TERMS_MAX = 1000
_TERM_WORDS_MAX = 4
_SURE = 0.8
_ALIKE = 0.8
_SHORTEST = 4
_MARKS = " .,;:!?…\"'“”‘’()[]{}-–—"
_AFTER = re.compile(r"(?:['’]s)?[" + re.escape(_MARKS) + r"]*\Z")


class Term(NamedTuple):
    """A name as it is written, and ways in which it is misheard."""

    text: str
    misheard: tuple[str, ...]


class Correction(NamedTuple):
    """What was put right, at which second."""

    at: float
    heard: str
    written: str


def read(path: Path) -> list[Term]:
    """The terms in a glossary: one a line, `Name` or `Name = misheard, misheard`; `#` begins a comment.

    Raises ReframeError when it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ReframeError(f"The glossary {safe(str(path))} cannot be read: {why}.", "One name a line.") from error
    terms = []
    for line in lines:
        text, _, misheard = line.partition("#")[0].partition("=")
        if text.strip():
            terms.append(Term(text.strip(), tuple(item.strip() for item in misheard.split(",") if item.strip())))
    if len(terms) > TERMS_MAX:
        raise ReframeError(
            f"The glossary {safe(str(path))} has {len(terms)} names; {TERMS_MAX} are the most.",
            "Keep those that are misheard.",
        )
    return terms


def as_text(terms: Sequence[Term]) -> str:
    """The names as an engine is told them; engines use the first of them only (about 100 tokens)."""
    return ", ".join(term.text for term in terms)


def correct(words: Sequence[Word], terms: Sequence[Term]) -> tuple[tuple[Word, ...], list[Correction]]:
    """`words` with the glossary's spelling, and what was changed.

    Replaced are: what is listed as misheard; what differs by case only; and what the engine was unsure of (a probability
    below 0.8) and is spelled much alike.
    """
    if not terms:
        return tuple(words), []
    result: list[Word] = []
    corrections: list[Correction] = []
    index = 0
    while index < len(words):
        found = _term_at(words, index, terms)
        if found is None:
            result.append(words[index])
            index += 1
            continue
        term, length = found
        heard = words[index : index + length]
        written = _in_place_of(heard, term.text)
        if join(word.text for word in heard) != join(word.text for word in written):
            corrections.append(Correction(heard[0].start, join(word.text for word in heard), term.text))
        result += written
        index += length
    return tuple(result), corrections


def _term_at(words: Sequence[Word], index: int, terms: Sequence[Term]) -> tuple[Term, int] | None:
    for length in range(min(_TERM_WORDS_MAX, len(words) - index), 0, -1):
        some = words[index : index + length]
        heard = _plain(join(word.text for word in some))
        sureness = min(word.probability for word in some)
        for term in terms:
            if heard == _plain(term.text) or heard in map(_plain, term.misheard):
                return term, length
        if sureness >= _SURE or len(heard) < _SHORTEST:
            continue
        for term in terms:
            if difflib.SequenceMatcher(None, heard, _plain(term.text)).ratio() >= _ALIKE:
                return term, length
    return None


def _plain(text: str) -> str:
    return _AFTER.sub("", text).lstrip(_MARKS).casefold()


def _in_place_of(heard: Sequence[Word], text: str) -> list[Word]:
    """The words of `text` over the time of `heard`, with the marks around it."""
    first, last = heard[0].text, heard[-1].text
    before = first[: len(first) - len(first.lstrip(_MARKS))]
    after = last[_AFTER.search(last).start() :]  # type: ignore[union-attr]
    pieces = text.split()
    start, length = heard[0].start, (heard[-1].end - heard[0].start) / len(pieces)
    sureness = min(word.probability for word in heard)
    if len(pieces) == len(heard):
        times = [(word.start, word.end) for word in heard]
    else:
        times = [(start + i * length, start + (i + 1) * length) for i in range(len(pieces))]
    pieces[0] = before + pieces[0]
    pieces[-1] += after
    return [
        msgspec.structs.replace(heard[0], start=begin, end=end, text=piece, probability=sureness)
        for piece, (begin, end) in zip(pieces, times, strict=True)
    ]
