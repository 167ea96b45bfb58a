"""Networks that are not too large: what becomes of a proposal that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, pairwise, product

import numpy as np

from tuner.drivers.distributions import kept
from tuner.space import Choice, Int, Parameter, Space
from tuner.trial import Value, derive_seed

Values = dict[str, Value]
Weights = Callable[[Mapping[str, Value]], int]

# What makes a layer large. How many layers there are comes second: a narrow one more may make a network smaller.
_WIDTHS, _DEPTHS = ("units", "filters", "kernel_size", "shape"), ("layers", "conv_layers")
_SCALES = (*(0.8**i for i in range(1, 17)), 0.0)
# Proposals of a sampler that draws evenly that are passed over before one is made smaller, as that is no longer even.
PATIENCE = 100
# Of how many draws it is said that none can be made small enough, and how many of a grid are looked through.
_DRAWS = 100
LISTED = 10_000


class Limit:
    """At most so many weights. Where `patience` is None nothing is made smaller, as in a grid."""

    def __init__(self, space: Space, weights: Weights, most: int, patience: int | None = 0) -> None:
        self._space, self._weights, self._most, self._patience = space, weights, most, patience

    def fits(self, values: Mapping[str, Value]) -> bool:
        return self._weights(values) <= self._most

    def within(self, candidates: Iterator[Values]) -> Iterator[Values]:
        """The candidates that fit, and others made smaller, once patience is at its end."""
        for i, values in enumerate(candidates):
            if self.fits(values):
                yield values
            elif self._patience is not None and i >= self._patience and (smaller := self.shrunk(values)) is not None:
                yield smaller

    def shrunk(self, values: Mapping[str, Value]) -> Values | None:
        """The same values with smaller layers, or fewer of them too, so that they fit; None where even these do not."""
        return next((each for each in self._smaller(values) if self.fits(each)), None)

    def _smaller(self, values: Mapping[str, Value]) -> Iterator[Values]:
        for sized, scale in product((_WIDTHS, _WIDTHS + _DEPTHS), _SCALES):

            def suggest(name: str, left: Parameter, sized: tuple[str, ...] = sized, scale: float = scale) -> Value:
                return _scaled(left, values.get(name), scale if left.name in sized else 1.0)

            yield self._space.walk(suggest)

    def count(self) -> int:
        """How many sets of values of a finite space fit; looks at all of them."""
        return sum(self.fits(values) for values in self._space.grid())

    def problem(self, seed: int) -> str | None:
        """Why there is no network that fits, as far as some draws can tell; None where there is one."""
        rng = np.random.default_rng(derive_seed(seed, 0))
        least = math.inf
        for _ in range(_DRAWS):
            drawn = self._space.walk(lambda _, parameter: parameter.at(rng.random()))
            for values in (drawn, *self._smaller(drawn)):
                least = min(least, self._weights(values))
                if least <= self._most:
                    return None
        return f"no network of the space has at most {self._most} weights, the smallest that was found has {least}"


def listed(space: Space, limit: Limit | None) -> Iterator[Values]:
    """The sets of values of a finite space in order, as many as are worth looking through for one that fits."""
    return space.grid() if limit is None else limit.within(islice(space.grid(), LISTED))


def _scaled(left: Parameter, value: Value | None, scale: float) -> Value:
    """The value, so much nearer to the lowest of what is left; something in the middle where there is no value."""
    if value is None or (isinstance(value, str | bool) and value not in left):
        return left.at(0.5)
    if scale == 1.0:
        return kept(left, value)
    if isinstance(left, Int):
        return left.nth(int(scale * ((int(kept(left, value)) - left.low) // left.step)))
    assert isinstance(left, Choice)
    options = sorted(left.options, key=_cells)
    return options[int(scale * options.index(kept(left, value)))]


def _cells(option: Value) -> float:
    """A number itself; of the widths of all layers in a word, how many weights lie between them."""
    if not isinstance(option, str):
        return option
    widths = [int(width) for width in option.split("-")]
    return sum(widths) + sum(a * b for a, b in pairwise(widths))
