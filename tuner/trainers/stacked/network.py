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
class Moments:
    """What a batch is normalised by, and what comes of it."""

    mean: Tensor  # (S, 1, U)
    variance: Tensor  # (S, 1, U)
    inverse: Tensor  # (S, 1, U), 1 / standard deviation
    normalised: Tensor  # (S, B, U), before scale and shift

    @classmethod
    def of(cls, z: Tensor, seen: Tensor) -> Moments:
        """Over the rows of the batch alone."""
        rows = tf.reduce_sum(seen)
        mean = tf.reduce_sum(z * seen, 1, keepdims=True) / rows
        variance = tf.reduce_sum(tf.square(z - mean) * seen, 1, keepdims=True) / rows
        inverse = tf.math.rsqrt(variance + _EPSILON)
        return cls(mean, variance, inverse, (z - mean) * inverse)


@dataclass(frozen=True, slots=True)
class Layer:
    """What a hidden layer's way back needs of its way forward."""

    inputs: Tensor  # (S, B, F or U)
    slope: Tensor  # (S, B, U), of the activation, with dropout and padding in it
    moments: Moments | None = None  # before the activation
    early: Moments | None = None  # before the weights, of F or U inputs
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
    def early(self) -> bool:
        """Whether some trials normalise before the weights of a layer; what comes before the first one is as wide as
        the features, and has tensors of its own, whose names end in 0.
        """
        return self.normalises and "normalise_at" in self.traits.switches

    @property
    def bends(self) -> bool:
        """Whether slopes are trained."""
        return "prelu" in self.traits.activations and self.bucket.depth > 0

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The trainable weights by name, without the lanes."""
        depth, width, outputs = self.bucket.depth, self.bucket.width, self.rows.outputs
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, name in enumerate(self.kernels[: 1 if self.bucket.loops(self.traits) else None], start=1):
            shapes[name] = (self.rows.features if layer == 1 else width, width)
        if self.bucket.loops(self.traits):
            shapes["kernels"] = (depth - 1, width, width)
        if depth:
            shapes["bias"] = (depth, 1, width)
        if self.normalises:
            shapes["gamma"] = shapes["beta"] = (depth, 1, width)
        if self.early:
            shapes["gamma_0"] = shapes["beta_0"] = (1, 1, self.rows.features)
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
        shape, first = (self.bucket.depth, 1, self.bucket.width), (1, 1, self.rows.features)
        kept: dict[str, tuple[int, ...]] = {"mean": shape, "variance": shape}
        if self.early:
            kept |= {"mean_0": first, "variance_0": first}
        return kept

    def normalised(self, constants: Weights, statistic: str) -> Tensor:
        """Where a moving statistic means something, (S, layers, 1, 1)."""
        if not self.early:
            return constants["normalised"]
        early = constants["normalised_early"]
        return early[:, :1] if statistic.endswith("_0") else tf.logical_or(constants["normalised"], early)

    def scratch(self) -> Weights:
        """What a step leaves to the next one for no other reason than that its memory need not be asked for again."""
        return {}

    def logits(self, weights: Weights, moving: Weights, constants: Weights, x: Tensor) -> Tensor:
        """What the networks give for rows that all lanes share, (rows, F) → (S, rows, C), without dropout."""
        of = ByLayer({**constants, **weights, **moving})
        h = self._scaled(constants, tf.broadcast_to(x[None], [self.bucket.lanes, *x.shape]))
        for index in range(self.bucket.depth):
            if self.early:
                h = _shifted(of, "normalised_early", _first(index), h, _standardised(of, _first(index), h))
            z = tf.matmul(h, weights[self.kernels[index]]) + of("bias", index)
            if self.normalises:
                z = _shifted(of, "normalised", ("", index), z, _standardised(of, ("", index), z))
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
        for index in range(self.bucket.depth):
            early, moments = None, None
            if self.early:
                early = Moments.of(h, seen)
                h = _shifted(of, "normalised_early", _first(index), h, early.normalised)
            inputs = h
            z = tf.matmul(h, weights[self.kernels[index]]) + of("bias", index)
            if self.normalises:
                moments = Moments.of(z, seen)
                z = _shifted(of, "normalised", ("", index), z, moments.normalised)
            y, slope = pick(self.traits.activations, of("code", index), z, self._leaks(of, index, places))
            kept = self._kept(of, index, places)
            y, slope = y * kept, slope * kept
            if "alpha_dropout" in self.traits.switches:
                y += self._lifted(of, index, places)
            below = None
            if self.bends:
                own = tf.equal(of("code", index), float(self.traits.activations.index("prelu")))
                below = tf.where(own, tf.minimum(z, 0.0), 0.0) * kept
            layers.append(Layer(inputs, slope, moments, early, below))
            h = tf.where(of("active", index), y, h) if self._may_skip(index) else y
        logits = tf.matmul(h, weights["kernel"]) + weights["shift"][:, None, :]
        return logits, h, layers, self._moved(of, moving, layers)

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
        # A sum over rows would be fused with all that makes a delta and make it again, by column: 0.08 of an epoch.
        # A product reads what is there; one of a single row would be fused like a sum.
        ones = tf.broadcast_to(tf.transpose(seen, [0, 2, 1]), [self.bucket.lanes, 2, self.bucket.batch])
        found: Weights = {
            "kernel": tf.matmul(last, error, transpose_a=True),
            "shift": tf.matmul(ones, error)[:, 0],
        }
        biases, gammas, betas, alphas = [], [], [], []
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
            if layer.moments is not None:
                mine = of("normalised", index)
                delta, gamma, beta = _through(mine, of("gamma", index), layer.moments, delta, seen)
                gammas.append(tf.where(mine, gamma, 0.0))
                betas.append(tf.where(mine, beta, 0.0))
                biases.append(tf.where(mine, 0.0, beta))  # what is normalised right after it has no bias
            else:
                biases.append(tf.matmul(ones, delta)[:, :1])
            name = self.kernels[index]
            found[name] = self._penalised(weights[name], of, index, tf.matmul(layer.inputs, delta, transpose_a=True))
            if index or layer.early:
                further = product = tf.matmul(delta, weights[name], transpose_b=True)
            if layer.early is not None:
                mine, (end, at) = of("normalised_early", index), _first(index)
                further, gamma, beta = _through(mine, of(f"gamma{end}", at), layer.early, further, seen)
                gamma, beta = tf.where(mine, gamma, 0.0), tf.where(mine, beta, 0.0)
                if index:
                    gammas[-1], betas[-1] = gammas[-1] + gamma, betas[-1] + beta
                else:
                    found["gamma_0"], found["beta_0"] = gamma[:, None], beta[:, None]
            if index:
                back = tf.where(of("active", index), further, back) if skips else further
                if take is not None:
                    back += nothing(take(name, found[name], product))[:, None, None]
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

    def _moved(self, of: ByLayer, moving: Weights, layers: list[Layer]) -> Weights:
        """The moving statistics after a step."""
        if not self.normalises:
            return {}
        seen: Weights = {}
        for name in ("mean", "variance"):
            found = [getattr(layer.moments, name) for layer in layers]
            if self.early:
                early = [getattr(layer.early, name) for layer in layers]
                seen[f"{name}_0"] = early[0][:, None]
                for index in range(1, len(layers)):
                    found[index] = tf.where(of("normalised_early", index), early[index], found[index])
            seen[name] = tf.stack(found, 1)
        return {name: moving[name] * _MOMENTUM + seen[name] * (1.0 - _MOMENTUM) for name in seen}

    def _penalised(self, kernel: Tensor, of: ByLayer, index: int, gradient: Tensor) -> Tensor:
        """The gradient of a hidden kernel with those of its penalties."""
        if "l2" in self.traits.switches:
            gradient += 2.0 * of("l2", index) * kernel
        if "l1" in self.traits.switches:
            gradient += of("l1", index) * tf.sign(kernel)
        return gradient


def _first(index: int) -> tuple[str, int]:
    """How the tensors of a normalisation before the weights are called, and at which of their layers they are."""
    return ("", index) if index else ("_0", 0)


def _shifted(of: ByLayer, flag: str, named: tuple[str, int], z: Tensor, normalised: Tensor) -> Tensor:
    """Scaled and shifted where the layer is normalised, and z where it is not; the layer is that of `named`."""
    end, index = named
    return tf.where(of(flag, index), normalised * of(f"gamma{end}", index) + of(f"beta{end}", index), z)


def _standardised(of: ByLayer, named: tuple[str, int], z: Tensor) -> Tensor:
    """By the moving statistics."""
    end, index = named
    return (z - of(f"mean{end}", index)) * tf.math.rsqrt(of(f"variance{end}", index) + _EPSILON)


def _through(mine: Tensor, scale: Tensor, moments: Moments, delta: Tensor, seen: Tensor) -> tuple[Tensor, ...]:
    """dloss/dz before a normalisation (Ioffe and Szegedy, 2015) where it is `mine`, and dloss/d of scale and shift."""
    beta = tf.reduce_sum(delta, 1, keepdims=True)
    gamma = tf.reduce_sum(delta * moments.normalised, 1, keepdims=True)
    mean = (beta + moments.normalised * gamma) / tf.reduce_sum(seen)
    return tf.where(mine, scale * moments.inverse * (delta - mean) * seen, delta), gamma, beta


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
