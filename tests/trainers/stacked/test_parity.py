"""A trial of a stack against the same one alone in Keras, after 50 steps and more.

The tolerances are a hundred thousandth of how far a weight tensor moved, and a millionth of the validation loss. Keras'
own dropout has dice of its own; here it has the masks of the engine, and `test_dropout` tests those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.trainers.stacked import cases, comparing
from tests.trainers.stacked.cases import Values
from tests.trainers.stacked.comparing import Compared
from tuner.metrics import Task
from tuner.trainers import processes
from tuner.trainers.stacked.plan import Plan
from tuner.trial import Trial

DATA = {"wine": Task.MULTICLASS, "breast_cancer": Task.BINARY, "diabetes": Task.REGRESSION}
# What of each data set is compared: much of one, and what the others may do otherwise.
FEW = {name: cases.of_much(task) if task is Task.MULTICLASS else cases.of_tasks(task) for name, task in DATA.items()}
ALL = {name: cases.of_everything(task) for name, task in DATA.items()}


def every(sets: Mapping[str, Mapping[str, Values]]) -> list[tuple[str, str]]:
    return [(name, words) for name, own in sets.items() for words in own]


def failed(found: Compared) -> str:
    told = f"weights {found.distance.weights}, validation loss {found.distance.loss:.1e}"
    return told if found.rounding is None else f"{told}; Keras' own rounding {found.rounding}"


@pytest.fixture(scope="module")
def few(saved_split: Callable[[str], Path]) -> Callable[[str], dict[str, Compared]]:
    @cache
    def compared(name: str) -> dict[str, Compared]:
        plan = cases.just_enough(saved_split(name), FEW[name])
        return side_by_side(saved_split(name), plan, FEW[name])

    return compared


@pytest.fixture(scope="module")
def everything(saved_split: Callable[[str], Path]) -> Callable[[str], dict[str, Compared]]:
    @cache
    def compared(name: str) -> dict[str, Compared]:
        return side_by_side(saved_split(name), cases.everything(saved_split(name)), ALL[name])

    return compared


def side_by_side(folder: Path, plan: Plan, sets: Mapping[str, Values]) -> dict[str, Compared]:
    trials = cases.trials(sets, plan.epochs)
    assert [plan.reason(trial.values) for trial in trials] == [None] * len(trials)
    return dict(zip(sets, processes.call(comparing.compared, folder, plan, trials), strict=True))


@pytest.mark.parametrize(("name", "words"), every(FEW))
def test_as_keras(name: str, words: str, few: Callable[[str], dict[str, Compared]]) -> None:
    found = few(name)[words]
    assert found.agrees(), failed(found)
    assert found.sliced <= 1e-5


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "words"), every(ALL))
def test_all_as_keras(name: str, words: str, everything: Callable[[str], dict[str, Compared]]) -> None:
    """In the one program that has a term for everything."""
    found = everything(name)[words]
    assert found.agrees(), failed(found)
    assert found.sliced <= 1e-5


BEFORE: Values = {
    "layers": 2, "units_1": 12, "units_2": 8, "activation_1": "linear", "activation_2": "tanh",
    "batch_norm_1": False, "batch_norm_2": True, "optimizer": "adam", "learning_rate": 0.001,
}  # fmt: skip
CENTERED: Values = {
    "layers": 2, "units": 12, "activation": "tanh", "optimizer": "rmsprop", "centered": True, "momentum": 0.8,
    "learning_rate": 0.02,
}  # fmt: skip


def test_what_rounding_decides_shows_in_no_prediction(saved_split: Callable[[str], Path]) -> None:
    """Two cases in which Keras itself is as far from Keras in double precision.

    A normalisation takes away what a bias before it adds to every row, so that the bias has no gradient but for
    rounding, which Adam scales to steps of full size. Centered RMSprop divides by the difference of two numbers that
    are almost equal where a gradient hardly changes.
    """
    sets = {"a bias that is normalised away": BEFORE, "centered": CENTERED}
    found = side_by_side(saved_split("breast_cancer"), cases.just_enough(saved_split("breast_cancer"), sets), sets)
    for words, each in found.items():
        assert each.distance.outputs <= 1e-4, words
        assert each.sliced <= 1e-5
    bias = found["a bias that is normalised away"]
    assert bias.rounding is not None
    assert bias.distance.weights[1] > 1e-3 < bias.rounding.weights[1]


def test_batches_that_are_padded(saved_split: Callable[[str], Path]) -> None:
    """A space with many sizes of batches has programs for powers of two; what is beyond a batch counts nowhere."""
    folder = saved_split("wine")
    same: Values = {"layers": 2, "units_1": 12, "units_2": 8, "activation": "sigmoid", "class_weight": "balanced"}
    more: list[Values] = [{"batch_norm": True, "optimizer": "sgd", "learning_rate": 0.1}, {"learning_rate": 0.01}]
    sets = {f"{size} rows: {own}": {**same, **own, "batch_size": size} for size in (12, 13, 45, 2000) for own in more}
    plan = cases.just_enough(folder, sets, sizes=(), epochs=8)
    assert {plan.bucket(values).batch for values in sets.values()} == {16, 64, 106}
    for words, found in side_by_side(folder, plan, sets).items():
        assert found.agrees(), (words, failed(found))


def test_epochs_before_and_beyond(saved_split: Callable[[str], Path]) -> None:
    """A trial that begins at a later epoch has the rates and rows of those epochs, and an optimizer that is new; one
    that goes on after the study's last epoch keeps the last rate.
    """
    folder = saved_split("wine")
    values: Values = {"layers": 1, "units": 12, "activation": "tanh", "schedule": "cosine", "end_rate": 0.1,
                      "learning_rate": 0.02, "optimizer": "nadam", "dropout": 0.25}  # fmt: skip
    trials = [Trial(0, values, 5, last_epoch=9, first_epoch=4), Trial(1, values, 5, last_epoch=8)]
    plan = cases.just_enough(folder, {"": values}, epochs=6)
    for found in processes.call(comparing.compared, folder, plan, trials):
        assert found.agrees(), failed(found)


def test_one_that_goes_on_from_another(saved_split: Callable[[str], Path]) -> None:
    """It begins with all that the other has trained, also what is no weight of a layer: scales, statistics, slopes."""
    folder = saved_split("wine")
    values: Values = {"layers": 2, "units_1": 12, "units_2": 8, "activation_1": "prelu", "activation_2": "tanh",
                      "batch_norm": True, "normalise_at": "layer", "dropout": 0.25, "optimizer": "nadam",
                      "schedule": "cosine", "end_rate": 0.1, "learning_rate": 0.005}  # fmt: skip
    parent = Trial(0, values, 5, last_epoch=4)
    later = Trial(1, values, 6, first_epoch=5, last_epoch=10, parent=0)
    plan = cases.just_enough(folder, {"": values}, epochs=12)
    (found,) = processes.call(comparing.gone_on, folder, plan, [parent], [later])
    assert found.agrees(), failed(found)
    assert found.sliced <= 1e-5


@pytest.mark.parametrize(
    "name",
    ["breast_cancer", pytest.param("wine", marks=pytest.mark.long), pytest.param("diabetes", marks=pytest.mark.long)],
)
def test_the_record_is_that_of_the_plain_trainer(name: str, saved_split: Callable[[str], Path]) -> None:
    """Every metric of every epoch, on rows that each of them draws by itself."""
    values: Values = {"layers": 2, "units_1": 12, "units_2": 8, "activation": "relu", "optimizer": "adam",
                      "learning_rate": 0.01, "l2": 0.01, "schedule": "linear", "warmup": 0.25,
                      "epochs": 4}  # fmt: skip
    if DATA[name] is not Task.REGRESSION:
        values |= {"class_weight": "balanced", "label_smoothing": 0.1}
    if DATA[name] is Task.MULTICLASS:
        values |= {"output_activation": "sigmoid"}
    plan = cases.just_enough(saved_split(name), {"": values}, epochs=9)
    stacked, plain = processes.call(comparing.recorded, saved_split(name), plan, Trial(0, values, 5, last_epoch=4))
    assert len(stacked) == len(plain) == 4
    for one, other in zip(stacked, plain, strict=True):
        assert one == pytest.approx(other, rel=1e-5)
