"""A model folder, applied to rows as people have them."""

import hashlib
import json
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from tuner import export as exporting
from tuner.data.fitting import fit
from tuner.data.layout import placed
from tuner.data.table import Kind, Rows, Table
from tuner.errors import DataError
from tuner.home import Home
from tuner.metrics import Task
from tuner.models import champion
from tuner.models.champion import Champion, ModelError, RowsError
from tuner.models.raw import raw_model

CLASSES = {Task.BINARY: ("no", "yes"), Task.MULTICLASS: (3, 5, 8), Task.REGRESSION: None}


def frame(rows: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows).astype(float),
            "mean size": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(size=rows)),
            "sex": pd.Series(rng.choice(["m", "f", None], rows), dtype=object),
            "ward": rng.integers(0, 3, rows).astype(float),
            "flat": np.ones(rows),
        }
    )


def write(folder: Path, task: Task, features=None, layout=(), **more) -> tuple[Path, Table]:
    """The folder of a model with random weights, and the table that it is for."""
    features = frame() if features is None else features
    rng = np.random.default_rng(12)
    classes = CLASSES[task]
    target = rng.integers(0, len(classes), len(features)) if classes else rng.normal(500, 80, len(features))
    kinds = {each.name: Kind.ARRAY for each in layout} or {"x": Kind.ARRAY}
    if isinstance(features, pd.DataFrame):
        kinds = dict.fromkeys(features, Kind.NUMERIC) | {"sex": Kind.TEXT, "ward": Kind.CODES}
    rows = Rows(features, target)
    table = Table(
        "t", "y", task, classes, kinds, {"age": (-1,)}, rows, None, "d", (), {}, {"age": ("?",)}, None, layout
    )
    preprocessing, _ = fit(table, rows)
    width = len(preprocessing.feature_names)
    units, activation = {Task.BINARY: (1, "sigmoid"), Task.MULTICLASS: (3, "softmax"), Task.REGRESSION: (1, None)}[task]
    keras.utils.set_random_seed(3)
    core = keras.Sequential([keras.Input((width,)), keras.layers.Dense(units, activation, kernel_initializer="normal")])
    core.set_weights([10 * weight for weight in core.get_weights()])
    folder.mkdir(parents=True)
    raw_model(preprocessing, core).save(folder / "model.keras")
    manifest = {
        "format": 1, "task": task.value, "target": "y", "classes": classes, "columns": preprocessing.columns(),
        "rename": {"alter": "age"}, **more,
    }  # fmt: skip
    sign(folder, manifest)
    table.extra["expected"] = preprocessing.restored(core(preprocessing.transform(features)).numpy())
    return folder, table


def sign(folder: Path, manifest: dict) -> None:
    manifest["checksum"] = {"model.keras": hashlib.sha256((folder / "model.keras").read_bytes()).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="module")
def binary(tmp_path_factory) -> tuple[Path, Table]:
    return write(tmp_path_factory.mktemp("champion") / "binary", Task.BINARY)


@pytest.fixture(scope="module")
def model(binary) -> Champion:
    return Champion(binary[0])


@pytest.fixture
def copy(binary, tmp_path) -> Path:
    return Path(shutil.copytree(binary[0], tmp_path / "copy"))


def test_two_classes_have_a_label_and_both_probabilities(model, binary):
    yes = binary[1].extra["expected"][:, 0]
    found = model.predict(frame())
    assert list(found) == ["label", "probability", "p(no)", "p(yes)"]
    np.testing.assert_allclose(found["p(yes)"], yes, atol=1e-6)
    np.testing.assert_allclose(found["p(no)"], 1 - yes, atol=1e-6)
    assert found["label"].tolist() == ["yes" if p >= 0.5 else "no" for p in yes]
    np.testing.assert_allclose(found["probability"], np.maximum(yes, 1 - yes), atol=1e-6)
    assert set(found["label"]) == {"no", "yes"}


def test_more_classes_have_a_label_of_their_own_type(tmp_path):
    folder, table = write(tmp_path / "three", Task.MULTICLASS)
    found = Champion(folder).predict(frame())
    assert list(found) == ["label", "probability", "p(3)", "p(5)", "p(8)"]
    np.testing.assert_allclose(found.filter(like="p(").to_numpy(), table.extra["expected"], atol=1e-6)
    assert found["label"].tolist() == np.array([3, 5, 8])[table.extra["expected"].argmax(axis=1)].tolist()
    assert found["label"].dtype == np.int64


def test_a_regression_has_a_value_in_its_own_units(tmp_path):
    folder, table = write(tmp_path / "values", Task.REGRESSION)
    found = Champion(folder).predict(frame())
    assert list(found) == ["value"]
    np.testing.assert_allclose(found["value"], table.extra["expected"][:, 0], rtol=1e-6)
    assert found["value"].mean() > 100


