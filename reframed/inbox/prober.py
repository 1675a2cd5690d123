"""Probing and hashing candidates in children, a few at a time, without holding up the scan."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from reframed.child import Child, ChildDied, ChildSilent
from reframed.protocol import Failed, Probed, ProbeRequest, pack_path

PARALLEL = 2
IDLE_S = 20.0
_PROBE_S = 60.0
_SLOWEST_BYTES_PER_S = 2_000_000


class Prober:
    """Answers what files are. Children are started when needed and ended when idle."""

    def __init__(self, start: Callable[[], Child]) -> None:
        self._start = start
        self._pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="probe")
        self._idle: queue.SimpleQueue[Child] = queue.SimpleQueue()
        self._lock = Lock()
        self._children: set[Child] = set()

    def probe(self, path: bytes, size_bytes: int) -> Future[Probed | Failed]:
        """Probe and hash the file at `path`; the answer comes later and never is an exception of the file's making."""
        return self._pool.submit(self._probe, path, size_bytes)

    def end_idle(self) -> None:
        """End children that had nothing to do for a while."""
        kept = []
        with contextlib.suppress(queue.Empty):
            while True:
                child = self._idle.get_nowait()
                if time.monotonic() - child.idle_since > IDLE_S:
                    self._end(child)
                else:
                    kept.append(child)
        for child in kept:
            self._idle.put(child)

    def stop(self) -> None:
        """End everything now."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            children, self._children = list(self._children), set()
        for child in children:
            child.kill()

    def _probe(self, path: bytes, size_bytes: int) -> Probed | Failed:
        child = self._take()
        try:
            child.send(ProbeRequest(pack_path(path)))
            answer = child.receive(_PROBE_S + size_bytes / _SLOWEST_BYTES_PER_S)
        except ChildDied as error:
            self._end(child)
            return _judged("probe_crashed", f"Reading it crashed the media library (the reader {error}).")
        except ChildSilent:
            self._end(child)
            return _judged("probe_hung", "Reading it took too long.")
        child.idle_since = time.monotonic()
        self._idle.put(child)
        assert isinstance(answer, Probed | Failed)
        return answer

    def _take(self) -> Child:
        with contextlib.suppress(queue.Empty):
            while True:
                child = self._idle.get_nowait()
                if child.alive:
                    return child
                self._end(child)
        child = self._start()
        with self._lock:
            self._children.add(child)
        return child

    def _end(self, child: Child) -> None:
        with self._lock:
            self._children.discard(child)
        child.close()


def _judged(code: str, message: str) -> Failed:
    return Failed(code=code, message=message, hint="The file may be damaged: check that it plays in a media player.")
