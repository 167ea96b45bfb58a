"""Every setting that a space may vary, in what the trainer builds: two trials that differ in it alone have the same
network, optimizer, learning rates, loss, epochs and batches, but for what it means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_wine

from tests.models import built
from tests.models.built import Built, Values
from tests.models.settings import CLASSES, TABLE, TRUTH, Case
from tuner.data.split import Split
from tuner.metrics import Array
from tuner.trainers import processes
from tuner.trial import Value
from tuner.tunables import OPTIMIZERS, OPTIONS, TUNABLES


def frozen(values: Values) -> tuple[tuple[str, Value], ...]:
    # Also the type, as 0 is false.
    return tuple(sorted(values.items()))


@pytest.fixture(scope="module")
def made(saved_split: Callable[[str], Path]) -> Callable[[str, Values], Built]:
    """What is built of some values; all that the table has of a data set are built in one worker."""

    @cache
    def of_data(data: str) -> dict[tuple[tuple[str, Value], ...], Built]:
        several = {frozen(side): side for case in TABLE if case.data == data for side in case.sides}
        targets, predictions = CLASSES if data in ("wine", "digits") else TRUTH
        found = processes.call(built.built, saved_split(data), list(several.values()), targets, predictions)
        return dict(zip(several, found, strict=True))

    return lambda data, values: of_data(data)[frozen(values)]


@pytest.fixture(scope="module")
def wine(saved_split: Callable[[str], Path]) -> tuple[Array, Array]:
    """The raw numbers of the train rows, and their classes, as scikit-learn has them."""
    train = Split.open(saved_split("wine")).indices["train"]
    return load_wine()["data"][train], load_wine()["target"][train]


def difference(before: Built, after: Built, looked_at: Mapping[str, Any]) -> dict[str, Any]:
    """What is other than before, by key. Of a thing that is of another class, all else is only what is looked at."""
    keys = [*{**before, **after}]
    changed = {key for key in keys if before.get(key) != after.get(key)}
    others = tuple(f"{key}/" for key in changed if any(each.startswith(f"{key}/") for each in keys))
    return {key: after.get(key) for key in keys if key in (looked_at if key.startswith(others) else changed)}


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_it_is_all_that_differs(case: Case, made: Callable[[str, Values], Built], wine: tuple[Array, Array]) -> None:
    before, after = (made(case.data, side) for side in case.sides)
    expected = case.differs(*wine) if callable(case.differs) else case.differs
    assert difference(before, after, expected) == expected


def test_the_table_has_every_setting_and_every_word() -> None:
    """So that one that is new must say what it does."""
    changed: dict[str, set[Value]] = {}
    for case in TABLE:
        before, after = case.sides
        changed.setdefault(case.setting, set()).update(each for each in (before.get(case.setting), case.value))
        assert before.get(case.setting) != after[case.setting]
    for name, tunable in TUNABLES.items():
        assert name in changed, f"no case changes {name}"
        wanted = tunable.words or ((True, False) if tunable.kind is bool else ())
        assert not set(wanted) - changed[name], name
        if tunable.per_layer:
            assert f"{name}_2" in changed, f"no case changes {name} in one layer alone"


def test_the_table_has_every_setting_of_every_optimizer() -> None:
    cases = {(case.of.get("optimizer"), case.setting) for case in TABLE}
    for option in OPTIONS:
        of = OPTIMIZERS if (only := TUNABLES[option].only) is None else only[1]
        assert not {(optimizer, option) for optimizer in of} - cases
