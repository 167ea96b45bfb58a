"""The page as a file: laid out by a template that escapes all it is given, and written whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path

from tuner import wording
from tuner.errors import ExportError
from tuner.home import Home
from tuner.page.gathered import Page, gather
from tuner.shown import load_search

# What tells a page of ours from any other file.
_OURS = '<meta name="generator" content="tuner report">'
_HEAD = 4000  # bytes in which that stands


def report(home: Home, name: str, output: Path, *, top: int, test: bool, force: bool) -> Path:
    """Writes the page on a study's newest search, or on `diabetes@1`, and returns where.

    Raises LedgerError where there is no such search, and ExportError where the file cannot be written.
    """
    shown = load_search(home, name)
    _writable(output, force)
    return _write(page(gather(shown, home, top, test)), output)


def page(gathered: Page) -> str:
    """The page as HTML that loads nothing: its own style, script, drawings and pictures are inside."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("tuner.page", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"score": wording.score, "difference": wording.difference}
    style, script = (Markup(_text(name)) for name in ("page.css", "page.js"))
    return environment.get_template("page.html").render(
        page=gathered, style=style, script=script, script_sum=_sum(script), generator=Markup(_OURS)
    )


def _text(name: str) -> str:
    return resources.files("tuner.page").joinpath(name).read_text(encoding="utf-8")


def _sum(script: str) -> str:
    """What the page's policy allows to run: this script and no other."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _writable(output: Path, force: bool) -> None:
    with _told(output, "written"):
        kind = _kind(output)
    if kind is None:
        return
    if stat.S_ISDIR(kind):
        raise ExportError(f"{output}: is a folder. Name a file in it with -o, as {output / 'report.html'}")
    if not stat.S_ISREG(kind):
        return
    with _told(output, "read"), output.open("rb") as file:
        ours = _OURS.encode() in file.read(_HEAD)
    if not (force and ours):
        hint = "--force replaces it" if ours else "it is not an earlier report, so it is left alone"
        raise ExportError(f"{output}: exists already; {hint}. Or name another file with -o")


def _kind(output: Path) -> int | None:
    """What there is under a name, links followed; None where there is nothing yet, in a folder that is there."""
    try:
        return output.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if not output.parent.is_dir():
            raise ExportError(
                f"{output}: there is no folder {output.parent}. Make it, or name another file with -o"
            ) from None
        return None


def _write(text: str, output: Path) -> Path:
    """What is no ordinary file, as a pipe or /dev/stdout, is written to and stays what it is."""
    with _told(output, "written"):
        if output.exists() and not output.is_file():
            output.write_text(text, encoding="utf-8")
        else:
            _replace(output.resolve() if output.is_symlink() else output, text)
    return output


def _replace(file: Path, text: str) -> None:
    """The whole text or none of it: it is written beside the file first, under a name that is never too long."""
    unfinished = file.with_name(f".report.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(file)
    finally:
        with suppress(OSError):  # a folder that cannot be written to: what is wrong is on its way already
            unfinished.unlink(missing_ok=True)


@contextmanager
def _told(output: Path, done: str) -> Iterator[None]:
    """What the system says of a file, as one line that a person can act on."""
    try:
        yield
    except OSError as error:
        raise ExportError(f"{output}: cannot be {done} ({error.strerror}). Name another file with -o") from None
