"""What was done: jobs by day, minutes processed, storage used; of all jobs, or of those that are like a search."""

from __future__ import annotations

from pathlib import Path

from reframed.paths import CACHE, LEDGER, LOGS
from reframed.store import query
from reframed.store.reads import Reader, Row
from reframed.text import duration, safe, size
from tui.lines import Line
from tui.looks import Looks
from tui.page import Page

_BAR = 20
_EVERY_S = 10.0


class History(Page):
    """`/` asks which jobs. Everything is added up beside the screen, for there may be many jobs and many files."""

    ABOUT = "/ which jobs, esc back"

    def __init__(self, found: str, state: Path, looks: Looks) -> None:
        super().__init__("History", self._read, looks, live=False)
        self._found, self._state = found, state

    def on_mount(self) -> None:
        """Add up, now and again."""
        super().on_mount()
        self.set_interval(_EVERY_S, self.load)

    def _read(self) -> list[Line]:
        which = query.parse(self._found)
        reader = Reader(self._state)
        days = reader.days(which)
        reader.close()
        about = f"of jobs like {safe(self._found)}" if self._found else "of all jobs"
        return [*table(days, about, self.looks), "", self._storage()]

    def _storage(self) -> Line:
        """What our own files take."""
        parts = [(name, used(self._state / name)) for name in (LEDGER, CACHE, LOGS, "models")]
        listed = ", ".join(f"{name.removesuffix('.db')} {size(taken)}" for name, taken in parts)
        return (("Storage used: ", "dim"), (f"{size(sum(taken for _, taken in parts))} ({listed})", ""))

    def asked_before(self) -> str:
        """Which jobs are shown."""
        return self._found

    def asked(self, text: str) -> None:
        """Show other jobs."""
        self._found = text.strip()
        self.load()


def table(days: list[Row], about: str, looks: Looks) -> list[Line]:
    """Totals, then a line a day."""
    if not days:
        return [f"No job has ended yet, {about}."]
    total = {
        key: sum(day[key] or 0 for day in days) for key in ("done", "failed", "cancelled", "media_s", "size_bytes")
    }
    found: list[Line] = [
        (
            (f"{total['done']} done, {total['failed']} failed, {total['cancelled']} cancelled", "bold"),
            (f", {about}", "dim"),
        ),
        f"{_minutes(total['media_s'])} of media processed, results of {size(total['size_bytes'])}",
        "",
        (("day         done  failed  cancelled   media     results", "dim"),),
    ]
    most = max((day["done"] or 0) + (day["failed"] or 0) for day in days) or 1
    mark = "#" if looks.ascii else "▪"
    for day in days:
        done, failed = day["done"] or 0, day["failed"] or 0
        figures = (
            f"{day['day']}{done:>6}{failed:>8}{day['cancelled'] or 0:>11}{duration(day['media_s'] or 0):>10}"
            f"{size(day['size_bytes'] or 0):>10}  "
        )
        bars = [round(_BAR * count / most) or (1 if count else 0) for count in (done, failed)]
        found.append(((figures, ""), (mark * bars[0], "cool"), (("x" if looks.ascii else "▫") * bars[1], "bad")))
    return found


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:,.0f} minutes" if seconds >= 600 else f"{seconds / 60:.1f} minutes"


def used(path: Path) -> int:
    """Bytes that a file (with what SQLite keeps beside it) or a folder takes; what cannot be read counts nothing."""
    try:
        if path.is_file():
            return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
        return sum(file.lstat().st_size for file in path.rglob("*") if file.is_file())
    except OSError:
        return 0