def test_arrays_come_as_an_array_or_in_a_column(tmp_path):
    x = np.random.default_rng(0).normal(size=(30, 4, 2)).astype(np.float32)
    folder, table = write(tmp_path / "arrays", Task.MULTICLASS, x)
    model = Champion(folder)
    found = model.predict(x)
    np.testing.assert_allclose(found.filter(like="p(").to_numpy(), table.extra["expected"], atol=1e-6)
    lists = pd.DataFrame({"x": x.tolist()}, index=range(5, 35))
    np.testing.assert_allclose(model.predict(lists)["p(3)"], found["p(3)"])
    assert model.predict(lists).index.tolist() == list(range(5, 35))
    with pytest.raises(RowsError, match=r"column 'x', row 1: expected an array of shape \[4, 2\], got \[2\]"):
        model.predict(x[0])
    with pytest.raises(RowsError, match="column 'x', row 3: expected a finite number"):
        model.predict(np.where(np.arange(30)[:, None, None] == 2, np.nan, x))
    with pytest.raises(RowsError, match="column 'x': expected arrays of numbers"):
        model.predict(pd.DataFrame({"x": ["a"]}))
    assert len(model.predict(x[:0])) == 0


def test_several_arrays_come_by_name(tmp_path):
    rng = np.random.default_rng(1)
    given = {"image": rng.normal(size=(30, 4, 2)), "words": rng.integers(0, 99, (30, 3)), "age": rng.normal(size=30)}
    layout = tuple(placed([("image", (4, 2), "float64"), ("words", (3,), "int64"), ("age", (1,), "float64")]))
    flat = np.hstack([array.reshape(30, -1) for array in given.values()]).astype(np.float32)
    folder, table = write(tmp_path / "several", Task.MULTICLASS, flat, layout)
    model, expected = Champion(folder), table.extra["expected"]
    found = model.predict({"other": np.zeros(30), **dict(reversed(given.items()))})
    np.testing.assert_allclose(found.filter(like="p(").to_numpy(), expected, atol=1e-6)
    frame = pd.DataFrame({name: array.tolist() for name, array in given.items()}, index=range(5, 35))
    np.testing.assert_allclose(model.predict(frame)["p(3)"], found["p(3)"])
    np.savez(tmp_path / "rows.npz", **given, other=np.zeros(2))
    np.testing.assert_allclose(
        exporting.predict(Home(tmp_path), str(folder), tmp_path / "rows.npz")["p(3)"], found["p(3)"]
    )
    np.savez(tmp_path / "less.npz", image=given["image"], word=given["words"])
    with pytest.raises(DataError, match=r"expected the arrays image, words, age, got image, word$"):
        exporting.predict(Home(tmp_path), str(folder), tmp_path / "less.npz")
    with pytest.raises(RowsError, match="expected arrays of as many rows, got 30 of image, 29 of words, 30 of age"):
        model.predict({**given, "words": given["words"][1:]})
    with pytest.raises(RowsError, match="expected the arrays image, words, age by name, got one array"):
        model.predict(given["image"])


def test_the_index_and_the_order_of_rows_are_kept_over_batches(model, monkeypatch):
    rows = frame().set_index(pd.Index([f"p{i}" for i in range(40)], name="patient"))
    whole = model.predict(rows)
    assert whole["label"].tolist() == model.predict(frame())["label"].tolist()
    monkeypatch.setattr(champion, "_BATCH", 7)
    parts = model.predict(rows.iloc[::-1])
    assert parts.index.tolist() == rows.index.tolist()[::-1]
    assert parts.index.name == "patient"
    pd.testing.assert_frame_equal(parts.iloc[::-1], whole, rtol=1e-6)


def test_no_rows_have_no_predictions(model):
    found = model.predict(frame().iloc[:0])
    assert (len(found), list(found)) == (0, ["label", "probability", "p(no)", "p(yes)"])


def test_columns_in_any_order_and_others_beside_them(model):
    rows = frame()
    expected = model.predict(rows)
    other = rows[rows.columns[::-1]].drop(columns="flat").assign(note="x", y=1)
    pd.testing.assert_frame_equal(model.predict(other), expected)


