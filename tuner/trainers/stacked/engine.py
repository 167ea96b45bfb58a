"""The engine: the stacks of one process, on TensorFlow's compiler.

Importing this module imports TensorFlow. It is imported where trials are trained, and nowhere else.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tuner.data import scaling
from tuner.data.classes import weights_of_classes
from tuner.data.split import Split
from tuner.metrics import Array
from tuner.models import layers
from tuner.trainers import readings
from tuner.trainers.stacked import Epoch, Key, dropout, key_of
from tuner.trainers.stacked.cache import programs
from tuner.trainers.stacked.coefficients import Formula
from tuner.trainers.stacked.compiled import Compiled
from tuner.trainers.stacked.lane import Lane
from tuner.trainers.stacked.network import Network
from tuner.trainers.stacked.plan import Bucket, Plan
from tuner.trainers.stacked.program import Program
from tuner.trainers.weights import take_over
from tuner.trainers.work import Work
from tuner.trial import Trial
from tuner.tunables import setting


def open_(work: Work) -> XlaEngine:
    """The engine for a search's trials."""
    assert work.plan is not None, "there is no plan for what is not stacked"
    return XlaEngine(work.plan, Split.open(work.split), work.objective.metrics)


class XlaEngine:
    """See `stacked.Engine`. It holds one stack at a time, so that memory is that of one, and every function."""

    def __init__(self, plan: Plan, split: Split, objectives: Sequence[str] = ()) -> None:
        self.plan, self.split, self._objectives = plan, split, objectives
        self._functions: dict[str, Compiled] = {}
        self._current: tuple[Bucket, XlaStack] | None = None
        self._data: tuple[Any, ...] | None = None

    def bucket(self, trial: Trial) -> Bucket:
        return self.plan.bucket(trial.values)

    def stack(self, trial: Trial) -> XlaStack:
        bucket = self.bucket(trial)
        if self._current is None or self._current[0] != bucket:
            self._current = None  # its memory goes before the next one's comes
            program = Program(self.plan.rows, self.plan.traits, bucket)
            function = self._function(program)
            self._current = bucket, XlaStack(self.plan, program, function, self.split, self.data, self._objectives)
        return self._current[1]

    @property
    def data(self) -> tuple[Any, ...]:
        """The rows as the programs take them; see `Program.epoch`."""
        if self._data is None:
            split = self.split
            weights = np.ones(1, np.float32) if split.classes is None else weights_of_classes(split)
            arrays = (split.x_train, readings.targets(split)[:, 0].astype(np.float32), split.x_validation, weights)
            self._data = tuple(_tensor(each) for each in arrays)
        return self._data

    def _function(self, program: Program) -> Compiled:
        """One for all sizes of batches that are padded alike."""
        if program.digest not in self._functions:
            self._functions[program.digest] = Compiled(program, programs())
        return self._functions[program.digest]


@dataclass(slots=True)
class _Tenant:
    """A trial in a lane, and how many of its epochs are done."""

    lane: Lane
    place: int
    epoch: int


