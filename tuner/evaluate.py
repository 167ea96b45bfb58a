"""What the champion is worth: its score on rows that nobody tuned on, with an interval, beside simple baselines.

Everything is a function of arrays; `tuner.metrics` says their shapes. NumPy, SciPy and scikit-learn are imported where
they are used, as the types here are also needed where none of that is.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from tuner import metrics, wording
from tuner.metrics import METRICS, Array, Metric, Task
from tuner.trial import Metrics, Objective, Result, Value

if TYPE_CHECKING:
    from tuner.data.split import Split

CONFIDENCE = 0.95
# Bootstrap resamples; fewer where rows are many and the interval is narrow anyway.
_RESAMPLES, _FEWEST, _ROWS_DRAWN = 2000, 500, 20_000_000
# Cells that a baseline is fitted on at most: more rows make a linear model slower, not better.
_CELLS = 4_000_000
# A gap that a person should hear of: points of accuracy, and a share of any other score.
_POINTS, _SHARE = 0.03, 0.1

# A baseline's name, and its predictions for validation and test rows.
Guesses: TypeAlias = tuple[str, Array, Array]


@dataclass(frozen=True, slots=True)
class Baseline:
    """A simple model, scored on the same rows by the same metric, and whether the champion is better on the test."""

    name: str
    validation: float
    test: float
    beaten: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The champion of an ended search.

    `score` is what the search saw of it on the validation rows, and `fresh` the mean there of its retakes with fresh
    seeds. `test` lies between `low` and `high` at 95 %. `gap` is how much worse the test score is, below 0 where it is
    better. `looks` counts how often the test rows were seen. `trials` is the number of results it was chosen from.
    """

    champion: int
    values: Mapping[str, Value]
    metric: str  # without `val_`
    goal: str
    score: float
    fresh: float | None
    test: float
    low: float
    high: float
    gap: float
    baselines: tuple[Baseline, ...]
    validation_metrics: Metrics
    test_metrics: Metrics
    validation_rows: int
    test_rows: int
    looks: int
    trials: int
    ended: str
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Verdict:
        """The verdict that `to_json` gave, after a way through JSON."""
        baselines = tuple(Baseline(**baseline) for baseline in told["baselines"])
        return cls(**{**told, "baselines": baselines, "warnings": tuple(told["warnings"])})

    def test_json(self) -> dict[str, Any]:
        """What goes with the model: the test score, and how far it can be trusted."""
        return {
            "metric": self.metric,
            "score": self.test,
            "low": self.low,
            "high": self.high,
            "confidence": CONFIDENCE,
            "rows": self.test_rows,
            "looks": self.looks,
            "metrics": dict(self.test_metrics),
        }

    def scores(self) -> dict[str, float]:
        """The numbers by name, flat, for the record."""
        found = {f"val_{name}": value for name, value in self.validation_metrics.items()}
        found |= {f"test_{name}": value for name, value in self.test_metrics.items()}
        found |= {f"test_{self.metric}_low": self.low, f"test_{self.metric}_high": self.high, "gap": self.gap}
        if self.fresh is not None:
            found[f"val_{self.metric}_fresh"] = self.fresh
        for baseline in self.baselines:
            found[f"baseline_{baseline.name.replace(' ', '_')}_test_{self.metric}"] = baseline.test
        return found


def verdict(
    split: Split,
    objective: Objective,
    champion: Result,
    *,
    validation: Array,
    test: Array,
    fresh: Mapping[int, float],
    results: Sequence[Result],
    looks: int,
    ended: str,
    simple: Iterable[Guesses] | None = None,
) -> Verdict:
    """The verdict on a champion from its predictions for the validation and the test rows.

    `fresh` holds the mean scores of the finalists' retakes, by number. The metric is the objective's, whichever epoch
    that reads. `simple` is what `baselines` gave, where that was asked before.
    """
    metric = METRICS[split.task][objective.metric.removeprefix("val_")]
    on_validation = metrics.evaluate(split.task, split.y_validation, validation)
    on_test = metrics.evaluate(split.task, split.y_test, test)
    score, tested = on_validation[metric.name], on_test[metric.name]
    low, high = interval(metric, split.y_test, test)
    found = tuple(
        Baseline(
            name=name,
            validation=metric.of(split.y_validation, guessed_validation),
            test=(guessed := metric.of(split.y_test, guessed_test)),
            beaten=objective.better(tested, guessed),
        )
        for name, guessed_validation, guessed_test in (baselines(split) if simple is None else simple)
    )
    made = Verdict(
        champion=champion.trial.number,
        values=dict(champion.trial.values),
        metric=metric.name,
        goal=objective.goal,
        score=score,
        fresh=fresh.get(champion.trial.number),
        test=tested,
        low=low,
        high=high,
        gap=score - tested if objective.goal == "maximize" else tested - score,
        baselines=found,
        validation_metrics=on_validation,
        test_metrics=on_test,
        validation_rows=len(split.y_validation),
        test_rows=len(split.y_test),
        looks=looks,
        trials=len(results),
        ended=ended,
        warnings=(),
    )
    return replace(made, warnings=tuple(_warnings(made)))


