"""Every key of the dashboard: what it is called in the configuration, what it does, how it is explained."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from reframed.text import did_you_mean, safe


class Key(NamedTuple):
    """One key. `label` is for the foot of the screen (empty: only in the help), `action` as Textual wants it."""

    name: str
    key: str
    about: str
    label: str = ""
    action: str = ""


KEYS = (
    Key("retry", "r", "queue the job again (or all that are marked)", "Retry"),
    Key("cancel", "x", "cancel it; y confirms, never enter", "Cancel"),
    Key("edit", "e", "edit the captions, and go on from there", "Edit"),
    Key(
        "find",
        "slash",
        "find: state:failed recipe:shorts lang:es date:2026-11 owner:anna text !not (in a log: a text)",
        "Find",
    ),
    Key("log", "l", "the log on the whole screen", "Log"),
    Key("folders", "w", "the inboxes, and why files in them wait", "Inboxes"),
    Key("history", "H", "what was done: by day, and in all", "History"),
    Key("help", "question_mark", "all keys", "Keys"),
    Key("quit", "q", "quit; the daemon goes on", "Quit"),
    Key("open", "enter", "everything about the job"),
    Key("back", "escape", "back: out of a question, a search, the log"),
    Key("mark", "space", "mark; then r x P c s act on all that are marked"),
    Key("unmark", "u", "take all marks away"),
    Key("next", "n", "the next that was found"),
    Key("previous", "N", "the one before"),
    Key("transcript", "t", "the text with its times"),
    Key("style", "s", "render in another style"),
    Key("outputs", "o", "the outputs"),
    Key("priority", "P", "priority, -9 to 9"),
    Key("pause", "p", "pause the intake (no file is taken), or go on", action="switch('pause')"),
    Key("drain", "D", "start no more steps, or go on", action="switch('drain')"),
    Key("recipes", "R", "recipes, inboxes, and what `reframe check` says of them"),
    Key("copy", "y", "copy the job's path to your own machine (over SSH, too)"),
    Key("command", "c", "copy the command line that does what r would do"),
    Key("follow", "f", "the log: follow its end, or stop"),
    Key("wrap", "W", "the log: wrap long lines, or cut them"),
    Key("theme", "T", "dark or light"),
    Key("palette", "ctrl+p", "all of this, and jobs, by name", action="command_palette"),
    Key("switch", "tab", "between the list and the log", action="app.focus_next"),
)
TABS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("all", ()),
    ("running", ("running", "publishing")),
    ("waiting", ("queued", "blocked")),
    ("failed", ("failed",)),
    ("done", ("done", "cancelled")),
)
_KEY = re.compile(r"(?:(?:ctrl|alt|shift)\+)*(?:[A-Za-z0-9]|[a-z][a-z0-9_]+)")
_TAKEN = frozenset(["j", "k", "g", "G", "up", "down", "left", "right", "home", "end", "pageup", "pagedown", *"01234"])
_SHOWN = {"slash": "/", "question_mark": "?", "escape": "esc", "less_than_sign": "<", "greater_than_sign": ">"}
_MOVING = (
    ("j k, arrows", "one line"),
    ("g G", "the first, the last"),
    ("page up, down", "a screen"),
    ("0 1 2 3 4", "all, running, waiting, failed, done"),
)


def shown(key: str) -> str:
    """A key as people write it."""
    return _SHOWN.get(key, key)


def faults(wanted: Mapping[str, str]) -> list[str]:
    """Sentences about keys in the configuration that are none."""
    known = {key.name: key.key for key in KEYS}
    found = [
        f'tui: keys: there is no "{safe(name)}"{did_you_mean(name, known)}' for name in wanted if name not in known
    ]
    right = {name: key for name, key in wanted.items() if name in known}
    for name, key in right.items():
        others = {other for other, theirs in (known | right).items() if theirs == key and other != name}
        if not _KEY.fullmatch(key):
            found.append(f'tui: keys: {name}: "{safe(key)}" is no key; like r, R, f5, ctrl+r')
        elif key in _TAKEN or others:
            what = " and ".join(sorted(others)) or "moving about"
            found.append(f'tui: keys: {name}: "{key}" is for {what} already')
    return found


def usable(wanted: Mapping[str, str]) -> dict[str, str]:
    """The keys of the configuration that can be had, one by one in their order."""
    found: dict[str, str] = {}
    for name, key in wanted.items():
        if not faults(found | {name: key}):
            found[name] = key
    return found


def help_lines(wanted: Mapping[str, str], signs: str) -> list[str]:
    """The page of all keys."""
    lines = [f"{keys:<14} {about}" for keys, about in _MOVING]
    lines += [f"{shown(wanted.get(key.name, key.key)):<14} {key.about}" for key in KEYS]
    return [
        *lines,
        "",
        f"State is a sign, a word and a colour: {signs}.",
        "Other keys, a theme or plain ASCII: `tui:` in reframe.yaml (`reframe schema` describes it).",
    ]
