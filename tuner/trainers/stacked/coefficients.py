"""Every optimizer of Keras as one formula with coefficients, so that trials with different ones share a program.

For a weight p with gradient g and slots m, v and e, one step is, with the capitals from `Formula`:

    v ← KEEP_V·v + ADD_V·g²                          adamax: v ← max(KEEP_V·v, |g|)
    e ← max(e, v)                                    amsgrad, which then reads e for v
    e ← KEEP_E·e + (1 − KEEP_E)·g                    centered, which then reads v − e² for v
    r = 1 / (√(SCALE_V·v + INNER) + OUTER)           adamax: r = 1 / (v + OUTER)
    r = √(m + INNER) / √(v + INNER)                  adadelta, whose m holds squared steps
    w = g·r, where the slot m is fed with what a step would be, and g where it is fed with gradients
    m ← KEEP_M·m + ADD_M·w                           adadelta: w²
    p ← p − DECAY·p − (FROM_M·m + FROM_G·w)·(r where m is fed with gradients, else 1)

What stands after an arrow is made of what was there before the step alone, in coefficients of its own: with
READ_V = SCALE_V·KEEP_V and READ_G = SCALE_V·ADD_V, the root is of READ_V·v + READ_G·g² + INNER; with
STEP_M = FROM_M·KEEP_M and STEP_W = FROM_M·ADD_M + FROM_G, the step is STEP_M·m + STEP_W·w. See `updates`.

lion steps by the rate times the sign of BETA·m + (1 − BETA)·g, with m from before the step, and ftrl has a formula of
its own. The sources of the numbers are the `update_step` methods of Keras' optimizers, which the parity tests hold
them against.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import TypeAlias

import numpy as np

from tuner.metrics import Array
from tuner.trial import Value
from tuner.tunables import setting


class Formula(IntEnum):
    """The columns of the coefficients of a step."""

    RATE = 0
    KEEP_M = 1
    ADD_M = 2
    FROM_M = 3
    FROM_G = 4
    KEEP_V = 5
    ADD_V = 6
    SCALE_V = 7
    INNER = 8
    OUTER = 9
    KEEP_E = 10
    DECAY = 11
    BETA = 12
    READ_V = 13
    READ_G = 14
    STEP_M = 15
    STEP_W = 16


# Fed with what a step would be, not with the gradient.
FED_WITH_STEPS = ("adadelta", "adagrad", "rmsprop")
# The slot v of these begins at `initial_accumulator_value`.
ACCUMULATES = ("adagrad", "ftrl")
_DEFAULTS: Mapping[str, Mapping[str, float]] = {
    "adadelta": {"rho": 0.95},
    "rmsprop": {"rho": 0.9},
    "lion": {"beta_1": 0.9, "beta_2": 0.99},
    "adamw": {"weight_decay": 0.004},
}
# Of Nadam's momentum, which warms up; Keras has it as a constant.
_NADAM_DECAY = 0.96
Values: TypeAlias = Mapping[str, Value]


def option(values: Values, name: str, otherwise: float = 0.0) -> float:
    """An option of the trial's optimizer, or what Keras has for it where the trial says nothing."""
    known = _DEFAULTS.get(str(setting(values, "optimizer")), {})
    return float(values.get(name, known.get(name, otherwise)))


def coefficients(values: Values, rates: Array, first: int) -> Array:
    """The coefficients of consecutive steps, float32 (steps, columns of `Formula`).

    `rates` are the learning rates of those steps, and `first` counts the steps that the trial has taken before them.
    """
    name = str(setting(values, "optimizer"))
    rate = rates.astype(np.float64)
    table = np.zeros((len(rate), len(Formula)))
    t = first + 1 + np.arange(len(rate), dtype=np.float64)
    _FAMILIES[name](table, values, rate, t)
    table[:, Formula.RATE] = rate
    table[:, Formula.DECAY] = option(values, "weight_decay") * rate
    _from_before(table)
    return table.astype(np.float32)


def _from_before(table: Array) -> None:
    """The coefficients of what is made of the slots before the step, from those of the slots after it."""
    scale, of_m = table[:, Formula.SCALE_V], table[:, Formula.FROM_M]
    table[:, Formula.READ_V] = scale * table[:, Formula.KEEP_V]
    table[:, Formula.READ_G] = scale * table[:, Formula.ADD_V]
    table[:, Formula.STEP_M] = of_m * table[:, Formula.KEEP_M]
    table[:, Formula.STEP_W] = of_m * table[:, Formula.ADD_M] + table[:, Formula.FROM_G]


def _sgd(table: Array, values: Values, rate: Array, t: Array) -> None:
    momentum = option(values, "momentum")
    nesterov = bool(values.get("nesterov", False)) and momentum > 0
    table[:, Formula.KEEP_M] = momentum
    table[:, Formula.ADD_M] = rate
    table[:, Formula.FROM_M] = momentum if nesterov else 1.0
    table[:, Formula.FROM_G] = rate if nesterov else 0.0
    table[:, Formula.INNER] = 1.0  # r = 1


