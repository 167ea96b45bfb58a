"""The `hp` that a user's model gets does what KerasTuner's own does: each program sees the same on both.

KerasTuner's source distribution brings no tests of its own; these stand for them, and say what each program sees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras_tuner
import pytest

from tuner.models import own

Program = Callable[[Any], Any]


def choices(hp: Any) -> Any:
    return hp.Choice("a", ["x", "y"]), hp.Choice("b", [1, 2, 3], default=2), hp.Choice("c", [0.5, 0.25], ordered=False)


def numbers(hp: Any) -> Any:
    return (
        hp.Int("i", 3, 9), hp.Int("j", 8, 64, step=8, default=32), hp.Int("k", 1, 1024, step=2, sampling="log"),
        hp.Float("f", 0.25, 0.75), hp.Float("g", 0.0, 0.5, step=0.125), hp.Float("h", 1e-4, 1e-1, sampling="log"),
        hp.Float("r", 0.5, 0.9, sampling="reverse_log", default=0.7),
    )  # fmt: skip


def words(hp: Any) -> Any:
    return hp.Boolean("yes"), hp.Boolean("no", default=True), hp.Fixed("fixed", 7), hp.Fixed("said", "so")


def scopes(hp: Any) -> Any:
    with hp.name_scope("stem"):
        first = hp.Int("units", 4, 8)
        with hp.name_scope("inner"):
            second = hp.Int("units", 16, 32)
    return first, second, hp.get("stem/units"), hp["stem/inner/units"]


def conditions(hp: Any) -> Any:
    kind = hp.Choice("kind", ["mlp", "cnn"])
    with hp.conditional_scope("kind", ["mlp"]):
        units = hp.Int("units", 4, 8)
        with hp.conditional_scope("units", [4]):
            inner = hp.Boolean("bias")
    with hp.conditional_scope("kind", "cnn"):
        filters = hp.Int("filters", 16, 32)
    return kind, units, inner, filters


def two_of_a_name(hp: Any) -> Any:
    """The same name under two conditions is two parameters, of which one is active."""
    kind = hp.Choice("kind", ["mlp", "cnn"])
    small = hp.Int("units", 4, 8, parent_name="kind", parent_values=["mlp"])
    large = hp.Int("units", 64, 128, parent_name="kind", parent_values=["cnn"])
    return kind, small, large, hp.get("units")


def in_a_scope(hp: Any) -> Any:
    """A condition names its parent within the scopes that are open."""
    with hp.name_scope("head"):
        hp.Choice("kind", ["mlp", "cnn"])
        with hp.conditional_scope("kind", ["cnn"]):
            return hp.Int("filters", 16, 32)


def asked_again(hp: Any) -> Any:
    """A name that is asked for again has the value that it has, whatever its range is now."""
    return hp.Int("units", 4, 8), hp.Int("units", 16, 32), hp.Float("units", 0.0, 1.0)


def looked_at(hp: Any) -> Any:
    kind = hp.Choice("kind", ["mlp", "cnn"])
    with hp.conditional_scope("kind", ["cnn"]):
        hp.Int("filters", 16, 32)
    return kind, "kind" in hp, "filters" in hp, "other" in hp, hp.is_active("filters"), hp.is_active("kind")


def counted(hp: Any) -> Any:
    return [hp.Int(f"units_{i}", 4, 8, default=4 + i) for i in range(hp.Int("layers", 1, 3, default=2))]


SEEN: list[tuple[Program, dict[str, Any], Any]] = [
    (choices, {}, ("x", 2, 0.5)),
    (choices, {"a": "y", "b": 3, "c": 0.25}, ("y", 3, 0.25)),
    (numbers, {}, (3, 32, 1, 0.25, 0.0, 1e-4, 0.7)),
    (numbers, {"i": 9, "k": 512, "g": 0.375}, (9, 32, 512, 0.25, 0.375, 1e-4, 0.7)),
    (words, {}, (False, True, 7, "so")),
    (words, {"yes": True, "no": False}, (True, False, 7, "so")),
    (scopes, {}, (4, 16, 4, 16)),
    (scopes, {"stem/inner/units": 20}, (4, 20, 4, 20)),
    (conditions, {}, ("mlp", 4, False, None)),
    (conditions, {"units": 8}, ("mlp", 8, None, None)),
    (conditions, {"kind": "cnn", "filters": 20}, ("cnn", None, None, 20)),
    (two_of_a_name, {}, ("mlp", 4, None, 4)),
    (two_of_a_name, {"kind": "cnn", "units": 96}, ("cnn", None, 96, 96)),
    (in_a_scope, {}, None),
    (in_a_scope, {"head/kind": "cnn"}, 16),
    (asked_again, {}, (4, 4, 4)),
    (asked_again, {"units": 6}, (6, 6, 6)),
    (looked_at, {}, ("mlp", True, False, False, False, True)),
    (looked_at, {"kind": "cnn"}, ("cnn", True, True, False, True, True)),
    (counted, {}, [4, 5]),
    (counted, {"layers": 3, "units_2": 8}, [4, 5, 8]),
]


def theirs(values: dict[str, Any]) -> Any:
    """KerasTuner's own, as its oracle hands it to a model."""
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


