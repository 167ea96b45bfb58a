"""What the tests of the stacked engine do in a worker, where TensorFlow is, and bring back as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from tuner.data.classes import weights_of_classes
from tuner.data.split import Split
from tuner.metrics import Array
from tuner.models import schedule
from tuner.study import TrainingSection
from tuner.trainers import readings
from tuner.trainers.stacked import dropout, key_of
from tuner.trainers.stacked.lane import Lane
from tuner.trainers.stacked.plan import Plan
from tuner.trainers.work import Work
from tuner.trial import Metrics, Objective, Trial
from tuner.tunables import setting

# The weights that trials begin with, by their parents' numbers.
Begins: TypeAlias = Mapping[int | None, Sequence[Array]]
_NONE: Begins = MappingProxyType({})


@dataclass(frozen=True)
class Trained:
    """What a trial gave in a stack: its weights and its outputs for the validation rows after its last epoch, every
    epoch's metrics, and whether all of its weights were finite to the end.
    """

    weights: list[Array]
    outputs: Array
    history: list[Metrics]
    finite: bool

    @property
    def bits(self) -> tuple[bytes, ...]:
        """Equal for two trainings that agree in every bit."""
        return (*(each.tobytes() for each in self.weights), repr(self.history).encode())


@dataclass(frozen=True)
class Reference:
    """What Keras makes of a trial: its weights, its outputs for the validation rows, and how far each weight went from
    where it began, at most at the end of any epoch. `model` is its network.
    """

    weights: list[Array]
    outputs: Array
    loss: float
    moved: list[float]
    model: Any


@dataclass(frozen=True)
class Distance:
    """How far one training of a trial is from another.

    `weights` is the largest difference in each tensor, as a share of how far it moved; `loss` is the difference of the
    validation loss, relative; `outputs` that of any output for a validation row, as a share of their range.
    """

    weights: tuple[float, ...]
    loss: float
    outputs: float

    @property
    def furthest(self) -> float:
        return max(self.weights)

    def within(self, weights: float, loss: float) -> bool:
        return self.furthest <= weights and self.loss <= loss


@dataclass(frozen=True)
class Compared:
    """A trial of a stack against the same one alone in Keras.

    `sliced` is how far the stack's own outputs are from those of Keras' network with the stack's weights in it.
    `rounding` is how far Keras itself is from Keras in double precision; None where nobody had to ask.
    """

    distance: Distance
    sliced: float
    rounding: Distance | None = None

    def agrees(self, weights: float = 1e-5, loss: float = 1e-6) -> bool:
        """Whether the two are within these tolerances, or as close as Keras is to what it rounds.

        A gradient that is zero but for rounding is a step of any size after Adam or the like has scaled it; there two
        correct trainings differ by more, and both differ as much from a third one in double precision.
        """
        if self.distance.within(weights, loss):
            return True
        if self.rounding is None:
            return False
        # Tensor by tensor: one that is all rounding excuses no other.
        pairs = zip(self.distance.weights, self.rounding.weights, strict=True)
        near = all(away <= max(weights, 4 * rounded) for away, rounded in pairs)
        return near and self.distance.loss <= max(loss, 4 * self.rounding.loss)


def compared(folder: Path, plan: Plan, trials: Sequence[Trial], after: Sequence[Trial] = ()) -> list[Compared]:
    """The trials in stacks, all of them side by side and after others, against each of them alone in Keras."""
    split = Split.open(folder)
    stacked = in_stacks(plan, split, [*after, *trials])
    return [against(split, stacked[trial.number], plan, trial, alone(plan, split, trial)) for trial in trials]


def gone_on(folder: Path, plan: Plan, parents: Sequence[Trial], trials: Sequence[Trial]) -> list[Compared]:
    """As `compared`, of trials each of which goes on from one of the parents."""
    split = Split.open(folder)
    begins: Begins = {number: trained.weights for number, trained in in_stacks(plan, split, parents).items()}
    stacked, found = in_stacks(plan, split, trials, begins), []
    for trial in trials:
        begin = begins[trial.parent]
        reference = alone(plan, split, trial, begin=begin)
        found.append(against(split, stacked[trial.number], plan, trial, reference, begin))
    return found


def against(
    split: Split, stacked: Trained, plan: Plan, trial: Trial, reference: Reference, begin: Sequence[Array] | None = None
) -> Compared:
    """One trial of a stack against Keras."""
    found = distance(stacked.weights, stacked.outputs, stacked.history[-1]["val_loss"], reference)
    reference.model.set_weights(stacked.weights)
    sliced = float(np.abs(reference.model.predict_on_batch(np.asarray(split.x_validation)) - stacked.outputs).max())
    if Compared(found, sliced).agrees():
        return Compared(found, sliced)
    exact = alone(plan, split, trial, "float64", begin=begin)
    return Compared(found, sliced, distance(exact.weights, exact.outputs, exact.loss, reference))


def in_stacks(plan: Plan, split: Split, trials: Sequence[Trial], begins: Begins = _NONE) -> dict[int, Trained]:
    """Trains the trials in an engine of their own; see `through`."""
    from tuner.trainers.stacked.engine import XlaEngine

    return through(XlaEngine(plan, split), trials, begins)


def through(engine: Any, trials: Sequence[Trial], begins: Begins = _NONE) -> dict[int, Trained]:
    """Trains the trials, each from its first to its last epoch; a lane that is free is given to the next of them.

    One that goes on from a parent begins with the weights that `begins` has for it.
    """
    waiting: dict[Any, list[Trial]] = {}
    for trial in trials:
        waiting.setdefault(engine.bucket(trial), []).append(trial)
    found: dict[int, Trained] = {}
    for queue in waiting.values():
        stack = engine.stack(queue[0])
        inside: dict[Any, tuple[Trial, list[Metrics]]] = {}
        while queue or inside:
            while queue and stack.free:
                trial = queue.pop(0)
                stack.admit(trial, begins.get(trial.parent))
                inside[key_of(trial)] = (trial, [])
            for key, epoch in stack.epoch().items():
                trial, history = inside[key]
                history.append(epoch.metrics)
                if trial.first_epoch + len(history) > trial.last_epoch:
                    found[trial.number] = Trained(stack.weights(key), stack.outputs(key), history, epoch.finite)
                    stack.drop(key)
                    del inside[key]
    return found


def alone(
    plan: Plan,
    split: Split,
    trial: Trial,
    precision: str = "float32",
    masked: bool = True,
    begin: Sequence[Array] | None = None,
) -> Reference:
    """The trial trained by Keras' own layers, loss, gradients and optimizer, on the batches that its lane is given.

    What it draws is that of `dropout`, in numpy, or Keras' own where it is not to be `masked`. In double precision it
    begins with the same weights, which are the trial's own initial ones where no others are given.
    """
    import keras

    from tuner.trainers import plain

    begin = plain.build(trial, split).get_weights() if begin is None else list(begin)
    lane = Lane(plan, plan.bucket(trial.values), trial)
    whole = schedule.rates(trial.values, int(trial.values.get("epochs", plan.epochs)) * lane.steps)
    rates = None if schedule.is_constant(trial.values) else whole[(trial.first_epoch - 1) * lane.steps :]
    keras.config.set_floatx(precision)
    keras.config.set_dtype_policy(precision)
    try:
        model = plain.build(trial, split, rates)
        model.set_weights(begin)
        moved = _trained(model, lane, split, begin, np.dtype(precision), masked)
        outputs = model.predict_on_batch(np.asarray(split.x_validation))
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
    loss = readings.validation(split, outputs)["val_loss"]
    return Reference(model.get_weights(), outputs, loss, moved, model)


def _trained(
    model: Any, lane: Lane, split: Split, begin: list[Array], precision: np.dtype[Any], masked: bool
) -> list[float]:
    """Trains the model, and returns how far each of its weights went."""
    import tensorflow as tf

    trial, variables = lane.trial, model.trainable_variables
    model.optimizer.build(variables)
    x, y = split.x_train.astype(precision), readings.targets(split)
    weights = np.ones(len(y), precision)
    if balanced := setting(trial.values, "class_weight") == "balanced":
        weights *= weights_of_classes(split)[split.y_train.astype(int)]

    def step(x: Any, y: Any, weight: Any, masks: list[Any]) -> None:
        with tf.GradientTape() as tape:
            predicted = _masked(model, x, masks) if masked else model(x, training=True)
            loss = model.compute_loss(x=x, y=y, y_pred=predicted, sample_weight=weight if balanced else None)
        model.optimizer.apply(tape.gradient(loss, [each.value for each in variables]), variables)

    arrays = [tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in (x, y, weights)]
    draws = list(_draws(lane))
    widths = [lane.plan.rows.features if draw.of == "input" else lane.units(draw.layer) for draw in draws]
    signature = [*arrays, [tf.TensorSpec((None, width), precision) for width in widths]]
    traced = tf.function(step, autograph=False, input_signature=signature)
    moved = [0.0] * len(begin)
    for epoch in range(trial.first_epoch, trial.last_epoch + 1):
        for at, rows in enumerate(_batches(lane, epoch, len(y))):
            taken = (epoch - 1) * lane.steps + at
            masks = [draw.drawn(lane, taken, len(rows)).astype(precision) for draw in draws]
            traced(x[rows], y[rows], weights[rows], masks)
        now = [float(np.abs(a - b).max()) for a, b in zip(model.get_weights(), begin, strict=True)]
        moved = [max(pair) for pair in zip(moved, now, strict=True)]
    return moved


def _masked(model: Any, x: Any, masks: list[Any]) -> Any:
    """A training pass through the model's layers, with the given masks and slopes for those that draw some."""
    import keras
    import tensorflow as tf

    from tuner.models.layers import RandomizedReLU

    left = list(masks)
    for layer in model.layers[1:]:
        if isinstance(layer, keras.layers.Dropout):
            x = x * left.pop(0) / (1.0 - layer.rate)
        elif isinstance(layer, keras.layers.AlphaDropout):
            kept, least = left.pop(0), -1.6732632423543772 * 1.0507009873554805
            a = ((1 - layer.rate) * (1 + layer.rate * least**2)) ** -0.5
            x = a * (x * kept + least * (1 - kept)) - a * least * layer.rate
        elif isinstance(layer, RandomizedReLU):
            x = tf.where(x > 0, x, left.pop(0) * x)
        else:
            x = layer(x, training=True)
    assert not left
    return x


