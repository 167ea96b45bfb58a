"""Trials of another program become trials of a search: all that fit in one write, or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tuner import discovering, opening, wording
from tuner.errors import ExchangeError
from tuner.exchange.foreign import DIGEST, ForeignSearch, ForeignTrial, fit
from tuner.home import Home
from tuner.ledger import Ledger, Owned, own
from tuner.study import Study, from_document
from tuner.trackers import address
from tuner.trial import Objective, Result, State, Value
from tuner.watch import Watch

# So many reasons why trials do not fit are told.
MOST_REASONS = 5
# What proposes with an eye on earlier trials, whoever trained them. The evolution strategy learns from its own only.
_LEARNING = ("tpe", "nsga-ii", "bayesian")


@dataclass(frozen=True, slots=True)
class Brought:
    """What came of it: the search, the trials that are new in it, and what is told of the others."""

    label: str
    results: tuple[Result, ...]
    lines: tuple[str, ...]


class Spoken(Watch):
    """A watch that passes on what is said."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def say(self, line: str) -> None:
        self._say(line)


def bring(
    read: Callable[[Objective], ForeignSearch],
    study: Study,
    home: Home,
    say: Callable[[str], None],
    *,
    number: int | None = None,
    fresh: bool = False,
) -> Brought:
    """Writes what `read` gives, for the objective of the study, into its newest search, or the one with that `number`.

    `fresh` begins another. Raises ExchangeError where there is nothing that fits, DataError and StudyError as a search
    does, and LedgerError where another process owns it. What is there already is not written again.
    """
    address.check(home.tracking_uri)
    split = opening.split(study, home)
    study = discovering.discovered(study, split, say)
    objective = study.objective_for(split.task)
    found = read(objective)
    fitting, reasons = _fitting(found, study, objective)
    if not fitting:
        raise ExchangeError(*_nothing(found, study, reasons))
    ledger = Ledger(home)
    search = opening.claim(ledger, study, split, number, fresh)
    with own(ledger, search) as record:
        counted = opening.weights(split)
        results = _numbered(found, fitting, study, record)
        if objective.further:
            results = [replace(r, further=r.further or objective.also(r, counted)) for r in results]
        best = _first(study, record, results, objective, counted)
        study = _tried_first(opening.begun(study, search), best)
        # A kill between the two leaves values to try first, which the next command leaves as they are.
        record.continued(study.document)
        record.imports(results)
        # What is in the ledger is brought in, whatever becomes of the record: the next search completes that.
        with opening.recording(home, record, study, split, Spoken(say), lambda: False):
            pass
        lines = _told(found, study, record, results, reasons, len(fitting) - len(results), best)
    return Brought(search.label, tuple(results), tuple(lines))


def _fitting(
    found: ForeignSearch, study: Study, objective: Objective
) -> tuple[list[tuple[ForeignTrial, Mapping[str, Value]]], list[str]]:
    """The trials that go with the study, with their values there, and why the others do not."""
    fitting: list[tuple[ForeignTrial, Mapping[str, Value]]] = []
    reasons: list[str] = []
    for trial in found.trials:
        try:
            values = fit(study.space, trial.values)
            if trial.state is State.COMPLETE:
                _check_values(trial, objective)
        except ValueError as error:
            reasons.append(f"trial {trial.name}: {error}")
        else:
            fitting.append((trial, values))
    return fitting, reasons


def _check_values(trial: ForeignTrial, objective: Objective) -> None:
    """Raises ValueError where a complete trial has not all objectives."""
    if trial.further or not objective.further:
        return
    known = trial.history[-1] if trial.history else {}
    missing = [metric for metric in objective.metrics if metric not in known]
    if missing or trial.best_epoch is None:
        raise ValueError(f"no {' and '.join(missing or objective.metrics)} is known of its best epoch")


