"""An epoch of a stack as one compiled function: every step of every lane, and the validation rows after them.

Measured on ten layers of 128 units with batches of 32, an epoch of 6.6 ms: multiplications 2.7, activations 1.3, that
every optimizer is there 1.2, dropout 0.7. Layers are written out, because a loop over them copies all weights at each
turn. Slices of single layers and coefficients, four operations each, were 0.3 of the graph; now each tensor is
taken apart once, and tracing takes 0.65 of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import tensorflow as tf

from tuner.metrics import Task
from tuner.trainers.stacked.cache import digest
from tuner.trainers.stacked.coefficients import Formula
from tuner.trainers.stacked.network import Network, Weights, losses, predictions
from tuner.trainers.stacked.plan import Bucket, Rows, Traits, described
from tuner.trainers.stacked.updates import Terms, Updates, clipped
from tuner.tunables import CLIPPING

Tensor: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Data:
    """The rows that all lanes share: x (rows, F), targets (rows,) as the losses take them, class weights (classes,)."""

    x: Tensor
    y: Tensor
    x_validation: Tensor
    class_weights: Tensor


@dataclass(frozen=True, slots=True)
class State:
    """What a stack carries from epoch to epoch, every tensor with the lanes in front."""

    weights: Weights
    slots: dict[str, Weights]  # by slot, then by weight
    moving: Weights

    def tree(self) -> tuple[Weights, dict[str, Weights], Weights]:
        return self.weights, self.slots, self.moving


@dataclass(frozen=True, slots=True)
class Program:
    """The function of a bucket."""

    rows: Rows
    traits: Traits
    bucket: Bucket

    @property
    def network(self) -> Network:
        return Network(self.rows, self.traits, self.bucket)

    @property
    def updates(self) -> Updates:
        return Updates(self.traits)

    @property
    def most_steps(self) -> int:
        """Room for the steps of an epoch: those of the smallest batches that the bucket pads."""
        smallest = self.bucket.size if self.bucket.size == self.bucket.batch else self.bucket.batch // 2 + 1
        return -(-self.rows.train // smallest)

    @property
    def digest(self) -> str:
        """A name that only equal programs have."""
        return digest(described(self.rows, self.traits, self.bucket))

    def epoch(
        self,
        weights: Weights,
        slots: dict[str, Weights],
        moving: Weights,
        constants: dict[str, Tensor],
        order: Tensor,
        tables: Tensor,
        keys: Tensor,
        steps: Tensor,
        size: Tensor,
        x: Tensor,
        y: Tensor,
        x_validation: Tensor,
        class_weights: Tensor,
        places: Tensor,
    ) -> tuple[Any, ...]:
        """One epoch of every lane.

        `order` has the row numbers of each step, int32 (S, most_steps, B), `tables` the coefficients, `keys` the keys
        of dropout by layer, which meet in `places`, uint32 (1, B, U); `steps` of them are taken, with `size` rows each
        but the last. Gives the weights, slots and moving statistics after it, the sums of the plain loss and of the
        second metric over the train rows (S,), the predictions for the validation rows (S, rows, C), and whether all
        weights are finite (S,).
        """
        lanes, batch, network = self.bucket.lanes, self.bucket.batch, self.network

        def step(at: Tensor, weights: Weights, slots: Any, moving: Weights, sums: Tensor) -> tuple[Any, ...]:
            chosen = tf.reshape(tf.slice(order, [0, at, 0], [lanes, 1, batch]), [lanes, batch])
            table = tf.reshape(tf.slice(tables, [0, at, 0], [lanes, 1, len(Formula)]), [lanes, len(Formula)])
            key = tf.reshape(tf.slice(keys, [0, at, 0], [lanes, 1, keys.shape[2]]), [lanes, keys.shape[2], 1, 1])
            count = tf.minimum(size, self.rows.train - at * size)
            seen = tf.cast(tf.range(batch) < count, tf.float32)[None, :]
            target = tf.gather(y, chosen)
            # A place beyond the batch holds zeros, not some row: what that gives must not be able to overflow.
            drawn = tf.gather(x, chosen) * seen[..., None]
            logits, last, layers, moving = network.forward(
                weights, moving, constants, drawn, seen[..., None], (key, places)
            )
            error, loss, second = losses(self.rows, logits, target, constants.get("smoothing"))
            share = self._shares(seen / tf.cast(count, tf.float32), target, constants, class_weights)
            error = error * share[..., None]
            gradients = network.backward(weights, constants, layers, last, error, seen[..., None])
            weights, slots = self._updated(weights, slots, gradients, table, constants)
            sums = sums + tf.stack([tf.reduce_sum(loss * seen, 1), tf.reduce_sum(second * seen, 1)])
            return at + 1, weights, slots, moving, sums

        begin = (tf.constant(0), weights, slots, moving, tf.zeros([2, lanes]))
        _, weights, slots, moving, sums = tf.while_loop(lambda at, *_: at < steps, step, begin)
        predicted = predictions(self.rows, network.logits(weights, moving, constants, x_validation))
        # A layer that is not normalised has moving statistics of no meaning, which may be infinite where it is sound.
        own = [tf.where(constants["normalised"], each, 0.0) for each in moving.values()]
        return weights, slots, moving, sums, predicted, _finite([*weights.values(), *own])

    def _shares(self, share: Tensor, target: Tensor, constants: dict[str, Tensor], class_weights: Tensor) -> Tensor:
        """What each row of a batch counts in its loss, (S, B)."""
        if "class_weight" not in self.traits.switches or self.rows.task is Task.REGRESSION:
            return tf.broadcast_to(share, target.shape)
        weight = tf.gather(class_weights, tf.cast(target, tf.int32))
        return share * tf.where(constants["balanced"][:, None], weight, 1.0)

    def _updated(
        self,
        weights: Weights,
        slots: dict[str, Weights],
        gradients: Weights,
        table: Tensor,
        constants: dict[str, Tensor],
    ) -> tuple[Weights, dict[str, Weights]]:
        names, updates = list(weights), self.updates
        found = [gradients[name] for name in names]
        limits = {name: constants[name] for name in CLIPPING if name in self.traits.switches}
        if limits:
            found = clipped(found, self.traits, limits, [_axes(name) for name in names])
        flags = {name.removeprefix("is_"): each for name, each in constants.items() if name.startswith("is_")}
        columns = dict(zip(Formula, tf.unstack(table, axis=1), strict=True))
        ranks = {rank: Terms.spread(columns, flags, rank) for rank in {len(each.shape) for each in weights.values()}}
        new: Weights = {}
        kept: dict[str, Weights] = {slot: {} for slot in updates.slots}
        for name, gradient in zip(names, found, strict=True):
            before = tuple(slots[slot][name] for slot in updates.slots)
            new[name], after = updates.step(weights[name], before, gradient, ranks[len(gradient.shape)])
            for slot, value in zip(updates.slots, after, strict=True):
                kept[slot][name] = value
        return new, kept


def _axes(name: str) -> list[int]:
    """Which dimensions of a weight of the stack are one variable of Keras: the biases of all layers are one tensor."""
    return [1, 2] if name.startswith("kernel") else [1] if name == "shift" else [2, 3]


def _finite(tensors: list[Tensor]) -> Tensor:
    """Whether all values of a lane are finite, bool (S,)."""
    each = [tf.reduce_all(tf.math.is_finite(t), axis=list(range(1, len(t.shape)))) for t in tensors]
    return tf.reduce_all(tf.stack(each), 0)
