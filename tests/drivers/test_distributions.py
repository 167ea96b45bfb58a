"""Values go to Optuna and come back as they are."""

from __future__ import annotations

import warnings

import pytest

from tuner.drivers.distributions import asked_about, decode, distribution, encode, kept, known, value_of
from tuner.space import Choice, Float, Int, Parameter, Space, Wanted
from tuner.trial import Value

PARAMETERS: list[Parameter] = [
    Int(name="plain", low=1, high=10),
    Int(name="uneven", low=8, high=128, step=7),
    Int(name="log", low=1, high=1000, log=True),
    Float(name="tenths", low=0.0, high=0.6, step=0.1),
    Float(name="uneven", low=0.05, high=1.0, step=0.3),
    Float(name="thirds", low=0.0, high=1.0, step=1 / 3),
    Choice(name="names", options=("relu", "tanh")),
    Choice(name="mixed", options=(True, 1, 2.5, "1", False)),
    Choice(name="ordered", options=(16, 32, 8), ordered=True),
    Int(name="reverse", low=3, high=70, reverse=True),
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


@pytest.mark.parametrize(
    ("parameter", "wanted", "drawn", "nearest"),
    [
        (Int(name="n", low=8, high=128, step=8), Wanted(low=20, high=60), [8, 24, 40, 128], [24, 24, 40, 56]),
        (Int(name="n", low=8, high=128, step=8), Wanted(high=60), [21, 19.9, 500], [24, 16, 56]),
        (Int(name="n", low=8, high=128, step=8), Wanted((16, 64)), [8, 32, 48, 64], [16, 16, 64, 64]),
        (Float(name="f", low=0.0, high=0.6, step=0.1), Wanted(high=0.25), [0.1, 0.6], [0.1, 0.2]),
        (Float(name="f", low=1e-4, high=0.1, log=True), Wanted(low=1e-3), [1e-4, 0.05], [1e-3, 0.05]),
    ],
)
def test_a_number_keeps_its_whole_range_and_is_moved_to_what_is_left(
    parameter: Parameter, wanted: Wanted, drawn: list[Value], nearest: list[Value]
) -> None:
    left = parameter.narrowed(wanted)
    assert left is not None
    assert known("n", left, parameter) == ("n", parameter)
    assert [kept(left, value) for value in drawn] == nearest


def test_the_parts_of_a_choice_have_names_of_their_own() -> None:
    whole = Choice(name="a", options=("1", 1, "x"))
    parts = [whole.narrowed(Wanted(options)) for options in (("1", "x"), (1, "x"), ("1", 1))]
    names = [known("a_2", part, whole)[0] for part in parts if part is not None]
    assert len({*names, "a_2"}) == 4
    assert {value_of(name) for name in names} == {"a_2"}
    assert known("a_2", whole, whole) == ("a_2", whole)
