"""The trials that the stacked engine is held to Keras with, and the plans of the studies that they would be of.

No TensorFlow is imported here.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

from tuner.data.split import Split
from tuner.metrics import Task
from tuner.study import from_document
from tuner.trainers.stacked.plan import SWITCHES, Plan, Rows, Traits, plan
from tuner.trial import Trial, Value, derive_seed
from tuner.tunables import (
    ACTIVATIONS,
    INIT_DISTRIBUTIONS,
    INIT_MODES,
    INITIALIZERS,
    INPUT_SCALINGS,
    LOSSES,
    NORMALISED_AT,
    OPTIMIZERS,
    SCHEDULES,
    TUNABLES,
    setting,
)

Values = dict[str, Value]

# Everything that a space may vary, as far as a program depends on it.
EVERYTHING: Mapping[str, Any] = {
    "layers": {"int": [0, 3]},
    "units": {"int": [1, 16], "each": "layers"},
    "activation": {"choice": [*ACTIVATIONS], "each": "layers"},
    "negative_slope": {"float": [0.0, 0.5], "each": "layers", "when": {"activation": "leaky_relu"}},
    "input_dropout": {"float": [0.0, 0.5]},
    "dropout": {"float": [0.0, 0.5], "each": "layers"},
    "alpha_dropout": {"choice": [False, True], "each": "layers"},
    "initializer": {"choice": [*INITIALIZERS], "each": "layers"},
    "init_scale": {"float": [0.1, 2.0], "each": "layers", "when": {"initializer": "variance_scaling"}},
    "init_mode": {"choice": [*INIT_MODES], "each": "layers", "when": {"initializer": "variance_scaling"}},
    "init_distribution": {
        "choice": [*INIT_DISTRIBUTIONS],
        "each": "layers",
        "when": {"initializer": "variance_scaling"},
    },
    "batch_norm": {"choice": [False, True], "each": "layers"},
    "normalise_at": {"choice": [*NORMALISED_AT]},
    "l1": {"float": [0.0, 0.1], "each": "layers"},
    "l2": {"float": [0.0, 0.1], "each": "layers"},
    "optimizer": {"choice": [*OPTIMIZERS]},
    "learning_rate": {"float": [1e-4, 1.0], "log": True},
    "schedule": {"choice": [*SCHEDULES]},
    "warmup": {"float": [0.0, 0.5]},
    "momentum": {"float": [0.0, 0.95], "when": {"optimizer": ["rmsprop", "sgd"]}},
    "nesterov": {"choice": [False, True], "when": {"optimizer": "sgd"}},
    "amsgrad": {"choice": [False, True], "when": {"optimizer": ["adam", "adamw"]}},
    "centered": {"choice": [False, True], "when": {"optimizer": "rmsprop"}},
    "weight_decay": {"float": [0.0, 0.1]},
    "label_smoothing": {"float": [0.0, 0.2]},
    "class_weight": {"choice": ["none", "balanced"]},
    "loss": {"choice": [*LOSSES]},
    "input_scaling": {"choice": [*INPUT_SCALINGS]},
}
SALT = 0
# So that every trial takes 50 steps at least, and its last batch of an epoch is a short one.
EPOCHS = {Task.MULTICLASS: 8, Task.BINARY: 5, Task.REGRESSION: 6}
BATCH = {Task.MULTICLASS: 16, Task.BINARY: 32, Task.REGRESSION: 32}


def planned(folder: Path, space: Mapping[str, Any], epochs: int, batch_size: int | None = 16, **more: Any) -> Plan:
    """The plan of a study with that space on a saved split."""
    training = {"epochs": epochs} | ({"batch_size": batch_size} if batch_size else {})
    document = {"data": {"source": "sklearn:wine"}, "space": dict(space), "training": training}
    study = from_document("made", document)
    return replace(plan(study.space, study.training, Rows.of(Split.open(folder))), **more)


def everything(folder: Path) -> Plan:
    """A plan with one program for all that there is, beside that without hidden layers."""
    task = Split.open(folder).task
    made = planned(folder, EVERYTHING, EPOCHS[task], BATCH[task], depths={16: (0, 3)})
    # A study clips in one way only, but a program has no objection.
    return replace(made, traits=replace(made.traits, switches=SWITCHES))


def just_enough(folder: Path, sets: Mapping[str, Values], **more: Any) -> Plan:
    """The same with nothing in its programs that these trials do without."""
    made = everything(folder)
    given = {
        (name if name in TUNABLES else name.rpartition("_")[0], value)
        for values in sets.values()
        for name, value in values.items()
    }

    def named(name: str, among: tuple[str, ...]) -> tuple[str, ...]:
        found = {value for own, value in given if own == name} | {setting({}, name)}
        return tuple(each for each in among if each in found)

    optimizers = named("optimizer", OPTIMIZERS)
    switched = {own for own, _ in given} | ({"weight_decay"} if "adamw" in optimizers else set())
    traits = Traits(
        activations=named("activation", ACTIVATIONS),
        optimizers=optimizers,
        switches=tuple(name for name in SWITCHES if name in switched),
    )
    return replace(made, traits=traits, **more)


def shape(values: Mapping[str, Value]) -> tuple[int, int]:
    """Hidden layers, and units of the widest of them."""
    depth = int(setting(values, "layers"))
    return depth, max((int(setting(values, "units", layer)) for layer in range(1, depth + 1)), default=0)


def batched(names: tuple[str, ...], size: int) -> list[tuple[str, ...]]:
    return [names[start : start + size] for start in range(0, len(names), size)]


def trials(sets: Mapping[str, Values], epochs: int) -> list[Trial]:
    """A trial for each set of values, with a seed that hangs on its name alone."""
    return [
        Trial(number, values, derive_seed(SALT, zlib.crc32(words.encode())), epochs)
        for number, (words, values) in enumerate(sets.items())
    ]


def of_optimizers() -> dict[str, Values]:
    """Every optimizer with Keras' own settings, with each option that it knows, and with several of them."""
    options: dict[str, list[Values]] = {
        "sgd": [{}, {"momentum": 0.8}, {"momentum": 0.8, "nesterov": True}, {"nesterov": True}],
        "rmsprop": [{}, {"rho": 0.7}, {"momentum": 0.5}, {"epsilon": 1e-3}, {"centered": True},
                    {"centered": True, "momentum": 0.8}],
        "adagrad": [{}, {"initial_accumulator_value": 0.5}, {"initial_accumulator_value": 0.0}, {"epsilon": 1e-2}],
        "adadelta": [{}, {"rho": 0.7}, {"epsilon": 1e-4}],
        "adam": [{}, {"beta_1": 0.5}, {"beta_2": 0.9}, {"epsilon": 1e-2}, {"amsgrad": True},
                 {"amsgrad": True, "beta_2": 0.8}, {"beta_1": 0.0, "beta_2": 0.0, "epsilon": 1.0}],
        "adamw": [{}, {"amsgrad": True, "beta_2": 0.8}],
        "adamax": [{}, {"beta_1": 0.5, "beta_2": 0.9}, {"epsilon": 1e-2}],
        "nadam": [{}, {"beta_1": 0.5}, {"beta_2": 0.9}, {"epsilon": 1e-2}],
        "lion": [{}, {"beta_1": 0.7, "beta_2": 0.8}],
        "ftrl": [{}, {"initial_accumulator_value": 0.5}],
    }  # fmt: skip
    rates = {"sgd": 0.1, "adagrad": 0.1, "adadelta": 3.0, "lion": 0.003, "ftrl": 0.3}
    found: dict[str, Values] = {}
    for name, sets in options.items():
        for each in [*sets, {"weight_decay": 0.05}]:
            words = " ".join([name, *(f"{option}={value}" for option, value in each.items())])
            found[words] = {"optimizer": name, "learning_rate": rates.get(name, 0.005), **each}
    layers = cycle([
        {"layers": 2, "units_1": 12, "units_2": 7, "activation": "tanh"},
        {"layers": 3, "units_1": 9, "units_2": 16, "units_3": 5, "activation": "sigmoid"},
        {"layers": 1, "units_1": 10, "activation": "elu"},
    ])  # fmt: skip
    return {words: {**next(layers), **values} for words, values in found.items()}


