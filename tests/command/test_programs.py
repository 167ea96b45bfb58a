"""Programs as KerasTuner's guides write them, unchanged: searched by both drivers, killed, gone on with, handed over.

What they are is in `tests/programs`. One of them is held to an unbroken search; all of them under both drivers are what
`make programs` runs.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.command.typed import ENVIRONMENT, begun, kill, ledger, shown, told, tuner, typed, wait_for
from tests.conftest import ROOT

# Several real searches a test: minutes where the cores have other work.
pytestmark = pytest.mark.timeout(1800)

TRIALS, KILLED_AFTER = 6, 2
DRIVERS = {
    "tpe-median": ("--driver", "optuna", "--sampler", "tpe", "--pruner", "median"),
    "random-hyperband": ("--driver", "optuna", "--sampler", "random", "--pruner", "hyperband"),
    "keras-tuner-hyperband": ("--driver", "keras-tuner", "--sampler", "hyperband"),
    "keras-tuner-bayesian": ("--driver", "keras-tuner", "--sampler", "bayesian"),
    "keras-tuner-random": ("--driver", "keras-tuner", "--sampler", "random"),
    "keras-tuner-grid": ("--driver", "keras-tuner", "--sampler", "grid"),
}
PROPOSED = 'select number, "values", seed, first_epoch, last_epoch, parent from trials order by number'
TOLD = """
select number, state, score, best_epoch, history, error from trials where place is not null order by number
"""


def eight_columns(folder: Path) -> None:
    """Two classes by eight numbers, as the diabetes rows are."""
    from sklearn.datasets import load_breast_cancer

    frame = load_breast_cancer(as_frame=True).frame
    frame[[*frame.columns[:8], "target"]].to_csv(folder / "rows.csv", index=False)


def values(folder: Path) -> None:
    from sklearn.datasets import load_diabetes

    load_diabetes(as_frame=True).frame.to_csv(folder / "rows.csv", index=False)


def digits(*shape: int) -> Callable[[Path], None]:
    def written(folder: Path) -> None:
        import numpy as np
        from sklearn.datasets import load_digits

        images = load_digits().images[:6].astype("float32") / 16
        np.savez(folder / "rows.npz", input=images.reshape(6, *shape))

    return written


@dataclass(frozen=True, slots=True)
class Program:
    """A file of `tests/programs`, and what a person who has it types.

    `write` leaves raw rows in a folder, on which the model predicts; where they have targets it is searched on them.
    """

    file: str
    name: str
    write: Callable[[Path], None]
    tuned: frozenset[str] = frozenset()  # by a `fit` of its own
    stock: bool = True  # of Keras' own layers alone
    loads: bool = False  # the file has a function that gives its data

    @property
    def search(self) -> tuple[str, ...]:
        rows = (f"{self.file}.py:load",) if self.loads else ("rows.csv", "--target", "target")
        return ("search", f"{self.file}.py:{self.name}", "--data", *rows)

    @property
    def rows(self) -> str:
        return "rows.npz" if self.loads else "rows.csv"

    def home(self, folder: Path) -> Path:
        """A folder with the file as it is, and with rows."""
        folder.mkdir()
        shutil.copy(ROOT / "tests" / "programs" / f"{self.file}.py", folder)
        self.write(folder)
        return folder


UNITS = Program("units_and_dropout", "build_model", eight_columns)
LAYERS = Program("layers_in_a_loop", "build_model", digits(64), loads=True)
OPTIMIZER = Program("optimizer_and_learning_rate", "build_model", values)
SCOPES = Program("conditional_scopes", "build_model", digits(8, 8, 1), loads=True)
FIT = Program("hypermodel_with_fit", "MyHyperModel", eight_columns, frozenset(("batch_size", "shuffle")))
LOOP = Program("custom_training_loop", "MyHyperModel", eight_columns, frozenset(("batch_size", "learning_rate")))
IMAGES = Program("convolutional", "build_model", digits(8, 8), stock=False, loads=True)
# Each with both drivers, and every sampler with a program; the short test below has one pair more.
PAIRS = [
    *((program, "tpe-median") for program in (UNITS, FIT, SCOPES, LAYERS)),
    *((program, "random-hyperband") for program in (OPTIMIZER, LOOP, IMAGES)),
    *((program, "keras-tuner-hyperband") for program in (LAYERS, LOOP)),
    *((program, "keras-tuner-bayesian") for program in (OPTIMIZER, FIT)),
    (UNITS, "keras-tuner-random"),
    (SCOPES, "keras-tuner-grid"),
]


def killed_and_resumed(home: Path, *search: str) -> None:
    """A search that `kill -9` cut off in the middle, and the same command again; nothing is trained twice."""
    command = (*search, "--workers", "1", "--trials", str(TRIALS))
    with begun(home, *command) as process:
        wait_for(process, f"[{KILLED_AFTER}/{TRIALS}]")
        kill(process)
    before = told(home)
    assert KILLED_AFTER <= len(before) < TRIALS
    said = tuner(home, *command)
    assert f"resuming: {len(before)} of {TRIALS} done" in said
    after = told(home)
    assert sorted(after) == list(range(TRIALS))
    # The time at which each was told is in the row: a finished trial that trained again would have a new one.
    assert {number: after[number] for number in before} == before
    assert {state for state, *_ in after.values()} <= {"complete", "pruned"}


def handed_over(program: Program, home: Path, study: str) -> None:
    """The champion, exported, predicts raw rows; one of Keras' own layers with nothing but Keras, too."""
    found = shown(home, study)
    assert found["verdict"]["low"] <= found["verdict"]["test"] <= found["verdict"]["high"]
    typed(home, "export", study, "-o", "model")
    # One with code of the program's own predicts here because a search here has made it.
    predicted = list(csv.DictReader(StringIO(typed(home, "predict", "model", program.rows))))
    assert len(predicted) == len(_rows(home / program.rows))
    assert (home / "model" / "model.keras").exists()
    if program.stock:
        ours = [float(list(line.values())[-1]) for line in predicted]
        assert ours == pytest.approx(_alone(home / "model", home / program.rows), abs=2e-4, rel=1e-4)


