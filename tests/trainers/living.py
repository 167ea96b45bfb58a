"""What the operating system says of processes, for tests that look for what was left behind."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to look at processes")


def parent(pid: int) -> int | None:
    """The parent of a process that lives; None for one that does not, or has ended and waits to be asked how."""
    try:
        state, above = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else int(above)


def children(pid: int) -> set[int]:
    """The processes that live and were started by this one."""
    return {int(path.name) for path in Path("/proc").glob("[0-9]*") if parent(int(path.name)) == pid}


def memory(pid: int) -> float:
    """Resident memory in MB."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def still_there(pids: Iterable[int], seconds: float) -> set[int]:
    """Those that live after so many seconds; returns as soon as there are none."""
    left, end = set(pids), time.monotonic() + seconds
    while left and time.monotonic() < end:
        left = {pid for pid in left if parent(pid) is not None}
        time.sleep(0.02)
    return left
