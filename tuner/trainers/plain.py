"""One Keras model at a time, through Keras' own `fit`. The reference that every faster way must agree with.

Importing this module imports TensorFlow; it is imported where trials are trained, and nowhere else. A fit uses one
thread: small models gain nothing from more, sums then have one order, and the cores are there for other trials.

What was measured on a 5 × 64 network, 491 rows, 50 epochs: `fit` on arrays 3.7 s, on the batches below 2.3 s, with
XLA 3.7 s; several steps per call (`steps_per_execution`) gained nothing on top. About 1.2 s of it is tracing.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from math import prod

import numpy as np

from tuner import quiet
from tuner.data import scaling
from tuner.data.classes import weights_of_classes
from tuner.data.split import Split
from tuner.errors import TrialFailed
from tuner.metrics import Array, Task
from tuner.sections import TrainingSection
from tuner.trainers import readings, weights
from tuner.trainers.course import Course, Kept
from tuner.trainers.order import rows_of
from tuner.trainers.stacked import cache
from tuner.trainers.work import Work
from tuner.trial import Metrics, Report, Result, Trial
from tuner.tunables import setting

with quiet.stderr():
    cache.prepare()  # every process that trains imports TensorFlow here first
    import keras
    import tensorflow as tf

    from tuner.models import augmentation, network, schedule

# Rows of one prediction, fewer where a layer has more cells of them than so many: bounds memory, and hangs on nothing
# but the network, so that scores do not depend on it.
_ROWS, _CELLS = 4096, 2**24


def begin() -> None:
    """Starts TensorFlow with one thread. Must be called in a process before its first operation."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.list_logical_devices()


def fit(work: Work, trial: Trial, report: Callable[[Report], bool]) -> Result:
    """Trains one trial. `report` is called after each epoch and answers whether to go on.

    Never raises for what the trial itself does wrong: that is a `failed` result with its traceback, or with a line
    where that says it all.
    """
    course, error = Course(work, trial), None
    try:
        _train(work, course, report)
    except TrialFailed as why:
        error = str(why)
    except Exception:  # noqa: BLE001 - whatever a model raises is this trial's failure, and is kept
        error = traceback.format_exc()
    finally:
        keras.utils.clear_session(free_memory=False)
    return course.result(program(), error)


def program() -> dict[str, str]:
    """What trained a trial, as far as a replay must know it."""
    return {"trainer": "plain", "keras": keras.__version__, "tensorflow": tf.__version__}


def _train(work: Work, course: Course, report: Callable[[Report], bool]) -> None:
    """Takes the course from its first epoch to its end."""
    trial, split = course.trial, Split.open(work.split)
    values = {"batch_size": work.training.batch_size, **trial.values}
    keras.utils.set_random_seed(trial.seed)
    size = int(setting(values, "batch_size"))
    batches, steps = _batches(split, trial, size)
    model = build(trial, split, _rates(trial, work.training, steps))
    go_on(model, work, trial, steps)

    def ended(epoch: int, logs: Metrics | None) -> None:
        there = model.get_weights()
        read = dict(logs or {})
        second = read["mae" if split.task is Task.REGRESSION else "accuracy"]
        now = readings.train(split, float(read["plain_loss"]), float(second))
        now |= readings.validation(split, traced_outputs(model, split.x_validation), work.objective.metrics)
        told = course.takes(now, all(np.isfinite(each).all() for each in there), lambda: Kept(there))
        if told is not None:
            course.judged(report(told))
        model.stop_training = course.state is not None

    model.fit(
        batches,
        steps_per_epoch=steps,
        initial_epoch=trial.first_epoch - 1,
        epochs=trial.last_epoch,
        shuffle=False,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=ended)],
    )


def go_on(model: keras.Model, work: Work, trial: Trial, steps: int) -> None:
    """Gives a model the weights of the trial that it goes on from, where there is one; its optimizer is new.

    What is drawn in training hangs on the true number of the step, of which an epoch has `steps`. Raises TrialFailed
    where the weights are not to be had.
    """
    begin = weights.inherited(work, trial)
    if begin is not None:
        own = model.get_weights()
        weights.take_over(own, trial, begin)
        model.set_weights(own)
    if taken := (trial.first_epoch - 1) * steps:
        for dice in (each for each in model.non_trainable_variables if each.name == "seed_generator_state"):
            dice.assign(dice + [0, taken])


