"""Keeps what TensorFlow's C++ prints away from the person at the terminal.

Since 2.21 its start-up notes come whatever `TF_CPP_MIN_LOG_LEVEL` says, and they come from C++: `sys.stderr` does not
see them. So the file descriptor itself is turned away. Python's exceptions are not printed there, and are not lost.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def stderr() -> Iterator[None]:
    """Nothing reaches the process's error output while the block runs."""
    sys.stderr.flush()
    kept = os.dup(2)
    turn_away()
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


def turn_away(file: Path | None = None) -> None:
    """From now on the process's error output goes to a file, or nowhere."""
    target = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) if file else os.open(os.devnull, os.O_WRONLY)
    os.dup2(target, 2)
    os.close(target)
