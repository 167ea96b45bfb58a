"""Values go to Optuna and come back as they are."""

from __future__ import annotations

import warnings

import pytest

from tuner.drivers.distributions import asked_about, decode, distribution, encode
from tuner.space import Choice, Float, Int, Parameter, Space

PARAMETERS: list[Parameter] = [
    Int(name="plain", low=1, high=10),
    Int(name="uneven", low=8, high=128, step=7),
    Int(name="log", low=1, high=1000, log=True),
    Float(name="tenths", low=0.0, high=0.6, step=0.1),
    Float(name="uneven", low=0.05, high=1.0, step=0.3),
    Float(name="thirds", low=0.0, high=1.0, step=1 / 3),
    Choice(name="names", options=("relu", "tanh")),
    Choice(name="mixed", options=(True, 1, 2.5, "1", False)),
]


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda p: f"{type(p).__name__}-{p.name}")
def test_every_value_comes_back_as_itself(parameter: Parameter) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Optuna warns where it moves the end of a range
        known = distribution(parameter)
    for value in parameter.choices():
        told = encode(parameter, value)
        assert known._contains(known.to_internal_repr(told))
        back = decode(parameter, known.to_external_repr(known.to_internal_repr(told)))
        assert (type(back), back) == (type(value), value)


@pytest.mark.parametrize("log", [False, True])
def test_a_continuum_keeps_within_its_range(log: bool) -> None:
    parameter = Float(name="rate", low=1e-4, high=1e-1, log=log)
    assert distribution(parameter).log is log
    assert decode(parameter, 0.0123) == 0.0123
    assert decode(parameter, 0.1 + 1e-12) == 0.1


def test_optuna_is_asked_about_what_can_vary() -> None:
    fixed, rate = Choice(name="fixed", options=("relu",)), Float(name="rate", low=0.0, high=1.0)
    when = Int(name="when", low=1, high=2, when=(("fixed", ("relu",)),))
    space = Space((fixed, rate, when))
    assert asked_about(space, {"fixed": "relu", "rate": 0.5, "when": 2}) == [("rate", rate, 0.5), ("when", when, 2)]
    with pytest.raises(ValueError, match="when: a value is missing"):
        asked_about(space, {"fixed": "relu", "rate": 0.5})
