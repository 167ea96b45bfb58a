"""Every point of a finite space, trained once: its objective by epoch, in which samplers then look up.

A table is a file `NAME.npz` of float32 curves, a line for each point in the order of `Space.grid`. What is in it
already is not trained again. A curve that ends in NaN is of a trial that diverged there.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.benchmarks import machine
from tests.benchmarks.tasks import HOME, ROOT
from tuner import opening
from tuner.parameters import Choice, Int, Parameter
from tuner.space import Space
from tuner.study import Study, from_document
from tuner.trial import Batch, Objective, Result, State, Trial, Value, derive_seed

if TYPE_CHECKING:
    from numpy.typing import NDArray

EPOCHS = 27
# Points that are trained between two writes of the file, as a run that is stopped loses no more.
_BETWEEN = 100
_BITS = 15

# What a person may vary first, 2,880 points. Numbers of a choice are steps of a scale: see `searched`.
SPACE = """
[space]
layers        = { int = [1, 2] }
units         = { choice = [8, 16, 32], each = "layers" }
activation    = { choice = ["relu", "tanh"] }
dropout       = { float = [0.0, 0.4], step = 0.2 }
optimizer     = { choice = ["adam", "rmsprop", "sgd"] }
learning_rate = { choice = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1] }
momentum      = { float = [0.0, 0.9], step = 0.45, when = { optimizer = "sgd" } }
"""


@dataclass(frozen=True)
class Ground:
    """What is searched: rows, an objective and a space, all of whose points are trained for as many epochs."""

    name: str
    title: str
    measure: str  # the metric, in words for a heading
    document: str

    @cached_property
    def study(self) -> Study:
        return from_document(self.name, tomllib.loads(self.document))

    @cached_property
    def points(self) -> list[dict[str, Value]]:
        return list(self.study.space.grid())

    @property
    def epochs(self) -> int:
        return self.study.training.epochs

    @property
    def objective(self) -> Objective:
        """With the goal that its metric has in every task that knows it."""
        metric = self.study.objective.metrics[0]
        return Objective(metric, "maximize" if metric in ("val_auc", "val_accuracy") else "minimize")

    @property
    def identity(self) -> str:
        """Equal for tables of the same points, trained in the same way."""
        document = {key: each for key, each in tomllib.loads(self.document).items() if key != "title"}
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def _ground(name: str, title: str, data: str, metric: str, measure: str, batch_size: int) -> Ground:
    training = f"[training]\nepochs = {EPOCHS}\nbatch_size = {batch_size}\n"
    return Ground(name, title, measure, f'{data}\n[objective]\nmetric = "{metric}"\n{SPACE}\n{training}')


def grounds() -> Mapping[str, Ground]:
    """By name."""
    shipped = (ROOT / "studies" / "diabetes.toml").read_text(encoding="utf-8").partition("\n[objective]")[0]
    digits = '[data]\nsource = "sklearn:digits"\nsplit = { validation = 0.2, test = 0.2, stratify = true }\n'
    houses = '[data]\nsource = "sklearn:california_housing"\nsplit = { validation = 0.2, test = 0.2 }\n'
    found = (
        _ground("diabetes", "Pima diabetes", shipped, "val_auc", "AUC", 32),
        _ground("digits", "Digits, 8 × 8", digits, "val_loss", "log loss", 32),
        _ground("california", "California housing", houses, "val_rmse", "RMSE", 256),
    )
    return {ground.name: ground for ground in found}


def searched(space: Space) -> Space:
    """The space as samplers see it: the numbers of a choice are steps of a scale, 0, 1, 2, …, and have an order."""
    return Space(tuple(_steps(parameter) for parameter in space.parameters))


def _steps(parameter: Parameter) -> Parameter:
    if not (isinstance(parameter, Choice) and _numbers(parameter)):
        return parameter
    return Int(name=parameter.name, each=parameter.each, when=parameter.when, low=0, high=len(parameter.options) - 1)


def _numbers(parameter: Choice) -> bool:
    return all(isinstance(option, int | float) and not isinstance(option, bool) for option in parameter.options)


def steps(space: Space, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values of a point as samplers see them."""
    scales = {p.name: p.options for p in space.parameters if isinstance(p, Choice) and _numbers(p)}
    known = {name: scales.get(space.parameter(name).name) for name in values}
    return {name: value if (scale := known[name]) is None else scale.index(value) for name, value in values.items()}


