"""A user's own model, trained by its own `compile` and its own `fit`, and judged as every other network.

Importing this module imports TensorFlow and KerasTuner; it is imported where trials are trained, and nowhere else.

What is recorded of an epoch: the metrics that the record has of any network on the validation rows, from what the model
gives for them, and beside these what the model's own `fit` tells, under its names. Where both have a name, as
`val_loss`, it is the first. Every epoch has the names of the first one; what a later one does not tell is as it was.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tuner import quiet
from tuner.data.split import Split
from tuner.errors import ExportError, TrialFailed, TunerError, listing, nearest
from tuner.metrics import METRICS, Array
from tuner.model_file import ModelFile
from tuner.models.champion import Champion, ModelError, sums_of
from tuner.parameters import said
from tuner.trainers import plain, readings, weights
from tuner.trainers.course import Course, Kept
from tuner.trainers.work import Work
from tuner.trial import Report, Result, State, Trial

with quiet.stderr():
    import keras
    import keras_tuner

    from tuner.models import own
    from tuner.models.own_network import Wrapped, wrapped

# How far a model that was loaded may be from the one that was written: it may add up in another order.
_LOADED = 1e-3
_CLASH = re.compile(r"got multiple values for (?:keyword )?argument '(\w+)'")


class _Over(Exception):
    """A loop that went on after its trial had ended."""


def fit(work: Work, trial: Trial, report: Callable[[Report], bool]) -> Result:
    """Trains one trial. `report` is called after each epoch and answers whether to go on.

    Never raises for what the trial or the user's code does wrong: that is a `failed` result with its traceback, or with
    a line where that says it all.
    """
    course, error = Course(work, trial), None
    beyond: dict[str, str] = {}
    try:
        _train(work, course, report, beyond)
    except _Over:
        pass
    except TunerError as why:
        error = str(why)
    except Exception:  # noqa: BLE001 - whatever the user's code raises is this trial's failure, and is kept
        error = traceback.format_exc()
    finally:
        keras.utils.clear_session(free_memory=False)
    # What a loop raises because it was ended early says nothing of the trial.
    ended = course.state in (State.PRUNED, State.DIVERGED)
    return course.result({**program(work), **beyond}, None if ended else error)


def program(work: Work) -> dict[str, str]:
    """What trained a trial, as far as a replay must know it."""
    model = {"model": work.model.digest[:12]} if work.model else {}
    return {**plain.program(), "keras-tuner": keras_tuner.__version__, **model}


def _train(work: Work, course: Course, report: Callable[[Report], bool], beyond: dict[str, str]) -> None:
    """Takes the course from its first epoch to its end; `beyond` is told what was asked for and had no value."""
    trial, split = course.trial, readings.split_of(work)
    made = build(work, trial, split)
    _go_on(made, work, trial)
    epochs = _Epochs(work, course, report, split, made)
    try:
        told = call_fit(
            made.hypermodel,
            made.hp,
            made.model,
            *data(made, split),
            epochs=trial.last_epoch,
            callbacks=[epochs],
            batch_size=work.training.batch_size,
            first_epoch=trial.first_epoch,
        )
    except _Over:
        return
    finally:
        if defaults := made.hp.defaulted:
            beyond["defaults"] = ", ".join(f"{name} = {said(value)}" for name, value in defaults.items())
    if course.epoch < trial.first_epoch:
        epochs.whole(told)


@dataclass(frozen=True, slots=True)
class Made(Wrapped):
    """A trial's model, wrapped, and what made it."""

    hypermodel: keras_tuner.HyperModel
    hp: own.HyperParameters


@functools.cache
def _loaded(file: ModelFile) -> tuple[keras_tuner.HyperModel, Any]:
    """What the file names, and the precision that it has set. It is run once in a process, so that each of its classes
    is one.
    """
    return own.load(file), keras.config.dtype_policy()


def hypermodel_of(file: ModelFile) -> keras_tuner.HyperModel:
    """What the file names."""
    return _loaded(file)[0]


def build(work: Work, trial: Trial, split: Split) -> Made:
    """The trial's model for these data, with its initial weights. Raises what the user's code raises, TrialFailed where
    the model does not go with the data, and StudyError where there is none.
    """
    assert work.model is not None
    (hypermodel, precision), hp = _loaded(work.model), own.hyperparameters(trial.values)
    keras.config.set_dtype_policy(precision)  # another model, or the end of a session, may have left another
    keras.utils.set_random_seed(trial.seed)
    model = own.built(work.model, hypermodel, hp)
    found = on_rows(model, split)
    return Made(found.model, found.network, found.inputs, found.output, found.meaning, hypermodel, hp)


