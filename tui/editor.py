"""The cue editor: text, times, splitting and joining, with the reading rules beside every cue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Input

from reframed.errors import ReframeError
from reframed.store.reads import Row
from reframed.subtitles import files, profiles, rules
from reframed.text import parse_duration, safe
from tui import transcript
from tui.cues import CueTable
from tui.lines import Line, Lines
from tui.looks import Looks
from tui.page import wrapped
from tui.transcript import Captions, clock

_BREAK = " | "  # how a line end is typed
_NUDGE_S = 0.1
Save = Callable[[int, str, str, str], str]  # job, language, format, the text of the file -> why it could not be saved


class CueList(ScrollView, can_focus=True):
    """The cues, one a line; only those on screen are drawn and checked."""

    def __init__(self, looks: Looks) -> None:
        super().__init__(id="cues")
        self.looks = looks
        self.table: CueTable | None = None
        self.cursor = 0

    def show(self, table: CueTable) -> None:
        """Show cues."""
        self.table = table
        self.go(self.cursor)

    def go(self, index: int) -> None:
        """Put the cursor on a cue."""
        count = len(self.table) if self.table is not None else 0
        self.cursor = max(0, min(index, count - 1))
        self.virtual_size = Size(self.size.width, count)
        top, height = round(self.scroll_offset.y), max(1, self.scrollable_content_region.height)
        if self.cursor < top:
            top = max(0, min(self.cursor, top - height // 2))
        elif self.cursor >= top + height:
            top = max(self.cursor - height + 1, top + height // 2)
        self.scroll_to(y=min(top, max(0, count - height)), animate=False)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Choose a cue with the mouse."""
        if self.screen.query("#typed"):
            return  # first the text that is being typed
        self.go(event.y + round(self.scroll_offset.y))

    def render_line(self, y: int) -> Strip:
        """One cue: its number, times, whether it breaks rules, its text."""
        index = y + round(self.scroll_offset.y)
        width = self.scrollable_content_region.width
        if self.table is None or index >= len(self.table):
            return Strip.blank(width, self.rich_style)
        cue = self.table[index]
        broken = self.table.breaches(index)
        base = self.rich_style + (Style(reverse=True) if index == self.cursor else Style.null())
        bad = base + (Style.null() if index == self.cursor else self.looks.style("bad"))
        times = f"{clock(cue.start)} " + (f"{cue.length:5.1f}s " if width >= 60 else "")
        left = width - 7 - len(times)
        text = self.looks.text(safe(cue.text.replace("\n", _BREAK)))
        return Strip(
            [
                Segment(f"{index + 1:>5}", base),
                Segment("!" if broken else " ", bad),
                Segment(" " + times, base if index == self.cursor else base + self.looks.style("dim")),
                Segment(set_cell_size(text, max(1, left)), base),
            ]
        ).crop(0, width)


