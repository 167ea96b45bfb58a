"""Which programs a study needs, and which of them a trial belongs to: a function of the study and the rows alone.

Other padding gives other bits, so that a trial's bucket must not depend on what was asked before it, on how many
trials there are, or on what is compiled already. No TensorFlow is imported here: the owner of a search plans.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING

from tuner.metrics import Task
from tuner.parameters import Parameter
from tuner.space import Space
from tuner.study import TrainingSection
from tuner.trainers.stacked import cost
from tuner.trial import Value
from tuner.tunables import (
    ACTIVATIONS,
    CLIPPING,
    FOR_IMAGES,
    OPTIMIZERS,
    OUTPUTS,
    TUNABLES,
    only_for_images,
    output_activation,
    setting,
)

if TYPE_CHECKING:
    from tuner.data.split import Split

# Deeper or wider ones gain nothing: they spend their time in multiplications, and each layer must be compiled.
DEEPEST, WIDEST = 24, 2048
# More than so many sizes of batches are padded to a power of two, and a program is compiled for each power.
_SIZES = 4
# Bytes that a stack may take, and a single lane of it.
MEMORY = 2**30
# Of how many trials, drawn at random, a plan is made.
_SAMPLE = 256
# What a program has a term for only where some trial of the study may need it.
SWITCHES = (
    "negative_slope", "input_dropout", "dropout", "alpha_dropout", "batch_norm", "normalise_at", "l1", "l2",
    "label_smoothing", "class_weight", "loss", "output_activation", "input_scaling", "amsgrad", "centered",
    "weight_decay", *CLIPPING,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rows:
    """The data as far as a program depends on it; `classes` is 1 where there are none."""

    task: Task
    features: int
    classes: int
    train: int
    validation: int

    @classmethod
    def of(cls, split: Split) -> Rows:
        """Of a split."""
        classes = len(split.classes) if split.classes else 1
        return cls(split.task, split.x_train.shape[1], classes, len(split.x_train), len(split.x_validation))

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for a row."""
        return self.classes if self.task is Task.MULTICLASS else 1


@dataclass(frozen=True, slots=True)
class Traits:
    """What the trials of a study may ask for, and so what its programs must be able to do."""

    activations: tuple[str, ...]
    optimizers: tuple[str, ...]
    switches: tuple[str, ...]

    @property
    def loop(self) -> bool:
        """Whether the layers of such trials may be in a loop; see `stacked.deep`."""
        return not _UNLOOPED & {*self.switches} and "prelu" not in self.activations


# What a loop over layers has no term for: it keeps no moments, and takes every step on the way back.
_UNLOOPED = frozenset({"batch_norm", "normalise_at", *CLIPPING})


