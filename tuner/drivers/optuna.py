"""The driver on Optuna: what it proposes, when it stops a trial, and how it is rebuilt.

Optuna's study is a mirror in memory, rebuilt from the results, the waiting trials and these entries of `state()`:

    next        the lowest number that no trial had yet
    places      how many places there are in Optuna's study
    trial/N     of trial N: its place, what sampler and pruner have written on it, the last epoch that was judged, and
                the epoch at which it was stopped, if it was
    repeat/P    that place P is a repeat of the trial of that number, told its score again
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from tuner.drivers.limit import LISTED, PATIENCE, Limit, Weights, listed
from tuner.drivers.mirror import Mirror, Outcome
from tuner.drivers.sampling import Genetic, Grid, Random, Sampler, Sobol, Tpe, Values
from tuner.study import SearchSection, Study
from tuner.trial import Batch, Objective, Report, Result, Trial, Value, derive_seed


@dataclass(slots=True)
class _Running:
    """A trial without an outcome. `running` is Optuna's trial, `curve` the objective by epoch, as reported."""

    trial: Trial
    running: Any
    judged: int = 0
    stopped: int | None = None
    curve: dict[int, float] = field(default_factory=dict)


class OptunaDriver:
    """See `tuner.drivers.Driver`."""

    def __init__(
        self,
        study: Study,
        objective: Objective,
        told: Sequence[Result],
        asked: Sequence[Trial],
        state: Mapping[str, Any],
        next_number: int,
        window: int | None = None,
        weights: Weights | None = None,
    ) -> None:
        """With a `window`, a verdict on trial n counts only what trials up to n − window came to.

        That is as it was when trial n was proposed, where results are told as `Ordered` tells them.
        """
        search = study.search
        self._space, self._seed, self._training = study.space, search.seed, study.training
        self._starts = study.starts
        self._objective, self._pruner = objective, search.pruner
        self._size, self._repeats = study.space.size, search.repeats
        learns = search.sampler in ("tpe", "nsga-ii")
        self._mirror = Mirror(study.space, objective, search.pruner, study.most_epochs, learns)
        self._sampler = self._sampler_named(search.sampler)
        self._limit = None if search.max_params is None or weights is None else self._limited(weights, search)
        self._window = window
        self._place: dict[int, int] = {}
        self._running: dict[int, _Running] = {}
        self._ended: dict[int, tuple[Values, Outcome]] = {}
        self._twins: dict[str, int] = {}
        self._tried: Counter[str] = Counter()  # by what a trial would train
        self._changed: dict[str, Any] = {}
        self._next = next_number
        self._imported = sum(result.imported for result in told)
        self._rebuild(told, asked, state)

    def ask(self, n: int) -> Batch:
        trials: list[Trial] = []
        while len(trials) < n and (values := self._untried()) is not None:
            trials.append(self._begin(values))
        return Batch(tuple(trials), more=bool(trials) or n < 1)

    def judge(self, reports: Sequence[Report]) -> set[int]:
        if self._pruner == "none":
            return set()
        return {report.trial for report in reports if report.trial in self._running and self._stops(report)}

    def tell(self, result: Result) -> None:
        number = result.trial.number
        if number not in self._running:
            raise ValueError(f"trial {number} is not running; expected one of {sorted(self._running)}")
        each = self._running[number]
        outcome = Outcome.of(result, self._objective)
        self._mirror.leave(each.running, outcome)
        del self._running[number]
        self._ended[number] = (dict(result.trial.values), outcome)
        place = each.running.number
        self._sampler.learn(place, dict(result.trial.values), self._mirror.marks(place), outcome)

    def state(self) -> Mapping[str, Any]:
        changed, self._changed = self._changed, {}
        return changed

    def needs(self) -> frozenset[int]:
        return frozenset()  # no trial goes on from another's weights

    # Proposals

    def _untried(self) -> Values | None:
        """Values for the next trial that no trial had, or None where there are none left.

        With repeats, all combinations have had as many trials before any has one more.
        """
        rounds = self._tried.total() // self._size if self._size else 0
        if self._size is not None and rounds >= self._repeats:
            return None
        candidates: Iterator[Values] = iter(self._sampler.candidates(self._next))
        if self._limit is not None:
            candidates = self._limit.within(candidates)
        # Those of a number, and not the first that no trial had: one that was deleted is not tried again.
        own = self._next - self._imported
        candidates = chain(self._starts[own : own + 1], candidates)
        if self._size is not None:
            # Reached only when nearly all is tried, and looks at no more values than there are trials, and one.
            candidates = chain(candidates, listed(self._space, self._limit))
        return next((values for values in candidates if self._tried[self._trial(values).key] <= rounds), None)

    def _begin(self, values: Values) -> Trial:
        trial = self._trial(values)
        self._running[trial.number] = each = _Running(trial, self._mirror.enter(values, self._sampler.marks(values)))
        self._place[trial.number] = each.running.number
        self._twins[trial.key] = trial.number
        self._tried[trial.key] += 1
        self._next += 1
        self._changed |= {"next": self._next, "places": self._mirror.places}
        self._note(each)
        return trial

    def _trial(self, values: Mapping[str, Value]) -> Trial:
        return Trial(self._next, values, derive_seed(self._seed, self._next), self._training.epochs_of(values))

    def _repeated(self, values: Values) -> None:
        """Tells Optuna a repeat's known score. Of a twin that still runs it keeps away already."""
        made = values if self._limit is None or self._limit.fits(values) else self._limit.shrunk(values)
        twin = -1 if made is None else self._twins.get(self._trial(made).key, -1)
        if twin not in self._ended:
            return
        values = self._ended[twin][0]
        running = self._mirror.enter(values)
        self._mirror.leave(running, self._ended[twin][1])
        self._changed |= {f"repeat/{running.number}": twin, "places": self._mirror.places}

    def _limited(self, weights: Weights, search: SearchSection) -> Limit:
        """The limit of the study; a finite space counts as tried when all that is within it is."""
        patience = {"grid": None, "random": PATIENCE, "qmc": PATIENCE}.get(search.sampler, 0)
        limit = Limit(self._space, weights, search.max_params or 0, patience)
        if self._size is not None and (self._size <= LISTED or self._repeats > 1):
            self._size = limit.count()
        return limit

    def _sampler_named(self, name: str) -> Sampler:
        match name:
            case "random":
                return Random(self._space, self._seed)
            case "grid":
                return Grid(self._space)
            case "qmc":
                return Sobol(self._space, self._seed)
            case "cma-es":
                from tuner.drivers.evolution import Evolution  # its library is imported where it is used

                return Evolution(self._space, self._seed, self._objective.goal)
            case "nsga-ii":
                return Genetic(self._space, self._seed, self._mirror)
            case _:
                return Tpe(self._space, self._seed, self._mirror, self._repeated)

    # Verdicts

    def _stops(self, report: Report) -> bool:
        each = self._running[report.trial]
        value = report.metrics.get(self._objective.metric, math.nan)
        if math.isfinite(value):
            each.curve[report.epoch] = value
            if each.stopped is None and each.judged < report.epoch < each.trial.last_epoch:
                self._judge(each, report.epoch)
        return each.stopped is not None and each.stopped <= report.epoch

    def _judge(self, each: _Running, epoch: int) -> None:
        before = self._mirror.marks(each.running.number)
        each.judged = epoch
        if self._mirror.prunes(each.running.number, each.curve, self._beside(each.trial.number)):
            each.stopped = epoch
        # Successive halving and Hyperband decide at rungs and mark each; the median decides at every epoch, markless.
        if each.stopped or self._pruner == "median" or self._mirror.marks(each.running.number) != before:
            self._note(each)

    def _beside(self, number: int) -> set[int] | None:
        """The places of the trials that a verdict on this one must not see, though they were proposed before it."""
        if self._window is None:
            return None
        return {self._place[n] for n in range(number - self._window + 1, number) if n in self._place}

    # What is kept, and how it is read back

    def _note(self, each: _Running) -> None:
        place = each.running.number
        self._changed[f"trial/{each.trial.number}"] = {
            "place": place,
            "marks": self._mirror.marks(place),
            "judged": each.judged,
            "stopped": each.stopped,
        }

    def _rebuild(self, told: Sequence[Result], asked: Sequence[Trial], state: Mapping[str, Any]) -> None:
        trials = {trial.number: trial for trial in [*(result.trial for result in told), *asked]}
        # What was trained elsewhere was not tried here: it has no weights, and its score is of other rows.
        elsewhere = {result.trial.number for result in told if result.imported}
        self._twins = {trial.key: number for number, trial in trials.items() if number not in elsewhere}
        self._tried = Counter(trial.key for number, trial in trials.items() if number not in elsewhere)
        self._ended = {r.trial.number: (dict(r.trial.values), Outcome.of(r, self._objective)) for r in told}
        for place, (kind, number) in enumerate(_places(trials, state), start=1):
            if kind == "trial":
                self._place[number] = place
            known = state.get(f"trial/{number}", {}) if kind == "trial" else {}
            if number in self._ended:
                self._mirror.put_back(*self._ended[number], known.get("marks", {}))
            elif kind == "trial":
                trial = trials[number]
                self._mirror.put_back_waiting(trial.values, known.get("marks", {}))
                self._running[number] = _Running(trial, None, known.get("judged", 0), known.get("stopped"))
            else:
                self._mirror.put_back_gap()
        for each in self._running.values():
            each.running = self._mirror.resume()
        # Imported trials have places from now on.
        for number in sorted(elsewhere):
            if f"trial/{number}" not in state:
                self._changed |= {"places": self._mirror.places}
                self._changed[f"trial/{number}"] = {
                    "place": self._place[number],
                    "marks": {},
                    "judged": 0,
                    "stopped": None,
                }
        marks = {number: self._mirror.marks(place) for number, place in self._place.items()}
        self._sampler.rebuild({number: (dict(trial.values), marks[number]) for number, trial in trials.items()})
        for number in (result.trial.number for result in told):
            values, outcome = self._ended[number]
            self._sampler.learn(self._place[number], values, marks[number], outcome)


def _places(numbers: Iterable[int], state: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """What was at each place after the first, in order: `trial` or `repeat` with a trial's number, or a gap.

    A trial of which the state knows nothing comes after those of which it does.
    """
    at = {
        int(key.removeprefix("repeat/")): ("repeat", twin) for key, twin in state.items() if key.startswith("repeat/")
    }
    missing: list[tuple[str, int]] = []
    for number in sorted(numbers):
        if known := state.get(f"trial/{number}"):
            at[known["place"]] = ("trial", number)
        else:
            missing.append(("trial", number))
    places = max([state.get("places", 1), *(place + 1 for place in at)])
    yield from (at.get(place, ("gap", -1)) for place in range(1, places))
    yield from missing
