"""The driver on KerasTuner, with every sampler of its, and the traps of that library."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import Counter
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from tests.contracts.driver import DriverContract
from tests.contracts.life import EPOCHS, FEW_SIZE, Case, Life, diabetes, few, outcome, ruled, values
from tuner import study as studies
from tuner.drivers import build, modelled, remarks
from tuner.drivers.compiled import Compiled
from tuner.sections import SAMPLERS_OF
from tuner.space import Choice, Int, Space
from tuner.study import Study
from tuner.trial import Objective, Result, State, Trial


class TestKerasTunerDriver(DriverContract):
    @pytest.fixture(params=SAMPLERS_OF["keras-tuner"])
    def case(self, request: pytest.FixtureRequest) -> Case:
        return Case(build, request.param, driver="keras-tuner")


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bayesian optimisation that learns after six trials."""
    monkeypatch.setattr(modelled, "DRAWN", 6)


@pytest.mark.long
class TestBayesianLearning(DriverContract):
    """The same life where nearly every proposal is the model's."""

    @pytest.fixture
    def case(self, early: None) -> Case:
        return Case(build, "bayesian", driver="keras-tuner")


def study_of(space: dict[str, Any], sampler: str, epochs: int = EPOCHS, **search: Any) -> Study:
    search = {"driver": "keras-tuner", "sampler": sampler, **search}
    document = {"data": {"source": "sklearn:wine"}, "space": space, "search": search, "training": {"epochs": epochs}}
    return studies.from_document("made", document)


def told(life: Life, trial: Trial, score: float | None) -> None:
    """A trial has ended, or broke where it has no score."""
    state = State.COMPLETE if score is not None else State.FAILED
    life.tell(outcome(trial, state, [] if score is None else [{"val_accuracy": score}]))


# The library


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


_BUILT = """
import sys
from tests.contracts.life import Life, few
from tuner.drivers import build
for sampler in ("random", "grid", "hyperband", "bayesian"):
    life = Life(build, few(sampler, "none", driver="keras-tuner"))
    life.work(3)
print(*sys.modules)
"""


def test_the_owner_of_a_search_imports_no_keras_and_hears_nothing_of_the_library() -> None:
    loaded = {name.partition(".")[0] for name in python(_BUILT).split()}
    assert "sklearn" in loaded
    assert not {"keras", "tensorflow", "tensorboard", "grpc", "keras_tuner"} & loaded


def test_whoever_imports_the_library_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("keras_tuner.")]:  # other tests have imported it
        monkeypatch.delitem(sys.modules, name)
    whole = type(sys)("keras_tuner")
    monkeypatch.setitem(sys.modules, "keras_tuner", whole)
    from tuner.drivers import oracles

    oracles._read.cache_clear()
    oracles.conditions()
    assert sys.modules["keras_tuner"] is whole
    assert not [name for name in sys.modules if name.startswith("keras_tuner.src")]


# What is drawn


@pytest.mark.parametrize("sampler", ["random", "hyperband"])
def test_every_value_is_drawn_as_often_as_the_space_says(sampler: str) -> None:
    """The last of a stepped range too, and whole numbers on a logarithmic scale."""
    space = {
        "dropout": {"float": [0.1, 0.6], "step": 0.1},
        "units": {"int": [1, 4], "log": True},
        "learning_rate": {"float": [1e-4, 1e-1], "log": True},
    }
    life = Life(build, study_of(space, sampler, epochs=1))
    drawn = values(life.ask(600))
    shares = Counter(each["dropout"] for each in drawn)
    assert sorted(shares) == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert all(60 < share < 140 for share in shares.values())
    scale = math.log(9)  # from 0.5 to 4.5
    for n, share in Counter(each["units"] for each in drawn).items():
        assert share / 600 == pytest.approx(math.log((n + 0.5) / (n - 0.5)) / scale, abs=0.06)
    assert 150 < sum(each["learning_rate"] < 10**-3 for each in drawn) < 250


