"""Drivers propose trials and judge running ones. They never train and never log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from tuner.study import Study
from tuner.trial import Batch, Objective, Report, Result, Trial, Value


class Driver(Protocol):
    """What proposes. Called from one thread.

    A driver is rebuilt, never unpickled: from the results told so far, in the order in which they were told, the
    trials that were asked for and have no result, and the entries of `state()`. A trial without a result trains
    again after that, with its number and values, and is reported from its first epoch on.
    """

    def ask(self, n: int) -> Batch:
        """At most `n` new trials, numbered on from the last one, no two of a search alike.

        No trials and `more = False`: there are no others.
        """
        ...

    def judge(self, reports: Sequence[Report]) -> set[int]:
        """Takes in what the epochs of running trials gave, and returns the numbers of those to stop.

        An epoch that was judged before, of a trial that trains again, is not judged anew; a verdict stands from its
        epoch on. A trial is never stopped at its last epoch, after which it is complete.
        """
        ...

    def tell(self, result: Result) -> None:
        """Takes in an outcome. One that is neither `complete` nor `pruned` counts as bad.

        Raises ValueError where that trial was not asked for, or was told before.
        """
        ...

    def state(self) -> Mapping[str, Any]:
        """What changed since the last call, as JSON values by key; the latest value of every key rebuilds it."""
        ...

    def needs(self) -> frozenset[int]:
        """The numbers of the trials whose weights are still wanted.

        A trial that has no result, or one that may yet be proposed, goes on from them. Among them are trials that
        still train. Empty for all samplers but Hyperband's rounds.
        """
        ...


def build(
    study: Study,
    objective: Objective,
    told: Sequence[Result] = (),
    asked: Sequence[Trial] = (),
    state: Mapping[str, Any] | None = None,
    next_number: int = 0,
    weights: Callable[[Mapping[str, Value]], int] | None = None,
) -> Driver:
    """The study's driver, as it was when it was told `told`; a new one where nothing is.

    `next_number` is the lowest number that no trial ever had, where that is known: a deleted trial keeps its number.
    `weights` counts those of a network, for a study that limits them.
    """
    from tuner.drivers.ordered import WINDOW, Ordered

    known = state or {}
    trials = [*(result.trial for result in told), *asked]
    following = max([next_number, known.get("next", 0), *(trial.number + 1 for trial in trials)])
    window = WINDOW if study.search.deterministic and study.search.learns else None

    def driver(told: Sequence[Result], asked: Sequence[Trial]) -> Driver:
        if study.search.driver == "keras-tuner":
            from tuner.drivers.keras_tuner import KerasTunerDriver

            return KerasTunerDriver(study, objective, told, asked, known, following, weights)
        from tuner.drivers.optuna import OptunaDriver

        return OptunaDriver(study, objective, told, asked, known, following, window, weights)

    if window is None:
        return driver(told, asked)
    return Ordered(driver, told, asked, following, window, known.get("heard", 0))


def remarks(study: Study) -> list[str]:
    """What a person may not expect of how the study's space is searched, a line each."""
    match study.search.sampler:
        case "hyperband":
            from tuner.drivers import rounds

            return rounds.remarks(study.training.epochs, study.search.trials)
        case "bayesian":
            from tuner.drivers import modelled

            return modelled.remarks(study.space, study.search.trials)
        case "cma-es":
            return _steered(study)
    return []


def _steered(study: Study) -> list[str]:
    from tuner.drivers.evolution import steered

    names = steered(study.space)
    stems = [p.name for p in study.space.parameters if p.size != 1]
    rest = [stem for stem in stems if stem not in names]
    if not rest:
        return []
    verb = "is" if len(rest) == 1 else "are"
    return [
        f"note: cma-es has a say in {_and(list(names)) or 'nothing'}; {_and(rest)} {verb} drawn at random, as choices "
        f"are, and what not every trial has"
    ]


def _and(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), *names[-1:]] if len(names) > 1 else names)


def importance(study: Study, objective: Objective, results: Sequence[Result]) -> dict[str, float]:
    """How much each parameter matters to the score of the trials, most first, in shares that add up to 1.

    The shares of a per-layer parameter's layers are added up. Empty where too little is known to tell.
    """
    from tuner.drivers.weighing import weigh

    return weigh(study.space, objective, results)
