"""A virtual list of jobs: only the rows on screen are read from the ledger, however many there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from reframed.store.reads import Row
from reframed.text import safe, shorten
from tui.lines import Line, strip
from tui.looks import Looks
from tui.times import about, ago

_PAGE = 100
_DRAWN_MOST = 1000
_NEAR = 100


class JobList(ScrollView, can_focus=True):
    """Jobs, newest first, one a line. Rows come from `read(limit, offset)`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False, id="down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="page_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="page_up"),
        Binding("home,g", "jump(0)", "First", show=False, id="top"),
        Binding("end,G", "jump(-1)", "Last", show=False, id="end"),
    ]

    def __init__(
        self,
        read: Callable[[int, int], list[Row]],
        clock: Callable[[], float],
        looks: Looks,
        on_choice: Callable[[int | None], None],
    ) -> None:
        """`on_choice` is told at once which job is under the cursor (None: none), before the next key is looked at."""
        super().__init__(id="jobs")
        self._on_choice = on_choice
        self.looks = looks
        self._read = read
        self._clock = clock
        self._pages: dict[int, list[Row]] = {}
        self._total = 0
        self._cursor = 0
        self._chosen: int | None = None
        self._drawn: dict[int, str] = {}  # what was said on each line when it was drawn
        self.marked: set[int] = set()
        self._instead: list[Line] = []

    def toggle_mark(self) -> None:
        """Mark the job under the cursor, or take its mark away; and go on to the next."""
        if self._chosen is not None:
            self.marked ^= {self._chosen}
            self.action_move(1)

    def instead(self, lines: list[Line]) -> None:
        """What is shown while there are no jobs."""
        if lines != self._instead:
            self._instead = lines
            self.refresh()

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
        self._cursor = self._near(max(0, min(self._cursor, total - 1)))
        if moved:
            self.virtual_size = Size(self.size.width, total)
            self.refresh()
        self._choose()
        self.freshen()

    def _near(self, index: int) -> int:
        """Where the chosen job is now, if it is near `index`; else `index`."""
        for step in range(_NEAR):
            for place in (index - step, index + step):
                row = self._row(place) if 0 <= place < self._total else None
                if row is not None and row["id"] == self._chosen:
                    return place
            if self._chosen is None:
                break
        return index

    def freshen(self) -> None:
        """Draw again the lines on screen that say something else by now."""
        top = round(self.scroll_offset.y)
        for index in range(top, min(self._total, top + self.size.height)):
            if self._drawn.get(index) != self._said_of(index):
                self.refresh_line(index)

    def _said_of(self, index: int) -> str:
        row = self._row(index)
        return (
            f"{row['id']} {row['state']} {_tail(row, self._clock(), short=self.size.width < 60)} {row['id'] in self.marked}"
            if row
            else ""
        )

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
            self._on_choice(job)

    def _go(self, index: int) -> None:
        before, at = self._cursor, self.scroll_offset.y
        self._cursor = max(0, min(index, self._total - 1))
        self._bring_into_sight()
        self._choose()
        if self.scroll_offset.y != at:
            self.refresh()
            return
        for line in (before, self._cursor):  # nothing else has changed
            self.refresh_line(line)

    def _bring_into_sight(self) -> None:
        """Scroll to the cursor: by half a screen at its edge, so that most keys redraw two lines and not all of them."""
        top, height = round(self.scroll_offset.y), max(1, self.scrollable_content_region.height)
        if self._cursor < top:
            top = min(self._cursor, max(0, top - height // 2))
        elif self._cursor >= top + height:
            top = max(self._cursor - height + 1, top + height // 2)
        self.scroll_to(y=min(top, max(0, self._total - height)), animate=False)

    def on_click(self, event: events.Click) -> None:
        """Choose a job with the mouse."""
        index = event.y + round(self.scroll_offset.y)
        if index < self._total:
            self._go(index)

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
        if row is None and not self._total and index < len(self._instead):
            return strip(self._instead[index], width, self.looks).apply_style(self.rich_style)
        if row is None:
            return Strip.blank(width, self.rich_style)
        cursor = index == self._cursor
        style = self.rich_style
        if cursor:
            style += Style(reverse=self.has_focus, bold=True)
        sign, role = self.looks.sign(row["state"])
        state = style if cursor and self.has_focus else style + self.looks.style(role)
        tail = _tail(row, self._clock(), short=width < 60)
        word = 10 if width >= 60 else 9
        number = f"{row['id']:>5} "
        room = max(6, width - 5 - len(number) - word - len(tail))
        name = self.looks.text(shorten(safe(row["name"]), room))
        segments = [
            Segment(
                "*" if row["id"] in self.marked else " ",
                style + Style(bold=True) if row["id"] in self.marked else style,
            ),
            Segment(number, style),
            Segment(f"{sign} {row['state']:<{word}.{word}} ", state),
            Segment(set_cell_size(name, room) + " ", style),
            Segment(self.looks.text(tail), style if cursor else style + self.looks.style("dim")),
        ]
        return Strip(segments).adjust_cell_length(width, style).crop(0, width).simplify()


def _tail(row: Row, now: float, *, short: bool = False) -> str:
    if row["state"] == "running" and short:
        return f"{row['progress']:.0%}"
    if row["state"] == "running":
        left = f", {about(row['left_s'])} left" if row["left_s"] and not short else ""
        return f"{row['step']} {row['progress']:.0%}{left}"
    if row["state"] in ("failed", "blocked"):
        return "" if short else str(row["code"])
    review = "needs review, " if row["review"] and not short else ""
    return f"{row['recipe']}, {review}{ago(row, now)}" if not short else ago(row, now)
