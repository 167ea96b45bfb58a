"""What the tests of lanes do in a worker: the same trials in one arrangement after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.trainers.stacked.comparing import Trained, in_stacks, through
from tuner.data.split import Split
from tuner.metrics import Array
from tuner.trainers.stacked import key_of
from tuner.trainers.stacked.plan import Plan
from tuner.trial import Trial

Bits = tuple[bytes, ...]


def arranged(folder: Path, plan: Plan, arrangements: dict[str, Sequence[Sequence[Trial]]]) -> dict[str, list[Bits]]:
    """The trials of each arrangement in engines that are new, one group after another in each; see `Trained.bits`.

    Those of a group are trained side by side. What comes back is in the order of their numbers.
    """
    from tuner.trainers.stacked.engine import XlaEngine

    split = Split.open(folder)
    found = {}
    for words, groups in arrangements.items():
        engine = XlaEngine(plan, split)
        trained: dict[int, Trained] = {}
        for group in groups:
            trained |= through(engine, group)
        found[words] = [trained[number].bits for number in sorted(trained)]
    return found


def beside(folder: Path, plan: Plan, trial: Trial, neighbours: Sequence[Trial]) -> tuple[Trained, list[Trained]]:
    """A trial and its neighbours, which are admitted first."""
    found = in_stacks(plan, Split.open(folder), [*neighbours, trial])
    return found[trial.number], [found[neighbour.number] for neighbour in neighbours]


def gone_on(
    folder: Path, plan: Plan, whole: Trial, first: int, others: Sequence[Trial]
) -> tuple[Trained, dict[str, Trained]]:
    """A trial, and one that goes on with its epoch `first` from what it was then: alone, beside others, and after them.

    The others begin with weights of their own.
    """
    from tuner.trainers.stacked.engine import XlaEngine

    split = Split.open(folder)
    parent = replace(whole, last_epoch=first - 1)
    begins = {parent.number: in_stacks(plan, split, [parent])[parent.number].weights}
    later, used = replace(whole, number=777, first_epoch=first, parent=parent.number), XlaEngine(plan, split)
    through(used, others)
    found = {
        "alone": in_stacks(plan, split, [later], begins),
        "first": in_stacks(plan, split, [later, *others], begins),
        "last": in_stacks(plan, split, [*others, later], begins),
        "after": through(used, [later], begins),
    }
    return in_stacks(plan, split, [whole])[whole.number], {words: each[777] for words, each in found.items()}


def kept(folder: Path, plan: Plan, trial: Trial, others: Sequence[Trial]) -> list[tuple[list[Array], list[Array]]]:
    """The weights after each epoch of a trial: as the stack gave them right then, looked at when all is over, and of
    one that ended there.
    """
    from tuner.trainers.stacked.engine import XlaEngine

    split = Split.open(folder)
    stack = XlaEngine(plan, split).stack(trial)
    for each in (*others, trial):
        stack.admit(each)
    given = []
    for _ in range(trial.first_epoch, trial.last_epoch + 1):
        stack.epoch()
        given.append(stack.weights(key_of(trial)))
    ends = [replace(trial, last_epoch=trial.first_epoch + i) for i in range(len(given))]
    return [(own, in_stacks(plan, split, [end])[trial.number].weights) for own, end in zip(given, ends, strict=True)]


def shared(folder: Path, plan: Plan) -> list[bool]:
    """Whether the rows of an engine are those of the file, and are still when the file changes under it."""
    from tuner.trainers.stacked.engine import XlaEngine

    x = XlaEngine(plan, Split.open(folder)).data[0]
    file = np.load(folder / "x_train.npy", mmap_mode="r+")
    before = np.array_equal(x, file)
    file[0, 0] += 1.0
    return [before, np.array_equal(x, file)]


def plainly(folder: Path, plan: Plan, trial: Trial) -> tuple[Trained, Trained]:
    """A trial in a compiled program, and in one that TensorFlow runs as it was traced."""
    import tensorflow as tf

    from tuner.trainers.stacked.engine import XlaEngine

    class Plain(XlaEngine):
        def _function(self, program: Any) -> Any:
            return tf.function(replace(program, compiled=False).epoch, autograph=False)

    split = Split.open(folder)
    compiled, plain = (through(make(plan, split), [trial])[trial.number] for make in (XlaEngine, Plain))
    return compiled, plain
