"""Our space as KerasTuner's hyperparameters, and values there and back.

What each means stays ours: a hyperparameter draws as our parameter does, so that the last value of a stepped range is
drawn like all others, and whole numbers on a logarithmic scale are. A choice is known to KerasTuner by its index, as
true is 1 to whoever looks a value up by equality.

Counters and conditions are conditional scopes there. Rules have nothing that they could be compiled to. Where they
leave less of a parameter, a value that is none of those is drawn anew among them, which leaves random draws even; one
that a model has chosen becomes the nearest, of numbers. KerasTuner is told what was made of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from random import Random
from typing import Any

from tuner.drivers import oracles
from tuner.drivers.distributions import asked_about, kept
from tuner.drivers.evolution import share
from tuner.parameters import Choice, Parameter, among, same
from tuner.space import Space
from tuner.trial import Value

# Values as KerasTuner knows them, of what is active and could have been another.
Known = dict[str, Any]
_LAST = math.nextafter(1.0, 0.0)


class Compiled:
    """A space and what KerasTuner knows of it."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self._wholes = {name: space.parameter(name) for name in space.names}
        asked = {name for parameter in space.parameters for name, _ in parameter.when}
        self._referred = asked | {parameter.each for parameter in space.parameters if parameter.each}

    def hyperparameters(self, left: Mapping[str, Parameter] | None = None) -> Any:
        """KerasTuner's, every layer's own, each with its first value; of what is `left` of some, where that is less."""
        made = oracles.hyperparameters().HyperParameters()
        for name, whole in self._wholes.items():
            if self._is_known(whole):
                made.merge([_scaled()(name, whole, (left or {}).get(name, whole), self._scopes(name, whole))])
        return made

    def known(self, values: Mapping[str, Value]) -> Known:
        """The values as KerasTuner knows them."""
        return {
            name: encode(whole, values[name])
            for name, whole in self._wholes.items()
            if name in values and self._is_known(whole)
        }

    def _is_known(self, whole: Parameter) -> bool:
        """One that has a single value is no question; but others may hang on it."""
        return whole.size != 1 or whole.name in self._referred

    def values(self, known: Mapping[str, Any], seed: int, near: bool = False) -> dict[str, Value]:
        """The set of values that a proposal stands for. What is missing in it, or ruled out, is drawn anew.

        With `near`, a number that is ruled out becomes the nearest one that is left.
        """
        rng = Random(seed)

        def suggest(name: str, left: Parameter) -> Value:
            whole = self._wholes[name]
            value = decode(whole, known[name]) if name in known else None
            if value is not None and value in left:
                return value
            return (
                kept(left, value)
                if value is not None and near and _are_numbers(value, *_options(left))
                else left.at(rng.random())
            )

        return self.space.walk(suggest)

    def decoded(self, name: str, known: Any) -> Value:
        """The value that KerasTuner's stands for."""
        return decode(self._wholes[name], known)

    def left(self, values: Mapping[str, Value]) -> dict[str, Parameter]:
        """What the rules leave of each parameter beside these values."""
        asked = {name: left for name, left, _ in asked_about(self.space, values)}
        return {name: asked.get(name, Choice(name=name, options=(value,))) for name, value in values.items()}

    def shortened(self, values: Mapping[str, Value]) -> list[Any]:
        """The values as JSON, without their names."""
        return [encode(self._wholes[name], value) for name, _, value in asked_about(self.space, values)]

    def restored(self, short: Sequence[Any]) -> dict[str, Value]:
        """The values of which these were made."""
        known = iter(short)
        return self.space.walk(lambda name, _: decode(self._wholes[name], next(known)))

    def _scopes(self, name: str, parameter: Parameter) -> list[Any]:
        """What must hold for it to be active, as far as that hangs on single values of others."""
        scopes = []
        layer = name.rpartition("_")[2]
        if parameter.each:
            counter = self.space.parameter(parameter.each)
            enough = [encode(counter, n) for n in counter.choices() if int(n) >= int(layer)]
            scopes.append(oracles.conditions().Parent(parameter.each, enough))
        for other, wanted in parameter.when:
            own = self.space.parameter(other)
            met = [encode(own, value) for value in own.choices() if among(wanted, value)]
            scopes.append(oracles.conditions().Parent(f"{other}_{layer}" if own.each else other, met))
        return scopes


def _options(left: Parameter) -> tuple[Value, ...]:
    return left.options if isinstance(left, Choice) else ()


def _are_numbers(*values: Value | None) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def encode(parameter: Parameter, value: Value) -> Any:
    """The value as KerasTuner knows it."""
    if isinstance(parameter, Choice):
        return next(i for i, option in enumerate(parameter.options) if same(option, value))
    return value


def decode(parameter: Parameter, known: Any) -> Value:
    """The value that KerasTuner's stands for."""
    value: Value = parameter.options[known] if isinstance(parameter, Choice) else known
    return value


@cache
def _scaled() -> Any:
    """The kind of hyperparameter that draws as a parameter of ours, from what is left of it."""

    class Scaled(oracles.hyperparameters().HyperParameter):  # type: ignore[misc]
        def __init__(self, name: str, whole: Parameter, left: Parameter, conditions: list[Any]) -> None:
            super().__init__(name=name, conditions=conditions)
            self._whole, self._left = whole, left

        @property
        def default(self) -> Any:
            return encode(self._whole, self._left.choices()[0] if self._left.size is not None else self._left.at(0.0))

        @property
        def values(self) -> list[Any]:
            return [encode(self._whole, value) for value in self._left.choices()]

        def prob_to_value(self, prob: float) -> Any:
            # A model may propose the very end of the range.
            return encode(self._whole, self._left.at(min(max(prob, 0.0), _LAST)))

        def value_to_prob(self, value: Any) -> float:
            if isinstance(self._whole, Choice):
                return float((value + 0.5) / self._whole.size)
            return share(self._whole, value)

        def get_config(self) -> dict[str, Any]:
            return {"name": self.name, "whole": self._whole, "left": self._left, "conditions": self.conditions}

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            return cls(**config)  # not by way of Keras' serialization

    return Scaled