def on_rows(model: keras.Model, split: Split) -> Wrapped:
    """The model for those rows. Raises TrialFailed, in a line, where it does not go with them."""
    layout = [(each.name, each.shape, each.dtype) for each in split.layout]
    return wrapped(model, layout, split.task, len(split.classes) if split.classes else 1)


def data(made: Wrapped, split: Split, rows: int | None = None) -> tuple[Any, Array, tuple[Any, Array]]:
    """The train rows and their targets as the model takes them, and the validation rows; the first `rows` of each."""
    x, y = (
        [split.x_train[:rows], split.x_validation[:rows]],
        [split.y_train[:rows], split.y_validation[:rows]],
    )
    given, asked = (made.inputs.arrays(each) for each in x)
    wanted, there = (made.meaning.wanted(each) for each in y)
    return given, wanted, (asked, there)


def call_fit(
    hypermodel: keras_tuner.HyperModel,
    hp: keras_tuner.HyperParameters,
    model: keras.Model,
    x: Any,
    y: Array,
    validation: tuple[Any, Array],
    *,
    epochs: int,
    callbacks: Sequence[keras.callbacks.Callback],
    batch_size: int,
    first_epoch: int = 1,
) -> Any:
    """What the hypermodel's `fit` returns, called as `tuner.search(x, y, validation_data=…)` of KerasTuner calls it.

    One that is overridden may choose the batch size, and other things, by itself: what it says twice is left to it.
    """
    given: dict[str, Any] = {
        "validation_data": validation,
        "epochs": epochs,
        "callbacks": list(callbacks),
        "verbose": 0,
        **({"initial_epoch": first_epoch - 1} if first_epoch > 1 else {}),
        **({} if is_overridden(hypermodel) else {"batch_size": batch_size}),
    }
    given = _known(hypermodel.fit, given)
    while True:
        try:
            return hypermodel.fit(hp, model, x, y, **given)
        except TypeError as error:
            # Raised before anything is trained, when `model.fit` is called with what is given and with its own.
            clash = _CLASH.search(str(error))
            if clash is None or clash[1] not in given or clash[1] == "callbacks":
                raise
            del given[clash[1]]


def is_overridden(hypermodel: keras_tuner.HyperModel) -> bool:
    """Whether the hypermodel has a `fit` of its own."""
    return type(hypermodel).fit is not keras_tuner.HyperModel.fit or "fit" in vars(hypermodel)


def fits_as_keras(hypermodel: keras_tuner.HyperModel, model: keras.Model) -> bool:
    """Whether it is Keras' own `fit` that trains the model, by what it compiles, and tells of nothing else."""
    return not is_overridden(hypermodel) and type(model).fit is keras.Model.fit


def without(missing: Iterable[str], told: Iterable[str]) -> str:
    """A line on objectives that a model has not among what it compiles."""
    none, there = ([name.removeprefix("val_") for name in names] for names in (missing, told))
    known = sorted(set(there))
    hint = nearest(none[0], known)
    return f"the model compiles no metric {listing(none)}, which is the objective; it has {listing(known)}.{hint}"


