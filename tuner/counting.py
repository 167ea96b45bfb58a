"""How many sets of active values a space has, found without listing them, and where its rules leave nothing.

A parameter that others refer to is tried case by case, one value for all that they do not tell apart; any other one
only multiplies. Parameters that nothing connects are counted apart.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tuner.parameters import Choice, Float, Int, Parameter, Wanted, describe
from tuner.rules import Narrowing, Rule, active, left, place, value_of
from tuner.trial import Value

# A number of sets; None where a continuum makes it endless.
Count = int | None
# Values of the parameters above, and how many sets they stand for.
Case = tuple[dict[str, Value], Count]


@dataclass(slots=True)
class Counted:
    """What a look at every case of a space found."""

    size: Count = 1
    held: list[Rule] = field(default_factory=list)  # rules that hold in some case
    empty: dict[str, str] = field(default_factory=dict)  # a line for each parameter of which nothing is left


def count(parameters: Sequence[Parameter], rules: Sequence[Rule], narrowing: Narrowing) -> Counted:
    """Looks at every case that the conditions, rules and counters of a space tell apart."""
    found = Counted()
    for connected in _connected(parameters, rules):
        found.size = _times(found.size, _Group(connected, rules, narrowing, found).size())
    return found


class _Group:
    """Parameters that refer to each other, in the space's order."""

    def __init__(
        self, parameters: Sequence[Parameter], rules: Sequence[Rule], narrowing: Narrowing, found: Counted
    ) -> None:
        self._shared = [parameter for parameter in parameters if parameter.each is None]
        self._layered: dict[str, list[Parameter]] = {}
        for parameter in parameters:
            if parameter.each is not None:
                self._layered.setdefault(parameter.each, []).append(parameter)
        self._rules, self._narrowing, self._found = rules, narrowing, found
        self._told_apart = {parameter.name: _told_apart(parameter.name, parameters, rules) for parameter in parameters}
        self._layers: dict[str, _Layer] = {}
        self._stretches = {
            each.name: dict(_stretches(each, self._bounds(each.name))) for each in parameters if _tapers(each)
        }
        self._lowest: dict[Value, list[Rule]] = {}

    def size(self) -> Count:
        total: Count = 0
        for values, n in self._cases(self._shared, {}, None):
            for counter in self._layered:
                layers = int(values.get(counter, 0))
                if layers:
                    n = _times(n, self._in_layers(counter, values, layers))
            total = _plus(total, n)
        return total

    def _in_layers(self, counter: str, values: Mapping[str, Value], layers: int) -> Count:
        """How many sets of values that many layers have, given those of the shared parameters."""
        # Found once for all that the layers tell apart, which the number of layers is seldom a part of.
        mine = {parameter.name for parameter in self._layered[counter]}
        key = repr((counter, [value for name, value in values.items() if self._matters(name, mine)]))
        if key not in self._layers:
            self._layers[key] = self._layer(self._layered[counter], values)
        layer = self._layers[key]
        if layers > 1 and len(layer.lowest) > 1:
            self._found.empty.setdefault(counter, _no_way_down(layer, self._rules))
        return layer.times(layers)

    def _layer(self, parameters: list[Parameter], values: Mapping[str, Value]) -> _Layer:
        tapering = next((each.name for each in parameters if _tapers(each)), "")
        self._lowest = {}
        layer = _Layer(tapering, self._stretches.get(tapering, {}), self._lowest)
        for found, n in self._cases(parameters, dict(values), 1):
            value = found.get(f"{tapering}_1")
            layer.sets[value] = _plus(layer.sets.get(value, 0), n)
        return layer

    def _bounds(self, name: str) -> list[Wanted]:
        """All that is wanted of a parameter: what is left of it anywhere is made of whole stretches between these."""
        return [*(each for _, each in self._told_apart[name]), *(each for _, each in self._narrowing.get(name, ()))]

    def _matters(self, name: str, to: set[str]) -> bool:
        return any(of in to for of, _ in self._told_apart[name])

    def _cases(self, parameters: Sequence[Parameter], values: dict[str, Value], layer: int | None) -> Iterator[Case]:
        if not parameters:
            yield values, 1
            return
        parameter, rest = parameters[0], parameters[1:]
        if not active(parameter, self._narrowing, values, layer):
            yield from self._cases(rest, values, layer)
            return
        narrowed = left(parameter, self._narrowing, values, layer)
        self._note(parameter, values, layer, narrowed)
        if narrowed is None:
            return
        key = parameter.name if layer is None else f"{parameter.name}_{layer}"
        for value, n in self._tried(narrowed):
            for found, m in self._cases(rest, {**values, key: value} if value is not None else values, layer):
                yield found, _times(n, m)

    def _tried(self, parameter: Parameter) -> list[tuple[Value | None, Count]]:
        """The values of a parameter that must be tried, each with how many it stands for; None where any will do."""
        if parameter.name in self._layered:
            return [(value, 1) for value in parameter.choices()]
        if parameter.name in self._stretches:
            return [(value, n) for value, n in self._stretches[parameter.name].items() if value in parameter]
        told_apart = [wanted for _, wanted in self._told_apart[parameter.name]]
        return list(kinds(parameter, told_apart)) if told_apart else [(None, parameter.size)]

    def _note(
        self, parameter: Parameter, values: Mapping[str, Value], layer: int | None, narrowed: Parameter | None
    ) -> None:
        """Keeps which rules hold here, and, where they leave nothing, says so once."""
        held = [rule for rule, _ in self._narrowing.get(parameter.name, ()) if rule.holds(values, layer)]
        self._found.held += [rule for rule in held if rule not in self._found.held]
        if narrowed is not None and parameter.name in self._stretches:
            self._lowest[next(value for value in self._stretches[parameter.name] if value in narrowed)] = held
        if narrowed is None:
            self._found.empty.setdefault(parameter.name, _nothing_left(parameter, held, self._rules, values, layer))


