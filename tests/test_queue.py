"""Huey as a hint: woken at once, by priority, nothing twice, thrown away at start."""

import threading
import time
from pathlib import Path

from reframed.queue import Queues


def test_steps_run_by_priority_and_without_a_gpu_on_the_cpu(tmp_path: Path) -> None:
    ran: list[tuple[str, int]] = []
    done = threading.Event()

    def execute(kind: str, step: int) -> None:
        ran.append((kind, step))
        if len(ran) == 4:
            done.set()

    queues = Queues(tmp_path, {"cpu": 1, "gpu": 0}, execute)
    queues.offer([(1, "gpu", 0), (2, "cpu", 0), (3, "cpu", 9)])
    queues.offer([(1, "gpu", 0)])  # queued already
    queues.start()
    time.sleep(0.2)
    queues.offer([(4, "cpu", 0)])
    assert done.wait(5)
    queues.stop(5)
    assert ran == [("cpu", 3), ("cpu", 1), ("cpu", 2), ("cpu", 4)]


def test_an_old_queue_is_thrown_away_at_start(tmp_path: Path) -> None:
    Queues(tmp_path, {"cpu": 1, "gpu": 1}, lambda kind, step: None).offer([(1, "cpu", 0)])
    ran: list[int] = []
    queues = Queues(tmp_path, {"cpu": 1, "gpu": 1}, lambda kind, step: ran.append(step))
    queues.start()
    queues.offer([(2, "gpu", 0)])
    deadline = time.monotonic() + 5
    while not ran and time.monotonic() < deadline:
        time.sleep(0.01)
    queues.stop(5)
    assert ran == [2]
