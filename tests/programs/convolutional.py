"""Blocks of convolution on images, with a layer of the program's own at the end of them."""

import keras
from keras import layers
from sklearn.datasets import load_digits


def load():
    digits = load_digits()
    images = (digits.images / 16.0).astype("float32")
    return (
        (images[:1100], digits.target[:1100]),
        (images[1100:1450], digits.target[1100:1450]),
        (
            images[1450:],
            digits.target[1450:],
        ),
    )


@keras.saving.register_keras_serializable(package="convolutional")
class Scale(layers.Layer):
    """Multiplies each channel by a weight of its own."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

    def call(self, x):
        return x * self.scale


def build_model(hp):
    inputs = keras.Input(shape=(8, 8))
    x = layers.Reshape((8, 8, 1))(inputs)
    for i in range(hp.Int("conv_blocks", 1, 2, default=1)):
        x = layers.Conv2D(hp.Int(f"filters_{i}", 4, 12, step=4), kernel_size=3, padding="same")(x)
        x = layers.ReLU()(x)
        pooling = layers.MaxPool2D if hp.Choice("pooling_" + str(i), ["avg", "max"]) == "max" else layers.AvgPool2D
        x = pooling(2)(x)
    x = Scale()(x)
    x = layers.GlobalAvgPool2D()(x)
    x = layers.Dropout(hp.Float("dropout", 0, 0.5, step=0.1, default=0.5))(x)
    outputs = layers.Dense(10, activation="softmax")(x)
    model = keras.Model(inputs, outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model
