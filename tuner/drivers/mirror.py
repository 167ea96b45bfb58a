"""A search as Optuna sees it: a study in memory in which every trial has its place, a number of Optuna's own.

The place decides a trial's Hyperband bracket, together with the study's name, which is therefore always the same.
Places outnumber trials: the first is where samplers draw, repeats have places, and so have deleted trials.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from heapq import nsmallest
from types import MappingProxyType
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from tuner.drivers.distributions import asked_about, decode, distribution, encode, kept, known, value_of
from tuner.space import Parameter, Space
from tuner.trial import Objective, Result, State, Value

_NAME = "tuner"
# How many trials a sampler sees: the latest, and the best of those before; where there are several objectives, all. TPE
# looks through what it sees for each layer, 0.6 s a proposal at 10,000 trials. It calls at most 25 of them good and
# weighs the others by how late they are.
_LATEST, _BEST = 1000, 50
_NO_MARKS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What Optuna is told of a result: the score of a complete trial, and the objective by epoch.

    Where there are further objectives, their values stand beside the score, and there is no curve: nothing is stopped.

    A trial that diverged or failed has neither: Optuna knows it as pruned before its first epoch. A sampler then ranks
    it below every other one and counts it among those to keep away from, whatever the other scores are, and whatever
    its own curve was before it broke. Told as failed instead it is not looked at: with half of a space diverging and
    the optimum near that half, 83 of 90 guided trials went there. Told as the worst score so far 24 did, as that ranks
    above the trials that a pruner stopped; told as pruned at its last epoch 18, as later epochs rank above earlier
    ones. Told like this it is 16.
    """

    score: float | None = None
    curve: Mapping[int, float] = field(default_factory=dict)
    further: tuple[float, ...] = ()

    @classmethod
    def of(cls, result: Result, objective: Objective) -> Outcome:
        """Only finite numbers get in."""
        if objective.further:
            values = objective.values(result)
            return cls() if values is None else cls(values[0], further=values[1:])
        if result.state is State.COMPLETE and result.score is not None and math.isfinite(result.score):
            return cls(result.score, _curve(result, objective))
        return cls(None, _curve(result, objective)) if result.state is State.PRUNED else cls()

    @property
    def state(self) -> TrialState:
        return TrialState.PRUNED if self.score is None else TrialState.COMPLETE

    @property
    def value(self) -> float | None:
        """The score; of a pruned trial the objective at its last epoch, as Optuna has it."""
        return self.curve[max(self.curve)] if self.score is None and self.curve else self.score

    @property
    def values(self) -> list[float] | None:
        """Those of all objectives."""
        return None if self.value is None else [self.value, *self.further]


def _curve(result: Result, objective: Objective) -> dict[int, float]:
    first = result.trial.first_epoch
    values = {first + i: metrics.get(objective.metric, math.nan) for i, metrics in enumerate(result.history)}
    return {epoch: value for epoch, value in values.items() if math.isfinite(value)}


class _Places(InMemoryStorage):  # type: ignore[misc]
    """Where Optuna keeps its trials. Hyperband looks here, past the study, so that this is where some are hidden."""

    _shown: Collection[int] | None = None

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        if self._shown is None:
            trials: list[FrozenTrial] = super().get_all_trials(study_id, deepcopy, states)
            return trials
        # The only study's: a trial's place is its identifier. Nobody who looks at some of them changes any.
        shown = map(self.get_trial, self._shown)
        return [trial for trial in shown if states is None or trial.state in states]

    @contextmanager
    def only(self, places: Collection[int]) -> Iterator[None]:
        """Shows no others."""
        self._shown = places
        try:
            yield
        finally:
            self._shown = None


class _Groups:
    """The names of parameters, in groups of those that every trial has together or not at all."""

    def __init__(self) -> None:
        self._groups: list[set[str]] = []

    def add(self, names: Collection[str]) -> None:
        """Takes in the names that a trial has."""
        new = set(names)
        parts = [part for group in self._groups for part in (group & new, group - new)]
        self._groups = [part for part in [*parts, new.difference(*self._groups)] if part]

    def having(self, name: str) -> list[str]:
        """All names of the group that has this one, sorted; none where no trial has it."""
        return sorted(next((group for group in self._groups if name in group), ()))