class Editor(ModalScreen[None]):
    """Edits the captions of a job; saving makes them the user's own, and the job goes on from there."""

    CSS = """
    Editor { background: $background; }
    Editor #title, Editor #keys { height: 1; background: $panel; padding: 0 1; }
    Editor #cues { height: 1fr; background: $background; scrollbar-size: 1 1; }
    Editor #about { height: 4; padding: 0 1; border-top: solid $primary; }
    Editor #typed { height: 1; border: none; padding: 0 1; }
    Editor.-ascii #cues { scrollbar-size: 0 0; }
    Editor.-ascii #about { border-top: ascii $primary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", show=False),
        Binding("j,down", "go(1)", show=False),
        Binding("k,up", "go(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("g,home", "edge(True)", show=False),
        Binding("G,end", "edge(False)", show=False),
        Binding("e,enter", "text", show=False),
        Binding("s", "split", show=False),
        Binding("J", "join", show=False),
        Binding("a", "insert", show=False),
        Binding("d", "delete", show=False),
        Binding("less_than_sign", "nudge(-1, True, True)", show=False),
        Binding("greater_than_sign", "nudge(1, True, True)", show=False),
        Binding("left_square_bracket", "nudge(-1, True, False)", show=False),
        Binding("right_square_bracket", "nudge(1, True, False)", show=False),
        Binding("left_curly_bracket", "nudge(-1, False, True)", show=False),
        Binding("right_curly_bracket", "nudge(1, False, True)", show=False),
        Binding("S", "shift", show=False),
        Binding("u", "undo", show=False),
        Binding("ctrl+r,U", "redo", show=False),
        Binding("exclamation_mark", "breach", show=False),
        Binding("slash", "find", show=False),
        Binding("n", "next(True)", show=False),
        Binding("N", "next(False)", show=False),
        Binding("w,ctrl+s", "save", show=False),
        Binding("y", "yes", show=False),
        Binding("question_mark", "help", show=False),
    ]
    KEYS = "e text  s split  J join  < > move  ! next fault  u undo  w save  ? keys  q back"
    ALL_KEYS = (
        "j k g G         the next cue, the one before, the first, the last",
        "e, enter        edit the text; | is the end of a line",
        "s               split: put the cursor where, then enter",
        "J               join with the next",
        "a, d            a new cue after this one; delete this one",
        "< >             0.1 s earlier, later",
        "[ ]             begin earlier, later",
        "{ }             end earlier, later",
        "S               shift this cue and all that follow: 1.2s, -500ms",
        "u, U            undo, redo",
        "!               the next cue that breaks a reading rule",
        "/ n N           find a text; the next, the one before",
        "w, ctrl+s       save as captions of your own; the job starts again from there",
        "q, escape       back",
        "",
        "What is saved is a file of yours beside the video (NAME.en.vtt). Nothing is ever written over.",
    )

    def __init__(self, state: Path, job: Row, looks: Looks, save: Save) -> None:
        super().__init__()
        self._state, self._source, self._save = state, job, save
        self.looks = looks
        self._captions: Captions | None = None
        self._wanted = ""
        self._then: Callable[[str], None] | None = None
        self._asking = False
        self._at = 0  # the cue whose text is typed

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a line is typed its keys are its own."""
        return action in ("leave", "save") or not self.query("#typed")

    @property
    def is_changed(self) -> bool:
        """Whether something is not saved, or still being typed."""
        return bool(self.query("#typed")) or (self.table is not None and self.table.is_changed)

    def compose(self) -> ComposeResult:
        """Title, cues, what is wrong with the chosen one, keys."""
        yield Lines("title", self.looks)
        yield CueList(self.looks)
        yield Lines("about", self.looks)
        yield Lines("keys", self.looks)

    def on_mount(self) -> None:
        """Read the captions, beside the screen."""
        self.set_class(self.looks.ascii, "-ascii")
        self.query_one("#keys", Lines).show([((self.KEYS, "dim"),)])
        self._say("reading...")
        self.cue_list.focus()
        self.run_worker(self._load, thread=True, exclusive=True, exit_on_error=False)

    @property
    def cue_list(self) -> CueList:
        """The list."""
        return self.query_one(CueList)

    @property
    def table(self) -> CueTable | None:
        """What is edited, once it is read."""
        return self.cue_list.table

    def _load(self) -> None:
        try:
            found = transcript.load(self._state, self._source)
            table = CueTable(found.cues, self._profile(found.language))
        except ReframeError as error:
            self.app.call_from_thread(self._say, f"{error.message} {error.hint}")
        except Exception as error:  # noqa: BLE001 - said where the cues would have been
            self.app.call_from_thread(self._say, f"They cannot be read: {type(error).__name__}: {error}")
        else:
            self.app.call_from_thread(self._loaded, found, table)

    def _profile(self, language: str) -> profiles.Profile:
        """The reading rules of the job's step captions."""
        options: dict[str, Any] = next((s["options"] for s in self._source["steps"] if s["name"] == "captions"), {})
        return profiles.profile(str(options.get("profile", "netflix")), language)

    def _loaded(self, found: Captions, table: CueTable) -> None:
        self._captions = found
        self.cue_list.show(table)
        self._show()

    def _say(self, text: str) -> None:
        name = safe(str(self._source["name"]))
        star = "* " if self.table is not None and self.table.is_changed else ""
        about = (f"{star}Captions of job {self._source['id']}", "bold")
        line = ((f"{star}{text}  ", "warm"), (name, "dim")) if text else (about, (f"  {name}", "dim"))
        self.query_one("#title", Lines).show([line])

    def _show(self, said: str = "") -> None:
        """The chosen cue, with the rules it breaks. A question that was open is withdrawn."""
        self._asking = False
        table, cues = self.table, self.cue_list
        if table is None:
            return
        cues.go(cues.cursor)
        self._say(said)
        about: list[Line] = ["There are no cues; a makes one."]
        if len(table):
            cue = table[cues.cursor]
            speed = f"{rules.cps(cue, table.profile):.0f} characters a second"
            about = [((f"{clock(cue.start)} to {clock(cue.end)}, {cue.length:.2f} s, {speed}", "dim"),)]
            broken = [
                f"{rules.describe(item.rule, table.profile)} ({item.how})" for item in table.breaches(cues.cursor)
            ]
            about.append((("; ".join(broken), "bad"),) if broken else "keeps all rules")
        shown = self.query_one("#about", Lines)
        shown.show([row for line in about for row in wrapped(line, max(20, shown.size.width or 76))])

    # --- moving

    def action_go(self, by: int) -> None:
        """The next cue, or the one before."""
        self.cue_list.go(self.cue_list.cursor + by)
        self._show()

    def action_page(self, by: int) -> None:
        """A screen up or down."""
        self.action_go(by * max(1, self.cue_list.size.height - 1))

    def action_edge(self, first: bool) -> None:
        """The first cue, or the last."""
        self.action_go(-len(self.table or ()) if first else len(self.table or ()))

    def action_breach(self) -> None:
        """The next cue that breaks a rule."""
        found = self.table.next_breach(self.cue_list.cursor) if self.table is not None else None
        if found is None:
            self._show("all cues keep the rules")
        else:
            self.action_go(found - self.cue_list.cursor)

    def action_find(self) -> None:
        """Ask for a text."""
        self._type(self._wanted, "find", self._find)

    def _find(self, text: str) -> None:
        self._wanted = text.strip()
        self.action_next(True)

    def action_next(self, forwards: bool) -> None:
        """The next cue that holds it; n also says no to a question."""
        if self._asking:
            self._show()
            return
        found = (
            self.table.find(self._wanted, self.cue_list.cursor, forwards=forwards)
            if self.table and self._wanted
            else None
        )
        if found is None:
            self._show("not found" if self._wanted else "/ finds a text")
        else:
            self.action_go(found - self.cue_list.cursor)

    # --- changing

    def _type(self, value: str, about: str, then: Callable[[str], None], at: int | None = None) -> None:
        """Let somebody type a line, where the keys are."""
        if self.table is None or self.query("#typed"):
            return
        self._then, self._at, self._asking = then, self.cue_list.cursor, False
        box = Input(value, placeholder=about, id="typed", compact=True, select_on_focus=False)
        self.mount(box, before="#keys")
        self.query_one("#keys").display = False
        box.focus()
        box.cursor_position = len(value) if at is None else at

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """It is typed."""
        event.stop()
        self._typed(event.input)

    def _typed(self, box: Input) -> None:
        then, value, at = self._then, box.value, box.cursor_position
        self._close_typed()
        if then == self._split:
            self._split(value, at)
        elif then is not None:
            then(value)

    def _close_typed(self) -> None:
        for box in self.query("#typed"):
            box.remove()
        self.query_one("#keys").display = True
        self.cue_list.focus()

    def _has_cue(self) -> CueTable | None:
        return self.table if self.table is not None and len(self.table) else None

    def action_text(self) -> None:
        """Edit the text."""
        if (table := self._has_cue()) is not None:
            self._type(table[self.cue_list.cursor].text.replace("\n", _BREAK), "text", self._write)

    def _write(self, text: str) -> None:
        assert self.table is not None
        if text != self.table[self._at].text.replace("\n", _BREAK):
            lines = [line.strip() for line in text.split("|")]
            self.table.set_text(self._at, "\n".join(line for line in lines if line))
        self._show()

    def action_split(self) -> None:
        """Ask where."""
        if (table := self._has_cue()) is not None:
            text = table[self.cue_list.cursor].text.replace("\n", " ")
            spaces = [at + 1 for at, char in enumerate(text) if char == " "]
            self._type(text, "split", self._split, min(spaces, key=lambda at: abs(at - len(text) / 2), default=0))
            self._say("put the cursor where to split, then enter")

    def _split(self, text: str, at: int = 0) -> None:
        assert self.table is not None
        if text != self.table[self._at].text.replace("\n", " "):
            self.table.set_text(self._at, text)
        self._show("" if self.table.split(self._at, at) else "nothing was left on one side")

    def action_join(self) -> None:
        """Join with the next."""
        if (table := self._has_cue()) is not None:
            self._show("" if table.join(self.cue_list.cursor) else "it is the last cue")

    def action_insert(self) -> None:
        """A new cue, and its text."""
        if self.table is not None:
            self.cue_list.go(self.table.insert(self.cue_list.cursor))
            self._show()
            self.action_text()

    def action_delete(self) -> None:
        """Without it; u brings it back."""
        if (table := self._has_cue()) is not None:
            table.delete(self.cue_list.cursor)
            self._show("deleted; u brings it back")

    def action_nudge(self, by: int, start: bool, end: bool) -> None:
        """A little earlier or later."""
        if (table := self._has_cue()) is not None:
            self._moved(
                table.move(self.cue_list.cursor, by * _NUDGE_S, start=start, end=end),
                "it would begin before 0, or end before it begins",
            )

    def _moved(self, place: int | None, why_not: str) -> None:
        """Go with a cue that was moved."""
        if place is not None:
            self.cue_list.cursor = place
        self._show("" if place is not None else why_not)

    def action_shift(self) -> None:
        """Ask by how much."""
        if self._has_cue() is not None:
            self._type("", "shift this cue and all that follow by: 1.2s, -500ms", self._shift)

    def _shift(self, text: str) -> None:
        assert self.table is not None
        try:
            sign = -1 if text.strip().startswith("-") else 1
            by_s = sign * parse_duration(text.strip().lstrip("+-"))
        except ValueError as error:
            self._show(str(error))
            return
        self._moved(self.table.shift_from(self._at, by_s), "a cue would begin before 0")

    def action_undo(self) -> None:
        """Take the last change back."""
        if self.table is not None:
            self._show("" if self.table.undo() else "nothing to undo")

    def action_redo(self) -> None:
        """Make it again."""
        if self.table is not None:
            self._show("" if self.table.redo() else "nothing to redo")

    # --- ending

    def action_save(self) -> None:
        """Save as the user's own captions."""
        for box in self.query("#typed").results(Input):
            self._typed(box)
        table, found = self.table, self._captions
        if table is None or found is None:
            return
        if not table.is_changed:
            self._show("nothing was changed")
            return
        if faults := table.faults():
            self._show(f"not saved: {faults[0]}")
            return
        format_ = "vtt" if any(cue.words for cue in table.cues) else "srt"  # WebVTT keeps the times of words
        text = files.written(table.cues, format_, language=found.language, word_times=True)
        if trouble := self._save(int(self._source["id"]), found.language, format_, text):
            self._show(f"not saved: {trouble}")
            return
        table.saved()
        self.dismiss()

    def action_leave(self) -> None:
        """Back; asks if something is not saved."""
        if self.query("#typed"):
            self._close_typed()
        elif self._asking:
            self._show()
        elif self.table is not None and self.table.is_changed:
            self._show("Leave without saving? y yes, n no")
            self._asking = True
        else:
            self.dismiss()

    def action_yes(self) -> None:
        """Leave without saving."""
        if self._asking:
            self.dismiss()

    def action_help(self) -> None:
        """All keys of the editor."""
        from tui.page import Page

        self.app.push_screen(Page("Keys of the editor", lambda: self.ALL_KEYS, self.looks, live=False))