def interval(metric: Metric, target: Array, prediction: Array) -> tuple[float, float]:
    """The 95 % interval of a score on so many rows, (low, high); the same at every call.

    Accuracy is a share of rows: Wilson's score interval (E. B. Wilson, "Probable inference, the law of succession, and
    statistical inference", JASA 22, 1927; the one to use for small n by L. D. Brown, T. T. Cai and A. DasGupta,
    "Interval estimation for a binomial proportion", Statistical Science 16, 2001). Any other metric: the percentile
    bootstrap over rows (B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13).
    """
    import numpy as np

    rows = len(target)
    if metric.name == "accuracy":
        from scipy.stats import binomtest

        right = int((metrics.classes_of(prediction) == target).sum())
        found = binomtest(right, rows).proportion_ci(CONFIDENCE, method="wilson")
        return float(found.low), float(found.high)
    random = np.random.default_rng(0)
    drawn = (random.integers(rows, size=rows) for _ in range(min(_RESAMPLES, max(_FEWEST, _ROWS_DRAWN // rows))))
    scores = [metric.of(target[some], prediction[some]) for some in drawn]
    # A drawn sample of few rows may have a single class.
    low, high = np.nanquantile(scores, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def baselines(split: Split) -> Iterator[Guesses]:
    """Simple models fitted on the train rows: each one's name, and its predictions for validation and test rows.

    Classes: the most common one, with the train shares as probabilities, and logistic regression. Values: the train
    mean, and ridge regression. Both linear models see the transformed matrix, as the networks do; arrays in which
    nothing was made of the cells are standardised for them, column by column, as raw ones would not converge.
    """
    name, constant = _constant(split)
    yield name, constant(len(split.y_validation)), constant(len(split.y_test))
    name, linear = _linear(split)
    yield name, linear(split.x_validation), linear(split.x_test)


def _constant(split: Split) -> tuple[str, Callable[[int], Array]]:
    import numpy as np

    if split.task is Task.REGRESSION:
        mean = float(split.y_train.mean(dtype="float64"))
        return "train mean", lambda rows: np.full(rows, mean)
    shares = np.bincount(split.y_train.astype("int64"), minlength=len(split.classes or ())) / len(split.y_train)
    if split.task is Task.BINARY:
        return "majority class", lambda rows: np.full(rows, shares[1])
    return "majority class", lambda rows: np.tile(shares, (rows, 1))


def _linear(split: Split) -> tuple[str, Callable[[Array], Array]]:
    from sklearn.linear_model import LogisticRegression, Ridge
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    some, y = _some_rows(split)
    seen = _standardised(some) if split.preprocessing.as_they_are else lambda rows: rows
    x = seen(some)
    if split.task is Task.REGRESSION:
        ridge = Ridge().fit(x, y)
        return f"ridge regression{_of_some(x, split)}", lambda rows: ridge.predict(seen(_flat(rows)))
    # Threads that wait for each other in every step: on a busy machine, two are ten times slower than one.
    with warnings.catch_warnings(), threadpool_limits(1):
        # A baseline that is not quite converged is a baseline still.
        warnings.filterwarnings("ignore", message="lbfgs failed to converge")
        logistic = LogisticRegression(max_iter=200).fit(x, y.astype("int64"))

    def probabilities(rows: Array) -> Array:
        import numpy as np

        found = np.zeros((len(rows), len(split.classes or ())))
        found[:, logistic.classes_] = logistic.predict_proba(seen(_flat(rows)))  # a class may be in no train row
        return found[:, 1] if split.task is Task.BINARY else found

    return f"logistic regression{_of_some(x, split)}", probabilities


def _standardised(x: Array) -> Callable[[Array], Array]:
    """What standardises rows by the columns of these."""
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale[scale == 0] = 1.0
    return lambda rows: (rows - mean) / scale


def _flat(x: Array) -> Array:
    return x.reshape(len(x), -1).astype("float64")


def _some_rows(split: Split) -> tuple[Array, Array]:
    """Train rows, and what they are. Drawn before they are widened: of pictures, all rows as float64 take 300 MB."""
    import numpy as np

    x, y = split.x_train, split.y_train
    most = max(_CELLS // max(int(np.prod(x.shape[1:])), 1), 1)
    chosen = np.random.default_rng(0).permutation(len(x))[:most] if len(x) > most else slice(None)
    return _flat(x[chosen]), y[chosen]


def _of_some(x: Array, split: Split) -> str:
    """What to add to a baseline's name where it has not seen every train row."""
    return f" on {len(x):,} rows" if len(x) < len(split.y_train) else ""


def _warnings(made: Verdict) -> Iterator[str]:
    """What a person should know before trusting the champion, in plain words."""
    points = made.metric == "accuracy"
    shown = _share if points else wording.score
    for baseline in made.baselines:
        against = f"{baseline.name} on the test rows ({shown(made.test)} against {shown(baseline.test)})"
        if baseline.test == made.test:
            yield f"the champion is no better than {against}; the simpler model does as well"
        elif not baseline.beaten:
            yield f"the champion does not beat {against}: prefer the simpler model"
        elif made.low <= baseline.test <= made.high:
            yield f"the champion beats {against}, but by no more than chance can give on {made.test_rows} rows"
    if made.gap >= (_POINTS if points else _SHARE * abs(made.test)) > 0:
        size = f"{100 * made.gap:.1f} points" if points else wording.score(made.gap)
        chance = f", which is within chance on {made.test_rows} rows" if made.low <= made.score <= made.high else ""
        yield f"validation flatters by {size}: {shown(made.score)} there, {shown(made.test)} on the test rows{chance}"


def _share(score: float) -> str:
    return f"{score:.3f}"
