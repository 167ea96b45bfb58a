"""One kind of network or the other, each with hyperparameters of its own, for logits of ten classes."""

import keras
from keras import layers
from sklearn.datasets import load_digits


def load():
    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8, 1).astype("float32") / 16.0
    y = keras.utils.to_categorical(y, 10)
    return (x[:1200], y[:1200]), (x[1200:], y[1200:])


def build_model(hp):
    model = keras.Sequential()
    model.add(keras.Input(shape=(8, 8, 1)))
    model_type = hp.Choice("model_type", ["mlp", "cnn"])
    with hp.conditional_scope("model_type", ["mlp"]):
        if model_type == "mlp":
            model.add(layers.Flatten())
            for i in range(hp.Int("mlp_layers", 1, 2)):
                with hp.name_scope(f"mlp_{i}"):
                    model.add(layers.Dense(hp.Int("units", 16, 64, step=2, sampling="log"), activation="relu"))
    with hp.conditional_scope("model_type", ["cnn"]):
        if model_type == "cnn":
            model.add(layers.Conv2D(hp.Choice("filters", [4, 8]), kernel_size=hp.Fixed("kernel", 3), activation="relu"))
            model.add(layers.GlobalMaxPooling2D())
    model.add(layers.Dense(10))
    model.compile(optimizer="adam", loss=keras.losses.CategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model
