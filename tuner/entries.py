"""The `[space]` section of a study file: its entries read into parameters, and its JSON schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from tuner.errors import nearest
from tuner.parameters import Choice, Condition, Float, Int, Parameter, describe, spelled
from tuner.space import Space
from tuner.strict import Scalar, Section, got, problems, refused
from tuner.trial import Value
from tuner.tunables import CLIPPING, TUNABLES, Tunable


def _pair(given: object) -> object:
    if not isinstance(given, list) or len(given) != 2:
        raise ValueError(f"expected two numbers, [low, high], got {got(given)}")
    return tuple(given)


class Entry(Section):
    """A parameter of the space: one of int, float and choice, and what goes with it."""

    int_: Annotated[tuple[int, int], BeforeValidator(_pair)] | None = Field(
        None, alias="int", description="whole numbers, [low, high], both included"
    )
    float_: Annotated[tuple[float, float], BeforeValidator(_pair)] | None = Field(
        None, alias="float", description="numbers, [low, high], both included"
    )
    choice: tuple[Scalar, ...] | None = Field(None, description="the options")
    step: float | None = Field(None, description="only low, low + step, …")
    log: bool = Field(False, description="sampled evenly by order of magnitude")
    each: Literal["layers"] | None = Field(None, description="a value of its own for every layer")
    when: dict[str, Scalar | tuple[Scalar, ...]] = Field({}, description="active only under these values of others")

    def parameter(self, name: str, tunable: Tunable) -> Parameter:
        """Raises ValueError where the entry makes no sense."""
        given = {"int": self.int_, "float": self.float_, "choice": self.choice}
        kinds = [kind for kind, value in given.items() if value is not None]
        if len(kinds) != 1:
            raise ValueError(
                "expected one of int = [low, high], float = [low, high] and choice = […], "
                f"got {' and '.join(kinds) or 'none of them'}"
            )
        when: tuple[Condition, ...] = tuple((k, v if isinstance(v, tuple) else (v,)) for k, v in self.when.items())
        if self.choice is not None:
            if self.step is not None or self.log:
                raise ValueError("step and log are for int and float, not for choice")
            return _choice(name, self.choice, tunable, self.each, when)
        if self.float_ is not None:
            low, high = self.float_
            return Float(name=name, low=low, high=high, step=self.step, log=self.log, each=self.each, when=when)
        assert self.int_ is not None
        if self.step is not None and not self.step.is_integer():
            raise ValueError(f"expected a whole number as the step of an int, got {self.step}")
        step = 1 if self.step is None else int(self.step)
        low, high = self.int_
        return Int(name=name, low=low, high=high, step=step, log=self.log, each=self.each, when=when)


def parse(given: object) -> Space:
    """The space of a `[space]` table; for pydantic, which is told of everything that is wrong in it at once."""
    if not isinstance(given, dict):
        raise ValueError(f"expected a table of parameters, got {got(given)}")
    if not given:
        raise ValueError(f"expected at least one parameter. Known: {', '.join(TUNABLES)}")
    lines: list[str] = []
    sound: list[Parameter] = []
    for name, entry in given.items():
        try:
            sound.append(_parameter(name, entry))
        except ValidationError as error:
            lines += [f"{name}.{line}" for line in problems(error, Entry)]
        except ValueError as error:
            lines.append(f"{name}: {error}")
    unsound = set(given) - {parameter.name for parameter in sound}
    try:
        # What refers to an unsound entry cannot be judged before that is mended.
        for parameter in list(sound):
            if unsound & {parameter.each, *dict(parameter.when)}:
                sound.remove(parameter)
                unsound.add(parameter.name)
        space = Space(tuple(sound))
    except ValueError as error:
        lines += str(error).split("\n")
    named = {parameter.name: parameter for parameter in sound}
    lines += _idle(named, unsound)
    lines += _clipped_twice(named)
    if lines:
        raise refused(lines)
    return space


def _parameter(name: str, entry: object) -> Parameter:
    """Raises ValueError, or pydantic's own kind of it, where the entry makes no sense."""
    if name not in TUNABLES:
        raise ValueError(f"unknown parameter.{nearest(name, TUNABLES)} Known: {', '.join(TUNABLES)}")
    tunable = TUNABLES[name]
    if isinstance(entry, list):
        raise ValueError(f"expected {_meant(tunable, entry)}, got a bare list")
    if isinstance(entry, dict):
        if tunable.words and _maps_numbers(entry):
            raise ValueError(f"expected {_meant(tunable, [])}, got numbers by name: {', '.join(entry)}")
        parameter = Entry.model_validate_json(json.dumps(entry, default=str)).parameter(name, tunable)
    else:
        parameter = _choice(name, (entry,), tunable)
    _check_meaning(parameter, tunable)
    return parameter


