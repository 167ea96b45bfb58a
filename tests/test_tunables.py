"""What may be tuned: the values that make sense, and their defaults."""

import pytest

from tuner.tunables import ACTIVATIONS, INITIALIZERS, OPTIMIZERS, TUNABLES, WITH_MOMENTUM, setting


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("units", 8, None),
        ("units", 0, "expected a value from 1 to 65536, got 0"),
        ("units", 8.0, "expected a whole number, got 8.0"),
        ("units", True, "expected a whole number, got true"),
        ("dropout", 0, None),
        ("dropout", 0.99, None),
        ("dropout", 1.0, "expected a value from 0 to below 1.0, got 1.0"),
        ("dropout", float("nan"), "expected a value from 0 to below 1.0, got nan"),
        ("dropout", "0.1", "expected a number, got '0.1'"),
        ("l2", -1e-9, "expected a value from 0 to 1000.0, got -1e-09"),
        ("batch_norm", False, None),
        ("batch_norm", 1, "expected true or false, got 1"),
        ("optimizer", "sgd", None),
    ],
)
def test_problem(name: str, value: object, problem: str | None) -> None:
    assert TUNABLES[name].problem(value) == problem


def test_an_unknown_word_is_told_the_nearest_and_all() -> None:
    found = TUNABLES["activation"].problem("rellu")
    assert found == f"unknown value 'rellu'. Did you mean 'relu'? Known: {', '.join(ACTIVATIONS)}"


@pytest.mark.parametrize("name", TUNABLES)
def test_every_default_makes_sense(name: str) -> None:
    tunable = TUNABLES[name]
    assert tunable.problem(tunable.default) is None
    assert type(tunable.default) is tunable.kind


def test_setting_prefers_the_layer_then_the_network_then_the_default() -> None:
    values = {"units_1": 8, "activation": "tanh"}
    assert setting(values, "units", 1) == 8
    assert setting(values, "units", 2) == TUNABLES["units"].default
    assert setting(values, "activation", 2) == "tanh"
    assert setting({}, "optimizer") == "adam"


def test_keras_knows_every_word() -> None:
    import keras

    for word in ACTIVATIONS:
        keras.activations.get(word)
    for word in INITIALIZERS:
        keras.initializers.get(word)
    for word in OPTIMIZERS:
        keras.optimizers.get(word)


def test_the_optimizers_with_momentum_are_those_of_keras() -> None:
    import inspect

    import keras

    with_momentum = [
        word
        for word in OPTIMIZERS
        if "momentum" in inspect.signature(type(keras.optimizers.get(word)).__init__).parameters
    ]
    assert sorted(WITH_MOMENTUM) == with_momentum
