"""The ways to search that are compared, and a search by one of them in a table."""

from __future__ import annotations

import json
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from tests.benchmarks.curves import Table, searched
from tests.benchmarks.lookup import Lookup
from tuner import drivers
from tuner.study import Study
from tuner.trial import State

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Way:
    """A sampler of a driver.

    Where proposals take too long, there are no more trials than `most`, and where trials stop early no more epochs than
    so many `whole` ones have.
    """

    name: str
    driver: str
    sampler: str
    pruner: str = "none"
    most: int | None = None
    whole: int | None = None

    def trials(self, most: int) -> int:
        """How many are made where others make as many as `most`."""
        return min(most, self.most or most)

    def epochs(self, most: int, whole: int) -> int:
        """How many must be spent at least where others make so many trials, each of `whole` epochs."""
        return min(most, self.whole or most) * whole if self.stops_early else 0

    @property
    def stops_early(self) -> bool:
        """Whether trials end before their last epoch, so that epochs are what a search of it is measured in."""
        return self.pruner != "none" or self.sampler == "hyperband"

    def study(self, table: Table, seed: int, trials: int) -> Study:
        own = table.ground.study
        search = {
            "driver": self.driver, "sampler": self.sampler, "pruner": self.pruner, "seed": seed, "trials": trials,
        }  # fmt: skip
        return own.model_copy(
            update={"space": searched(own.space), "search": own.search.model_copy(update=search)},
        )


def _way(driver: str, sampler: str, pruner: str = "none", most: int | None = None, whole: int | None = None) -> Way:
    short = {"optuna": "", "keras-tuner": "kt-"}[driver]
    return Way(f"{short}{sampler}{'' if pruner == 'none' else f'+{pruner}'}", driver, sampler, pruner, most, whole)


WAYS: Mapping[str, Way] = {
    way.name: way
    for way in (
        *(_way("optuna", sampler) for sampler in ("random", "tpe", "cma-es", "nsga-ii", "qmc", "grid")),
        _way("optuna", "random", "hyperband"),
        _way("optuna", "tpe", "hyperband", most=100, whole=30),
        *(_way("keras-tuner", sampler) for sampler in ("random", "grid", "hyperband")),
        _way("keras-tuner", "bayesian", most=100),
    )
}


@dataclass(frozen=True)
class Course:
    """How a search went, trial by trial in the order of their ends.

    `scores` has None where a trial did not complete; `epochs` and `seconds` count all until then, the seconds being
    the driver's processor time for what it was asked, told and had to judge. It is `exhausted` where there was nothing
    left to try.
    """

    ground: str
    identity: str
    way: str
    seed: int
    room: int
    exhausted: bool
    scores: tuple[float | None, ...]
    epochs: tuple[int, ...]
    seconds: tuple[float, ...]

    def after_trials(self, n: int) -> list[float]:
        """The scores of the first `n` trials, those of the complete ones; of all where there are fewer."""
        return [score for score in self.scores[:n] if score is not None]

    def after_epochs(self, epochs: int) -> list[float]:
        """The scores of the trials that had ended when so many epochs were spent."""
        return self.after_trials(bisect_right(self.epochs, epochs))


def search(table: Table, way: Way, seed: int, trials: int, epochs: int = 0, room: int = 1) -> Course:
    """Searches until there are so many trials, and so many epochs are spent, or there is nothing left to try."""
    study = way.study(table, seed, trials)
    clock = Clock()
    driver = drivers.build(study, table.ground.objective)
    trainer = Lookup(table, room)
    scores: list[float | None] = []
    spent: list[int] = []
    seconds: list[float] = []
    for result in trainer.run(clock.timed(driver.ask), clock.timed(driver.judge), lambda: False):
        clock.timed(driver.tell)(result)
        clock.timed(lambda _: driver.state())(None)
        scores.append(result.score if result.state is State.COMPLETE else None)
        spent.append(trainer.spent)
        seconds.append(round(clock.seconds, 4))
        if len(scores) >= trials and trainer.spent >= epochs:
            break
    ended = len(scores) < trials or trainer.spent < epochs
    about = (table.ground.name, table.ground.identity, way.name, seed, room, ended)
    return Course(*about, tuple(scores), tuple(spent), tuple(seconds))


class Clock:
    """Adds up the processor time of calls, of all threads of the process."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, call: Callable[[_Given], _Made]) -> Callable[[_Given], _Made]:
        def timed(given: _Given) -> _Made:
            began = time.process_time()
            try:
                return call(given)
            finally:
                self.seconds += time.process_time() - began

        return timed


class Kept:
    """Searches in a file, a line of JSON each, which are not made again."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        lines = file.read_text(encoding="utf-8").splitlines() if file is not None and file.is_file() else []
        self.courses = [_course(json.loads(line)) for line in lines]

    def find(self, table: Table, way: Way, seed: int, trials: int, epochs: int, room: int) -> Course | None:
        wanted = (table.ground.name, table.ground.identity, way.name, seed, room)
        for course in self.courses:
            known = (course.ground, course.identity, course.way, course.seed, course.room)
            long = course.exhausted or (len(course.scores) >= trials and course.epochs[-1] >= epochs)
            if known == wanted and long:
                return course
        return None

    def add(self, course: Course) -> None:
        self.courses.append(course)
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as lines:
                print(json.dumps(asdict(course)), file=lines)


def _course(line: Mapping[str, object]) -> Course:
    return Course(**{name: tuple(each) if isinstance(each, list) else each for name, each in line.items()})  # type: ignore[arg-type]


def courses(
    tables: Sequence[Table],
    ways: Iterable[Way],
    seeds: int,
    trials: int,
    room: int,
    kept: Kept,
    say: Callable[[str], None],
) -> list[Course]:
    """The searches of every way in every table, from as many seeds. Those that stop early have epochs as all others.

    Each table has seeds of its own: the random trials of one seed are the same in all, which have one space.
    """
    found: list[Course] = []
    for way in ways:
        for i, table in enumerate(tables):
            for seed in range(i * seeds, (i + 1) * seeds):
                most = way.trials(trials)
                epochs = way.epochs(trials, table.ground.epochs)
                course = kept.find(table, way, seed, most, epochs, room)
                if course is None:
                    course = search(table, way, seed, most, epochs, room)
                    kept.add(course)
                found.append(course)
            say(f"{way.name} in {table.ground.name}: {found[-1].seconds[-1]:.0f} s, {len(found[-1].scores)} trials")
    return found
