"""Trains a recorded trial again, with what the record names, and compares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from tempfile import TemporaryDirectory

from tuner import lineage, opening, packaging
from tuner.errors import ExportError, SearchFailed, StudyError
from tuner.home import Home
from tuner.ledger import Ledger, Search
from tuner.study import from_document
from tuner.trainers import processes
from tuner.trainers.pool import PoolTrainer
from tuner.trainers.work import Work
from tuner.trial import Batch, Metrics, Report, Result, State
from tuner.watch import Watch
from tuner.wording import last_line


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a replay compares with the record."""

    recorded: Result
    again: Result
    line: str

    @property
    def same(self) -> bool:
        return self.recorded.score == self.again.score and self.recorded.state == self.again.state


def replay(home: Home, name: str, trial: int, watch: Watch) -> Replayed:
    """Trains a trial of a search again, in a place of its own: nothing of the search is written.

    Those that it goes on from are trained first, as their weights may be gone. Raises LedgerError and ExportError where
    there is no such search or trial, or one of those was deleted, and StudyError where its rows have changed.
    """
    search, recorded = _recorded(home, name, trial)
    line = _line(home, search, recorded)
    processes.preload()
    with _aside(home, search) as work:
        found = [Replayed(each, again, _compare(search, each, again)) for each, again in _trained(work, line, watch)]
    # Where one that it goes on from is not the same, that is why it is not.
    return found[-1] if found[-1].same else replace(found[-1], line=next(r.line for r in found if not r.same))


@contextmanager
def packed(home: Home, name: str, trial: int, say: Callable[[str], None]) -> Iterator[Path]:
    """The packed model of a trial that was not kept, trained again, while the block runs.

    It is the plain trainer's where what a stack trains is not the same in Keras. Raises as `replay`, and ExportError
    where the trial has no model, or gives another score now.
    """
    search, recorded = _recorded(home, name, trial)
    line = _line(home, search, recorded)
    if recorded.state is not State.COMPLETE:
        raise ExportError(
            f"{search.label}: trial {trial} is {recorded.state.value}, and has no model to export; "
            f"`tuner show {name}` lists those that have"
        )
    processes.preload()
    say(f"the model of trial {trial} was not kept; training it again")
    with _aside(home, search) as work:
        *_, (_, again) = _trained(work, line, Watch())
        if again.score != recorded.score:
            raise ExportError(_compare(search, recorded, again))
        study = from_document(search.study, search.document)
        subject = packaging.Subject(work, search.study, search.label, search.data, study.data.rename)
        try:
            made = processes.call(packaging.model, subject, again, work.files / "model")
        except packaging.Unfaithful as error:
            say(f"{error}; the plain trainer trains it again")
            made = _by_plain(subject, recorded, say)
        yield made


def _by_plain(subject: packaging.Subject, recorded: Result, say: Callable[[str], None]) -> Path:
    """The packed model of a trial as the plain trainer trains it, whose score may be another one."""
    again = _train(subject.work, recorded, Watch(), "plain")
    if again.state is not State.COMPLETE:
        raise ExportError(
            f"{subject.label}: trial {recorded.trial.number} is {again.state.value} with the plain trainer, and has no "
            "model to export"
        )
    say(f"trial {recorded.trial.number}: score {recorded.score} in the record, {again.score} by the plain trainer")
    return processes.call(packaging.model, subject, again, subject.work.files / "model")


@contextmanager
def _aside(home: Home, search: Search) -> Iterator[Work]:
    """The arrays of a search as they were, read again and checked against the record, in a folder for the moment."""
    study = from_document(search.study, search.document)
    split = opening.split(study, home)
    if split.fingerprint != search.data["fingerprint"]:
        raise StudyError(
            f"{search.label}: the rows of {study.data.source} are not those that it was searched with "
            f"({search.data['rows']} then, {opening.rows(split)} now); put the old ones back"
        )
    with TemporaryDirectory(dir=home.ledger.parent, prefix="replay-") as folder:
        yield opening.work(Path(folder), study, split)


