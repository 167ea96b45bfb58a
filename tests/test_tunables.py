"""What may be tuned: the values that make sense, and their defaults."""

import pytest

from tuner.tunables import (
    ACTIVATIONS,
    INIT_DISTRIBUTIONS,
    INIT_MODES,
    INITIALIZERS,
    OPTIMIZERS,
    OPTIONS,
    TUNABLES,
    setting,
)


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
        ("shape", "300-100-50", None),
        ("shape", "256", None),
        (
            "shape",
            "300--50",
            "expected the widths of all hidden layers, as \"300-100-50\", in place of layers and units, got '300--50'",
        ),
        (
            "shape",
            256,
            'expected the widths of all hidden layers, as "300-100-50", in place of layers and units, got 256',
        ),
        ("schedule", "step", "unknown value 'step'. Known: constant, linear, exponential, cosine, inverse_time"),
        ("end_rate", 1.0, None),
        ("end_rate", 0.0, "expected a value from 1e-06 to 1.0, got 0.0"),
        ("warmup", 1.0, "expected a value from 0 to below 1.0, got 1.0"),
        ("clipnorm", 0, "expected a value from 1e-06 to 1000000.0, got 0"),
        ("beta_2", 1.0, "expected a value from 0 to below 1.0, got 1.0"),
        ("label_smoothing", 1.0, "expected a value from 0 to below 1.0, got 1.0"),
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
    if tunable.default is not None:
        assert tunable.problem(tunable.default) is None
        assert type(tunable.default) is tunable.kind


def test_setting_prefers_the_layer_then_the_network_then_the_default() -> None:
    values = {"units_1": 8, "activation": "tanh"}
    assert setting(values, "units", 1) == 8
    assert setting(values, "units", 2) == TUNABLES["units"].default
    assert setting(values, "activation", 2) == "tanh"
    assert setting({}, "optimizer") == "adam"
    with pytest.raises(AssertionError, match="rho has no one value where nobody sets it"):
        setting({}, "rho")


def test_keras_knows_every_word() -> None:
    import keras

    # Two are layers, one of Keras' own and one of ours.
    for word in set(ACTIVATIONS) - {"prelu", "rrelu"}:
        keras.activations.get(word)
    for mode in INIT_MODES:
        for distribution in INIT_DISTRIBUTIONS:
            keras.initializers.VarianceScaling(mode=mode, distribution=distribution)
    for word in INITIALIZERS:
        keras.initializers.get(word)
    for word in OPTIMIZERS:
        keras.optimizers.get(word)


def test_every_optimizer_has_the_options_that_keras_gives_it() -> None:
    """And where a default is claimed, it is Keras' own in all of them."""
    import inspect

    import keras

    for word in OPTIMIZERS:
        parameters = inspect.signature(type(keras.optimizers.get(word)).__init__).parameters
        options = {name for name in OPTIONS if _knows(name, word)}
        assert {name for name in TUNABLES if name in parameters} == {"learning_rate", *options}
        for name in OPTIONS:
            if _knows(name, word) and TUNABLES[name].default is not None:
                assert parameters[name].default == TUNABLES[name].default, (word, name)


def _knows(name: str, optimizer: str) -> bool:
    only = TUNABLES[name].only
    return only is None or optimizer in only[1]
