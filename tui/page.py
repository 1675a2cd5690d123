"""A screen with text to read: a job in full, the folders, the keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

_REFRESH_S = 1.0


class Page(ModalScreen[None]):
    """Lines that are read anew every second while they are looked at."""

    CSS = """
    Page { align: center middle; }
    #page { width: 100%; height: 100%; background: $surface; padding: 0 1; }
    #title { height: 1; background: $panel; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "close", "Back"),
        Binding("j,down", "scroll(1)", "Down", show=False),
        Binding("k,up", "scroll(-1)", "Up", show=False),
        Binding("g,home", "to(True)", "Top", show=False),
        Binding("G,end", "to(False)", "End", show=False),
    ]

    def __init__(self, title: str, lines: Callable[[], list[str]]) -> None:
        super().__init__()
        self._title, self._lines = title, lines
        self._shown = ""

    def compose(self) -> ComposeResult:
        """A title and the lines."""
        yield Static(Text(f"{self._title}   esc: back", no_wrap=True), id="title", markup=False)
        with VerticalScroll(id="page"):
            yield Static(id="text", markup=False)

    def on_mount(self) -> None:
        """Show, and keep it up to date."""
        self._update()
        self.set_interval(_REFRESH_S, self._update)

    def _update(self) -> None:
        text = "\n".join(self._lines())
        if text != self._shown:
            self._shown = text
            self.query_one("#text", Static).update(Text(text))

    def action_close(self) -> None:
        """Back to the jobs."""
        self.dismiss()

    def action_scroll(self, by: int) -> None:
        """A line up or down."""
        self.query_one("#page").scroll_relative(y=by, animate=False)

    def action_to(self, top: bool) -> None:
        """To the first or the last line."""
        page = self.query_one("#page")
        page.scroll_home(animate=False) if top else page.scroll_end(animate=False)