def test_cells_are_read_as_the_training_rows_were(model):
    """Text from a CSV, whole numbers, truth values and every spelling of nothing mean the same."""
    plain = pd.DataFrame(
        {"age": [30.0, np.nan, -1.0, np.nan, np.nan, 1.0], "mean size": [1.5, np.nan, -2.0, 1e3, 0.0, 2.0],
         "sex": ["m", None, "f", "unseen", "", "m"], "ward": [1.0, 2.0, 0.0, np.nan, 9.0, 1.0]}
    )  # fmt: skip
    spelled = pd.DataFrame(
        {"age": [" 30 ", "", "-1.0", "?", "NA", "true"], "mean size": ["1.5", "nan", "-2", "1e3", "0", "+2."],
         "sex": ["m ", np.nan, "f", "other", "null", "m"], "ward": ["1", "2.0", "0", None, "9", True]},
        dtype=object,
    )  # fmt: skip
    expected = model.predict(plain)
    pd.testing.assert_frame_equal(model.predict(spelled), expected)
    pd.testing.assert_frame_equal(model.predict(plain.convert_dtypes()), expected)
    assert expected["p(yes)"].iloc[1] == pytest.approx(
        model.predict(plain.assign(age=[30, -1, -1, -1, -1, 1]))["p(yes)"].iloc[1]
    ), "a mark is a missing cell"
    assert expected["p(yes)"].nunique() == 6


def test_numbers_in_a_column_of_texts_are_spelled_as_in_a_file(tmp_path):
    rows = frame().assign(sex=pd.Series(["1", "2.5", "true", None] * 10, dtype=object))
    model = Champion(write(tmp_path / "texts", Task.BINARY, rows)[0])
    expected = model.predict(rows.iloc[:4])
    assert expected["p(yes)"].nunique() == 4
    for cells in ([1, 2.5, True, None], [1.0, np.float64(2.5), np.True_, np.nan], ["1", "2.5", "true", ""]):
        found = model.predict(rows.iloc[:4].assign(sex=pd.Series(cells, dtype=object)))
        pd.testing.assert_frame_equal(found, expected)


def test_a_column_under_the_name_of_the_source_is_renamed(model):
    rows = frame()
    expected = model.predict(rows)
    pd.testing.assert_frame_equal(model.predict(rows.rename(columns={"age": "alter"})), expected)
    pd.testing.assert_frame_equal(model.predict(rows.assign(alter=0.0)), expected)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda f: f.drop(columns="age").assign(Agee=1), r"column 'age' is missing. .*Did you mean 'Agee'\?"),
        (lambda f: f.assign(age=[*f.age[:6], "old", *f.age[7:]]), "'age', row 7: expected a number, got 'old'$"),
        (lambda f: f.assign(age="1_0"), r"'age', row 1: expected a number, got '1_0' \(and 39 more such cells\)"),
        (lambda f: f.assign(age=pd.Timestamp("2020-01-01")), "'age', row 1: expected a number, got '2020-01-01"),
        (lambda f: f.assign(ward=np.inf), "'ward', row 1: expected a number within ±3.4e38, got 'inf'"),
        (lambda f: f.assign(ward=-1e39), "'ward', row 1: expected a number within"),
        (lambda f: f.assign(ward="-inf"), "'ward', row 1: expected a number within"),
        (lambda f: pd.concat([f, f[["age"]]], axis=1), "column 'age' is given twice"),
        (lambda f: f.to_numpy(), "expected a table with the columns age, mean size, sex, ward, got an array"),
    ],
)  # fmt: skip
def test_rows_that_do_not_fit_are_told(model, change, problem):
    with pytest.raises(RowsError, match=problem):
        model.predict(change(frame()))


def test_all_problems_are_told_at_once(model):
    with pytest.raises(RowsError) as caught:
        model.predict(frame().drop(columns=["sex", "ward"]).assign(age="x"))
    missing, wrong = str(caught.value).splitlines()
    assert missing.startswith("columns 'sex', 'ward' are missing. Columns: ")
    assert wrong.startswith("column 'age', row 1: ")


def test_columns_that_are_missing_are_one_line_with_what_may_be_meant(model):
    rows = frame().rename(columns={"age": "Agee", "ward": "wards"}).drop(columns="sex")
    with pytest.raises(RowsError) as caught:
        model.predict(rows)
    (line,) = str(caught.value).splitlines()
    assert line.startswith("columns 'age', ")
    assert line.endswith("Did you mean 'Agee' for 'age', 'wards' for 'ward'?")


def test_wrong_rows_are_told_before_the_model_is_loaded(binary):
    model = Champion(binary[0])
    with pytest.raises(RowsError, match="are missing"):
        model.predict(pd.DataFrame({"a": [1]}))
    assert "model" not in vars(model)


def test_a_damaged_model_is_refused(copy):
    content = bytearray((copy / "model.keras").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "model.keras").write_bytes(content)
    with pytest.raises(ModelError, match=r"model.keras: damaged or replaced, its checksum"):
        Champion(copy)


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("model.keras", None, "model.keras: cannot be read"),
        ("manifest.json", None, "manifest.json: cannot be read .*Expected a folder that an export wrote"),
        ("manifest.json", "{", "manifest.json: not the manifest of a model"),
        ("manifest.json", "[]", "manifest.json: not the manifest of a model"),
        ("manifest.json", '{"format": 2}', "manifest.json: expected format 1, got 2. Use the program that wrote it"),
        ("manifest.json", '{"format": 1, "task": "binary", "target": "y"}', "classes, columns, checksum is missing"),
    ],
)  # fmt: skip
def test_a_folder_that_is_no_model_is_told(copy, file, content, problem):
    (copy / file).unlink()
    if content is not None:
        (copy / file).write_text(content)
    with pytest.raises(ModelError, match=problem):
        Champion(copy)


