"""What a line is made of: pieces of text that are never broken, with their times."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from reframed.speech.words import Word, is_unspaced
from reframed.subtitles.breaks import NOT_FIRST, NOT_LAST
from reframed.subtitles.width import width


class Atom(NamedTuple):
    """A word, or a phrase of a script without spaces. `glued`: no space before it."""

    start: float
    end: float
    text: str
    width: float
    glued: bool
    words: tuple[Word, ...]

    @property
    def speaker(self) -> str:
        """Who says it, if that is known."""
        return self.words[0].speaker

    @property
    def language(self) -> str:
        """Its language, where it differs from the rest."""
        return self.words[0].language


def atoms(words: Sequence[Word], language: str, widest: float, full_width: bool) -> list[Atom]:
    """The atoms of `words`, none wider than `widest`."""
    found: list[Atom] = []
    run: list[Word] = []
    for word in [*words, None]:
        if word is not None and (is_unspaced(word.text[0]) or (run and word.text[0] in NOT_FIRST)):
            run.append(word)
            continue
        if run:
            found += _phrases(run, language, full_width, glued=bool(found))
            run = []
        if word is not None:
            glued = bool(found) and is_unspaced(found[-1].text[-1])
            found.append(Atom(word.start, word.end, word.text, width(word.text, full_width), glued, (word,)))
    return [part for atom in found for part in _split(atom, widest, full_width)]


def split_words(text: str) -> list[str]:
    """The words of a text; of scripts without spaces their phrases."""
    found: list[str] = []
    for part in text.split():
        pieces: list[str] = []
        for unspaced, run in itertools.groupby(part, is_unspaced):
            piece = "".join(run)
            parser = _parser(_tongue(piece)) if unspaced else None
            pieces += parser.parse(piece) if parser is not None else [piece]
        for index, piece in enumerate(pieces):
            if index and all(char in NOT_FIRST for char in piece):  # marks belong to what stands before them
                found[-1] += piece
            else:
                found.append(piece)
    return found


def _tongue(piece: str) -> str:
    if any("\u3040" <= char <= "\u30ff" for char in piece):
        return "ja"
    return "th" if any("\u0e00" <= char <= "\u0e7f" for char in piece) else "zh"


def _phrases(run: list[Word], language: str, full_width: bool, glued: bool) -> Iterator[Atom]:
    """The phrases of words without spaces (budoux), kept whole at words, with kinsoku."""
    parser = _parser(language.lower())
    text = "".join(word.text for word in run)
    cuts = set()
    if parser is not None:
        at = 0
        for phrase in parser.parse(text):
            at += len(phrase)
            cuts.add(at)
    at, group = 0, list[Word]()
    for index, word in enumerate(run):
        group.append(word)
        at += len(word.text)
        following = run[index + 1].text[0] if index + 1 < len(run) else ""
        may = not following or (following not in NOT_FIRST and word.text[-1] not in NOT_LAST)
        if (may and (parser is None or at in cuts)) or not following:
            whole = "".join(item.text for item in group)
            yield Atom(group[0].start, group[-1].end, whole, width(whole, full_width), glued, tuple(group))
            group, glued = [], True


@cache
def _parser(language: str) -> Any:
    import budoux

    tongue = language.split("-")[0]
    if tongue == "ja":
        return budoux.load_default_japanese_parser()
    if tongue == "th":
        return budoux.load_default_thai_parser()
    if tongue in ("zh", "yue"):
        traditional = tongue == "yue" or any(part in language for part in ("hant", "tw", "hk", "mo"))
        return (
            budoux.load_default_traditional_chinese_parser()
            if traditional
            else budoux.load_default_simplified_chinese_parser()
        )
    return None


def _split(atom: Atom, widest: float, full_width: bool) -> Iterator[Atom]:
    """An atom that fits no line, cut between characters; its time is shared out by width."""
    if atom.width <= widest:
        yield atom
        return
    per_width = (atom.end - atom.start) / atom.width
    start, piece, glued = atom.start, "", atom.glued
    for index, char in enumerate(atom.text):
        following = atom.text[index + 1 : index + 2]
        piece += char
        full = width(piece + following, full_width) > widest
        if not following or full:
            wide = width(piece, full_width)
            end = start + wide * per_width if following else atom.end
            yield Atom(start, end, piece, wide, glued, atom.words)
            start, piece, glued = end, "", True
