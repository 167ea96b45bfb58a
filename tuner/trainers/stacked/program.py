"""An epoch of a stack as one compiled function: every step of every lane, and the validation rows after them.

What counts is how often memory is passed over. Measured on ten layers of 128 units with batches of 32, all of them
written out, of which an epoch takes 4.6 ms, multiplications 2.7 of them (those of one wide trial are in a loop today,
see `deep`): a kernel takes its step as soon as the layer before it has its error, so that its gradient is still in
the cache and its weights need no copy (see `updates.nothing`), which is 0.88 of the time. Slices of single layers and
coefficients, four operations each, were 0.3 of the graph; now each tensor is taken apart once, and tracing takes 0.65
of the time.

What counts for a first call is how many loops XLA makes, nearly whatever is in them: 12 ms each. A loss with the
classes in front of the rows has half the code, and takes as long.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, TypeAlias

import tensorflow as tf

from tuner.metrics import Task
from tuner.trainers.stacked.cache import digest
from tuner.trainers.stacked.coefficients import Formula
from tuner.trainers.stacked.deep import Deep
from tuner.trainers.stacked.losses import losses, predictions
from tuner.trainers.stacked.network import Network, Weights
from tuner.trainers.stacked.plan import Bucket, Rows, Traits, described
from tuner.trainers.stacked.updates import Terms, Updates, clipped, nothing
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
    """The function of a bucket; `compiled` says whether by XLA, which a few of its operations are of."""

    rows: Rows
    traits: Traits
    bucket: Bucket
    compiled: bool = True

    @property
    def network(self) -> Network:
        if self.bucket.loops(self.traits):
            return Deep(self.rows, self.traits, self.bucket, self.compiled)
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
    def even(self) -> bool:
        """Whether every batch is full: then which rows are there is no question, and costs no loops."""
        return self.bucket.size == self.bucket.batch and self.rows.train % self.bucket.size == 0

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
        second metric over the train rows, by place in the batch (2, S, B), and the predictions for the validation rows
        (S, rows, C).
        """
        lanes, batch, network = self.bucket.lanes, self.bucket.batch, self.network

        def step(at: Tensor, weights: Weights, slots: Any, moving: Weights, sums: Tensor) -> tuple[Any, ...]:
            chosen = tf.reshape(tf.slice(order, [0, at, 0], [lanes, 1, batch]), [lanes, batch])
            table = tf.reshape(tf.slice(tables, [0, at, 0], [lanes, 1, len(Formula)]), [lanes, len(Formula)])
            key = tf.reshape(tf.slice(keys, [0, at, 0], [lanes, 1, keys.shape[2]]), [lanes, keys.shape[2], 1, 1])
            count = batch if self.even else tf.minimum(size, self.rows.train - at * size)
            seen = tf.cast(tf.range(batch) < count, tf.float32)[None, :]
            target = tf.gather(y, chosen)
            # A place beyond the batch holds zeros, not some row: what that gives must not be able to overflow.
            drawn = tf.gather(x, chosen) * seen[..., None]
            there = seen[..., None]
            passed: Any  # what the network's own way back needs
            logits, last, passed, moving = network.forward(weights, moving, constants, drawn, there, (key, places))
            asked = (constants.get(name) for name in ("smoothing", "squared", "apart"))
            error, loss, second = losses(self.rows, logits, target, *asked)
            share = self._shares(seen / tf.cast(count, tf.float32), target, constants, class_weights)
            error = error * share[..., None]
            steps_of = _Steps(self.updates, weights, slots, table, constants)
            limits = {name: constants[name] for name in CLIPPING if name in self.traits.switches}
            take = None if limits else steps_of.take
            if isinstance(network, Deep):
                kept = tuple(slots[slot]["kernels"] for slot in self.updates.slots)
                gradients, *looped = network.back(weights, kept, constants, passed, last, error, there, steps_of.part)
                steps_of.done("kernels", *looped)
            else:
                gradients = network.backward(weights, constants, passed, last, error, there, take)
            weights, slots = steps_of.all(gradients, limits)
            sums = sums + tf.stack([loss * seen, second * seen])
            return at + 1, weights, slots, moving, sums

        begin = (tf.constant(0), weights, slots, moving | network.scratch(), tf.zeros([2, lanes, batch]))
        _, weights, slots, moving, sums = tf.while_loop(lambda at, *_: at < steps, step, begin)
        moving = {name: moving[name] for name in network.statistics}
        logits = network.logits(weights, moving, constants, x_validation)
        predicted = predictions(self.rows, logits, constants.get("apart"))
        return weights, slots, moving, sums, predicted

    def _shares(self, share: Tensor, target: Tensor, constants: dict[str, Tensor], class_weights: Tensor) -> Tensor:
        """What each row of a batch counts in its loss, (S, B)."""
        if "class_weight" not in self.traits.switches or self.rows.task is Task.REGRESSION:
            return tf.broadcast_to(share, target.shape)
        weight = tf.gather(class_weights, tf.cast(target, tf.int32))
        return share * tf.where(constants["balanced"][:, None], weight, 1.0)