def _recorded(home: Home, name: str, trial: int) -> tuple[Search, Result]:
    ledger, search = Ledger.lookup(home, name)
    for result in ledger.results(search):
        if result.trial.number == trial and result.imported:
            raise ExportError(
                f"{search.label}: trial {trial} is imported, from {result.program['from']}: it was trained there, and "
                f"here are neither its weights nor its rows"
            )
        if result.trial.number == trial:
            return search, result
    raise ExportError(f"{search.label} has no finished trial {trial}. `tuner show {name}` lists them")


def _line(home: Home, search: Search, recorded: Result) -> list[Result]:
    """Those that a trial goes on from, one from the other, and itself as the last one."""
    if recorded.trial.parent is None:
        return [recorded]
    results = {result.trial.number: result for result in Ledger(home).results(search)}
    trials = {number: result.trial for number, result in results.items()}
    line = lineage.line(recorded.trial, trials.get)
    if line[0].parent is not None:
        raise ExportError(
            f"{search.label}: trial {line[0].number} goes on from trial {line[0].parent}, which was deleted, so that "
            f"trial {recorded.trial.number} cannot be trained again"
        )
    return [results[trial.number] for trial in line]


def _trained(work: Work, line: list[Result], watch: Watch) -> Iterator[tuple[Result, Result]]:
    """Each of these again, one after the other, beside what is recorded of it."""
    return ((each, _train(work, each, watch)) for each in line)


def _train(work: Work, recorded: Result, watch: Watch, trainer: str | None = None) -> Result:
    """A recorded trial again, by what trained it then, unless a `trainer` is named."""
    queue = [recorded.trial]
    # A pruned trial was told to stop by a judge that looked at its neighbours; here it stops where it did then.
    last = recorded.trial.first_epoch + len(recorded.history) - 1 if recorded.state is State.PRUNED else None

    def ask(n: int) -> Batch:
        taken, queue[:] = queue[:n], queue[n:]
        return Batch(tuple(taken), more=False)

    def judge(reports: Sequence[Report]) -> set[int]:
        return {report.trial for report in reports if last is not None and report.epoch >= last}

    trainer = trainer or recorded.program.get("trainer", "auto")  # one that failed early has none
    with PoolTrainer(work, say=watch.say, trainer=trainer) as pool:
        for result in pool.run(ask, judge, lambda: False):
            return result
    raise SearchFailed(f"trial {recorded.trial.number}: the trainer ended without a result")


def _same(a: Metrics, b: Metrics) -> bool:
    """Equal metrics, where NaN is NaN: a diverged trial diverges again in the same way."""
    return a.keys() == b.keys() and all(a[name] == b[name] or (isnan(a[name]) and isnan(b[name])) for name in a)


def _compare(search: Search, recorded: Result, again: Result) -> str:
    what = f"{search.label}, trial {recorded.trial.number}"
    if again.error and again.state is not recorded.state:
        return f"{what}: {recorded.state.value} in the record, failed now: {last_line(again.error)}"
    if again.state is not recorded.state:
        return f"{what}: {recorded.state.value} in the record, {again.state.value} now"
    if again.score != recorded.score:
        changed = [
            f"{name} {version} then, {again.program[name]} now"
            for name, version in recorded.program.items()
            if again.program.get(name, version) != version
        ]
        why = f" ({'; '.join(changed)})" if changed else " (another machine, or other builds of the libraries)"
        return f"{what}: score {recorded.score} in the record, {again.score} now{why}"
    epochs = sum(_same(a, b) for a, b in zip(recorded.history, again.history, strict=False))
    return (
        f"{what}: the same score, {recorded.score}, and the same metrics in {epochs} of "
        f"{len(recorded.history)} epochs, with the {recorded.program.get('trainer', 'plain')} trainer"
    )
