"""One step of every optimizer, on weights of many trials at once, from the coefficients of `coefficients`.

A weight and its slots are passed over in two loops, one up to the divisor and one from it, because the compiler makes
one loop only of what does not wait for each other: so each slot is made of the values before the step, and of the
coefficients alone. As five loops, some of them over all layers at a time, they were a third of an epoch, and nearly
half of what the five optimizers of a program cost beyond Adam alone was a root that only adadelta needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import tensorflow as tf

from tuner.trainers.stacked.coefficients import FED_WITH_STEPS, Formula
from tuner.trainers.stacked.plan import Traits

Tensor: TypeAlias = Any

# Which formula a lane follows, of those that the study has.
FLAGS = ("fed_with_steps", "adadelta", "adamax", "lion", "ftrl", "amsgrad", "centered")
# What a divisor is at least where a trial's own may be 0.
_LEAST = 1e-30


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
        self, weight: Tensor, slots: tuple[Tensor, ...], gradient: Tensor, terms: Terms
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The weight and its slots after one step."""
        own = dict(zip(self.slots, slots, strict=True))
        if "weight_decay" in self.traits.switches:
            weight = weight - weight * terms.of[Formula.DECAY]
        stepped, m, v, e = self._by_formula(own, gradient, terms)
        after = weight - stepped
        if "ftrl" in self.traits.optimizers:
            after, m, v = _or_ftrl(weight, own, gradient, terms, (after, m, v))
        new = {"m": m, "v": v, "e": e}
        return after, tuple(new[name] for name in self.slots)

    def _by_formula(self, own: dict[str, Tensor], g: Tensor, terms: Terms) -> tuple[Tensor, ...]:
        """The step, and the slots after it."""
        names, of, flags = set(self.traits.optimizers), terms.of, terms.flags
        m, v, e = own["m"], own.get("v"), own.get("e")
        before, now, added = of[Formula.STEP_M] * m, of[Formula.STEP_W] * g, g
        stepped = before + now
        if v is not None:
            v, e, r = self._scale(m, v, e, g, terms)
            stepped = stepped * r
            if names & set(FED_WITH_STEPS):
                fed = flags["fed_with_steps"]
                stepped = tf.where(fed, before + now * r, stepped)
                added = g * tf.where(fed, r, 1.0)
        if "adadelta" in names:
            added = tf.where(flags["adadelta"], added * added, added)
        if "lion" in names:
            beta = of[Formula.BETA]
            lion = of[Formula.RATE] * tf.sign(beta * m + (1.0 - beta) * g)
            stepped = tf.where(flags["lion"], lion, stepped)
        return stepped, of[Formula.KEEP_M] * m + of[Formula.ADD_M] * added, v, e

    def _scale(self, m: Tensor, v: Tensor, e: Tensor, g: Tensor, terms: Terms) -> tuple[Tensor, ...]:
        """The slots v and e after a step, and r."""
        of, flags = terms.of, terms.flags
        reads = of[Formula.READ_V] * v + of[Formula.READ_G] * g * g
        kept = of[Formula.KEEP_V] * v + of[Formula.ADD_V] * g * g
        if adamax := "adamax" in self.traits.optimizers:
            reads = tf.where(flags["adamax"], tf.maximum(of[Formula.READ_V] * v, tf.abs(g)), reads)
            kept = tf.where(flags["adamax"], tf.maximum(of[Formula.KEEP_V] * v, tf.abs(g)), kept)
        largest = reads
        before = e
        if "amsgrad" in self.traits.switches:
            e = tf.where(flags["amsgrad"], tf.maximum(before, reads), e)
            reads = tf.where(flags["amsgrad"], e, reads)
        if "centered" in self.traits.switches:
            mean = of[Formula.KEEP_E] * before + (1.0 - of[Formula.KEEP_E]) * g
            e = tf.where(flags["centered"], mean, e)
            reads = tf.where(flags["centered"], reads - mean * mean, reads)
        inside = reads + of[Formula.INNER]
        above = None
        if "adadelta" in self.traits.optimizers:  # √a / √b = √(a·b) / b: one root for all
            above = tf.where(flags["adadelta"], m + of[Formula.INNER], 1.0)
        root = tf.sqrt(inside if above is None else inside * above)
        divisor = tf.where(flags["adamax"], largest, root) if adamax else root
        if above is None:
            return kept, e, 1.0 / (divisor + of[Formula.OUTER])
        divisor = tf.where(flags["adadelta"], inside, divisor) + of[Formula.OUTER]
        return kept, e, tf.where(flags["adadelta"], root, 1.0) / divisor


