"""The optimizer, its learning rate and its momentum, for a regression."""

import keras
import keras_tuner as kt


def build_model(hp):
    model = keras.Sequential(
        [
            keras.layers.Dense(hp.Int("units", 8, 128, sampling="log"), activation="relu"),
            keras.layers.Dense(1),
        ]
    )
    optimizer = hp.Choice("optimizer", ["adam", "sgd", "rmsprop"])
    learning_rate = hp.Float("learning_rate", 1e-4, 1e-1, sampling="log", default=1e-3)
    if optimizer == "sgd":
        with hp.conditional_scope("optimizer", ["sgd"]):
            momentum = hp.Float("momentum", 0.0, 0.9, step=0.3)
        chosen = keras.optimizers.SGD(learning_rate, momentum=momentum, clipnorm=1.0)
    elif optimizer == "adam":
        chosen = keras.optimizers.Adam(learning_rate)
    else:
        chosen = keras.optimizers.RMSprop(learning_rate)
    model.compile(optimizer=chosen, loss="mse", metrics=["mae"])
    return model


if __name__ == "__main__":
    tuner = kt.BayesianOptimization(build_model, objective="val_loss", max_trials=20, overwrite=True)
    tuner.search_space_summary()
