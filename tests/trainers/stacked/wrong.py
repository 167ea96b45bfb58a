"""Engines with one mistake each, which the comparison with Keras must find. They exist in a worker, and end with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.trainers.stacked.comparing import Distance, alone, distance, through
from tuner.data.split import Split
from tuner.metrics import Array
from tuner.trainers.stacked import coefficients
from tuner.trainers.stacked.coefficients import Formula
from tuner.trainers.stacked.lane import Lane
from tuner.trainers.stacked.plan import Plan
from tuner.trial import Trial

Mistake = Callable[[Any], None]


def found(folder: Path, shared: Plan, own: Mapping[str, Plan], trials: Mapping[str, Trial]) -> dict[str, Distance]:
    """The trial of each mistake that is named, trained by an engine that makes it; and without any, as `sound …`.

    What is wrong in the program itself is in a program of its `own` plan, which is not kept: its name would be that of
    the right one. The others are trained by the right program on wrong numbers.
    """
    import tensorflow as tf

    from tuner.trainers.stacked.engine import XlaEngine

    class Forgetful(XlaEngine):
        def _function(self, program: Any) -> Any:
            return tf.function(program.epoch, jit_compile=True, autograph=False)

    split, answers = Split.open(folder), {}
    sound = XlaEngine(shared, split)
    for words, trial in trials.items():
        reference = alone(shared, split, trial)
        for name, mistake in ((f"sound {words}", None), (words, MISTAKES[words])):
            with _making(mistake):
                engine = Forgetful(own[words], split) if mistake and words in own else sound
                given = through(engine, [trial])[trial.number]
            answers[name] = distance(given.weights, given.outputs, given.history[-1]["val_loss"], reference)
    return answers


class _Patch:
    """Sets attributes of modules and classes, or entries of dictionaries, and takes all of it back."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []

    def __call__(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        before = owner[name] if isinstance(owner, dict) else getattr(owner, name)
        self._before.append((owner, name, before))
        _set(owner, name, make(before))

    def undo(self) -> None:
        for owner, name, before in reversed(self._before):
            _set(owner, name, before)


def _set(owner: Any, name: str, value: Any) -> None:
    if isinstance(owner, dict):
        owner[name] = value
    else:
        setattr(owner, name, value)


@contextmanager
def _making(mistake: Mistake | None) -> Iterator[None]:
    patch = _Patch()
    try:
        if mistake is not None:
            mistake(patch)
        yield
    finally:
        patch.undo()


def _constant(name: str, make: Callable[[Array], Array]) -> Mistake:
    """A lane whose constant of that name is another."""

    def wrong(patch: Any) -> None:
        def constants(right: Any) -> Any:
            def changed(lane: Lane) -> dict[str, Array]:
                own = right(lane)
                return {**own, name: np.asarray(make(own[name]), own[name].dtype)}

            return changed

        patch(Lane, "constants", constants)

    return wrong


def _column(family: str, change: Callable[[Array], None]) -> Mistake:
    """An optimizer whose coefficients are changed."""

    def wrong(patch: Any) -> None:
        def family_(right: Any) -> Any:
            def changed(table: Array, *rest: Any) -> None:
                right(table, *rest)
                change(table)

            return changed

        patch(coefficients._FAMILIES, family, family_)

    return wrong


def _epsilon_outside(table: Array) -> None:
    table[:, Formula.OUTER], table[:, Formula.INNER] = table[:, Formula.INNER].copy(), 0.0


def _epsilon_inside(table: Array) -> None:
    table[:, Formula.INNER], table[:, Formula.OUTER] = table[:, Formula.OUTER].copy(), 0.0


def _nesterov_ignored(table: Array) -> None:
    table[:, Formula.FROM_M], table[:, Formula.FROM_G] = 1.0, 0.0


def _steps_forgotten(patch: Any) -> None:
    """Every epoch counts its steps from the first again."""
    from tuner.trainers.stacked import lane

    patch(lane, "coefficients", lambda right: lambda values, rates, first: right(values, rates, 0))


def _of_the_network(name: str, wrong: Callable[[Any], Any]) -> Mistake:
    def mistake(patch: Any) -> None:
        from tuner.trainers.stacked import network

        patch(network.Network, name, wrong)

    return mistake


def _all_rows_seen(right: Any) -> Any:
    """The statistics of a batch are over the rows beyond it as well, forward and backward."""
    import tensorflow as tf

    def forward(self: Any, weights: Any, moving: Any, constants: Any, x: Any, seen: Any, key: Any) -> Any:
        return right(self, weights, moving, constants, x, tf.ones_like(seen), key)

    return forward


def _rows_beyond_counted(patch: Any) -> None:
    """Rows beyond a short batch count in its loss."""
    import tensorflow as tf

    from tuner.trainers.stacked.program import Program

    def shares(right: Any) -> Any:
        return lambda self, share, *rest: right(self, tf.ones_like(share) * tf.reduce_max(share), *rest)

    patch(Program, "_shares", shares)


def _mask_not_in_the_gradient(right: Any) -> Any:
    """What is dropped on the way forward is not dropped on the way back."""
    import tensorflow as tf

    def forward(self: Any, weights: Any, moving: Any, constants: Any, *rest: Any) -> Any:
        logits, last, layers, after = right(self, weights, moving, constants, *rest)
        units = tf.unstack(constants["unit"], axis=1)
        changed = [
            replace(layer, slope=tf.where(layer.slope == 0.0, unit, layer.slope))
            for layer, unit in zip(layers, units, strict=True)
        ]
        return logits, last, changed, after

    return forward


def _moving_too_fast(patch: Any) -> None:
    from tuner.trainers.stacked import network

    patch(network, "_MOMENTUM", lambda right: 0.9)


def _one_norm_of_all_biases(patch: Any) -> None:
    """The biases of all layers are clipped as if they were one variable."""
    from tuner.trainers.stacked import program

    patch(program, "_axes", lambda right: lambda name: [1, 2, 3] if name == "bias" else right(name))


def _slope_of(name: str, change: Callable[[Any], Any]) -> Mistake:
    def mistake(patch: Any) -> None:
        from tuner.trainers.stacked import activations

        def slope(right: Any) -> Any:
            def changed(z: Any) -> Any:
                value, slope = right(z)
                return value, change(slope)

            return changed

        patch(activations.ACTIVATIONS, name, slope)

    return mistake


def _decay_at_the_first_rate(patch: Any) -> None:
    """Weights decay as if the learning rate never changed."""
    from tuner.trainers.stacked import lane

    def made(right: Any) -> Any:
        def changed(values: Any, rates: Array, first: int) -> Array:
            table: Array = right(values, rates, first)
            table[:, Formula.DECAY] = coefficients.option(values, "weight_decay") * float(values["learning_rate"])
            return table

        return changed

    patch(lane, "coefficients", made)


def _slopes_stand_still(right: Any) -> Any:
    """No gradient reaches the slopes that are trained."""

    def backward(self: Any, *rest: Any) -> Any:
        found = right(self, *rest)
        return {**found, "alpha": 0.0 * found["alpha"]}

    return backward


def _dropped_before_scaled(patch: Any) -> None:
    """What is dropped of the inputs is not 0, but what 0 is scaled to."""
    from tuner.trainers.stacked.network import Network

    def entered(right: Any) -> Any:
        def changed(self: Any, constants: Any, x: Any, *rest: Any) -> Any:
            as_it_is = {**constants, "factor": 1.0, "offset": 0.0}
            return self._scaled(constants, right(self, as_it_is, x, *rest))

        return changed

    patch(Network, "_entered", entered)


def _squared_of_logits(patch: Any) -> None:
    """The squared error's gradient goes around the softmax."""
    import tensorflow as tf

    from tuner.trainers.stacked import program

    def losses(right: Any) -> Any:
        def changed(rows: Any, logits: Any, target: Any, smoothing: Any, squared: Any, apart: Any) -> Any:
            error, *rest = right(rows, logits, target, smoothing, tf.zeros_like(squared), apart)
            return (error * 2.0 / rows.classes, *rest)

        return changed

    patch(program, "losses", losses)


def _same_draws_at_every_step(patch: Any) -> None:
    def keys(right: Any) -> Any:
        return lambda lane, epoch, most: np.repeat(right(lane, 1, most)[:1], most, axis=0)

    patch(Lane, "keys", keys)


def _offsets_forgotten(patch: Any) -> None:
    from tuner.trainers.stacked import engine

    def scaled(right: Any) -> Any:
        return lambda *given: {name: each * (name == "factor") for name, each in right(*given).items()}

    patch(engine, "scaled", scaled)


IN_THE_PROGRAM: dict[str, Mistake] = {
    "trained slopes stand still": _of_the_network("backward", _slopes_stand_still),
    "inputs are dropped before they are scaled": _dropped_before_scaled,
    "the squared error goes around the softmax": _squared_of_logits,
    "dropout is not in the gradient": _of_the_network("forward", _mask_not_in_the_gradient),
    "statistics over all rows": _of_the_network("forward", _all_rows_seen),
    "rows beyond a batch count": _rows_beyond_counted,
    "moving statistics move too fast": _moving_too_fast,
    "one norm of all biases": _one_norm_of_all_biases,
    "gelu's slope is a little off": _slope_of("gelu", lambda slope: slope * 1.0001),
}
IN_THE_NUMBERS: dict[str, Mistake] = {
    "what comes before the weights is not normalised": _constant("normalised_early", np.zeros_like),
    "a given slope is that of Keras": _constant("negative_slope", lambda right: np.full_like(right, 0.2)),
    "every step draws the same slopes": _same_draws_at_every_step,
    "alpha dropout adds nothing to what is kept": _constant("lift", np.zeros_like),
    "what is kept of inputs is not scaled up": _constant("input_scale", np.ones_like),
    "offsets of inputs are forgotten": _offsets_forgotten,
    "dropout does not scale": _constant("scale", np.ones_like),
    "rmsprop's epsilon is outside of the root": _column("rmsprop", _epsilon_outside),
    "adam's epsilon is inside of the root": _column("adam", _epsilon_inside),
    "adam forgets its steps": _steps_forgotten,
    "sgd ignores nesterov": _column("sgd", _nesterov_ignored),
    "padded units are alive": _constant("unit", np.ones_like),
    "l2 without its factor 2": _constant("l2", lambda right: right / 2),
    "decay at the first rate": _decay_at_the_first_rate,
    "class weights are ignored": _constant("balanced", np.zeros_like),
    "sigmoids are taken for a softmax": _constant("apart", np.zeros_like),
    "smoothing is halved": _constant("smoothing", lambda right: right / 2),
}
MISTAKES = IN_THE_PROGRAM | IN_THE_NUMBERS
