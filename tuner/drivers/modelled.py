"""KerasTuner's Bayesian oracle: a Gaussian process over the trials so far, and the most promising point of it.

The first trials, three for each hyperparameter, are drawn at random; so has KerasTuner it. Two things it is told in
another way than its own tuner would. A trial that broke has the worst score so far, as infinities count as perfect
there. And what runs is guessed from a process that was fitted to what has ended, not to what was known a proposal ago.

It looks for the point by fifty descents of which every step takes a prediction for each hyperparameter: nine seconds
of a core at 105 trials of 35 hyperparameters, and three times that where BLAS has threads, which here only wait for
each other. The same descents with the gradient known and one thread take half a second.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from types import SimpleNamespace
from typing import Any

import numpy as np

from tuner.drivers import oracles
from tuner.drivers.compiled import Compiled, Known
from tuner.drivers.proposing import Drawn, Proposal, Values
from tuner.space import Space
from tuner.trial import derive_seed

# Where the point was tried before: so many others are looked at, half of them with one value that is not the point's.
_OTHERS = 256
# The third step of a seed's path, for what is drawn here.
_POINT, _ASIDE = -4, -5


# So many trials for each hyperparameter are drawn before the first that is not; `DRAWN` is another number in all.
_DRAWN_EACH = 3
DRAWN: int | None = None


def remarks(space: Space, trials: int) -> list[str]:
    """When it begins to learn, as a search may end before that."""
    names = len(Compiled(space).hyperparameters().space)
    drawn = _DRAWN_EACH * max(names, 1)
    line = f"note: bayesian draws its first {drawn} trials at random, {_DRAWN_EACH} for each of {names} hyperparameters"
    return [line if trials > drawn else f"{line}; this search has {trials}"]


class Modelled(Drawn):
    name = "bayesian"

    def __init__(self, *given: Any) -> None:
        super().__init__(*given, num_initial_points=DRAWN)

    def _proposal(self) -> Proposal | None:
        oracle = self._oracle
        if not oracle._nonfixed_space():  # there is nothing to learn, and a process needs at least one dimension
            values = self._untried.first(self._draws())
            return None if values is None else Proposal(values)
        self._weigh()
        oracle.seed = derive_seed(self._seed, self._number, _POINT)
        oracle.gpr, oracle._random_state = oracle._make_gpr(), np.random.RandomState(oracle.seed)
        drew = False

        def fresh() -> Known | None:
            nonlocal drew
            drew = True
            return self._fresh()

        oracle.fresh = fresh
        with _calm():
            self._guess()
            with _descents(oracle):
                answer = oracle.populate_space(str(self._number))
            if answer["status"] != "RUNNING":
                return None
            if drew:
                return Proposal(self._compiled.values(answer["values"], seed=0))
            values = self._untried.first(chain(self._untried.small(self._about(answer["values"])), self._draws()))
        return None if values is None else Proposal(values)

    def _weigh(self) -> None:
        """Gives the trials that broke the worst score that there is."""
        trials = self._oracle.trials
        scores = [
            trial.score for name, trial in trials.items() if trial.status == "COMPLETED" and name not in self._broken
        ]
        worst = min(scores, key=lambda score: self._goal * score, default=0.0)
        for name in self._broken:
            trials[name].score = worst

    def _guess(self) -> None:
        """Fits the process to what has ended, for the oracle to guess what runs from."""
        oracle = self._oracle
        if not (oracle.ongoing_trials and len(oracle.trials) > len(oracle.ongoing_trials)):
            return
        everything = oracle.trials
        oracle.trials = {name: trial for name, trial in everything.items() if name not in oracle.ongoing_trials}
        x, y = oracle._vectorize_trials()
        oracle.trials = everything
        oracle.gpr.set_params(n_restarts_optimizer=0).fit(x, y)
        oracle.gpr.set_params(n_restarts_optimizer=oracle._make_gpr().n_restarts_optimizer)

    def _about(self, known: Known) -> Iterator[Values]:
        """The point; where that was tried, others, the most promising first."""
        aside = derive_seed(self._seed, self._number, _ASIDE)
        point = self._compiled.values(known, aside, near=True)
        yield point
        around = self._compiled.known(point)
        names, others = list(around), []
        for i in range(_OTHERS):
            kept = around if i % 2 else {}
            changed = names[(i // 2) % len(names)] if names else None
            known = {name: value for name, value in kept.items() if name != changed}
            others.append(self._compiled.values(known, derive_seed(aside, i), near=True))
        promise = _promise(self._oracle, [self._vector(self._compiled.known(each)) for each in others])
        yield from (others[i] for i in np.argsort(promise, kind="stable"))

    def _vector(self, known: Known) -> list[float]:
        """Where values lie in the space of the process, as the oracle has it."""
        return [hp.value_to_prob(known.get(hp.name, hp.default)) for hp in self._oracle._nonfixed_space()]


def _promise(oracle: Any, points: list[list[float]]) -> Any:
    """The oracle's acquisition function, less being better."""
    mean, deviation = oracle.gpr.predict(np.array(points), return_std=True)
    return mean - oracle.beta * deviation


@contextmanager
def _calm() -> Iterator[None]:
    """One thread for the small matrices of a process, and no word about how it was fitted."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _descents(oracle: Any) -> Iterator[None]:
    """Lets the oracle descend by the gradient of its acquisition function instead of by differences of it."""
    import scipy.optimize

    surfaces: list[Callable[[Any], tuple[float, Any]]] = []

    def minimize(function: Any, x0: Any, **more: Any) -> Any:
        if not surfaces:  # it is fitted before the first descent
            surfaces.append(surface(oracle.gpr, oracle.beta))
        return scipy.optimize.minimize(surfaces[0], x0, jac=True, **more)

    module = oracles.module_of("bayesian")
    module.scipy = SimpleNamespace(optimize=SimpleNamespace(minimize=minimize))
    try:
        yield
    finally:
        module.scipy = scipy


def surface(process: Any, beta: float) -> Callable[[Any], tuple[float, Any]]:
    """Mean less `beta` deviations of a fitted process with a Matérn 5/2 kernel, and its gradient, at a point."""
    known, length = process.X_train_, process.kernel_.length_scale
    alpha, middle, scale = process.alpha_.ravel(), process._y_train_mean, process._y_train_std
    inverse = np.linalg.inv(process.L_)

    def at(x: Any) -> tuple[float, Any]:
        apart = (x - known) / length
        distance = np.sqrt(5.0 * np.einsum("ij,ij->i", apart, apart))
        decay = np.exp(-distance)
        covariance = (1.0 + distance + distance**2 / 3.0) * decay
        slope = (-5.0 / 3.0 / length * (1.0 + distance) * decay)[:, None] * apart
        half = inverse @ covariance
        deviation = np.sqrt(max(1.0 - half @ half, 0.0))
        falls = slope.T @ alpha
        if deviation > 0.0:
            falls = falls + beta * (slope.T @ (inverse.T @ half)) / deviation
        value = middle + scale * (covariance @ alpha - beta * deviation)
        return float(np.squeeze(value)), np.squeeze(scale) * falls

    return at
