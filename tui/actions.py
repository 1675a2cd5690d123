"""What the keys of the dashboard do."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from reframed import lock
from reframed.errors import ReframeError
from reframed.store.reads import Filter, Reader, Row
from reframed.text import safe, shorten
from tui import detail, keys
from tui.keys import TABS

if TYPE_CHECKING:
    from tui.app import Dashboard
    from tui.logfile import LogFile

ENDED = ("done", "failed", "cancelled")
_ANSWERS = ("copy", "next", "previous", "back")  # keys that may answer a question
_UNDER_WAY = ("running", "publishing")
_NOT_IN = {"retry": _UNDER_WAY, "restyle": _UNDER_WAY, "cancel": ENDED, "priority": ENDED}  # states a verb is not for
_READ_ONLY = "read only: nothing is changed from here"
_CHANGES = ("retry", "cancel", "edit", "style", "priority", "pause", "drain")


class _Question(NamedTuple):
    """What y answers: a verb for the daemon."""

    verb: str
    arguments: dict[str, object]


class Actions:
    """What keys do to `app`. Each key's is the method of its name, and `why_not` says why it would do nothing now."""

    def __init__(self, app: Dashboard) -> None:
        self.app = app
        self.asking: _Question | None = None
        self.found = ""  # what is searched for
        self._asked: Callable[[str], None] | None = None
        self._left: list[str] = []  # commands whose outcome is not known yet

    def why_not(self, name: str) -> str:
        """Why a key does nothing now; empty: it does something."""
        if self.app.readonly and name in _CHANGES:
            return _READ_ONLY
        if name in ("retry", "cancel", "priority", "command", "style") and self.app.list.marked:
            return ""
        if name in _NEEDS_JOB and (self.app.job is None or "state" not in self.app.job):
            return "there is no job to do that with"
        job = self.app.job or {}
        return _WHY_NOT[name](job) if name in _WHY_NOT else ""

    def do(self, name: str) -> None:
        """What a key stands for; or why it does nothing."""
        if self.asking is not None and name == "open":
            return  # enter is no answer
        if self.asking is not None and name not in _ANSWERS:
            self.no()  # who does something else has not answered
        if self.app.screen_stack[0].query("#ask") and name != "back":
            self._close_ask()
        if reason := self.why_not(name):
            self.app.say(reason)
            return
        try:
            getattr(self, name)()
        except ReframeError as error:  # the ledger cannot be read just now
            self.app.say(f"{error.message} {error.hint}")

    def tab(self, number: int) -> None:
        """Only the jobs of one tab."""
        self.no()
        self.app.number = number
        self._choose()

    def switch(self, name: str) -> None:
        """Pause the intake, or drain the slots, or go on."""
        if self.app.readonly:
            self.app.say(_READ_ONLY)
        elif name in self.app.seen.switches:
            self.post("resume", {})
        else:
            what = "Take no more files" if name == "pause" else "Start no more steps"
            self._question(_Question(name, {}), f"{what}? y yes, n no")

    def quit(self) -> None:
        """Leave; the daemon goes on."""
        self.app.exit()

    # --- finding

    def find(self) -> None:
        """Ask what to find: jobs, or a text in the log."""
        if self._in_log():
            self._ask("a text in the log", self.app.log_pane.needle, self._search_log)
        else:
            self._ask("state:failed recipe:styled lang:es date:2026-11 text !not", self.found, self._search)

    def _in_log(self) -> bool:
        """Whether keys are meant for the log (its focus may come a moment after it fills the screen)."""
        return self.app.log_pane.has_focus or self.app.screen_stack[0].has_class("-loud")

    def _search(self, text: str) -> None:
        from reframed.store import query

        try:
            query.parse(text)
        except ReframeError as error:
            self.app.say(f"{error.message} {error.hint}")
            return
        self.found = text.strip()
        self._choose()

    def _choose(self) -> None:
        """Show the jobs of the tab that are like what was asked for."""
        from reframed.store import query

        found = query.parse(self.found)
        states = TABS[self.app.number][1]
        self.app.which = found._replace(states=_both(states, found.states)) if states else found
        self.app.list.reset()
        self.app.look_now()

    def show_job(self, job: int) -> None:
        """Put the cursor on a job, in the list of all."""
        self.found, self.app.number = "", 0
        self._choose()
        try:
            if self.app.reader is not None:
                self.app.list.action_jump(self.app.reader.total(Filter(after=job)))
        except ReframeError as error:
            self.app.say(error.message)

    def _search_log(self, text: str) -> None:
        self.app.log_pane.needle = text
        self.app.log_pane.refresh()
        if text:
            self._search_on(forwards=True)

    def _search_on(self, *, forwards: bool) -> None:
        place = self.app.log_pane.find_from(forwards=forwards)
        if place is None or not self.app.log_pane.needle:
            self.app.say("nothing is searched for: / in the log")
            return
        file, offset = place
        self.app.line("searching...")
        self.app.run_worker(
            lambda: self._found_in_log(file, offset, forwards),
            thread=True,
            exclusive=True,
            exit_on_error=False,
            group="search",
        )

    def _found_in_log(self, file: LogFile, offset: int, forwards: bool) -> None:
        needle = self.app.log_pane.needle
        found = file.find(needle, offset, forwards=forwards)
        again = found is None
        if again:  # from the other end
            found = file.find(needle, 0 if forwards else file.size, forwards=forwards)
        self.app.call_from_thread(self._show_found, found, again)

    def _show_found(self, found: int | None, again: bool) -> None:
        if found is None:
            self.app.say(f"not found: {safe(self.app.log_pane.needle)}")
            return
        self.app.say("found; from the other end on") if again else self.app.line("")
        self.app.log_pane.jump(found)

    def next(self) -> None:
        """The next that was found."""
        self._go_on(1)

    def previous(self) -> None:
        """The one before."""
        self._go_on(-1)

    def _go_on(self, by: int) -> None:
        if self.asking is not None:
            self.no()
        elif self._in_log():
            self._search_on(forwards=by > 0)
        elif self.found:
            self.app.list.action_move(by)
        else:
            self.app.say("nothing is searched for: / finds")

    def _ask(self, about: str, value: str, then: Callable[[str], None]) -> None:
        """Let somebody type a line, where the tabs are."""
        from textual.widgets import Input

        self._close_ask()
        self._asked = then
        box = Input(value, placeholder=about, id="ask", compact=True)
        self.app.screen_stack[0].mount(box, before="#tabs")
        self.app.lines("tabs").display = False
        box.focus()

    def answered(self, value: str) -> None:
        """What was asked for is typed."""
        then = self._asked
        self._close_ask()
        if then is not None:
            then(value)

    def _close_ask(self) -> None:
        boxes = self.app.screen_stack[0].query("#ask")
        if not boxes:
            return
        for box in boxes:
            box.remove()
        self.app.lines("tabs").display = True
        (self.app.log_pane if self.app.screen_stack[0].has_class("-loud") else self.app.list).focus()

    def back(self) -> None:
        """Out of what is open: a question, the line to type in, the log, the search."""
        if self.asking is not None:
            self.no()
        elif self.app.screen_stack[0].query("#ask"):
            self._close_ask()
        elif self.app.screen_stack[0].has_class("-loud"):
            self.log()
        elif self.found or self.app.number:
            self.found, self.app.number = "", 0
            self._choose()

    # --- marking and doing

    def mark(self) -> None:
        """Mark the job under the cursor."""
        self.app.list.toggle_mark()
        self.app.say(f"{len(self.app.list.marked)} marked" if self.app.list.marked else "none marked")
        self.app.show_foot()

    def unmark(self) -> None:
        """Take all marks away."""
        self.app.list.marked.clear()
        self.app.list.freshen()
        self.app.show_foot()

    def _targets(self, verb: str = "") -> list[int]:
        """The jobs that a verb is for: those marked that are in a state for it, else the one under the cursor."""
        marked = sorted(self.app.list.marked)
        if marked and verb and self.app.reader is not None:
            states = self.app.reader.states(marked)
            return [job for job in marked if job in states and states[job] not in _NOT_IN[verb]]
        return marked or ([self.app.job["id"]] if self.app.job is not None else [])

    def retry(self) -> None:
        """Queue the jobs again."""
        if jobs := self._targets("retry"):
            self.post("retry", {"jobs": jobs})
        else:
            self.app.say("none of the marked jobs can be retried: all are under way")

    def cancel(self) -> None:
        """Ask whether to cancel the jobs."""
        jobs = self._targets("cancel")
        if not jobs:
            self.app.say("none of the marked jobs can be cancelled: all have ended")
            return
        what = f"job {jobs[0]}, {self._name_of(jobs[0])}" if len(jobs) == 1 else f"{len(jobs)} marked jobs"
        self._question(_Question("cancel", {"jobs": jobs}), f"Cancel {what}? y yes, n no")

    def _name_of(self, job: int) -> str:
        """A job's file name, as long as a question has room for it."""
        try:
            name = self.app.reader.job(job)["name"] if self.app.reader is not None else ""
        except ReframeError:
            name = ""
        return shorten(safe(name), max(8, self.app.size.width - 36))

    def priority(self) -> None:
        """Ask for a priority."""
        jobs = self._targets("priority")  # those of now, not of when it is typed
        if jobs:
            self._ask("priority, -9 (last) to 9 (first)", "", lambda text: self._prioritise(jobs, text))
        else:
            self.app.say("all marked jobs have ended")

    def _prioritise(self, jobs: list[int], text: str) -> None:
        try:
            priority = int(text)
        except ValueError:
            priority = 99
        if not -9 <= priority <= 9:
            self.app.say("a priority is a number from -9 to 9")
            return
        self.post("priority", {"jobs": jobs, "priority": priority})

    def _question(self, question: _Question, text: str) -> None:
        self._close_ask()
        self.asking = question
        self.app.line(text)

    def copy(self) -> None:
        """Answer a question with yes; without one, copy the job's path."""
        question, self.asking = self.asking, None
        if question is not None:
            self.post(question.verb, question.arguments)
        elif self.app.job is not None and "place" in self.app.job:
            path = safe(os.fsdecode(bytes(self.app.job["place"])))
            self.app.copy_to_clipboard(path)
            self.app.say(f"copied: {path}")

    def no(self) -> None:
        """Not done; nothing is asked any more."""
        if self.asking is not None:
            self.asking = None
            self.app.line("")

    def command(self) -> None:
        """Copy the command line of a retry."""
        command = detail.job_command("retry", self._targets())
        self.app.copy_to_clipboard(command)
        self.app.say(f"copied: {command}")

    def post(self, verb: str, arguments: dict[str, Any], payload: bytes | None = None) -> str:
        """Leave a command, and say so; why it could not be left, or ""."""
        if self.app.readonly:
            self.app.say(_READ_ONLY)
            return _READ_ONLY
        from reframed import commands

        about = detail.job_command(verb, list(arguments.get("jobs", [])))[len("reframe ") :]
        try:
            self._left.append(commands.post(self.app.state, verb, arguments, payload))
        except ReframeError as error:
            self.app.say(error.message)
            return error.message
        self.app.say(about if lock.is_held(self.app.state) else f"{about}: done when the daemon runs")
        return ""

    def hear(self, reader: Reader) -> None:
        """Say what became of the commands that were left."""
        for identity in list(self._left):
            outcome = reader.command(identity)
            if outcome is not None:
                self._left.remove(identity)
                self.app.say(safe(outcome["message"]))

    # --- looking

    def log(self) -> None:
        """The log on the whole screen, or back."""
        screen = self.app.screen_stack[0]
        screen.toggle_class("-loud")
        (self.app.log_pane if screen.has_class("-loud") else self.app.list).focus()
        self.app.call_after_refresh(self.app.look_now)

    def follow(self) -> None:
        """Follow the log's end, or stop."""
        self.app.say("following the log" if self.app.log_pane.toggle_follow() else "not following the log")

    def wrap(self) -> None:
        """Wrap long lines of the log, or cut them."""
        self.app.say(
            "long lines are wrapped" if self.app.log_pane.toggle_wrap() else "long lines are cut; left and right move"
        )

    def _page(self, title: str, lines: Callable[[], Any], *, live: bool = True) -> None:
        from tui.page import Page

        self.app.push_screen(Page(title, lines, self.app.looks, live=live))

    def open(self) -> None:
        """Everything about the job. A question is never answered by enter."""
        if self.app.job is not None and self.asking is None:
            number = self.app.job["id"]
            self._page(f"Job {number}", lambda: self._lines_of(number))

    def _lines_of(self, number: int) -> Any:
        try:
            if self.app.reader is None:
                return ["The ledger cannot be read now."]
            job = self.app.reader.job(number)
            return detail.whole(job, self.app.looks, self.app.reader.estimate(job))
        except ReframeError as error:
            return [error.message]

    def outputs(self) -> None:
        """The paths of the outputs."""
        paths = [safe(bytes(output["path"])) for output in (self.app.job or {}).get("outputs", [])]
        self._page("Outputs", lambda: paths)

    def folders(self) -> None:
        """The inboxes, and the files that wait in them."""
        import time

        def lines() -> Any:
            try:
                if self.app.reader is None:
                    return ["The ledger cannot be read now."]
                return detail.folders(self.app.reader.folders(), self.app.reader.sightings(500), time.time())
            except ReframeError as error:
                return [error.message]

        self._page("Inboxes", lines)

    def help(self) -> None:
        """All keys."""
        signs = ", ".join(
            f"{self.app.looks.sign(state)[0]} {state}" for state in self.app.seen.counts if state != "publishing"
        )
        self._page("Keys", lambda: keys.help_lines(self.app.keys, signs))

    def recipes(self) -> None:
        """Recipes and inboxes, and what is wrong with them."""
        check = self.app.services.check
        self._page("Recipes and inboxes", check or (lambda: ["Run `reframe check` and `reframe recipes`."]), live=False)

    def history(self) -> None:
        """What was done."""
        from tui.history import History

        self.app.push_screen(History(self.found, self.app.state, self.app.looks))

    def transcript(self) -> None:
        """The text with its times."""
        from tui import transcript

        job = self._must_job()
        self._page(
            f"Transcript of job {job['id']}", lambda: transcript.lines(transcript.load(self.app.state, job)), live=False
        )

    def edit(self) -> None:
        """Edit the captions."""
        from tui.editor import Editor

        self.app.push_screen(Editor(self.app.state, self._must_job(), self.app.looks, self._save_captions))

    def _save_captions(self, job: int, language: str, format_: str, text: str) -> str:
        return self.post("recaption", {"jobs": [job], "language": language, "format": format_}, text.encode())

    def style(self) -> None:
        """Choose another style."""
        from tui.styles import StylePicker

        if self.app.services.styles is None or self.app.services.still is None:
            self.app.say("styles: see `reframe style`")
            return
        jobs = self._targets("restyle")
        if not jobs:
            self.app.say("none of the marked jobs can be rendered again: all are under way")
            return
        self.app.push_screen(
            StylePicker(
                self.app.services.styles,
                self.app.services.still,
                self.app.looks,
                lambda style: self._restyle(jobs, style),
            )
        )

    def _restyle(self, jobs: list[int], style: str) -> None:
        self.post("restyle", {"jobs": jobs, "style": style})

    def theme(self) -> None:
        """Dark, or light."""
        self.app.looks = self.app.looks._replace(dark=not self.app.looks.dark)
        self.app.theme = "dark" if self.app.looks.dark else "light"
        for widget in self.app.screen_stack[0].query():
            if hasattr(widget, "looks"):
                widget.looks = self.app.looks
                widget.refresh()

    def _must_job(self) -> Row:
        assert self.app.job is not None  # why_not has seen to it
        return self.app.job


