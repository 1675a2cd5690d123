"""Lines of text that are drawn one by one: only those that changed are sent to the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class Lines(Widget):
    """Text on lines that are cut at the right; in `marked`, one stretch of the first line (from, to) is reversed."""

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self._lines: list[str] = []
        self._marked = (0, 0)

    def show(self, lines: Sequence[str], marked: tuple[int, int] = (0, 0)) -> None:
        """Show other lines."""
        new, old = list(lines), self._lines
        changed = [
            index
            for index in range(max(len(new), len(old)))
            if (new[index : index + 1] != old[index : index + 1]) or (index == 0 and marked != self._marked)
        ]
        self._lines, self._marked = new, marked
        regions = [Region(0, index, self.size.width, 1) for index in changed if index < self.size.height]
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        """One line."""
        width = self.size.width
        text = self._lines[y] if y < len(self._lines) else ""
        text = set_cell_size(text, width) if text else " " * width
        style = self.rich_style
        start, end = self._marked if y == 0 else (0, 0)
        parts = [(text[:start], style), (text[start:end], style + Style(reverse=True)), (text[end:], style)]
        return Strip([Segment(part, look) for part, look in parts if part], width)
