"""What this machine has to give: slots, GPUs, room on its disks."""

from __future__ import annotations

import os
from pathlib import Path

from reframed.config import Config
from reframed.filesystem import free_bytes
from reframed.text import safe, size


def slot_counts(settings: Config) -> dict[str, int]:
    """Slots by kind; `gpu: auto` is 1 if this machine has an NVIDIA GPU."""
    gpu = settings.slots.gpu
    return {"cpu": settings.slots.cpu, "gpu": int(has_gpu()) if gpu == "auto" else gpu}


def has_gpu() -> bool:
    """Whether the NVIDIA driver is there, without loading it."""
    return Path("/dev/nvidiactl").exists() or Path("/proc/driver/nvidia/version").exists()


def no_room(config: Config, outbox: bytes) -> str:
    """Why a job with this outbox must wait for disk space, or ''."""
    for folder in {os.fsencode(config.state), outbox} - {b""}:
        try:
            free = free_bytes(folder)
        except OSError:
            continue
        if free < config.limits.min_free:
            return f"waiting for disk space: {size(free)} free in {safe(folder)}, {size(config.limits.min_free)} wanted"
    return ""