def _first(
    study: Study,
    record: Owned,
    results: Sequence[Result],
    objective: Objective,
    counted: Callable[[Mapping[str, Value]], int],
) -> Result | None:
    """The best new one, where its values may be the first that are tried here: only so can they win.

    None where something was tried or chosen to be the first before, where the study has them first anyway, where the
    network is too large, and where there are several objectives, of which there is no best one.
    """
    begun = from_document(record.search.study, record.search.document).start
    if record.results or record.waiting or begun != study.start or objective.further:
        return None
    sign, most = 1 if objective.goal == "maximize" else -1, study.search.max_params
    scored = [(sign * r.score, r) for r in results if r.state is State.COMPLETE and r.score is not None]
    best = max(scored, key=lambda each: each[0])[1] if scored else None
    if best is None or best.trial.values in study.starts:
        return None
    return best if most is None or counted(best.trial.values) <= most else None


def _tried_first(study: Study, best: Result | None) -> Study:
    """The study with the values of a trial before those that it has to be tried first."""
    if best is None:
        return study
    start = (dict(best.trial.values), *study.start)
    return study.model_copy(update={"start": start, "document": opening.with_start(study.document, start)})


def _nothing(found: ForeignSearch, study: Study, reasons: Sequence[str]) -> list[str]:
    left = ", ".join(f"{count} {why}" for why, count in found.left_out.items())
    if not reasons:
        return [f"{found.place}: no trial of it has ended{f' ({left})' if left else ''}"]
    all_of_them = wording.count(len(reasons), "trial")
    first = f"{found.place}: {all_of_them}, none of which fits {study.name}. `tuner space {study.name}` shows what does"
    return [first, *_cut(reasons)]


def _cut(reasons: Sequence[str]) -> list[str]:
    more = len(reasons) - MOST_REASONS
    return [*reasons[:MOST_REASONS], *([f"and {more} more"] if more > 0 else [])]


def _numbered(
    found: ForeignSearch, fitting: Sequence[tuple[ForeignTrial, Mapping[str, Value]]], study: Study, record: Owned
) -> list[Result]:
    """Those that are not in the search yet, with the next numbers."""
    there = {result.program[DIGEST] for result in record.results if result.imported}
    new = [(trial, values) for trial, values in fitting if trial.digest not in there]
    return [
        found.result(trial, number, values, study.training.epochs_of(values))
        for number, (trial, values) in enumerate(new, start=record.next_number)
    ]


def _told(
    found: ForeignSearch,
    study: Study,
    record: Owned,
    results: Sequence[Result],
    reasons: Sequence[str],
    there: int,
    best: Result | None,
) -> list[str]:
    label, total = record.search.label, study.search.trials
    lines = list(found.remarks)
    if results:
        first, last = results[0].trial.number, results[-1].trial.number
        numbers = f"trial {first}" if first == last else f"trials {first} to {last}"
        counts = {state: sum(result.state is state for result in results) for state in State}
        count = wording.count(len(results), "trial")
        lines.append(f"imported {count} of {found.place} into {label} as {numbers}: {wording.states(counts)}")
        lines.append(
            f"they count among its {total} trials and are never its champion: they were trained on other rows, and "
            f"have no weights"
        )
    if best is not None:
        lines.append(f"the values of trial {best.trial.number}, the best of them, are the first to be tried here")
    if there:
        lines.append(f"{there} were there already" if there > 1 else "1 was there already")
    lines += [f"left out: {count} {why}" for why, count in found.left_out.items()]
    if reasons:
        lines.append(f"not in the space of {study.name}: {wording.count(len(reasons), 'trial')}")
        lines += [f"  {reason}" for reason in _cut(reasons)]
    if results and study.search.sampler not in _LEARNING:
        lines.append(f"note: {study.search.sampler} proposes without a look at trials that it has not proposed itself")
    done = len(record.results)
    more = f" --trials {done + total}" if done >= total else ""
    lines.append(f"go on with: tuner search {study.name if record.search.number == 1 else label}{more}")
    return lines
