"""The application: the job list, the chosen job's state, its log; live, with everything that can be done to jobs."""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, NamedTuple

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Input, Log

from reframed import commands, lock, paths
from reframed.errors import ReframeError
from reframed.store import query
from reframed.store.reads import ALL, Reader, Row
from reframed.text import duration, safe, size
from tui import detail
from tui.joblist import JobList
from tui.lines import Lines
from tui.page import Page

_REFRESH_S = 0.5
_AGE_S = 5.0
_LOG_BYTES = 400_000
_LOG_LINES = 5_000
_ENDED = ("done", "failed", "cancelled")
_EMPTY = """\
No jobs yet. Drop a file into an inbox (w shows them), or run `reframe add FILE` in another terminal.
? shows the keys, q quits."""
_NONE_FOUND = "No job is like that. Escape shows all again."
_TABS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("all", ()),
    ("running", ("running", "publishing")),
    ("waiting", ("queued", "blocked")),
    ("failed", ("failed",)),
    ("done", ("done", "cancelled")),
)
_KEYS = """\
j k, arrows      one line; g G: first, last; page up, page down
enter            everything about the job; esc: back
0 1 2 3 4        all, running, waiting, failed, done
/                find: state:failed recipe:styled lang:es inbox:films text !not; esc: all again
space            mark; then r x P c act on all that are marked; u: take all marks away
r                retry
x                cancel; y confirms
P                priority, -9 to 9
p                pause the intake (no file is taken), or go on
D                drain (no step is started), or go on
l                the log on the whole screen; f: follow its end, or stop
o                the outputs
w                the inboxes, and why files in them wait
y                copy the job's path to your own machine (over SSH, too)
c                copy the command line that does what r would do
tab              between the list and the log
q                quit

State is a sign, a word and a colour: · queued, ! blocked, ▶ running, ✓ done, ✗ failed, - cancelled.
"""


class _Question(NamedTuple):
    """What y answers: a verb for the daemon."""

    verb: str
    arguments: dict[str, object]


