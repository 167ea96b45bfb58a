"""A study's space in words: what may vary, by which rules, how many combinations there are, and three of them."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from tuner import defaults, wording
from tuner.parameters import Int, Parameter, describe, spelled
from tuner.space import Space
from tuner.study import Study
from tuner.trial import Value
from tuner.tunables import TUNABLES

_EXAMPLES = 3


def in_words(study: Study) -> Iterator[str]:
    """Lines for a person to read."""
    space = study.space
    by_default = study.document["space"] == defaults.space(study.data.source)
    yield f"{study.name}: {size(space)}" + (", as it has no [space] of its own" if by_default else "")
    yield ""
    width = max(len(parameter.name) for parameter in space.parameters)
    ranges = {parameter.name: _range(parameter) for parameter in space.parameters}
    middle = max(map(len, ranges.values()))
    for parameter in space.parameters:
        about = TUNABLES[parameter.name].about
        yield f"  {parameter.name:{width}}  {ranges[parameter.name]:{middle}}  {about}".rstrip()
    if space.rules:
        yield ""
        yield "rules"
        yield from (f"  {i}. {rule}" for i, rule in enumerate(space.rules, start=1))
    if study.search.max_params is not None:
        yield f"networks of more than {study.search.max_params:,} weights are left out"
    yield ""
    yield "examples"
    yield from (f"  {wording.values(values)}" for values in examples(space, study.search.seed))


def size(space: Space) -> str:
    """How many combinations there are, in words."""
    n = space.size
    if n is None:
        return "a continuum of combinations"
    if n >= 10**12:
        return f"about 10^{math.log10(n):.0f} combinations"
    return "1 combination" if n == 1 else f"{n:,} combinations"


def examples(space: Space, seed: int) -> list[dict[str, Value]]:
    """Sets of values, drawn at random, the same for a seed."""
    dice = random.Random(seed)
    return [space.walk(lambda _, parameter: parameter.at(dice.random())) for _ in range(_EXAMPLES)]


def _range(parameter: Parameter) -> str:
    each = f", each of the {parameter.each}" if parameter.each else ""
    taper = ", tapering" if isinstance(parameter, Int) and parameter.taper else ""
    when = "".join(f", if {name} = {spelled(values)}" for name, values in parameter.when)
    return f"{describe(parameter)}{each}{taper}{when}{', by a rule' if parameter.ruled else ''}"
