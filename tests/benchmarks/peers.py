"""The same searches as users of KerasTuner, Optuna and plain Keras write them, each in a process of its own.

They get the train and validation rows as arrays that are prepared already, and nothing is recorded but what the tool
itself keeps. Their time, `trials`, begins when everything is imported and the arrays are read.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import answering, cores
from tests.benchmarks.tasks import depth

Order = Mapping[str, Any]
Values = Mapping[str, Any]
Search = Callable[[], list[Values]]
ACTIVATIONS = ["relu", "tanh", "sigmoid", "elu", "selu"]
INITIALIZERS = ["glorot_uniform", "he_normal", "lecun_normal"]
OPTIMIZERS = ["adam", "rmsprop", "sgd", "nadam", "adadelta"]
_PATIENCE = 1800.0  # seconds after which one of two processes is given up


class Rows:
    """The arrays, and what a network on them ends with."""

    def __init__(self, folder: str) -> None:
        import numpy as np

        from tuner.data.split import Split

        split = Split.open(Path(folder))
        self.x, self.x_validation = np.array(split.x_train), np.array(split.x_validation)
        self.y, self.y_validation = np.array(split.y_train), np.array(split.y_validation)
        self.outputs, self.activation, self.loss, self.metric = 1, "sigmoid", "binary_crossentropy", "val_accuracy"
        if split.task == "regression":
            scaled = split.preprocessing.scaled
            self.y, self.y_validation = scaled(self.y), scaled(self.y_validation)
            self.activation, self.loss, self.metric = "linear", "mse", "val_loss"
        elif split.task == "multiclass":
            self.outputs, self.activation = len(split.classes or ()), "softmax"
            self.loss = "sparse_categorical_crossentropy"

    def fitting(self, order: Order) -> dict[str, Any]:
        """What `fit` is given beside x and y."""
        return {
            "validation_data": (self.x_validation, self.y_validation),
            "epochs": order["epochs"],
            "batch_size": order["batch_size"],
            "verbose": 0,
        }

    def network(self, values: Values) -> Any:
        import keras
        from keras import layers

        model = keras.Sequential([keras.Input(self.x.shape[1:])])
        for i in range(1, values["layers"] + 1):
            units, activation, dropout = (_of_layer(values, name, i) for name in ("units", "activation", "dropout"))
            initializer = values.get("initializer", "glorot_uniform")
            model.add(layers.Dense(units, activation=activation, kernel_initializer=initializer))
            model.add(layers.Dropout(dropout))
        model.add(layers.Dense(self.outputs, activation=self.activation))
        settings = {name: values[name] for name in ("learning_rate", "momentum") if name in values}
        optimizer = keras.optimizers.get({"class_name": values["optimizer"], "config": settings})
        model.compile(optimizer=optimizer, loss=self.loss, metrics=["mae" if self.loss == "mse" else "accuracy"])
        return model


def _of_layer(values: Values, name: str, layer: int) -> Any:
    return values.get(f"{name}_{layer}", values.get(name))


def suggested(whole: Any, choice: Any, real: Any, log: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the space of studies/diabetes.toml. KerasTuner and Optuna differ in what a question is called."""
    values = {"initializer": choice("initializer", INITIALIZERS), "layers": whole("layers", 1, 10)}
    for i in range(1, values["layers"] + 1):
        values[f"units_{i}"] = whole(f"units_{i}", 8, 128, step=8)
        values[f"activation_{i}"] = choice(f"activation_{i}", ACTIVATIONS)
        values[f"dropout_{i}"] = real(f"dropout_{i}", 0.0, 0.6, step=0.1)
    values["optimizer"] = choice("optimizer", OPTIMIZERS)
    values["learning_rate"] = real("learning_rate", 1e-4, 1e-1, **log)
    if values["optimizer"] == "sgd":
        values["momentum"] = real("momentum", 0.0, 0.95)
    return values


def keras_tuner(order: Order) -> Search:
    import keras_tuner as kt

    rows = Rows(order["arrays"])

    def build(hp: Any) -> Any:
        return rows.network(suggested(hp.Int, hp.Choice, hp.Float, {"sampling": "log"}))

    def search() -> list[Values]:
        tuner = kt.RandomSearch(
            build,
            objective=rows.metric,
            max_trials=order["trials"],
            seed=order["seed"] + 1,  # 0 would not be a seed
            directory="keras-tuner",
            overwrite=True,
        )
        tuner.search(rows.x, rows.y, **rows.fitting(order))
        return [trial.hyperparameters.values for trial in tuner.oracle.trials.values()]

    return search


def optuna(order: Order) -> Search:
    import keras
    import optuna

    rows = Rows(order["arrays"])
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    best, goal = (max, "maximize") if rows.metric == "val_accuracy" else (min, "minimize")

    def objective(trial: Any) -> float:
        keras.backend.clear_session()
        ask = trial.suggest_int, trial.suggest_categorical, trial.suggest_float
        model = rows.network(suggested(*ask, {"log": True}))
        return best(model.fit(rows.x, rows.y, **rows.fitting(order)).history[rows.metric])

    def search() -> list[Values]:
        study = optuna.create_study(direction=goal, sampler=optuna.samplers.RandomSampler(order["seed"]))
        study.optimize(objective, n_trials=order["trials"])
        return [trial.params for trial in study.trials]

    return search


def fit(order: Order) -> Search:
    """The trials of our own search, one `fit` after another."""
    import keras

    rows = Rows(order["arrays"])

    def search() -> list[Values]:
        for values in order["values"]:
            keras.backend.clear_session()
            rows.network(values).fit(rows.x, rows.y, **rows.fitting(order))
        return list(order["values"])

    return search


def two_fits(order: Order) -> Search:
    """The same trials in two such processes at once, between which the cores are divided."""
    context = multiprocessing.get_context("spawn")
    begin, end = (context.Barrier(3, timeout=_PATIENCE) for _ in range(2))
    shares = [{**order, "values": order["values"][half::2]} for half in (0, 1)]
    both = [context.Process(target=_half, args=(share, begin, end), daemon=True) for share in shares]
    for process in both:
        process.start()

    def search() -> list[Values]:
        begin.wait()
        end.wait()
        return list(order["values"])

    begin.wait()  # both have imported and read what they need
    return search


def _half(order: Order, begin: Any, end: Any) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(max(1, cores() // 2))
    search = fit(order)
    begin.wait()
    begin.wait()
    search()
    end.wait()


PEERS = {"KerasTuner": keras_tuner, "Optuna + fit": optuna, "fit": fit, "two processes of fit": two_fits}


def answer(order: Order) -> dict[str, Any]:
    """Searches as told. What imports TensorFlow in processes of its own has no import to tell of."""
    start, own = time.perf_counter(), order["peer"] != "two processes of fit"
    if own:
        import keras  # noqa: F401
    imported = time.perf_counter()
    search = PEERS[order["peer"]](order)
    ready = time.perf_counter()
    values = search()
    ended = time.perf_counter()
    told = {"import": imported - start} if own else {}
    return {**told, "trials": ended - ready, "number": len(values), "depth": depth(values)}


if __name__ == "__main__":
    answering(answer)
