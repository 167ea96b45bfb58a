"""A user's own model between flat rows and predictions, as one Keras model: what is scored is what is exported."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod

import keras

from tuner.errors import TrialFailed
from tuner.metrics import Task
from tuner.models.own_inputs import Inputs, Layout, inputs_of
from tuner.models.own_outputs import Meaning, meaning

_BOLD = re.compile(r"\x1b\[\d*m")


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A user's model with what stands around it. `network` takes (rows, features) and gives what the network of a task
    does; its weights are those of the model, in their order. `output` is what the model itself gives.
    """

    model: keras.Model
    network: keras.Model
    inputs: Inputs
    output: keras.KerasTensor
    meaning: Meaning


def wrapped(model: keras.Model, layout: Layout, task: Task, classes: int) -> Wrapped:
    """The model for rows of that layout; one that is not built yet is built by it.

    Raises TrialFailed, in a line, where its inputs or its outputs do not go with the data.
    """
    inputs = inputs_of(model, layout)
    # No name that a layer of the user's would have.
    rows = keras.Input((sum(prod(shape) for _, shape, _ in layout),), name="rows_of_features")
    given = inputs.tensors(rows)
    try:
        output = model(given)
    except ValueError as error:
        if isinstance(model, keras.Sequential):
            raise TrialFailed(f"the model does not take the rows, {_shapes(layout)}: {first_line(error)}") from error
        raise
    if isinstance(output, list | tuple) and len(output) == 1:
        output = output[0]
    found = meaning(model, output, task, classes)
    return Wrapped(model, keras.Model(rows, found.predictions(output), name="network"), inputs, output, found)


def _shapes(layout: Layout) -> str:
    return ", ".join(f"'{name}' of shape {list(shape)}" for name, shape, _ in layout)


def first_line(error: BaseException) -> str:
    """What Keras says is wrong, without where it was when it saw that."""
    lines = [_BOLD.sub("", line).strip() for line in str(error).splitlines()]
    told = (line for line in lines if line and not line.startswith("Exception enc"))
    return next((line for line in told if not line.endswith("Error encountered:")), type(error).__name__)
