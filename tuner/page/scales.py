"""From values to places on a plot: numbers on a straight or a logarithmic axis, or words side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tuner import wording
from tuner.trial import Value

Tick = tuple[float, str]  # where it is on the axis, and what it says


class Scale(Protocol):
    """An axis from `start` to `end`, in units of the drawing."""

    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...
    def at(self, value: Value) -> float: ...
    def ticks(self, most: int) -> list[Tick]: ...


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers from `low` to `high`; what lies outside stands at the end of the axis."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    whole: bool = False

    @classmethod
    def over(
        cls, values: Sequence[float], start: float, end: float, *, log: bool = False, whole: bool = False
    ) -> Numbers:
        """With a little room on either side of the values; `whole` has ticks on whole numbers only."""
        low, high = min(values), max(values)
        if log:
            room = (high / low) ** 0.04 if high > low else 1.5
            return cls(low / room, high * room, start, end, log=True, whole=whole)
        room = 0.04 * (high - low) or (0.5 if whole else 0.05 * abs(high) or 0.5)
        return cls(low - room, high + room, start, end, whole=whole)

    def at(self, value: Value) -> float:
        number = min(max(float(value), self.low), self.high)
        share = (
            math.log(number / self.low) / math.log(self.high / self.low)
            if self.log
            else (number - self.low) / (self.high - self.low)
        )
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int) -> list[Tick]:
        """Round numbers, at most about so many."""
        places = self._decades(most) if self.log else self._steps(most)
        return [(self.at(place), text) for place, text in places]

    def _steps(self, most: int) -> list[tuple[float, str]]:
        rough = (self.high - self.low) / max(most, 1)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
        if self.whole:
            step = max(1.0, step)
        decimals = max(0, -math.floor(math.log10(step)))
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        numbers = [i * step for i in range(first, last + 1)]
        return [(number, _spelled(number, decimals)) for number in numbers]

    def _decades(self, most: int) -> list[tuple[float, str]]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        for factors in ((1, 2, 5), (1, 3), (1,)):
            found = [f * 10.0**power for power in range(first, last + 1) for f in factors]
            found = [number for number in found if self.low <= number <= self.high]
            if len(found) <= most - 2:
                break
        thinned = found[:: math.ceil(len(found) / max(most, 1)) or 1]
        return [(number, f"{number:,.0f}" if 1 <= number < 1e6 else f"{number:g}") for number in thinned]


@dataclass(frozen=True, slots=True)
class Words:
    """Words side by side, each in the middle of its share."""

    words: tuple[Value, ...]
    start: float
    end: float

    def at(self, value: Value) -> float:
        return self._middle(self.words.index(value))

    def ticks(self, most: int) -> list[Tick]:
        """Every word, whatever `most` is."""
        return [(self._middle(i), wording.value(word)) for i, word in enumerate(self.words)]

    @property
    def share(self) -> float:
        """The room of one word."""
        return (self.end - self.start) / max(len(self.words), 1)

    def _middle(self, place: int) -> float:
        return self.start + (place + 0.5) * self.share


def _spelled(number: float, decimals: int) -> str:
    if abs(number) >= 1e6 or (number and decimals > 4):
        return f"{number:.3g}"
    return f"{number:,.{decimals}f}"