def _known(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """Those of the arguments that the function takes."""
    parameters = inspect.signature(function).parameters.values()
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
        return given
    return {name: value for name, value in given.items() if name in {each.name for each in parameters}}


def _go_on(made: Wrapped, work: Work, trial: Trial) -> None:
    """Gives the model the weights of the trial that it goes on from, where there is one; its optimizer is new."""
    begin = weights.inherited(work, trial)
    if begin is not None:
        there = made.network.get_weights()
        weights.take_over(there, trial, begin)
        made.network.set_weights(there)


def check_loaded(folder: Path, network: keras.Model, split: Split, trial: Trial) -> None:
    """Holds a model with code of the user's, as it was written, to what it gave before that. Raises ExportError."""
    import pandas as pd

    rows = pd.DataFrame(list(split.example), dtype=object)
    try:
        found = Champion(folder, sums_of(folder)).predict(rows).select_dtypes("number").to_numpy()[:, -1]
    except ModelError as error:
        raise ExportError(f"trial {trial.number}: {error}") from None
    expected = plain.predict(network, split.x_train[: len(rows)], split).reshape(len(rows), -1)[:, -1]
    if not np.allclose(found, expected, rtol=_LOADED, atol=_LOADED):
        raise ExportError(
            f"trial {trial.number}: loaded again, its model gives up to {abs(found - expected).max():.1e} else; does "
            "what builds it hang on more than its hp, as on the time or on what another process has?"
        )


class _Epochs(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells of each epoch, and ends the training where the trial is over, whatever loop calls it."""

    def __init__(self, work: Work, course: Course, report: Callable[[Report], bool], split: Split, made: Made) -> None:
        super().__init__()
        self._work, self._course, self._report = work, course, report
        self._split, self._made = split, made
        self._own: dict[str, float] | None = None

    def __deepcopy__(self, memo: object) -> _Epochs:
        return self  # KerasTuner gives each execution a copy of the callbacks, and so do some programs

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self._course.state is not None:
            raise _Over

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self._course.state is not None:
            raise _Over
        told = _numbers(logs or {})
        if set(own_names(self._work)) <= told.keys():  # else they come with what `fit` returns
            self._ended(told)

    def whole(self, returned: Any) -> None:
        """A `fit` that told of no epoch is one as a whole: what it returned, and the weights that it left."""
        told = _numbers(_as_metrics(returned, self._work))
        missing = [name for name in own_names(self._work) if name not in told]
        if missing and fits_as_keras(self._made.hypermodel, self._made.model):
            raise TrialFailed(without(missing, told))
        if missing:
            raise TrialFailed(
                f"the model's own fit did not tell {listing(missing)}, which is the objective; it told "
                f"{listing(sorted(told)) or 'nothing'}"
            )
        self._ended(told)

    def _ended(self, told: Mapping[str, float]) -> None:
        course, there = self._course, self._made.network.get_weights()
        outputs = plain.traced_outputs(self._made.network, self._split.x_validation)
        now = readings.validation(self._split, outputs, self._work.objective.metrics)
        if self._own is None:
            self._own = {name: value for name, value in told.items() if name not in now and _meant(name, value)}
        self._own |= {name: value for name, value in told.items() if name in self._own and _meant(name, value)}
        now = {**self._own, **now}
        report = course.takes(now, all(np.isfinite(each).all() for each in there), lambda: Kept(there))
        if report is not None:
            course.judged(self._report(report))
        self._made.model.stop_training = course.state is not None


def _meant(name: str, value: float) -> bool:
    """Whether a number of the model's own is to be recorded: a loss that is none says that the trial diverged."""
    return math.isfinite(value) or name == "loss"


def own_names(work: Work) -> list[str]:
    """The objectives that only the model's own metrics can say."""
    known = {f"val_{name}" for metrics in METRICS.values() for name in metrics}
    return [name for name in work.objective.metrics if name not in known]


def _numbers(logs: Mapping[str, Any]) -> dict[str, float]:
    """Those that are one number each."""
    found = {}
    for name, value in logs.items():
        try:
            found[str(name)] = float(value)
        except (TypeError, ValueError):
            continue
    return found


def _as_metrics(returned: Any, work: Work) -> Mapping[str, Any]:
    """What a `fit` may return, as KerasTuner reads it: the objective, a dict, a history, or a list of such."""
    if isinstance(returned, list):
        return _mean(_numbers(_as_metrics(each, work)) for each in returned)
    if isinstance(returned, keras.callbacks.History):
        return _best(returned.history, work)
    if isinstance(returned, Mapping):
        return returned
    return {work.objective.metric: returned}


def _best(history: Mapping[str, Sequence[Any]], work: Work) -> dict[str, Any]:
    """The epoch of a history that has the best value of the objective; the last one where it has none."""
    values = history.get(work.objective.metric)
    best = -1
    if values:
        sign = -1.0 if work.objective.goal == "maximize" else 1.0
        best = int(np.nanargmin(sign * np.asarray(values, np.float64)))
    return {name: found[best] for name, found in history.items() if len(found) > best and found}


def _mean(each: Iterable[Mapping[str, float]]) -> dict[str, float]:
    gathered: dict[str, list[float]] = {}
    for metrics in each:
        for name, value in metrics.items():
            gathered.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in gathered.items()}
