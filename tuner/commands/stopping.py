"""Ctrl-C and SIGTERM, for the commands that search."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


class Stopped:
    """Ctrl-C and SIGTERM: the first asks the search to stop, the second ends it at once."""

    def __init__(self) -> None:
        self._signal: int | None = None
        self._say: Callable[[str], None] = click.echo

    def asked(self) -> bool:
        """Whether a signal came; the first to see it says so, as a handler must not print."""
        if self._signal is not None and self._say is not None:
            say, self._say = self._say, lambda line: None
            say("stopping; what is in training goes back to be trained again (once more to end at once)")
        return self._signal is not None

    @property
    def code(self) -> int:
        """The exit code that shells expect after a signal."""
        return 128 + (self._signal or signal.SIGINT)

    @contextmanager
    def by_signals(self, say: Callable[[str], None]) -> Iterator[None]:
        """While the block runs, signals come here."""
        self._say = say
        before = {number: signal.signal(number, self._catch) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _catch(self, number: int, _: object) -> None:
        if self._signal is not None:
            os.write(2, b"\x1b[?25h\n" if os.isatty(2) else b"")  # the live view hides the cursor
            os._exit(128 + number)
        self._signal = number
