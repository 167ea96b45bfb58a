"""The networks of a stack: forward, and backward by hand.

The way back is written out instead of differentiated, so that what is traced and compiled is what is read here.

Shapes: S lanes, B rows of a batch, U units, F features, C outputs. Padded units are held at zero by `unit`, which is 0
for them: they have no activation, and so no gradient reaches a weight from or to them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import tensorflow as tf

from tuner.metrics import Task
from tuner.trainers.stacked import dropout
from tuner.trainers.stacked.activations import pick
from tuner.trainers.stacked.plan import Bucket, Rows, Traits
from tuner.trainers.stacked.updates import nothing
from tuner.tunables import RRELU_SLOPES, TUNABLES

Tensor: TypeAlias = Any

# Of Keras' batch normalisation.
_MOMENTUM, _EPSILON = 0.99, 1e-3
# Weights of a stack by name; kernels of hidden layers are `kernel_1`, `kernel_2`, …
Weights: TypeAlias = dict[str, Tensor]
# Takes a step of the weight of that name, from its gradient and once a further tensor is there; gives what comes of it.
Take: TypeAlias = Callable[[str, Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Layer:
    """What a hidden layer's way back needs of its way forward."""

    inputs: Tensor  # (S, B, F or U)
    slope: Tensor  # (S, B, U), of the activation, with dropout and padding in it
    normalised: Tensor = None  # (S, B, U), before scale and shift
    inverse: Tensor = None  # (S, 1, U), 1 / standard deviation of the batch
    below: Tensor = None  # (S, B, U), dvalue/dslope of prelu, with dropout and padding in it


class ByLayer:
    """One layer of tensors by name, (S, layers, 1, U or 1) each. Taken apart once: a slice is four operations."""

    def __init__(self, tensors: Weights) -> None:
        self._tensors = tensors
        self._layers: dict[str, list[Tensor]] = {}

    def __call__(self, name: str, index: int) -> Tensor:
        if name not in self._layers:
            self._layers[name] = tf.unstack(self._tensors[name], axis=1)
        return self._layers[name][index]


