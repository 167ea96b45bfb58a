"""Models as somebody may bring them, good and bad ones; a worker loads this file as it would load theirs."""

from __future__ import annotations

import keras
import keras_tuner
import numpy as np
from keras import layers

# What was heard inside a `fit`, for the tests to look at.
heard: dict[str, object] = {}
# Draws its seed as it is made.
start = keras.initializers.HeNormal()


class Counts(keras.Sequential):
    """A Sequential that notes how many rows a step has."""

    def train_step(self, data):
        heard["size"] = data[0].shape[0]
        return super().train_step(data)


def network(units: int = 4, rate: float = 0.0, columns: int = 8) -> keras.Model:
    model = Counts(
        [keras.Input((columns,)), layers.Dense(units, "relu", kernel_initializer=start), layers.Dropout(rate)]
    )
    model.add(layers.Dense(1, "sigmoid"))
    # Not traced, which for a few steps takes longer than they do.
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"], run_eagerly=True)
    return model


def traced(hp):
    model = network(hp.Int("units", 2, 8), rate=0.3)
    model.compile(
        keras.optimizers.Adam(0.05),
        "binary_crossentropy",
        metrics=["accuracy", keras.metrics.Precision(name="precision")],
    )
    return model


def small(hp):
    return network(hp.Int("units", 2, 8))


def values(hp):
    model = keras.Sequential([layers.Dense(1, kernel_initializer="zeros", bias_initializer="zeros")])
    model.compile(keras.optimizers.SGD(hp.Float("rate", 0.01, 1e30)), "mse", run_eagerly=True)
    return model


def wide(hp):
    return network(columns=9)


def broken(hp):
    raise RuntimeError("no such layer")


class Pictures(keras.Model):
    """A subclass, with several inputs, that is not built before it sees them."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.embed, self.see, self.last = layers.Embedding(10, 3), layers.Dense(units), layers.Dense(3, "softmax")

    def call(self, inputs):
        words = keras.ops.mean(self.embed(inputs["words"]), axis=1)
        return self.last(layers.concatenate([self.see(inputs["left"]), words]))


def several(hp):
    model = Pictures(hp.Int("units", 2, 4))
    model.compile(
        keras.optimizers.Adam(0.05), "categorical_crossentropy", metrics=["categorical_accuracy"], run_eagerly=True
    )
    return model


class Own(keras_tuner.HyperModel):
    def build(self, hp):
        return network()


class Overridden(Own):
    """What it sets is also what it is called with, and it has callbacks of its own."""

    def fit(self, hp, model, *args, **kwargs):
        heard["overridden"] = sorted(kwargs)
        size, first = hp.Choice("batch_size", [8, 16]), keras.callbacks.EarlyStopping(restore_best_weights=True)
        callbacks = [first, *kwargs.pop("callbacks")]
        return model.fit(
            *args, batch_size=size, epochs=2, verbose=0, validation_split=0.2, callbacks=callbacks, **kwargs
        )


class Loop(Own):
    """A loop that never looks at `stop_training`, and at most of its arguments neither."""

    def fit(self, hp, model, x, y, callbacks, epochs):
        for callback in callbacks:
            callback.set_model(model)
        for epoch in range(epochs):
            for callback in callbacks if hp.Boolean("begins") else ():
                callback.on_epoch_begin(epoch)
            heard["loop"] = epoch + 1
            loss = model.train_on_batch(x, y)[0]
            more = {"now_and_then": 1.0} if epoch != 1 else {"later": 2.0}
            for callback in callbacks:
                callback.on_epoch_end(epoch, {"val_mine": 10.0 - epoch, "loss": loss, "text": "a", **more})


class Silent(Own):
    """One that tells of no epoch, and returns what KerasTuner allows."""

    def fit(self, hp, model, x, y, **kwargs):
        history = keras.callbacks.History()
        history.history = {"val_mine": [1.0, 3.0, 2.0], "other": [7.0, 8.0, 9.0]}
        dictionary = {"val_mine": np.float32(3.0), "other": 8.0}
        kind = hp.Choice("returns", ["float", "dict", "history", "list", "nothing"])
        return {"float": 3.0, "dict": dictionary, "history": history, "list": [2.0, 4.0], "nothing": None}[kind]


class Fails(Own):
    def fit(self, hp, model, *args, **kwargs):
        model.fit(*args, **kwargs)
        raise KeyError("after the first epochs")
