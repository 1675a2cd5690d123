"""Lines of text that are drawn one by one: only those that changed are sent to the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.looks import Looks

Line = str | tuple[tuple[str, str], ...]  # plain, or parts, each with its role (see Looks)


def plain(line: Line) -> str:
    """The text of a line."""
    return line if isinstance(line, str) else "".join(text for text, _ in line)


def strip(line: Line, width: int, looks: Looks, base: object = None) -> Strip:
    """A line, cut or filled to `width` cells."""
    parts = ((line, ""),) if isinstance(line, str) else line
    segments, left = [], width
    for text, role in parts:
        shown = looks.text(text)
        cells = cell_len(shown)
        if cells > left:
            shown, cells = set_cell_size(shown, left), left
        segments.append(Segment(shown, looks.style(role)))
        left -= cells
        if left <= 0:
            break
    if left > 0:
        segments.append(Segment(" " * left))
    return Strip(segments, width)


class Lines(Widget):
    """Lines that are cut at the right. `columns` of a click on the first line are told to the app."""

    class Clicked(Message):
        """Somebody clicked on the first line."""

        def __init__(self, name: str, column: int) -> None:
            super().__init__()
            self.name, self.column = name, column

    def __init__(self, name: str, looks: Looks) -> None:
        super().__init__(id=name)
        self.looks = looks
        self._lines: list[Line] = []

    def show(self, lines: Sequence[Line]) -> None:
        """Show other lines."""
        new, old = list(lines), self._lines
        changed = [
            index for index in range(max(len(new), len(old))) if new[index : index + 1] != old[index : index + 1]
        ]
        self._lines = new
        regions = [Region(0, index, self.size.width, 1) for index in changed if index < self.size.height]
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        """One line."""
        line = self._lines[y] if y < len(self._lines) else ""
        return strip(line, self.size.width, self.looks).apply_style(self.rich_style).simplify()

    def on_click(self, event: events.Click) -> None:
        """Tell where it was clicked."""
        if event.y == 0:
            self.post_message(self.Clicked(self.id or "", event.x))
