"""The `[space]` section of a study file: its entries read into parameters, and its JSON schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from tuner import rule_entries
from tuner.errors import nearest
from tuner.parameters import Choice, Condition, Float, Int, Parameter, describe, spelled
from tuner.rules import Rule, place
from tuner.space import Space
from tuner.strict import Scalar, Section, got, problems, refused
from tuner.trial import Value
from tuner.tunables import CLIPPING, SHAPED, TUNABLES, Tunable


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
    taper: bool = Field(False, description="at most as much in each layer as in the one before")
    each: Literal["layers", "conv_layers"] | None = Field(None, description="a value of its own for every layer")
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
            if self.taper:
                raise ValueError("taper is for int, not for choice")
            return _choice(name, self.choice, tunable, self.each, when)
        if self.float_ is not None:
            if self.taper:
                raise ValueError("taper is for int, not for float")
            low, high = self.float_
            return Float(name=name, low=low, high=high, step=self.step, log=self.log, each=self.each, when=when)
        assert self.int_ is not None
        if self.step is not None and not self.step.is_integer():
            raise ValueError(f"expected a whole number as the step of an int, got {self.step}")
        step = 1 if self.step is None else int(self.step)
        low, high = self.int_
        return Int(name=name, low=low, high=high, step=step, log=self.log, taper=self.taper, each=self.each, when=when)


def parse(given: object) -> Space:
    """The space of a `[space]` table; for pydantic, which is told of everything that is wrong in it at once."""
    if not isinstance(given, dict):
        raise ValueError(f"expected a table of parameters, got {got(given)}")
    entries = {name: entry for name, entry in given.items() if name != "rules"}
    if not entries:
        raise ValueError(f"expected at least one parameter. Known: {', '.join(TUNABLES)}")
    lines: list[str] = []
    sound: list[Parameter] = []
    for name, entry in entries.items():
        try:
            sound.append(_parameter(name, entry))
        except ValidationError as error:
            lines += [f"{name}.{line}" for line in problems(error, Entry)]
        except ValueError as error:
            lines.append(f"{name}: {error}")
    unsound = set(entries) - {parameter.name for parameter in sound}
    # What refers to an unsound entry cannot be judged before that is mended.
    for parameter in list(sound):
        if unsound & {parameter.each, *dict(parameter.when)}:
            sound.remove(parameter)
            unsound.add(parameter.name)
    rules = _rules(given.get("rules", []), sound, unsound, lines)
    try:
        space = Space(tuple(sound), tuple(rules))
    except ValueError as error:
        lines += str(error).split("\n")
    named = {parameter.name: parameter for parameter in sound}
    lines += _idle(named, rules, unsound)
    lines += _clipped_twice(named)
    lines += _shaped_twice(named)
    lines += _without_blocks(named, unsound)
    if lines:
        raise refused(lines)
    return space


def _rules(given: object, sound: list[Parameter], unsound: set[str], lines: list[str]) -> list[Rule]:
    """The rules that can be judged; what only they set is put to the sound parameters, and what is wrong to lines."""
    before = len(lines)
    found = [rule for rule in rule_entries.read(given, lines) if not unsound & {*dict(rule.when), *dict(rule.then)}]
    for each in rule_entries.ruled(found, {parameter.name: parameter for parameter in sound}):
        lines += [each] if isinstance(each, str) else []
        sound += [each] if isinstance(each, Parameter) else []
    # What one rule sets may be what another looks at.
    return found if len(lines) == before else []


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
    if parameter.each not in (None, tunable.counter):
        raise ValueError(f"expected each = '{tunable.counter}', got each = '{parameter.each}'")
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


def _idle(named: Mapping[str, Parameter], rules: Sequence[Rule], unsound: set[str]) -> Iterator[str]:
    """A parameter that the chosen optimizer or schedule ignores must not be in the record of the trial."""
    for name, parameter in named.items():
        if (only := TUNABLES[name].only) is None or only[0] in unsound:
            continue
        other, known = only
        for where, given in _givens(parameter, rules):
            wanted = given.get(other, _possible(other, named.get(other)))
            if idle := [str(word) for word in wanted if word not in known]:
                words = " or ".join(f'"{word}"' for word in known)
                say = "if" if parameter.ruled else "when"
                yield f"{where}: {idle[0]} has none; say {say} = {{ {other} = … }} with {words} for it"


def _givens(parameter: Parameter, rules: Sequence[Rule]) -> Iterator[tuple[str, Mapping[str, tuple[Value, ...]]]]:
    """What must hold where a parameter is active, a case each, with what a message calls it."""
    if not parameter.ruled:
        yield parameter.name, dict(parameter.when)
        return
    for i, rule in enumerate(rules, start=1):
        if parameter.name in dict(rule.then):
            given = {name: wanted.options for name, wanted in rule.when if wanted.options is not None}
            yield f"{place(i)}.then.{parameter.name}", given


def _possible(name: str, parameter: Parameter | None) -> tuple[Value, ...]:
    """Every value that the networks of a space may have of it: the default too, where it is not always active."""
    default = () if parameter is not None and parameter.always else (TUNABLES[name].default,)
    return (*(parameter.choices() if parameter is not None else ()), *(word for word in default if word is not None))


def _clipped_twice(named: Mapping[str, Parameter]) -> Iterator[str]:
    first, *others = [name for name in CLIPPING if name in named] or [""]
    for name in others:
        yield f"{name}: excludes {first}, as gradients are clipped in one way only; leave one out"


def _shaped_twice(named: Mapping[str, Parameter]) -> Iterator[str]:
    if "shape" in named:
        for name in (name for name in SHAPED if name in named):
            yield f"{name}: a shape says how many layers there are, and how wide each is; leave out one of the two"


def _without_blocks(named: Mapping[str, Parameter], unsound: set[str]) -> Iterator[str]:
    if "conv_layers" in {*named, *unsound}:
        return
    for name, parameter in named.items():
        if TUNABLES[name].counter == "conv_layers" and not parameter.each:
            yield f"{name}: there are no blocks of convolution; put conv_layers above it, or leave it out"


def dump(space: Space) -> dict[str, str]:
    """Each parameter's range, counter and conditions in words, and the rules: what a change of the space is told by."""
    words = {parameter.name: _in_words(parameter) for parameter in space.parameters if not parameter.ruled}
    return words | ({"rules": "; ".join(str(rule) for rule in space.rules)} if space.rules else {})