class Mirror:
    """Optuna's study. Trials are entered in the order of their places."""

    def __init__(self, space: Space, objective: Objective, pruner: str, epochs: int, learns: bool) -> None:
        self._space = space
        # Only a sampler that learns looks at values, and copying them is most of what a trial costs.
        self._learns = learns
        self._distributions: dict[str, BaseDistribution] = {}
        self._wholes: dict[str, Parameter] = {}
        self._groups = _Groups()  # of trials that have ended
        # The scores of complete trials with their places, the smaller the better. Several objectives have no order.
        self._scores: list[tuple[float, int]] = []
        self._sign = None if objective.further else 1.0 if objective.goal == "minimize" else -1.0
        self._storage = _Places()
        with quietly():
            self._study = optuna.create_study(
                storage=self._storage,
                sampler=optuna.samplers.RandomSampler(seed=0),  # draws nothing: values are entered, not suggested
                directions=[aim.goal for aim in objective.aims],
                pruner=_pruner(pruner, epochs),
                study_name=_NAME,
            )
        self._scratch: int = self._study.ask().number  # never ends and has no values

    @property
    def places(self) -> int:
        """How many places are taken."""
        return len(self._study.get_trials(deepcopy=False))

    # As they happen

    def enter(self, values: Mapping[str, Value], marks: Mapping[str, Any] = _NO_MARKS) -> Any:
        """A running trial at the next place."""
        self.put_back_waiting(values, marks)
        return self._study.ask()

    def leave(self, running: Any, outcome: Outcome) -> None:
        """The end of a running trial."""
        for epoch, value in outcome.curve.items():
            running.report(value, epoch)
        self._study.tell(running, None if outcome.score is None else outcome.values, outcome.state)
        self._ended(running.number, outcome)

    def prunes(self, place: int, curve: Mapping[int, float], beside: Container[int] | None = None) -> bool:
        """Whether a running trial should stop at the last epoch of `curve`, its objective by epoch.

        With `beside`, the places of what ran when it was entered, as it was then: nothing that came or ended since
        counts.
        """
        # Epochs are the study's business only when the trial has ended: a trial that trains again reports anew.
        trial = copy.copy(self._at(place))
        trial.intermediate_values = dict(curve)
        seen = None if beside is None else [each for each in range(place) if each not in beside]
        with nullcontext() if seen is None else self._storage.only(seen):
            return bool(self._study.pruner.prune(self._study, trial))

    def marks(self, place: int) -> dict[str, Any]:
        """What the sampler wrote on a trial, and the pruner: the rungs that it reached, and its values there."""
        return dict(self._at(place).system_attrs)

    # As they are put back

    def put_back(self, values: Mapping[str, Value], outcome: Outcome, marks: Mapping[str, Any]) -> None:
        """A trial that has ended, at the next place."""
        trial = self._trial(
            values,
            state=outcome.state,
            values=outcome.values,
            intermediate_values=dict(outcome.curve),
            system_attrs=dict(marks),
        )
        self._study.add_trial(trial)
        self._ended(self.places - 1, outcome)

    def put_back_waiting(self, values: Mapping[str, Value], marks: Mapping[str, Any]) -> None:
        """A trial without an outcome, at the next place; `resume` makes it run."""
        self._study.add_trial(self._trial(values, state=TrialState.WAITING, system_attrs=dict(marks)))

    def put_back_gap(self) -> None:
        """A place that no trial has."""
        self._study.add_trial(create_trial(state=TrialState.FAIL))

    def resume(self) -> Any:
        """The first trial that waits, running again."""
        return self._study.ask()

    # For samplers

    def draw(self, sampler: optuna.samplers.BaseSampler) -> dict[str, Value]:
        """A set of active values as the sampler proposes it, seeing what is in the study. Nothing is entered.

        Optuna's own way is to draw a trial into being, which would leave a dead one for every proposal that is not
        taken up. And its own groups (`group=True`) are all drawn, those of layers that the proposal does not have too:
        with up to ten layers that is most of the work.
        """
        trial = self._at(self._scratch)
        jointly: dict[str, Any] = {}
        tried: set[str] = set()  # a sampler may leave names of a group out, to be drawn alone

        def suggest(asked: str, left: Parameter) -> Value:
            name, parameter = self._known(asked, left)
            value = decode(parameter, drawn(name, parameter))
            return value if parameter is left else kept(left, value)

        def drawn(name: str, parameter: Parameter) -> Any:
            if name not in tried and (group := self._groups.having(name)):
                tried.update(group)
                several = {each: self._distributions[each] for each in group if not self._distributions[each].single()}
                jointly.update(sampler.sample_relative(self._study, trial, several))
            if name in jointly:
                return jointly[name]
            return sampler.sample_independent(self._study, trial, name, self._distribution(name, parameter))

        with self._seen():
            return self._space.walk(suggest)

    def fittest(self, places: Sequence[int], number: int) -> list[int]:
        """As many of these places as NSGA-II lets survive: those of the best fronts, far apart on the last of them."""
        found = Nsga(0, number, self.at(places)).select_parent(self._study, 1)
        return sorted(trial.number for trial in found)

    def at(self, places: Sequence[int]) -> list[FrozenTrial]:
        """Optuna's trials there."""
        return [self._at(place) for place in places]

    # For reports

    def weights(self, share: float) -> dict[str, float]:
        """What tells the best `share` of the completed trials from the others, by name, on a scale of its own.

        Of what is known by several names, the weights are added up.
        """
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=share)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # `normalize`
            warnings.filterwarnings("ignore", "Target and region quantiles", UserWarning)  # all weights are then 0
            warnings.filterwarnings("ignore", "Some regimes", UserWarning)  # of a deep layer that few trials have
            told = optuna.importance.get_param_importances(self._study, evaluator=evaluator, normalize=False)
        weights: dict[str, float] = {}
        for name, weight in told.items():
            weights[value_of(name)] = weights.get(value_of(name), 0.0) + weight
        return weights

    def _ended(self, place: int, outcome: Outcome) -> None:
        self._groups.add(self._at(place).distributions)
        if self._sign is not None and outcome.score is not None:
            self._scores.append((self._sign * outcome.score, place))

    def _seen(self) -> AbstractContextManager[None]:
        """Shows a sampler what it needs of a long search: the latest places, and those of the best trials before them.

        All places where there are several objectives, of which none is the best.
        """
        if self.places <= _LATEST or self._sign is None:
            return nullcontext()
        first = self.places - _LATEST
        best = nsmallest(_BEST, (scored for scored in self._scores if scored[1] < first))
        return self._storage.only([*sorted(place for _, place in best), *range(first, self.places)])

    def _at(self, place: int) -> FrozenTrial:
        # Of a storage with one study; the study would make a list of all of them first.
        trial: FrozenTrial = self._storage.get_trial(place)
        return trial

    def _trial(self, values: Mapping[str, Value], /, **about: Any) -> FrozenTrial:
        if not self._learns:
            return create_trial(**about)
        asked = [(*self._known(name, left), value) for name, left, value in asked_about(self._space, values)]
        return create_trial(
            params={name: encode(parameter, value) for name, parameter, value in asked},
            distributions={name: self._distribution(name, parameter) for name, parameter, _ in asked},
            **about,
        )

    def _known(self, name: str, left: Parameter) -> tuple[str, Parameter]:
        if name not in self._wholes:
            self._wholes[name] = self._space.parameter(name)
        return known(name, left, self._wholes[name])

    def _distribution(self, name: str, parameter: Parameter) -> BaseDistribution:
        if name not in self._distributions:
            self._distributions[name] = distribution(parameter)
        return self._distributions[name]