@pytest.mark.parametrize(("program", "values", "seen"), SEEN)
def test_a_program_sees_what_it_sees_with_kerastuner(program: Program, values: dict[str, Any], seen: Any) -> None:
    mine, other = own.hyperparameters(values), theirs(values)
    assert program(mine) == program(other) == seen
    assert mine.values == other.values
    assert mine.get_config() == other.get_config()
    # Built again on the same values, as KerasTuner does, it is the same model.
    assert program(own.hyperparameters(mine.values)) == seen


def test_what_was_asked_for_beyond_the_values_is_noted() -> None:
    hp = own.hyperparameters({"units": 6})
    hp.Int("units", 4, 8)
    hp.Boolean("bias", default=True)
    assert hp.defaulted == {"bias": True}


MISUSED: list[tuple[Program, type[Exception], str]] = [
    (lambda hp: hp.get("units"), KeyError, "units does not exist"),
    (lambda hp: hp["units"], KeyError, "units does not exist"),
    (lambda hp: hp.Choice("a", []), ValueError, "`values` must be provided"),
    (lambda hp: hp.Choice("a", [1, "x"]), TypeError, "can contain only one type"),
    (lambda hp: hp.Choice("a", ["x"], default="y"), ValueError, "default value should be one of the choices"),
    (lambda hp: hp.Int("a", 0.5, 3), ValueError, "must be an int"),
    (lambda hp: hp.Int("a", 0, 8, sampling="log"), ValueError, "does not support negative values"),
    (lambda hp: hp.Int("a", 0, 8, sampling="other"), ValueError, "sampling"),
    (lambda hp: hp.Boolean("a", default="maybe"), ValueError, "must be a Python boolean"),
    (lambda hp: hp.Fixed("a", [1]), ValueError, "value must be an `int`"),
    (lambda hp: _within(hp, "nobody"), ValueError, "nobody not defined"),
]


def _within(hp: Any, parent: str) -> Any:
    with hp.conditional_scope(parent, [1]):
        return hp.Int("a", 0, 8)


@pytest.mark.parametrize("place", range(len(MISUSED)))
def test_a_misuse_is_told_as_with_kerastuner(place: int) -> None:
    program, kind, line = MISUSED[place]
    told = []
    for hp in (own.hyperparameters({}), theirs({})):
        with pytest.raises(kind, match=line) as raised:
            program(hp)
        told.append(str(raised.value))
    assert told[0] == told[1]


def test_one_that_is_not_active_is_not_to_be_had() -> None:
    for hp in (own.hyperparameters({}), theirs({})):
        looked_at(hp)
        with pytest.raises(ValueError, match="filters is currently inactive"):
            hp.get("filters")


def test_a_copy_is_kerastuners_own_and_whole() -> None:
    mine = own.hyperparameters({"kind": "cnn", "filters": 20})
    conditions(mine)
    copied = mine.copy()
    assert copied.values == mine.values
    assert [each.name for each in copied.space] == ["kind", "units", "bias", "filters"]
    assert conditions(copied) == ("cnn", None, None, 20)


def test_what_is_asked_for_is_known_in_its_order_with_its_conditions() -> None:
    for hp in (own.hyperparameters({}), theirs({})):
        conditions(hp)
        assert [each.name for each in hp.space] == ["kind", "units", "bias", "filters"]
        names = [[condition.name for condition in each.conditions] for each in hp.space]
        assert names == [[], ["kind"], ["kind", "units"], ["kind"]]


def test_one_merged_into_another_has_the_values_of_both() -> None:
    for hp in (own.hyperparameters({"a": "y"}), theirs({"a": "y"})):
        choices(hp)
        other = keras_tuner.HyperParameters()
        other.Fixed("b", 9)
        other.Int("z", 1, 4, default=3)
        hp.merge(other, overwrite=False)
        assert (hp.get("a"), hp.get("b"), hp.get("z")) == ("y", 2, 3)
        hp.merge(other)
        assert hp.get("b") == 9