def of_schedules() -> dict[str, Values]:
    """Every schedule with and without a warm-up, each under another optimizer; and decays of weights with them."""
    optimizers = cycle(OPTIMIZERS)
    return {
        f"{schedule} warmup={warmup} {(name := next(optimizers))}": {
            "layers": 2, "units": 8, "activation": "tanh", "optimizer": name,
            "learning_rate": 3.0 if name == "adadelta" else 0.01, "schedule": schedule, "warmup": warmup,
            "weight_decay": 0.01,
        } | ({"end_rate": 0.1} if schedule != "constant" else {})
        for schedule in SCHEDULES
        for warmup in (0.0, 0.3)
    }  # fmt: skip


def of_lengths() -> dict[str, Values]:
    """Schedules over epochs of their own, fewer than those of the study, and more."""
    same: Values = {"layers": 1, "units": 8, "activation": "tanh", "schedule": "linear", "end_rate": 0.1}
    return {
        "epochs of its own, few": {**same, "epochs": 3},
        "epochs of its own, many": {**same, "epochs": 50, "warmup": 0.2, "optimizer": "sgd", "learning_rate": 0.1},
    }


def of_activations(together: int = 1) -> dict[str, Values]:
    """Every activation in a first layer, or so many of them in layers of one network."""
    same: Values = {"units_1": 12, "units_2": 8, "units_3": 9, "optimizer": "sgd", "learning_rate": 0.02,
                    "momentum": 0.5}  # fmt: skip
    return {
        " and ".join(names): {**same, "layers": max(together, 2), **_by_layer("activation", (*names, "tanh"))}
        for names in batched((*ACTIVATIONS[1:], ACTIVATIONS[0]), together)
    }


