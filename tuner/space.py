"""The search space: ordered parameters, and the one walk that says which of them are active.

Drivers, grids, samples and checks all go through `Space.walk(suggest)`; nothing else decides what a set of values
means. Values are flat: a parameter with `each = "layers"` becomes `units_1`, `units_2`, … up to the number of layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tuner.counting import count
from tuner.errors import nearest
from tuner.parameters import Choice, Condition, Float, Int, Parameter, Wanted, among, describe, said
from tuner.rules import Narrowing, Rule, active, left, narrowing, place
from tuner.rules import problems as rule_problems
from tuner.trial import Value

__all__ = ["Choice", "Condition", "Float", "Int", "Parameter", "Rule", "Space", "Suggest", "Wanted", "describe"]

Suggest = Callable[[str, Parameter], Value]


@dataclass(frozen=True, slots=True)
class Space:
    """Ordered parameters and the rules between them; a condition, an `each` or a rule refers only to parameters above.

    Raises ValueError with one line a problem, each starting with the parameter's name, or the rule's place, and a
    colon. Where there is none, every walk finds a value for whatever is active.
    """

    parameters: tuple[Parameter, ...]
    rules: tuple[Rule, ...] = ()
    _narrowing: Narrowing = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_narrowing", narrowing(self.rules))
        problems = [*_problems(self.parameters), *rule_problems(self.rules, self.parameters)]
        # Cases can be told apart only where names mean something.
        if problems or (problems := list(self._unreached())):
            raise ValueError("\n".join(problems))

    def walk(self, suggest: Suggest) -> dict[str, Value]:
        """The active values, in the space's order, as `suggest(name, parameter)` gives them.

        It is handed the parameter that the rules leave, and not asked about one with a single value. Raises ValueError
        where a suggestion is outside its range.
        """
        values: dict[str, Value] = {}
        for parameter in self.parameters:
            for name, layer in _instances(parameter, values):
                if not active(parameter, self._narrowing, values, layer):
                    continue
                narrowed = left(parameter, self._narrowing, values, layer)
                assert narrowed is not None, f"{name}: a space was made in which nothing is left of it"
                value = narrowed.choices()[0] if narrowed.size == 1 else suggest(name, narrowed)
                own = narrowed.own(value)
                if own is None:
                    ruled = "" if narrowed is parameter else ", which is what the rules leave here"
                    raise ValueError(f"{name}: {said(value)} is outside {describe(narrowed)}{ruled}")
                values[name] = own
        return values

    def check(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """The same values in the space's order; one without a layer's number is that of all layers without their own.

        Raises ValueError where one is missing, inactive or out of range.
        """

        def given(name: str, left: Parameter) -> Value:
            if name not in values and left.name not in values:
                more = f"; {left.name} alone is that of all {left.each}" if left.each else ""
                raise ValueError(f"{name}: a value is missing{more}")
            return values[name] if name in values else values[left.name]

        known, of_layers = [p.name for p in self.parameters], {p.name for p in self.parameters if p.each}
        for name in values:
            if name not in known and name.rpartition("_")[0] not in of_layers:
                raise ValueError(f"{name}: not a parameter of this space.{nearest(name, known)}".rstrip("."))
        walked = self.walk(given)
        for name, value in values.items():
            meant = [name] if name in walked else []
            if name in of_layers:
                meant = [each for each in walked if each not in values and self.parameter(each).name == name]
            if not meant:
                raise ValueError(f"{name}: not active beside these values")
            for each in meant:
                if not among((walked[each],), value):
                    raise ValueError(f"{each}: {said(value)} is not its only value, {said(walked[each])}")
        return walked

    def parameter(self, name: str) -> Parameter:
        """The whole parameter of which a walk asks for a value by that name."""
        named = {parameter.name: parameter for parameter in self.parameters}
        return named.get(name) or named[name.rpartition("_")[0]]

    @property
    def size(self) -> int | None:
        """How many different sets of active values there are; None where a parameter is a continuum."""
        return count(self.parameters, self.rules, self._narrowing).size

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that a value may have, at the largest number of layers, in order."""
        counters = {p.each for p in self.parameters}
        most = {p.name: max(int(n) for n in p.choices()) for p in self.parameters if p.name in counters}
        return tuple(name for p in self.parameters for name, _ in _instances(p, most))

    def grid(self) -> Iterator[dict[str, Value]]:
        """Every set of active values, the last parameter changing fastest. Raises ValueError for an infinite space."""
        script: list[int] = []  # the index chosen at each question, as an odometer
        while True:
            widths: list[int] = []

            def suggest(_: str, parameter: Parameter, widths: list[int] = widths) -> Value:
                choices = parameter.choices()
                if len(script) == len(widths):
                    script.append(0)
                widths.append(len(choices))
                return choices[script[len(widths) - 1]]

            yield self.walk(suggest)
            while script and script[-1] == widths[len(script) - 1] - 1:
                script.pop()
            if not script:
                return
            script[-1] += 1

    def _unreached(self) -> Iterator[str]:
        """Where the rules leave nothing, and rules that no set of values ever meets."""
        if not self.rules:  # then nothing is narrowed but by tapering, down to the same lowest value in every layer
            return
        counted = count(self.parameters, self.rules, self._narrowing)
        yield from counted.empty.values()
        for i, rule in enumerate(self.rules, start=1):
            if not counted.empty and rule not in counted.held:
                yield f"{place(i)}: it never holds where what it sets is active ({rule}); leave it out"


