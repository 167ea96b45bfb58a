"""Rows that a function of the user's own gives: it is code, and so runs in a process of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tuner.data import calling
from tuner.data.calling import Source
from tuner.data.returned import Returned
from tuner.errors import DataError
from tuner.trainers import processes

# Seconds that a function may take. Longer than any download and short enough to be told of before the next morning.
LIMIT = 1800.0


def load(source: Source, folder: Path, stop: Callable[[], bool] = lambda: False, limit: float = LIMIT) -> Returned:
    """What the function returns, as files in the folder.

    Raises DataError where it raises, hangs, ends its process or returns no rows, and processes.Stopped within a moment
    of `stop()` turning true.
    """
    if not source.file.is_file():
        raise DataError(f"{source.shown_file}: no such file, expected FILE.py:FUNCTION")
    try:
        return processes.call(calling.call, source, folder, limit, stop=stop)
    except processes.WorkerDied as death:
        late = folder / calling.LATE
        if late.exists() and (told := late.read_text(encoding="utf-8", errors="replace")):
            raise DataError(_hanging(source, told, limit)) from death
        how = str(death).removeprefix("call: ")
        memory = ", as where memory is short. Return fewer rows" if "signal 9" in how else ""
        raise DataError(f"{source.shown}: {how}{memory}") from death


def _hanging(source: Source, told: str, limit: float) -> str:
    """The line of the file that was at work when the time was over; `told` has the innermost frame first."""
    lines = re.findall(rf'File "{re.escape(str(source.file))}", line (\d+)', told)
    where = f"{source.shown_file}:{lines[0]}" if lines else source.shown
    return (
        f"{where}: has not returned after {limit:g} seconds. Keep in a file what takes so long, and let "
        f"{source.name} read that"
    )
