"""What must survive a translation: placeholders, addresses and names; and numbers, which are compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from reframed.text import listing

_HELD = re.compile(
    r"\{[^{}\s]*\}|%\(\w+\)[sdf]|%[sd]|\$\{\w+\}|https?://\S+|www\.\S+|[\w.+-]+@[\w-]+\.\w[\w.]*|<[^<>\s][^<>]*>|(?<!\w)[@#]\w+"
)
_NUMBER = re.compile(r"\d+(?:[.,:\u00a0\u202f]\d+)*")
_STAND_IN = "XQ{}"  # letters and a digit that engines take for a name and leave alone
_STOOD_IN = re.compile(r"(XQ\d+)", re.IGNORECASE)

_ECHO_WORDS = 3

Engine = Callable[[Sequence[str]], list[str]]


class Answer(NamedTuple):
    """A translation, and what about it a person should look at."""

    text: str
    doubts: tuple[str, ...]


def translate(sentences: Sequence[str], engine: Engine, names: frozenset[str]) -> list[Answer]:
    """Translate `sentences` with `engine`; what `_HELD` finds comes back to the letter, names as they are written."""
    engine = _in_sentence_case(engine)
    held = [_HELD.findall(text) for text in sentences]
    found = engine([_covered(text, items) for text, items in zip(sentences, held, strict=True)])
    answers: list[Answer] = []
    for text, items, given in zip(sentences, held, found, strict=True):
        made, named = _kept(text, items, given, engine, names)
        answers.append(Answer(made.strip() or text, tuple(_doubts(text, made, [*named, *_lost(items, made)]))))
    return answers


def _kept(text: str, items: Sequence[str], given: str, engine: Engine, names: frozenset[str]) -> tuple[str, list[str]]:
    """The translation `given` of `text` with everything back in it, and the names that could not be kept."""
    made = _uncovered(given, items)
    if _lost(items, made):
        made = _in_parts(text, items, engine)
    named = [name for name in names if _has(text, name) and not _has(made, name)]
    if named and not items:
        again = _uncovered(engine([_covered(text, named)])[0], named)
        if all(_has(again, name) for name in named):
            return again, []
    return made, named


def _lost(items: Sequence[str], made: str) -> list[str]:
    """The held items that a translation lacks, each as often as it does."""
    missing = Counter(items)
    for item in missing:
        missing[item] -= made.count(item)
    return sorted((missing - Counter()).elements())


def _in_sentence_case(engine: Engine) -> Engine:
    """An engine for texts in capitals, too: they are asked for in small letters, which engines know, and put back."""

    def translate(texts: Sequence[str]) -> list[str]:
        loud = [_is_loud(text) for text in texts]
        made = engine([_quietly(text) if shouts else text for text, shouts in zip(texts, loud, strict=True)])
        return [_loudly(text) if shouts else text for text, shouts in zip(made, loud, strict=True)]

    return translate


def _is_loud(text: str) -> bool:
    bare = _STOOD_IN.sub("", text)
    return bare.upper() == bare and bare.lower() != bare and sum(char.isalpha() for char in bare) > 1


def _quietly(text: str) -> str:
    """`text` in small letters, with a capital where a sentence begins; stand-ins as they are."""
    made = "".join(
        part if index % 2 else re.sub(r"\bi\b", "I", part.lower()) for index, part in enumerate(_STOOD_IN.split(text))
    )
    return re.sub(r"(^\W*|[.!?…]\s+)(\w)", lambda match: match[1] + match[2].upper(), made)


def _loudly(text: str) -> str:
    return "".join(part if index % 2 else part.upper() for index, part in enumerate(_STOOD_IN.split(text)))


def _has(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None


def _covered(text: str, items: Sequence[str]) -> str:
    for number, item in enumerate(items):
        text = re.sub(
            rf"(?<!\w){re.escape(item)}(?!\w)" if item[0].isalnum() else re.escape(item),
            _STAND_IN.format(number),
            text,
            count=1,
        )
    return text


def _uncovered(text: str, items: Sequence[str]) -> str:
    for number, item in reversed(list(enumerate(items))):
        text = re.sub(rf"{_STAND_IN.format(number)}(?!\d)", lambda match, item=item: item, text, flags=re.IGNORECASE)  # type: ignore[misc]
    return text


def _in_parts(text: str, items: Sequence[str], engine: Engine) -> str:
    """What stands between the held items translated by itself: clumsy, but nothing is lost."""
    parts = re.split(f"({'|'.join(re.escape(item) for item in sorted(set(items), key=len, reverse=True))})", text)
    wanted = [index for index, part in enumerate(parts) if index % 2 == 0 and any(char.isalpha() for char in part)]
    for index, made in zip(wanted, engine([parts[index].strip() for index in wanted]), strict=True):
        lead = parts[index][: len(parts[index]) - len(parts[index].lstrip())]
        tail = parts[index][len(parts[index].rstrip()) :]
        parts[index] = lead + made.strip() + tail
    return "".join(parts)


def numbers(text: str) -> list[str]:
    """The numbers in a text, without what groups their digits."""
    return sorted(re.sub(r"\D", "", found) for found in _NUMBER.findall(text))


def _doubts(text: str, made: str, named: Sequence[str]) -> list[str]:
    doubts = []
    there = numbers(made)
    lost = [number for number in numbers(text) if number not in there]
    if lost:
        doubts.append(f"numbers differ: {listing(lost)} not in the translation")
    if named:
        doubts.append(f"names differ: {listing(named)} not in the translation")
    if not made.strip():
        doubts.append("the engine gave nothing: the original is kept")
    elif made.strip().casefold() == text.strip().casefold() and len(text.split()) > _ECHO_WORDS:
        doubts.append("it came back as it was")
    elif len(text) > 20 and not 0.25 < len(made) / len(text) < 4 and not _is_dense(made, text):
        doubts.append(f"{len(made)} characters for {len(text)}: words may be missing or repeated")
    return doubts


def _is_dense(made: str, text: str) -> bool:
    """Whether one of the two is in a script that needs far fewer characters."""
    return any("\u2e80" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7af" for char in made + text)
