"""What people type to find jobs: `state:failed recipe:shorts lang:es holiday !trailer`."""

from __future__ import annotations

from reframed.errors import UsageError
from reframed.store.reads import STATES, Filter
from reframed.text import did_you_mean, listing, safe

_KEYS = ("state", "recipe", "lang", "inbox")
# Words for several states at once.
_GROUPS = {
    "running": ("running", "publishing"),
    "waiting": ("queued", "blocked"),
    "open": ("queued", "blocked", "running", "publishing"),
    "ended": ("done", "failed", "cancelled"),
}


def parse(text: str) -> Filter:
    """The filter that `text` describes: words must all be in a file's name, words after ! must not. Raises UsageError."""
    states: list[str] = []
    wanted: dict[str, str] = {}
    texts: list[str] = []
    without: list[str] = []
    for word in text.split():
        key, colon, value = word.partition(":")
        if colon and key.lower() in _KEYS and value:
            if key.lower() == "state":
                states += _states(value.lower())
            else:
                wanted[key.lower()] = value
        elif word.startswith("!") and len(word) > 1:
            without.append(word[1:])
        else:
            texts.append(word)
    return Filter(
        states=tuple(dict.fromkeys(states)),
        recipe=wanted.get("recipe", ""),
        inbox=wanted.get("inbox", ""),
        language=wanted.get("lang", ""),
        texts=tuple(texts),
        without=tuple(without),
    )


def _states(value: str) -> tuple[str, ...]:
    found: list[str] = []
    for part in value.split(","):
        if part in _GROUPS:
            found += _GROUPS[part]
        elif part in STATES:
            found.append(part)
        else:
            known = [*STATES, "waiting", "open", "ended"]
            raise UsageError(
                f'There is no state "{safe(part)}"{did_you_mean(part, known)}.', f"There are {listing(known)}."
            )
    return tuple(found)