def _batches(lane: Lane, epoch: int, rows: int) -> Iterator[Array]:
    """The row numbers of each batch of an epoch."""
    size, order = lane.bucket.size, lane.order(epoch, lane.steps)
    for at in range(lane.steps):
        yield order[at, : min(size, rows - at * size)]


@dataclass(frozen=True)
class Draw:
    """Something that a layer draws at every step, of its "input", its "units" or for "slopes"."""

    of: str
    layer: int  # whose key it hangs on

    def drawn(self, lane: Lane, taken: int, rows: int) -> Array:
        """What is drawn after `taken` steps: 1 for what is kept and 0 for what is dropped, or slopes."""
        key = dropout.keys(lane.trial.seed, self.layer, taken, 1)[0, self.layer - 1]
        if self.of == "slopes":
            places = dropout.places(rows, lane.units(self.layer))
            return 1 / 8 + dropout.mixed(places ^ dropout.other(key, dropout.SLOPES)) / 2**32 * (1 / 3 - 1 / 8)
        if self.of == "input":
            key, places = dropout.other(key, dropout.INPUTS), dropout.cells(rows, lane.plan.rows.features)
            rate = float(setting(lane.values, "input_dropout"))
        else:
            places, rate = (
                dropout.places(rows, lane.units(self.layer)),
                float(setting(lane.values, "dropout", self.layer)),
            )
        kept: Array = dropout.mixed(places ^ key) >= np.uint32(dropout.threshold(rate))
        return kept


