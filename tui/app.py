"""The application: the job list, the chosen job, its log; live, with everything that can be done to jobs."""

from __future__ import annotations

import gc
import sys
import termios
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.widget import Widget

from reframed import lock, paths
from reframed.errors import ReframeError
from reframed.store.reads import ALL, STATES, Reader, Row
from reframed.text import safe
from tui import detail, header, keys
from tui.actions import Actions
from tui.joblist import JobList
from tui.keys import KEYS, TABS, Key
from tui.lines import Line, Lines
from tui.logpane import LogPane
from tui.looks import Looks, themes, wants_ascii

_BUSY_S = 0.25  # between two looks while jobs run and somebody sees it
_CALM_S = 1.0
_AGE_S = 5.0
_LOCKED_S = 0.2
_WIDE = 100
_ROOMY = 60
_NONE_FOUND = "No job is like that. Escape shows all again."
_NOTHING = header.Overview(dict.fromkeys(STATES, 0), {}, {}, [])


class Settings(NamedTuple):
    """What reframe.yaml says under `tui:`; None: as the terminal seems to want it."""

    theme: str = "dark"
    ascii: bool | None = None
    keys: dict[str, str] = {}  # noqa: RUF012 - a default that nobody changes


class Services(NamedTuple):
    """What the dashboard shows that it cannot find out itself; None: not here."""

    check: Callable[[], Sequence[str]] | None = None  # recipes and inboxes, with what is wrong
    styles: Callable[[], Sequence[tuple[str, str]]] | None = None  # names, each with a sentence
    still: Callable[[str, Path], None] | None = None  # draws a style as a PNG


def _verbs() -> type[Provider]:
    from tui.palette import Verbs

    return Verbs


def _jobs() -> type[Provider]:
    from tui.palette import Jobs

    return Jobs


def _binding(key: Key) -> Binding:
    return Binding(key.key, key.action or f"do('{key.name}')", key.about, show=False, id=key.name)