@dataclass
class Table:
    """The curves of a ground's points, of those that are trained."""

    ground: Ground
    curves: NDArray[np.float32]
    trained: NDArray[np.bool_]

    @classmethod
    def open(cls, ground: Ground, folder: Path) -> Table:
        """What there is; an empty one where there is none, or one of other points or another training."""
        file = folder / f"{ground.name}.npz"
        shape = (len(ground.points), ground.epochs)
        if file.is_file():
            with np.load(file) as kept:
                if str(kept["identity"]) == ground.identity:
                    return cls(ground, kept["curves"], kept["trained"])
        return cls(ground, np.full(shape, np.nan, np.float32), np.zeros(shape[0], bool))

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f".{self.ground.name}.npz"
        np.savez_compressed(
            beside, curves=self.curves, trained=self.trained, identity=self.ground.identity, made=machine.described()
        )
        os.replace(beside, folder / f"{self.ground.name}.npz")

    @property
    def whole(self) -> bool:
        return bool(self.trained.all())

    def enter(self, result: Result) -> None:
        """Takes in the curve of the point of the trial's number. Raises RuntimeError where its training failed."""
        if result.state is State.FAILED:
            raise RuntimeError(f"{self.ground.name}: point {result.trial.number} failed:\n{result.error}")
        metric, i = self.ground.objective.metric, result.trial.number
        values = [metrics.get(metric, np.nan) for metrics in result.history[: self.ground.epochs]]
        self.curves[i, : len(values)] = _rounded(np.asarray(values, np.float32))
        self.trained[i] = True

    @cached_property
    def _lines(self) -> dict[str, int]:
        space = self.ground.study.space
        return {_key(steps(space, point)): i for i, point in enumerate(self.ground.points)}

    def curve(self, values: Mapping[str, Value]) -> NDArray[np.float32]:
        """The curve of the point that has these values, as samplers see them."""
        line: NDArray[np.float32] = self.curves[self._lines[_key(values)]]
        return line

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """The score of every point, by its best epoch; NaN where it has not all of its epochs."""
        best = np.max if self.ground.objective.goal == "maximize" else np.min
        found: NDArray[np.float32] = best(self.curves, axis=1)  # NaN wherever there is one
        return found

    @property
    def best(self) -> float:
        return float((np.nanmax if self.ground.objective.goal == "maximize" else np.nanmin)(self.scores))


def _key(values: Mapping[str, Value]) -> str:
    return json.dumps(sorted(values.items()))


def _rounded(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """To so many binary digits: the rest is noise, and no file gets smaller by it."""
    mantissas, exponents = np.frexp(values)
    return np.ldexp(np.round(mantissas * 2.0**_BITS) / 2.0**_BITS, exponents).astype(np.float32)


def train(table: Table, folder: Path, workers: int, say: Callable[[str], None], most: int | None = None) -> None:
    """Trains the points that are not in the table, `most` of them, and writes it to the folder as it goes."""
    from tuner.trainers.pool import PoolTrainer

    ground = table.ground
    missing = [int(i) for i in np.flatnonzero(~table.trained)][:most]
    trials = iter([Trial(i, ground.points[i], derive_seed(0, i), ground.epochs) for i in missing])

    def ask(n: int) -> Batch:
        batch = tuple(itertools.islice(trials, n))
        return Batch(batch, more=len(batch) == n)

    with machine.folder() as room:
        work = opening.work(room, ground.study, opening.split(ground.study, HOME))
        with PoolTrainer(work, workers, say=say) as trainer:
            for i, result in enumerate(trainer.run(ask, lambda reports: set(), lambda: False), start=1):
                table.enter(result)
                if result.weights is not None:
                    result.weights.unlink(missing_ok=True)
                if i % _BETWEEN == 0 or i == len(missing):
                    table.save(folder)
                    say(f"{ground.name}: {i} of {len(missing)} points trained")


def tables(names: Sequence[str], folder: Path, workers: int, say: Callable[[str], None]) -> list[Table]:
    """The whole tables of those grounds; what is missing is trained."""
    found = [Table.open(grounds()[name], folder) for name in names]
    for table in found:
        if not table.whole:
            train(table, folder, workers, say)
    return found
