"""Flat rows as what a user's own model takes: which slice goes where, in which shape and dtype."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from tuner.errors import TrialFailed
from tuner.metrics import Task
from tuner.models.own_inputs import inputs_of
from tuner.models.own_network import wrapped

TABLE = [("features", (8,), "float32")]
PICTURE = [("x", (4, 6), "uint8")]
TWO = [("left", (3,), "float32"), ("words", (5,), "int64")]


def rows(layout, n: int = 7) -> np.ndarray:
    """Every cell is another whole number, so that one in a wrong place shows."""
    width = sum(int(np.prod(shape)) for _, shape, _ in layout)
    return np.arange(n * width, dtype=np.float32).reshape(n, width)


def functional(*shapes, names=None, dtypes=None) -> keras.Model:
    inputs = [
        keras.Input(shape, name=names[i] if names else None, dtype=dtypes[i] if dtypes else None)
        for i, shape in enumerate(shapes)
    ]
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], layers.Identity()(inputs[0]))


@pytest.mark.parametrize(
    ("layout", "wanted", "shape"),
    [
        (TABLE, (8,), (8,)),
        (TABLE, (8, 1), (8, 1)),
        (TABLE, (None,), (8,)),
        (TABLE, (None, 1), (8, 1)),
        (TABLE, (None, None), (8, 1)),
        (PICTURE, (None,), (24,)),
        (PICTURE, (4, 6), (4, 6)),
        (PICTURE, (4, 6, 1), (4, 6, 1)),
        (PICTURE, (24,), (24,)),
        (PICTURE, (None, None, 1), (4, 6, 1)),
        (PICTURE, (None, 6), (4, 6)),
        ([("x", (4, 6, 1), "float32")], (4, None), (4, 6)),
        (TWO, (8,), (8,)),
    ],
)
def test_one_input_has_the_cells_in_its_own_shape(layout, wanted, shape):
    given = rows(layout)
    found = inputs_of(functional(wanted), layout)
    assert found.arrays(given).shape == (7, *shape)
    assert found.arrays(given).tolist() == given.reshape(7, *shape).tolist()
    assert np.asarray(found.tensors(keras.ops.convert_to_tensor(given))).tolist() == found.arrays(given).tolist()


@pytest.mark.parametrize(
    ("layout", "wanted", "line"),
    [
        (TABLE, (9,), r"the model takes 9 columns, the rows have 8: keras.Input\(shape=\(8,\)\) takes them"),
        (PICTURE, (4, 5, 1), r"the model takes rows of shape \(4, 5, 1\), those of 'x' have \(4, 6\)"),
        (TABLE, (2, None), r"the model takes rows of shape \(2, None\), those of 'features' have \(8,\)"),
    ],
)
def test_a_shape_that_does_not_go_with_the_rows_is_one_line(layout, wanted, line):
    with pytest.raises(TrialFailed, match=line):
        inputs_of(functional(wanted), layout)


def test_inputs_are_found_by_name_then_by_order():
    given = rows(TWO)
    left, words = given[:, :3], given[:, 3:]
    by_name = inputs_of(functional((5,), (3,), names=["words", "left"], dtypes=["int32", None]), TWO).arrays(given)
    assert [each.tolist() for each in by_name] == [words.tolist(), left.tolist()]
    assert [each.dtype for each in by_name] == [np.int32, np.float32]
    by_order = inputs_of(functional((3,), (5,)), TWO).arrays(given)
    assert [each.tolist() for each in by_order] == [left.tolist(), words.tolist()]
    # One that is named is all that a model may want.
    assert inputs_of(functional((5,), names=["words"]), TWO).arrays(given).tolist() == words.tolist()


def test_a_model_of_a_dict_has_one():
    inputs = {"words": keras.Input((5,), name="words"), "left": keras.Input((3,), name="left")}
    model = keras.Model(inputs, layers.Concatenate()(list(inputs.values())))
    found = inputs_of(model, TWO).arrays(rows(TWO))
    assert {key: each.tolist() for key, each in found.items()} == {
        "words": rows(TWO)[:, 3:].tolist(),
        "left": rows(TWO)[:, :3].tolist(),
    }


def test_too_many_inputs_and_text_are_told():
    with pytest.raises(TrialFailed, match=r"the model takes 3 inputs \(.*\), the data have 2 inputs \(left, words\)"):
        inputs_of(functional((3,), (5,), (1,)), TWO)
    with pytest.raises(TrialFailed, match=r"the model takes 2 inputs \(.*\), the data have one input \(features\)"):
        inputs_of(functional((3,), (5,)), TABLE)
    with pytest.raises(TrialFailed, match="the model takes text"):
        inputs_of(functional((8,), dtypes=["string"]), TABLE)


@pytest.mark.parametrize(
    ("first", "layout", "shape", "dtype"),
    [
        (layers.Dense(2), TABLE, (8,), "float32"),
        (layers.Conv1D(2, 3), TABLE, (8, 1), "float32"),
        (layers.Conv2D(2, 3), PICTURE, (4, 6, 1), "uint8"),
        (layers.LSTM(2), PICTURE, (4, 6), "uint8"),
        (layers.Flatten(), PICTURE, (4, 6), "uint8"),
        (layers.Embedding(50, 2), [("x", (8,), "int64")], (8,), "int64"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_model_without_an_input_takes_what_there_is(first, layout, shape, dtype):
    """With one channel where its first layer needs one; a Sequential that is not built yet is built by it."""
    model = keras.Sequential([first, layers.Flatten(), layers.Dense(1)])
    made = wrapped(model, layout, Task.REGRESSION, 1)
    found = made.inputs.arrays(rows(layout))
    assert (found.shape[1:], str(found.dtype)) == (shape, dtype)
    assert model.built
    assert made.network(rows(layout) % 50).shape == (7, 1)


def test_a_sequential_that_cannot_take_the_rows_is_one_line():
    model = keras.Sequential([layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(1)])
    with pytest.raises(TrialFailed, match=r"^the model does not take the rows, 'features' of shape \[8\]: .*ndim") as e:
        wrapped(model, TABLE, Task.REGRESSION, 1)
    assert len(str(e.value).splitlines()) == 1


def test_a_subclass_is_built_by_the_rows_and_its_weights_are_the_networks():
    class Mine(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = layers.Dense(4), layers.Dense(1)

        def call(self, inputs):
            return self.last(self.first(inputs["left"]) + keras.ops.mean(inputs["words"], axis=1, keepdims=True))

    model = Mine()
    made = wrapped(model, TWO, Task.REGRESSION, 1)
    assert [each.shape for each in made.network.get_weights()] == [(3, 4), (4,), (4, 1), (1,)]
    np.testing.assert_allclose(made.network(rows(TWO)), model(made.inputs.arrays(rows(TWO))), rtol=1e-5)
