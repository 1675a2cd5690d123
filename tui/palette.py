"""ctrl+p: every key by what it does, and every job by its file's name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from reframed.errors import ReframeError
from reframed.store.reads import Filter
from reframed.text import safe
from tui import keys
from tui.keys import KEYS, Key

if TYPE_CHECKING:
    from tui.app import Dashboard

_JOBS_MOST = 20
_NOT_LISTED = ("palette", "switch", "open", "back", "next", "previous")


class _Ours(Provider):
    @property
    def dashboard(self) -> Dashboard:
        """The app."""
        return cast("Dashboard", self.app)


class Verbs(_Ours):
    """What keys do."""

    def _named(self) -> list[tuple[Key, str, str]]:
        found = []
        for key in KEYS:
            if key.name not in _NOT_LISTED:
                reason = self.dashboard.actions.why_not(key.name)
                shown = keys.shown(self.dashboard.keys.get(key.name, key.key))
                name = key.label or key.name.capitalize()
                found.append((key, f"{name}: {key.about} ({shown})", f"not now: {reason}" if reason else ""))
        return found

    def _run(self, key: Key) -> None:
        self.dashboard.call_later(self.dashboard.run_action, key.action or f"do('{key.name}')")

    async def discover(self) -> Hits:
        """All of them."""
        for key, about, reason in self._named():
            yield DiscoveryHit(Content(about), partial(self._run, key), about, help=reason or None)

    async def search(self, query: str) -> Hits:
        """Those that are like what is typed."""
        matcher = self.matcher(query)
        for key, about, reason in self._named():
            if (score := matcher.match(about)) > 0:
                yield Hit(score, matcher.highlight(about), partial(self._run, key), about, reason or None)


class Jobs(_Ours):
    """Jobs by name."""

    async def search(self, query: str) -> Hits:
        """The newest whose names hold all that is typed."""
        reader = self.dashboard.reader
        words = tuple(query.split())
        if reader is None or not words:
            return
        try:
            rows = reader.jobs(Filter(texts=words), limit=_JOBS_MOST)
        except ReframeError:
            return
        for place, row in enumerate(rows):
            text = f"job {row['id']} {row['state']}  {safe(row['name'])}"
            yield Hit(1.0 - place / 100, Content(text), partial(self.dashboard.actions.show_job, row["id"]), text)
