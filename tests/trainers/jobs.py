"""What tests do in a worker, where TensorFlow is, and bring back as plain values."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from tuner import metrics
from tuner.data.split import Split
from tuner.errors import DataError
from tuner.metrics import Array
from tuner.trainers import weights
from tuner.trainers.work import Work
from tuner.trial import Metrics, Result, Trial


@dataclass(frozen=True)
class Looked:
    """What a trial's kept weights give on the validation rows, and by hand on the target's own scale."""

    metrics: Metrics
    prediction: Array
    by_hand: Array


def look(work: Work, result: Result) -> Looked:
    """Builds a trial's network again, with the weights that were kept."""
    from tuner.trainers import plain

    split = Split.open(work.split)
    assert result.weights is not None
    model = plain.build(result.trial, split)
    model.set_weights(weights.load(result.weights))
    prediction = plain.predict(model, split.x_validation, split)
    raw = np.asarray(model(np.asarray(split.x_validation)))
    scale, mean = split.preprocessing.target_scale, split.preprocessing.target_mean
    return Looked(
        metrics.evaluate(split.task, split.y_validation, prediction, also=()), prediction, raw[:, 0] * scale + mean
    )


def fit(work: Work, trial: Trial) -> Result:
    from tuner.trainers import plain

    return plain.fit(work, trial, lambda report: True)


def steps(orders: Mapping[str, tuple[Path, Trial]]) -> dict[str, tuple[float, bool]]:
    """A step of each trial on the first rows of its split: the loss, and whether all weights are finite after it."""
    from tuner.trainers import plain, readings

    found = {}
    for name, (folder, trial) in orders.items():
        split = Split.open(folder)
        model = plain.build(trial, split)
        model.run_eagerly = True  # the same step, without the seconds that it takes to trace it
        loss = model.train_on_batch(split.x_train[:32], readings.targets(split)[:32])[0]
        found[name] = float(loss), all(np.isfinite(each).all() for each in model.get_weights())
    return found


def untrained(work: Work, trial: Trial) -> list[Array]:
    """The initial weights of a trial's network."""
    from tuner.trainers import plain

    weights: list[Array] = plain.build(trial, Split.open(work.split)).get_weights()
    return weights


def rows_at_once(work: Work, trial: Trial) -> int:
    from tuner.trainers import plain

    return plain.rows_at_once(plain.build(trial, Split.open(work.split)))


def first_step(work: Work, trial: Trial) -> tuple[Metrics, Array]:
    """The train metrics of a first epoch, and what the untrained network says of the train rows, by hand."""
    from tuner.trainers import plain

    split = Split.open(work.split)
    untrained = plain.predict(plain.build(trial, split), split.x_train, split)
    return plain.fit(work, trial, lambda report: True).history[0], untrained


def orders(split: Path, trial: Trial, size: int) -> list[list[list[int]]]:
    """For every epoch, the row numbers of each batch."""
    from tuner.trainers import plain

    whole = Split.open(split)
    numbered = replace(
        whole,
        x_train=np.arange(len(whole.x_train), dtype=np.float32)[:, None],
        y_train=np.arange(len(whole.x_train)),
    )
    batches, steps = plain._batches(numbered, trial, size)
    rows = []
    for x, y in batches.as_numpy_iterator():
        assert x[:, 0].astype(int).tolist() == y[:, 0].tolist()
        rows.append(y[:, 0].tolist())
    return [rows[i : i + steps] for i in range(0, len(rows), steps)]


def spoilt(work: Work, trial: Trial) -> Result:
    """Trains a trial of which one weight is infinite when epoch 2 has ended, while all its metrics are finite."""
    from tuner.trainers import plain

    build = plain.build

    def with_a_spoilt_weight(trial: Trial, split: Split, *more: Any) -> Any:
        model = build(trial, split, *more)
        read, readings = model.get_weights, itertools.count(1)

        def weights() -> list[Array]:
            found: list[Array] = read()
            if next(readings) == 2:
                found[-1][0] = np.inf
            return found

        model.get_weights = weights
        return model

    plain.build = with_a_spoilt_weight
    return plain.fit(work, trial, lambda report: True)


def nothing() -> None:
    """A job without an answer."""


def refused() -> None:
    raise DataError("a.csv: no rows", "b.csv: no rows")


def an_error() -> DataError:
    return DataError("a.csv: no rows")


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def left() -> None:
    os._exit(7)


def prints_and_dies(line: Connection) -> None:
    print("to stdout", flush=True)
    print("to stderr", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)


def half_a_message(line: Connection) -> None:
    """A message begins with its length, here 1000 bytes, of which three come."""
    os.write(line.fileno(), (1000).to_bytes(4, "big") + b"abc")
    os._exit(3)


def listens(line: Connection) -> None:
    line.send("ready")
    line.recv()


def exported(work: Work, trials: list[Trial], folder: Path) -> list[tuple[Result, list[str], Array, Array]]:
    """Trains each trial and exports it: its result, the layers of the file, and what network and file predict for the
    first train rows, as the one and the other take them.
    """
    import keras

    from tuner.models.champion import check_archive
    from tuner.models.raw import raw_model
    from tuner.trainers import plain

    split, found = Split.open(work.split), []
    rows = {name: np.array([row[name] for row in split.example], np.float32)[:, None] for name in split.example[0]}
    given = {column.get("input", column["name"]): rows[column["name"]] for column in split.preprocessing.columns()}
    for trial in trials:
        result = plain.fit(work, trial, lambda report: True)
        if result.weights is None:
            found.append((result, [], np.zeros(0), np.ones(0)))
            continue
        model, path = plain.build(trial, split), folder / f"{trial.number}.keras"
        model.set_weights(weights.load(result.weights))
        raw_model(split.preprocessing, model).save(path)
        check_archive(path)
        loaded = keras.models.load_model(path, compile=False, safe_mode=True)
        answer = np.asarray(loaded({name: keras.ops.convert_to_tensor(cells) for name, cells in given.items()}))
        inner = [type(layer).__name__ for layer in loaded.get_layer("network").layers]
        trained = plain.predict(model, split.x_train[: len(answer)], split)
        found.append((result, inner, trained.reshape(len(answer), -1), answer))
    return found