class XlaStack:
    """See `stacked.Stack`. Lanes without a trial hold zeros, and train on them."""

    def __init__(
        self,
        plan: Plan,
        program: Program,
        function: Compiled,
        split: Split,
        data: tuple[Any, ...],
        objectives: Sequence[str],
    ) -> None:
        self._plan, self._program, self._function = plan, program, function
        self._split, self._data, self._objectives = split, data, objectives
        self._tenants: dict[Key, _Tenant] = {}
        lanes, network = program.bucket.lanes, program.network
        zeros = {name: np.zeros((lanes, *shape), np.float32) for name, shape in network.shapes.items()}
        self._state: dict[str, dict[str, Any]] = {"weights": zeros}
        for slot in program.updates.slots:
            self._state[slot] = {name: np.zeros_like(each) for name, each in zeros.items()}
        self._state["moving"] = {
            name: np.zeros((lanes, *shape), np.float32) for name, shape in network.statistics.items()
        }
        self._places = tf.constant(dropout.places(program.bucket.batch, program.bucket.width)[None])
        self._predicted = np.zeros((lanes, 0, 0), np.float32)
        empty = Lane(plan, program.bucket, _EMPTY)
        self._constants = _stacked(lanes, empty.constants() | scaled(empty, split))

    @property
    def free(self) -> int:
        return self._program.bucket.lanes - len(self._tenants)

    @property
    def compiled(self) -> bool:
        return self._function.compiled

    def admit(self, trial: Trial, weights: Sequence[Array] | None = None) -> None:
        lane = Lane(self._plan, self._program.bucket, trial)
        begin = initial(lane, self._split)
        if weights is not None:
            begin = taken_over(lane, self._program.network, begin, weights)
        constants = lane.constants() | scaled(lane, self._split)
        taken = {tenant.place for tenant in self._tenants.values()}
        place = min(set(range(self._program.bucket.lanes)) - taken)
        for part, tensors in self._state.items():
            for name, tensor in tensors.items():
                # A lane is the same whoever was in it before.
                value = begin[part][name] if name in begin.get(part, {}) else _slot(part, lane)
                tensors[name] = _with(tensor, place, value)
        for name, value in constants.items():
            self._constants[name] = _with(self._constants[name], place, value)
        self._tenants[key_of(trial)] = _Tenant(lane, place, trial.first_epoch - 1)

    def epoch(self) -> Mapping[Key, Epoch]:
        program = self._program
        lanes, most, depth = program.bucket.lanes, program.most_steps, max(program.bucket.depth, 1)
        order = np.zeros((lanes, most, program.bucket.batch), np.int32)
        tables: list[Array] = [np.zeros(0)] * lanes
        keys = np.zeros((lanes, most, depth), np.uint32)
        for tenant in self._tenants.values():
            tenant.epoch += 1
            order[tenant.place] = tenant.lane.order(tenant.epoch, most)
            tables[tenant.place] = tenant.lane.tables(tenant.epoch, most)
            keys[tenant.place] = tenant.lane.keys(tenant.epoch, most)
        idle = np.zeros_like(next(each for each in tables if len(each)))
        idle[:, Formula.OUTER] = 1.0  # a division by zero would fill the lane with NaN
        slots = {slot: self._state[slot] for slot in program.updates.slots}
        weights, slots, moving, sums, predicted = self._function(
            self._state["weights"],
            slots,
            self._state["moving"],
            self._constants,
            tf.constant(order),
            tf.constant(np.stack([each if len(each) else idle for each in tables])),
            tf.constant(keys),
            tf.constant(self._plan.steps(program.bucket.size)),
            tf.constant(program.bucket.size),
            *self._data,
            self._places,
        )
        self._state = {"weights": weights, **slots, "moving": moving}
        self._predicted = _array(predicted)
        return self._read(_array(sums))

    def _read(self, sums: Array) -> dict[Key, Epoch]:
        rows = self._plan.rows.train
        found = {}
        for key, tenant in self._tenants.items():
            loss, second = (float(each) / rows for each in sums[:, tenant.place].sum(1))
            now = readings.train(self._split, loss, second)
            now |= readings.validation(self._split, self._predicted[tenant.place], self._objectives)
            found[key] = Epoch(now, all(map(_finite, self._own(tenant))))
        return found

    def weights(self, key: Key) -> list[Array]:
        return [each.copy() for each in self._own(self._tenants[key])]

    def _own(self, tenant: _Tenant) -> list[Array]:
        """A trial's weights without padding, which are gone with the next epoch."""
        own: dict[str, Array] = {}
        for part in ("weights", "moving"):
            own |= {name: _array(tensor)[tenant.place] for name, tensor in self._state[part].items()}
        return trimmed(tenant.lane, own)

    def outputs(self, key: Key) -> Array:
        found: Array = self._predicted[self._tenants[key].place].copy()
        return found

    def drop(self, key: Key) -> None:
        del self._tenants[key]


_NORMALISES = ("gamma", "beta", "mean", "variance")
# XLA takes for granted that tensors begin at a multiple of so many bytes.
_ALIGNED = 64
_EMPTY = Trial(-1, {"layers": 0}, 0, 1)


def initial(lane: Lane, split: Split) -> dict[str, dict[str, Array]]:
    """The weights and moving statistics that a trial begins with, padded; Keras' own initializers make them."""
    depth, width, rows = lane.bucket.depth, lane.bucket.width, lane.plan.rows
    values, seed = lane.values, lane.trial.seed
    shapes = Network(rows, lane.plan.traits, lane.bucket).shapes
    made = {name: np.zeros(shape, np.float32) for name, shape in shapes.items() if name.startswith("kernel")}
    before = rows.features
    for layer in range(1, lane.depth + 1):
        units = lane.units(layer)
        drawn = layers.initial(values, seed, layers.Place.dense(layer))
        kernel_of(made, layer)[:before, :units] = drawn((before, units))
        before = units
    made["kernel"][:before] = layers.initializer("glorot_uniform", seed, lane.depth + 1)((before, rows.outputs))
    normalises = "batch_norm" in lane.plan.traits.switches
    ones = np.ones((depth, 1, width), np.float32)
    first = np.ones((1, 1, rows.features), np.float32)
    early = normalises and "normalise_at" in lane.plan.traits.switches
    return {
        "weights": made | ({"gamma": ones} if normalises else {}) | ({"gamma_0": first} if early else {}),
        "moving": ({"variance": ones} if normalises else {}) | ({"variance_0": first} if early else {}),
    }


