"""The model of raw columns gives what the network gives on the transformed matrix, wherever its file is loaded."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tuner.data import features
from tuner.data.features import Number, Preprocessing
from tuner.data.layout import placed
from tuner.data.split import Split, split
from tuner.data.table import Kind, Rows, Table
from tuner.metrics import Task
from tuner.models.raw import raw_model
from tuner.study import SplitSection


def mixed() -> Table:
    """Numbers with gaps and marks, codes, texts, odd names; words and codes that no train row has."""
    rng = np.random.default_rng(7)
    rows = 300
    frame = pd.DataFrame(
        {
            "age": rng.integers(1, 90, rows).astype(float),
            "max": rng.normal(1e6, 1e3, rows),
            "rate/h": rng.normal(size=rows).round(1),
            "ward": rng.integers(0, 4, rows).astype(float),
            "sex": pd.Series(rng.choice(["m", "f", "?", None], rows), dtype=object),
            "größe (cm)": rng.normal(size=rows),
            "city": pd.Series(rng.choice(["Köln", "[UNK]", "Ulm, \"x\""], rows), dtype=object),
        }
    )  # fmt: skip
    frame.loc[rng.random(rows) < 0.2, "max"] = np.nan
    frame.loc[rng.random(rows) < 0.2, "age"] = -9.9
    frame.loc[rng.random(rows) < 0.1, "ward"] = 99.0
    frame.loc[295:, "city"] = ["Bonn", None, "", "unk", "[UNK]"]
    frame.loc[295:, "ward"] = [7.0, np.nan, 99.0, -1.0, 2.5]
    kinds = dict.fromkeys(frame, Kind.NUMERIC) | {"ward": Kind.CODES, "sex": Kind.TEXT, "city": Kind.TEXT}
    marks = {"age": (-9.9, -1), "rate/h": (0.0,), "ward": (99,), "sex": ("?",)}
    times = np.arange(float(rows))
    target = rng.normal(200_000, 50_000, rows)
    return Table("m", "y", Task.REGRESSION, None, kinds, marks, Rows(frame, target), None, "d", (), {"t": times})


def breast_cancer() -> Table:
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer(as_frame=True)
    kinds = dict.fromkeys(found.data, Kind.NUMERIC)
    rows = Rows(found.data, found.target.to_numpy(np.int64))
    return Table("b", "y", Task.BINARY, ("malignant", "benign"), kinds, {}, rows, None, "d", ())


def images() -> Table:
    x = np.random.default_rng(8).integers(0, 255, (60, 5, 4)).astype(np.float32)
    rows = Rows(x, np.arange(60) % 3)
    return Table("i", "y", Task.MULTICLASS, ("a", "b", "c"), {"x": Kind.ARRAY}, {}, rows, None, "d", ())


def several(as_they_are: bool = False) -> Table:
    rng = np.random.default_rng(9)
    flat = np.hstack([rng.integers(0, 255, (60, 20)), rng.integers(0, 9000, (60, 3))]).astype(np.float32)
    layout = tuple(placed([("class", (5, 4), "uint8"), ("words", (3,), "int64")]))
    kinds = {"class": Kind.ARRAY, "words": Kind.ARRAY}
    rows = Rows(flat, np.arange(60) % 2)
    return Table(
        "v", "y", Task.BINARY, (0, 1), kinds, {}, rows, None, "d", (), layout=layout, as_they_are=as_they_are
    )  # fmt: skip


def as_they_are() -> Table:
    return several(True)


def texts_only() -> Table:
    frame = pd.DataFrame({"s": pd.Series(["a", "b", None, "c"] * 10, dtype=object)})
    return Table("s", "y", Task.BINARY, (0, 1), {"s": Kind.TEXT}, {}, Rows(frame, np.arange(40) % 2), None, "d", ())


TABLES = {each.__name__: each for each in (mixed, breast_cancer, images, several, as_they_are, texts_only)}


@pytest.fixture(params=[*TABLES, "pima"])
def table(request: pytest.FixtureRequest) -> Table:
    return request.getfixturevalue("pima") if request.param == "pima" else TABLES[request.param]()


def parts_of(table: Table) -> Split:
    return split(table, SplitSection(time="t") if table.extra else SplitSection())


def network(made: Split, seed: int = 0) -> keras.Model:
    """A small network with weights from `seed`; its name is a column's in no table."""
    ends = {Task.BINARY: (1, "sigmoid"), Task.MULTICLASS: (3, "softmax"), Task.REGRESSION: (1, "linear")}
    units, activation = ends[made.task]
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((made.x_train.shape[1],)),
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.Dense(units, activation=activation),
        ]
    )


def identity(width: int) -> keras.Model:
    inputs = keras.Input((width,))
    return keras.Model(inputs, keras.layers.Activation("linear")(inputs))


def raw_rows(made: Preprocessing, rows) -> dict[str, tf.Tensor]:
    """Raw columns as the model takes them."""
    if isinstance(rows, np.ndarray) and rows.ndim > 2:
        return {"x": tf.constant(rows)}
    if isinstance(rows, np.ndarray):
        names = {column["name"]: column.get("input", column["name"]) for column in made.columns()}
        return {names[each.name]: tf.constant(each.of(rows)) for each in made.layout}
    given = {}
    for column in made.columns():
        cells = rows[column["name"]]
        if column["kind"] == "text":
            values = tf.constant([[cell if isinstance(cell, str) else ""] for cell in cells])
        else:
            values = tf.constant(cells.to_numpy(np.float32)[:, None])
        given[column.get("input", column["name"])] = values
    return given


