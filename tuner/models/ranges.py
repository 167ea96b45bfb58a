"""What KerasTuner's hyperparameters may be, as entries of `tuner.own_entries`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import keras_tuner

from tuner.trial import Value

# KerasTuner makes grids by powers and sums of binary numbers; a person wrote the decimal ones next to them.
_DIGITS = 12


def entry(hp: Any) -> dict[str, Any]:
    """The range of a hyperparameter, without its name and conditions.

    Values are those that KerasTuner would propose, but for the last of a stepped float, which it leaves out where its
    sum of steps falls short of it.
    """
    kinds = keras_tuner.engine.hyperparameters
    if isinstance(hp, kinds.Choice):
        options = list(dict.fromkeys(hp.values))
        return {"choice": options, "ordered": True} if hp.ordered and len(options) > 1 else {"choice": options}
    if isinstance(hp, kinds.Boolean):
        return {"choice": [False, True]}
    if not isinstance(hp, kinds.Int | kinds.Float):
        return {"choice": [hp.default]}
    if hp.min_value == hp.max_value:
        return {"choice": [hp.min_value]}
    if hp.step is not None and hp.sampling != "linear":
        options = sorted(_listed(hp.values, int if isinstance(hp, kinds.Int) else _plain))
        return {"choice": options, "ordered": True} if len(options) > 1 else {"choice": options}
    kind = "int" if isinstance(hp, kinds.Int) else "float"
    scale = {"log": {"log": True}, "reverse_log": {"reverse": True}}.get(hp.sampling, {})
    step = {} if (hp.step in (None, 1) and kind == "int") or hp.step is None else {"step": hp.step}
    return {kind: [hp.min_value, hp.max_value], **step, **scale}


def _listed(values: Iterable[float], of: Any) -> list[Value]:
    return list(dict.fromkeys(of(value) for value in values))


def _plain(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else value
