"""The network of one wide trial, with its hidden layers in a loop.

What padding costs is not only products: weights and slots of ten layers of 128 units are more than a processor's own
cache holds. So a trial that has a program for itself trains as many layers as it has, each kernel in the least of a few
shapes that it fits in, by the one activation that it has. A layer's code is there once, however many layers there are.

Measured on networks of up to ten layers of up to 128 units, batches of 32, five activations and five optimizers,
against programs for up to 3, 6 and 10 layers that are written out: an epoch takes 0.61 of the time with three widths to
choose from, 0.69 with two, and with four what it takes with three. A layer costs 13 µs a step where all are at most 64
wide, 32 where all are 128, of which 17 are products; written out, 26 in any case. The loop is compiled in 0.7 of the
time that the three programs take together.

What a body that may be left out changes in place is copied where it is a condition, and is not where it is a loop of
one turn or none. What such a loop reads must depend on its turn, or XLA computes it in any case, to have it but once.
With the activation in the body of a shape, all of them computed and one picked, an epoch took 1.2 of the time. What is
left beside products is slices: a product takes no part of a tensor, so each kernel is copied out of the stack forward
and back, and its slots before their step. To slice the slots only after the products, or once for each of the two loops
of a step, saved nothing. Each of the loops of no turn takes 0.3 µs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

from tuner.trainers.stacked.activations import bend, pick
from tuner.trainers.stacked.network import ByLayer, Network, Weights
from tuner.trainers.stacked.plan import sides

Tensor: TypeAlias = Any
# Takes a step of a part of a kernel, from its slots, its gradient, and once a further tensor is there.
Step: TypeAlias = Callable[[Tensor, tuple[Tensor, ...], Tensor, Tensor], tuple[Tensor, tuple[Tensor, ...]]]


class AtLayer(ByLayer):
    """The same where the number of the layer is a tensor."""

    def __call__(self, name: str, index: Tensor) -> Tensor:
        tensor = self._tensors[name]
        return _part(tensor, index, 1, tensor.shape[3])


@dataclass(frozen=True, slots=True)
class Passed:
    """What the way back needs of the way forward."""

    x: Tensor  # (1, B, F)
    slope: Tensor  # (1, B, U), of the first layer's activation, with dropout and padding in it
    values: Tensor  # (1, layers, B, U), of the hidden layers
    slopes: Tensor  # (1, layers, B, U), of all but the first


@dataclass(frozen=True, slots=True)
class Deep(Network):
    """See `Network`; there is one lane. `constants` have the `side` of each layer's kernel, its place among `sides`,
    and the `count` of layers.

    XLA has an operation that changes a part of a tensor, which exists in what is `compiled` alone.
    """

    compiled: bool = True

    @property
    def sides(self) -> tuple[tuple[int, int], ...]:
        return sides(self.bucket.width)

    def scratch(self) -> Weights:
        shape = [1, self.bucket.depth, self.bucket.batch, self.bucket.width]
        return {"values": tf.zeros(shape), "slopes": tf.zeros(shape)}

    def logits(self, weights: Weights, moving: Weights, constants: Weights, x: Tensor) -> Tensor:
        of, at = ByLayer({**constants, **weights}), AtLayer({**constants, **weights})
        names = self.traits.activations

        def product(index: Tensor, h: Tensor, inputs: int, units: int) -> Tensor:
            return self._whole(tf.matmul(h[..., :inputs], _part(weights["kernels"], index - 1, inputs, units)))

        def bent(index: Tensor, z: Tensor, name: str) -> Tensor:
            return bend(name, z + at("bias", index), self._leaks(at, index))[0] * at("unit", index)

        def layer(index: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
            z = _case(_number(constants["side"], index), [partial(product, index, h, *side) for side in self.sides])
            return index + 1, _case(at("code", index), [partial(bent, index, z, name) for name in names])

        z = tf.matmul(self._scaled(constants, x[None]), weights["kernel_1"]) + of("bias", 0)
        h = pick(names, of("code", 0), z, self._leaks(of, 0))[0] * of("unit", 0)
        _, h = tf.while_loop(lambda index, _: index < constants["count"][0], layer, (tf.constant(1), h))
        return tf.matmul(h, weights["kernel"]) + weights["shift"][:, None, :]

    def forward(
        self,
        weights: Weights,
        moving: Weights,
        constants: Weights,
        x: Tensor,
        seen: Tensor,
        dice: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor, Any, Weights]:
        """Likewise, where nothing moves but the scratch; what the way back needs is `Passed`."""
        key, places = dice
        tensors = {**constants, **weights, "key": key}
        at = AtLayer(tensors)
        x = self._entered(constants, x, seen, key)

        def product(index: Tensor, values: Tensor, inputs: int, units: int) -> Tensor:
            before = _part(values, index - 1, self.bucket.batch, inputs)
            return self._whole(tf.matmul(before, _part(weights["kernels"], index - 1, inputs, units)))

        def layer(index: Tensor, values: Tensor, slopes: Tensor) -> tuple[Tensor, ...]:
            ways = [partial(product, index, values, *side) for side in self.sides]
            z = _case(_number(constants["side"], index), ways)
            bent = [partial(self._bent, (name,), at, index, z, places) for name in self.traits.activations]
            value, slope = _case(at("code", index), bent)
            return index + 1, self._put(values, index, value), self._put(slopes, index, slope)

        z = tf.matmul(x, weights["kernel_1"])
        value, slope = self._bent(self.traits.activations, ByLayer(tensors), 0, z, places)
        begun = (tf.constant(1), self._put(moving["values"], tf.constant(0), value), moving["slopes"])
        end, values, slopes = tf.while_loop(lambda index, *_: index < constants["count"][0], layer, begun)
        # Sliced at a place that is told from outside, the program would be compiled for each number of layers.
        last = _part(values, end - 1, self.bucket.batch, self.bucket.width)
        logits = tf.matmul(last, weights["kernel"]) + weights["shift"][:, None, :]
        return logits, last, Passed(x, slope, values, slopes), {"values": values, "slopes": slopes}

    def back(
        self,
        weights: Weights,
        slots: tuple[Tensor, ...],
        constants: Weights,
        passed: Passed,
        last: Tensor,
        error: Tensor,
        seen: Tensor,
        step: Step,
    ) -> tuple[Weights, Tensor, tuple[Tensor, ...]]:
        """As `backward`: the gradients by weight but for the kernels in the loop, of which the `slots` are, and these
        and their slots after their step.
        """
        ones = tf.broadcast_to(tf.transpose(seen, [0, 2, 1]), [1, 2, self.bucket.batch])  # see `Network.backward`

        def turned(index: Tensor, inputs: int, units: int, turn: Tensor, *state: Tensor) -> tuple[Any, ...]:
            back, biases, *own = state
            at, batch = index + turn, self.bucket.batch
            delta = back[..., :units] * _part(passed.slopes, at, batch, units)
            before = _part(passed.values, at - 1, batch, inputs)
            kernel, *kept = (_part(each, at - 1, inputs, units) for each in own)
            gradient = tf.matmul(before, delta, transpose_a=True)
            gradient = self._penalised(kernel, AtLayer(constants), at, gradient)
            product = tf.matmul(delta, kernel, transpose_b=True)
            stepped, new = step(kernel, tuple(kept), gradient, product)
            biases = self._put(biases, at, self._whole(tf.matmul(ones, delta)[:, :1]))
            own = [self._put(each, at - 1, part) for each, part in zip(own, (stepped, *new), strict=True)]
            return (turn + 1, self._whole(product), biases, *own)

        def layer(index: Tensor, *state: Tensor) -> tuple[Any, ...]:
            chosen = _number(constants["side"], index)
            for number, side in enumerate(self.sides):
                turns = tf.cast(tf.equal(chosen, number), tf.int32)
                state = tf.while_loop(
                    lambda turn, *_, turns=turns: turn < turns, partial(turned, index, *side), (tf.constant(0), *state)
                )[1:]
            return (index - 1, *state)

        state = (
            tf.matmul(error, weights["kernel"], transpose_b=True),
            tf.zeros([1, self.bucket.depth, 1, self.bucket.width]),
            weights["kernels"],
            *slots,
        )
        begun = (constants["count"][0] - 1, *state)
        _, back, biases, kernels, *own = tf.while_loop(lambda index, *_: index > 0, layer, begun)
        delta = back * passed.slope
        gradient = tf.matmul(passed.x, delta, transpose_a=True)
        found = {
            "kernel": tf.matmul(last, error, transpose_a=True),
            "shift": tf.matmul(ones, error)[:, 0],
            "kernel_1": self._penalised(weights["kernel_1"], ByLayer(constants), 0, gradient),
            "bias": self._put(biases, tf.constant(0), tf.matmul(ones, delta)[:, :1]),
        }
        return found, kernels, tuple(own)

    def _bent(self, names: tuple[str, ...], of: Any, index: Any, z: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """A layer's values from its products, and their slopes, with dropout and padding in both."""
        y, slope = pick(names, of("code", index), z + of("bias", index), self._leaks(of, index, places))
        kept = self._kept(of, index, places)
        y, slope = y * kept, slope * kept
        if "alpha_dropout" in self.traits.switches:
            y += self._lifted(of, index, places)
        return y, slope

    def _whole(self, part: Tensor) -> Tensor:
        """As many columns as there are, of the first ones."""
        return tf.pad(part, [[0, 0], [0, 0], [0, self.bucket.width - part.shape[2]]])

    def _put(self, tensor: Tensor, index: Tensor, part: Tensor) -> Tensor:
        """The tensor with other first rows and columns of one layer, of which the rest is zero or means nothing."""
        if self.compiled:
            return xla.dynamic_update_slice(tensor, part[:, None], tf.stack([0, index, 0, 0]))
        rows, columns = tensor.shape[2] - part.shape[1], tensor.shape[3] - part.shape[2]
        return tf.tensor_scatter_nd_update(tensor, [[0, index]], tf.pad(part, [[0, 0], [0, rows], [0, columns]]))


def _case(chosen: Tensor, ways: Sequence[Callable[[], Any]]) -> Any:
    """What one of them gives; `chosen` is its number, of any shape with one place."""
    return tf.switch_case(tf.cast(tf.reshape(chosen, []), tf.int32), ways)


def _number(by_layer: Tensor, index: Tensor) -> Tensor:
    return tf.reshape(tf.slice(by_layer, [0, index], [1, 1]), [])


def _part(tensor: Tensor, index: Tensor, rows: int, columns: int) -> Tensor:
    """The first rows and columns of one layer, (1, layers, …) → (1, rows, columns)."""
    return tf.squeeze(tf.slice(tensor, [0, index, 0, 0], [1, 1, rows, columns]), 1)
