"""What can go wrong, as one tree, and how an error reads: one line a problem, saying what to type next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


class TunerError(Exception):
    """An error that a person can act on.

    Each problem is one line: where, what was expected, what came, what to do. What came may be anything, so that
    newlines and control characters in a problem are shown by their escapes.
    `exit_code` is 2 where the input is wrong and 1 where a search ran and failed.
    """

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        self.problems: tuple[str, ...] = tuple(one_line(problem) for problem in problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[TunerError], tuple[Any, ...]]:
        """Problems stay apart on the way from another process."""
        return type(self), self.problems


class StudyError(TunerError):
    """A study file, or a setting that replaces one of its values, is wrong."""


class DataError(TunerError):
    """Rows are missing, unreadable, or not what the study says they are."""


class LedgerError(TunerError):
    """The ledger is not ours, newer than this program, owned by another process, or at odds with the study."""


class ExportError(TunerError):
    """A model cannot be written, read, or applied to the given rows."""


class TrialFailed(TunerError):
    """A trial cannot be trained, for a reason that a line says better than a traceback."""


class TrackingError(TunerError):
    """MLflow cannot be used as asked."""


class ExchangeError(TunerError):
    """Another program's search cannot be read, or does not go with the study, or ours cannot be written for it."""


class SearchFailed(TunerError):
    """A search ran and ended without a champion. `detail` is what a person reads next: the first traceback."""

    exit_code = 1

    def __init__(self, problem: str, detail: str = "") -> None:
        super().__init__(problem)
        self.detail = detail


def one_line(text: str) -> str:
    """The text with newlines, control characters and the like shown by their escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def nearest(word: str, words: Iterable[str]) -> str:
    """` Did you mean 'x'?` for the word most like `word`, or nothing where none is like it."""
    from difflib import get_close_matches  # only where something is wrong: every command imports this module

    known = {str(each).lower(): str(each) for each in words}
    close = get_close_matches(str(word).lower(), list(known), n=1, cutoff=0.6)
    return f" Did you mean '{known[close[0]]}'?" if close else ""


def listing(words: Sequence[str], most: int = 12) -> str:
    """The words with commas between, cut where there are more than a person would read."""
    shown = ", ".join(words[:most])
    return f"{shown}, … ({len(words)} in all)" if len(words) > most else shown
