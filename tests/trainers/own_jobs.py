"""What tests of a user's own models do in a worker, and bring back as plain values."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tuner import model_file, packaging
from tuner.data.features import Number, Preprocessing, Raw, Step
from tuner.data.split import Split
from tuner.metrics import Array, Task
from tuner.sections import TrainingSection
from tuner.trainers import weights
from tuner.trainers.work import Work
from tuner.trial import Metrics, Objective, Report, Result, Trial

MODELS = Path(__file__).with_name("own_models.py")


@dataclass(frozen=True)
class Order:
    """A trial of a model in `own_models`; the judge stops it after an epoch, where one is named."""

    work: Work
    trial: Trial
    stop: int | None = None


@dataclass(frozen=True)
class Fitted:
    """What came of an order: the result, what was reported, what was heard in the user's `fit`, and what the kept
    weights give on the validation rows.
    """

    result: Result
    reports: tuple[Report, ...]
    heard: Mapping[str, Any]
    looked: Metrics | None


def split(folder: Path, task: Task, steps: tuple[Step, ...], x: Array, y: Array) -> Path:
    """Saves rows as a search leaves them for its workers: a third for each part."""
    classes = {Task.BINARY: ("no", "yes"), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: None}[task]
    raw = x + [step.mean if isinstance(step, Number) else 0.0 for step in steps] if len(steps) == x.shape[1] else x
    thirds = np.array_split(np.arange(len(x)), 3)
    parts = dict(zip(("train", "validation", "test"), thirds, strict=True))
    preprocessing = Preprocessing(steps, float(y.mean()), float(y.std())) if classes is None else Preprocessing(steps)
    Split(
        table="made", target="y", task=task, classes=classes, digest="d", preprocessing=preprocessing,
        **{f"x_{name}": x[rows].astype(np.float32) for name, rows in parts.items()},
        **{f"y_{name}": y[rows] for name, rows in parts.items()},
        indices=parts, fingerprint="f", tested="t", warnings=(),
        example=tuple(dict(zip((step.name for step in steps), row.tolist(), strict=False)) for row in raw[:5]),
    ).save(folder)  # fmt: skip
    return folder


def table(folder: Path, task: Task, rows: int = 72) -> Path:
    """Eight columns around 1000, of which the first decides; the matrix has them standardised."""
    x = np.round(np.random.default_rng(1).normal(size=(rows, 8)) * 64) / 64  # exact beside 1000 in single precision
    y = 500 + 80 * x[:, 0] if task is Task.REGRESSION else (x[:, 0] > 0).astype(np.int64)
    return split(folder, task, tuple(Number(f"c{i}", 1000.0, 1.0) for i in range(8)), x, y)


def arrays(folder: Path, rows: int = 72) -> Path:
    """Two inputs, of numbers and of words, and three classes."""
    rng = np.random.default_rng(2)
    x = np.hstack([rng.normal(size=(rows, 4)), rng.integers(10, size=(rows, 5))])
    steps = Raw("left", (4,)), Raw("words", (5,), "int64")
    return split(folder, Task.MULTICLASS, steps, x, rng.integers(3, size=rows))


def work(
    name: str, split: Path, files: Path, metric: str = "val_accuracy", goal: str = "maximize", file: Path = MODELS
) -> Work:
    model = model_file.read(f"{file.name}:{name}", file.parent)
    return Work(TrainingSection(batch_size=12), Objective(metric, goal), split, files, model=model)


def fits(orders: Mapping[str, Order]) -> dict[str, Fitted]:
    """Trains one after another, in one process."""
    return {name: _fit(order) for name, order in orders.items()}


def _fit(order: Order) -> Fitted:
    from tuner.trainers import networks, own, plain, readings

    reports: list[Report] = []
    for each in _heard():
        each.clear()

    def report(now: Report) -> bool:
        reports.append(now)
        return now.epoch != order.stop

    result, looked = own.fit(order.work, order.trial, report), None
    if result.weights is not None:
        rows = readings.split_of(order.work)
        network, _ = networks.build(order.work, order.trial, rows)
        network.set_weights(weights.load(result.weights))
        looked = readings.validation(rows, plain.outputs(network, rows.x_validation))
    heard = {name: value for each in _heard() for name, value in each.items()}
    return Fitted(result, tuple(reports), heard, looked)


def _heard() -> list[dict[str, Any]]:
    """What the models note: the file is run once for each name in it that is asked for."""
    return [vars(module)["heard"] for name, module in sys.modules.items() if name.startswith(MODELS.stem)]


@dataclass(frozen=True)
class Packed:
    """A model that was trained and packed: its folder, some raw rows, and the p of the second class in each."""

    folder: Path
    rows: pd.DataFrame
    expected: Array

    @property
    def files(self) -> list[str]:
        return [path.name for path in self.folder.iterdir()]


def packed(orders: Mapping[str, tuple[Work, Path]], trial: Trial) -> dict[str, Packed]:
    """Trains a trial for each work, and packs it into a folder."""
    return {name: _packed(work, trial, folder) for name, (work, folder) in orders.items()}


def _packed(work: Work, trial: Trial, folder: Path) -> Packed:
    from tuner.trainers import own, plain, readings

    result = own.fit(work, trial, lambda report: True)
    assert result.weights is not None, result.error
    rows = readings.split_of(work)
    found = packaging.restored(work, result, rows)
    packaging.model(packaging.Subject(work, "made", "made@1", {}, {}), result, folder)
    return Packed(
        folder, pd.DataFrame(list(rows.example)), plain.predict(found.network, rows.x_train[: len(rows.example)], rows)
    )
