"""Pages of searches that were never trained, each written once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.page import made
from tuner.home import Home
from tuner.page import writing
from tuner.trial import State, Trial

Written = Callable[..., Path]
DOUBLE = '[objective]\nmetric = ["val_accuracy", "params"]\n'


def fates(trial: Trial) -> State:
    """Of every kind."""
    return (State.COMPLETE, State.PRUNED, State.COMPLETE, State.FAILED, State.DIVERGED)[trial.number % 5]


def failing(trial: Trial) -> State:
    return State.FAILED


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Home]:
    """Folders with a search `made@1` of each kind, by name."""

    @cache
    def home(kind: str) -> Home:
        folder = tmp_path_factory.mktemp("made") / kind
        return {
            "classes": lambda: made.search(folder, made.nasty, 40, fate=fates),
            "images": lambda: made.search(folder, made.images, 6),
            "values": lambda: made.search(folder, made.values, 6),
            "double": lambda: made.search(folder, made.nasty, 12, objective=DOUBLE),
            "single": lambda: made.search(folder, made.values, 1),
            "unended": lambda: made.search(folder, made.values, 4, ends=False),
            "hopeless": lambda: made.search(folder, made.values, 3, fate=failing, ends=False),
            "empty": lambda: made.search(folder, made.values, 0, ends=False),
        }[kind]()

    return home


@pytest.fixture(scope="session")
def page(homes: Callable[[str], Home], tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Writes the page of such a search, and says where."""

    @cache
    def written(kind: str, test: bool) -> Path:
        path = tmp_path_factory.mktemp("pages") / f"{kind}.html"
        return writing.report(homes(kind), "made", path, top=20, test=test, force=False)

    return lambda kind, test=False: written(kind, test)
