"""Which parameters matter."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.contracts.life import OBJECTIVE, diabetes
from tuner import study as studies
from tuner.drivers import importance
from tuner.drivers.sampling import Random
from tuner.trial import Result, State, Trial, Value

STUDY = diabetes("random", "none")


def results(n: int, score: float | None = None) -> list[Result]:
    """Trials whose score follows from the learning rate, and a little from the first layer's units."""
    drawn = [next(Random(STUDY.space, 0).candidates(number)) for number in range(n)]
    trials = [Trial(number, values, 0, 1) for number, values in enumerate(drawn)]
    return [Result(t, State.COMPLETE, scored(t.values) if score is None else score) for t in trials]


def scored(values: dict[str, Value]) -> float:
    return -abs(math.log10(float(values["learning_rate"])) + 2.5) + int(values["units_1"]) / 1000


def test_what_matters_comes_first_and_the_shares_add_up() -> None:
    shares = importance(STUDY, OBJECTIVE, results(120))
    assert next(iter(shares)) == "learning_rate"
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert set(shares) <= {parameter.name for parameter in STUDY.space.parameters}


def test_trials_without_a_score_do_not_count() -> None:
    complete = results(40)
    others = [Result(Trial(99, r.trial.values, 0, 1), State.DIVERGED) for r in complete]
    assert importance(STUDY, OBJECTIVE, [*complete, *others]) == importance(STUDY, OBJECTIVE, complete)


def test_a_pruned_trial_counts_with_what_it_reached() -> None:
    complete = results(40)
    pruned = [replace(result, state=State.PRUNED) for result in complete]
    assert importance(STUDY, OBJECTIVE, pruned) == importance(STUDY, OBJECTIVE, complete) != {}


@pytest.mark.parametrize("known", [[], results(19), results(40, score=0.5)])
def test_too_little_to_tell(known: list[Result]) -> None:
    assert importance(STUDY, OBJECTIVE, known) == {}


@pytest.mark.parametrize("n", range(20, 34))
def test_any_number_of_trials_will_do(n: int) -> None:
    shares = importance(STUDY, OBJECTIVE, results(n))
    assert all(math.isfinite(share) and share >= 0 for share in shares.values())


def test_the_parts_that_rules_leave_of_a_choice_count_as_one_parameter() -> None:
    initializers = ["he_normal", "lecun_normal", "glorot_uniform"]
    space = {
        "optimizer": {"choice": ["adam", "sgd", "nadam"]},
        "initializer": {"choice": initializers},
        "batch_size": {"int": [1, 100]},
        "rules": [{"if": {"optimizer": ["adam", "sgd"]}, "then": {"initializer": initializers[:2]}}],
    }
    study = studies.from_document("ruled", {"data": {"source": "sklearn:wine"}, "space": space})
    drawn = [next(Random(study.space, 0).candidates(number)) for number in range(120)]
    scores = [float(values["initializer"] == "he_normal") + n * 1e-6 for n, values in enumerate(drawn)]
    known = [Result(Trial(n, values, 0, 1), State.COMPLETE, scores[n]) for n, values in enumerate(drawn)]
    shares = importance(study, OBJECTIVE, known)
    assert next(iter(shares)) == "initializer"
    assert sum(shares.values()) == pytest.approx(1.0)
