"""What a model of the user's own lets vary: asked for by the owner of a search, found in a process that trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuner.model_file import ModelFile
from tuner.trainers.work import Work

# At most so many builds, and seconds between the first and the last of them.
BUILDS, SECONDS = 400, 60.0


@dataclass(frozen=True, slots=True)
class Discovered:
    """The entries of a space, see `tuner.own_entries`; lines for a person; and whether the model's own `fit` may ask
    for more, which nobody has looked at.
    """

    entries: tuple[dict[str, Any], ...]
    lines: tuple[str, ...] = ()
    fits: bool = False


def discover(file: ModelFile, work: Work | None = None, builds: int = BUILDS, seconds: float = SECONDS) -> Discovered:
    """What the model of a file asks for, and its own `fit` where there is `work` with rows to try that with.

    Runs the user's code: only in a process that trains. Raises StudyError, in one line, where it cannot be loaded, or
    built with the defaults of its hyperparameters.
    """
    from tuner.trainers import exploring  # imports TensorFlow

    entries, lines, fits = exploring.discover(file, work, builds, seconds)
    return Discovered(tuple(entries), tuple(lines), fits)
