"""A plugin of pytest's: while KerasTuner's own tests run, its `HyperParameters` is the class that our users get."""

from __future__ import annotations

import sys
from typing import Any

import keras_tuner
import pytest

from tuner.models import own

# Tests that are about something else than what a user's model sees, and why, by a part of their names.
LEFT_OUT = {
    "proto": "how KerasTuner's chief and its workers write hyperparameters to each other; ours do not",
}


class HyperParameters(own.HyperParameters):
    """Ours, without values: KerasTuner's tests set them, or ask for defaults."""

    def __init__(self) -> None:
        super().__init__({})


def pytest_configure() -> None:
    theirs = keras_tuner.HyperParameters
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "keras_tuner" and getattr(module, "HyperParameters", None) is theirs:
            module.HyperParameters = HyperParameters  # type: ignore[attr-defined]


def pytest_collection_modifyitems(items: list[Any]) -> None:
    for item in items:
        for part, why in LEFT_OUT.items():
            if part in item.name:
                item.add_marker(pytest.mark.skip(reason=why))