def rewritten(folder: Path, change) -> None:
    """The model file with another configuration, correctly signed, as somebody else's may be."""
    path = folder / "model.keras"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config, members)
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    sign(folder, json.loads((folder / "manifest.json").read_text()))


def layer(config, class_name) -> dict:
    return next(part for part in champion._parts(config) if part["class_name"] == class_name)


TEXTS = {"class_name": "TextVectorization", "registered_name": None, "config": {"vocabulary": "/etc/passwd"}}
UNSAFE = {"class_name": "function", "module": "keras.config", "config": "enable_unsafe_deserialization"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda config, _: layer(config, "Dense").update(class_name="Lambda"), "refused, 'keras.layers.Lambda' is not"),
        (lambda config, _: layer(config, "Dense").update(module="os"), "refused, 'os.Dense' is not a stock layer"),
        (lambda config, _: layer(config, "Dense").update(registered_name="my>Dense"), "is not a stock layer"),
        (lambda config, _: layer(config, "Dense")["config"].update(activation=UNSAFE), "'keras.config.function' is"),
        (lambda config, _: layer(config, "StringLookup")["config"].update(vocabulary="/etc/passwd"), "another file"),
        (lambda config, _: layer(config, "StringLookup").update(TEXTS), "TextVectorization of it would read"),
        (lambda _, members: members.update({"assets/x": b""}), "refused, it holds 'assets/x'"),
    ],
)  # fmt: skip
def test_a_model_file_from_elsewhere_is_checked_before_keras_sees_it(copy, change, problem):
    rewritten(copy, change)
    with pytest.raises(ModelError, match=problem):
        Champion(copy)


def test_the_layers_that_people_use_are_stock(tmp_path):
    """Of a user's own model, one inside another, with operations between them and another precision."""
    layers, words = keras.layers, keras.Input((6,), dtype="int32")
    x = layers.Bidirectional(layers.LSTM(2, return_sequences=True))(layers.Embedding(9, 4)(words))
    x = layers.MultiHeadAttention(2, 2)(x, x) + layers.TimeDistributed(layers.Dense(4, dtype="mixed_float16"))(x)
    x = layers.Conv1D(3, 2, kernel_regularizer="l2")(layers.GRU(3, return_sequences=True)(x))
    x = keras.ops.mean(layers.GroupNormalization(1)(x), axis=1)[:, :2]
    seen = keras.Input((4, 4, 1))
    y = layers.Normalization(mean=0.5, variance=2.0)(layers.RandomFlip(seed=1)(seen))
    y = layers.SeparableConv2D(2, 2, activation="swish")(layers.UpSampling2D(interpolation="bilinear")(y))
    y = keras.Sequential([layers.GlobalMaxPooling2D(), layers.UnitNormalization(), layers.PReLU()])(y)
    model = keras.Model([words, seen], layers.Softmax()(layers.Add()([keras.ops.cast(x, "float32"), y])))
    model.save(tmp_path / "model.keras")
    champion.check_archive(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").count_params() == model.count_params()


def test_a_file_that_is_no_archive_is_told(copy):
    (copy / "model.keras").write_bytes(b"PK no archive")
    sign(copy, json.loads((copy / "manifest.json").read_text()))
    with pytest.raises(ModelError, match=r"model.keras: not a Keras archive"):
        Champion(copy)


def test_what_keras_cannot_load_is_told(copy):
    rewritten(copy, lambda config, _: layer(config, "Dense").update(class_name="Densse"))
    with pytest.raises(ModelError, match=r"model.keras: Keras cannot load it"):
        Champion(copy).predict(frame())


def test_a_copy_of_the_file_predicts_without_the_package(binary, model, tmp_path):
    shutil.copy(champion.__file__, tmp_path / "champion.py")
    frame().to_csv(tmp_path / "rows.csv", index=False)
    code = """
        import sys
        import pandas as pd
        import champion
        assert "keras" not in sys.modules
        rows = pd.read_csv("rows.csv")
        champion.Champion(sys.argv[1]).predict(rows).to_csv("found.csv", index=False)
        roots = {name.split(".")[0] for name in sys.modules}
        assert not roots & {"tuner", "mlflow"}, roots
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(binary[0])]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=100)
    found = pd.read_csv(tmp_path / "found.csv")
    expected = model.predict(frame())
    assert found["label"].tolist() == expected["label"].tolist()
    np.testing.assert_allclose(found["p(yes)"], expected["p(yes)"], atol=1e-6)