def _draws(lane: Lane) -> Iterator[Draw]:
    """What the layers of a network draw, in order."""
    if setting(lane.values, "input_dropout"):
        yield Draw("input", 1)
    for layer in range(1, lane.depth + 1):
        if setting(lane.values, "activation", layer) == "rrelu":
            yield Draw("slopes", layer)
        if setting(lane.values, "dropout", layer):
            yield Draw("units", layer)


def distance(weights: list[Array], outputs: Array, loss: float, reference: Reference) -> Distance:
    """See `Distance`."""
    off = [float(np.abs(mine - own).max()) for mine, own in zip(weights, reference.weights, strict=True)]
    return Distance(
        weights=tuple(_share(one, moved) for one, moved in zip(off, reference.moved, strict=True)),
        loss=abs(loss - reference.loss) / abs(reference.loss),
        outputs=_share(float(np.abs(outputs - reference.outputs).max()), float(np.ptp(reference.outputs))),
    )


def _share(off: float, of: float) -> float:
    """`off` as a share; nothing of nothing is nothing, and all that is not finite is too far."""
    if not off:
        return 0.0
    return off / of if of and np.isfinite(off) else float(np.inf)


def recorded(folder: Path, plan: Plan, trial: Trial) -> tuple[list[Metrics], list[Metrics]]:
    """The metrics of every epoch of a trial, from a stack and from the plain trainer."""
    from tuner.trainers import plain

    split = Split.open(folder)
    training = TrainingSection(epochs=plan.epochs, batch_size=plan.batch_size)
    with TemporaryDirectory() as files:
        work = Work(training, Objective("val_loss", "minimize"), folder, Path(files))
        result = plain.fit(work, trial, lambda report: True)
    assert result.error is None, result.error
    return in_stacks(plan, split, [trial])[trial.number].history, [dict(each) for each in result.history]