def tpe(seed: int) -> optuna.samplers.BaseSampler:
    """Optuna's tree-structured Parzen estimator: over what it is asked for jointly, and aware of what runs."""
    return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)


class Nsga(optuna.samplers.NSGAIISampler):  # type: ignore[misc]
    """Optuna's NSGA-II for one proposal, of known parents; Optuna itself keeps generations in attributes of trials.

    What some parents do not have is inherited from those that do.
    """

    def __init__(self, seed: int, population: int, parents: Sequence[FrozenTrial]) -> None:
        # One value of a network is drawn anew, on average: Optuna's own default is one of each group.
        names = max((len(parent.params) for parent in parents), default=1)
        super().__init__(population_size=population, seed=seed, mutation_prob=1 / max(names, 1))
        self._parents, self._wanted = parents, frozenset[str]()

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        self._wanted = frozenset(search_space)
        drawn: dict[str, Any] = super().sample_relative(study, trial, search_space)
        return drawn

    def get_trial_generation(self, study: optuna.Study, trial: FrozenTrial) -> int:
        return 1

    def get_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        return []

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        able = [parent for parent in self._parents if self._wanted <= parent.params.keys()]
        return able if len(able) > 1 else []  # a child has two parents


def _pruner(name: str, epochs: int) -> BasePruner:
    match name:
        case "hyperband":
            return HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=3)
        case "successive-halving":
            # Optuna's default first rung, "auto", is guessed from the trials that are complete when first asked.
            return SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
        case "median":
            return MedianPruner()
        case _:
            return NopPruner()


@contextmanager
def quietly() -> Iterator[None]:
    """Without what Optuna announces on stderr: studies that it makes, storages that it opens."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
