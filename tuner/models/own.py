"""A model of the user's own: the file is run, and `hp` is KerasTuner's own, with the values of a trial.

Importing this module imports TensorFlow and KerasTuner; it is imported in processes that train, and nowhere else.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import traceback
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from tuner import quiet
from tuner.errors import StudyError, nearest
from tuner.model_file import ModelFile
from tuner.trial import Value

with quiet.stderr():
    import keras
    import keras_tuner

    from tuner.models.own_network import first_line


class HyperParameters(keras_tuner.HyperParameters):  # type: ignore[misc]
    """KerasTuner's, with values already set. What is asked for beyond them has its default, and is noted."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        super().__init__()
        self.values = dict(values)
        self._given = frozenset(values)

    @property
    def defaulted(self) -> dict[str, Value]:
        """What was asked for and had no value, with the defaults that it was given."""
        return {name: value for name, value in self.values.items() if name not in self._given}


def load(file: ModelFile) -> keras_tuner.HyperModel:
    """Runs the file, and gives the model that it names. Raises StudyError, with the line of the file that is wrong."""
    module = _run(file)
    if not hasattr(module, file.name):
        there = [name for name, value in vars(module).items() if callable(value)]
        hint = nearest(file.name, there) or f" Expected a function {file.name}(hp) or a HyperModel"
        raise StudyError(f"{file.path.name}: has no '{file.name}'.{hint}")
    found = getattr(module, file.name)
    if isinstance(found, type):
        found = _instance(file, found)
    if isinstance(found, keras_tuner.HyperModel):
        return found
    if not callable(found):
        kind = type(found).__name__
        raise StudyError(f"{file.path.name}: {file.name} is of type {kind}, expected a function of hp or a HyperModel")
    try:
        inspect.signature(found).bind(None)
    except TypeError as error:
        raise StudyError(
            f"{file.path.name}: {file.name} must take one argument, hp: {error} in {inspect.signature(found)}"
        ) from None
    except ValueError:
        pass  # one whose arguments cannot be known before it is called
    return keras_tuner.src.engine.hypermodel.DefaultHyperModel(found)


def hyperparameters(values: Mapping[str, Value]) -> HyperParameters:
    """An `hp` on which those values are set."""
    return HyperParameters(values)


def build(file: ModelFile, values: Mapping[str, Value], seed: int) -> tuple[keras.Model, HyperParameters]:
    """The model of these values, as its function gives it, with weights drawn from the seed.

    Raises what the function raises, and StudyError where it gives no model.
    """
    model, hp = load(file), hyperparameters(values)
    keras.utils.set_random_seed(seed)
    return built(file, model, hp), hp


def built(file: ModelFile, hypermodel: keras_tuner.HyperModel, hp: keras_tuner.HyperParameters) -> keras.Model:
    """What `hypermodel` builds of `hp`. Raises what it raises, and StudyError where that is no model."""
    hypermodel.declare_hyperparameters(hp)
    model = hypermodel.build(hp)
    if not isinstance(model, keras.Model):
        kind = type(model).__name__
        raise StudyError(f"{file.path.name}: {file.name} must return a Keras model, it returned one of type {kind}")
    return model


def place(file: ModelFile, hypermodel: keras_tuner.HyperModel) -> str:
    """The file, with the line of what builds the model where that is in it."""
    function = isinstance(hypermodel, keras_tuner.src.engine.hypermodel.DefaultHyperModel)
    code = getattr(inspect.unwrap(hypermodel.build if function else type(hypermodel).build), "__code__", None)
    if code is None or code.co_filename != str(file.path):
        return str(file.path)
    return f"{file.path}:{code.co_firstlineno}"


def blamed(file: ModelFile, error: BaseException) -> str:
    """An exception of the user's code in a line: file, line number, what was raised."""
    raised = f"{type(error).__name__}: {first_line(error)}" if str(error) else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if frame.filename == str(file.path)]
    where = f"{file.path}:{mine[-1].lineno}" if mine else str(file.path)
    return f"{where}: {raised}"


def _run(file: ModelFile) -> ModuleType:
    """The file as a module of its own name, so that its classes are saved under it; it may import its neighbours."""
    taken = file.path.stem in sys.modules or file.path.stem in sys.stdlib_module_names
    name = f"{file.path.stem}_model" if taken else file.path.stem
    if (folder := str(file.path.parent)) not in sys.path:
        sys.path.insert(0, folder)
    try:
        code = file.path.read_bytes()
    except OSError as error:
        raise StudyError(f"{file.path}: cannot be read ({error.strerror})") from None
    if hashlib.sha256(code).hexdigest() != file.digest:
        raise StudyError(f"{file.path}: has changed since the search began. Put it back, or begin another with --fresh")
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = str(file.path)
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # nothing is written beside the user's file
    try:
        # What it makes outside of its functions, as layers that many models share, is then the same in every process.
        keras.utils.set_random_seed(0)
        exec(compile(code, str(file.path), "exec", dont_inherit=True), vars(module))
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise StudyError(blamed(file, error)) from error
    finally:
        sys.dont_write_bytecode = before
    return module


def _instance(file: ModelFile, found: type[Any]) -> Any:
    if not issubclass(found, keras_tuner.HyperModel):
        raise StudyError(f"{file.path.name}: {file.name} is a class, expected a function of hp or a HyperModel")
    try:
        return found()
    except Exception as error:
        raise StudyError(
            f"{blamed(file, error)}. {file.name}() must need no arguments; name an instance of it otherwise"
        ) from error
