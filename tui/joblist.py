"""A virtual list of jobs: only the rows on screen are read from the ledger, however many there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from reframed.store.reads import Row
from reframed.text import duration, safe, shorten

# State is glyph and word; colour only helps, and blue and orange are told apart by everybody.
GLYPHS = {
    "queued": ("·", "grey62"),
    "blocked": ("!", "dark_orange"),
    "running": ("▶", "deep_sky_blue1"),
    "publishing": ("▶", "deep_sky_blue1"),
    "done": ("✓", "default"),
    "failed": ("✗", "dark_orange bold"),
    "cancelled": ("-", "grey62"),
}
_PAGE = 100
_DRAWN_MOST = 1000


class JobList(ScrollView, can_focus=True):
    """Jobs, newest first, one a line. Rows come from `read(limit, offset)`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("home,g", "jump(0)", "First", show=False),
        Binding("end,G", "jump(-1)", "Last", show=False),
    ]

    class Chosen(Message):
        """Another job is under the cursor (None: the list is empty)."""

        def __init__(self, job: int | None) -> None:
            super().__init__()
            self.job = job

    def __init__(self, read: Callable[[int, int], list[Row]], clock: Callable[[], float]) -> None:
        super().__init__(id="jobs")
        self._read = read
        self._clock = clock
        self._pages: dict[int, list[Row]] = {}
        self._total = 0
        self._cursor = 0
        self._chosen: int | None = None
        self._drawn: dict[int, str] = {}  # what was said on each line when it was drawn
        self.marked: set[int] = set()

    def toggle_mark(self) -> None:
        """Mark the job under the cursor, or take its mark away; and go on to the next."""
        if self._chosen is not None:
            self.marked ^= {self._chosen}
            self.action_move(1)

    def reset(self) -> None:
        """Another choice of jobs is shown: begin at its first."""
        self._pages.clear()
        self._total = self._cursor = 0
        self.refresh()

    def show(self, total: int) -> None:
        """Take over a changed ledger with `total` jobs. The cursor stays on its job as far as it is still near."""
        grown = total - self._total
        self._pages.clear()
        if self._cursor and grown > 0 and self._total:
            self._cursor += grown  # new jobs come in above
        moved = grown or not total
        self._total = total
        self._cursor = max(0, min(self._cursor, total - 1))
        if moved:
            self.virtual_size = Size(self.size.width, total)
            self.refresh()
        self._choose()
        self.freshen()

    def freshen(self) -> None:
        """Draw again the lines on screen that say something else by now."""
        top = round(self.scroll_offset.y)
        for index in range(top, min(self._total, top + self.size.height)):
            if self._drawn.get(index) != self._said_of(index):
                self.refresh_line(index)

    def _said_of(self, index: int) -> str:
        row = self._row(index)
        return f"{row['id']} {row['state']} {_tail(row, self._clock())} {row['id'] in self.marked}" if row else ""

    def _row(self, index: int) -> Row | None:
        page, place = divmod(index, _PAGE)
        if page not in self._pages:
            if len(self._pages) > 8:
                self._pages.clear()
            self._pages[page] = self._read(_PAGE, page * _PAGE)
        rows = self._pages[page]
        return rows[place] if place < len(rows) else None

    def _choose(self) -> None:
        row = self._row(self._cursor) if self._total else None
        job = row["id"] if row else None
        if job != self._chosen:
            self._chosen = job
            self.post_message(self.Chosen(job))

    def _go(self, index: int) -> None:
        before, at = self._cursor, self.scroll_offset.y
        self._cursor = max(0, min(index, self._total - 1))
        self.scroll_to_region(Region(0, self._cursor, self.size.width, 1), animate=False)
        self._choose()
        if self.scroll_offset.y != at:
            self.refresh()
            return
        for line in (before, self._cursor):  # nothing else has changed
            self.refresh_line(line)

    def action_move(self, by: int) -> None:
        """One line up or down."""
        self._go(self._cursor + by)

    def action_page(self, by: int) -> None:
        """One screen up or down."""
        self._go(self._cursor + by * max(1, self.size.height - 1))

    def action_jump(self, to: int) -> None:
        """To the first or the last job."""
        self._go(to if to >= 0 else self._total - 1)

    def on_resize(self) -> None:
        """Rows are as wide as the screen."""
        self.virtual_size = Size(self.size.width, self._total)

    def render_line(self, y: int) -> Strip:
        """One line of the list."""
        index = y + round(self.scroll_offset.y)
        row = self._row(index) if index < self._total else None
        if len(self._drawn) > _DRAWN_MOST:
            self._drawn.clear()
        self._drawn[index] = self._said_of(index) if row else ""
        width = self.scrollable_content_region.width
        if row is None:
            return Strip.blank(width, self.rich_style)
        style = self.rich_style
        if index == self._cursor:
            style += Style(reverse=self.has_focus, bold=True)
        glyph, colour = GLYPHS[row["state"]]
        state = Style() if index == self._cursor and self.has_focus else Style.parse(colour)
        tail = _tail(row, self._clock())
        room = max(8, width - 21 - len(tail))
        name = shorten(safe(row["name"]), room).ljust(room)
        segments = [
            Segment("*" if row["id"] in self.marked else " ", style + Style(bold=True)),
            Segment(f"{row['id']:>5} ", style),
            Segment(f"{glyph} {row['state']:<10} ", style + state),
            Segment(f"{name} ", style),
            Segment(tail, style if index == self._cursor else style + Style(dim=True)),
        ]
        return Strip(segments).adjust_cell_length(width, style).crop(0, width)


def _tail(row: Row, now: float) -> str:
    if row["state"] == "running":
        left = f", {duration(row['left_s'])} left" if row["left_s"] else ""
        return f"{row['step']} {row['progress']:.0%}{left}"
    if row["state"] in ("failed", "blocked"):
        return str(row["code"])
    review = "needs review, " if row["review"] else ""
    return f"{review}{duration(max(0.0, now - (row['ended_at'] or row['created_at'])))} ago"
