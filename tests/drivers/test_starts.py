"""[[start]]: values that are tried first, in their order, whatever samples the others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.life import Life, few, outcome
from tests.study_files import Write, space
from tuner import study as studies
from tuner.drivers import build
from tuner.errors import StudyError
from tuner.sections import SAMPLERS_OF
from tuner.study import Study
from tuner.trial import State

START: list[dict[str, Any]] = [
    {"layers": 2, "activation_1": "tanh", "activation_2": "relu", "optimizer": "sgd", "momentum": 0.9},
    {"layers": 1, "activation_1": "relu", "optimizer": "adam"},
    {"layers": 1, "activation_1": "tanh", "optimizer": "sgd", "momentum": 0.0},
]


WAYS = [
    *(("optuna", sampler) for sampler in ("tpe", "cma-es", "random", "grid", "qmc")),
    *(("keras-tuner", sampler) for sampler in SAMPLERS_OF["keras-tuner"]),
]


def starting(sampler: str, pruner: str = "none", deterministic: bool = False, driver: str = "optuna") -> Study:
    plain = few(sampler, pruner, driver=driver)
    search = {**plain.document["search"], "deterministic": deterministic}
    return studies.from_document("few", {**plain.document, "search": search, "start": START})


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize(("driver", "sampler"), WAYS)
def test_they_come_first_and_once(driver: str, sampler: str, deterministic: bool) -> None:
    life = Life(build, starting(sampler, deterministic=deterministic, driver=driver))
    life.work_to_the_end(2)
    assert [dict(trial.values) for trial in life.proposed[:3]] == START
    assert [trial.number for trial in life.proposed] == list(range(len(life.proposed)))
    assert len([trial for trial in life.proposed if trial.parent is None]) == 18
    assert len({trial.key for trial in life.proposed}) == len(life.proposed)


@pytest.mark.parametrize("asked", [0, 1, 2])
def test_a_search_that_was_interrupted_goes_on_with_the_next(asked: int) -> None:
    life = Life(build, starting("tpe", "median"))
    life.ask(asked)
    other = life.again()
    assert [dict(trial.values) for trial in other.ask(4)[: 3 - asked]] == START[asked:]


def test_one_that_was_deleted_is_not_tried_again() -> None:
    life = Life(build, starting("random"))
    for trial in life.ask(3):
        life.tell(outcome(trial, State.COMPLETE, [{"val_accuracy": 0.5}]))
    driver = build(life.study, _objective(), life.told[:1] + life.told[2:], (), life.state, 3)
    proposed = [dict(trial.values) for trial in driver.ask(1).trials]
    assert proposed != [START[1]]


def _objective() -> Any:
    from tests.contracts.life import OBJECTIVE

    return OBJECTIVE


SPACE = """layers = { int = [1, 3] }
units = { int = [8, 64], step = 8, each = "layers" }
optimizer = "adam"
"""


def test_what_could_be_no_other_need_not_be_said(write: Write) -> None:
    read = studies.load(write(space(SPACE) + "[[start]]\nlayers = 1\nunits_1 = 16\n"))
    assert read.starts == ({"layers": 1, "units_1": 16, "optimizer": "adam"},)
    assert read.settings()["start"] == [{"layers": 1, "units_1": 16}]


@pytest.mark.parametrize(
    ("start", "lines"),
    [
        ("[[start]]\nlayers = 2\nunits_1 = 16",
         ["start[1].units_2: a value is missing; units alone is that of all layers"]),
        ("[[start]]\nlayers = 1\nunits_1 = 8\n[[start]]\nlayers = 1\nunits_1 = 17\n[[start]]\nlayers = 4",
         ["start[2].units_1: 17 is outside [8, 64] step 8", "start[3].layers: 4 is outside [1, 3]"]),
        ("[[start]]\nlayers = 1\nunits_1 = 8\nunits_2 = 8",
         ["start[1].units_2: not active beside these values"]),
        ("[[start]]\nlayers = 1\nunit = 8", ["start[1].unit: not a parameter of this space. Did you mean 'units'?"]),
        ("[[start]]\nlayers = 1\nunits_1 = 8\noptimizer = 'sgd'",
         ["start[1].optimizer: 'sgd' is not its only value, 'adam'"]),
        ("[[start]]\nlayers = 1\nunits_1 = [8]", ["start[1].units_1: [8] is outside [8, 64] step 8"]),
        ("[[start]]\nlayers = 1\nunits_1 = 8\n[[start]]\nlayers = 1\nunits_1 = 8\noptimizer = 'adam'",
         ["start[2]: the same values as start[1]; leave one out"]),
        ("[[start]]\nlayers = 1\nunits_1 = 8\n[[start]]\nlayers = 1\nunits = 8",
         ["start[2]: the same values as start[1]; leave one out"]),
        ("[start]\nlayers = 1", ["start: expected a table for each trial, each below a line [[start]], got one below "
                                "[start]"]),
    ],
)  # fmt: skip
def test_a_start_that_is_none_of_the_space(write: Write, start: str, lines: list[str]) -> None:
    with pytest.raises(StudyError) as caught:
        studies.load(write(space(SPACE) + start))
    assert list(caught.value.problems) == [f"a.toml: {line}" for line in lines]


@pytest.mark.parametrize(
    ("start", "lines"),
    [
        ("start = 1", ["start: expected a table for each trial, each below a line [[start]], got 1"]),
        ("start = [1, { layers = 1 }, 'a']",
         ["start[1]: expected a table of values, as { layers = 1, units = 64 }, got 1",
          "start[3]: expected a table of values, as { layers = 1, units = 64 }, got 'a'"]),
    ],
)  # fmt: skip
def test_a_start_that_is_no_table(write: Write, start: str, lines: list[str]) -> None:
    with pytest.raises(StudyError) as caught:
        studies.load(write(f"{start}\n{space(SPACE)}"))
    assert list(caught.value.problems) == [f"a.toml: {line}" for line in lines]


def test_units_alone_are_those_of_every_layer(write: Write) -> None:
    read = studies.load(write(space(SPACE) + "[[start]]\nlayers = 3\nunits = 16\nunits_3 = 8\n"))
    assert read.starts == ({"layers": 3, "units_1": 16, "units_2": 16, "units_3": 8, "optimizer": "adam"},)