def _both(one: tuple[str, ...], two: tuple[str, ...]) -> tuple[str, ...]:
    """States that are in both, as far as both say something; nothing is left: a state that no job has."""
    return tuple(state for state in one if state in two) or ("none",) if two else one


def _why_no_retry(job: Row) -> str:
    return (
        f"job {job['id']} is {job['state']}: there is nothing to retry yet"
        if job["state"] in ("running", "publishing")
        else ""
    )


def _why_no_cancel(job: Row) -> str:
    return "only a job that has not ended can be cancelled" if job["state"] in ENDED else ""


def _why_no_words(job: Row) -> str:
    listens = any(
        step["name"] in ("transcribe", "captions", "translate") and step["state"] == "done" for step in job["steps"]
    )
    return "" if listens else f"job {job['id']} has no captions yet"


def _why_no_edit(job: Row) -> str:
    if job["state"] in ("running", "publishing"):
        return f"job {job['id']} is {job['state']}: its captions can be edited when it has ended"
    if not any(step["name"] == "transcribe" for step in job["steps"]):
        return f"job {job['id']} came from a subtitle file: edit that, and drop it again"
    return _why_no_words(job)


def _why_no_style(job: Row) -> str:
    if not any(step["name"] == "styled" for step in job["steps"]):
        return f"job {job['id']} renders nothing: only the recipe styled has a style"
    return _why_no_retry(job)


def _why_no_outputs(job: Row) -> str:
    return "" if job["outputs"] else f"job {job['id']} has published nothing"


def _why_no_priority(job: Row) -> str:
    return f"job {job['id']} is {job['state']}: its place in the queue means nothing" if job["state"] in ENDED else ""


_WHY_NOT: dict[str, Callable[[Row], str]] = {
    "retry": _why_no_retry,
    "cancel": _why_no_cancel,
    "transcript": _why_no_words,
    "edit": _why_no_edit,
    "style": _why_no_style,
    "outputs": _why_no_outputs,
    "priority": _why_no_priority,
}
_NEEDS_JOB = frozenset({*_WHY_NOT, "open", "command"})
