"""The rules of a `[space]`: its `rules` read, what each may say, and their JSON schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tuner.errors import nearest
from tuner.parameters import Choice, Parameter, Wanted, among
from tuner.rules import Part, Rule, place
from tuner.strict import got
from tuner.tunables import TUNABLES, Tunable

_FORM = "{ if = { … }, then = { … } }"


def read(given: object, lines: list[str]) -> list[Rule]:
    """The rules that make sense, each for itself; what does not becomes lines."""
    if not isinstance(given, list):
        lines.append(f"rules: expected a list of {_FORM}, got {got(given)}")
        return []
    found = [_rule(each, place(i), lines) for i, each in enumerate(given, start=1)]
    return [rule for rule in found if rule is not None]


def _rule(given: object, where: str, lines: list[str]) -> Rule | None:
    if not isinstance(given, dict):
        lines.append(f"{where}: expected {_FORM}, got {got(given)}")
        return None
    wrong = [f"{where}.{key}: unknown key. Known: if, then" for key in given if key not in ("if", "then")]
    sides = {side: _parts(given.get(side), f"{where}.{side}", wrong) for side in ("if", "then")}
    lines += wrong
    return None if wrong else Rule(sides["if"], sides["then"])


def _parts(given: object, where: str, lines: list[str]) -> tuple[Part, ...]:
    if not isinstance(given, dict) or not given:
        what = "is missing" if given is None else f"got {got(given) if given != {} else 'none'}"
        lines.append(f"{where}: expected a table of parameters and their values, {what}")
        return ()
    parts: list[Part] = []
    for name, value in given.items():
        try:
            parts.append((name, _wanted(name, value)))
        except ValueError as error:
            lines.append(f"{where}.{name}: {error}")
    return tuple(parts)


def _wanted(name: str, given: object) -> Wanted:
    """Raises ValueError where no value of that name is spoken of."""
    if name not in TUNABLES:
        raise ValueError(f"unknown parameter.{nearest(name, TUNABLES)} Known: {', '.join(TUNABLES)}")
    tunable = TUNABLES[name]
    if isinstance(given, dict):
        return _range(tunable, given)
    options: list[Any] = given if isinstance(given, list) else [given]
    if not options:
        raise ValueError("expected at least one value, got []")
    for i, option in enumerate(options):
        if problem := tunable.problem(option):
            raise ValueError(problem)
        if among(tuple(options[:i]), option):
            raise ValueError(f"{got(option)} is given twice")
    return Wanted(tuple(tunable.kind(option) for option in options))


def _range(tunable: Tunable, given: Mapping[str, Any]) -> Wanted:
    if tunable.kind in (str, bool):
        raise ValueError("expected a value or a list of them, got a table")
    if not given or given.keys() - {"min", "max"}:
        raise ValueError(f"expected {{ min = …, max = … }} or one of them, got {', '.join(given) or 'an empty table'}")
    for value in given.values():
        if problem := tunable.problem(value):
            raise ValueError(problem)
    low, high = given.get("min"), given.get("max")
    if low is not None and high is not None and low > high:
        raise ValueError(f"min must be at most max, got {low} and {high}")
    return Wanted(low=low, high=high)


def ruled(rules: Sequence[Rule], parameters: Mapping[str, Parameter]) -> Iterator[Parameter | str]:
    """The parameters that rules alone set: fixed values, in layers where a rule looks at layers. A line for each that
    cannot be one."""
    for name in dict.fromkeys(name for rule in rules for name, _ in rule.then if name not in parameters):
        found = [(i, rule, wanted) for i, rule in enumerate(rules, start=1) for n, wanted in rule.then if n == name]
        counters = {p.each for _, rule, _ in found for n, _ in rule.when if (p := parameters.get(n)) and p.each}
        wrong = list(_unsettable(name, found, counters))
        if wrong:
            yield from wrong
            continue
        options = {option: None for _, _, wanted in found for option in wanted.options or ()}
        yield Choice(name=name, options=tuple(options), each=next(iter(counters), None), ruled=True)


def _unsettable(name: str, found: Sequence[tuple[int, Rule, Wanted]], counters: set[str]) -> Iterator[str]:
    for i, _, wanted in found:
        if len(wanted.options or ()) != 1:
            yield (
                f"{place(i)}.then.{name}: it is not in the space, so expected one value for it, got {wanted}; "
                f"give one, or put {name} into [space]"
            )
    if counters and not TUNABLES[name].per_layer:
        yield f"{place(found[0][0])}.then.{name}: one value serves the whole network, but the rule looks at layers"
    elif len(counters) > 1:
        yield f"{place(found[0][0])}.then.{name}: its rules look at the layers of both {' and '.join(sorted(counters))}"


def schema(scalars: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The JSON schema of `rules`, with that of one value of each parameter."""

    def of(name: str) -> dict[str, Any]:
        one = dict(scalars[name])
        forms = [one, {"type": "array", "items": one, "minItems": 1}]
        if TUNABLES[name].kind in (int, float):
            ends = {"min": one, "max": one}
            forms.append({"type": "object", "properties": ends, "additionalProperties": False, "minProperties": 1})
        return {"anyOf": forms}

    properties = {name: {**of(name), "description": TUNABLES[name].about} for name in scalars}
    side = {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": 1}
    return {
        "type": "array",
        "description": "where all of `if` holds, so does all of `then`; what is not in the space is set by it",
        "items": {
            "type": "object",
            "properties": {
                "if": {**side, "description": "values of parameters above those in `then`"},
                "then": {**side, "description": "the values that are left there"},
            },
            "required": ["if", "then"],
            "additionalProperties": False,
        },
    }
