"""A user's own model as files: of stock layers one that loads anywhere, else with code that runs where it trusted."""

from __future__ import annotations

import hashlib
import json
import py_compile
import shutil
import sys
from collections.abc import Callable
from importlib.util import cache_from_source
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import pandas as pd
import pytest

from tests.trainers import own_jobs
from tests.trainers.own_jobs import Packed
from tuner import export, model_file
from tuner.errors import ExportError
from tuner.home import Home
from tuner.ledger import Ledger
from tuner.metrics import Task
from tuner.models import own as own_model
from tuner.models import own_code
from tuner.models.champion import Champion, ModelError, recorded, sums_of
from tuner.packaging import folder_of
from tuner.trainers import processes
from tuner.trial import Trial

# A layer that nothing but its function knows, with no configuration; a Lambda; a neighbour's function; half precision;
# numbers that are drawn, once for all models and for each, and are no weights.
MINE = """
import keras
import keras_tuner
import numpy as np
from pathlib import Path
from parts.scaling import scale

SHARED = np.random.normal(size=8)
keras.mixed_precision.set_global_policy("mixed_float16")

def stock(hp):
    model = keras.Sequential([keras.layers.Dense(hp.Int("units", 2, 8)), keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", run_eagerly=True)
    return model

class Own(keras_tuner.HyperModel):
    def build(self, hp):
        class Hidden(keras.layers.Layer):
            def __init__(self, width):
                super().__init__()
                self.inner, self.own = keras.layers.Dense(width), np.random.normal(size=8)

            def call(self, x):
                return self.inner(scale(x) * self.own + SHARED)

        layers = [Hidden(hp.Int("units", 2, 8)), keras.layers.Lambda(lambda x: x - 1.0), keras.layers.Dense(1)]
        model = keras.Sequential(layers)
        model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), run_eagerly=True)
        return model

    def fit(self, hp, model, x, y, **kwargs):
        model.train_on_batch(x, y)
        return {"val_mine": 2.0}

class Reads(Own):
    def build(self, hp):
        Path(__file__).with_name("sizes.txt").read_text()
        return super().build(hp)
"""


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Packed]:
    """The models of the file, trained for an epoch and packed, one by a metric of its own; the file is then gone."""
    root = tmp_path_factory.mktemp("packed")
    (root / "code" / "parts").mkdir(parents=True)
    (root / "code" / "mine.py").write_text(MINE)
    (root / "code" / "parts" / "scaling.py").write_text("def scale(x):\n    return 3.0 * x\n")
    (root / "code" / "unused.py").write_text("")
    (root / "code" / "sizes.txt").write_text("8")
    rows = own_jobs.table(root / "rows", Task.BINARY)
    orders = {
        name: (own_jobs.work(name, rows, root / "weights", metric, file=root / "code" / "mine.py"), root / name)
        for name, metric in (("stock", "val_accuracy"), ("Own", "val_mine"), ("Reads", "val_mine"))
    }
    made = processes.call(own_jobs.packed, orders, Trial(4, {"units": 3}, 5, 1))
    shutil.rmtree(root / "code")
    return made


@pytest.fixture
def own(packed: dict[str, Packed], tmp_path: Path) -> Path:
    return Path(shutil.copytree(packed["Own"].folder, tmp_path / "own"))


@pytest.fixture
def resign(own: Path) -> Callable[..., None]:
    """Writes the manifest with other settings, and the checksums of the files as they are now."""

    def write(*more: str, **settings: object) -> None:
        manifest = json.loads((own / "manifest.json").read_text())
        names = (*manifest["checksum"], *more)
        sums = {name: hashlib.sha256((own / name).read_bytes()).hexdigest() for name in names}
        (own / "manifest.json").write_text(json.dumps({**manifest, "checksum": sums, **settings}))

    return write


def test_one_of_stock_layers_is_one_file_that_loads_by_itself(packed: dict[str, Packed]) -> None:
    made = packed["stock"]
    assert sorted(made.files) == ["learning-curves.png", "manifest.json", "model.keras"]
    np.testing.assert_allclose(Champion(made.folder).predict(made.rows)["p(yes)"], made.expected, atol=1e-6)


def test_any_other_has_the_code_that_builds_it(packed: dict[str, Packed]) -> None:
    made = packed["Own"]
    code = {"mine.py", "parts.py", "parts.scaling.py"}
    assert set(made.files) == {
        *code,
        "learning-curves.png",
        "manifest.json",
        "model.keras",
        "outputs.keras",
        "core.npz",
    }
    before = sys.modules["parts"] = ModuleType("parts")
    try:
        found = recorded(made.folder).predict(made.rows)
        assert sys.modules["parts"] is before
    finally:
        del sys.modules["parts"]
    np.testing.assert_allclose(found["p(yes)"], made.expected, atol=1e-6)
    assert keras.config.dtype_policy().name == "float32"
    assert not {"mine", "parts.scaling"} & sys.modules.keys()


def test_a_folder_within_that_of_python_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    folder = tmp_path / "src" / "app"
    folder.mkdir(parents=True)
    (folder / "within_it.py").write_text("def build_model(hp): ...")
    file = model_file.read("within_it.py:build_model", folder)
    own_model.load(file)
    assert [name for name, _ in own_code._modules(file)] == ["within_it"]


