"""What the outputs of a user's own model mean, and what its loss is given."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
from keras import layers

from tuner.errors import TrialFailed
from tuner.metrics import Task
from tuner.models.own_network import wrapped

TABLE = [("features", (4,), "float32")]
ROWS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
CLASSES = np.array([0, 1, 1, 0, 1, 0])
SPARSE, SPREAD, BINARY = keras.losses.SparseCategoricalCrossentropy, keras.losses.CategoricalCrossentropy, "binary"


class OfItsOwn(keras.losses.CategoricalCrossentropy):
    """A loss that is one of Keras', a little different."""


class Unknown(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return keras.ops.mean(y_pred, axis=-1)


def made(task, classes, units, activation, loss, metrics=()):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(units, activation)])
    model.compile(loss=loss, metrics=list(metrics))
    return wrapped(model, TABLE, task, classes)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("loss", "units", "metrics", "shape", "dtype"),
    [
        ("binary_crossentropy", 1, [], (6, 1), "float32"),
        ("bce", 1, [], (6, 1), "float32"),
        (keras.losses.BinaryCrossentropy(), 2, [], (6, 2), "float32"),
        ("mse", 2, [], (6, 2), "float32"),
        ("mse", 1, [], (6, 1), "float32"),
        ("sparse_categorical_crossentropy", 2, [], (6, 1), "int32"),
        (SPARSE(from_logits=True), 2, [], (6, 1), "int32"),
        (["sparse_categorical_crossentropy"], 2, [], (6, 1), "int32"),
        ("categorical_crossentropy", 2, [], (6, 2), "float32"),
        ("CategoricalCrossentropy", 2, [], (6, 2), "float32"),
        (keras.losses.categorical_crossentropy, 2, [], (6, 2), "float32"),
        (keras.losses.CategoricalFocalCrossentropy(), 2, [], (6, 2), "float32"),
        ("kl_divergence", 2, [], (6, 2), "float32"),
        (OfItsOwn(), 2, [], (6, 2), "float32"),
        (functools.partial(keras.losses.categorical_crossentropy, label_smoothing=0.1), 2, [], (6, 2), "float32"),
        (Unknown(), 1, [], (6, 1), "float32"),
        (Unknown(), 2, [], (6, 1), "int32"),
        (Unknown(), 2, ["accuracy"], (6, 1), "int32"),
        (Unknown(), 2, ["categorical_accuracy"], (6, 2), "float32"),
        (Unknown(), 2, [keras.metrics.F1Score()], (6, 2), "float32"),
        (lambda y, p: keras.ops.mean((y - p) ** 2), 1, [], (6, 1), "float32"),
        (None, 2, [], (6, 1), "int32"),
    ],
)
def test_targets_are_as_the_loss_wants_them(loss, units, metrics, shape, dtype):
    targets = made(Task.BINARY, 2, units, "softmax" if units > 1 else "sigmoid", loss, metrics).meaning.wanted(CLASSES)
    assert (targets.shape, str(targets.dtype)) == (shape, dtype)
    numbers = targets.argmax(axis=1) if shape[1] == 2 else targets[:, 0]
    assert numbers.tolist() == CLASSES.tolist()


def test_values_are_in_their_own_units():
    found = made(Task.REGRESSION, 1, 1, None, "mse").meaning.wanted(np.array([500.5, 3]))
    assert (found.tolist(), str(found.dtype)) == ([[500.5], [3.0]], "float32")


@pytest.mark.parametrize(
    ("task", "units", "activation", "loss", "expected"),
    [
        (Task.BINARY, 1, "sigmoid", "binary_crossentropy", lambda x: sigmoid(x)),
        (Task.BINARY, 1, None, keras.losses.BinaryCrossentropy(from_logits=True), lambda x: sigmoid(x)),
        (Task.BINARY, 1, None, "mse", lambda x: x.clip(0, 1)),
        (Task.BINARY, 1, "tanh", "hinge", lambda x: (np.tanh(x) + 1) / 2),
        (Task.BINARY, 2, "softmax", "sparse_categorical_crossentropy", lambda x: softmax(x)[:, 1:]),
        (Task.BINARY, 2, None, SPREAD(from_logits=True), lambda x: softmax(x)[:, 1:]),
        (Task.BINARY, 2, "sigmoid", "binary_crossentropy", lambda x: (sigmoid(x) / sigmoid(x).sum(1)[:, None])[:, 1:]),
        (Task.MULTICLASS, 3, "softmax", "categorical_crossentropy", softmax),
        (Task.MULTICLASS, 3, None, SPARSE(from_logits=True), softmax),
        (Task.MULTICLASS, 3, None, keras.losses.BinaryCrossentropy(from_logits=True),
         lambda x: sigmoid(x) / sigmoid(x).sum(1)[:, None]),
        (Task.MULTICLASS, 3, None, Unknown(), softmax),
        (Task.MULTICLASS, 3, None, None, softmax),
        (Task.MULTICLASS, 3, "softmax", None, softmax),
        (Task.REGRESSION, 1, None, "mse", lambda x: x),
        (Task.REGRESSION, 1, "sigmoid", "mse", lambda x: sigmoid(x)),
    ],
)  # fmt: skip
def test_outputs_are_probabilities_or_values(task, units, activation, loss, expected):
    found = made(task, 3 if task is Task.MULTICLASS else 2, units, activation, loss)
    kernel, bias = found.model.get_weights()
    np.testing.assert_allclose(found.network(ROWS), expected(ROWS @ kernel + bias), atol=1e-6)


def test_half_precision_and_outputs_without_an_axis_are_float32_columns():
    inputs = keras.Input((4,))
    half = layers.Dense(1, "sigmoid", dtype="mixed_float16")(inputs)
    found = wrapped(keras.Model(inputs, layers.Reshape(())(half)), TABLE, Task.BINARY, 2)
    assert (found.network(ROWS).shape, str(found.network(ROWS).dtype.name)) == ((6, 1), "float32")


@pytest.mark.parametrize(
    ("task", "units", "line"),
    [
        (Task.BINARY, 3, "the model gives 3 for each row, expected one probability, or two, for two classes"),
        (Task.MULTICLASS, 1, "the model gives 1 for each row, expected one probability for each of the 3 classes"),
        (Task.MULTICLASS, 10, "the model gives 10 for each row, expected one probability for each of the 3 classes"),
        (Task.REGRESSION, 2, "the model gives 2 for each row, expected one value"),
    ],
)
def test_another_number_of_outputs_than_the_task_has_is_one_line(task, units, line):
    with pytest.raises(TrialFailed, match=line):
        made(task, 3, units, None, "mse")


def test_arrays_and_several_outputs_are_told():
    inputs = keras.Input((4,))
    with pytest.raises(TrialFailed, match=r"the model gives an array of shape \[2, 2\] for each row"):
        wrapped(keras.Model(inputs, layers.Reshape((2, 2))(inputs)), TABLE, Task.MULTICLASS, 4)
    with pytest.raises(TrialFailed, match="the model gives 2 outputs, expected one"):
        wrapped(keras.Model(inputs, [layers.Dense(1)(inputs), layers.Dense(1)(inputs)]), TABLE, Task.BINARY, 2)
