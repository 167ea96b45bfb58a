"""A grid whose combinations run several times, each time as a trial of its own."""

from __future__ import annotations

import pytest

from tests.contracts.life import FEW, FEW_SIZE, OBJECTIVE, Life, outcome
from tuner import study as studies
from tuner.drivers import build
from tuner.errors import StudyError
from tuner.sections import SAMPLERS_OF
from tuner.study import Study
from tuner.trial import State, Trial

REPEATS = 3


def repeated(repeats: int = REPEATS, sampler: str = "grid", **more: object) -> Study:
    return studies.from_document(
        "few",
        {
            "data": {"source": "sklearn:wine"},
            "space": FEW,
            "search": {"sampler": sampler, "pruner": "none", "repeats": repeats, **more},
        },
    )


def ended(life: Life, trials: tuple[Trial, ...]) -> None:
    for trial in trials:
        life.tell(outcome(trial, State.COMPLETE, [{"val_accuracy": 0.5}]))


def to_the_end(life: Life, at_once: int) -> list[Trial]:
    while trials := life.ask(at_once):
        ended(life, trials)
    return life.proposed


@pytest.mark.parametrize("driver", SAMPLERS_OF)
def test_each_combination_runs_as_often_as_is_said_with_seeds_of_its_own(driver: str) -> None:
    trials = to_the_end(Life(build, repeated(driver=driver)), 4)
    assert len(trials) == REPEATS * FEW_SIZE
    assert len({trial.seed for trial in trials}) == len(trials)
    first = [trial.key for trial in trials[:FEW_SIZE]]
    assert len(set(first)) == FEW_SIZE
    # All have run once before any runs again, in the same order.
    assert [trial.key for trial in trials] == first * REPEATS


@pytest.mark.parametrize("done", [0, 5, FEW_SIZE - 1, FEW_SIZE, FEW_SIZE + 7, 3 * FEW_SIZE - 1, 3 * FEW_SIZE])
@pytest.mark.parametrize("driver", SAMPLERS_OF)
def test_a_search_that_goes_on_runs_what_is_left(driver: str, done: int) -> None:
    whole = to_the_end(Life(build, repeated(driver=driver)), 1)
    life = Life(build, repeated(driver=driver))
    ended(life, tuple(trial for _ in range(done) for trial in life.ask(1)))
    left = whole[done : done + 2] if done < len(whole) else []
    running = life.ask(2)  # two are under way when it is killed
    assert list(running) == left
    life.driver = build(life.study, OBJECTIVE, life.told, list(life.running.values()), life.state)
    ended(life, running)
    assert to_the_end(life, 5) == whole


@pytest.mark.parametrize("at_once", [1, 5])
def test_it_is_the_same_at_any_number_of_workers_where_that_is_asked_for(at_once: int) -> None:
    study = repeated(pruner="median", deterministic=True)
    assert to_the_end(Life(build, study), at_once) == to_the_end(Life(build, repeated()), 1)


@pytest.mark.parametrize("driver", SAMPLERS_OF)
def test_more_repeats_go_on_with_what_there_is(driver: str) -> None:
    once = Life(build, repeated(1, driver=driver))
    assert len(to_the_end(once, 3)) == FEW_SIZE
    twice = Life(build, repeated(2, driver=driver), told=once.told, proposed=once.proposed, state=once.state)
    assert to_the_end(twice, 3) == to_the_end(Life(build, repeated(2, driver=driver)), 1)
    assert repeated(1).settings() == repeated(2).settings()


@pytest.mark.parametrize("driver", SAMPLERS_OF)
def test_a_deleted_trial_runs_again(driver: str) -> None:
    life = Life(build, repeated(2, driver=driver))
    whole = to_the_end(life, 1)
    told = [result for result in life.told if result.trial.number != 3]
    (again,) = build(life.study, OBJECTIVE, told, [], life.state).ask(9).trials
    assert again.key == whole[3].key
    assert again.number == len(whole)


def test_other_samplers_have_no_repeats() -> None:
    with pytest.raises(StudyError, match=r"search: repeats are of the grid sampler, got 3 with 'random'"):
        repeated(sampler="random")
