"""The application: the job list, the chosen job's state, its log; live, with retry and cancel."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Log, Static

from reframed import commands, lock, paths
from reframed.errors import ReframeError
from reframed.store.reads import Reader, Row
from reframed.text import duration, safe
from tui.joblist import JobList

_REFRESH_S = 0.5
_AGE_S = 5.0
_LOG_BYTES = 400_000
_LOG_LINES = 5_000
_ENDED = ("done", "failed", "cancelled")
_EMPTY = "No jobs yet. Drop a file into an inbox, or run `reframe add FILE` in another terminal. q quits."


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
    #jobs { height: 1fr; min-height: 2; }
    #detail { height: auto; max-height: 7; border-top: solid $primary; padding: 0 1; }
    #log { height: 1fr; min-height: 3; scrollbar-size: 0 1; border-top: solid $primary; }
    .-short #log { display: none; }
    .-short #detail { max-height: 5; }
    #line { height: 1; display: none; background: $warning; color: $text; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "retry", "Retry", tooltip="Queue the chosen job again"),
        Binding("x", "cancel", "Cancel", tooltip="Cancel the chosen job; asks first"),
        Binding("tab", "app.focus_next", "List/log", tooltip="Move between the list and the log"),
        Binding("f", "follow", "Follow", tooltip="Keep the end of the log in view, or stop doing so"),
        Binding("q", "quit", "Quit"),
        Binding("y", "confirm(True)", "Yes", show=False),
        Binding("n,escape", "confirm(False)", "No", show=False),
    ]

    def __init__(self, state: Path) -> None:
        super().__init__()
        self._state = state
        self._reader: Reader | None = None
        self._version = -1
        self._job: Row | None = None
        self._log_path: Path | None = None
        self._log_position = 0
        self._follow = True
        self._asking: int | None = None
        self._said_until = 0.0
        self._aged_at = 0.0

    def compose(self) -> ComposeResult:
        """Head, list, detail, log, footer."""
        yield Static(id="head", markup=False)
        yield JobList(self._read, time.time)
        yield Static(id="detail", markup=False)
        yield Log(id="log", max_lines=_LOG_LINES, highlight=False)
        yield Static(id="line", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Start looking."""
        self.query_one(JobList).focus()
        self.call_after_refresh(self._look)  # what is updated before the first layout keeps its first height
        self.set_interval(_REFRESH_S, self._look)

    def _read(self, limit: int, offset: int) -> list[Row]:
        try:
            return self._reader.jobs(limit=limit, offset=offset) if self._reader else []
        except ReframeError:
            return []

    def _look(self) -> None:
        """Bring everything up to date; what cannot be read is said where the job would be."""
        if not self.query("#head"):  # the timer may fire once more while the app closes
            return
        try:
            if self._reader is None:
                self._reader = Reader(self._state)
            version = self._reader.version()
            if version != self._version:
                self._version = version
                self.query_one(JobList).show(self._reader.total())
                self._show_detail()
            if time.monotonic() - self._aged_at > _AGE_S:
                self._aged_at = time.monotonic()
                self.query_one(JobList).refresh()  # "3m ago" grows older
            self._show_head(self._reader.counts())
            self._show_log()
        except ReframeError as error:
            self._reader, self._version = None, -1
            self.query_one("#head", Static).update(Text("Reframe", no_wrap=True))
            self.query_one("#detail", Static).update(Text(f"{error.message}\n{error.hint}"))

    def _show_head(self, counts: dict[str, int]) -> None:
        if lock.is_held(self._state):
            daemon = "daemon running"
        else:
            ended = lock.read(self._state).get("stopped_at")
            daemon = f"daemon stopped{f' {duration(time.time() - ended)} ago' if ended else ''}: reframe run"
        numbers = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
        self.query_one("#head", Static).update(Text(f"Reframe  {daemon}  {numbers or 'no jobs'}", no_wrap=True))
        if self._asking is None and time.monotonic() > self._said_until:
            self.query_one("#line", Static).display = False

    def on_job_list_chosen(self, chosen: JobList.Chosen) -> None:
        """Another job is under the cursor."""
        self._job = {"id": chosen.job} if chosen.job is not None else None
        self._show_detail()
        self._show_log()

    def _show_detail(self) -> None:
        detail = self.query_one("#detail", Static)
        if self._job is None or self._reader is None:
            detail.update(Text(_EMPTY))
            return
        try:
            self._job = self._reader.job(self._job["id"])
        except ReframeError as error:
            detail.update(Text(error.message))
            return
        detail.update(Text("\n".join(_detail_lines(self._job))))

    def _show_log(self) -> None:
        """Append what the chosen job's log has grown by."""
        view = self.query_one("#log", Log)
        if self._job is None or "attempt" not in self._job:
            view.clear()
            self._log_path = None
            return
        path = paths.job_log(self._state, self._job["id"], self._job["attempt"])
        if path != self._log_path:
            self._log_path, self._log_position = path, 0
            view.clear()
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                self._log_position = max(self._log_position, size - _LOG_BYTES) if size >= self._log_position else 0
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

    def action_retry(self) -> None:
        """Queue the chosen job again."""
        if self._job is not None:
            self._post("retry", self._job["id"])

    def action_cancel(self) -> None:
        """Ask whether to cancel the chosen job."""
        if self._job is None or self._job.get("state") in _ENDED:
            self._say("only a job that has not ended can be cancelled")
            return
        self._asking = self._job["id"]
        self._line(f"Cancel job {self._asking}, {safe(str(self._job.get('name', '')))}? y yes, n no")

    def action_confirm(self, sure: bool) -> None:
        """Answer the question."""
        job, self._asking = self._asking, None
        self.query_one("#line", Static).display = False
        if job is not None and sure:
            self._post("cancel", job)

    def _post(self, verb: str, job: int) -> None:
        try:
            commands.post(self._state, verb, {"jobs": [job]})
        except ReframeError as error:
            self._say(error.message)
        else:
            running = lock.is_held(self._state)
            self._say(f"{verb} {job}" if running else f"{verb} {job}: done when the daemon runs")

    def _say(self, message: str) -> None:
        self._said_until = time.monotonic() + 4.0
        self._line(message)

    def _line(self, text: str) -> None:
        line = self.query_one("#line", Static)
        line.update(Text(text, no_wrap=True))
        line.display = True


def _detail_lines(job: Row) -> list[str]:
    lines = [
        f"Job {job['id']}  {job['state']}  {safe(job['name'])}  recipe {safe(job['recipe'])}, attempt {job['attempt']}"
    ]
    if job["reason"]:
        lines.append(f"Why: {safe(job['reason'])}")
    if job["hint"]:
        lines.append(f"To do: {safe(job['hint'])}")
    if job["review"]:
        lines.append(f"Needs review: {safe(job['review'])}")
    lines.append("Steps: " + ", ".join(_step(step) for step in job["steps"]))
    lines += [f"Output: {safe(bytes(output['path']))}" for output in job["outputs"]]
    return lines


def _step(step: Row) -> str:
    if step["state"] == "running":
        left = f", {duration(step['left_s'])} left" if step["left_s"] else ""
        return f"{step['name']} {step['progress']:.0%}{left}"
    if step["state"] == "done":
        took = (step["ended_at"] or 0) - (step["started_at"] or 0)
        return f"{step['name']} {'from cache' if step['cached'] else duration(took)}"
    return f"{step['name']} {step['state']}"


def run(state: Path) -> None:
    """Open the dashboard on a state folder, whether or not its daemon runs."""
    Dashboard(state).run()
