"""Choosing a style for burned-in captions, with a picture of it where the terminal can show one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen
from textual.widgets import Static

from reframed.errors import ReframeError
from reframed.text import safe
from tui.lines import Line, Lines
from tui.looks import Looks

_CONTRAST = 30  # levels of grey
_AROUND = 12  # pixels
_NO_PREVIEW = 'Pictures here: pip install "reframe-media[preview]"'


class StylePicker(ModalScreen[None]):
    """The styles one below another; enter renders in the chosen one."""

    CSS = """
    StylePicker { background: $background; }
    StylePicker #title { height: 1; background: $panel; padding: 0 1; }
    StylePicker #both { layout: horizontal; }
    StylePicker #names { width: 1fr; height: 100%; padding: 0 1; }
    StylePicker #picture { width: auto; max-width: 60%; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Back", show=False),
        Binding("j,down", "move(1)", "Down", show=False),
        Binding("k,up", "move(-1)", "Up", show=False),
        Binding("enter", "choose", "Render", show=False),
    ]

    def __init__(
        self,
        styles: Callable[[], Sequence[tuple[str, str]]],
        still: Callable[[str, Path], None],
        looks: Looks,
        choose: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._read, self._still, self._choose = styles, still, choose
        self.looks = looks
        self._styles: list[tuple[str, str]] = []
        self._cursor = 0
        self._folder = tempfile.TemporaryDirectory(prefix="reframe-stills-")

    def compose(self) -> ComposeResult:
        """Names at the left, the picture at the right."""
        yield Lines("title", self.looks)
        with Container(id="both"):
            yield Lines("names", self.looks)
            yield Static(id="picture", markup=False)

    def on_mount(self) -> None:
        """List them."""
        try:
            self._styles = list(self._read())
        except ReframeError as error:
            self._styles = []
            self._say(error.message)
            return
        self._say("")
        self._show()

    def on_unmount(self) -> None:
        """The pictures were only for looking."""
        self._folder.cleanup()

    def _say(self, text: str) -> None:
        about = text or "enter renders in this style, esc back"
        self.query_one("#title", Lines).show([(("Style", "bold"), (f"   {about}", "warm" if text else "dim"))])

    def _show(self) -> None:
        lines: list[Line] = []
        height = max(1, self.size.height - 1)
        top = max(0, self._cursor - height + 1)
        for index, (name, about) in list(enumerate(self._styles))[top : top + height]:
            chosen = index == self._cursor
            lines.append(
                ((f" {safe(name):<14}", "mark" if chosen else "bold"), (f" {safe(about)}", "" if chosen else "dim"))
            )
        self.query_one("#names", Lines).show(lines)
        if self._styles:
            name = self._styles[self._cursor][0]
            self.run_worker(lambda: self._draw(name), thread=True, exclusive=True, exit_on_error=False)

    def _draw(self, name: str) -> None:
        """Draw the style (once), then show it."""
        path = Path(self._folder.name) / f"{name}.png"
        try:
            if not path.exists():
                self._still(name, path)
            picture = pixels(path, max(16, self.size.width * 55 // 100), max(8, self.size.height - 2))
        except (ReframeError, OSError) as error:
            picture = str(error)
        self.app.call_from_thread(self._drawn, name, picture)

    def _drawn(self, name: str, picture: object) -> None:
        if self.is_attached and self._styles[self._cursor][0] == name:
            self.query_one("#picture", Static).update(picture)  # type: ignore[arg-type]

    def action_move(self, by: int) -> None:
        """Another style."""
        if self._styles:
            self._cursor = (self._cursor + by) % len(self._styles)
            self._show()

    def action_choose(self) -> None:
        """Render in it."""
        if self._styles:
            self._choose(self._styles[self._cursor][0])
        self.dismiss()

    def action_close(self) -> None:
        """Back, nothing chosen."""
        self.dismiss()


def pixels(path: Path, columns: int, rows: int) -> object:
    """The words of a picture as half blocks; without the extra `preview`, how to see it otherwise."""
    try:
        from PIL import Image
        from rich_pixels import HalfcellRenderer, Pixels
    except ImportError:
        return f"{_NO_PREVIEW}\n\nUntil then, while this is open: {path}\nOr: reframe style preview {path.stem}"
    with Image.open(path) as picture:
        found = picture.convert("RGB").crop(_words(picture.convert("L")))
        scale = min(columns / found.width, 2 * rows / found.height)
        small = found.resize(
            (max(1, round(found.width * scale)), max(2, round(found.height * scale))), Image.Resampling.BOX
        )
        return Pixels.from_image(small, renderer=HalfcellRenderer())


def _words(grey: Any) -> tuple[int, int, int, int]:
    """Where a still is not plain from left to right: the words, without the label at the top."""
    width, height = grey.size
    inner = range(height // 10, height - 4)
    found = []
    for y in inner:
        low, high = grey.crop((4, y, width - 4, y + 1)).getextrema()
        if high - low > _CONTRAST:
            found.append(y)
    if not found:
        return 0, 0, width, height
    top, bottom = max(0, found[0] - _AROUND), min(height, found[-1] + _AROUND)
    plain = grey.crop((4, top, 5, bottom)).resize((width - 8, bottom - top))
    from PIL import ImageChops

    changed = ImageChops.difference(grey.crop((4, top, width - 4, bottom)), plain).point(
        lambda level: 255 * (level > _CONTRAST)
    )
    left, _, right, _ = changed.getbbox() or (0, 0, width, 0)
    return max(0, left - _AROUND), top, min(width, right + _AROUND), bottom
