"""Rules between parameters: where some have these values, others have only those.

A rule narrows what stands below it while a set of values is made, so that no set that breaks it is ever made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tuner.errors import nearest
from tuner.parameters import Choice, Int, Parameter, Wanted, among, describe, said
from tuner.trial import Value

# A rule's words on one parameter: its name, and the values that are wanted of it.
Part = tuple[str, Wanted]


@dataclass(frozen=True, slots=True)
class Rule:
    """Where all of `when` holds, so does all of `then`. Of parameters with a value for every layer: layer by layer."""

    when: tuple[Part, ...]
    then: tuple[Part, ...]

    def holds(self, values: Mapping[str, Value], layer: int | None) -> bool:
        """What is not active is none of the values that a rule speaks of."""
        return all(
            (value := value_of(name, values, layer)) is not None and value in wanted for name, wanted in self.when
        )

    def __str__(self) -> str:
        return f"if {_and(self.when)} then {_and(self.then)}"


def _and(parts: tuple[Part, ...]) -> str:
    return " and ".join(f"{name} {'=' if wanted.options is not None else 'is'} {wanted}" for name, wanted in parts)


# By the name of a parameter: the rules that say something of it, and what they want of it.
Narrowing = Mapping[str, tuple[tuple[Rule, Wanted], ...]]


def narrowing(rules: Sequence[Rule]) -> Narrowing:
    names = {name for rule in rules for name, _ in rule.then}
    return {name: tuple((rule, each) for rule in rules for n, each in rule.then if n == name) for name in names}


def value_of(name: str, values: Mapping[str, Value], layer: int | None) -> Value | None:
    """The value of a parameter, in that layer where it differs by layer; None where it is not active."""
    return values[name] if name in values else values.get(f"{name}_{layer}")


def active(parameter: Parameter, rules: Narrowing, values: Mapping[str, Value], layer: int | None) -> bool:
    """Whether every condition holds, given the values above; one on a per-layer parameter looks at the same layer."""
    for name, wanted in parameter.when:
        value = value_of(name, values, layer)
        if value is None or not among(wanted, value):
            return False
    return not parameter.ruled or any(rule.holds(values, layer) for rule, _ in rules.get(parameter.name, ()))


def left(parameter: Parameter, rules: Narrowing, values: Mapping[str, Value], layer: int | None) -> Parameter | None:
    """The parameter with the values that the rules, and the layer before, leave of it; None where that is none."""
    found: Parameter | None = parameter
    if layer is not None and layer > 1 and isinstance(parameter, Int) and parameter.taper:
        found = parameter.narrowed(Wanted(high=float(values[f"{parameter.name}_{layer - 1}"])))
    for rule, wanted in rules.get(parameter.name, ()):
        if found is not None and rule.holds(values, layer):
            found = found.narrowed(wanted)
    return found


def problems(rules: Sequence[Rule], parameters: Sequence[Parameter]) -> Iterator[str]:
    """What makes no sense in each rule, whatever the others are, a line each."""
    for i, rule in enumerate(rules, start=1):
        for line in _problems(rule, list(parameters)):
            yield f"{place(i)}: {line}"


def place(number: int) -> str:
    """What messages call a rule, counted from 1 as a person counts them."""
    return f"rules[{number}]"


def _problems(rule: Rule, parameters: list[Parameter]) -> Iterator[str]:
    named = {parameter.name: parameter for parameter in parameters}
    order = list(named)
    for name, wanted in rule.when:
        other = named.get(name)
        if other is None or other.ruled:
            yield f"it refers to '{name}', which is not in the space.{nearest(name, order)}".rstrip(".")
        elif problem := _never(other, wanted):
            yield problem
    for name, _ in rule.then:
        if (target := named.get(name)) is None:
            yield f"it sets '{name}', which is not in the space.{nearest(name, order)}".rstrip(".")
            continue
        for other in (named[n] for n, _ in rule.when if n in named):
            if order.index(other.name) >= order.index(name):
                yield f"it sets '{name}', which must come after '{other.name}'; move it down"
            if other.each not in (None, target.each):
                yield (
                    f"it looks at '{other.name}', which differs from layer to layer; say each = \"{other.each}\" "
                    f"for '{name}' too"
                )


def _never(other: Parameter, wanted: Wanted) -> str | None:
    """Why a part of a rule's `if` never holds, or can hardly be met."""
    if wanted.options is None:
        words = isinstance(other, Choice) and not any(isinstance(v, int | float) for v in other.options)
        if words:
            return f"{other.name} is one of words; name those that are meant ({describe(other)})"
        none = other.narrowed(wanted) is None
        return f"it never holds, {other.name} is never {wanted} ({describe(other)})" if none else None
    if other.size is None:
        return f"it refers to '{other.name}', a continuum; say {{ min = …, max = … }} of it"
    for value in wanted.options:
        if value not in other:
            return f"it never holds, {other.name} is never {said(value)} ({describe(other)})"
    return None