def of_initializers(together: int = 1) -> dict[str, Values]:
    """Every initializer, likewise."""
    same: Values = {"units_1": 12, "units_2": 8, "units_3": 9, "activation": "tanh", "optimizer": "sgd",
                    "learning_rate": 0.1}  # fmt: skip
    return {
        " and ".join(names): {**same, "layers": max(together, 2), **_by_layer("initializer", (*names, "he_normal"))}
        for names in batched(INITIALIZERS, together)
    }


def of_variance_scaling() -> dict[str, Values]:
    """Every mode and distribution."""
    same: Values = {"layers": 3, "units_1": 12, "units_2": 8, "units_3": 9, "activation": "tanh", "optimizer": "sgd",
                    "learning_rate": 0.1, "initializer": "variance_scaling"}  # fmt: skip
    modes = {**_by_layer("init_mode", INIT_MODES), **_by_layer("init_scale", (2.0, 0.5, 0.1))}
    return {
        f"variance scaling {distribution}": {**same, **modes, "init_distribution": distribution}
        for distribution in INIT_DISTRIBUTIONS
    }


def of_slopes() -> dict[str, Values]:
    """Slopes below 0 that are given, trained and drawn, with what else a layer may have."""
    same: Values = {"layers": 3, "units_1": 12, "units_2": 8, "units_3": 9, "optimizer": "sgd", "learning_rate": 0.1}
    trained: Values = {**same, "activation": "prelu"}
    return {
        "given slopes": {**same, "activation": "leaky_relu", **_by_layer("negative_slope", (0.01, 0.3, 0.2))},
        "trained slopes, momentum": {**trained, "momentum": 0.8, "weight_decay": 0.01},
        "trained slopes, adam": {**trained, "optimizer": "adam", "learning_rate": 0.01},
        "trained slopes, ftrl": {**trained, "optimizer": "ftrl", "learning_rate": 0.3},
        "trained slopes of some layers": {**same, **_by_layer("activation", ("prelu", "tanh", "prelu"))},
        "trained slopes, clipped": {**trained, "learning_rate": 0.5, "clipnorm": 0.02},
        "trained slopes, clipped together": {**trained, "learning_rate": 0.5, "global_clipnorm": 0.1},
        "trained slopes, batch norm, l2": {**trained, "batch_norm": True, "l2": 0.01},
        "trained slopes, dropout": {**trained, "dropout": 0.3},
        "trained slopes of one layer": {**trained, "layers": 1},
        "drawn slopes": {**same, "activation": "rrelu"},
        "drawn slopes, dropout, batch norm": {**same, "activation": "rrelu", "dropout": 0.3, "batch_norm": True},
        "all kinds of slopes": {**same, **_by_layer("activation", ("rrelu", "prelu", "leaky_relu"))},
    }


def of_inputs() -> dict[str, Values]:
    """How inputs are scaled, and dropped."""
    same: Values = {"layers": 2, "units_1": 12, "units_2": 8, "activation": "tanh", "optimizer": "adam",
                    "learning_rate": 0.01}  # fmt: skip
    return {
        "raw inputs": {**same, "input_scaling": "none"},
        "raw inputs without layers": {"layers": 0, "input_scaling": "none", "learning_rate": 1e-4},
        "unit inputs": {**same, "input_scaling": "unit"},
        "unit inputs, dropout": {**same, "input_scaling": "unit", "input_dropout": 0.3, "dropout": 0.2},
        "standard inputs, dropout": {**same, "input_scaling": "standard", "input_dropout": 0.1},
        "dropout of inputs without layers": {"layers": 0, "input_dropout": 0.5, "learning_rate": 0.01},
    }


