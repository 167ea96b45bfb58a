"""Several objectives: which trials are worth something, and in which order they stand."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from tuner.errors import StudyError
from tuner.study import Study, from_document
from tuner.trial import PARAMS, Aim, Objective, Result, State, Trial

SMALL = Objective("val_accuracy", "maximize", further=(Aim(PARAMS, "minimize"),))


def result(number: int, score: float | None, *further: float, state: State = State.COMPLETE) -> Result:
    return Result(Trial(number, {"units": 2**number}, 0, 3), state, score, best_epoch=2, further=further)


def numbers(results: list[Result]) -> list[int]:
    return [each.trial.number for each in results]


RESULTS = [
    result(0, 0.8, 100.0),
    result(1, 0.9, 500.0),
    result(2, 0.9, 400.0),  # as accurate as 1, and smaller
    result(3, 0.7, 200.0),  # worse than 0 in both
    result(4, 0.8, 100.0),  # the same as 0
    result(5, 0.6, 50.0),
    result(6, 0.99, 10.0, state=State.PRUNED),
    result(7, 0.99),  # its size is not known
    result(8, math.nan, 1.0),
]


def test_the_front_has_what_no_other_betters_best_first_by_the_first() -> None:
    assert numbers(SMALL.front(RESULTS)) == [2, 0, 4, 5]
    assert numbers(SMALL.front(RESULTS[::-1])) == [2, 0, 4, 5]
    large = Objective("val_accuracy", "maximize", further=(Aim(PARAMS, "maximize"),))
    assert numbers(large.front(RESULTS)) == [1]
    loss = Objective("val_loss", "minimize", further=(Aim(PARAMS, "minimize"),))
    assert numbers(loss.front(RESULTS)) == [5]


def test_the_front_stands_first_among_all_that_completed() -> None:
    assert numbers(SMALL.ranked(RESULTS)) == [2, 0, 4, 5, 1, 3]


def test_of_one_objective_everything_is_as_it_was() -> None:
    one = Objective("val_accuracy", "maximize")
    whole = [result(n, score) for n, score in enumerate([0.5, 0.9, 0.9, 0.1])]
    assert numbers(one.ranked(whole)) == numbers(one.front(whole)) == [1, 2, 0, 3]


def test_three_objectives_against_every_pair() -> None:
    rng = random.Random(0)
    three = Objective("a", "maximize", further=(Aim("b", "minimize"), Aim("c", "maximize")))
    some = [result(n, *(float(rng.randint(0, 4)) for _ in range(3))) for n in range(60)]

    def beaten(one: Result) -> bool:
        costs = [(-r.score, r.further[0], -r.further[1]) for r in some]  # type: ignore[operator]
        own = costs[one.trial.number]
        return any(other != own and all(x <= y for x, y in zip(other, own, strict=True)) for other in costs)

    assert sorted(numbers(three.front(some))) == [r.trial.number for r in some if not beaten(r)]
    assert 1 < len(three.front(some)) < 60


def test_the_others_are_read_at_the_epoch_of_the_first() -> None:
    objective = Objective("val_accuracy", "maximize", further=(Aim("val_loss", "minimize"), Aim(PARAMS, "minimize")))
    history = tuple({"val_accuracy": a, "val_loss": b} for a, b in [(0.5, 0.1), (0.9, 0.7), (0.8, 0.2)])
    trained = Result(Trial(0, {"units": 5}, 0, 9, first_epoch=7), State.COMPLETE, 0.9, best_epoch=8, history=history)
    assert objective.also(trained, lambda values: 10 * int(values["units"])) == (0.7, 50.0)
    assert objective.metrics == ("val_accuracy", "val_loss")
    broken = Result(trained.trial, State.DIVERGED, 0.9, best_epoch=8, history=history)
    assert objective.also(broken, lambda values: 1) == ()
    assert Objective("val_accuracy", "maximize").also(trained, lambda values: 1) == ()


def study(objective: dict[str, Any], **search: Any) -> Study:
    document = {
        "data": {"source": "sklearn:wine", "task": "multiclass"},
        "space": {"layers": 1, "units": {"int": [1, 9]}},
        "objective": objective,
        "search": search,
    }
    return from_document("a", document)


BOTH = ["val_accuracy", "params"]


def test_goals_follow_from_the_metrics_and_nothing_is_stopped() -> None:
    read = study({"metric": ["val_accuracy", "val_loss", "params"], "goal": {"params": "maximize"}})
    assert read.objective_for(read.data.task or 0) == Objective(  # type: ignore[arg-type]
        "val_accuracy", "maximize", further=(Aim("val_loss", "minimize"), Aim("params", "maximize"))
    )
    assert read.search.pruner == "none"
    assert study({"metric": BOTH}, sampler="nsga-ii").search.sampler == "nsga-ii"
    assert study({"metric": "val_loss"}).search.pruner == "hyperband"
    assert "pruner" not in read.document["search"]
    assert from_document("a", read.document).settings() == read.settings()


@pytest.mark.parametrize(
    ("objective", "search", "line"),
    [
        ({"metric": BOTH}, {"pruner": "median"}, "search.pruner: several objectives stop no trial, got 'median'; "),
        ({"metric": BOTH}, {"sampler": "cma-es"}, "search.sampler: cma-es has one objective, expected one of tpe, "),
        ({"metric": ["val_accuracy"]}, {}, "objective.metric: several objectives are a list of two or more, got 1"),
        ({"metric": BOTH[::-1]}, {}, "objective.metric: the first objective chooses the epoch and the champion, and "),
        ({"metric": ["val_accuracy", "parms"]}, {}, "objective.metric: expected one of .* Did you mean 'params'"),
        ({"metric": "params"}, {}, "objective.metric: expected one of val_accuracy, .*, val_r2, got 'params'"),
        ({"metric": ["val_accuracy", "val_accuracy"]}, {}, "objective.metric: 'val_accuracy' is given twice"),
        ({"metric": ["val_accuracy", "val_rmse"]}, {}, "objective.metric: the data is a multiclass .* got 'val_rmse'"),
        ({"metric": BOTH, "goal": "maximize"}, {}, "objective.goal: of several objectives each has its own"),
        ({"metric": BOTH, "goal": {"val_loss": "minimize"}}, {}, "objective.goal.val_loss: not an objective here"),
        ({"metric": BOTH, "goal": {"params": "less"}}, {}, "objective.goal: expected one of maximize, minimize, got"),
        ({"metric": 3}, {}, "objective.metric: expected a text or a list, got 3"),
        ({"goal": 3}, {}, "objective.goal: expected a text or a table, got 3"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(objective: dict[str, Any], search: dict[str, Any], line: str) -> None:
    with pytest.raises(StudyError, match=f"^a: {line}") as caught:
        study(objective, **search)
    assert len(caught.value.problems) == 1
