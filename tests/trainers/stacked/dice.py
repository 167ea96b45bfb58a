"""What the tests of dropout do in a worker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.trainers.stacked.cases import Values
from tests.trainers.stacked.comparing import alone, in_stacks
from tuner.data.split import Split
from tuner.metrics import Array
from tuner.trainers.stacked import dropout
from tuner.trainers.stacked.lane import Lane
from tuner.trainers.stacked.plan import Plan
from tuner.trial import Trial, derive_seed
from tuner.tunables import setting


def masks(plan: Plan, values: Values, seed: int) -> tuple[Array, Array]:
    """The masks of a program's layers in the third step of a trial, (layers, rows, width), and those made by numpy."""
    import tensorflow as tf

    from tuner.trainers.stacked.network import ByLayer, Network

    lane = Lane(plan, plan.bucket(values), Trial(0, values, seed, 1))
    network, rows = Network(plan.rows, plan.traits, lane.bucket), lane.bucket.batch
    of = {name: tf.constant(each[None]) for name, each in lane.constants().items()}
    of["key"] = tf.constant(lane.keys(1, lane.steps)[2].reshape(1, -1, 1, 1))
    places = tf.constant(dropout.places(rows, 16)[None])
    found = [np.asarray(network._kept(ByLayer(of), index, places))[0] for index in range(3)]
    by_hand = np.zeros((3, rows, 16), np.float32)
    for layer in (1, 2, 3):
        rate, units = float(setting(values, "dropout", layer)), lane.units(layer)
        key = dropout.keys(seed, 3, 2, 1)[0, layer - 1]
        kept = dropout.mixed(dropout.places(rows, units) ^ key) >= rate * 2**32
        by_hand[layer - 1, :, :units] = kept * np.float32(1 / (1 - rate))
    return np.stack([np.broadcast_to(each, (rows, 16)) for each in found]), by_hand


def losses(folder: Path, plan: Plan, values: Values, seeds: int) -> tuple[Array, Array]:
    """The last validation losses of trials that differ in their seeds, from stacks and from Keras with its own dice."""
    split = Split.open(folder)
    trials = [Trial(number, values, derive_seed(1, number), plan.epochs) for number in range(seeds)]
    stacked = in_stacks(plan, split, trials)
    # With other seeds, so that both are draws of their own.
    others = [replace(trial, seed=derive_seed(2, trial.number)) for trial in trials]
    keras = [alone(plan, split, trial, masked=False).loss for trial in others]
    return np.array([stacked[number].history[-1]["val_loss"] for number in range(seeds)]), np.array(keras)