def _in_words(parameter: Parameter) -> str:
    each = f", each {parameter.each}" if parameter.each else ""
    each += ", tapering" if isinstance(parameter, Int) and parameter.taper else ""
    when = "".join(f", when {name} = {spelled(values)}" for name, values in parameter.when)
    return f"{type(parameter).__name__.lower()} {describe(parameter)}{each}{when}"


def schema() -> dict[str, Any]:
    """The JSON schema of a `[space]` table: each parameter with its own keys and words, for an editor to offer."""
    return {
        "type": "object",
        "description": "what may vary: parameters in order, as a condition refers only upward",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {
            **{name: _entry_schema(tunable) for name, tunable in TUNABLES.items()},
            "rules": rule_entries.schema({name: _scalar_schema(tunable) for name, tunable in TUNABLES.items()}),
        },
    }


_JSON_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean"}


def _entry_schema(tunable: Tunable) -> dict[str, Any]:
    entry = Entry.model_json_schema(by_alias=True)
    scalar = _scalar_schema(tunable)
    senseless = {int: {"float"}, float: {"int"}}.get(tunable.kind, {"int", "float", "step", "log"})
    senseless = senseless | (set() if tunable.kind is int and tunable.per_layer else {"taper"})
    if tunable.per_layer:
        entry["properties"]["each"] |= {"anyOf": [{"const": tunable.counter}, {"type": "null"}]}
    else:
        senseless = senseless | {"each"}
    entry["properties"] = {key: value for key, value in entry["properties"].items() if key not in senseless}
    about = entry["properties"]["choice"]["description"]
    entry["properties"]["choice"] = {"type": "array", "items": scalar, "minItems": 1, "description": about}
    del entry["title"]
    return {"description": tunable.about, "anyOf": [entry, scalar]}


def _scalar_schema(tunable: Tunable) -> dict[str, Any]:
    scalar: dict[str, Any] = {"type": _JSON_TYPES[tunable.kind]}
    if tunable.form:
        scalar["pattern"] = f"^{tunable.form}$"
    return scalar | ({"enum": list(tunable.words)} if tunable.words else {})