def test_code_runs_only_where_each_file_of_it_is_trusted(own: Path) -> None:
    sums = json.loads((own / "manifest.json").read_text())["checksum"]
    line = r"^runs code of its own where it predicts \({}\), which is not that of a search here.*: {}$"
    with pytest.raises(ModelError, match=line.format("mine.py, parts.scaling.py", "--trust mine.py --trust .*")):
        Champion(own)
    with pytest.raises(ModelError, match=line.format("parts.scaling.py", "--trust parts.scaling.py")):
        Champion(own, {sums["mine.py"]})
    Champion(own, {sums["mine.py"], sums["parts.scaling.py"]})


def test_code_that_was_changed_is_refused_with_or_without_its_checksum(own: Path, resign: Callable[..., None]) -> None:
    trusted = sums_of(own)
    (own / "parts.scaling.py").write_text("raise SystemExit")
    with pytest.raises(ModelError, match=r"parts.scaling.py: damaged or replaced"):
        Champion(own, trusted)
    resign()
    with pytest.raises(ModelError, match=r"^runs code of its own where it predicts \(parts.scaling.py\)"):
        Champion(own, trusted)


def test_a_compiled_file_beside_the_code_is_not_looked_at(own: Path, packed: dict[str, Packed]) -> None:
    evil = own.with_name("evil.py")
    evil.write_text("raise SystemExit('ran')")
    for name in ("mine", "parts.scaling"):
        hidden = Path(cache_from_source(str(own / f"{name}.py")))
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(evil), str(hidden), doraise=True, invalidation_mode=mode)
    assert len(recorded(own).predict(packed["Own"].rows)) == 5


@pytest.mark.parametrize("name", ["os", "keras.layers", "numpy", "../mine"])
def test_code_takes_no_name_of_a_library(own: Path, resign: Callable[..., None], name: str) -> None:
    (own / f"{name}.py").write_text("")
    resign(f"{name}.py", code={"name": "Own", "modules": [{"module": name, "package": False}]})
    with pytest.raises(ModelError, match=r"manifest.json: '.*' is no file of a model's code"):
        Champion(own, sums_of(own))


def test_code_that_does_not_run_here_is_one_line(own: Path, resign: Callable[..., None]) -> None:
    (own / "mine.py").write_text("import no_such_library\n")
    resign()
    with pytest.raises(ModelError, match=r"^its code cannot run here \(ModuleNotFoundError: No module named 'no_such"):
        recorded(own).predict(pd.DataFrame({f"c{i}": [0.0] for i in range(8)}))


def test_one_that_cannot_be_built_from_its_code_alone_is_packed_and_handed_to_nobody(
    packed: dict[str, Packed], tmp_path: Path
) -> None:
    folder = packed["Reads"].folder
    line = r"cannot be .*: trial 4: its code cannot run here \(FileNotFoundError: .*sizes.txt'\)"
    with pytest.raises(ModelError, match=line):
        recorded(folder)
    home = Home(tmp_path)
    ledger = Ledger(home)
    search = ledger.create("made", {}, {})
    shutil.copytree(folder, folder_of(home.search(search.label), 4))
    with pytest.raises(ExportError, match=line):
        export.export(home, "made", 4, tmp_path / "out", force=False, say=print)
    assert not (tmp_path / "out").exists()


def test_predict_knows_what_a_search_here_has_made(own: Path, packed: dict[str, Packed], tmp_path: Path) -> None:
    """By the files that lie in its folder, of a file that the ledger names; or by those that are named."""
    home, rows = Home(tmp_path), tmp_path / "rows.csv"
    packed["Own"].rows.to_csv(rows, index=False)
    (tmp_path / "mine.py").write_text(MINE)
    with pytest.raises(ExportError, match=r"own: runs code of its own where it predicts \(mine.py, parts.scaling.py\)"):
        export.predict(home, str(own), rows)
    with pytest.raises(ExportError, match=r"own: runs code of its own where it predicts \(parts.scaling.py\)"):
        export.predict(home, str(own), rows, [tmp_path / "mine.py"])
    with pytest.raises(ExportError, match=r"^--trust .*none.py: cannot be read \(No such file"):
        export.predict(home, str(own), rows, [tmp_path / "none.py"])
    found = export.predict(home, str(own), rows, [tmp_path / "mine.py", own / "parts.scaling.py"])
    np.testing.assert_allclose(found["p(yes)"], packed["Own"].expected, atol=1e-6)

    file = model_file.read("mine.py:Own", tmp_path)
    for document, known in (
        ({}, False),
        ({"model": {**file.to_json(), "digest": "0"}}, False),
        ({"model": file.to_json()}, True),
    ):
        search = Ledger(home).create("made", document, {})
        manifest = json.loads((own / "manifest.json").read_text()) | {"search": search.label}
        (own / "manifest.json").write_text(json.dumps(manifest))
        shutil.copytree(own, folder_of(home.search(search.label), 4))
        if known:
            pd.testing.assert_frame_equal(export.predict(home, str(own), rows), found)
        else:
            with pytest.raises(ExportError, match="runs code of its own"):
                export.predict(home, str(own), rows)
