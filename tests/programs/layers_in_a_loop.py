"""How many layers there are, and the units of each, in a loop."""

import keras
import keras_tuner as kt
from keras import layers
from sklearn.datasets import load_digits


def load():
    x, y = load_digits(return_X_y=True)
    x = x.astype("float32") / 16.0
    return (x[:1000], y[:1000]), (x[1000:1400], y[1000:1400]), (x[1400:], y[1400:])


def build_model(hp: kt.HyperParameters):
    model = keras.Sequential()
    model.add(keras.Input(shape=(64,)))
    for i in range(hp.Int("num_layers", 1, 3)):
        model.add(
            layers.Dense(
                # Each layer's units are tuned by themselves.
                units=hp.Int(f"units_{i}", min_value=16, max_value=64, step=16),
                activation=hp.Choice("activation", ["relu", "tanh"]),
            )
        )
        if hp.Boolean("dropout"):
            model.add(layers.Dropout(rate=hp.Float("rate", 0.1, 0.5, step=0.1)))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(
        optimizer=keras.optimizers.Adam(hp.Choice("learning_rate", values=[1e-2, 1e-3, 1e-4])),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


if __name__ == "__main__":
    (x_train, y_train), (x_val, y_val), _ = load()
    tuner = kt.Hyperband(
        build_model, objective="val_accuracy", max_epochs=10, directory="my_dir", project_name="digits"
    )
    tuner.search(x_train, y_train, validation_data=(x_val, y_val))