def test_what_rules_leave_is_drawn_evenly() -> None:
    space = {
        "optimizer": {"choice": ["adam", "sgd"]},
        "units": {"int": [1, 9]},
        "learning_rate": {"float": [0.0, 1.0]},
        "rules": [{"if": {"optimizer": "adam"}, "then": {"units": {"min": 4}, "learning_rate": {"max": 0.5}}}],
    }
    drawn = [each for each in values(Life(build, study_of(space, "random")).ask(800)) if each["optimizer"] == "adam"]
    shares = Counter(each["units"] for each in drawn)
    assert sorted(shares) == [4, 5, 6, 7, 8, 9]
    assert all(45 < share < 95 for share in shares.values())
    assert 150 < sum(each["learning_rate"] < 0.25 for each in drawn) < 250


def test_true_and_one_are_different_choices() -> None:
    which = Choice(name="which", options=(True, 1))
    space = Space((which, Int(name="size", low=1, high=2, when=(("which", (1,)),))))
    compiled = Compiled(space)
    for known, found in (({"which": 0}, [True]), ({"which": 1, "size": 2}, [1, 2])):
        made = compiled.values(known, seed=0)
        assert [(type(value), value) for value in made.values()] == [(type(value), value) for value in found]
        assert compiled.known(made) == known
        hyperparameters = compiled.hyperparameters()
        hyperparameters.values = known
        assert [hp.name for hp in hyperparameters.space if hyperparameters.is_active(hp)] == list(known)


def test_a_number_that_a_model_proposes_becomes_the_nearest_that_rules_leave() -> None:
    compiled = Compiled(ruled("random", "none").space)
    proposed = {"layers": 3, "units_1": 64, "units_2": 128, "units_3": 72, "optimizer": 0, "learning_rate": 0.09}
    for seed in range(5):
        made = compiled.values(proposed, seed, near=True)
        assert [made[f"units_{layer}"] for layer in (1, 2, 3)] == [64, 64, 64]
        assert (made["optimizer"], made["learning_rate"]) == ("adam", 0.01)
    drawn = {compiled.values(proposed, seed)["learning_rate"] for seed in range(5)}
    assert len(drawn) == 5


def test_conditions_are_scopes_of_the_library() -> None:
    compiled = Compiled(ruled("random", "none").space)
    hyperparameters = compiled.hyperparameters()
    known = {"layers": 2, "optimizer": 4, "units_1": 8}
    hyperparameters.values = known
    assert [hp.name for hp in hyperparameters.space if hyperparameters.is_active(hp)] == [
        "layers", "units_1", "units_2", "activation_1", "activation_2", "dropout_1", "dropout_2", "initializer",
        "optimizer", "learning_rate",
    ]  # fmt: skip
    hyperparameters.values = {**known, "optimizer": 2}
    assert "momentum" in [hp.name for hp in hyperparameters.space if hyperparameters.is_active(hp)]


# Grid


@pytest.mark.parametrize("study", [few("grid", "none", driver="keras-tuner"), ruled("grid", "none", "keras-tuner")])
def test_a_grid_follows_the_order_of_the_space(study: Study) -> None:
    found = values(Life(build, study).ask(200))
    assert found == [each for each, _ in zip(study.space.grid(), range(200), strict=False)]


def test_a_grid_proposes_for_all_workers_at_once_whatever_comes_of_it() -> None:
    life = Life(build, few("grid", "none", driver="keras-tuner"))
    assert len(life.ask(FEW_SIZE)) == FEW_SIZE


def test_a_grid_has_ten_values_of_a_continuum() -> None:
    space = {"learning_rate": {"float": [1e-4, 1.0], "log": True}, "optimizer": {"choice": ["adam", "sgd"]}}
    life = Life(build, study_of(space, "grid"))
    rates = sorted({each["learning_rate"] for each in values(life.ask(99))})
    assert len(life.proposed) == 20
    assert rates == pytest.approx([10 ** (-3.8 + 0.4 * i) for i in range(10)])


def test_what_is_tried_first_may_lie_between_the_values_of_a_grid() -> None:
    rate = {"learning_rate": {"float": [1e-4, 1.0], "log": True}}
    document = {**study_of(rate, "grid").document, "start": [{"learning_rate": 0.5}]}
    life = Life(build, studies.from_document("made", document))
    assert values(life.ask(1)) == [{"learning_rate": 0.5}]
    assert len(life.again().ask(99)) == 10


