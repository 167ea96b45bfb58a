"""Turns the weights of trials into models that take raw rows, scores the champion, and draws the pictures.

`serve`, `pack` and `model` run in a worker, where Keras is; the owner only moves the finished folders.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tuner import evaluate
from tuner.data.split import Split
from tuner.errors import ExportError, TunerError
from tuner.evaluate import Guesses, Verdict
from tuner.metrics import METRICS, Array, Task
from tuner.plots import champions, searches
from tuner.trainers.work import Work
from tuner.trial import Objective, Result
from tuner.versions import versions

if TYPE_CHECKING:
    import keras

    from tuner.trainers.own import Made

MODEL, MANIFEST, CURVES = "model.keras", "manifest.json", "learning-curves.png"
# Beside the champion's model: what it gives for the validation and the test rows, as `tuner.metrics` has predictions.
PREDICTIONS = "predictions.npz"
# Beside the models in a search's folder: the pictures, and the champion in MLflow's model format.
PLOTS, MLFLOW = "plots", "mlflow-model"
FORMAT = 1

# Weights that give another validation score than the one in the record are not those of the record.
_TOLERANCE = 1e-5


class Unfaithful(ExportError):
    """Weights that came from a stack do not give in Keras what they gave there. `trials` are the numbers."""

    def __init__(self, trials: tuple[int, ...], *problems: str) -> None:
        super().__init__(*problems)
        self.trials = trials

    def __reduce__(self) -> tuple[type[Unfaithful], tuple[Any, ...]]:
        return type(self), (self.trials, *self.problems)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a manifest says beside the model itself: the search, the data, and how the score is read."""

    work: Work
    study: str
    label: str
    data: Mapping[str, Any]
    rename: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Order:
    """The champion and the trials whose models are kept, and what is known of the search."""

    subject: Subject
    champion: Result
    kept: tuple[Result, ...]
    results: tuple[Result, ...]
    fresh: Mapping[int, float]  # mean scores of the finalists' retakes
    looks: int
    ended: str
    importance: Mapping[str, float]


def folder_of(search: Path, trial: int) -> Path:
    """Where the packed model of a trial is kept."""
    return search / "models" / f"trial-{trial:05d}"


@dataclass(frozen=True, slots=True)
class Restored:
    """A trial's network with the weights of its best epoch, and what it gives for the validation rows; and what it is
    made of, where it is a user's own.
    """

    network: keras.Model
    outputs: Array
    own: Made | None = None


def serve(line: Connection, work: Work) -> None:
    """Packs each order that comes over the line, until the owner hangs up.

    Before the first comes it imports what packing needs and fits the baselines, which take longer than packing itself.
    """
    early = _Early(work)
    while True:
        order, search = line.recv()
        try:
            line.send((pack(order, search, early.baselines()),))
        except TunerError as error:
            line.send(error)


class _Early:
    """What can be done before a champion is known, in a thread to which trials in training come first."""

    def __init__(self, work: Work) -> None:
        self._split = work.split
        self._found: list[Guesses] | None = None
        self._thread = threading.Thread(target=self._do, name="early", daemon=True)
        self._thread.start()

    def baselines(self) -> list[Guesses] | None:
        """The baselines, as soon as they are there; None where that failed. Packing meets the reason again."""
        self._thread.join()
        return self._found

    def _do(self) -> None:
        with suppress(OSError, AttributeError):  # elsewhere than on Linux a thread is as important as its process
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        with suppress(Exception):
            _rehearse()
            self._found = list(evaluate.baselines(Split.open(self._split)))


