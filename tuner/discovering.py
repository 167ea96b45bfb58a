"""A model of the user's own, for the owner of a search: what it lets vary is known, or found in a worker.

The owner never runs the file.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tuner import model_file
from tuner.errors import StudyError
from tuner.model_file import ModelFile
from tuner.study import Study
from tuner.study import discovered as with_space
from tuner.trainers import Stop, discovery, processes
from tuner.trainers.discovery import Discovered
from tuner.trainers.work import Work

if TYPE_CHECKING:
    from tuner.data.split import Split

# Seconds after which one that does not come to an end is given up; it ends by itself long before, between two builds.
LIMIT = 600.0


def known(study: Study, document: Mapping[str, Any] | None) -> Study:
    """The study with what its model lets vary, where that of an earlier search was of the same file; else itself."""
    if study.model is None or not study.undiscovered or document is None or not document.get("model"):
        return study
    before = model_file.parse(document["model"])
    same = before is not None and (before.name, before.digest) == (study.model.name, study.model.digest)
    return with_space(study, document["space"]) if same else study


def discovered(
    study: Study,
    split: Split | None = None,
    say: Callable[[str], None] = lambda line: None,
    stop: Stop = lambda: False,
    limit: float = LIMIT,
) -> Study:
    """The study with what its model lets vary, found by running the file in a worker where it is not known yet.

    With the rows of `split` its own `fit` is looked at, too; without them there is a line where it has one. Raises
    StudyError where the file cannot be loaded or built, and processes.Stopped where `stop()` turns true.
    """
    if not study.undiscovered or study.model is None:
        return study
    file = study.model
    say(f"building {file.shown} with one value after the other, to find what it lets vary")
    with _work(study, split) as work:
        found = look(file, work, stop, limit)
    if not found.entries:
        then = ", and what its own fit asks for is found when a search begins, on its rows" if found.fits else ""
        raise StudyError(
            f'model: {file.shown}: asks hp for nothing{then}. Let it take a value, as hp.Int("units", 16, 128)'
        )
    for line in found.lines:
        say(line)
    if found.fits:
        say("note: what its own fit lets vary is found when a search begins, on its rows")
    return with_space(study, found.entries)


def look(file: ModelFile, work: Work | None, stop: Stop, limit: float) -> Discovered:
    """What a model lets vary, and its own `fit` where there are rows to try that with. Raises as `discovered`."""
    late = time.monotonic() + limit
    try:
        found: Discovered = processes.call(
            discovery.discover, file, work, stop=lambda: stop() or time.monotonic() > late
        )
    except processes.Stopped:
        if stop():
            raise
        raise StudyError(
            f"model: {file.shown}: has not come to an end after {limit:g} seconds. What runs a search of its own "
            f'belongs below if __name__ == "__main__":'
        ) from None
    except processes.WorkerDied as death:
        raise StudyError(f"model: {file.shown}: {str(death).removeprefix('discover: ')}") from death
    except StudyError as error:
        raise StudyError(*(f"model: {problem}" for problem in error.problems)) from error
    return found


@contextmanager
def _work(study: Study, split: Split | None) -> Iterator[Work | None]:
    """The rows where a worker finds them, while the block runs."""
    if split is None:
        yield None
        return
    with TemporaryDirectory(prefix="tuner-", ignore_cleanup_errors=True) as folder:
        arrays = Path(folder) / "split"
        split.save(arrays)
        yield Work(study.training, study.objective_for(split.task), arrays, Path(folder), model=study.model)


def keep(study: Study, folder: Path) -> Path | None:
    """A copy of the model's file in the folder of its search, for the record; None where it is a built-in network."""
    if study.model is None:
        return None
    copy = folder / study.model.path.name
    if not copy.exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(study.model.path, copy)
    return copy
