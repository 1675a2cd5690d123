"""The log of a job: its end as it grows, or any place in it; search; wrapped or cut."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from rich.cells import chop_cells
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.lines import Line, strip
from tui.logfile import LogFile, Piece
from tui.looks import Looks


class LogPane(Widget, can_focus=True):
    """A window on a LogFile. `follow`: its end stays in sight; `wrap`: long lines go on below instead of being cut."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False, id="log_down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="log_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="log_page_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="log_page_up"),
        Binding("home,g", "edge(True)", "Top", show=False, id="log_top"),
        Binding("end,G", "edge(False)", "End", show=False, id="log_end"),
        Binding("left", "shift(-8)", "Left", show=False, id="log_left"),
        Binding("right", "shift(8)", "Right", show=False, id="log_right"),
    ]

    class Said(Message):
        """Something to tell the person who looks."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, looks: Looks) -> None:
        super().__init__(id="log")
        self.looks = looks
        self.follow = True
        self.wrap = False
        self.needle = ""
        self._file: LogFile | None = None
        self._top = 0  # the offset of the first piece on screen
        self._skip = 0  # rows of it that are above the screen
        self._left = 0
        self._rows: list[Line] = []

    @property
    def path(self) -> Path | None:
        """The file that is shown."""
        return self._file.path if self._file else None

    def open(self, path: Path | None) -> None:
        """Show another file, from its end."""
        self._file = LogFile(path) if path else None
        self._top = self._skip = self._left = 0
        self.follow = True
        if self._file:
            self._file.look()
        self._show()

    def look(self) -> None:
        """Show what has happened to the file."""
        if self._file is None:
            return
        what = self._file.look()
        if what == "rotated":
            self._top = self._skip = 0
            self.post_message(self.Said("the log was replaced by a new one; it is shown from now on"))
        elif what == "gone":
            self.post_message(self.Said("the log is not there any more"))
        if what != "same":
            self._show()

    def jump(self, offset: int) -> None:
        """Show the line at `offset` first."""
        self.follow = False
        self._top, self._skip = offset, 0
        self._show()

    def find_from(self, *, forwards: bool) -> tuple[LogFile, int] | None:
        """The file, and where a search goes on; None: there is nothing to search."""
        if self._file is None:
            return None
        if forwards:
            following = self._file.forward(self._top, 1)
            return self._file, following[0].end if following and not self.follow else 0
        return self._file, self._top

    def toggle_follow(self) -> bool:
        """Follow the end, or stop; whether it does now."""
        self.follow = not self.follow
        self._show()
        return self.follow

    def toggle_wrap(self) -> bool:
        """Wrap long lines, or cut them; whether it does now."""
        self.wrap, self._left = not self.wrap, 0
        self._show()
        return self.wrap

    def action_move(self, by: int) -> None:
        """Lines up or down."""
        self.follow = False
        for _ in range(abs(by)):
            self._down() if by > 0 else self._up()
        self._show()

    def action_page(self, by: int) -> None:
        """A screen up or down."""
        self.action_move(by * max(1, self.size.height - 1))

    def action_edge(self, top: bool) -> None:
        """To the first line, or to the end (and stay there)."""
        self.follow, self._top, self._skip = not top, 0, 0
        self._show()

    def action_shift(self, by: int) -> None:
        """Lines that are cut: look further right or left."""
        if not self.wrap:
            self._left = max(0, self._left + by)
            self._show()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        self.action_move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        self.action_move(-3)

    def on_resize(self) -> None:
        """Another number of lines fits."""
        self._show()

    def _down(self) -> None:
        if self._file is None:
            return
        pieces = self._file.forward(self._top, self.size.height + 1)
        if sum(len(self._split(piece)) for piece in pieces) - self._skip <= self.size.height:
            return  # the end is in sight
        if self._skip + 1 < len(self._split(pieces[0])):
            self._skip += 1
        else:
            self._top, self._skip = pieces[0].end, 0

    def _up(self) -> None:
        if self._skip:
            self._skip -= 1
        elif self._file is not None and (before := self._file.backward(self._top, 1)):
            self._top, self._skip = before[0].start, len(self._split(before[0])) - 1

    def _split(self, piece: Piece) -> list[str]:
        """The rows that a piece takes."""
        if not self.wrap:
            return [piece.text]
        return chop_cells(self.looks.text(piece.text), max(1, self.size.width)) or [""]

    def _show(self) -> None:
        """Draw the rows that changed."""
        height = self.size.height
        old, self._rows = self._rows, self._laid_out(height) if self._file is not None and height else []
        if height and not self._rows:
            self._rows = [(("no log yet", "dim"),)]
        changed = [Region(0, y, self.size.width, 1) for y in range(height) if old[y : y + 1] != self._rows[y : y + 1]]
        if changed:
            self.refresh(*changed)

    def _laid_out(self, height: int) -> list[Line]:
        assert self._file is not None
        if self.follow:
            pieces = self._file.backward(self._file.size, height)
            rows = [(piece, index, row) for piece in pieces for index, row in enumerate(self._split(piece))][-height:]
            if rows:
                self._top, self._skip = rows[0][0].start, rows[0][1]
        else:
            pieces = self._file.forward(self._top, height + 1)
            rows = [(piece, index, row) for piece in pieces for index, row in enumerate(self._split(piece))]
            rows = rows[self._skip : self._skip + height]
        return [self._marked(row if self.wrap else row[self._left :]) for _, _, row in rows]

    def _marked(self, text: str) -> Line:
        """A row, with what is searched for marked."""
        place = text.lower().find(self.needle.lower()) if self.needle else -1
        if place < 0:
            return text
        end = place + len(self.needle)
        return ((text[:place], ""), (text[place:end], "mark"), (text[end:], ""))

    def render_line(self, y: int) -> Strip:
        """One row."""
        line = self._rows[y] if y < len(self._rows) else ""
        return strip(line, self.size.width, self.looks).apply_style(self.rich_style)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """As wide as there is room."""
        return container.width