def _rates(trial: Trial, training: TrainingSection, steps: int) -> Array | None:
    """The learning rates from the trial's first epoch on, where they change; `steps` make an epoch."""
    if schedule.is_constant(trial.values):
        return None
    whole = schedule.rates(trial.values, training.epochs_of(trial.values) * steps)
    return whole[min((trial.first_epoch - 1) * steps, len(whole) - 1) :]


def build(trial: Trial, split: Split, rates: Array | None = None) -> keras.Model:
    """The trial's network for these data, with its initial weights; `rates` is needed only to train it."""
    classes = len(split.classes) if split.classes else 1
    affine = scaling.affine(split, str(setting(trial.values, "input_scaling")))
    features = split.x_train.shape[1]
    return network.build(trial.values, trial.seed, split.task, features, classes, rates, split.image, affine)


def predict(model: keras.Model, x: Array, split: Split) -> Array:
    """The model's predictions for transformed rows, in the target's own units; see `tuner.metrics` for shapes."""
    return readings.predictions(split, outputs(model, x))


def outputs(model: keras.Model, x: Array) -> Array:
    """What the network gives for transformed rows, (rows, outputs). Nothing is traced, which for one look is faster."""
    return _in_parts(x, rows_at_once(model), lambda rows: np.asarray(model(rows, training=False)))


def traced_outputs(model: keras.Model, x: Array) -> Array:
    """The same by a program, which is worth its tracing where it runs more than once."""
    return _in_parts(x, rows_at_once(model), model.predict_on_batch)


def rows_at_once(model: keras.Model) -> int:
    """How many rows go through a network in one prediction: blocks of convolution make thousands of cells of each."""
    return max(1, min(_ROWS, _CELLS // max(_cells(model), 1)))


def _cells(model: keras.Model) -> int:
    """The cells that a row has in the largest layer of the network, models inside it looked into."""
    most = 0
    for layer in model.layers:
        with suppress(AttributeError, ValueError):  # one that was never called by itself, or more than once
            most = max(most, *(prod(filter(None, each.shape[1:])) for each in keras.tree.flatten(layer.output)))
        if isinstance(layer, keras.Model):
            most = max(most, _cells(layer))
    return most


def _in_parts(x: Array, rows: int, of: Callable[[Array], Array]) -> Array:
    """What `of` gives for all rows, so many at a time."""
    found: Array = np.concatenate([of(np.asarray(x[i : i + rows])) for i in range(0, len(x), rows)])
    return found


def _batches(split: Split, trial: Trial, size: int) -> tuple[tf.data.Dataset, int]:
    """The batches of all epochs in a row, and how many make an epoch; the last one of an epoch may be shorter.

    A batch is (rows, targets), and with balanced classes (rows, targets, weights of rows). The order of rows in an
    epoch, and how images are turned and moved, depend on the trial's seed and the epoch alone.
    """
    rows = len(split.x_train)
    steps = -(-rows // size)
    whole = [tf.constant(split.x_train), tf.constant(readings.targets(split))]
    if setting(trial.values, "class_weight") == "balanced":
        whole.append(tf.constant(weights_of_classes(split)[split.y_train.astype(np.int64)]))

    augment = augmentation.augmentation(trial.values, trial.seed, split.image)

    def draw(epoch: Array) -> Array:
        return rows_of(trial, int(epoch), rows)

    def batches_of(epoch: tf.Tensor) -> tf.data.Dataset:
        # Drawn when the epoch begins: the orders of all epochs at once may be larger than the data.
        order = tf.numpy_function(draw, [epoch], tf.int32)
        order.set_shape((rows,))
        return tf.data.Dataset.range(steps).map(lambda step: (order[step * size : (step + 1) * size], epoch, step))

    def batch(chosen: tf.Tensor, epoch: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        x, *more = (tf.gather(each, chosen) for each in whole)
        return (x if augment is None else augment(x, epoch, step), *more)

    epochs = tf.data.Dataset.range(trial.first_epoch, trial.last_epoch + 1)
    return epochs.flat_map(batches_of).map(batch), steps