def _rehearse() -> None:
    """Draws a picture and saves a model that nobody needs: the first of each takes seconds, another tenths of one."""
    from tuner.models import pyfunc

    with TemporaryDirectory() as place:
        folder = Path(place)
        searches.importance({"units": 1.0}, folder / "importance.png")
        (folder / MODEL).touch()
        manifest = {"task": Task.REGRESSION.value, "classes": None, "columns": [{"name": "x"}]}
        (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        pyfunc.save(folder / MLFLOW, folder, [{"x": 1.0}])


def pack(order: Order, search: Path, simple: Sequence[Guesses] | None = None) -> Verdict:
    """Packs the kept trials and the champion into the folder of the search, and scores the champion.

    `simple` are the baselines, where they are known already. Raises Unfaithful, before anything is written, where
    weights from a stack do not give in Keras what is recorded, and ExportError where others do not.
    """
    from tuner.models import pyfunc
    from tuner.trainers import plain, readings

    work, split = order.subject.work, readings.split_of(order.subject.work)
    made = _restored(work, [*order.kept, order.champion], split)
    for result in order.kept:
        number = result.trial.number
        _write(order.subject, result, split, made[number], folder_of(search, number))
    champion = order.champion
    found = made[champion.trial.number]
    validation = readings.predictions(split, found.outputs)
    test = plain.predict(found.network, split.x_test, split)
    objective = _scored(work.objective, split)
    verdict = evaluate.verdict(
        split,
        objective,
        champion,
        validation=validation,
        test=test,
        fresh=order.fresh if objective is work.objective else {},
        results=order.results,
        looks=order.looks,
        ended=order.ended,
        simple=simple,
    )
    if objective is not work.objective:
        told = (
            f"trials were compared by {work.objective.metric}, which is the model's own; what the champion is worth on "
            f"other rows is told in {objective.metric.removeprefix('val_')}"
        )
        verdict = replace(verdict, warnings=(told, *verdict.warnings))
    packed = folder_of(search, champion.trial.number)
    if broken := json.loads((packed / MANIFEST).read_text(encoding="utf-8")).get("broken"):
        told = f"the champion cannot be exported: {broken}"
        verdict = replace(verdict, warnings=(told, *verdict.warnings))
    _rewrite(packed / MANIFEST, {"test": verdict.test_json()})
    _keep(packed / PREDICTIONS, validation=validation, test=test)
    settle(_draw(order, split, validation, packed / CURVES, search / f".{PLOTS}"), search / PLOTS)
    pyfunc.save(search / MLFLOW, packed, split.example)
    return verdict


def _scored(objective: Objective, split: Split) -> Objective:
    """The objective by which rows can be scored: the default one of the task, for a metric that a user's own model
    brings.
    """
    known = METRICS[split.task]
    if objective.metric.removeprefix("val_") in known:
        return objective
    first = next(iter(known.values()))
    return Objective(f"val_{first.name}", first.goal, objective.epoch)


def model(subject: Subject, result: Result, folder: Path) -> Path:
    """Writes the model of a trial, its manifest and its learning curves as one folder, whole or not at all.

    Raises as `pack`.
    """
    from tuner.trainers import readings

    split = readings.split_of(subject.work)
    made = _restored(subject.work, [result], split)
    return _write(subject, result, split, made[result.trial.number], folder)


def _write(subject: Subject, result: Result, split: Split, made: Restored, folder: Path) -> Path:
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    code = _save(subject.work, split, made, unfinished)
    manifest = {
        "format": FORMAT,
        "study": subject.study,
        "search": subject.label,
        "trial": result.trial.number,
        "values": dict(result.trial.values),
        "seed": result.trial.seed,
        "metric": subject.work.objective.metric,
        "score": result.score,
        "best_epoch": result.best_epoch,
        "task": split.task.value,
        "target": split.target,
        "classes": list(split.classes) if split.classes else None,
        "columns": split.preprocessing.columns(),
        "rename": dict(subject.rename),
        "data": dict(subject.data),
        "versions": versions(),
        "checksum": {path.name: _sum(path) for path in sorted(unfinished.iterdir())},
        **({"code": code} if code else {}),
    }
    (unfinished / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False), encoding="utf-8")
    if code:
        from tuner.trainers import own

        try:
            own.check_loaded(unfinished, made.network, split, result.trial)
        except ExportError as error:  # the score stands; only the model cannot be handed over
            _rewrite(unfinished / MANIFEST, {"broken": str(error)})
    champions.learning_curves(result, subject.work.objective, unfinished / CURVES)
    return settle(unfinished, folder)


def _save(work: Work, split: Split, made: Restored, folder: Path) -> dict[str, Any] | None:
    """Writes the model itself, and says what code of the user's it needs."""
    from tuner.models import own_code
    from tuner.models.raw import raw_model

    if made.own is None or work.model is None:
        raw_model(split.preprocessing, made.network).save(folder / MODEL)
        return None
    return own_code.save(made.own, split.preprocessing, work.model, folder)


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _restored(work: Work, results: Iterable[Result], split: Split) -> dict[int, Restored]:
    """The networks of trials by number. Raises Unfaithful with all from a stack that are not what the record says."""
    made: dict[int, Restored] = {}
    lines: dict[int, str] = {}
    for result in results:
        number = result.trial.number
        if number in made or number in lines:
            continue
        try:
            made[number] = restored(work, result, split)
        except ExportError as error:
            if result.program.get("trainer") != "stacked":
                raise
            lines[number] = str(error)
    if lines:
        raise Unfaithful(tuple(lines), *lines.values())
    return made


