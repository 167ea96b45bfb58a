"""One step of every optimizer, on weights of many trials at once, from the coefficients of `coefficients`.

What was tried: a formula for each optimizer and a choice among the results took 1.2 times as long; a single tensor
with all weights in it gained less in the updates than its slices cost in the multiplications.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import tensorflow as tf

from tuner.trainers.stacked.coefficients import FED_WITH_STEPS, Formula
from tuner.trainers.stacked.plan import Traits

Tensor: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Updates:
    """The steps that trials with these traits take. A slot that none of them needs is not there."""

    traits: Traits

    @property
    def slots(self) -> tuple[str, ...]:
        """The slots beside each weight, in order."""
        names = set(self.traits.optimizers)
        kept = ["m"]
        if names - {"sgd", "lion"}:
            kept.append("v")
        if {"amsgrad", "centered"} & set(self.traits.switches):
            kept.append("e")
        return tuple(kept)

    def step(
        self, weight: Tensor, slots: tuple[Tensor, ...], gradient: Tensor, table: Tensor, flags: Flags
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The weight and its slots after one step; `table` has the coefficients, (lanes, columns of `Formula`)."""
        own = dict(zip(self.slots, slots, strict=True))

        def column(which: Formula) -> Tensor:
            return _spread(table[:, which], weight)

        if "weight_decay" in self.traits.switches:
            weight = weight * (1.0 - column(Formula.DECAY))
        stepped, m, v, e = self._by_formula(own, gradient, column, flags, weight)
        after = weight - stepped
        if "ftrl" in self.traits.optimizers:
            after, m, v = self._or_ftrl(weight, own, gradient, column, flags, (after, m, v))
        new = {"m": m, "v": v, "e": e}
        return after, tuple(new[name] for name in self.slots)

    def _by_formula(
        self, own: dict[str, Tensor], g: Tensor, column: Any, flags: Flags, weight: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        names, switches = set(self.traits.optimizers), self.traits.switches
        m, v, e = own["m"], own.get("v"), own.get("e")
        reads, r = None, None
        if v is not None:
            kept = column(Formula.KEEP_V) * v
            v = kept + column(Formula.ADD_V) * g * g
            if "adamax" in names:
                v = tf.where(_spread(flags.adamax, weight), tf.maximum(kept, tf.abs(g)), v)
            reads = v
            if e is not None:
                e, reads = _with_e(switches, flags, weight, e, v, g, column)
            inner = tf.sqrt(column(Formula.SCALE_V) * reads + column(Formula.INNER))
            if "adamax" in names:
                inner = tf.where(_spread(flags.adamax, weight), reads, inner)
            r = 1.0 / (inner + column(Formula.OUTER))
        fed = bool(names & set(FED_WITH_STEPS))
        w = tf.where(_spread(flags.fed_with_steps, weight), g * r, g) if fed else g
        added = w
        if "adadelta" in names:
            adadelta = _spread(flags.adadelta, weight)
            w = tf.where(adadelta, w * tf.sqrt(m + column(Formula.INNER)), w)
            added = tf.where(adadelta, w * w, w)
        before = m
        m = column(Formula.KEEP_M) * m + column(Formula.ADD_M) * added
        stepped = column(Formula.FROM_M) * m + column(Formula.FROM_G) * w
        if r is not None:
            stepped = tf.where(_spread(flags.fed_with_steps, weight), stepped, stepped * r) if fed else stepped * r
        if "lion" in names:
            beta = column(Formula.BETA)
            lion = column(Formula.RATE) * tf.sign(beta * before + (1.0 - beta) * g)
            stepped = tf.where(_spread(flags.lion, weight), lion, stepped)
        return stepped, m, v, e

    def _or_ftrl(
        self,
        weight: Tensor,
        own: dict[str, Tensor],
        g: Tensor,
        column: Any,
        flags: Flags,
        others: tuple[Tensor, Tensor, Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Ftrl as Keras has it by default: no penalties of its own, and the square root as its power."""
        rate = tf.maximum(column(Formula.RATE), 1e-30)
        accumulated = own["v"] + g * g
        linear = own["m"] + g - (tf.sqrt(accumulated) - tf.sqrt(own["v"])) / rate * weight
        after = -linear * rate / tf.sqrt(tf.maximum(accumulated, 1e-30))
        mine = _spread(flags.ftrl, weight)
        chosen = zip((after, linear, accumulated), others, strict=True)
        return tuple(tf.where(mine, own_, other) for own_, other in chosen)


@dataclass(frozen=True, slots=True)
class Flags:
    """Which formula each lane follows, bool (lanes,); None where no trial of the study follows it."""

    fed_with_steps: Tensor = None
    adadelta: Tensor = None
    adamax: Tensor = None
    lion: Tensor = None
    ftrl: Tensor = None
    amsgrad: Tensor = None
    centered: Tensor = None


def _with_e(
    switches: tuple[str, ...], flags: Flags, weight: Tensor, e: Tensor, v: Tensor, g: Tensor, column: Any
) -> tuple[Tensor, Tensor]:
    """The slot e after a step, and what is read where v would be."""
    after, reads = e, v
    if "amsgrad" in switches:
        mine = _spread(flags.amsgrad, weight)
        after = tf.where(mine, tf.maximum(e, v), after)
        reads = tf.where(mine, after, reads)
    if "centered" in switches:
        mine, keep = _spread(flags.centered, weight), column(Formula.KEEP_E)
        mean = keep * e + (1.0 - keep) * g
        after = tf.where(mine, mean, after)
        reads = tf.where(mine, v - mean * mean, reads)
    return after, reads


def _spread(by_lane: Tensor, like: Tensor) -> Tensor:
    """Values by lane, in a shape that broadcasts to that of a weight."""
    return tf.reshape(by_lane, [-1] + [1] * (len(like.shape) - 1))


def clipped(gradients: list[Tensor], traits: Traits, limits: dict[str, Tensor], axes: list[list[int]]) -> list[Tensor]:
    """Gradients within the trials' limits, float32 (lanes,) each, infinite where a trial has none.

    `axes` says which dimensions of a gradient belong to one variable of Keras.
    """
    if "clipvalue" in traits.switches:
        gradients = [
            tf.clip_by_value(g, -_spread(limits["clipvalue"], g), _spread(limits["clipvalue"], g)) for g in gradients
        ]
    if "clipnorm" in traits.switches:
        gradients = [_by_norm(g, _spread(limits["clipnorm"], g), axis) for g, axis in zip(gradients, axes, strict=True)]
    if "global_clipnorm" in traits.switches:
        limit = limits["global_clipnorm"]
        squares = [tf.reduce_sum(g * g, list(range(1, len(g.shape)))) for g in gradients]
        norm = tf.sqrt(tf.add_n(squares))
        scale = tf.where(norm > limit, limit / norm, 1.0)
        gradients = [g * _spread(scale, g) for g in gradients]
    return gradients


def _by_norm(gradient: Tensor, limit: Tensor, axis: list[int]) -> Tensor:
    norm = tf.sqrt(tf.reduce_sum(gradient * gradient, axis, keepdims=True))
    return gradient * tf.where(norm > limit, limit / norm, 1.0)
