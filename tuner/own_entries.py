"""The space of a model of the user's own: entries as discovery finds them, and as the ledger's document keeps them.

A list, as order matters and names are the user's; nothing here means what a built-in network would make of it. From
the list the space is rebuilt without running the user's code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from tuner.parameters import Choice, Float, Int, Parameter, Wanted
from tuner.rules import Rule
from tuner.space import Space
from tuner.strict import Scalar, Section, got, problems, refused
from tuner.trial import Value

Conditions = dict[str, tuple[Scalar, ...]]


class Case(Section):
    """Under which values of others a parameter is active, and which of its values are left there."""

    when: Conditions
    options: tuple[Scalar, ...] | None = None
    low: float | None = None
    high: float | None = None

    def rule(self, name: str) -> Rule:
        given = tuple((other, Wanted(values)) for other, values in self.when.items())
        return Rule(given, ((name, Wanted(self.options, self.low, self.high)),))


class Entry(Section):
    """A parameter: one of int, float and choice, and what goes with it.

    `when` says under which values of others it is active; several `cases` do, where it differs among them.
    """

    name: str
    int_: tuple[int, int] | None = Field(None, alias="int")
    float_: tuple[float, float] | None = Field(None, alias="float")
    choice: tuple[Scalar, ...] | None = None
    step: float | None = None
    log: bool = False
    reverse: bool = False
    ordered: bool = False
    when: Conditions = Field({})
    cases: tuple[Case, ...] = ()

    def parameter(self) -> Parameter:
        """Raises ValueError where the entry makes no sense."""
        shared: dict[str, Any] = {
            "name": self.name,
            "when": tuple(self.when.items()),
            "ruled": bool(self.cases),
        }
        if self.choice is not None:
            return Choice(options=self.choice, ordered=self.ordered, **shared)
        if self.float_ is not None:
            low, high = self.float_
            return Float(low=low, high=high, step=self.step, log=self.log, reverse=self.reverse, **shared)
        if self.int_ is None:
            raise ValueError("expected one of int, float and choice")
        least, most = self.int_
        step = 1 if self.step is None else int(self.step)
        return Int(low=least, high=most, step=step, log=self.log, reverse=self.reverse, **shared)


def read(given: Mapping[str, Any]) -> Entry:
    """One entry. Raises ValidationError."""
    return Entry.model_validate_json(json.dumps(given))


def parse(given: object) -> Space:
    """The space of a list of entries; an empty one where nothing is known of it yet. For pydantic."""
    if not isinstance(given, list):
        raise ValueError(
            f"expected none beside model, which says itself what may vary, got {got(given)}. Leave out [space]"
        )
    lines: list[str] = []
    entries: list[Entry] = []
    parameters: list[Parameter] = []
    for each in given:
        try:
            entries.append(read(each))
            parameters.append(entries[-1].parameter())
        except ValidationError as error:
            lines += problems(error, Entry)
        except ValueError as error:
            lines.append(f"{entries[-1].name}: {error}")
    if not lines:
        try:
            return Space(tuple(parameters), tuple(case.rule(entry.name) for entry in entries for case in entry.cases))
        except ValueError as error:
            lines = str(error).split("\n")
    raise refused(lines)


def values(entry: Mapping[str, Any]) -> tuple[Value, ...] | None:
    """Every value of an entry, in order; None for a continuum."""
    parameter = read(entry).parameter()
    return None if parameter.size is None else parameter.choices()
