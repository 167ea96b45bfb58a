"""Processes that train, build and score, so that the owner of a search never imports TensorFlow.

Each job gets a process of its own, forked from a server that has Keras imported already: it starts in a few
hundredths of a second, memory cannot grow from trial to trial, and whatever kills it kills one trial. The server
itself runs no TensorFlow operation, because threads do not survive a fork.

Ctrl-C and SIGTERM may reach a whole group of processes. What to do about them is the owner's decision, so that
everything started here does not hear them, and ends when the owner ends it, or ends itself.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet

from tuner import quiet
from tuner.errors import TunerError

T = TypeVar("T")

# Windows has no fork; there each process imports Keras anew.
_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_context: Any = multiprocessing.get_context(_METHOD)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Seconds that a look at `stop` may be away.
PATIENCE = 0.2
# Seconds that a process may take to be gone after it has closed its line.
_GRACE = 5.0
# What is kept of a dead worker's output, in characters.
_TAIL = 4000
_started: WeakSet[BaseProcess] = WeakSet()


class WorkerDied(TunerError):
    """A process ended without an answer, or none could be started."""

    exit_code = 1


class Stopped(TunerError):
    """`stop()` turned true before there was an answer."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception in a process, as its traceback."""

    traceback: str


@dataclass(slots=True)
class Child:
    """A process at work, and our end of the line to it."""

    process: BaseProcess
    line: Connection
    log: Path | None

    def hear(self) -> Any:
        """The next message, once there is one; None where the process died instead, be it in mid-message."""
        try:
            return self.line.recv()
        except (EOFError, OSError):
            return None

    def say(self, message: Any) -> None:
        """Sends a message. One to a process that has died is lost; the next look at its line says so."""
        try:
            self.line.send(message)
        except OSError:
            return

    def kill(self) -> None:
        """Ends the process, whatever it is at, and removes what it left."""
        self.process.kill()
        self.process.join()
        self.line.close()
        if self.log is not None:
            self.log.unlink(missing_ok=True)

    def death(self) -> str:
        """How the process ended, in words, after the last that it printed, if anything."""
        self.process.join(_GRACE)
        code = self.process.exitcode
        how = "line lost" if code is None else f"signal {-code}" if code < 0 else f"exit code {code}"
        printed = ""
        if self.log is not None and self.log.exists():  # a process may die before it opens its log
            printed = self.log.read_text(encoding="utf-8", errors="replace").strip()
        return f"{printed[-_TAIL:]}\nworker died ({how})".lstrip()


def preload() -> None:
    """Begins to import Keras in the background; `start` waits for it."""
    if _METHOD != "forkserver":
        return
    from multiprocessing import forkserver, resource_tracker

    _context.set_forkserver_preload(["tuner.trainers.preloaded"])
    resource_tracker.ensure_running()  # it has a way of its own with signals, which would undo ours
    with _signals_held():
        forkserver.ensure_running()


@contextmanager
def _signals_held() -> Iterator[None]:
    """A process that is started meanwhile never receives the signals; this one receives them afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def warm() -> threading.Event:
    """Begins the import, and returns an event that is set when a process can start at once."""
    ready = threading.Event()

    def first() -> None:
        try:
            process = _context.Process(target=_nothing, daemon=True)
            _begin(process)
            process.join()
        except (OSError, EOFError):
            return  # `start` meets the same, and says so to who can do something about it
        finally:
            ready.set()

    threading.Thread(target=first, name="warm-up", daemon=True).start()
    return ready


def start(function: Callable[..., Any], *arguments: Any, log: Path | None = None) -> Child:
    """Runs `function(line, *arguments)` in a process; `line` is its end of a two-way line to us.

    What it prints goes to `log` while it runs, or nowhere. Raises WorkerDied where no process can be started.
    """
    ours, theirs = _context.Pipe()
    process = _context.Process(target=_serve, args=(theirs, log, function, arguments), daemon=True)
    try:
        _begin(process)
    except (OSError, EOFError) as error:
        ours.close()
        raise WorkerDied(f"no process can be started to train in ({error or type(error).__name__})") from None
    finally:
        theirs.close()
    _started.add(process)
    return Child(process, ours, log)


def _begin(process: BaseProcess) -> None:
    preload()
    try:
        process.start()
    except (OSError, EOFError):
        # The server was killed, and its end may not be known yet. One more is started in its place.
        time.sleep(PATIENCE)
        preload()
        process.start()


def call(function: Callable[..., T], *arguments: Any, stop: Callable[[], bool] = lambda: False) -> T:
    """What `function(*arguments)` returns in a process of its own.

    Raises the TunerError that it raised, WorkerDied for anything else and for a killed process, and Stopped within a
    moment of `stop()` turning true.
    """
    ready = warm()
    while not ready.wait(PATIENCE):
        if stop():
            raise Stopped("stopped")
    child = start(_answer, function, arguments)
    try:
        while not wait([child.line], timeout=PATIENCE):
            if stop():
                raise Stopped("stopped")
        answer = child.hear()
        if answer is None:
            raise _failure(function, child.death())
    finally:
        child.kill()
    if isinstance(answer, Raised):
        raise _failure(function, answer.traceback)
    if isinstance(answer, TunerError):
        raise answer
    (found,) = answer
    return found  # type: ignore[no-any-return]


def _failure(function: Callable[..., Any], story: str) -> WorkerDied:
    """The last line of what is known, with all of it as the cause."""
    failure = WorkerDied(f"{function.__name__}: {story.strip().splitlines()[-1]}")
    failure.__cause__ = RuntimeError(story)
    return failure


def _answer(line: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        line.send((function(*arguments),))
    except TunerError as error:
        line.send(error)


def _serve(line: Connection, log: Path | None, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # where no server holds them back
    _end_with_owner(log)
    try:
        quiet.turn_away()
        from tuner.trainers import plain

        plain.begin()
        quiet.turn_away(log)  # only now: TensorFlow's words on starting would pass for the last of a process that died
        # What a model prints must not come between the owner's own lines.
        os.dup2(2, 1)
        function(line, *arguments)
    except (BrokenPipeError, EOFError):
        _leave(log)  # the owner is gone
    except Exception:  # noqa: BLE001 - told to the owner, who decides
        line.send(Raised(traceback.format_exc()))


def _end_with_owner(log: Path | None) -> None:
    """Ends this process as soon as the one that asked for it does, however that ends, and leaves nothing behind."""
    owner = multiprocessing.parent_process()
    assert owner is not None

    def watch() -> None:
        wait([owner.sentinel])
        _leave(log)

    threading.Thread(target=watch, name="owner-watch", daemon=True).start()


def _leave(log: Path | None) -> None:
    if log is not None:
        log.unlink(missing_ok=True)
    os._exit(1)


def _nothing() -> None:
    pass


@atexit.register
def _end_all() -> None:
    """Before Python's own way, which is to ask with the SIGTERM that they do not hear, and then to wait for ever."""
    for process in _started:
        process.kill()
