"""What the outputs of a stack are worth: the losses that are minimised, with their gradients, and the predictions.

Shapes: S lanes, B rows of a batch, C outputs.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import tensorflow as tf

from tuner.metrics import Task
from tuner.trainers.stacked.plan import Rows

Tensor: TypeAlias = Any


def losses(
    rows: Rows,
    logits: Tensor,
    target: Tensor,
    smoothing: Tensor | None,
    squared: Tensor | None,
    apart: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """dloss/dlogits of each row (S, B, C), before its weight; the row's plain loss and second metric, (S, B).

    `target` is (S, B): class numbers, or standardised values; `smoothing` is (S,), and so is `squared`: whether it is
    not the log loss that is minimised, but the squared error of probabilities; so is `apart`: whether several classes
    have sigmoids, each minimised for itself, of whose shares the plain loss is. The second metric is 1 where the
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
    if apart is not None:
        own = tf.sigmoid(logits)
        of_own = (own - wanted) / rows.classes
        if squared is not None:
            of_own = tf.where(squared[:, None, None], 2.0 * of_own * own * (1.0 - own), of_own)
        error = tf.where(apart[:, None, None], of_own, error)
        # As `models.outputs` has shares.
        kept = tf.maximum(own, 1e-7)
        share = tf.reduce_sum(one * kept, -1) / tf.reduce_sum(kept, -1)
        loss = tf.where(apart[:, None], -tf.math.log(share), loss)
    return error, loss, tf.where(tf.equal(place, target), 1.0, 0.0)


def predictions(rows: Rows, logits: Tensor, apart: Tensor | None) -> Tensor:
    """What Keras' network gives for the logits: probabilities, sigmoids where several are `apart`, or values."""
    if rows.task is Task.BINARY:
        return tf.sigmoid(logits)
    if rows.task is Task.REGRESSION:
        return logits
    whole = tf.nn.softmax(logits)
    return whole if apart is None else tf.where(apart[:, None, None], tf.sigmoid(logits), whole)