class Dashboard(App[None]):
    """Reads the ledger, follows log files, leaves commands. Outlives the daemon."""

    TITLE = "Reframe"
    ENABLE_COMMAND_PALETTE = False
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - textual declares it so
        (0, "-short"),
        (16, "-tall"),
    ]
    CSS = """
    #head { height: 1; background: $panel; padding: 0 1; }
    #tabs { height: 1; padding: 0 1; }
    #jobs { height: 1fr; min-height: 2; }
    #detail { height: 6; border-top: solid $primary; padding: 0 1; }
    #log { height: 1fr; min-height: 3; scrollbar-size: 0 1; border-top: solid $primary; }
    .-short #log { display: none; }
    .-short #detail { height: 5; }
    .-loud #jobs, .-loud #detail { display: none; }
    .-loud #log { display: block; }
    #tabs.-said { background: $warning; color: $text; }
    #ask { height: 1; display: none; border: none; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "retry", "Retry", tooltip="Queue the chosen jobs again"),
        Binding("x", "cancel", "Cancel", tooltip="Cancel the chosen jobs; asks first"),
        Binding("slash", "find", "Find", key_display="/"),
        Binding("space", "mark", "Mark"),
        Binding("l", "log", "Log"),
        Binding("w", "folders", "Inboxes"),
        Binding("question_mark", "keys", "Keys", key_display="?"),
        Binding("q", "quit", "Quit"),
        Binding("f", "follow", "Follow", show=False),
        Binding("tab", "app.focus_next", "List/log", show=False),
        Binding("enter", "whole", "Job", show=False),
        Binding("P", "priority", "Priority", show=False),
        Binding("p", "switch('pause')", "Pause", show=False),
        Binding("D", "switch('drain')", "Drain", show=False),
        Binding("o", "outputs", "Outputs", show=False),
        Binding("u", "unmark", "No marks", show=False),
        Binding("c", "copy_command", "Copy command", show=False),
        Binding("y", "yes", "Yes", show=False),
        Binding("n", "no", "No", show=False),
        Binding("escape", "out", "Back", show=False),
        *[Binding(str(number), f"tab({number})", name, show=False) for number, (name, _) in enumerate(_TABS)],
    ]

    def __init__(self, state: Path, *, readonly: bool = False) -> None:
        super().__init__()
        self._state = state
        self._readonly = readonly
        self._reader: Reader | None = None
        self._version = -1
        self._job: Row | None = None
        self._log_path: Path | None = None
        self._log_position = 0
        self._follow = True
        self._asking: _Question | None = None
        self._said = ""
        self._said_until = 0.0
        self._counts: dict[str, int] = {}
        self._aged_at = 0.0
        self._tab = 0
        self._find = ""
        self._which = ALL
        self._switches: dict[str, float] = {}
        self._asked: Callable[[str], None] = self._search

    def compose(self) -> ComposeResult:
        """Head, tabs, list, detail, log, footer."""
        yield Lines("head")
        yield Lines("tabs")  # or what is said or asked
        yield Input(id="ask", compact=True)
        yield JobList(self._read, time.time)
        yield Lines("detail")
        yield Log(id="log", max_lines=_LOG_LINES, highlight=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Start looking."""
        self.query_one(JobList).focus()
        self.call_after_refresh(self._look)  # what is updated before the first layout keeps its first height
        self.set_interval(_REFRESH_S, self._look)

    def _read(self, limit: int, offset: int) -> list[Row]:
        try:
            return self._reader.jobs(self._which, limit=limit, offset=offset) if self._reader else []
        except ReframeError:
            return []

    def _look(self) -> None:
        """Bring everything up to date; what cannot be read is said where the job would be."""
        if not self.screen_stack or not self.screen_stack[0].query("#head"):  # once more while the app closes
            return
        try:
            if self._reader is None:
                self._reader = Reader(self._state)
            version = self._reader.version()
            if version != self._version:
                self._version = version
                self._switches = self._reader.switches()
                self._list.show(self._reader.total(self._which))
                self._show_detail()
                self._counts = self._reader.counts()
                self._show_tabs()
            if time.monotonic() - self._aged_at > _AGE_S:
                self._aged_at = time.monotonic()
                self._list.freshen()  # "3m ago" grows older
            self._show_head()
            self._show_log()
        except ReframeError as error:
            self._reader, self._version = None, -1
            self._lines("head").show(["Reframe"])
            self._lines("detail").show(self._wrapped([error.message, error.hint]))

    @property
    def _list(self) -> JobList:
        return self.screen_stack[0].query_one(JobList)

    def _lines(self, name: str) -> Lines:
        return self.screen_stack[0].query_one(f"#{name}", Lines)

    def _wrapped(self, lines: list[str]) -> list[str]:
        """Lines that fit the detail pane."""
        width = max(20, self._lines("detail").size.width)
        return [part for line in lines for part in textwrap.wrap(line, width, break_long_words=True) or [""]]

    def _show_head(self) -> None:
        if not lock.is_held(self._state):
            ended = lock.read(self._state).get("stopped_at")
            daemon = f"daemon stopped{f' {duration(time.time() - ended)} ago' if ended else ''}: reframe run"
        elif "drain" in self._switches:
            daemon = "daemon drains: no step is started (D goes on)"
        elif "pause" in self._switches:
            daemon = "daemon paused: no file is taken (p goes on)"
        else:
            daemon = "daemon running"
        parts = ["Reframe", daemon, f"{size(_free(self._state))} free"]
        parts += ["read only"] if self._readonly else []
        self._lines("head").show(["  ".join(parts)])
        if self._asking is None and self._said and time.monotonic() > self._said_until:
            self._line("")

    def _show_tabs(self) -> None:
        """The tabs, or what is said instead."""
        tabs = self._lines("tabs")
        tabs.set_class(bool(self._said), "-said")
        if self._said:
            tabs.show([self._said])
            return
        text, marked = "", (0, 0)
        for number, (name, states) in enumerate(_TABS):
            count = sum(self._counts[state] for state in states or self._counts)
            one = f"{number} {name} {count}"
            if number == self._tab:
                marked = (len(text), len(text) + len(one))
            text += f"{one}  "
        tabs.show([text + (f"/ {safe(self._find)}" if self._find else "")], marked)

    def on_job_list_chosen(self, chosen: JobList.Chosen) -> None:
        """Another job is under the cursor."""
        self._job = {"id": chosen.job} if chosen.job is not None else None
        self._show_detail()
        self._show_log()

    def _show_detail(self) -> None:
        shown = self._lines("detail")
        if self._job is None or self._reader is None:
            shown.show(self._wrapped([_EMPTY if self._which == ALL else _NONE_FOUND]))
            return
        try:
            self._job = self._reader.job(self._job["id"])
        except ReframeError as error:
            shown.show(self._wrapped([error.message]))
            return
        shown.show(self._wrapped(detail.lines(self._job)))

    def _show_log(self) -> None:
        """Append what the chosen job's log has grown by."""
        view = self.screen_stack[0].query_one("#log", Log)
        if self._job is None or "attempt" not in self._job:
            if self._log_path is not None:
                view.clear()
            self._log_path = None
            return
        path = paths.job_log(self._state, self._job["id"], self._job["attempt"])
        if path != self._log_path:
            self._log_path, self._log_position = path, 0
            if view.line_count:
                view.clear()
        try:
            with path.open("rb") as file:
                length = file.seek(0, 2)
                self._log_position = max(self._log_position, length - _LOG_BYTES) if length >= self._log_position else 0
                file.seek(self._log_position)
                data = file.read()
        except OSError:
            return
        whole = data if self._job["state"] in _ENDED else data[: data.rfind(b"\n") + 1]
        self._log_position += len(whole)
        if whole:
            view.write_lines([safe(line) for line in whole.decode("utf-8", "replace").splitlines()], self._follow)
        elif self._follow and not view.is_vertical_scroll_end:  # the pane may have become smaller
            view.scroll_end(animate=False)

    def action_follow(self) -> None:
        """Follow the log's end, or stop."""
        self._follow = not self._follow
        self._say("following the log" if self._follow else "not following the log")

    def action_log(self) -> None:
        """The log on the whole screen, or back."""
        self.screen.toggle_class("-loud")
        (self.query_one("#log", Log) if self.screen.has_class("-loud") else self._list).focus()

    def action_tab(self, number: int) -> None:
        """Only the jobs of one tab."""
        self._tab = number
        self._choose()

    def action_find(self) -> None:
        """Ask what to find."""
        self._ask("state:failed recipe:styled lang:es text !not", self._find, self._search)

    def _search(self, text: str) -> None:
        try:
            query.parse(text)
        except ReframeError as error:
            self._say(f"{error.message} {error.hint}")
            return
        self._find = text.strip()
        self._choose()

    def _choose(self) -> None:
        """Show the jobs of the tab that are like what was asked for."""
        found = query.parse(self._find)
        states = _TABS[self._tab][1]
        self._which = found._replace(states=_both(states, found.states)) if states else found
        self._list.reset()
        self._version = -1
        self._look()

    def _ask(self, about: str, value: str, then: Callable[[str], None]) -> None:
        self._asked = then
        box = self.query_one("#ask", Input)
        box.placeholder, box.value, box.display = about, value, True
        self._lines("tabs").display = False
        box.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """What was asked for is typed."""
        self._close_ask()
        self._asked(event.value)

    def _close_ask(self) -> None:
        self.query_one("#ask", Input).display = False
        self._lines("tabs").display = True
        self._list.focus()

    def action_out(self) -> None:
        """Out of what is open: a question, the line to type in, the log, the search."""
        if self._asking is not None:
            self.action_no()
        elif self.query_one("#ask", Input).display:
            self._close_ask()
        elif self.screen.has_class("-loud"):
            self.action_log()
        elif self._find or self._tab:
            self._find, self._tab = "", 0
            self._choose()

    def action_mark(self) -> None:
        """Mark the job under the cursor."""
        self._list.toggle_mark()
        self._say(f"{len(self._list.marked)} marked" if self._list.marked else "none marked")

    def action_unmark(self) -> None:
        """Take all marks away."""
        self._list.marked.clear()
        self._list.freshen()

    def _targets(self) -> list[int]:
        """The jobs that a verb is for: the marked ones, else the one under the cursor."""
        return sorted(self._list.marked) or ([self._job["id"]] if self._job is not None else [])

    def action_retry(self) -> None:
        """Queue the chosen jobs again."""
        if jobs := self._targets():
            self._post("retry", {"jobs": jobs})

    def action_cancel(self) -> None:
        """Ask whether to cancel the chosen jobs."""
        jobs = self._targets()
        if not jobs or (len(jobs) == 1 and self._job is not None and self._job.get("state") in _ENDED):
            self._say("only a job that has not ended can be cancelled")
            return
        what = (
            f"job {jobs[0]}, {safe(str(self._job.get('name', '')))}"
            if len(jobs) == 1 and self._job
            else f"{len(jobs)} jobs"
        )
        self._question(_Question("cancel", {"jobs": jobs}), f"Cancel {what}? y yes, n no")

    def action_priority(self) -> None:
        """Ask for a priority."""
        if self._targets():
            self._ask("priority, -9 (last) to 9 (first)", "", self._prioritise)

    def _prioritise(self, text: str) -> None:
        try:
            priority = int(text)
        except ValueError:
            self._say("a priority is a number from -9 to 9")
            return
        self._post("priority", {"jobs": self._targets(), "priority": priority})

    def action_switch(self, name: str) -> None:
        """Pause the intake, or drain the slots, or go on."""
        if name in self._switches:
            self._post("resume", {})
            return
        what = "Take no more files" if name == "pause" else "Start no more steps"
        self._question(_Question(name, {}), f"{what}? y yes, n no")

    def _question(self, question: _Question, text: str) -> None:
        if self._readonly:
            self._say("read only: nothing is changed from here")
            return
        self._asking = question
        self._line(text)

    def action_yes(self) -> None:
        """Answer a question; without one, copy the job's path."""
        question, self._asking = self._asking, None
        if question is not None:
            self._post(question.verb, question.arguments)
        elif self._job is not None and "place" in self._job:
            path = os.fsdecode(bytes(self._job["place"]))
            self.copy_to_clipboard(safe(path))
            self._say(f"copied: {safe(path)}")

    def action_no(self) -> None:
        """Answer a question with no."""
        self._asking = None
        self._line("")

    def action_copy_command(self) -> None:
        """Copy the command line of a retry."""
        if jobs := self._targets():
            command = detail.job_command("retry", jobs)
            self.copy_to_clipboard(command)
            self._say(f"copied: {command}")

    def action_whole(self) -> None:
        """Everything about the job."""
        if self._job is not None and self._asking is None:  # a question is never answered by enter
            number = self._job["id"]
            self.push_screen(Page(f"Job {number}", lambda: self._lines_of(number)))

    def _lines_of(self, number: int) -> list[str]:
        try:
            return detail.whole(self._reader.job(number)) if self._reader else []
        except ReframeError as error:
            return [error.message]

    def action_outputs(self) -> None:
        """The paths of the outputs."""
        outputs = [safe(bytes(output["path"])) for output in (self._job or {}).get("outputs", [])]
        self.push_screen(Page("Outputs", lambda: outputs or ["This job has published nothing."]))

    def action_folders(self) -> None:
        """The inboxes, and the files that wait in them."""
        self.push_screen(Page("Inboxes", self._folder_lines))

    def _folder_lines(self) -> list[str]:
        try:
            if self._reader is None:
                return ["The ledger cannot be read now."]
            return detail.folders(self._reader.folders(), self._reader.sightings(500), time.time())
        except ReframeError as error:
            return [error.message]

    def action_keys(self) -> None:
        """All keys."""
        self.push_screen(Page("Keys", _KEYS.splitlines))

    def _post(self, verb: str, arguments: dict[str, object]) -> None:
        if self._readonly:
            self._say("read only: nothing is changed from here")
            return
        about = detail.job_command(verb, list(arguments.get("jobs", [])))[len("reframe ") :]  # type: ignore[call-overload]
        try:
            commands.post(self._state, verb, arguments)
        except ReframeError as error:
            self._say(error.message)
        else:
            self._say(about if lock.is_held(self._state) else f"{about}: done when the daemon runs")

    def _say(self, message: str) -> None:
        self._said_until = time.monotonic() + 4.0
        self._line(message)

    def _line(self, text: str) -> None:
        self._said = text
        self._show_tabs()


def _both(one: tuple[str, ...], two: tuple[str, ...]) -> tuple[str, ...]:
    """States that are in both, as far as both say something; nothing is left: a state that no job has."""
    return tuple(state for state in one if state in two) or ("none",) if two else one


def _free(state: Path) -> int:
    try:
        found = os.statvfs(state)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


def run(state: Path, *, readonly: bool = False) -> None:
    """Open the dashboard on a state folder, whether or not its daemon runs."""
    Dashboard(state, readonly=readonly).run()
