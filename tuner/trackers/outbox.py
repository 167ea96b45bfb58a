"""Work that waits for a store: done in a thread of its own, in order, and tried again until it succeeds."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Connection = TypeVar("Connection")

SHORTEST_PAUSE = 0.5  # seconds between two attempts; doubled each time
LONGEST_PAUSE = 30.0
# A piece of work that fails so often while the store answers no longer holds up what comes after it.
PATIENCE = 3
# Where an address has its secrets: any sign may be in a password, and drivers of databases take it as a setting too.
_BEFORE_HOST = re.compile(r"://[^/@\s:]*(?::\S*)?@")
_IN_QUERY = re.compile(r"([?&][\w-]*(?:passw|pwd|secret|token)[\w-]*=)[^&\s]*", re.IGNORECASE)


@dataclass(eq=False, slots=True)
class _Letter(Generic[Connection]):
    send: Callable[[Connection], None]
    counts: bool
    attempts: int = 0  # while the store answered
    problem: str | None = None

    @property
    def hopeless(self) -> bool:
        return self.attempts >= PATIENCE


class Outbox(Generic[Connection]):
    """Sends what is put into it. `put` never waits and never raises because of the store.

    `connect` opens the store and is called in the thread, before the first piece of work and after each failure, so
    that it can look up what a failed attempt has left half done.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._letters: list[_Letter[Connection]] = []
        self._changed = threading.Condition()
        self._trouble: str | None = None
        self._closing = False
        self._abandoned = False
        # A daemon, so that a store which hangs cannot keep the process from ending.
        self._thread = threading.Thread(target=self._work, name="tracker", daemon=True)

    def put(self, send: Callable[[Connection], None], *, counts: bool = True) -> None:
        """Appends a piece of work; one that does not count is not in `waiting`."""
        with self._changed:
            self._letters.append(_Letter(send, counts))
            if self._thread.ident is None:
                self._thread.start()
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        with self._changed:
            return sum(letter.counts for letter in self._letters)

    @property
    def trouble(self) -> str | None:
        """One line on what the last attempt failed of, or on what the store refuses again and again; else None."""
        with self._changed:
            refused = next((letter.problem for letter in self._letters if letter.hopeless), None)
            return self._trouble or refused

    def close(self, seconds: float) -> int:
        """Goes on for at most that long, and returns how many pieces of work are left undone."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(seconds)
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()
        return self.waiting

    def _work(self) -> None:
        connection: Connection | None = None
        pause = SHORTEST_PAUSE
        while (letter := self._next()) is not None:
            try:
                if connection is None:
                    connection = self._connect()
                letter.attempts += 1
                letter.send(connection)
            except Exception as error:  # noqa: BLE001 - whatever a store does, the search goes on
                connection = None
                self._trouble = letter.problem = one_line(error)
                # Whoever waits for `close` is waiting for a store that comes back now.
                self._rest(min(pause, SHORTEST_PAUSE) if self._closing else pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self._trouble = None
                pause = SHORTEST_PAUSE
                with self._changed:
                    self._letters.remove(letter)

    def _next(self) -> _Letter[Connection] | None:
        """The piece of work to try next, once there is one; None when the thread is to end."""
        with self._changed:
            while not self._letters and not self._closing:
                self._changed.wait()
            if self._abandoned or (self._closing and all(letter.hopeless for letter in self._letters)):
                return None
            return min(self._letters, key=lambda letter: letter.attempts if letter.hopeless else 0)

    def _rest(self, seconds: float) -> None:
        """Waits; a call of `close` ends the wait once, so that everything is tried a last time."""
        until = time.monotonic() + seconds
        with self._changed:
            was_closing = self._closing
            while (left := until - time.monotonic()) > 0 and not self._abandoned and self._closing is was_closing:
                self._changed.wait(left)


def masked(address: str) -> str:
    """The text, without the secrets that an address in it may carry."""
    return _IN_QUERY.sub(r"\1***", _BEFORE_HOST.sub("://***@", address))


def one_line(error: BaseException) -> str:
    """What an error says, masked, in one line of a length for a display.

    Where the operating system's own word lies beneath (`Connection refused`), that one, as libraries bury it.
    """
    beneath: BaseException | None = error
    while beneath is not None and not (isinstance(beneath, OSError) and beneath.errno is not None):
        beneath = beneath.__cause__ or beneath.__context__
    told = re.sub(r"^\[Errno \d+\] ", "", str(beneath or error).strip()) or type(error).__name__
    line = masked(told.splitlines()[0])
    return line if len(line) <= 200 else f"{line[:199]}…"