@dataclass(frozen=True, slots=True)
class Network:
    """Networks of one bucket. `constants` are the trials' values as tensors, see `stacked.lane`."""

    rows: Rows
    traits: Traits
    bucket: Bucket

    @property
    def kernels(self) -> list[str]:
        """The kernels of the hidden layers, in order."""
        return [f"kernel_{layer}" for layer in range(1, self.bucket.depth + 1)]

    @property
    def normalises(self) -> bool:
        return "batch_norm" in self.traits.switches and self.bucket.depth > 0

    @property
    def bends(self) -> bool:
        """Whether slopes are trained."""
        return "prelu" in self.traits.activations and self.bucket.depth > 0

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The trainable weights by name, without the lanes."""
        depth, width, outputs = self.bucket.depth, self.bucket.width, self.rows.outputs
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, name in enumerate(self.kernels, start=1):
            shapes[name] = (self.rows.features if layer == 1 else width, width)
        if depth:
            shapes["bias"] = (depth, 1, width)
        if self.normalises:
            shapes["gamma"] = shapes["beta"] = (depth, 1, width)
        if self.bends:
            shapes["alpha"] = (depth, 1, width)
        shapes["kernel"] = (width if depth else self.rows.features, outputs)
        shapes["shift"] = (outputs,)
        return shapes

    @property
    def statistics(self) -> dict[str, tuple[int, ...]]:
        """What batch normalisation keeps beside the weights, without the lanes."""
        if not self.normalises:
            return {}
        return dict.fromkeys(("mean", "variance"), (self.bucket.depth, 1, self.bucket.width))

    def logits(self, weights: Weights, moving: Weights, constants: Weights, x: Tensor) -> Tensor:
        """What the networks give for rows that all lanes share, (rows, F) → (S, rows, C), without dropout."""
        of = ByLayer({**constants, **weights, **moving})
        h = self._scaled(constants, tf.broadcast_to(x[None], [self.bucket.lanes, *x.shape]))
        for index in range(self.bucket.depth):
            z = tf.matmul(h, weights[self.kernels[index]]) + of("bias", index)
            if self.normalises:
                inverse = tf.math.rsqrt(of("variance", index) + _EPSILON)
                z = _shifted(of, index, z, (z - of("mean", index)) * inverse)
            y, _ = pick(self.traits.activations, of("code", index), z, self._leaks(of, index))
            y = y * of("unit", index)
            h = tf.where(of("active", index), y, h) if self._may_skip(index) else y
        return tf.matmul(h, weights["kernel"]) + weights["shift"][:, None, :]

    def forward(
        self,
        weights: Weights,
        moving: Weights,
        constants: Weights,
        x: Tensor,
        seen: Tensor,
        dice: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor, list[Layer], Weights]:
        """A training pass over batches x (S, B, F): logits (S, B, C), the last hidden values, what the way back needs,
        and the moving statistics after it. `seen` is 1 for rows of the batch and 0 for those beyond it, (1, B, 1);
        `dice` are the step's dropout keys by layer, uint32 (S, layers, 1, 1), and the places, uint32 (1, B, U).
        """
        key, places = dice
        of = ByLayer({**constants, **weights, "key": key})
        h, layers = self._entered(constants, x, seen, key), []
        means, variances = [], []
        for index in range(self.bucket.depth):
            inputs = h
            z = tf.matmul(h, weights[self.kernels[index]]) + of("bias", index)
            normalised, inverse = None, None
            if self.normalises:
                rows = tf.reduce_sum(seen)
                mean = tf.reduce_sum(z * seen, 1, keepdims=True) / rows
                variance = tf.reduce_sum(tf.square(z - mean) * seen, 1, keepdims=True) / rows
                inverse = tf.math.rsqrt(variance + _EPSILON)
                normalised = (z - mean) * inverse
                z = _shifted(of, index, z, normalised)
                means.append(mean)
                variances.append(variance)
            y, slope = pick(self.traits.activations, of("code", index), z, self._leaks(of, index, places))
            kept = self._kept(of, index, places)
            y, slope = y * kept, slope * kept
            if "alpha_dropout" in self.traits.switches:
                y += self._lifted(of, index, places)
            below = None
            if self.bends:
                own = tf.equal(of("code", index), float(self.traits.activations.index("prelu")))
                below = tf.where(own, tf.minimum(z, 0.0), 0.0) * kept
            layers.append(Layer(inputs, slope, normalised, inverse, below))
            h = tf.where(of("active", index), y, h) if self._may_skip(index) else y
        logits = tf.matmul(h, weights["kernel"]) + weights["shift"][:, None, :]
        return logits, h, layers, self._moved(moving, means, variances)

    def backward(
        self,
        weights: Weights,
        constants: Weights,
        layers: list[Layer],
        last: Tensor,
        error: Tensor,
        seen: Tensor,
        take: Take | None,
    ) -> Weights:
        """The gradients by weight, from the last hidden values (S, B, U) and dloss/dlogits (S, B, C).

        Kernels may `take` their steps on the way, while their gradients are in the processor's cache.
        """
        of = ByLayer({**constants, **weights})
        found: Weights = {
            "kernel": tf.matmul(last, error, transpose_a=True),
            "shift": tf.reduce_sum(error, 1),
        }
        biases, gammas, betas, alphas = [], [], [], []
        # A sum over rows would be fused with all that makes a delta and make it again, by column: 0.08 of an epoch.
        # A product reads what is there; one of a single row would be fused like a sum.
        ones = tf.broadcast_to(tf.transpose(seen, [0, 2, 1]), [self.bucket.lanes, 2, self.bucket.batch])
        # Without a hidden layer nothing is there to go back to.
        back = tf.matmul(error, weights["kernel"], transpose_b=True) if layers else error
        for index in reversed(range(self.bucket.depth)):
            layer = layers[index]
            skips = self._may_skip(index)
            delta = back * layer.slope
            if skips:
                delta = tf.where(of("active", index), delta, 0.0)
            if self.bends:
                alpha = tf.reduce_sum(back * layer.below, 1, keepdims=True)
                alphas.append(tf.where(of("active", index), alpha, 0.0) if skips else alpha)
            if self.normalises:
                delta, gamma, beta, bias = _through(of, index, layer, delta, seen)
                gammas.append(gamma)
                betas.append(beta)
                biases.append(bias)
            else:
                biases.append(tf.matmul(ones, delta)[:, :1])
            name = self.kernels[index]
            found[name] = self._penalised(weights[name], of, index, tf.matmul(layer.inputs, delta, transpose_a=True))
            if index:
                further = tf.matmul(delta, weights[name], transpose_b=True)
                back = tf.where(of("active", index), further, back) if skips else further
                if take is not None:
                    back += nothing(take(name, found[name], further))[:, None, None]
        if layers:
            found["bias"] = tf.stack(biases[::-1], 1)
        if self.normalises:
            found["gamma"], found["beta"] = tf.stack(gammas[::-1], 1), tf.stack(betas[::-1], 1)
        if self.bends:
            found["alpha"] = tf.stack(alphas[::-1], 1)
        return found

    def _may_skip(self, index: int) -> bool:
        """Whether some trial of the bucket has no such layer."""
        return index >= max(self.bucket.least, 1)

    def _kept(self, of: ByLayer, index: int, places: Tensor) -> Tensor:
        """What a unit's value is multiplied by: 0 where it is padding or dropped, else 1 / (1 − rate)."""
        if "dropout" not in self.traits.switches:
            return of("unit", index)
        drawn = _drawn(places, of("key", index))
        return tf.where(drawn >= of("threshold", index), of("unit", index) * of("scale", index), 0.0)

    def _lifted(self, of: ByLayer, index: int, places: Tensor) -> Tensor:
        """What is added to a unit's value after that: 0 but where dropout keeps mean and variance."""
        if "dropout" not in self.traits.switches:
            return tf.zeros([])
        drawn = _drawn(places, of("key", index))
        return tf.where(drawn >= of("threshold", index), of("lift", index), of("floor", index)) * of("unit", index)

    def _leaks(self, of: ByLayer, index: int, places: Tensor | None = None) -> dict[str, Tensor]:
        """The slopes below 0 of the activations that have one; `places` where slopes are drawn, in training."""
        found: dict[str, Tensor] = {}
        if "leaky_relu" in self.traits.activations:
            given = "negative_slope" in self.traits.switches
            found["leaky_relu"] = of("negative_slope", index) if given else TUNABLES["negative_slope"].default
        if self.bends:
            found["prelu"] = of("alpha", index)
        if "rrelu" in self.traits.activations:
            low, high = RRELU_SLOPES
            found["rrelu"] = (low + high) / 2
            if places is not None:
                drawn = _drawn(places, _other(of("key", index), dropout.SLOPES))
                found["rrelu"] = low + tf.cast(drawn, tf.float32) * ((high - low) / 2**32)
        return found

    def _scaled(self, constants: Weights, x: Tensor) -> Tensor:
        """Features (S, rows, F) as each trial scales them."""
        return x * constants["factor"] + constants["offset"] if "input_scaling" in self.traits.switches else x

    def _entered(self, constants: Weights, x: Tensor, seen: Tensor, key: Tensor) -> Tensor:
        """The features of a batch as the first layer has them in training."""
        if "input_scaling" in self.traits.switches:
            x = self._scaled(constants, x) * seen  # or places beyond the batch would hold offsets
        if "input_dropout" not in self.traits.switches:
            return x
        batch, features = x.shape[1:]
        counted = tf.reshape(tf.range(1, batch * features + 1), [1, batch, features])
        drawn = _drawn(_mixed(tf.cast(counted, tf.uint32)), _other(key[:, 0], dropout.INPUTS))
        return tf.where(drawn >= constants["input_threshold"], x * constants["input_scale"], 0.0)

    def _moved(self, moving: Weights, means: list[Tensor], variances: list[Tensor]) -> Weights:
        if not self.normalises:
            return {}
        seen = {"mean": tf.stack(means, 1), "variance": tf.stack(variances, 1)}
        return {name: moving[name] * _MOMENTUM + seen[name] * (1.0 - _MOMENTUM) for name in seen}

    def _penalised(self, kernel: Tensor, of: ByLayer, index: int, gradient: Tensor) -> Tensor:
        """The gradient of a hidden kernel with those of its penalties."""
        if "l2" in self.traits.switches:
            gradient += 2.0 * of("l2", index) * kernel
        if "l1" in self.traits.switches:
            gradient += of("l1", index) * tf.sign(kernel)
        return gradient