def test_a_grid_of_which_rules_leave_nothing_is_refused() -> None:
    space = {
        "optimizer": {"choice": ["adam", "sgd"]}, "learning_rate": {"float": [0.0, 1.0]},
        "rules": [{"if": {"optimizer": "adam"}, "then": {"learning_rate": {"max": 0.01}}}],
    }  # fmt: skip
    assert study_of(space, "random")
    with pytest.raises(
        studies.StudyError, match=r"^made: space\.rules\[1\]: where optimizer = adam, no value of learning_rate is left"
    ):
        study_of(space, "grid")


def test_a_grid_that_goes_on_does_not_look_through_what_it_has_had(monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(build, diabetes("grid", "none", driver="keras-tuner"))
    life.ask(40)
    again = life.again()
    looked_at = []
    following = Compiled.left
    monkeypatch.setattr(Compiled, "left", lambda self, given: looked_at.append(1) or following(self, given))
    again.ask(3)
    assert len(looked_at) == 3


# Bayesian


def told_by(life: Life, score: Any, trials: int) -> None:
    for _ in range(trials):
        (trial,) = life.ask(1)
        told(life, trial, score(trial))


def test_bayesian_keeps_away_from_where_trials_break(early: None) -> None:
    """Of infinities the oracle makes zeros, the best loss that there is; here they are never told to it."""

    def score(trial: Trial) -> float | None:
        exponent = math.log10(float(trial.values["learning_rate"]))
        return None if exponent > -2.5 else 1 - abs(exponent + 2.7)

    life = Life(build, study_of({"learning_rate": {"float": [1e-4, 1e-1], "log": True}}, "bayesian"))
    told_by(life, score, 22)
    late = [math.log10(float(trial.values["learning_rate"])) for trial in life.proposed[6:]]
    assert sum(exponent > -2.4 for exponent in late) < 6
    assert min(abs(exponent + 2.7) for exponent in late) < 0.05


def test_trials_that_all_break_break_nothing(early: None) -> None:
    for sampler in SAMPLERS_OF["keras-tuner"]:
        life = Life(build, diabetes(sampler, "none", driver="keras-tuner"))
        told_by(life, lambda _: None, 14)
        assert len(life.ask(5)) == 5


PLANE = {name: {"float": [0.0, 0.9]} for name in ("label_smoothing", "dropout", "l2")}


def test_the_gradient_leads_where_the_library_goes_by_differences(early: None, monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(build, study_of(PLANE, "bayesian"))
    told_by(life, lambda trial: -sum((float(each) - 0.3) ** 2 for each in trial.values.values()), 12)
    (ours,) = values(life.ask(1))
    life.running.clear()
    again = Life(build, life.study, life.told, state={"next": 12})
    monkeypatch.setattr(modelled, "_descents", lambda oracle: nullcontext())
    (theirs,) = values(again.ask(1))
    assert ours == pytest.approx(theirs, abs=1e-3)


def test_what_runs_is_kept_away_from(early: None) -> None:
    life = Life(build, study_of(PLANE, "bayesian"))
    told_by(life, lambda trial: -sum((float(each) - 0.3) ** 2 for each in trial.values.values()), 12)
    points = np.array([list(each.values()) for each in values(life.ask(5))])
    apart = np.linalg.norm(points[:, None] - points[None], axis=-1) + np.eye(5)
    assert apart.min() > 0.02


def test_what_a_model_proposes_is_the_same_after_a_new_start_and_another_with_another_seed(early: None) -> None:
    def lived(seed: int, starts: int) -> Life:
        life = Life(build, study_of(PLANE, "bayesian", seed=seed))
        for trial in life.ask(6):
            told(life, trial, 0.5 - abs(float(trial.values["l2"]) - 0.1 * trial.number))
        for _ in range(3):
            life.ask(1)
            life = life.again() if starts else life
        return life

    once, often, other = lived(0, starts=0), lived(0, starts=3), lived(1, starts=0)
    assert once.running == often.running
    assert values(once.proposed[6:]) != values(other.proposed[6:])


def test_what_was_trained_elsewhere_is_learned_from_and_may_be_tried_here(early: None) -> None:
    space = few("random", "none").document["space"]
    for sampler in SAMPLERS_OF["keras-tuner"]:
        made = study_of(space, sampler)
        foreign = [
            Result(Trial(number, given, -1, EPOCHS), State.COMPLETE, 0.5, program={"imported": "elsewhere"})
            for number, given in enumerate(made.space.grid())
        ]
        life = Life(build, made, foreign)
        assert (life.driver._proposer._oracle.trials == {}) is (sampler == "grid")  # type: ignore[attr-defined]
        life.work_to_the_end(1)
        assert len([trial for trial in life.proposed if trial.parent is None]) == FEW_SIZE


@pytest.mark.parametrize("sampler", SAMPLERS_OF["keras-tuner"])
def test_a_space_in_which_nothing_varies_is_tried_once_whatever_was_trained_elsewhere(sampler: str) -> None:
    made = study_of({"units": 8}, sampler, epochs=1)
    foreign = [
        Result(Trial(number, {"units": 8}, -1, 1), State.COMPLETE, 0.5, program={"imported": "elsewhere"})
        for number in range(4)
    ]
    assert len(Life(build, made, foreign).ask(4)) == 1


# Hyperband: with nine epochs brackets of (9, 3, 1), (5, 2) and (3) trials, of 1, 3 and 9 epochs


def lives(seed: int = 0, space: dict[str, Any] | None = None) -> Life:
    study = diabetes("hyperband", "none", seed, "keras-tuner") if space is None else study_of(space, "hyperband")
    return Life(build, study)


def ends(life: Life, scores: Any, workers: int = 1, trials: int = 23) -> None:
    """Lets so many trials run, one after the other or as many at once."""
    while len(life.proposed) < trials:
        for trial in life.ask(min(workers, trials - len(life.proposed))):
            told(life, trial, scores(trial))


def shapes(life: Life) -> list[tuple[int, int]]:
    return [(trial.first_epoch, trial.last_epoch) for trial in life.proposed]


ITERATION = [*[(1, 1)] * 9, *[(2, 3)] * 3, (4, 9), *[(1, 3)] * 5, *[(4, 9)] * 2, *[(1, 9)] * 3]


def test_brackets_follow_one_another_and_begin_again() -> None:
    life = lives()
    ends(life, lambda trial: 0.5 + trial.number / 100, trials=2 * len(ITERATION))
    assert shapes(life) == ITERATION * 2
    # The best of a round go on: here the last ones, the best first.
    assert [trial.parent for trial in life.proposed[9:13]] == [8, 7, 6, 11]


def test_the_best_are_promoted_whichever_way_is_better() -> None:
    study = diabetes("hyperband", "none", driver="keras-tuner")
    driver = build(study, Objective("val_loss", "minimize"))
    for trial in driver.ask(9).trials:
        driver.tell(Result(trial, State.COMPLETE, score=float(trial.number)))
    assert [trial.parent for trial in driver.ask(3).trials] == [0, 1, 2]


@pytest.mark.parametrize("broken", [range(9), range(1, 9), [0, 1], range(4, 9), range(100)])
def test_what_broke_is_never_promoted_and_holds_up_nothing(broken: Any) -> None:
    life = lives()
    ends(life, lambda trial: None if trial.number in broken else 0.5 + trial.number / 100, trials=60)
    assert not {trial.parent for trial in life.proposed} & set(broken)
    promoted = [trial.parent for trial in life.proposed if (trial.first_epoch, trial.last_epoch) == (2, 3)]
    sound = [number for number in range(9) if number not in broken]
    assert sorted(promoted[:3]) == sorted([*sound[-3:], *promoted[len(sound) : 3]][:3])


def test_what_diverged_is_not_promoted_either() -> None:
    life = lives()
    for trial in life.ask(9):
        state = State.COMPLETE if trial.number in (3, 5) else State.DIVERGED
        life.tell(outcome(trial, state, [{"val_accuracy": 0.9 if state is State.DIVERGED else 0.1}]))
    assert [trial.parent for trial in life.ask(3)] == [3, 5, None]


def test_another_bracket_begins_while_a_round_waits() -> None:
    life = lives()
    first = life.ask(9)
    (tenth,) = life.ask(1)
    assert (tenth.first_epoch, tenth.last_epoch) == (1, 3)
    for trial in first[:7]:
        told(life, trial, trial.number / 10)
    assert [trial.parent for trial in life.ask(2)] == [6, None]


def test_a_search_that_is_deleted_from_goes_on() -> None:
    life = lives()
    ends(life, lambda trial: 0.5 + trial.number / 100, trials=9)
    kept = [result for result in life.told if result.trial.number not in (8, 2)]
    again = Life(build, life.study, kept, state=life.state)
    assert [trial.parent for trial in again.ask(3)] == [7, 6, 5]
    assert [trial.number for trial in again.proposed] == [9, 10, 11]


def needed(life: Life) -> set[int]:
    assert life.driver.needs() == life.again().driver.needs()
    return set(life.driver.needs())


def test_the_weights_of_all_that_may_be_promoted_are_needed_and_no_others() -> None:
    life = lives()
    trials = life.ask(9)
    assert needed(life) == set(range(9))
    for trial in trials[:5]:
        told(life, trial, trial.number / 10 if trial.number != 3 else None)
    assert needed(life) == {1, 2, 4} | {5, 6, 7, 8}
    for trial in trials[5:]:
        told(life, trial, trial.number / 10)
    assert needed(life) == {8, 7, 6}
    (first,) = life.ask(1)
    assert first.parent == 8
    assert needed(life) == {8, 7, 6} | {9}
    told(life, first, 0.9)
    assert needed(life) == {9, 7, 6}
    for trial in life.ask(2):
        told(life, trial, None)
    assert needed(life) == {9}
    (last,) = life.ask(1)
    assert (last.parent, last.last_epoch) == (9, 9)
    assert needed(life) == {9}
    told(life, last, 0.95)
    assert needed(life) == set()


def test_a_space_with_nothing_new_still_promotes_and_then_waits_for_nothing() -> None:
    life = lives(space={"optimizer": {"choice": ["adam", "sgd"]}, "layers": 1})
    first, second = life.ask(5)
    batch = life.driver.ask(1)
    assert (batch.trials, batch.more) == ((), True)
    told(life, first, 0.5)
    (onward,) = life.ask(3)
    assert (onward.parent, onward.last_epoch) == (first.number, 3)
    told(life, second, None)
    told(life, onward, 0.6)
    (last,) = life.ask(3)
    assert (last.parent, last.last_epoch) == (onward.number, 9)
    assert not life.driver.ask(3).more
    told(life, last, 0.7)
    assert not life.driver.ask(3).more


@pytest.mark.parametrize("sampler", ["hyperband", "bayesian"])
def test_a_deterministic_search_comes_to_the_end_of_a_space(sampler: str) -> None:
    plain = few(sampler, "none", driver="keras-tuner")
    search = {**plain.document["search"], "deterministic": True}
    study = studies.from_document("few", {**plain.document, "search": search})
    lived = []
    for workers in (1, 5):
        life = Life(build, study)
        life.work_to_the_end(workers)
        assert not life.driver.ask(1).more
        assert len([trial for trial in life.proposed if trial.parent is None]) == FEW_SIZE
        lived.append(sorted(life.proposed, key=lambda trial: trial.number))
    assert lived[0] == lived[1]


# Faults


@pytest.mark.parametrize("sampler", SAMPLERS_OF["keras-tuner"])
def test_an_exception_in_an_oracle_leaves_nothing_locked(sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    life, other = (Life(build, few(sampler, "none", driver="keras-tuner")) for _ in range(2))
    oracle = life.driver._proposer._oracle  # type: ignore[attr-defined]

    def raises(name: str) -> Any:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(oracle, "populate_space", raises)
        if sampler != "grid":  # whose first combination is known
            with pytest.raises(MemoryError):
                life.driver.ask(1)
    assert life.ask(3) == other.ask(3)


def test_what_the_first_trials_are_is_said() -> None:
    def said(sampler: str, trials: int, epochs: int = 50) -> list[str]:
        made = study_of(few("random", "none").document["space"], sampler, epochs, trials=trials)
        return remarks(made)

    begins = (
        "note: hyperband begins with 34 trials of 2 epochs; the best go on, 12 of them to 6, 4 of them to 17, 2 of "
        "them to 50"
    )
    assert said("hyperband", 52) == [begins]
    assert said("hyperband", 51) == [f"{begins}. That takes 52 trials, and this search has 51"]
    assert said("hyperband", 51, epochs=2) == []
    draws = "note: bayesian draws its first 15 trials at random, 3 for each of 5 hyperparameters"
    assert said("bayesian", 16) == [draws]
    assert said("bayesian", 15) == [f"{draws}; this search has 15"]
    assert said("random", 9) == said("grid", 9) == []