class _Steps:
    """A step of every weight, by the coefficients of each lane, (S, columns of `Formula`)."""

    def __init__(
        self, updates: Updates, weights: Weights, slots: dict[str, Weights], table: Tensor, constants: Weights
    ) -> None:
        self._updates, self._weights, self._slots = updates, weights, slots
        self._table, self._constants = table, constants
        self._new: dict[str, tuple[Tensor, tuple[Tensor, ...]]] = {}

    def take(self, name: str, gradient: Tensor, after: Tensor) -> Tensor:
        """See `network.Take`."""
        # Coefficients of its own, or the compiler would run through the weights of several layers in one loop.
        terms = Terms.spread(self._table + nothing(after)[:, None], self._constants, len(gradient.shape))
        before = tuple(self._slots[slot][name] for slot in self._updates.slots)
        self._new[name] = self._updates.step(self._weights[name], before, gradient, terms)
        return self._new[name][0]

    def part(
        self, weight: Tensor, slots: tuple[Tensor, ...], gradient: Tensor, after: Tensor
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """A step of a part of a weight; see `deep.Step`."""
        terms = Terms.spread(self._table + nothing(after)[:, None], self._constants, len(gradient.shape))
        return self._updates.step(weight, slots, gradient, terms)

    def done(self, name: str, weight: Tensor, slots: tuple[Tensor, ...]) -> None:
        """Takes in a weight that has taken its step."""
        self._new[name] = weight, slots

    def all(self, gradients: Weights, limits: Weights) -> tuple[Weights, dict[str, Weights]]:
        """Takes the steps that are left, within the limits, and gives the weights and slots after them."""
        left = [name for name in self._weights if name not in self._new]
        found = [gradients[name] for name in left]
        if limits:
            found = clipped(found, self._updates.traits, limits, [_axes(name) for name in left])
        for name, gradient in zip(left, found, strict=True):
            self.take(name, gradient, gradient)
        kept = {
            slot: {name: self._new[name][1][i] for name in self._weights} for i, slot in enumerate(self._updates.slots)
        }
        return {name: self._new[name][0] for name in self._weights}, kept


def at_rest(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of `Program.epoch` with no `steps`: nothing is learned, and only the validation rows are seen."""
    return (*arguments[:_STEPS], tf.constant(0), *arguments[_STEPS + 1 :])


_STEPS = list(inspect.signature(Program.epoch).parameters).index("steps") - 1  # without `self`


def _axes(name: str) -> list[int]:
    """Which dimensions of a weight of the stack are one variable of Keras: the biases of all layers are one tensor."""
    return [1, 2] if name.startswith("kernel") else [1] if name == "shift" else [2, 3]