def restored(work: Work, result: Result, split: Split) -> Restored:
    """The network of a trial, as its best epoch left it.

    Raises ExportError where the weights are missing, or do not give the recorded score.
    """
    import numpy as np

    from tuner.trainers import networks, plain, readings, weights

    if result.weights is None or not result.weights.exists():
        raise ExportError(f"trial {result.trial.number}: its weights were not kept")
    network, made = networks.build(work, result.trial, split)
    network.set_weights(weights.load(result.weights))
    # A user's own is looked at as it was in training, step by step the same: it may be of half precision.
    look = plain.outputs if made is None else plain.traced_outputs
    raw = look(network, split.x_validation)
    kept = weights.outputs(result.weights)
    if kept is not None and not np.allclose(raw, kept, rtol=_TOLERANCE, atol=_TOLERANCE):
        raise ExportError(
            f"trial {result.trial.number}: in Keras its predictions are up to {abs(raw - kept).max():.1e} away from "
            "those that it was scored by"
        )
    found = readings.validation(split, raw, work.objective.metrics)
    recorded = result.history[(result.best_epoch or 0) - result.trial.first_epoch]
    # Another metric of a user's own model can only be had in its own training.
    for name in (each for each in ("val_loss", work.objective.metric) if each in found):
        if abs(found[name] - recorded[name]) > _slack(name, found[name], split, raw):
            raise ExportError(
                f"trial {result.trial.number}: its weights give {name} {found[name]}, the record says "
                f"{recorded[name]}. Type: tuner replay STUDY {result.trial.number}, which trains it again"
            )
    return Restored(network, raw, made)


def _slack(name: str, value: float, split: Split, raw: Array) -> float:
    """How far a metric may be from the recorded one: a row on the threshold between two classes may fall either way."""
    import numpy as np

    if name == "val_auc":
        return _TOLERANCE + _undecided(split, raw)
    if name not in ("val_accuracy", "val_f1"):
        return _TOLERANCE * max(1.0, abs(value))
    if split.task is Task.BINARY:
        margins = abs(raw[:, 0] - 0.5)
    else:
        first, second = np.sort(raw, axis=1)[:, :-3:-1].T
        margins = first - second
    share = float((margins <= 2 * _TOLERANCE).mean())
    # In F1 a row counts for the more the rarer its class is: where one may fall either way, nothing is known of it.
    return float(share > 0 and name == "val_f1") or share + _TOLERANCE * (name == "val_f1") + 1e-9


def _undecided(split: Split, raw: Array) -> float:
    """The share of pairs, of a row of a class and one that is not, whose probabilities may stand either way."""
    import numpy as np

    shares = [0.0]
    for number in (1,) if split.task is Task.BINARY else range(raw.shape[1]):
        p = raw[:, 0 if split.task is Task.BINARY else number]
        inside = split.y_validation == number
        others = np.sort(p[~inside])
        close = np.searchsorted(others, p[inside] + 2 * _TOLERANCE, "right")
        close -= np.searchsorted(others, p[inside] - 2 * _TOLERANCE, "left")
        shares.append(float(close.mean()) / len(others) if len(close) and len(others) else 0.0)
    return max(shares)


def _draw(order: Order, split: Split, validation: Array, curves: Path, folder: Path) -> Path:
    """All pictures of the search, of which the champion's `curves` are drawn already; `validation` are predictions."""
    from tuner.metrics import classes_of

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    objective: Objective = order.subject.work.objective
    searches.optimisation_history(order.results, objective, folder / "optimisation-history.png")
    searches.importance(order.importance, folder / "importance.png")
    if objective.further:
        searches.pareto_front(order.results, objective, folder / "pareto-front.png")
    shutil.copy2(curves, folder / CURVES)
    if split.task is Task.REGRESSION:
        champions.residuals(split.y_validation, validation, split.target, folder / "residuals.png")
    else:
        classes = split.classes or ()
        champions.confusion(split.y_validation, classes_of(validation), classes, folder / "confusion.png")
        if split.image is not None:
            images = split.x_validation.reshape(-1, *split.image)
            champions.misclassified(images, split.y_validation, validation, classes, folder / "misclassified.png")
    return folder


def _keep(path: Path, **arrays: Array) -> None:
    """Arrays by name in a file that is there whole or not at all."""
    import numpy as np

    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with unfinished.open("wb") as file:
        np.savez(file, allow_pickle=False, **{name: np.asarray(array) for name, array in arrays.items()})
    unfinished.replace(path)


def _rewrite(path: Path, more: Mapping[str, Any]) -> None:
    """Adds to a JSON file, so that it is there whole at any moment."""
    told = json.loads(path.read_text(encoding="utf-8")) | dict(more)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(told, indent=2, ensure_ascii=False), encoding="utf-8")
    unfinished.replace(path)


def settle(unfinished: Path, folder: Path) -> Path:
    """Puts a finished folder in its place; the one that was there is whole beside it until then."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    unfinished.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return folder