class Dashboard(App[None]):
    """Reads the ledger, follows log files, leaves commands. Outlives the daemon."""

    TITLE = "Reframe"
    COMMANDS: ClassVar[set[Any]] = {_verbs, _jobs}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (_WIDE, "-wide")]  # noqa: RUF012 - textual declares it so
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (12, "-short"), (16, "-tall")]  # noqa: RUF012
    CSS = """
    Screen { background: $background; color: $foreground; }
    #head, #foot { height: 1; background: $panel; padding: 0 1; }
    #tabs { height: 1; padding: 0 1; }
    #body { height: 2fr; layout: vertical; }
    #jobs { height: 1fr; min-height: 2; scrollbar-size: 1 1; }
    #detail { height: 6; border-top: solid $primary; padding: 0 1; }
    #log { height: 1fr; min-height: 3; border-top: solid $primary; padding: 0 1; }
    .-wide #body { layout: horizontal; }
    .-wide #jobs { width: 1fr; height: 100%; }
    .-wide #detail { width: 46%; height: 100%; border-top: none; border-left: solid $primary; }
    .-tiny #log, .-short #log { display: none; }
    .-tiny.-narrow #detail { height: 4; }
    .-short.-narrow #detail { height: 5; }
    .-loud #body { display: none; }
    .-loud #log { display: block; border-top: none; }
    .-ascii #detail, .-ascii #log { border-top: ascii $primary; }
    .-ascii.-wide #detail { border-top: none; border-left: ascii $primary; }
    .-ascii #jobs { scrollbar-size: 0 0; }
    #tabs.-said { background: $warning; color: $background; }
    #ask { height: 1; border: none; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *[_binding(key) for key in KEYS],
        *[Binding(str(number), f"tab({number})", name, show=False) for number, (name, _) in enumerate(TABS)],
    ]

    def __init__(
        self,
        state: Path,
        *,
        readonly: bool = False,
        settings: Settings | None = None,
        services: Services | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings or Settings()
        self.services = services or Services()
        in_ascii = wants_ascii() if self.settings.ascii is None else self.settings.ascii
        self.looks = Looks(self.settings.theme != "light", in_ascii)
        for theme in themes():
            self.register_theme(theme)
        self.set_reactive(App.theme, "dark" if self.looks.dark else "light")
        self.actions = Actions(self)
        self.keys = keys.usable(self.settings.keys)
        self.state = state
        self.readonly = readonly
        self.reader: Reader | None = None
        self.job: Row | None = None
        self.seen = _NOTHING
        self.which = ALL
        self.number = 0  # of the tab
        self._version = -1
        self._trouble = ""
        self._looked_at = self._aged_at = 0.0
        self._said, self._said_until = "", 0.0
        self._on_terminal = _has_terminal()

    def compose(self) -> ComposeResult:
        """Header, tabs, list and detail, log, keys."""
        yield Lines("head", self.looks)
        yield Lines("tabs", self.looks)  # or what is said or asked
        with Widget(id="body"):
            yield JobList(self._read, time.time, self.looks, self._choose_job)
            yield Lines("detail", self.looks)
        yield LogPane(self.looks)
        yield Lines("foot", self.looks)

    def action_do(self, name: str) -> None:
        """What a key stands for."""
        self.actions.do(name)

    def action_tab(self, number: int) -> None:
        """Only the jobs of one tab."""
        self.actions.tab(number)

    def action_switch(self, name: str) -> None:
        """Pause the intake, or drain the slots, or go on."""
        self.actions.switch(name)

    def on_input_submitted(self, event: Any) -> None:
        """What was asked for is typed."""
        self.actions.answered(event.value)

    def on_mount(self) -> None:
        """Start looking."""
        self.screen.set_class(self.looks.ascii, "-ascii")
        if self.settings.keys:
            self.set_keymap(self.keys)
        self.list.focus()
        self._look()
        self.call_after_refresh(self._first)

    def _first(self) -> None:
        """After the first layout: what needs to know how large everything is."""
        self._version = -1
        self._look()
        self.set_interval(_BUSY_S, self._tick)
        for fault in keys.faults(self.settings.keys)[:1]:
            self.say(fault)
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        gc.enable()

    def _read(self, limit: int, offset: int) -> list[Row]:
        try:
            return self.reader.jobs(self.which, limit=limit, offset=offset) if self.reader else []
        except ReframeError:
            return []

    def _tick(self) -> None:
        """Look again, if it is time: often only while jobs run and the terminal has the focus."""
        if self._on_terminal and not _has_terminal():  # the line was cut: nobody looks any more
            self.exit()
            return
        busy = bool(self.seen.busy) and self.app_focus
        if time.monotonic() - self._looked_at >= (_BUSY_S if busy else _CALM_S) * 0.9:
            self._look()

    def look_now(self) -> None:
        """Something was changed from here: read everything anew."""
        self._version = -1
        self._look()

    def _look(self) -> None:
        """Bring everything up to date; what cannot be read is said, and what was seen last stays."""
        if not self.screen_stack or not self.screen_stack[0].query("#head"):  # once more while the app closes
            return
        self._looked_at = time.monotonic()
        try:
            if self.reader is None or not self.reader.is_current():
                self.reader, self._version = None, -1
                self.reader = Reader(self.state, _LOCKED_S)
            version = self.reader.version()
            if version != self._version:
                self._take_in()
                self._version = version
            self._trouble = ""
        except ReframeError as error:
            self._lost(error)
        if self._looked_at - self._aged_at > _AGE_S:
            self._aged_at = self._looked_at
            self.list.freshen()  # "3m ago" grows older
        self._show_head()
        self._show_log()

    def _take_in(self) -> None:
        assert self.reader is not None
        self.reader.jobs(self.which, limit=1)  # raises what the list could not say
        self.seen = header.Overview(
            self.reader.counts(), self.reader.switches(), self.reader.busy(), self.reader.folders()
        )
        total = sum(self.seen.counts.values()) if self.which == ALL else self.reader.total(self.which)
        self.list.show(total)
        self._show_detail()
        self.show_tabs()
        self.actions.hear(self.reader)

    def _lost(self, error: ReframeError) -> None:
        """The ledger cannot be read. While it is only locked, what is on the screen stays."""
        self._version = -1
        if "database is locked" in error.message:
            self._trouble = "the ledger is locked; this is from before"
            return
        self.reader = None
        self._trouble = "no ledger" if "no ledger" in error.message else "the ledger cannot be read"
        if self.job is None:
            self._instead([error.message, error.hint])
        elif self._trouble != "no ledger":
            self.say(f"{error.message} {error.hint}")

    @property
    def list(self) -> JobList:
        """The list of jobs."""
        return self.screen_stack[0].query_one(JobList)

    @property
    def log_pane(self) -> LogPane:
        """The log."""
        return self.screen_stack[0].query_one(LogPane)

    def lines(self, name: str) -> Lines:
        """One of the plain parts of the screen."""
        return self.screen_stack[0].query_one(f"#{name}", Lines)

    def _show_head(self) -> None:
        head = self.lines("head")
        width = head.size.width or 78
        head.show([header.line(self.state, self.seen, self._trouble, width, readonly=self.readonly)])
        if self.actions.asking is None and self._said and time.monotonic() > self._said_until:
            self.line("")

    def show_tabs(self) -> None:
        """The tabs, or what is said instead."""
        tabs = self.lines("tabs")
        tabs.set_class(bool(self._said), "-said")
        if self._said:
            tabs.show([self._said])
            return
        parts: list[tuple[str, str]] = []
        if self.actions.found:
            parts = [("/ ", "dim"), (f"{safe(self.actions.found)}  ", "cool")]
        for number, (name, _) in enumerate(TABS):
            parts += [(self._tab_text(number, name), "mark" if number == self.number else ""), ("  ", "")]
        tabs.show([tuple(parts)])

    def _tab_text(self, number: int, name: str) -> str:
        states = TABS[number][1]
        count = sum(self.seen.counts[state] for state in states or self.seen.counts)
        if self.size.width >= _ROOMY or not states:
            return f"{number} {name} {count}"
        return f"{number}{self.looks.sign(states[0])[0]}{count}"

    def on_lines_clicked(self, clicked: Lines.Clicked) -> None:
        """A click on a tab."""
        if clicked.name != "tabs" or self._said:
            return
        at = 1 + (len(safe(self.actions.found)) + 4 if self.actions.found else 0)
        for number, (name, _) in enumerate(TABS):
            end = at + len(self._tab_text(number, name))
            if at <= clicked.column < end:
                self.actions.tab(number)
            at = end + 2

    def _choose_job(self, job: int | None) -> None:
        """Another job is under the cursor."""
        self.actions.no()  # a question was about another one
        self.job = {"id": job} if job is not None else None
        self._show_detail()
        self._show_log()

    def _show_detail(self) -> None:
        """The chosen job, and the keys that do something to it."""
        if self.reader is not None:
            self._read_detail(self.reader)
        self.show_foot()

    def _read_detail(self, reader: Reader) -> None:
        if self.job is None:
            found = self.which == ALL and not self.actions.found
            self._instead(detail.guide(self.seen.folders, lock.is_held(self.state)) if found else [_NONE_FOUND])
            return
        try:
            self.job = reader.job(self.job["id"])
            left_s = reader.estimate(self.job)
        except ReframeError as error:
            self._detail([error.message])
            return
        wide = self.size.width >= _WIDE
        self._detail((detail.whole if wide else detail.lines)(self.job, self.looks, left_s))

    def _instead(self, lines: Sequence[Line]) -> None:
        """Say something where the jobs would be."""
        from tui.page import wrapped

        width = max(20, (self.list.size.width or 78) - 2)
        self.list.instead([row for line in lines for row in wrapped(line, width)])
        self._detail([])

    def _detail(self, lines: Iterable[Line]) -> None:
        from tui.page import wrapped

        shown = self.lines("detail")
        width = shown.size.width or 76
        height = shown.size.height or 5
        head, *rest = [*lines, ""]
        rows = [head, *[row for line in rest[:-1] for row in wrapped(line, max(20, width))]]
        if len(rows) > height:
            rows = [*rows[: height - 1], ((self.looks.text("… enter shows it all"), "dim"),)]
        shown.show(rows)

    def show_foot(self) -> None:
        """The keys; those that do nothing now are grey."""
        foot = self.lines("foot")
        left = (foot.size.width or 78) - 1
        parts: list[tuple[str, str]] = []
        narrow = left < 60
        for key in KEYS:
            shown = keys.shown(self.keys.get(key.name, key.key))
            length = len(shown) + (0 if narrow else len(key.label)) + 2
            if not key.label or length > left:
                continue
            off = bool(self.actions.why_not(key.name))
            text = f" {key.label}  " if not narrow else "  "
            parts += [(shown, "dim" if off else "key"), (text, "dim" if off else "")]
            left -= length
        foot.show([tuple(parts)])

    def _show_log(self) -> None:
        """What the chosen job's log has grown by."""
        pane = self.log_pane
        if self.job is None or "attempt" not in self.job:
            if pane.path is not None:
                pane.open(None)
            return
        path = paths.job_log(self.state, self.job["id"], self.job["attempt"])
        pane.open(path) if path != pane.path else pane.look()

    def on_log_pane_said(self, said: LogPane.Said) -> None:
        """Something happened to the log."""
        self.say(said.text)

    def on_resize(self, event: events.Resize) -> None:
        """Everything is cut elsewhere."""
        self.call_after_refresh(self.look_now)

    def on_app_focus(self) -> None:
        """The terminal has the focus again: show what happened meanwhile."""
        self._look()

    async def action_quit(self) -> None:
        """Quit; out of the cue editor only if nothing is lost."""
        from tui.editor import Editor

        if isinstance(self.screen, Editor) and self.screen.is_changed:
            self.screen.action_leave()
        else:
            self.exit()

    def say(self, message: str) -> None:
        """Tell something, for four seconds."""
        if self.actions.asking is not None:
            return  # a question stays until it is answered
        self._said_until = time.monotonic() + 4.0
        self.line(message)

    def line(self, text: str) -> None:
        """Say something where the tabs are, until it is taken away with an empty text."""
        self._said = text
        self.show_tabs()


def _has_terminal() -> bool:
    """Whether a terminal is at the other end."""
    try:
        termios.tcgetattr(sys.__stdin__ or 0)
    except (OSError, ValueError, termios.error):
        return False
    return True


def run(
    state: Path, *, readonly: bool = False, settings: Settings | None = None, services: Services | None = None
) -> None:
    """Open the dashboard on a state folder, whether or not its daemon runs."""
    gc.disable()  # until everything is on the screen: see `_first`
    Dashboard(state, readonly=readonly, settings=settings, services=services).run()
