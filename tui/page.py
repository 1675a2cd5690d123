"""A screen with lines to read: a job in full, the folders, a transcript, the keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.cells import chop_cells
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Input

from reframed.errors import ReframeError
from tui.lines import Line, Lines, plain, strip
from tui.looks import Looks

_REFRESH_S = 1.0
_COLUMN = re.compile(r"\S+(?: \S+){0,3} {2,}")  # what stands left of a column of text


class Pager(ScrollView, can_focus=True):
    """Lines of any number, wrapped; only those on screen are drawn."""

    def __init__(self, looks: Looks) -> None:
        super().__init__(id="pager")
        self.looks = looks
        self.needle = ""
        self._lines: list[Line] = []
        self._rows: list[Line] = []
        self._width = 0

    def show(self, lines: Sequence[Line]) -> None:
        """Show other lines; the place stays."""
        if list(lines) != self._lines:
            self._lines = list(lines)
            self._lay_out()

    def on_resize(self) -> None:
        """Lines wrap elsewhere."""
        if self.scrollable_content_region.width != self._width:
            self._lay_out()

    def _lay_out(self) -> None:
        self._width = max(10, self.scrollable_content_region.width - 1)
        self._rows = [row for line in self._lines for row in wrapped(line, self._width)]
        self.virtual_size = Size(self._width, len(self._rows))
        self.refresh()

    def find(self, forwards: bool) -> bool:
        """Scroll to the next (or last) row that holds what is searched for; whether there is one."""
        top = round(self.scroll_offset.y)
        after, before = range(top + 1, len(self._rows)), range(top - 1, -1, -1)
        around = [*after, *range(top + 1)] if forwards else [*before, *range(len(self._rows) - 1, top - 1, -1)]
        needle = self.needle.lower()
        for index in around:
            if needle in plain(self._rows[index]).lower():
                self.scroll_to(y=index, animate=False)
                self.refresh()
                return True
        self.refresh()
        return False

    def render_line(self, y: int) -> Strip:
        """One row."""
        index = y + round(self.scroll_offset.y)
        row = self._rows[index] if index < len(self._rows) else ""
        text = plain(row)
        place = text.lower().find(self.needle.lower()) if self.needle else -1
        if place >= 0:
            end = place + len(self.needle)
            row = ((text[:place], ""), (text[place:end], "mark"), (text[end:], ""))
        width = self.scrollable_content_region.width
        return strip(row, width, self.looks).apply_style(self.rich_style)


class Page(ModalScreen[None]):
    """A title and lines, which are read anew every second if they can change (`live`)."""

    DEFAULT_CSS = """
    Page { background: $background; }
    Page #title { height: 1; background: $panel; padding: 0 1; }
    Page #pager { height: 1fr; background: $background; padding: 0 0 0 1; scrollbar-size: 1 1; }
    Page #find { height: 1; border: none; padding: 0 1; display: none; }
    Page.-ascii #pager { scrollbar-size: 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "close", "Back", show=False),
        Binding("j,down", "scroll(1)", "Down", show=False),
        Binding("k,up", "scroll(-1)", "Up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("g,home", "to(True)", "Top", show=False),
        Binding("G,end", "to(False)", "End", show=False),
        Binding("slash", "find", "Find", show=False),
        Binding("n", "again(True)", "Next", show=False),
        Binding("N", "again(False)", "Previous", show=False),
    ]
    ABOUT = "/ find, n N, esc back"

    def __init__(self, title: str, lines: Callable[[], Sequence[Line]], looks: Looks, *, live: bool = True) -> None:
        super().__init__()
        self._title, self._lines, self._live = title, lines, live
        self.looks = looks

    def compose(self) -> ComposeResult:
        """A title and the lines."""
        yield Lines("title", self.looks)
        yield Pager(self.looks)
        yield Input(id="find", compact=True)

    def on_mount(self) -> None:
        """Show, and keep it up to date."""
        self.set_class(self.looks.ascii, "-ascii")
        self.pager.focus()
        self.said("")
        if self._live:
            self._update()
            self.set_interval(_REFRESH_S, self._update)
        else:
            self.pager.show(["..."])
            self.load()

    def load(self) -> None:
        """Read the lines beside the screen."""
        self.run_worker(self._load, thread=True, exclusive=True, exit_on_error=False)

    def _load(self) -> None:
        try:
            lines = self._lines()
        except ReframeError as error:
            lines = [error.message, error.hint]
        except Exception as error:  # noqa: BLE001 - said where it would have been
            lines = [f"That cannot be shown: {type(error).__name__}: {error}"]
        self.app.call_from_thread(self.pager.show, lines)

    @property
    def pager(self) -> Pager:
        """What shows the lines."""
        return self.query_one(Pager)

    def said(self, text: str) -> None:
        """Say something in the title."""
        about = text or self.ABOUT
        self.query_one("#title", Lines).show([((self._title, "bold"), (f"   {about}", "warm" if text else "dim"))])

    def _update(self) -> None:
        self.pager.show(self._lines())

    def action_close(self) -> None:
        """Back to the jobs; out of the search first."""
        if self.query_one("#find", Input).display:
            self._close_find()
        elif self.pager.needle:
            self.pager.needle = ""
            self.pager.refresh()
            self.said("")
        else:
            self.dismiss()

    def action_scroll(self, by: int) -> None:
        """A line up or down."""
        self.pager.scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        """A screen up or down."""
        self.pager.scroll_relative(y=by * max(1, self.pager.size.height - 1), animate=False)

    def action_to(self, top: bool) -> None:
        """To the first or the last line."""
        self.pager.scroll_home(animate=False) if top else self.pager.scroll_end(animate=False)

    def action_find(self) -> None:
        """Ask for a text."""
        box = self.query_one("#find", Input)
        box.value, box.placeholder, box.display = self.asked_before(), "find", True
        box.focus()

    def asked_before(self) -> str:
        """What is searched for."""
        return self.pager.needle

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Search."""
        event.stop()
        self._close_find()
        self.asked(event.value)

    def asked(self, text: str) -> None:
        """Find a text."""
        self.pager.needle = text.strip()
        self.action_again(True)

    def _close_find(self) -> None:
        self.query_one("#find", Input).display = False
        self.pager.focus()

    def action_again(self, forwards: bool) -> None:
        """The next place, or the one before."""
        if not self.pager.needle:
            self.said("")
        else:
            self.said("" if self.pager.find(forwards) else "not found")


def wrapped(line: Line, width: int) -> list[Line]:
    """The rows of a line: at its spaces where it has some."""
    text = plain(line)
    if len(text) <= width and text.isascii():
        return [line]
    rows: list[Line] = []
    column = _COLUMN.match(text)
    indent = " " * min(len(column[0]) if column else len(text) - len(text.lstrip()), width // 2)
    for part in _at_spaces(text, width, indent):
        rows.append(part)
    if len(rows) == 1:
        return [line]
    role = line[0][1] if not isinstance(line, str) and line else ""
    return [((str(row), role),) for row in rows] if role else rows


def _at_spaces(text: str, width: int, indent: str) -> list[str]:
    import textwrap

    if text.isascii():
        return textwrap.wrap(text, width, subsequent_indent=indent, drop_whitespace=True) or [""]
    return chop_cells(text, width) or [""]
