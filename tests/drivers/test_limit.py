"""max_params: no sampler proposes a network with more weights, and what fits is proposed."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.life import OBJECTIVE, Life, outcome, ruled
from tuner import opening, sizing
from tuner import study as studies
from tuner.drivers import build
from tuner.drivers.limit import Limit
from tuner.errors import StudyError
from tuner.home import Home
from tuner.sections import SAMPLERS_OF
from tuner.space import Space
from tuner.study import Study
from tuner.trial import State, Value

FEATURES = 8
SMALL = {
    "layers": {"int": [1, 2]},
    "units": {"int": [4, 8], "step": 2, "each": "layers"},
    "batch_norm": {"choice": [True, False]},
}


WAYS = [
    *(("optuna", sampler) for sampler in ("tpe", "random", "grid", "qmc")),
    *(("keras-tuner", sampler) for sampler in SAMPLERS_OF["keras-tuner"]),
]


def weights(values: Any) -> int:
    return sizing.weights(values, FEATURES, 1)


def build_limited(study: Study, *arguments: Any, **more: Any) -> Any:
    return build(study, *arguments, **more, weights=weights)


def limited(space: dict[str, Any], sampler: str, most: int, **search: Any) -> Study:
    search |= {"sampler": sampler, "pruner": "none", "max_params": most, "seed": 3}
    return studies.from_document("made", {"data": {"source": "sklearn:wine"}, "space": space, "search": search})


def fitting(space: Space, most: int) -> list[dict[str, Value]]:
    return [values for values in space.grid() if weights(values) <= most]


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize(("driver", "sampler"), WAYS)
def test_all_that_fits_is_proposed_once_and_nothing_else(driver: str, sampler: str, deterministic: bool) -> None:
    study = limited(SMALL, sampler, most=90, deterministic=deterministic, driver=driver)
    expected = fitting(study.space, 90)
    assert 5 < len(expected) < (study.space.size or 0) / 2
    life = Life(build_limited, study)
    while trials := life.ask(1):
        life.tell(outcome(trials[0], State.COMPLETE, [{"val_accuracy": 0.5}]))
    proposed = [dict(trial.values) for trial in life.proposed if trial.parent is None]
    assert sorted(map(str, proposed)) == sorted(map(str, expected))
    if sampler == "grid":
        assert proposed == expected


@pytest.mark.parametrize(("driver", "sampler"), [way for way in WAYS if way[1] != "grid"])
def test_a_space_of_which_hardly_anything_fits(driver: str, sampler: str) -> None:
    units = {"int": [1, 4096], "each": "layers"}
    space = {**ruled("random", "none").document["space"], "layers": {"int": [2, 10]}, "units": units}
    study = limited(space, sampler, most=200, driver=driver)
    life = Life(build_limited, study)
    trials = 20 if driver == "optuna" else 4  # whose draws take longer
    for _ in range(trials):
        (trial,) = life.ask(1)
        assert weights(trial.values) <= 200
        assert study.space.check(trial.values) == trial.values
        life.tell(outcome(trial, State.COMPLETE, [{"val_accuracy": weights(trial.values) / 200}]))
    assert len({trial.key for trial in life.proposed}) == trials


def test_what_is_drawn_evenly_stays_even() -> None:
    study = limited({"layers": 1, "units": {"int": [1, 100]}, "l2": {"float": [0.0, 1.0]}}, "random", most=501)
    life = Life(build_limited, study)
    widths = [int(trial.values["units"]) for trial in life.ask(400)]
    assert max(widths) == 50  # (8 + 1) · 50 + 51 = 501
    shares = [sum(low <= width < low + 10 for width in widths) for low in (1, 11, 21, 31, 41)]
    assert all(50 < share < 110 for share in shares)


def test_a_grid_has_its_repeats_of_what_fits() -> None:
    study = limited(SMALL, "grid", most=90, repeats=2)
    expected = fitting(study.space, 90)
    life = Life(build_limited, study)
    assert [dict(trial.values) for trial in life.ask(1000)] == expected * 2


def test_nothing_fits() -> None:
    space = limited(SMALL, "random", most=90).space
    least = min(weights(values) for values in space.grid())
    assert Limit(space, weights, least).problem(0) is None
    assert Limit(space, weights, least - 1).problem(0) == (
        f"no network of the space has at most {least - 1} weights, the smallest that was found has {least}"
    )


@pytest.mark.parametrize("seed", range(10))
def test_the_widths_of_all_layers_in_a_word_are_made_smaller_too(seed: int) -> None:
    """One that fits among many that do not."""
    shapes = [f"{400 + width}-100" for width in range(80)] + ["8", "9-1000"]
    study = limited({"shape": {"choice": shapes}}, "tpe", most=1000)
    limit = Limit(study.space, weights, 1000)
    assert limit.problem(seed) is None
    assert limit.shrunk({"shape": "479-100"}) == {"shape": "8"}


def test_a_layer_more_may_make_a_network_smaller() -> None:
    space = limited({"layers": {"int": [0, 2]}, "units": {"int": [1, 64], "each": "layers"}}, "tpe", most=1).space

    def many(values: Any) -> int:
        return sizing.weights(values, 1000, 10)

    large = {"layers": 2, "units_1": 64, "units_2": 64}
    smaller = Limit(space, many, 5000).shrunk(large)
    assert smaller is not None
    assert smaller["layers"] == 2
    assert 2000 < many(smaller) <= 5000
    assert Limit(space, many, 1000).problem(0)


def test_without_a_limit_nothing_is_counted() -> None:
    study = studies.from_document("made", {"data": {"source": "sklearn:wine"}, "space": SMALL})

    def never(_: Any) -> int:
        raise AssertionError

    driver = build(study, OBJECTIVE, weights=never)
    assert len(list(itertools.chain(driver.ask(5).trials))) == 5


@pytest.mark.parametrize(
    ("most", "start", "message"),
    [
        (60, [], r"made: search.max_params: no network of the space has at most 60 weights, the smallest that was "
                 r"found has 71; raise it, or let layers be smaller"),
        (80, [{"layers": 1, "units_1": 8, "batch_norm": False}],
         r"made: start\[1\], of \[\[start\]\] or --from: 139 weights, and max_params is 80"),
    ],
)  # fmt: skip
def test_it_is_said_before_the_first_trial(tmp_path: Path, most: int, start: list[Any], message: str) -> None:
    study = limited(SMALL, "random", most)
    document = {**study.document, "start": start}
    with pytest.raises(StudyError, match=f"^{message}$"):
        opening.split(studies.from_document("made", document), Home(tmp_path))