def _rmsprop(table: Array, values: Values, rate: Array, t: Array) -> None:
    rho = option(values, "rho")
    _second_moment(table, rho)
    table[:, Formula.INNER] = option(values, "epsilon", 1e-7)
    table[:, Formula.KEEP_E] = rho
    table[:, Formula.KEEP_M] = option(values, "momentum")
    table[:, Formula.ADD_M] = rate
    table[:, Formula.FROM_M] = 1.0


def _adagrad(table: Array, values: Values, rate: Array, t: Array) -> None:
    table[:, Formula.KEEP_V] = table[:, Formula.ADD_V] = table[:, Formula.SCALE_V] = 1.0
    table[:, Formula.INNER] = option(values, "epsilon", 1e-7)
    table[:, Formula.ADD_M] = rate
    table[:, Formula.FROM_M] = 1.0


def _adadelta(table: Array, values: Values, rate: Array, t: Array) -> None:
    rho = option(values, "rho")
    _second_moment(table, rho)
    table[:, Formula.INNER] = option(values, "epsilon", 1e-7)
    table[:, Formula.KEEP_M], table[:, Formula.ADD_M] = rho, 1 - rho
    table[:, Formula.FROM_G] = rate


def _adam(table: Array, values: Values, rate: Array, t: Array) -> None:
    beta_1, beta_2 = _first_moment(table, values)
    _second_moment(table, beta_2)
    table[:, Formula.OUTER] = option(values, "epsilon", 1e-7)
    table[:, Formula.FROM_M] = rate * np.sqrt(_left(beta_2, t)) / _left(beta_1, t)


def _nadam(table: Array, values: Values, rate: Array, t: Array) -> None:
    beta_1, beta_2 = _first_moment(table, values)
    _second_moment(table, beta_2)
    # Keras subtracts from 1 after it has rounded, here alone; `_left` is of the rounded one too.
    table[:, Formula.ADD_M], table[:, Formula.ADD_V] = _left(beta_1, np.ones(1)), _left(beta_2, np.ones(1))
    table[:, Formula.SCALE_V] = 1 / _left(beta_2, t)
    table[:, Formula.OUTER] = option(values, "epsilon", 1e-7)
    # u of every step from the first to the one after the last, and their running product.
    u = beta_1 * (1 - 0.5 * _NADAM_DECAY ** np.arange(1, t[-1] + 2))
    product = np.cumprod(u)
    now = t.astype(int) - 1
    table[:, Formula.FROM_M] = rate * u[now + 1] / (1 - product[now + 1])
    table[:, Formula.FROM_G] = rate * (1 - u[now]) / (1 - product[now])


def _adamax(table: Array, values: Values, rate: Array, t: Array) -> None:
    beta_1, beta_2 = _first_moment(table, values)
    table[:, Formula.KEEP_V], table[:, Formula.SCALE_V] = beta_2, 1.0
    table[:, Formula.OUTER] = option(values, "epsilon", 1e-7)
    table[:, Formula.FROM_M] = rate / _left(beta_1, t)


def _lion(table: Array, values: Values, rate: Array, t: Array) -> None:
    beta_2 = option(values, "beta_2")
    table[:, Formula.BETA] = option(values, "beta_1")
    table[:, Formula.KEEP_M], table[:, Formula.ADD_M] = beta_2, 1 - beta_2
    table[:, Formula.INNER] = 1.0


def _ftrl(table: Array, values: Values, rate: Array, t: Array) -> None:
    table[:, Formula.INNER] = 1.0


def _left(beta: float, t: Array) -> Array:
    """1 − beta^t as Keras gets it, from a beta in single precision: 0.999 there leaves 13 millionths less of 0.001."""
    power = (np.float64(np.float32(beta)) ** t).astype(np.float32)
    return (np.float32(1) - power).astype(np.float64)


def _first_moment(table: Array, values: Values) -> tuple[float, float]:
    beta_1, beta_2 = option(values, "beta_1", 0.9), option(values, "beta_2", 0.999)
    table[:, Formula.KEEP_M], table[:, Formula.ADD_M] = beta_1, 1 - beta_1
    return beta_1, beta_2


def _second_moment(table: Array, keep: float) -> None:
    table[:, Formula.KEEP_V], table[:, Formula.ADD_V], table[:, Formula.SCALE_V] = keep, 1 - keep, 1.0


_FAMILIES = {
    "adadelta": _adadelta, "adagrad": _adagrad, "adam": _adam, "adamax": _adamax, "adamw": _adam, "ftrl": _ftrl,
    "lion": _lion, "nadam": _nadam, "rmsprop": _rmsprop, "sgd": _sgd,
}  # fmt: skip
