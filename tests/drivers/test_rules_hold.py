"""Rules hold in all that is proposed, whatever proposes it: said again in plain code, which knows nothing of spaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.contracts.driver import OBJECTIVE, outcome
from tuner import sizing
from tuner.drivers import Driver, build
from tuner.sections import SAMPLERS_OF
from tuner.study import Study, from_document
from tuner.trial import State, Trial, Value

FEATURES, MOST = 20, 30_000
HE = ["he_normal", "he_uniform"]

# Rules of every kind at once, in a shape that tapers.
SPACE: dict[str, Any] = {
    "layers": {"int": [1, 6]},
    "units": {"int": [8, 256], "step": 8, "each": "layers", "taper": True},
    "activation": {"choice": ["relu", "selu", "leaky_relu", "tanh"], "each": "layers"},
    "initializer": {"choice": ["glorot_uniform", "he_normal", "he_uniform", "lecun_normal"], "each": "layers"},
    "negative_slope": {"float": [0.01, 0.3], "each": "layers", "when": {"activation": "leaky_relu"}},
    "batch_norm": {"choice": [False, True], "each": "layers"},
    "dropout": {"float": [0.0, 0.5], "step": 0.1, "each": "layers"},
    "optimizer": {"choice": ["adam", "sgd", "rmsprop"]},
    "momentum": {"float": [0.0, 0.95], "when": {"optimizer": ["sgd", "rmsprop"]}},
    "nesterov": {"choice": [False, True], "when": {"optimizer": "sgd"}},
    "learning_rate": {"float": [1e-4, 1e-1], "log": True},
    "rules": [
        {"if": {"activation": "selu"},
         "then": {"batch_norm": False, "initializer": "lecun_normal", "alpha_dropout": True}},
        {"if": {"activation": ["relu", "leaky_relu"]}, "then": {"initializer": ["he_normal", "he_uniform"]}},
        {"if": {"batch_norm": True}, "then": {"dropout": 0.0}},
        {"if": {"layers": {"min": 4}}, "then": {"learning_rate": {"max": 0.01}}},
        {"if": {"optimizer": "adam"}, "then": {"learning_rate": {"max": 0.02}}},
        {"if": {"optimizer": "sgd", "nesterov": True}, "then": {"learning_rate": {"min": 0.001}}},
    ],
}  # fmt: skip
# What a grid can list to its end: all that goes with one and two layers, and of four every shape and every rate.
LISTED: dict[str, Any] = {
    **SPACE,
    "layers": {"choice": [1, 2, 4]},
    "units": {**SPACE["units"], "int": [8, 136], "step": 128},
    "activation": {**SPACE["activation"], "choice": ["relu", "selu", "leaky_relu"]},
    "initializer": {**SPACE["initializer"], "choice": ["he_normal", "lecun_normal"]},
    "negative_slope": {"choice": [0.1], "each": "layers", "when": {"activation": "leaky_relu"}},
    "dropout": {**SPACE["dropout"], "step": 0.5},
    "optimizer": {"choice": ["adam", "sgd"]},
    "momentum": {"choice": [0.9], "when": {"optimizer": "sgd"}},
    "nesterov": {"choice": [True], "when": {"optimizer": "sgd"}},
    "learning_rate": {"choice": [1e-4, 1e-2, 1e-1]},
    "rules": [*SPACE["rules"], {"if": {"layers": 4}, "then": {"activation": "relu", "dropout": 0.0}}],
}
# With all activations, two initializers that go with some, and momentum of both kinds.
LISTED_LONG = {
    **LISTED,
    "activation": SPACE["activation"],
    "initializer": {**SPACE["initializer"], "choice": ["he_normal", "he_uniform", "lecun_normal"]},
    "nesterov": SPACE["nesterov"],
}


DRAWN = [(driver, sampler) for driver, own in SAMPLERS_OF.items() for sampler in own if sampler != "grid"]


def study(sampler: str, seed: int, space: dict[str, Any] = SPACE, driver: str = "optuna") -> Study:
    search = {"driver": driver, "sampler": sampler, "pruner": "none", "max_params": MOST, "seed": seed}
    return from_document("made", {"data": {"source": "sklearn:wine"}, "space": space, "search": search})


def weights(values: Mapping[str, Value]) -> int:
    return sizing.weights(values, FEATURES, 1)


def wrong(values: Mapping[str, Any]) -> Iterator[str]:
    """What is not as the space says, by hand."""
    left, layers = dict(values), values["layers"]
    if layers not in range(1, 7):
        yield "layers"
    del left["layers"]
    cells, last, before = 0, FEATURES, 256
    for n in range(1, layers + 1):
        units, activation, normalised, dropout = (
            left.pop(f"{name}_{n}") for name in ("units", "activation", "batch_norm", "dropout")
        )
        if units % 8 or not 8 <= units <= before:
            yield f"units_{n} do not taper"
        if activation not in ("relu", "selu", "leaky_relu", "tanh"):
            yield f"activation_{n}"
        if (f"negative_slope_{n}" in left) is not (activation == "leaky_relu"):
            yield f"negative_slope_{n} is there, or is not"
        if not 0.01 <= left.pop(f"negative_slope_{n}", 0.01) <= 0.3:
            yield f"negative_slope_{n}"
        initializers = {"selu": ["lecun_normal"], "tanh": ["glorot_uniform", "lecun_normal", *HE]}.get(activation, HE)
        if left.pop(f"initializer_{n}") not in initializers:
            yield f"initializer_{n} does not go with {activation}"
        if left.pop(f"alpha_dropout_{n}", None) is not (True if activation == "selu" else None):
            yield f"alpha_dropout_{n} does not go with {activation}"
        if normalised is not False and (normalised is not True or activation == "selu"):
            yield f"batch_norm_{n} does not go with {activation}"
        if dropout not in ([0.0] if normalised else [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]):
            yield f"dropout_{n} beside batch_norm"
        cells += last * units + (4 * units if normalised else units)
        last = before = units
    if cells + last + 1 > MOST:
        yield "too many weights"
    optimizer, rate = left.pop("optimizer"), left.pop("learning_rate")
    if ("momentum" in left) is not (optimizer in ("sgd", "rmsprop")) or not 0 <= left.pop("momentum", 0) <= 0.95:
        yield "momentum"
    if ("nesterov" in left) is not (optimizer == "sgd"):
        yield "nesterov"
    least = 1e-3 if left.pop("nesterov", False) else 1e-4
    if not least <= rate <= min(0.01 if layers >= 4 else 0.1, 0.02 if optimizer == "adam" else 0.1):
        yield "learning_rate"
    yield from (f"{name} is nowhere" for name in left)


def proposed(driver: Driver, trials: int) -> list[Trial]:
    """What a search has tried that finds wide nets of a moderate rate good, and so looks for the borders."""
    found = list[Trial]()
    while len(found) < trials and (batch := driver.ask(min(20, trials - len(found))).trials):
        for trial in batch:
            good = weights(trial.values) / MOST - abs(float(trial.values["learning_rate"]) - 0.01)
            driver.tell(outcome(trial, State.COMPLETE, [{"val_accuracy": good}]))
        found += batch
    return found


def hold(made: Study, trials: int) -> list[Trial]:
    """As many proposals, or all that there are."""
    found = proposed(build(made, OBJECTIVE, weights=weights), trials)
    for trial in found:
        assert not list(wrong(trial.values)), trial.values
    assert len({trial.key for trial in found}) == len(found)
    return found


def hold_whole(driver: str, space: dict[str, Any], least: int) -> None:
    """A grid to its end, or the deeper networks are never reached."""
    made = study("grid", 0, space, driver)
    found = hold(made, 10 * least)
    assert least <= len(found) < 10 * least
    assert {trial.values["layers"] for trial in found} == {1, 2, 4}
    shapes = {tuple(trial.values.get(f"units_{n}", 0) for n in range(1, 5)) for trial in found}
    # Of four layers three that are wide would be too large.
    assert shapes == {(8, 0, 0, 0), (136, 0, 0, 0), (8, 8, 0, 0), (136, 8, 0, 0), (136, 136, 0, 0),
                      (8, 8, 8, 8), (136, 8, 8, 8), (136, 136, 8, 8)}  # fmt: skip


@pytest.mark.parametrize(("driver", "sampler"), DRAWN)
def test_no_proposal_breaks_a_rule(driver: str, sampler: str) -> None:
    trials = {"random": 1000, "qmc": 1000, "nsga-ii": 200, "hyperband": 100}.get(sampler, 60)
    trials = min(trials, 200) if driver == "keras-tuner" else trials
    assert len(hold(study(sampler, 0, driver=driver), trials)) == trials


@pytest.mark.parametrize("driver", SAMPLERS_OF)
def test_no_proposal_of_a_grid_breaks_a_rule(driver: str) -> None:
    hold_whole(driver, LISTED, 900)


# Those that learn take the longer for a proposal the more there were: as many in searches as long as people run them.
@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("driver", "sampler"), DRAWN)
def test_no_proposal_of_ten_thousand_breaks_a_rule(driver: str, sampler: str) -> None:
    """A Gaussian process takes so long that a thousand must do, most of them drawn at random."""
    trials, searches = (1000, 5) if sampler == "bayesian" else (10_000, 1 if sampler in ("random", "qmc") else 40)
    for seed in range(searches):
        assert len(hold(study(sampler, seed, driver=driver), trials // searches)) == trials // searches


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("driver", SAMPLERS_OF)
def test_no_proposal_of_a_grid_of_ten_thousand_breaks_a_rule(driver: str) -> None:
    hold_whole(driver, LISTED_LONG, 10_000)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_no_proposal_breaks_a_rule_where_a_sampler_sees_a_part_of_the_trials() -> None:
    """Past a thousand TPE is shown the latest and the best alone."""
    assert len(hold(study("tpe", 0), 1200)) == 1200


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"units_2": 72}, "units_2 do not taper"),
    ({"activation_1": "selu"}, "initializer_1 does not go with selu"),
    ({"alpha_dropout_1": True}, "alpha_dropout_1 does not go with relu"),
    ({"batch_norm_1": True, "dropout_1": 0.2}, "dropout_1 beside batch_norm"),
    ({"negative_slope_2": 0.1}, "negative_slope_2 is there, or is not"),
    ({"learning_rate": 0.05}, "learning_rate"),
    ({"momentum": 0.5}, "momentum"),
    ({"l2": 0.1}, "l2 is nowhere"),
    ({"units_1": 256, "units_2": 256}, "too many weights"),
]


@pytest.mark.parametrize(("change", "told"), BROKEN)
def test_what_breaks_a_rule_is_seen(change: dict[str, Any], told: str) -> None:
    """By the plain code, or it would hold nothing."""
    sound: dict[str, Any] = {
        "layers": 2, "units_1": 64, "units_2": 8, "activation_1": "relu", "activation_2": "tanh",
        "batch_norm_1": False, "batch_norm_2": True, "dropout_1": 0.2, "dropout_2": 0.0,
        "optimizer": "adam", "learning_rate": 0.01, "initializer_1": "he_normal",
        "initializer_2": "glorot_uniform",
    }  # fmt: skip
    assert list(wrong(sound)) == []
    assert told in list(wrong({**sound, **change}))
