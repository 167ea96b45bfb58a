"""A hypermodel whose `fit` tunes the batch size and a setting of the data."""

import keras
import keras_tuner
from keras import layers


class MyHyperModel(keras_tuner.HyperModel):
    def build(self, hp):
        inputs = keras.Input(shape=(8,))
        x = inputs
        if hp.Boolean("normalize"):
            x = layers.BatchNormalization()(x)
        x = layers.Dense(hp.Int("units", 16, 64, step=16), activation=hp.Choice("activation", ["relu", "tanh"]))(x)
        outputs = layers.Dense(2, activation="softmax")(x)
        model = keras.Model(inputs, outputs)
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(
            *args,
            # Tune the batch size, and whether rows are shuffled in each epoch.
            batch_size=hp.Choice("batch_size", [16, 32, 64]),
            shuffle=hp.Boolean("shuffle"),
            **kwargs,
        )
