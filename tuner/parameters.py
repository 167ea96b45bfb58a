"""The kinds of parameters: which values each may take, how one is drawn, and how a range reads."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from tuner.trial import Value

# Condition of a parameter: the name of another, and the values of it under which this one is active.
Condition = tuple[str, tuple[Value, ...]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which values a rule speaks of: one of the options, or the numbers from `low` to `high`, both included."""

    options: tuple[Value, ...] | None = None
    low: float | None = None
    high: float | None = None

    def __contains__(self, value: object) -> bool:
        if self.options is not None and not among(self.options, value):
            return False
        if self.low is None and self.high is None:
            return True
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and _between(value, self.low, self.high)  # type: ignore[arg-type]

    def __str__(self) -> str:
        if self.options is not None:
            return spelled(self.options)
        ends = (("at least", self.low), ("at most", self.high))
        return " and ".join(f"{words} {end}" for words, end in ends if end is not None)


def _between(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or low <= value) and (high is None or value <= high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(ABC):
    """What every kind of parameter has: a name, the counter that repeats it, and when it is active.

    A `ruled` one is active only where a rule says something of it.
    """

    name: str
    each: str | None = None
    when: tuple[Condition, ...] = ()
    ruled: bool = False

    @property
    def always(self) -> bool:
        """Whether nothing but its counter decides that it is active."""
        return not (self.when or self.ruled)

    @property
    @abstractmethod
    def size(self) -> int | None:
        """How many values there are; None where they are a continuum."""

    @abstractmethod
    def at(self, u: float) -> Value:
        """The value at `u` in [0, 1): equal shares for discrete values, the logarithm's scale where `log` is set."""

    @abstractmethod
    def own(self, value: object) -> Value | None:
        """This parameter's value that equals the given one, of its own type; None where there is none."""

    @abstractmethod
    def choices(self) -> tuple[Value, ...]:
        """Every value, in order. Raises ValueError for a continuum."""

    @abstractmethod
    def _within(self, low: float | None, high: float | None) -> Parameter | None:
        """What is left of it from `low` to `high`, on the same grid; None where nothing is."""

    def narrowed(self, wanted: Wanted) -> Parameter | None:
        """A parameter of the values that are wanted too; itself where all are, and None where none is."""
        if wanted.options is None:
            return self._within(wanted.low, wanted.high)
        # Numbers in their own order, whatever the order in which they are wanted.
        kept = {own: None for option in wanted.options if (own := self.own(option)) is not None and own in wanted}
        options = tuple(sorted(kept))
        if len(options) == self.size:
            return self
        parts = {"name": self.name, "each": self.each, "when": self.when, "ruled": self.ruled}
        return Choice(options=options, **parts) if options else None  # type: ignore[arg-type]

    def __contains__(self, value: object) -> bool:
        return self.own(value) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Int(Parameter):
    """Whole numbers low, low + step, …, at most high; `log` samples them evenly by order of magnitude.

    A value for every layer may `taper`: it is then at most the one of the layer before. `reverse` is log from the
    other end: more are drawn near high.
    """

    low: int
    high: int
    step: int = 1
    log: bool = False
    taper: bool = False
    reverse: bool = False

    def __post_init__(self) -> None:
        _check_range(self.low, self.high, None if self.step == 1 else self.step, self.log or self.reverse)

    @property
    def size(self) -> int:
        return (self.high - self.low) // self.step + 1

    def at(self, u: float) -> int:
        if self.reverse:
            return self.mirrored(replace(self, log=True, reverse=False).at(1 - u))
        if self.log:
            # Half a unit to either side, so that the ends are as likely as their neighbours.
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return min(max(round(math.exp(low + u * (high - low))), self.low), self.high)
        return self.low + self.step * min(int(u * self.size), self.size - 1)

    def own(self, value: object) -> int | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        return value if self.low <= value <= self.high and (value - self.low) % self.step == 0 else None

    def choices(self) -> tuple[int, ...]:
        return tuple(range(self.low, self.high + 1, self.step))

    def nth(self, index: int) -> int:
        return self.low + index * self.step

    def mirrored(self, value: int) -> int:
        """The value as far from high as this one is from low."""
        return self.low + self.high - value

    def _within(self, low: float | None, high: float | None) -> Int | None:
        first, last = _indices(self, low, high)
        if (first, last) == (0, self.size - 1):
            return self
        return None if first > last else replace(self, low=self.nth(first), high=self.nth(last))


@dataclass(frozen=True, slots=True, kw_only=True)
class Float(Parameter):
    """Real numbers from low to high; with `step` the grid low, low + step, … (high included where it is on it).

    `reverse` is log from the other end: more are drawn near high.
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False
    reverse: bool = False

    def __post_init__(self) -> None:
        _check_range(self.low, self.high, self.step, self.log or self.reverse)

    @property
    def size(self) -> int | None:
        if self.low == self.high:
            return 1
        return None if self.step is None else int((_exact(self.high) - _exact(self.low)) / _exact(self.step)) + 1

    def nth(self, index: int) -> float:
        return float(_exact(self.low) + index * _exact(self.step or 0.0))

    def mirrored(self, value: float) -> float:
        """The value as far from high as this one is from low."""
        return min(max(self.low + self.high - value, self.low), self.high)

    def nearest(self, value: float) -> float:
        """The value of the grid nearest to `value`; `value` itself, kept within the range, where there is no grid."""
        kept = min(max(float(value), self.low), self.high)
        if self.size is None or self.step is None:
            return kept
        return self.nth(min(round((kept - self.low) / self.step), self.size - 1))

    def at(self, u: float) -> float:
        if self.size is not None:
            return self.nth(min(int(u * self.size), self.size - 1))
        if self.reverse:
            return self.mirrored(replace(self, log=True, reverse=False).at(1 - u))
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            drawn = math.exp(low + u * (high - low))
        else:
            drawn = (1 - u) * self.low + u * self.high
        return min(max(drawn, self.low), self.high)

    def own(self, value: object) -> float | None:
        if not isinstance(value, int | float) or isinstance(value, bool) or not self.low <= value <= self.high:
            return None
        nearest = self.nearest(value)
        return nearest if value == nearest else None

    def choices(self) -> tuple[float, ...]:
        if self.size is None:
            raise ValueError(f"{self.name} has no step, so its values cannot be listed")
        return tuple(self.nth(i) for i in range(self.size))

    def _within(self, low: float | None, high: float | None) -> Float | None:
        if self.size is not None:
            first, last = _indices(self, low, high)
            if (first, last) == (0, self.size - 1):
                return self
            return None if first > last else replace(self, low=self.nth(first), high=self.nth(last))
        low, high = max(self.low, self.low if low is None else low), min(self.high, self.high if high is None else high)
        return None if low > high else replace(self, low=low, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Parameter):
    """One of the options. A single option is a fixed value, which no driver is asked about.

    Numbers may be `ordered`: neighbours are then more alike than others are.
    """

    options: tuple[Value, ...]
    ordered: bool = False

    def __post_init__(self) -> None:
        if not self.options:
            raise ValueError("expected at least one choice, got []")
        for i, option in enumerate(self.options):
            if isinstance(option, float) and not math.isfinite(option):
                raise ValueError(f"choices must be finite, got {option}")
            if among(self.options[:i], option):
                raise ValueError(f"the choice {said(option)} is given twice")

    @property
    def size(self) -> int:
        return len(self.options)

    def at(self, u: float) -> Value:
        return self.options[min(int(u * self.size), self.size - 1)]

    def own(self, value: object) -> Value | None:
        return next((option for option in self.options if same(option, value)), None)

    def choices(self) -> tuple[Value, ...]:
        return self.options

    def narrowed(self, wanted: Wanted) -> Choice | None:
        kept = tuple(option for option in self.options if option in wanted)
        if len(kept) == self.size:
            return self
        return replace(self, options=kept) if kept else None

    def _within(self, low: float | None, high: float | None) -> Choice | None:
        return self.narrowed(Wanted(low=low, high=high))


def same(a: object, b: object) -> bool:
    """Equality of values: 0 is 0.0, but 1 is not true."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def among(options: tuple[Value, ...], value: object) -> bool:
    """Whether one of the options is the value."""
    return any(same(option, value) for option in options)


def said(value: object) -> str:
    """A value about as a study file would write it, for messages; cut where nobody would read on."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def spelled(values: tuple[Value, ...]) -> str:
    """Alternatives in words: `adam | sgd`."""
    return " | ".join(value if isinstance(value, str) else said(value) for value in values)


def describe(parameter: Parameter) -> str:
    """A parameter's range in words, for messages and pages."""
    if isinstance(parameter, Choice):
        return spelled(parameter.options)
    assert isinstance(parameter, Int | Float)
    step = f" step {parameter.step}" if parameter.step not in (None, 1) else ""
    scale = " log" if parameter.log else " reverse log" if parameter.reverse else ""
    return f"[{parameter.low}, {parameter.high}]{step}{scale}"


@lru_cache(maxsize=1024)
def _exact(number: float) -> Fraction:
    """The decimal number that a person wrote, not the binary one next to it: 0.1 + 2 · 0.1 is 0.3 then."""
    return Fraction(repr(number))


def _indices(parameter: Int | Float, low: float | None, high: float | None) -> tuple[int, int]:
    """The first and the last value, counted from 0, from `low` to `high`; none where the first is after the last."""
    size, start, step = parameter.size or 1, _exact(parameter.low), _exact(parameter.step or 1)
    first = 0 if low is None else max(math.ceil((_exact(low) - start) / step), 0)
    last = size - 1 if high is None else min(math.floor((_exact(high) - start) / step), size - 1)
    return first, last


def _check_range(low: float, high: float, step: float | None, log: bool) -> None:
    for bound in (low, high, *(() if step is None else (step,))):
        if isinstance(bound, float) and not math.isfinite(bound):
            raise ValueError(f"bounds must be finite, got {bound}")
    if low > high:
        raise ValueError(f"low must be at most high, got [{low}, {high}]")
    if step is not None and step <= 0:
        raise ValueError(f"step must be above 0, got {step}")
    if log and low <= 0:
        raise ValueError(f"a log scale needs a low above 0, got [{low}, {high}]")
    if log and step is not None:
        raise ValueError("log and step exclude each other; leave one out")
