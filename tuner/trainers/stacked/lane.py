"""From the values of a trial to what its lane of a program holds: constants, and the numbers of each epoch."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tuner.metrics import Array
from tuner.models.schedule import rates
from tuner.trainers.order import rows_of
from tuner.trainers.stacked import dropout
from tuner.trainers.stacked.coefficients import ACCUMULATES, FED_WITH_STEPS, coefficients, option
from tuner.trainers.stacked.plan import Bucket, Plan, levels, sides
from tuner.trial import Trial, Value
from tuner.tunables import CLIPPING, output_activation, setting


@dataclass(frozen=True)
class Lane:
    """A trial in a program of a plan."""

    plan: Plan
    bucket: Bucket
    trial: Trial

    @property
    def values(self) -> Mapping[str, Value]:
        return self.trial.values

    @property
    def depth(self) -> int:
        return int(setting(self.values, "layers"))

    def units(self, layer: int) -> int:
        """The true width of a hidden layer."""
        return int(setting(self.values, "units", layer))

    def normalised(self, layer: int, at: str = "activation") -> bool:
        """Whether a layer is normalised there; see `models.layers`."""
        return bool(setting(self.values, "batch_norm", layer)) and setting(self.values, "normalise_at") == at

    @property
    def initial_v(self) -> float:
        """What the slot v begins with."""
        accumulates = setting(self.values, "optimizer") in ACCUMULATES
        return option(self.values, "initial_accumulator_value", 0.1) if accumulates else 0.0

    def constants(self) -> dict[str, Array]:
        """What stays as it is while the trial trains, without the lanes in front; see `Network`.

        What differs by layer is (layers, 1, width or 1).
        """
        traits, depth, width = self.plan.traits, self.bucket.depth, self.bucket.width
        layers = range(1, self.depth + 1)

        def by_layer(name: str) -> Array:
            found = np.zeros((depth, 1, 1))
            found[: self.depth, 0, 0] = [float(setting(self.values, name, layer)) for layer in layers]
            return found

        unit = np.zeros((depth, 1, width), np.float32)
        code = np.zeros((depth, 1, 1), np.float32)
        for layer in layers:
            unit[layer - 1, 0, : self.units(layer)] = 1.0
            code[layer - 1] = traits.activations.index(str(setting(self.values, "activation", layer)))
        made: dict[str, Any] = {
            "unit": unit,
            "code": code,
            "active": np.arange(depth).reshape(-1, 1, 1) < self.depth,
        } | self._flags()
        if self.bucket.loops(traits):
            made["side"] = np.array([self._side(layer) for layer in range(1, depth + 1)], np.int32)
            made["count"] = np.int32(self.depth)
        if "dropout" in traits.switches:
            made |= self._dropout(by_layer("dropout"), by_layer("alpha_dropout") > 0)
        if "input_dropout" in traits.switches:
            rate = float(setting(self.values, "input_dropout"))
            made["input_scale"] = np.full((1, 1), 1.0 / (1.0 - rate), np.float32)
            made["input_threshold"] = np.full((1, 1), dropout.threshold(rate), np.uint32)
        scalars = ("l1", "l2", "negative_slope")
        made |= {name: by_layer(name).astype(np.float32) for name in scalars if name in traits.switches}
        if "batch_norm" in traits.switches:
            normalised, early = by_layer("batch_norm") > 0, setting(self.values, "normalise_at") == "layer"
            made["normalised"] = normalised & (not early)
            if "normalise_at" in traits.switches:
                made["normalised_early"] = normalised & early
        if "label_smoothing" in traits.switches:
            made["smoothing"] = np.float32(setting(self.values, "label_smoothing"))
        if "loss" in traits.switches:
            made["squared"] = np.bool_(setting(self.values, "loss") == "mse")
        if "output_activation" in traits.switches:
            made["apart"] = np.bool_(output_activation(self.values, self.plan.rows.task) == "sigmoid")
        if "class_weight" in traits.switches:
            made["balanced"] = np.bool_(setting(self.values, "class_weight") == "balanced")
        limits = {name: np.float32(self.values.get(name, np.inf)) for name in CLIPPING if name in traits.switches}
        return {name: np.asarray(each) for name, each in (made | limits).items()}

    def _side(self, layer: int) -> int:
        """The place of a layer's kernel among the `sides`; the first layer's is none of them."""
        if not 1 < layer <= self.depth:
            return 0
        known = levels(self.bucket.width)
        inputs, units = (known[bisect_left(known, self.units(each))] for each in (layer - 1, layer))
        return sides(self.bucket.width).index((inputs, units))

    def _dropout(self, rate: Array, alpha: Array) -> dict[str, Array]:
        """What values are multiplied by where they are kept, from where on they are, and what is added then.

        Dropout that keeps mean and variance puts the least value of selu in place of what it drops; see
        Klambauer et al., 2017, and Keras' AlphaDropout.
        """
        # In double precision, as Keras has it: 1 − 0.9 in single precision is a quarter of a millionth too large.
        scale = np.where(alpha, ((1.0 - rate) * (1.0 + rate * dropout.LEAST**2)) ** -0.5, 1.0 / (1.0 - rate))
        lift = np.where(alpha, -scale * dropout.LEAST * rate, 0.0)
        made = {"scale": scale, "lift": lift, "floor": np.where(alpha, scale * dropout.LEAST + lift, 0.0)}
        if "alpha_dropout" not in self.plan.traits.switches:
            made = {"scale": scale}
        drawn = np.array([dropout.threshold(each) for each in rate.flat], np.uint32).reshape(rate.shape)
        return {name: each.astype(np.float32) for name, each in made.items()} | {"threshold": drawn}

    def _flags(self) -> dict[str, Array]:
        """Which formula of `Updates` the trial follows, of those that the study has."""
        name = str(setting(self.values, "optimizer"))
        told = {
            "fed_with_steps": name in FED_WITH_STEPS,
            "adadelta": name == "adadelta",
            "adamax": name == "adamax",
            "lion": name == "lion",
            "ftrl": name == "ftrl",
            "amsgrad": bool(self.values.get("amsgrad", False)),
            "centered": bool(self.values.get("centered", False)),
        }
        return {f"is_{flag}": np.asarray(value) for flag, value in told.items()}

    @property
    def steps(self) -> int:
        """How many steps an epoch has."""
        return self.plan.steps(self.bucket.size)

    def order(self, epoch: int, most_steps: int) -> Array:
        """The rows of each step of an epoch, int32 (most_steps, batch); places beyond a batch hold row 0."""
        rows, size = self.plan.rows.train, self.bucket.size
        drawn = rows_of(self.trial, epoch, rows)
        padded = np.zeros(self.steps * size, np.int32)
        padded[:rows] = drawn
        order = np.zeros((most_steps, self.bucket.batch), np.int32)
        order[: self.steps, :size] = padded.reshape(self.steps, size)
        return order

    def tables(self, epoch: int, most_steps: int) -> Array:
        """The coefficients of each step of an epoch, (most_steps, columns of `Formula`)."""
        before = (epoch - 1) * self.steps
        # Beyond the last epoch of the schedule the rate stays where it is, as in the plain trainer.
        step = np.minimum(np.arange(before, before + self.steps), len(self.rates) - 1)
        found = coefficients(self.values, self.rates[step], before - (self.trial.first_epoch - 1) * self.steps)
        return np.concatenate([found, np.zeros((most_steps - self.steps, found.shape[1]), np.float32)])

    @cached_property
    def rates(self) -> Array:
        """The learning rate of each step of the trial's own epochs, or else of the study's."""
        return rates(self.values, int(self.values.get("epochs", self.plan.epochs)) * self.steps)

    def keys(self, epoch: int, most_steps: int) -> Array:
        """The dropout keys of each step of an epoch, uint32 (most_steps, layers); unused where nothing is dropped."""
        drawn = dropout.keys(self.trial.seed, max(self.bucket.depth, 1), (epoch - 1) * self.steps, self.steps)
        return np.concatenate([drawn, np.zeros((most_steps - self.steps, drawn.shape[1]), np.uint32)])
