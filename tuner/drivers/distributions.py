"""Our parameters as Optuna's distributions, and values there and back.

A choice and a stepped float are known to Optuna by index: it looks choices up by equality, where true is 1, and
moves the end of a float range whose step does not divide it. Ordered choices are numbers to it, and what is drawn on a
reversed scale is known by its distance from the other end.

Where rules leave a part of a parameter, Optuna still knows a number by its whole range, and what it draws is moved to
the nearest value that is left. The parts of a choice are choices of their own to it, as it knows one by its options.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from tuner.parameters import Choice, Float, Int, Parameter, same
from tuner.space import Space
from tuner.trial import Value

# Stands between a name and the options that are left; a user's own names may have blanks.
_PARTS = "\x1f"


def distribution(parameter: Parameter) -> BaseDistribution:
    """What Optuna draws `encode`d values of the parameter from."""
    if isinstance(parameter, Choice):
        ordered = parameter.ordered
        return (
            IntDistribution(0, parameter.size - 1) if ordered else CategoricalDistribution(tuple(range(parameter.size)))
        )
    if isinstance(parameter, Float):
        if parameter.size is None:
            return FloatDistribution(parameter.low, parameter.high, log=parameter.log or parameter.reverse)
        return IntDistribution(0, parameter.size - 1)
    assert isinstance(parameter, Int)
    # Up to the last value that is reached, which may be below `high`.
    last = parameter.low + (parameter.size - 1) * parameter.step
    return IntDistribution(parameter.low, last, log=parameter.log or parameter.reverse, step=parameter.step)


def encode(parameter: Parameter, value: Value) -> Any:
    """The value as Optuna knows it."""
    if isinstance(parameter, Choice):
        return next(i for i, option in enumerate(parameter.options) if same(option, value))
    if isinstance(parameter, Float) and parameter.step is not None:
        return round((float(value) - parameter.low) / parameter.step)
    assert isinstance(parameter, Int | Float)
    return parameter.mirrored(value) if parameter.reverse else value  # type: ignore[arg-type]


def decode(parameter: Parameter, drawn: Any) -> Value:
    """The value that Optuna's stands for, exactly as the space has it."""
    if isinstance(parameter, Choice):
        return parameter.options[int(drawn)]
    assert isinstance(parameter, Int | Float)
    if parameter.reverse:
        drawn = parameter.mirrored(drawn)
    if isinstance(parameter, Float):
        return parameter.nearest(drawn if parameter.step is None else parameter.low + drawn * parameter.step)
    return int(drawn)


def known(name: str, left: Parameter, whole: Parameter) -> tuple[str, Parameter]:
    """The name that Optuna knows a value by where `left` is left of the parameter, and what it is drawn from."""
    if left is not whole and isinstance(whole, Choice) and not whole.ordered:
        return _PARTS.join([name, *(str(encode(whole, option)) for option in left.choices())]), left
    return name, whole


def value_of(known: str) -> str:
    """The name of the value that Optuna knows by that name."""
    return known.partition(_PARTS)[0]


def kept(left: Parameter, value: Value) -> Value:
    """The value of what is left that is nearest to one of the whole parameter."""
    if isinstance(left, Choice):
        # Some values of a number, where it is not in it itself.
        return value if value in left else min(left.options, key=lambda option: abs(float(option) - float(value)))
    if isinstance(left, Float):
        return left.nearest(float(value))
    assert isinstance(left, Int)
    return left.nth(min(max(round((float(value) - left.low) / left.step), 0), left.size - 1))


def asked_about(space: Space, values: Mapping[str, Value]) -> list[tuple[str, Parameter, Value]]:
    """The values that could have been others, in the space's order, with what was left of their parameters.

    Raises ValueError where they are none of the space.
    """
    asked: list[tuple[str, Parameter, Value]] = []

    def given(name: str, parameter: Parameter) -> Value:
        if name not in values:
            raise ValueError(f"{name}: a value is missing")
        asked.append((name, parameter, values[name]))
        return values[name]

    space.walk(given)
    return asked