@dataclass(slots=True)
class _Layer:
    """The sets of values of one layer, by the stretch that its tapering value is in; None where nothing tapers."""

    tapering: str
    lengths: Mapping[Value, Count]
    lowest: Mapping[Value, list[Rule]]  # the lowest tapering value of each case, and the rules that make it that
    sets: dict[Value | None, Count] = field(default_factory=dict)

    def times(self, layers: int) -> Count:
        """How many sets that many layers have.

        What does not taper does not depend on the other layers. Of what tapers, the values stand in one order only, so
        that all there is to choose is how many layers have each: k layers in a stretch of n values with w sets each
        have wᵏ·C(n + k - 1, k), and the stretches are convolved.
        """
        series = [1] + [0] * layers
        for value, sets in self.sets.items():
            if sets is None:
                return None
            if value is None:
                return int(sets**layers)
            n = self.lengths[value] or 1
            own = [(sets // n) ** k * math.comb(n + k - 1, k) for k in range(layers + 1)]
            series = [sum(series[i] * own[k - i] for i in range(k + 1)) for k in range(layers + 1)]
        return series[layers]


def _tapers(parameter: Parameter) -> bool:
    return isinstance(parameter, Int) and parameter.taper


def _no_way_down(layer: _Layer, rules: Sequence[Rule]) -> str:
    low, *_, high = sorted(layer.lowest)
    of = layer.lowest[high] or layer.lowest[low]
    return (
        f"{' and '.join(place(rules.index(rule) + 1) for rule in of)}: {layer.tapering} tapers, and no value of it is "
        f"left in a layer where the lowest is {high}, after one with {low}; let its lowest be the same everywhere"
    )


def kinds(parameter: Parameter, told_apart: Sequence[Wanted]) -> Iterator[tuple[Value, Count]]:
    """One value of each kind that is told apart, and how many values are of its kind."""
    found: dict[tuple[bool, ...], tuple[Value, Count]] = {}
    for value, n in _stretches(parameter, told_apart):
        kind = tuple(value in wanted for wanted in told_apart)
        first, before = found.get(kind, (value, 0))
        found[kind] = (first, _plus(before, n))
    yield from found.values()


def _stretches(parameter: Parameter, told_apart: Sequence[Wanted]) -> Iterator[tuple[Value, Count]]:
    """Values between which nothing is told apart, with how many there are from each to the next."""
    if isinstance(parameter, Choice):
        yield from ((option, 1) for option in parameter.options)
        return
    assert isinstance(parameter, Int | Float)
    if parameter.size is None:
        ends = [end for wanted in told_apart for end in (wanted.low, wanted.high) if end is not None]
        points = sorted({parameter.low, parameter.high, *(end for end in ends if end in parameter)})
        between = [(a + b) / 2 for a, b in itertools.pairwise(points)]
        yield from ((float(point), None) for point in sorted({*points, *between}))
        return
    cuts = sorted({0, parameter.size, *(cut for wanted in told_apart for cut in _cuts(parameter, wanted))})
    yield from ((parameter.nth(a), b - a) for a, b in itertools.pairwise(cuts))


def _cuts(parameter: Int | Float, wanted: Wanted) -> Iterator[int]:
    """The indices of values with which something begins or has ended that is wanted."""

    def below(low: float) -> int:
        return (parameter.size or 0) - _size(parameter.narrowed(Wanted(low=low)))

    yield from (cut for option in wanted.options or () if option in parameter for cut in _around(below(float(option))))
    if wanted.low is not None:
        yield below(wanted.low)
    if wanted.high is not None:
        yield _size(parameter.narrowed(Wanted(high=wanted.high)))


def _around(index: int) -> tuple[int, int]:
    return index, index + 1


def _size(parameter: Parameter | None) -> int:
    return 0 if parameter is None else parameter.size or 0


def _told_apart(name: str, parameters: Sequence[Parameter], rules: Sequence[Rule]) -> list[tuple[str, Wanted]]:
    """What the conditions and rules tell apart of a parameter's values, each with whom that matters to."""
    conditions = [(p.name, Wanted(wanted)) for p in parameters for other, wanted in p.when if other == name]
    ifs = [(to, wanted) for rule in rules for other, wanted in rule.when if other == name for to, _ in rule.then]
    return [*conditions, *ifs]


def _connected(parameters: Sequence[Parameter], rules: Sequence[Rule]) -> list[list[Parameter]]:
    """The parameters in groups between which nothing refers to anything."""
    groups: list[set[str]] = []
    for names in (
        *({p.name, *dict(p.when), *([p.each] if p.each else [])} for p in parameters),
        *({name for name, _ in (*rule.when, *rule.then)} for rule in rules),
    ):
        touched = [group for group in groups if group & names]
        groups = [*(group for group in groups if group not in touched), names.union(*touched)]
    return [[p for p in parameters if p.name in group] for group in groups]


def _nothing_left(
    parameter: Parameter, held: Sequence[Rule], rules: Sequence[Rule], values: Mapping[str, Value], layer: int | None
) -> str:
    where = {n: value_of(n, values, layer) for rule in held for n, _ in rule.when}
    case = " and ".join(f"{name} = {value}" for name, value in where.items())
    wanted = " and ".join(dict.fromkeys(str(w) for rule in held for name, w in rule.then if name == parameter.name))
    had = "" if parameter.ruled else f", and the space has {describe(parameter)}"
    mend = (
        f"give {parameter.name} a value that is wanted" if len(held) == 1 else "let them want the same, or one of them"
    )
    return (
        f"{' and '.join(place(rules.index(rule) + 1) for rule in held)}: where {case}, no value of {parameter.name} is "
        f"left: wanted is {wanted}{had}; {mend}"
    )


def _times(a: Count, b: Count) -> Count:
    return None if a is None or b is None else a * b


def _plus(a: Count, b: Count) -> Count:
    return None if a is None or b is None else a + b
