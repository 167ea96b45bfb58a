"""A function of the user's own that gives the rows: run in a process for that, and what went wrong there in a line."""

from __future__ import annotations

import faulthandler
import hashlib
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tuner.data import returned
from tuner.data.returned import Returned
from tuner.errors import DataError, listing, nearest

# Beside the arrays: where the function was when its time was over, as Python says it.
LATE = "late.txt"


@dataclass(frozen=True, slots=True)
class Source:
    """A Python file, the name of a function in it, and both as the user would type them."""

    file: Path
    name: str
    shown: str

    @property
    def shown_file(self) -> str:
        return self.shown.rpartition(":")[0]


def call(source: Source, folder: Path, seconds: float) -> Returned:
    """What the function returns, checked and written into the folder.

    The process ends itself after so many seconds in the user's code, and leaves in LATE where it was. Raises
    DataError, with the line of the file, for whatever the file or the function raises, and for what are no rows.
    """
    with (folder / LATE).open("w") as late:
        # Python's own watchdog: it waits in no Python thread, and so ends a program that lets none run, too.
        faulthandler.dump_traceback_later(seconds, exit=True, file=late)
        try:
            value, digest = _called(source)
        finally:
            faulthandler.cancel_dump_traceback_later()
    return returned.write(value, folder, source.shown, digest)


def _called(source: Source) -> tuple[Any, str]:
    try:
        text = source.file.read_bytes()
        function = _function(_run(source.file, text), source)
        return function(), hashlib.sha256(text).hexdigest()
    except DataError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the user's code raises is told
        raise DataError(_blamed(source, error)) from None


def _run(file: Path, text: bytes) -> ModuleType:
    """The file as a module of its own name, unless a library has that; it may import its neighbours."""
    sys.dont_write_bytecode = True  # nothing is written beside the user's file
    sys.path.insert(0, str(file.parent))
    taken = file.stem in sys.modules or file.stem in sys.stdlib_module_names
    module = ModuleType(f"{file.stem}_data" if taken else file.stem)
    module.__file__ = str(file)
    sys.modules[module.__name__] = module
    exec(compile(text, str(file), "exec", dont_inherit=True), module.__dict__)
    return module


def _function(module: ModuleType, source: Source) -> Callable[[], Any]:
    if not hasattr(module, source.name):
        own = [name for name, each in vars(module).items() if inspect.isfunction(each) and not name.startswith("_")]
        hint = f"{nearest(source.name, own)} Functions: {listing(own) or 'none'}"
        raise DataError(f"{source.shown_file}: has no function '{source.name}'.{hint}")
    function: Callable[[], Any] = getattr(module, source.name)
    if not callable(function):
        kind = type(function).__name__
        raise DataError(f"{source.shown}: expected a function that returns arrays, got one of type {kind}")
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise DataError(f"{source.shown}: is called without arguments, and would be wrong: {error}") from None
    except ValueError:
        pass  # one whose arguments cannot be known before it is called
    return function


def _blamed(source: Source, error: BaseException) -> str:
    """An exception in a line: file, the last line of it that was at work, what was raised."""
    if isinstance(error, SyntaxError) and error.filename:
        own = error.filename == str(source.file)
        return f"{source.shown_file if own else error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == str(source.file)]
    told = str(error).strip()
    raised = f"{type(error).__name__}: {told}" if told else type(error).__name__
    return f"{source.shown_file}:{lines[-1]}: {raised}" if lines else f"{source.shown}: {raised}"
