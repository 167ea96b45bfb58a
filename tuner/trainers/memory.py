"""How many workers fit into this machine's memory, known before the first one is started."""

from __future__ import annotations

from pathlib import Path

from tuner.trainers.stacked.plan import Plan

# What a process with TensorFlow and a compiled program takes before it trains anything, as measured.
_PROCESS = 700 * 2**20
# What is left to everything else.
_SPARE = 0.2


def fitting(workers: int, plan: Plan, free: int | None) -> int:
    """How many of the workers there is memory for, at least one; `free` in bytes, None where nobody knows."""
    if free is None:
        return workers
    return max(1, min(workers, int(free * (1 - _SPARE) / (_PROCESS + plan.most_bytes))))


def free(table: Path = Path("/proc/meminfo")) -> int | None:
    """The bytes that could be had, what is only cached included; None where the system does not say."""
    try:
        lines = table.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    told = next((line.split() for line in lines if line.startswith("MemAvailable:")), None)
    return int(told[1]) * 1024 if told else None