@dataclass(frozen=True, slots=True)
class Terms:
    """The coefficients of a step, and which formula each lane follows, in a shape that broadcasts to a weight's."""

    of: dict[Formula, Tensor]
    flags: dict[str, Tensor]

    @classmethod
    def spread(cls, table: Tensor, constants: dict[str, Tensor], rank: int) -> Terms:
        """For weights of that rank, from the coefficients of each lane, (S, columns of `Formula`)."""
        columns = tf.unstack(_spread(table, rank), axis=1)
        flags = {name: _spread(constants[f"is_{name}"], rank) for name in FLAGS}
        return cls(dict(zip(Formula, columns, strict=True)), flags)


def nothing(after: Tensor) -> Tensor:
    """Zero for each lane, (S,), and not before a tensor with the lanes in front is there.

    What must wait is added to it. No number is above infinity, which the compiler does not know while it orders loops.
    """
    first = tf.slice(after, [0] * len(after.shape), [-1] + [1] * (len(after.shape) - 1))
    return tf.cast(tf.greater(tf.reshape(first, [-1]), float("inf")), tf.float32)


def _or_ftrl(
    weight: Tensor, own: dict[str, Tensor], g: Tensor, terms: Terms, others: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, ...]:
    """Ftrl as Keras has it by default: no penalties of its own, and the square root as its power."""
    rate = tf.maximum(terms.of[Formula.RATE], _LEAST)
    accumulated = own["v"] + g * g
    linear = own["m"] + g - (tf.sqrt(accumulated) - tf.sqrt(own["v"])) / rate * weight
    after = -linear * rate / tf.sqrt(tf.maximum(accumulated, _LEAST))
    chosen = zip((after, linear, accumulated), others, strict=True)
    return tuple(tf.where(terms.flags["ftrl"], own_, other) for own_, other in chosen)


def clipped(gradients: list[Tensor], traits: Traits, limits: dict[str, Tensor], axes: list[list[int]]) -> list[Tensor]:
    """Gradients within the trials' limits, float32 (lanes,) each, infinite where a trial has none.

    `axes` says which dimensions of a gradient belong to one variable of Keras.
    """
    if "clipvalue" in traits.switches:
        gradients = [
            tf.clip_by_value(g, -limit, limit)
            for g in gradients
            for limit in [_spread(limits["clipvalue"], len(g.shape))]
        ]
    if "clipnorm" in traits.switches:
        gradients = [
            _by_norm(g, _spread(limits["clipnorm"], len(g.shape)), axis)
            for g, axis in zip(gradients, axes, strict=True)
        ]
    if "global_clipnorm" in traits.switches:
        limit = limits["global_clipnorm"]
        squares = [tf.reduce_sum(g * g, list(range(1, len(g.shape)))) for g in gradients]
        norm = tf.sqrt(tf.add_n(squares))
        # As in Keras, a norm that overflows gives NaN, and the trial diverges.
        scale = tf.where(norm > limit, limit / norm, 1.0) + (norm - norm)
        gradients = [g * _spread(scale, len(g.shape)) for g in gradients]
    return gradients


def _spread(by_lane: Tensor, rank: int) -> Tensor:
    """Values by lane, (S, …), in a shape that broadcasts to that of weights of that rank."""
    return tf.reshape(by_lane, [*by_lane.shape, *[1] * (rank - 1)])


def _by_norm(gradient: Tensor, limit: Tensor, axis: list[int]) -> Tensor:
    norm = tf.sqrt(tf.reduce_sum(gradient * gradient, axis, keepdims=True))
    return gradient * tf.where(norm > limit, limit / norm, 1.0)
