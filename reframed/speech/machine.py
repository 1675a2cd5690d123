"""What this machine has for an engine: cores, memory, a GPU's memory."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Machine(NamedTuple):
    """Physical cores this process may use, memory in bytes, and the largest GPU's memory in bytes (0: none)."""

    cores: int
    memory_bytes: int
    gpu_bytes: int

    def __str__(self) -> str:
        gpu = f"a GPU with {self.gpu_bytes / 1e9:.0f} GB, " if self.gpu_bytes else ""
        return f"{gpu}{self.cores} cores, {self.memory_bytes / 1e9:.0f} GB of memory"


@cache
def here(device: str) -> Machine:
    """This machine, for an engine on `device` (cpu or cuda)."""
    return Machine(physical_cores(), _memory_bytes(), _gpu_bytes() if device == "cuda" else 0)


def physical_cores() -> int:
    """Cores that this process may use; two hyper-threads count once (Linux says so in sysfs; elsewhere as told)."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    cores = set()
    for cpu in os.sched_getaffinity(0):
        try:
            siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text()
        except OSError:
            siblings = str(cpu)
        cores.add(siblings)
    return max(1, len(cores))


def threads() -> int:
    """Threads for an engine on the CPU: more than 4 were measured slower."""
    return min(4, physical_cores())


def available_bytes() -> int:
    """Memory that can be had now without swapping; half of all of it where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return _memory_bytes() // 2


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _gpu_bytes() -> int:
    if shutil.which("nvidia-smi") is None:
        return 0
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=20, check=True).stdout.decode()
        return max(int(line) for line in answer.split()) * 1024 * 1024
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0