def _rows(path: Path) -> list[Any]:
    if path.suffix == ".csv":
        return path.read_text().splitlines()[1:]
    import numpy as np

    return list(np.load(path)["input"])


def _alone(model: Path, rows: Path) -> list[float]:
    """The last output for each row, in a process that has only Keras."""
    code = """
import json, sys
for name in ("tuner", "keras_tuner", "optuna", "mlflow"):
    sys.modules[name] = None  # cannot be imported
import keras, numpy as np, pandas as pd
model = keras.models.load_model(sys.argv[1] + "/model.keras")
columns = json.load(open(sys.argv[1] + "/manifest.json"))["columns"]
table = np.load(sys.argv[2]) if sys.argv[2].endswith(".npz") else pd.read_csv(sys.argv[2])
def raw(name):
    column = np.asarray(table[name], "float32")
    return column if column.ndim > 1 else column[:, None]
given = {c.get("input", c["name"]): raw(c["name"]) for c in columns}
print(json.dumps(np.asarray(model.predict(given, verbose=0))[..., -1].ravel().astype(float).tolist()))
"""
    command = [sys.executable, "-c", code, str(model), str(rows)]
    done = subprocess.run(command, cwd=model.parent, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def proposed(home: Path) -> list[dict[str, Any]]:
    return [json.loads(values) for (values,) in ledger(home, 'select "values" from trials order by number')]


def as_the_model_asks(values: dict[str, Any]) -> set[str]:
    """What `conditional_scopes` asks for beside these values."""
    if values["model_type"] == "cnn":
        return {"model_type", "filters", "kernel"}
    return {"model_type", "mlp_layers", *(f"mlp_{i}/units" for i in range(values["mlp_layers"]))}


def test_every_program_is_searched_by_both_drivers() -> None:
    pairs = {(program.file, DRIVERS[driver]) for program, driver in (*PAIRS, (IMAGES, "keras-tuner-hyperband"))}
    files = {path.stem for path in (ROOT / "tests" / "programs").glob("*.py")}
    assert {(file, options[1]) for file, options in pairs} == set(product(files, ("optuna", "keras-tuner")))
    assert {options for _, options in pairs} == set(DRIVERS.values())


def test_images_with_a_layer_of_ones_own_are_as_if_nobody_had_killed_the_search(tmp_path: Path) -> None:
    """By Hyperband of KerasTuner, in which trials go on from the weights of others."""
    study = f"""
model = "../{IMAGES.file}.py:{IMAGES.name}"
data = "../{IMAGES.file}.py:load"
[training]
epochs = 3
[search]
driver = "keras-tuner"
sampler = "hyperband"
finalists = 1
keep_models = 1
"""
    broken, whole = IMAGES.home(tmp_path / "broken"), IMAGES.home(tmp_path / "whole")
    for each in (broken, whole):
        (each / "studies").mkdir()
        (each / "studies" / "images.toml").write_text(study)
    search = ("search", "images")
    killed_and_resumed(broken, *search)
    typed(whole, *search, "--workers", "1", "--trials", str(TRIALS))
    assert any(parent is not None for *_, parent in ledger(whole, PROPOSED))
    assert ledger(broken, PROPOSED) == ledger(whole, PROPOSED)
    assert ledger(broken, TOLD) == ledger(whole, TOLD)
    assert ledger(broken, "select verdict from searches") == ledger(whole, "select verdict from searches")
    handed_over(IMAGES, broken, "images")


@pytest.mark.long
@pytest.mark.parametrize(("program", "driver"), PAIRS, ids=lambda each: getattr(each, "file", each))
def test_every_program_goes_all_the_way_under_both_drivers(program: Program, driver: str, tmp_path: Path) -> None:
    home = program.home(tmp_path / "home")
    killed_and_resumed(home, *program.search, "--epochs", "3", *DRIVERS[driver])
    for values in proposed(home):
        assert program.tuned <= set(values)
        if program is SCOPES:
            assert set(values) == as_the_model_asks(values)
    handed_over(program, home, program.file)
