"""The activations of the space with their derivatives, of which a program picks one for each layer of each trial.

The definitions are those of `keras.activations` under the same names, and of `models.layers`.
One exponential and one division for all, tanh included, saved nothing that could be measured, and was further from
Keras.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import tensorflow as tf

Tensor: TypeAlias = Any
# z → (activation, derivative); what two of them compute alike is computed once, by the compiler.
Activation: TypeAlias = Callable[[Tensor], tuple[Tensor, Tensor]]

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
# These have a slope below 0, given to `pick`.
LEAKY = ("leaky_relu", "prelu", "rrelu")


def pick(names: tuple[str, ...], code: Tensor, z: Tensor, leaks: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The activation and its derivative at `z`; `code` is the index in `names`, of a shape that broadcasts to z's.

    `leaks` has the slope below 0 of each of them that is LEAKY.
    """
    value, slope = bend(names[0], z, leaks)
    for index, name in enumerate(names[1:], start=1):
        chosen = tf.equal(code, float(index))
        other, other_slope = bend(name, z, leaks)
        value, slope = tf.where(chosen, other, value), tf.where(chosen, other_slope, slope)
    return value, slope


def bend(name: str, z: Tensor, leaks: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    if name not in LEAKY:
        return ACTIVATIONS[name](z)
    leak = leaks[name]
    # Of its two halves Keras' PReLU has neither at 0.
    below = tf.where(z < 0, leak, 0.0) if name == "prelu" else leak
    return tf.where(z > 0, z, leak * z), tf.where(z > 0, 1.0, below)


def _exp_minus_abs(z: Tensor) -> Tensor:
    """e^−|z|, from which all that grows or decays is made, because it never overflows."""
    return tf.exp(-tf.abs(z))


def _sigmoid_of(z: Tensor) -> Tensor:
    e = _exp_minus_abs(z)
    return tf.where(z < 0, e, 1.0) / (1.0 + e)


def _softplus_of(z: Tensor) -> Tensor:
    return tf.maximum(z, 0.0) + tf.math.log1p(_exp_minus_abs(z))


def _elu(z: Tensor) -> tuple[Tensor, Tensor]:
    e = _exp_minus_abs(z)
    return tf.where(z < 0, e - 1.0, z), tf.where(z < 0, e, 1.0)


def _exponential(z: Tensor) -> tuple[Tensor, Tensor]:
    grown = tf.exp(z)
    return grown, grown


def _gelu(z: Tensor) -> tuple[Tensor, Tensor]:
    share = 0.5 * (1.0 + tf.math.erf(z / math.sqrt(2)))
    return z * share, share + z * tf.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


def _hard_sigmoid(z: Tensor) -> tuple[Tensor, Tensor]:
    inside = tf.logical_and(z > -3.0, z < 3.0)
    return tf.clip_by_value(z + 3.0, 0.0, 6.0) / 6.0, tf.where(inside, 1.0 / 6.0, 0.0)


def _linear(z: Tensor) -> tuple[Tensor, Tensor]:
    return z, tf.ones_like(z)


def _mish(z: Tensor) -> tuple[Tensor, Tensor]:
    bent = tf.tanh(_softplus_of(z))
    return z * bent, bent + z * (1.0 - bent * bent) * _sigmoid_of(z)


def _relu(z: Tensor) -> tuple[Tensor, Tensor]:
    return tf.maximum(z, 0.0), tf.where(z > 0, 1.0, 0.0)


def _relu6(z: Tensor) -> tuple[Tensor, Tensor]:
    inside = tf.logical_and(z > 0.0, z < 6.0)
    return tf.clip_by_value(z, 0.0, 6.0), tf.where(inside, 1.0, 0.0)


def _selu(z: Tensor) -> tuple[Tensor, Tensor]:
    value, slope = _elu(z)
    bent = z < 0
    return _SELU_SCALE * tf.where(bent, _SELU_ALPHA * value, z), _SELU_SCALE * tf.where(bent, _SELU_ALPHA * slope, 1.0)


def _sigmoid(z: Tensor) -> tuple[Tensor, Tensor]:
    value = _sigmoid_of(z)
    return value, value * (1.0 - value)


def _silu(z: Tensor) -> tuple[Tensor, Tensor]:
    share = _sigmoid_of(z)
    return z * share, share * (1.0 + z * (1.0 - share))


def _softplus(z: Tensor) -> tuple[Tensor, Tensor]:
    return _softplus_of(z), _sigmoid_of(z)


def _softsign(z: Tensor) -> tuple[Tensor, Tensor]:
    share = 1.0 / (1.0 + tf.abs(z))
    return z * share, share * share


def _tanh(z: Tensor) -> tuple[Tensor, Tensor]:
    value = tf.tanh(z)
    return value, 1.0 - value * value


ACTIVATIONS: Mapping[str, Activation] = {
    "elu": _elu,
    "exponential": _exponential,
    "gelu": _gelu,
    "hard_sigmoid": _hard_sigmoid,
    "linear": _linear,
    "mish": _mish,
    "relu": _relu,
    "relu6": _relu6,
    "selu": _selu,
    "sigmoid": _sigmoid,
    "silu": _silu,
    "softplus": _softplus,
    "softsign": _softsign,
    "swish": _silu,
    "tanh": _tanh,
}