def _shifted(of: ByLayer, index: int, z: Tensor, normalised: Tensor) -> Tensor:
    """Scaled and shifted where the layer is normalised, and z where it is not."""
    return tf.where(of("normalised", index), normalised * of("gamma", index) + of("beta", index), z)


def _through(of: ByLayer, index: int, layer: Layer, delta: Tensor, seen: Tensor) -> tuple[Tensor, ...]:
    """dloss/dz before the normalisation (Ioffe and Szegedy, 2015), and the gradients of scale, shift and bias."""
    mine = of("normalised", index)
    beta = tf.reduce_sum(delta, 1, keepdims=True)
    gamma = tf.reduce_sum(delta * layer.normalised, 1, keepdims=True)
    mean = (beta + layer.normalised * gamma) / tf.reduce_sum(seen)
    own = of("gamma", index) * layer.inverse * (delta - mean) * seen
    # A layer that is normalised has no bias.
    return (
        tf.where(mine, own, delta),
        tf.where(mine, gamma, 0.0),
        tf.where(mine, beta, 0.0),
        tf.where(mine, 0.0, beta),
    )


def losses(
    rows: Rows, logits: Tensor, target: Tensor, smoothing: Tensor | None, squared: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """dloss/dlogits of each row (S, B, C), before its weight; the row's plain loss and second metric, (S, B).

    `target` is (S, B): class numbers, or standardised values; `smoothing` is (S,), and so is `squared`: whether it is
    not the log loss that is minimised, but the squared error of probabilities. The second metric is 1 where the
    predicted class is the true one, and the absolute error of a value.
    """
    if rows.task is Task.REGRESSION:
        off = logits[..., 0] - target
        return 2.0 * off[..., None], off * off, tf.abs(off)
    if rows.task is Task.BINARY:
        z = logits[..., 0]
        p = tf.sigmoid(z)
        wanted = target if smoothing is None else target * (1.0 - smoothing[:, None]) + 0.5 * smoothing[:, None]
        loss = tf.maximum(z, 0.0) - z * target + tf.math.log1p(tf.exp(-tf.abs(z)))
        right = tf.equal(p > 0.5, target > 0.5)
        error = p - wanted
        if squared is not None:
            error = tf.where(squared[:, None], 2.0 * error * p * (1.0 - p), error)
        return error[..., None], loss, tf.where(right, 1.0, 0.0)
    classes = tf.range(rows.classes, dtype=tf.float32)
    one = tf.where(tf.equal(target[..., None], classes), 1.0, 0.0)
    top = tf.reduce_max(logits, -1, keepdims=True)
    shifted = logits - top
    total = tf.math.log(tf.reduce_sum(tf.exp(shifted), -1, keepdims=True))
    loss = tf.reduce_sum(one * (total - shifted), -1)
    wanted = one
    if smoothing is not None:
        wanted = one * (1.0 - smoothing[:, None, None]) + smoothing[:, None, None] / rows.classes
    # The first of equal largest ones, as argmax has it.
    place = tf.reduce_min(tf.where(tf.equal(logits, top), classes, float(rows.classes)), -1)
    p = tf.exp(shifted - total)
    error = p - wanted
    if squared is not None:
        of_squares = 2.0 / rows.classes * p * (error - tf.reduce_sum(error * p, -1, keepdims=True))
        error = tf.where(squared[:, None, None], of_squares, error)
    return error, loss, tf.where(tf.equal(place, target), 1.0, 0.0)


def predictions(rows: Rows, logits: Tensor) -> Tensor:
    """What Keras' network gives for the logits: probabilities, or standardised values."""
    if rows.task is Task.BINARY:
        return tf.sigmoid(logits)
    return tf.nn.softmax(logits) if rows.task is Task.MULTICLASS else logits


def _drawn(places: Tensor, key: Tensor) -> Tensor:
    """A number for each place, uint32."""
    return _mixed(tf.bitwise.bitwise_xor(places, key))


def _other(key: Tensor, purpose: Any) -> Tensor:
    """`dropout.other` on tensors."""
    return _drawn(key, tf.constant(purpose, tf.uint32))


def _mixed(x: Tensor) -> Tensor:
    """`dropout.mixed` on tensors."""
    shift, exclusive = tf.bitwise.right_shift, tf.bitwise.bitwise_xor
    first, second = (tf.constant(number, tf.uint32) for number in (dropout.FIRST, dropout.SECOND))
    x = exclusive(x, shift(x, tf.constant(16, tf.uint32))) * first
    x = exclusive(x, shift(x, tf.constant(15, tf.uint32))) * second
    return exclusive(x, shift(x, tf.constant(16, tf.uint32)))