def _meant(tunable: Tunable, listed: list[Any]) -> str:
    """What to write for a list of values, or in place of one in which none makes sense."""
    if tunable.words:
        known = [value for value in listed if value in tunable.words] or list(tunable.words[:2])
        return f"{json.dumps(known[0])} or {{ choice = {json.dumps(known)} }}"
    kind = {int: " or { int = [low, high] }", float: " or { float = [low, high] }"}.get(tunable.kind, "")
    return f"{{ choice = {json.dumps(listed)} }}{kind}"


def _maps_numbers(entry: Mapping[str, object]) -> bool:
    """A table such as Keras takes for weights of classes: `{ 0 = 1.0, 1 = 3.0 }`."""
    known = {field.alias or name for name, field in Entry.model_fields.items()}
    return bool(entry) and not known & entry.keys() and all(isinstance(each, int | float) for each in entry.values())


def _choice(
    name: str, options: tuple[Any, ...], tunable: Tunable, each: str | None = None, when: tuple[Condition, ...] = ()
) -> Choice:
    for option in options:
        if problem := tunable.problem(option):
            raise ValueError(problem)
    # One type for equal numbers, so that a trial is recognised by its values.
    return Choice(name=name, options=tuple(tunable.kind(option) for option in options), each=each, when=when)


def _check_meaning(parameter: Parameter, tunable: Tunable) -> None:
    if parameter.each is not None and not tunable.per_layer:
        raise ValueError(f"one value serves the whole network; leave out each = '{parameter.each}'")
    if not isinstance(parameter, Int | Float):
        return
    if tunable.kind in (str, bool):
        raise ValueError(f"expected choice = […], got [{parameter.low}, {parameter.high}]")
    if not isinstance(parameter, Int if tunable.kind is int else Float):
        wanted, came = ("int", "float") if tunable.kind is int else ("float", "int")
        raise ValueError(f"expected {wanted} = [low, high], got {came} = [{parameter.low}, {parameter.high}]")
    for end in (parameter.low, parameter.high):
        if problem := tunable.problem(end):
            raise ValueError(problem)
    if parameter.size == 1:
        raise ValueError(
            f"{describe(parameter)} holds one value; write {parameter.name} = {parameter.low}, or widen it"
        )


def _idle(named: Mapping[str, Parameter], unsound: set[str]) -> Iterator[str]:
    """A parameter that the chosen optimizer or schedule ignores must not be in the record of the trial."""
    for name, parameter in named.items():
        if (only := TUNABLES[name].only) is None or only[0] in unsound:
            continue
        other, known = only
        wanted = dict(parameter.when).get(other, _possible(other, named.get(other)))
        if idle := [str(word) for word in wanted if word not in known]:
            words = " or ".join(f'"{word}"' for word in known)
            yield f"{name}: {idle[0]} has none; say when = {{ {other} = … }} with {words} for it"


def _possible(name: str, parameter: Parameter | None) -> tuple[Value, ...]:
    """Every value that the networks of a space may have of it: the default too, where it is not always active."""
    default = () if parameter is not None and not parameter.when else (TUNABLES[name].default,)
    return (*(parameter.choices() if parameter is not None else ()), *(word for word in default if word is not None))


def _clipped_twice(named: Mapping[str, Parameter]) -> Iterator[str]:
    first, *others = [name for name in CLIPPING if name in named] or [""]
    for name in others:
        yield f"{name}: excludes {first}, as gradients are clipped in one way only; leave one out"


def dump(space: Space) -> dict[str, str]:
    """Each parameter's range, counter and conditions in words: what a change of the space is told by."""
    return {parameter.name: _in_words(parameter) for parameter in space.parameters}


def _in_words(parameter: Parameter) -> str:
    each = f", each {parameter.each}" if parameter.each else ""
    when = "".join(f", when {name} = {spelled(values)}" for name, values in parameter.when)
    return f"{type(parameter).__name__.lower()} {describe(parameter)}{each}{when}"


def schema() -> dict[str, Any]:
    """The JSON schema of a `[space]` table: each parameter with its own keys and words, for an editor to offer."""
    return {
        "type": "object",
        "description": "what may vary: parameters in order, as a condition refers only upward",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {name: _entry_schema(tunable) for name, tunable in TUNABLES.items()},
    }


_JSON_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean"}


def _entry_schema(tunable: Tunable) -> dict[str, Any]:
    entry = Entry.model_json_schema(by_alias=True)
    scalar: dict[str, Any] = {"type": _JSON_TYPES[tunable.kind]}
    if tunable.words:
        scalar["enum"] = list(tunable.words)
    senseless = {int: {"float"}, float: {"int"}}.get(tunable.kind, {"int", "float", "step", "log"})
    if not tunable.per_layer:
        senseless = senseless | {"each"}
    entry["properties"] = {key: value for key, value in entry["properties"].items() if key not in senseless}
    about = entry["properties"]["choice"]["description"]
    entry["properties"]["choice"] = {"type": "array", "items": scalar, "minItems": 1, "description": about}
    del entry["title"]
    return {"description": tunable.about, "anyOf": [entry, scalar]}