def _by_layer(name: str, values: tuple[Value, ...]) -> Values:
    return {f"{name}_{layer}": value for layer, value in zip((1, 2, 3), [*values, values[-1]], strict=False)}


def of_penalties() -> dict[str, Values]:
    same: Values = {"layers": 2, "units_1": 12, "units_2": 8, "activation": "tanh", "learning_rate": 0.01}
    sets: dict[str, Values] = {
        "l1": {"l1": 0.01},
        "l2": {"l2": 0.05},
        "l1 and l2": {"l1": 0.003, "l2": 0.02, "optimizer": "sgd", "momentum": 0.9},
        "l1 in one layer, l2 in the other": {"l1_1": 0.01, "l2_1": 0.0, "l1_2": 0.0, "l2_2": 0.05},
    }
    return {words: {**same, **values} for words, values in sets.items()}


def of_normalisation() -> dict[str, Values]:
    same: Values = {"layers": 3, "units_1": 12, "units_2": 8, "units_3": 5, "activation": "tanh"}
    first = {"batch_norm_1": True, "batch_norm_2": False, "batch_norm_3": False}
    early: Values = {**same, "normalise_at": "layer"}
    last = {"batch_norm_1": False, "batch_norm_2": False, "batch_norm_3": True}
    return {
        "batch norm everywhere, sgd": {**same, "batch_norm": True, "optimizer": "sgd", "learning_rate": 0.2},
        "batch norm everywhere, adam": {**same, "batch_norm": True, "learning_rate": 0.01},
        "batch norm first, adam": {**same, **first, "learning_rate": 0.01},
        "batch norm last, nadam": {**same, **last, "optimizer": "nadam", "learning_rate": 0.01},
        "batch norm last, relu": {**same, **last, "activation": "relu", "optimizer": "sgd", "learning_rate": 0.1},
        "batch norm, l2, decay": {**same, "batch_norm": True, "l2": 0.01, "optimizer": "adamw"},
        "batch norm before weights, sgd": {**early, "batch_norm": True, "optimizer": "sgd", "learning_rate": 0.2},
        "batch norm before weights, adam": {**early, "batch_norm": True, "learning_rate": 0.01},
        "batch norm before first weights": {**early, **first, "optimizer": "sgd", "learning_rate": 0.2},
        "batch norm before last weights, dropout": {**early, **last, "dropout": 0.2, "learning_rate": 0.01},
        "batch norm before weights of one layer, l2, clipped": {
            **early, "layers": 1, "batch_norm": True, "l2": 0.01, "clipnorm": 0.1, "optimizer": "sgd",
            "learning_rate": 0.2, "input_scaling": "unit",
        },
        "batch norm of one layer": {
            "layers": 1, "units_1": 16, "batch_norm": True, "activation": "gelu", "learning_rate": 0.01,
        },
    }  # fmt: skip


def of_targets() -> dict[str, Values]:
    """What only classes have."""
    same: Values = {"layers": 2, "units_1": 12, "units_2": 8, "activation": "tanh", "learning_rate": 0.1,
                    "optimizer": "sgd"}  # fmt: skip
    return {
        "label smoothing": {**same, "label_smoothing": 0.15},
        "class weights": {**same, "class_weight": "balanced"},
        "class weights and label smoothing": {**same, "class_weight": "balanced", "label_smoothing": 0.05},
        "squared error": {**same, "loss": "mse", "learning_rate": 1.0},
        "squared error without layers": {"layers": 0, "loss": "mse", "learning_rate": 0.05},
        "squared error, weights and smoothing": {
            **same, "loss": "mse", "learning_rate": 1.0, "class_weight": "balanced", "label_smoothing": 0.1,
        },
        "class weights without layers": {"layers": 0, "class_weight": "balanced", "learning_rate": 0.05},
    }  # fmt: skip


