"""What people type to find jobs: `state:failed recipe:shorts lang:es since:2026-11-01 owner:anna holiday !trailer`."""

from __future__ import annotations

import datetime
import pwd

from reframed.errors import UsageError
from reframed.store.reads import STATES, Filter
from reframed.text import did_you_mean, listing, safe

_KEYS = ("state", "recipe", "lang", "inbox", "owner", "since", "until", "date")
_WORDS_MOST = 50
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
    when = {"since": 0.0, "until": 0.0}
    if len(text.split()) > _WORDS_MOST:
        raise UsageError("That is too much to look for.", f"At most {_WORDS_MOST} words.")
    for word in text.split():
        key, colon, value = word.partition(":")
        if colon and key.lower() in _KEYS and value:
            if key.lower() == "state":
                states += _states(value.lower())
            elif key.lower() in ("since", "until", "date"):
                when |= _when(key.lower(), value)
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
        owner_uid=_uid(wanted["owner"]) if "owner" in wanted else None,
        since=when["since"],
        until=when["until"],
    )


def _when(key: str, value: str) -> dict[str, float]:
    """A day (2026-11-21), a month (2026-11) or a year, as seconds: all of it, from it on, or up to its end."""
    parts = value.split("-")
    try:
        if len(parts) > 3:
            raise ValueError
        year, month, day = (int(part) for part in [*parts, "1", "1"][:3])
        first = datetime.datetime(year, month, day)  # the days of the person who asks
        found = {"since": first.timestamp(), "until": _after(first, len(parts)).timestamp()}
    except (ValueError, OverflowError, OSError):
        raise UsageError(f'"{safe(value)}" is not a date.', "Like 2026-11-21, 2026-11 or 2026.") from None
    return found if key == "date" else {key: found[key]}


def _after(first: datetime.datetime, parts: int) -> datetime.datetime:
    """When the year (1 part), month (2) or day (3) that begins at `first` is over."""
    if parts == 3:
        return first + datetime.timedelta(days=1)
    year, month = divmod(first.year * 12 + first.month - 1 + (12 if parts == 1 else 1), 12)
    return first.replace(year=year, month=month + 1)


def _uid(name: str) -> int:
    if name.isdecimal() and len(name) < 11:
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError):
        raise UsageError(f'There is no user "{safe(name)}" on this machine.', "Or give a number, owner:1000.") from None


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