def _instances(parameter: Parameter, values: Mapping[str, Value]) -> list[tuple[str, int | None]]:
    """The names that a parameter stands for, with the layer of each; none where its counter is not active."""
    if parameter.each is None:
        return [(parameter.name, None)]
    layers = int(values.get(parameter.each, 0))
    return [(f"{parameter.name}_{layer}", layer) for layer in range(1, layers + 1)]


def _problems(parameters: tuple[Parameter, ...]) -> Iterator[str]:
    above: dict[str, Parameter] = {}
    for parameter in parameters:
        name = parameter.name
        if name in above:
            yield f"{name}: given twice"
        if parameter.each is not None:
            counter = above.get(parameter.each)
            if not isinstance(counter, Int | Choice) or counter.each or not _counts(counter):
                yield f"{name}: each = '{parameter.each}' needs a parameter of that name above it, of whole numbers"
        if isinstance(parameter, Int) and parameter.taper:
            yield from _taper_problems(parameter, above)
        wrong = list(_condition_problems(parameter, above, {p.name for p in parameters}))
        yield from wrong
        if not wrong and (other := _contradiction(parameter, above)):
            yield f"{name}: its conditions never hold together, as they want different values of '{other}'"
        above[name] = parameter
    stems = {p.name for p in parameters if p.each}
    for parameter in parameters:
        stem, _, number = parameter.name.rpartition("_")
        if number.isdigit() and stem in stems:
            yield f"{parameter.name}: the name is taken by layer {number} of {stem}"


def _condition_problems(parameter: Parameter, above: Mapping[str, Parameter], names: set[str]) -> Iterator[str]:
    for name, wanted in parameter.when:
        start = f"{parameter.name}: its condition refers to '{name}'"
        if name not in above:
            yield f"{start}, which {'comes later; move it up' if name in names else 'is not in the space'}"
            continue
        other = above[name]
        if other.each and other.each != parameter.each:
            yield f'{start}, which differs from layer to layer; say each = "{other.each}" here too'
        if other.size is None:
            yield f"{start}, a continuum; give that a step or choices"
            continue
        if not wanted:
            yield f"{start}, but names no value of it"
        for value in wanted:
            if value not in other:
                yield f"{parameter.name}: its condition never holds, {name} is never {said(value)} ({describe(other)})"


def _taper_problems(parameter: Int, above: Mapping[str, Parameter]) -> Iterator[str]:
    if parameter.each is None:
        yield f"{parameter.name}: taper is for a value of every layer; say each, or leave taper out"
    for name, _ in parameter.when:
        if name in above and above[name].each:
            yield (
                f"{parameter.name}: it tapers from layer to layer, so that every layer needs one; leave out its "
                f"condition on '{name}'"
            )
    for other in above.values():
        if isinstance(other, Int) and other.taper and other.each == parameter.each:
            yield f"{parameter.name}: {other.name} tapers by the same layers already; leave out taper in one of them"


def _contradiction(parameter: Parameter, above: Mapping[str, Parameter]) -> str | None:
    """The parameter of which the conditions, and those that they rest on, want values that exclude each other."""
    wanted: dict[str, tuple[Value, ...]] = {}
    rests_on = [parameter]
    for each in rests_on:
        for name, values in each.when:
            wanted[name] = tuple(v for v in wanted.get(name, values) if among(values, v))
            if not wanted[name]:
                return name
        rests_on += [above[name] for name in (*dict(each.when), each.each or "") if name in above]
    return None


def _counts(parameter: Int | Choice) -> bool:
    """Whether every value is a whole number from 0 on, as a number of layers must be."""
    ends = parameter.options if isinstance(parameter, Choice) else (parameter.low,)
    return all(isinstance(v, int) and not isinstance(v, bool) and v >= 0 for v in ends)