def levels(width: int) -> tuple[int, ...]:
    """The widths that a layer in a loop may have in a program that wide: a half, three quarters, and all of it."""
    return (*(-(-width * quarters // 32) * 8 for quarters in (2, 3)), width)


def sides(width: int) -> tuple[tuple[int, int], ...]:
    """The shapes that a kernel in a loop may have: inputs and units."""
    return tuple((inputs, units) for inputs in levels(width) for units in levels(width))


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """The shapes of a program: trials from `least` to `depth` hidden layers, of at most `width` units each, on batches
    of `batch` rows. `size` is the true number of rows of a batch, at most `batch`, which trials in one stack share, and
    `lanes` how many of them there are.
    """

    least: int
    depth: int
    width: int
    batch: int
    size: int
    lanes: int

    def loops(self, traits: Traits) -> bool:
        """Whether its hidden layers are a loop; see `stacked.deep`."""
        return traits.loop and self.lanes == 1 and cost.looped(self.depth, self.width)

    def __str__(self) -> str:
        return f"{self.least}-{self.depth} layers of {self.width}, batches of {self.batch}"


@dataclass(frozen=True)
class Plan:
    """The buckets of a study, by their upper ends."""

    rows: Rows
    traits: Traits
    batch_size: int
    epochs: int
    depths: Mapping[int, tuple[int, ...]]  # by width
    sizes: tuple[int, ...]  # of batches that have a program of their own; none where they are padded
    refused: Mapping[str, float] = field(default_factory=dict)  # the share of the space's trials, by `reason`

    def reason(self, values: Mapping[str, Value]) -> str | None:
        """Why the programs of this study cannot train these values, or None where they can."""
        depth, width = _depth(values), _width(values)
        if width > max(self.depths) or depth > max(self.depths[max(self.depths)]):
            return "its layers are more, or wider, than those of any program"
        if self._lane_bytes(values) > MEMORY:
            return "its layers take more memory than a stack may have"
        for layer in range(1, depth + 1):
            if (name := setting(values, "activation", layer)) not in self.traits.activations:
                return f"the activation {name} is not in the study's space"
        if (name := setting(values, "optimizer")) not in self.traits.optimizers:
            return f"the optimizer {name} is not in the study's space"
        extra = _switches(values, depth) - set(self.traits.switches)
        if extra:
            return f"{min(extra)} is not in the study's space"
        if (asked := only_for_images(values)) is not None:
            return f"the stacked trainer does not know {asked}"
        if (asked := output_activation(values, self.rows.task)) not in OUTPUTS[self.rows.task]:
            return f"the stacked trainer knows no {asked} outputs of a {self.rows.task.value} task"
        unknown = {name for name in values if name.rstrip("0123456789").rstrip("_") not in KNOWN and name not in KNOWN}
        return f"the stacked trainer does not know {min(unknown)}" if unknown else None

    def bucket(self, values: Mapping[str, Value]) -> Bucket:
        """The bucket of a trial for which there is no `reason` against it."""
        size = int(setting({"batch_size": self.batch_size, **values}, "batch_size"))
        width = min(w for w in self.depths if w >= _width(values))
        depth = _depth(values)
        edges = self.depths[width]
        end = min(edge for edge in edges if edge >= depth)
        least = max((edge for edge in edges if edge < end), default=-1) + 1
        batch, size = self._batch(size), min(size, self.rows.train)
        return Bucket(least, end, width, batch, size, self._lanes(end, width, batch, size))

    def _lanes(self, depth: int, width: int, batch: int, size: int) -> int:
        """How many trials a stack has room for, smaller where they would not fit into memory.

        Measured: beside each other, nets 32 wide train 3 times as fast as one after another, 64 wide 1.6 times, 128
        wide 1.2 times, and wider ones gain nothing, because the arithmetic is all there is. What stands beside others
        also waits for them.
        """
        lanes = 1 if width > 96 or batch > size else 4 if width > 32 else 8
        while lanes > 1 and lanes * self.bytes(depth, width, batch) > MEMORY:
            lanes //= 2
        return lanes

    def bytes(self, depth: int, width: int, batch: int) -> int:
        """What a trial takes in memory while it trains, beside the rows that all share.

        Four copies of the weights and their slots (the state, the one after it, the best epoch's, and one on its way),
        and what the layers hold of a batch and of the validation rows.
        """
        rows = self.rows
        weights = width * (rows.features + rows.outputs + depth) + max(depth - 1, 0) * width * width
        extra = bool({"amsgrad", "centered"} & {*self.traits.switches})
        held = 3 * depth * batch * width + rows.validation * (3 * width + rows.features)
        return 4 * (4 * (3 + extra) * weights + held)

    def _lane_bytes(self, values: Mapping[str, Value]) -> int:
        bucket = self.bucket(values)
        return self.bytes(bucket.depth, bucket.width, bucket.batch)

    def _batch(self, size: int) -> int:
        padded = size if size in self.sizes else 1 << (size - 1).bit_length()
        return min(padded, self.rows.train)

    @cached_property
    def room(self) -> int:
        """The most lanes that one process has at a time."""
        batch = self._batch(self.batch_size)
        return max(self._lanes(edges[-1], width, batch, batch) for width, edges in self.depths.items())

    @property
    def most_bytes(self) -> int:
        """What a process takes in memory at most, for the one stack that it holds and the rows."""
        rows = self.rows
        # Padded batches may be as large as the rows are many, but a lane beyond the limit is not stacked.
        batch = self._batch(max([self.batch_size, *self.sizes]))
        stacks = [
            self._lanes(edges[-1], width, batch, batch) * self.bytes(edges[-1], width, batch)
            for width, edges in self.depths.items()
        ]
        return min(max(stacks), MEMORY) + 4 * rows.features * (rows.train + rows.validation)

    def steps(self, size: int) -> int:
        """How many batches of `size` rows make an epoch; the last may be shorter."""
        return -(-self.rows.train // size)


# What the programs know how to do, by name; anything else that a space may have one day goes to the plain trainer.
KNOWN = frozenset(
    {
        "layers", "units", "activation", "negative_slope", "input_dropout", "dropout", "alpha_dropout", "initializer",
        "init_scale", "init_mode", "init_distribution", "batch_norm", "normalise_at", "l1", "l2", "optimizer",
        "learning_rate", "schedule", "end_rate", "warmup", "momentum", "nesterov", "beta_1", "beta_2", "rho", "epsilon",
        "amsgrad", "centered", "initial_accumulator_value", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm",
        "label_smoothing", "class_weight", "loss", "input_scaling", "batch_size", "shape", "epochs", "patience",
        "output_activation",
        *FOR_IMAGES,  # as far as they ask for nothing
    }
)  # fmt: skip


def plan(space: Space, training: TrainingSection, rows: Rows) -> Plan:
    """The plan of a study on those rows."""
    sample = _sample(space)
    sizes = _batch_sizes(space, training)
    size = sizes[len(sizes) // 2] if sizes else training.batch_size
    shapes = [(_depth(values), _width(values)) for values in sample]
    workload = cost.Workload(
        rows.features, rows.outputs, min(size, rows.train), _epochs(sample, training) * -(-rows.train // size)
    )
    traits = _traits(space, sample)
    made = Plan(
        rows=rows,
        traits=traits,
        batch_size=training.batch_size,
        epochs=training.epochs,
        depths=cost.edges(shapes, *_largest(space, sample), workload, traits.loop),
        sizes=sizes,
    )
    reasons = Counter(reason for values in sample if (reason := made.reason(values)) is not None)
    return replace(made, refused={reason: count / len(sample) for reason, count in reasons.most_common()})


def _sample(space: Space) -> list[dict[str, Value]]:
    """Sets of active values, drawn alike in every process."""

    def drawn(number: int) -> dict[str, Value]:
        # By name and not by turn, so that the order in which a study lists its parameters moves no bucket.
        def suggest(name: str, parameter: Parameter) -> Value:
            digest = hashlib.blake2b(f"{number}/{name}".encode(), digest_size=8).digest()
            return parameter.at((int.from_bytes(digest, "big") >> 11) / 2**53)

        return space.walk(suggest)

    return [drawn(number) for number in range(_SAMPLE)]


def _epochs(sample: Iterable[Mapping[str, Value]], training: TrainingSection) -> int:
    """How many epochs a trial has at most, on average."""
    return round(fmean(training.epochs_of(values) for values in sample))


def _depth(values: Mapping[str, Value]) -> int:
    return int(setting(values, "layers"))


def _width(values: Mapping[str, Value]) -> int:
    return max((int(setting(values, "units", layer)) for layer in range(1, _depth(values) + 1)), default=1)


def _largest(space: Space, sample: Iterable[Mapping[str, Value]]) -> tuple[int, int]:
    """The depth and width beyond which there is no program: the largest of the space, unless that is too much."""
    named = {parameter.name: parameter for parameter in space.parameters}
    depth, width = (
        int(named[name].at(_LAST) if name in named else TUNABLES[name].default or 1) for name in ("layers", "units")
    )
    shapes = [{"shape": shape} for shape in named["shape"].choices()] if "shape" in named else []
    widest = max([width, *(_width(values) for values in (*sample, *shapes))])
    deepest = max([depth, *(_depth(values) for values in (*sample, *shapes))])
    return min(deepest, DEEPEST), min(widest, WIDEST)


_LAST = math.nextafter(1.0, 0.0)


def _batch_sizes(space: Space, training: TrainingSection) -> tuple[int, ...]:
    """The sizes of batches, smallest first, where there are few; none where they must be padded."""
    for parameter in space.parameters:
        if parameter.name == "batch_size":
            few = parameter.size is not None and parameter.size <= _SIZES
            return tuple(sorted(int(size) for size in parameter.choices())) if few else ()
    return (training.batch_size,)


def _traits(space: Space, sample: list[dict[str, Value]]) -> Traits:
    named = {parameter.name: parameter for parameter in space.parameters}

    def words(name: str, known: tuple[str, ...]) -> tuple[str, ...]:
        # A condition or a rule may leave it out, and then it has its default.
        found = {setting({}, name)}
        if name in named:
            found = set(named[name].choices()) | (set() if named[name].always else found)
        return tuple(word for word in known if word in found)

    optimizers = words("optimizer", OPTIMIZERS)
    switched = {name for name in SWITCHES if name in named and _may_matter(name, named[name])}
    if "adamw" in optimizers:  # it decays weights by default
        switched.add("weight_decay")
    return Traits(
        activations=words("activation", ACTIVATIONS),
        optimizers=optimizers,
        switches=tuple(name for name in SWITCHES if name in switched),
    )


def _may_matter(name: str, parameter: Parameter) -> bool:
    """Whether some value of a switch asks for something."""
    return parameter.size is None or any(_on(name, value) for value in parameter.choices())


def _on(name: str, value: Value) -> bool:
    if name == "output_activation":  # else it is that of the task
        return value == "sigmoid"
    return value != (TUNABLES[name].default or 0)


def _switches(values: Mapping[str, Value], depth: int) -> set[str]:
    """The switches that values turn on, shared or in one of the layers."""
    keys = {name: (name, *(f"{name}_{layer}" for layer in range(1, depth + 1))) for name in SWITCHES}
    return {name for name in SWITCHES if any(_on(name, values[key]) for key in keys[name] if key in values)}


def described(rows: Rows, traits: Traits, bucket: Bucket) -> str:
    """A program in words that only equal programs share."""
    parts = [f"{each.name}={getattr(rows, each.name)}" for each in fields(Rows)]
    parts += ["+".join(names) for names in (traits.activations, traits.optimizers, traits.switches)]
    # How many rows a batch has in truth is a run-time input where batches are padded.
    size = "" if bucket.batch > bucket.size else f", {bucket.size} rows each"
    return "; ".join([*parts, f"{bucket}{size}, {bucket.lanes} lanes"])
