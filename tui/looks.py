"""How things look: signs, colours that everybody tells apart, and plain ASCII where a terminal has nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from rich.style import Style
from textual.theme import Theme

# State is a sign and a word; colour only helps, and blue and orange are told apart by everybody.
_SIGNS = {
    "queued": ("·", ".", "dim"),
    "blocked": ("!", "!", "warm"),
    "running": ("▶", ">", "cool"),
    "publishing": ("▶", ">", "cool"),
    "done": ("✓", "+", ""),
    "failed": ("✗", "x", "bad"),
    "cancelled": ("-", "-", "dim"),
}
_DARK = {"cool": "#5fb4ff", "warm": "#ffa64d", "dim": "#8d99a6"}
_LIGHT = {"cool": "#0057b0", "warm": "#a84b00", "dim": "#5f6a75"}
_ASCII = str.maketrans({"…": "~", "·": ".", "▶": ">", "✓": "+", "✗": "x", "→": ">", "│": "|", "─": "-", "⏎": "|"})
THEMES = ("dark", "light")


class Looks(NamedTuple):
    """A choice of looks. `role` names what a text is: "", dim, bold, cool, warm, bad, key, mark."""

    dark: bool = True
    ascii: bool = False

    def style(self, role: str) -> Style:
        """The style of a role."""
        return _STYLES[self.dark][role]

    def sign(self, state: str) -> tuple[str, str]:
        """The sign of a job's state, and its role."""
        sign, plain, role = _SIGNS[state]
        return (plain if self.ascii else sign), role

    def text(self, text: str) -> str:
        """`text` as the terminal can show it."""
        if not self.ascii or text.isascii():
            return text
        return text.translate(_ASCII).encode("ascii", "backslashreplace").decode()


def _styles(colours: dict[str, str]) -> dict[str, Style]:
    return {
        "": Style.null(),
        "dim": Style(color=colours["dim"]),
        "bold": Style(bold=True),
        "cool": Style(color=colours["cool"]),
        "warm": Style(color=colours["warm"]),
        "bad": Style(color=colours["warm"], bold=True),
        "key": Style(color=colours["cool"], bold=True),
        "mark": Style(reverse=True),
    }


_STYLES = {True: _styles(_DARK), False: _styles(_LIGHT)}


def themes() -> list[Theme]:
    """The two themes, dark and light."""
    return [
        Theme(
            name="dark", dark=True, primary="#3b7dbd", secondary="#ffa64d", warning="#ffa64d", error="#ffa64d",
            success="#5fb4ff", accent="#5fb4ff", foreground="#e4e8ec", background="#14181c", surface="#14181c",
            panel="#222a32",
        ),
        Theme(
            name="light", dark=False, primary="#2f6da8", secondary="#a84b00", warning="#a84b00", error="#a84b00",
            success="#0057b0", accent="#0057b0", foreground="#1c2329", background="#fbfbf9", surface="#fbfbf9",
            panel="#e4e7ea",
        ),
    ]  # fmt: skip


def wants_ascii(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the locale says that the terminal shows ASCII alone; one that says nothing is taken for UTF-8."""
    named = next((environment[key] for key in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(key)), "")
    return bool(named) and "utf" not in named.lower()