def test_both_ways_give_the_same(table):
    made, rows = parts_of(table), table.rows.features
    core = network(made)
    expected = made.preprocessing.restored(core(made.preprocessing.transform(rows)).numpy())
    found = raw_model(made.preprocessing, core)(raw_rows(made.preprocessing, rows)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert np.ptp(found[:, 0]) > 1e-3, "predictions that do not differ would show nothing"


def test_the_matrix_inside_the_model_is_the_training_matrix_bit_by_bit(table):
    made, rows = parts_of(table), table.rows.features
    only_matrix = Preprocessing(made.preprocessing.steps)
    model = raw_model(only_matrix, identity(made.x_train.shape[1]))
    # As a graph, because there TensorFlow rewrites arithmetic with constants.
    found = tf.function(model)(raw_rows(made.preprocessing, rows))
    np.testing.assert_array_equal(found.numpy(), made.preprocessing.transform(rows))
    np.testing.assert_array_equal(found.numpy()[made.indices["train"]], made.x_train)


def test_a_regression_answers_in_its_own_units():
    table = mixed()
    made = parts_of(table)
    found = raw_model(made.preprocessing, network(made))(raw_rows(made.preprocessing, table.rows.features)).numpy()
    assert 100_000 < found.mean() < 300_000
    assert found.shape == (300, 1)


def test_the_weights_are_those_of_the_network():
    made = parts_of(images())
    core = network(made)
    model = raw_model(made.preprocessing, core)
    given = raw_rows(made.preprocessing, images().rows.features)
    before = model(given).numpy()
    core.set_weights([weight + 0.5 for weight in core.get_weights()])
    assert np.abs(model(given).numpy() - before).max() > 1e-3
    assert len(core.weights) == len(model.weights)


def test_any_name_of_a_column_makes_a_model(tmp_path):
    names = ["a/b", "", "max", "where", "sequential", "network", "names_0", "numbers", "x y", "x-y", "x.y", "1st", "_"]
    names += [
        "raw",
        "concatenate_1",
        "größe",
        "column_0_0",
        "take",
        "add",
        "A",
        "a",
        "class",
        "self",
        "'",
        "_u",
        "None",
    ]
    made = Preprocessing(tuple(Number(name, float(i), 1.0, marks=(5.0,), flag=True) for i, name in enumerate(names)))
    rows = pd.DataFrame(np.arange(2.0 * len(names)).reshape(2, -1), columns=names)
    core = keras.Sequential([keras.Input((2 * len(names),)), keras.layers.Dense(1)], name="sequential")
    model = raw_model(made, core)
    found = model(raw_rows(made, rows)).numpy()
    np.testing.assert_allclose(found, core(made.transform(rows)).numpy(), rtol=1e-6, atol=1e-6)
    model.export(tmp_path / "saved", format="tf_saved_model", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(served.serve(raw_rows(made, rows)).numpy(), found, rtol=1e-6, atol=1e-6)


def test_no_name_that_keras_gives_is_left_for_a_column():
    table = mixed()
    made = parts_of(table)
    operations = raw_model(made.preprocessing, network(made))._operations
    inputs = {column.get("input", column["name"]) for column in made.preprocessing.columns()}
    own = [operation.name for operation in operations if operation.name not in inputs]
    assert len(own) > 20
    assert [name for name in own if not features._TAKEN.fullmatch(name)] == []


def test_the_size_of_the_graph_does_not_grow_with_the_columns():
    steps = tuple(Number(f"c{i}", 0.0, 1.0, marks=(0.0,), flag=True) for i in range(500))
    model = raw_model(Preprocessing(steps), identity(1000))
    assert len(model.inputs) == 500
    assert len(model._operations) < 500 + 20


def test_the_file_predicts_the_same_where_only_keras_is(tmp_path):
    """In a process that never imports the package, with Keras' safe mode."""
    expected = {}
    for name in ("mixed", "images", "breast_cancer"):
        table = TABLES[name]()
        made = parts_of(table)
        model = raw_model(made.preprocessing, network(made))
        given = raw_rows(made.preprocessing, table.rows.features)
        expected[name] = model(given).numpy()
        model.save(tmp_path / f"{name}.keras")
        numbers = {key: value.numpy() for key, value in given.items() if value.dtype != tf.string}
        texts = {key: value.numpy().astype("S") for key, value in given.items() if value.dtype == tf.string}
        np.savez(tmp_path / f"{name}.npz", **numbers)
        np.savez(tmp_path / f"{name}.texts.npz", **texts)
    code = """
        import sys
        import keras
        import numpy as np
        for name in sys.argv[1:]:
            model = keras.models.load_model(f"{name}.keras", compile=False, safe_mode=True)
            with np.load(f"{name}.npz") as numbers, np.load(f"{name}.texts.npz") as texts:
                rows = {key: keras.ops.convert_to_tensor(numbers[key]) for key in numbers}
                rows |= {key: keras.ops.convert_to_tensor(texts[key], dtype="string") for key in texts}
            np.save(f"{name}.npy", model(rows).numpy())
        assert not [name for name in sys.modules if name.split(".")[0] == "tuner"]
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), *expected], cwd=tmp_path, check=True, timeout=100)
    for name, values in expected.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), values, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["mixed", "images"])
def test_nothing_in_the_graph_blocks_a_saved_model(name, tmp_path):
    table = TABLES[name]()
    made = parts_of(table)
    model = raw_model(made.preprocessing, network(made))
    given = raw_rows(made.preprocessing, table.rows.features)
    model.export(tmp_path / "saved", format="tf_saved_model", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(served.serve(given).numpy(), model(given).numpy(), rtol=1e-6, atol=1e-6)
