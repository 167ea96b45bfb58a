"""KerasTuner's oracles, without Keras: the part of the library that proposes uses nothing of it.

Importing KerasTuner imports Keras, and that TensorFlow: ten seconds and half a gigabyte in a process that trains
nothing. Here its modules of oracles are read alone, in 0.3 s, with nothing in the places of those that train models or
talk over the network. What is read is kept out of `sys.modules`, so that an `import keras_tuner` gets all of it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

_LIBRARY = "keras_tuner"
# Packages whose own `__init__` would import all of it.
_BARE = ("", ".src", ".src.engine", ".src.tuners")
# Modules that an oracle never uses.
_ABSENT = (".src.backend", ".src.backend.keras", ".src.protos", ".src.engine.tuner")
_ORACLES = {
    "random": (".src.tuners.randomsearch", "RandomSearchOracle"),
    "bayesian": (".src.tuners.bayesian", "BayesianOptimizationOracle"),
    "hyperband": (".src.tuners.hyperband", "HyperbandOracle"),
    "grid": (".src.tuners.gridsearch", "GridSearchOracle"),
}


@cache
def oracle(sampler: str) -> Any:
    """The class of that oracle. What it draws at random comes from its attribute `fresh`, a function without arguments.

    That gives None where there is nothing new to draw. `drawn(seed)` is what the oracle itself would have drawn.
    """
    module, name = _ORACLES[sampler]
    found: Any = getattr(_read(module), name)

    class Oracle(found):  # type: ignore[misc]
        fresh: Callable[[], dict[str, Any] | None]

        def _random_values(self) -> dict[str, Any] | None:
            return self.fresh()

        def drawn(self, seed: int) -> dict[str, Any]:
            self._seed_state = seed
            values: dict[str, Any] = super()._random_values()
            return values

    return Oracle


def module_of(sampler: str) -> Any:
    """The module in which that oracle stands."""
    return _read(_ORACLES[sampler][0])


def hyperparameters() -> Any:
    """The module of KerasTuner's kinds of hyperparameters."""
    return _read(".src.engine.hyperparameters")


def conditions() -> Any:
    """The module of what makes a hyperparameter active."""
    return _read(".src.engine.conditions")


def objective(name: str, goal: str) -> Any:
    return _read(".src.engine.objective").Objective(name, goal.removesuffix("imize"))


def trial(identity: str, values: dict[str, Any]) -> Any:
    """One of KerasTuner's trials, which runs."""
    given = hyperparameters().HyperParameters()
    given.values = values
    return _read(".src.engine.trial").Trial(given, trial_id=identity)


_modules: dict[str, ModuleType] = {}


@cache
def _read(module: str) -> Any:
    with _alone():
        return importlib.import_module(_LIBRARY + module)


@contextmanager
def _alone() -> Iterator[None]:
    """Only the modules that were read here are KerasTuner's."""
    before = _taken()
    sys.modules.update(_modules or _stand_ins())
    try:
        yield
    finally:
        _modules.update(_taken())
        sys.modules.update(before)


def _taken() -> dict[str, ModuleType]:
    """Every module of KerasTuner, taken out of `sys.modules`."""
    # Copied at once, as other threads import, too.
    names = [name for name in list(sys.modules) if name.partition(".")[0] == _LIBRARY]
    return {name: sys.modules.pop(name) for name in names}


def _stand_ins() -> dict[str, ModuleType]:
    spec = importlib.util.find_spec(_LIBRARY)
    assert spec is not None
    assert spec.submodule_search_locations
    root = spec.submodule_search_locations[0]
    made = {_LIBRARY + name: ModuleType(_LIBRARY + name) for name in (*_BARE, *_ABSENT)}
    for name, module in made.items():
        if name.removeprefix(_LIBRARY) in _BARE:
            module.__path__ = [root + name.removeprefix(_LIBRARY).replace(".", "/")]
        parent, _, own = name.rpartition(".")
        if parent:
            setattr(made[parent], own, module)
    made[f"{_LIBRARY}.src.engine.tuner"].Tuner = object  # type: ignore[attr-defined]
    return made