def of_outputs() -> dict[str, Values]:
    """What only three classes and more have."""
    same: Values = {"layers": 2, "units_1": 12, "units_2": 8, "activation": "tanh", "optimizer": "sgd",
                    "learning_rate": 0.5, "output_activation": "sigmoid"}  # fmt: skip
    return {
        "sigmoids": same,
        "sigmoids, squared error": {**same, "loss": "mse", "learning_rate": 1.0},
        "sigmoids, squared error, weights and smoothing": {
            **same, "loss": "mse", "learning_rate": 1.0, "class_weight": "balanced", "label_smoothing": 0.1,
        },
        "sigmoids, weights and smoothing": {**same, "class_weight": "balanced", "label_smoothing": 0.1},
        "sigmoids without layers": {**same, "layers": 0},
        "a softmax that is asked for": {**same, "output_activation": "softmax"},
    }  # fmt: skip


def of_shapes() -> dict[str, Values]:
    same: Values = {"activation": "tanh", "optimizer": "sgd", "learning_rate": 0.2}
    return {
        "no hidden layer": {"layers": 0, **same},
        "no hidden layer, adam": {"layers": 0},
        "one unit": {"layers": 1, "units": 1, **same},
        "narrow": {"layers": 3, "units_1": 1, "units_2": 2, "units_3": 1, **same},
        "wide": {"layers": 3, "units": 16, **same},
    }


def of_clipping() -> dict[str, Values]:
    """Every way of clipping gradients, so tight that it is felt."""
    same: Values = {"layers": 2, "units_1": 12, "units_2": 8, "activation": "tanh"}
    limits = {"clipnorm": 0.05, "clipvalue": 0.01, "global_clipnorm": 0.1}
    found: dict[str, Values] = {}
    for name, limit in limits.items():
        found |= {
            f"{name} sgd": {**same, "optimizer": "sgd", "learning_rate": 0.5, name: limit},
            f"{name} adam": {**same, "optimizer": "adam", "learning_rate": 0.005, name: limit},
            f"{name} batch norm, l2": {**same, "batch_norm_1": False, "batch_norm_2": True, "l2": 0.1,
                                       "optimizer": "sgd", "learning_rate": 0.5, name: limit},
            f"{name} without layers": {"layers": 0, "optimizer": "sgd", "learning_rate": 0.5, name: limit},
        }  # fmt: skip
    return found


def of_dropout() -> dict[str, Values]:
    same: Values = {"layers": 3, "units_1": 12, "units_2": 8, "units_3": 16, "activation": "sigmoid",
                    "learning_rate": 0.01}  # fmt: skip
    return {
        "dropout": {**same, "dropout": 0.3},
        "dropout in some layers": {**same, "dropout_1": 0.0, "dropout_2": 0.5, "dropout_3": 0.1},
        "alpha dropout": {**same, "activation": "selu", "dropout": 0.3, "alpha_dropout": True},
        "alpha dropout in some layers": {**same, **_by_layer("dropout", (0.0, 0.5, 0.3)),
                                         **_by_layer("alpha_dropout", (True, True, False))},
        "dropout, batch norm, sgd": {**same, "dropout": 0.2, "batch_norm": True, "optimizer": "sgd",
                                     "learning_rate": 0.1},
    }  # fmt: skip


def of_everything(task: Task) -> dict[str, Values]:
    """All of the above, as far as the task knows it."""
    return of_settings(task) | of_activations() | of_initializers()


def of_settings(task: Task) -> dict[str, Values]:
    families = [
        of_optimizers, of_schedules, of_penalties, of_normalisation, of_shapes, of_clipping, of_dropout,
        of_variance_scaling, of_slopes, of_inputs, of_lengths,
        *([] if task is Task.REGRESSION else [of_targets]), *([of_outputs] if task is Task.MULTICLASS else []),
    ]  # fmt: skip
    return {words: values for family in families for words, values in family().items()}


def of_much(task: Task) -> dict[str, Values]:
    """Fewer of them, with something of every family, and every optimizer, activation and initializer."""
    settings = of_settings(task)
    chosen = {words: settings[words] for words in list(settings)[::3]}
    chosen |= of_outputs() if task is Task.MULTICLASS else {}
    return chosen | of_slopes() | of_inputs() | of_lengths() | of_activations(3) | of_initializers(3)


def of_tasks(task: Task) -> dict[str, Values]:
    """What may differ from task to task."""
    families = [of_dropout, of_normalisation, of_inputs, *([] if task is Task.REGRESSION else [of_targets])]
    return {words: values for family in families for words, values in list(family().items())[1::2]}
