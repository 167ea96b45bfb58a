"""A study's space in words: what may vary, by which rules, how many combinations there are, and three of them.

No rows are read for that: they may have to be fetched first.
"""

from __future__ import annotations

import math
import random
import tomllib
from collections.abc import Iterator

from tuner import sizing, wording
from tuner.parameters import Int, Parameter, describe, spelled
from tuner.space import Space
from tuner.study import Study
from tuner.trial import Value
from tuner.tunables import TUNABLES

# How many are shown, and the draws among which they are looked for: a space may have fewer.
_EXAMPLES, _DRAWS = 3, 100


def in_words(study: Study) -> Iterator[str]:
    """Lines for a person to read."""
    space = study.space
    yield f"{study.name}: {size(space)}" + (", as it has no [space] of its own" if _has_none(study) else "")
    yield ""
    width = max(len(parameter.name) for parameter in space.parameters)
    ranges = {parameter.name: _range(parameter) for parameter in space.parameters}
    middle = max(map(len, ranges.values()))
    for parameter in space.parameters:
        # The names of a model of the user's own mean nothing of ours.
        about = "" if study.model else TUNABLES[parameter.name].about
        yield f"  {parameter.name:{width}}  {ranges[parameter.name]:{middle}}  {about}".rstrip()
    if space.rules:
        yield ""
        yield "rules"
        yield from (f"  {i}. {rule}" for i, rule in enumerate(space.rules, start=1))
    if study.search.max_params is not None:
        yield f"networks of more than {study.search.max_params:,} weights are left out"
    yield ""
    yield from _examples(study)


def size(space: Space) -> str:
    """How many combinations there are, in words."""
    n = space.size
    if n is None:
        return "a continuum of combinations"
    if n >= 10**12:
        return f"about 10^{math.log10(n):.0f} combinations"
    return "1 combination" if n == 1 else f"{n:,} combinations"


def examples(space: Space, seed: int, most: int | None = None) -> list[dict[str, Value]]:
    """Sets of values, drawn at random, the same for a seed, no two alike.

    With `most`, none that has more weights than that whatever the rows are: they are counted for one input and output.
    """
    dice = random.Random(seed)
    drawn: Iterator[dict[str, Value]] = (
        space.walk(lambda _, parameter: parameter.at(dice.random())) for _ in range(_DRAWS)
    )
    if most is not None:
        from tuner.drivers.limit import Limit  # takes Optuna, which nothing else here does

        drawn = Limit(space, lambda values: sizing.weights(values, 1, 1, (1, 1, 1)), most).within(drawn)
    found: list[dict[str, Value]] = []
    while len(found) < _EXAMPLES and (values := next(drawn, None)) is not None:
        if values not in found:
            found.append(values)
    return found


def _examples(study: Study) -> Iterator[str]:
    """The fixed values are not said again, as they stand above."""
    space, most = study.space, study.search.max_params
    found = examples(space, study.search.seed, most)
    if not found:
        yield "no network of it is that small"
        return
    counted = " (weights counted for rows of one feature: of more features, fewer networks fit)"
    yield f"{'example' if len(found) == 1 else 'examples'}{'' if most is None else counted}"
    fixed = {parameter.name for parameter in space.parameters if parameter.size == 1}
    yield from (f"  {wording.values(values, fixed) or wording.values(values)}" for values in found)


def _has_none(study: Study) -> bool:
    """Whether the study's file leaves the space to us; a study of the ledger has no file, and a space in any case."""
    return bool(study.text) and study.model is None and "space" not in tomllib.loads(study.text)


def _range(parameter: Parameter) -> str:
    each = f", each of the {parameter.each}" if parameter.each else ""
    taper = ", tapering" if isinstance(parameter, Int) and parameter.taper else ""
    when = "".join(f", if {name} = {spelled(values)}" for name, values in parameter.when)
    return f"{describe(parameter)}{each}{taper}{when}{', by a rule' if parameter.ruled else ''}"