def taken_over(
    lane: Lane, network: Network, begin: Mapping[str, Mapping[str, Array]], weights: Sequence[Array]
) -> dict[str, dict[str, Array]]:
    """As `initial`, with weights in the order of `keras.Model.get_weights` in their places.

    Raises TrialFailed where they are those of another network.
    """
    parts = {"weights": network.shapes, "moving": network.statistics}
    made = {
        part: {name: np.array(begin[part].get(name, np.zeros(shape, np.float32))) for name, shape in shapes.items()}
        for part, shapes in parts.items()
    }
    take_over(trimmed(lane, made["weights"] | made["moving"]), lane.trial, weights)
    return made


def scaled(lane: Lane, split: Split) -> dict[str, Array]:
    """The factor and the offset of each feature, (1, features), where the study has several scalings."""
    if "input_scaling" not in lane.plan.traits.switches:
        return {}
    same = np.ones(lane.plan.rows.features, np.float32)
    found = scaling.affine(split, str(setting(lane.values, "input_scaling"))) or (same, 0 * same)
    return {name: each[None] for name, each in zip(("factor", "offset"), found, strict=True)}


def trimmed(lane: Lane, own: Mapping[str, Array]) -> list[Array]:
    """A lane's weights without padding, in the order of `keras.Model.get_weights`."""
    found: list[Array] = []
    before = lane.plan.rows.features
    for layer in range(1, lane.depth + 1):
        units = lane.units(layer)
        if lane.normalised(layer, "layer"):
            found += [own[name][layer - 1, 0, :before] if layer > 1 else own[f"{name}_0"][0, 0] for name in _NORMALISES]
        found.append(kernel_of(own, layer)[:before, :units])
        names: tuple[str, ...] = _NORMALISES if lane.normalised(layer) else ("bias",)
        if setting(lane.values, "activation", layer) == "prelu":
            names = (*names, "alpha")
        found += [own[name][layer - 1, 0, :units] for name in names]
        before = units
    return [*found, own["kernel"][:before], own["shift"]]


def kernel_of(own: Mapping[str, Array], layer: int) -> Array:
    """The kernel of a hidden layer, which may be one of those in a loop."""
    return own["kernels"][layer - 2] if layer > 1 and "kernels" in own else own[f"kernel_{layer}"]


def _finite(weights: Array) -> bool:
    """Whether all values are finite. Asked here, because in the program it was a sixth of what is compiled."""
    with np.errstate(over="ignore", invalid="ignore"):
        # A sum is finite only where all of it is; it may overflow where all of it is finite.
        return math.isfinite(weights.sum()) or bool(np.isfinite(weights).all())


def _slot(part: str, lane: Lane) -> float:
    return lane.initial_v if part == "v" else 0.0


def _tensor(array: Array) -> Any:
    """An array as a tensor on the same memory. The rows of a search are a file that all workers have mapped, and a copy
    of 48,000 images takes longer than half an epoch on them.
    """
    if not array.flags.c_contiguous or array.ctypes.data % _ALIGNED:
        return tf.constant(np.asarray(array))
    # Only what may be written can be handed over, and what is mapped may be read alone. Nobody writes.
    memory: Any = (ctypes.c_byte * array.nbytes).from_address(array.ctypes.data)
    memory.owner = array  # or the memory would go with the last who knows the array
    same = np.frombuffer(memory, array.dtype).reshape(array.shape)
    return tf.experimental.dlpack.from_dlpack(same.__dlpack__())


def _stacked(lanes: int, constants: Mapping[str, Array]) -> dict[str, Any]:
    return {name: tf.constant(np.stack([each] * lanes)) for name, each in constants.items()}


def _with(tensor: Any, place: int, value: Any) -> Any:
    """A tensor with another value in one lane."""
    changed = _array(tensor).copy()
    changed[place] = value
    return tf.constant(changed)


def _array(tensor: Any) -> Array:
    """A tensor's values without a copy."""
    return np.asarray(memoryview(tensor)) if isinstance(tensor, tf.Tensor) else np.asarray(tensor)
