"""A model folder, applied to raw rows: `model.keras`, and `manifest.json`, which says what its columns and classes are.

A model with layers of the user's own is no file that Keras loads by itself: `model.keras` is then what is done to rows
before it, `outputs.keras` what is made of its output, and between them is what the user's Python files build, with the
weights of `core.npz`. Those files run where it is loaded, so it is loaded only where whoever asks trusts them, by their
checksums.

This file stands alone: it imports nothing of the package, because a copy of it travels inside every recorded model and
predicts where only Keras, NumPy and pandas are installed. What counts as an empty cell, a number or a text is what the
package's own reader says.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import random
import re
import sys
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cached_property
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras
    import pandas as pd

Array = NDArray[Any]

FORMAT = 1
MODEL, MANIFEST = "model.keras", "manifest.json"
OUTPUTS, CORE = "outputs.keras", "core.npz"
EMPTY = ("", "NA", "NaN", "nan", "NAN", "null", "NULL")

# Rows that go through the network at a time.
_BATCH = 1024
_NUMBER = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf(inity)?|nan)", re.IGNORECASE | re.ASCII)
_LARGEST = float(np.finfo(np.float32).max)

# What a model file may be made of. Keras' own safe mode still looks names up; these are all that a model here needs.
_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_MOST_BYTES = 4 * 2**30
_VALUES = {"__keras_tensor__", "__numpy__", "__slice__"}
_MODULES = {
    "keras", "keras.layers", "keras.initializers", "keras.regularizers", "keras.constraints", "keras.models",
    "keras.src.models.functional", "keras.src.models.sequential",
    "keras.src.ops.core", "keras.src.ops.image", "keras.src.ops.linalg", "keras.src.ops.math", "keras.src.ops.nn",
    "keras.src.ops.numpy", "keras.dtype_policies", "keras.src.dtype_policies.dtype_policy_map",
}  # fmt: skip
_REFUSED = {"function", "Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
# Modules whose names no file of a model's may take.
_TAKEN = {*sys.stdlib_module_names, "keras", "keras_tuner", "numpy", "pandas", "tensorflow"}
# Layers that read their words from another file, where they do not hold them.
_LOOKUPS = {"StringLookup", "IntegerLookup", "TextVectorization"}


class ModelError(ValueError):
    """A model folder cannot be used, or not for these rows. One line for each problem."""


class RowsError(ModelError):
    """The rows do not go with the model."""


class Champion:
    """Predicts raw rows. Raises ModelError where the folder is not a whole model that this program understands.

    `trust` holds the sha256 of files whose code may run: of every Python file of the model, if it has any.
    """

    def __init__(self, folder: str | Path, trust: Collection[str] = ()) -> None:
        self.folder = Path(folder)
        self.manifest = _manifest(self.folder)
        if broken := self.manifest.get("broken"):  # what was found when it was packed
            raise ModelError(f"cannot be used: {broken}")
        self.task: str = self.manifest["task"]
        self.target: str = self.manifest["target"]
        self.classes: list[Any] = self.manifest["classes"] or []
        self.columns: list[dict[str, Any]] = self.manifest["columns"]
        for name, expected in self.manifest["checksum"].items():
            _check_sum(self.folder / name, expected)
        check_archive(self.folder / MODEL)
        self._code = _code(self.folder, self.manifest, trust)
        if self._code is not None:
            check_archive(self.folder / OUTPUTS)

    @cached_property
    def model(self) -> Callable[..., Any]:
        """The Keras model, loaded when it is first needed: wrong rows are told before that takes its seconds."""
        before: Callable[..., Any] = _loaded(self.folder / MODEL)
        if self._code is None:
            return before
        after = _loaded(self.folder / OUTPUTS)
        core = _built(self.folder, self._code, self.manifest, before)
        return lambda batch, training: after(core(before(batch, training=training), training=training))

    def predict(self, rows: pd.DataFrame | Array | Mapping[str, Array]) -> pd.DataFrame:
        """The prediction of every row, with the index of the rows.

        Classes: `label`, its `probability`, and `p(class)` of each class. Regression: `value`, in the target's units.
        Missing cells (None, NaN, "") are allowed, and columns that the model does not take. An array serves a model
        of one array, and arrays by name one of several. Raises RowsError where a column is missing, or a cell is not
        what its column holds.
        """
        import pandas as pd

        if isinstance(rows, np.ndarray):
            rows = self._framed(rows)
        elif not isinstance(rows, pd.DataFrame):
            rows = _by_name(rows)
        inputs = self._inputs(rows)
        output = np.concatenate([*self._batches(inputs, len(rows)), np.empty((0, self._width), np.float32)])
        if not self.classes:
            return pd.DataFrame({"value": output[:, 0].astype(np.float64)}, index=rows.index)
        return _labelled(output.astype(np.float64), self.classes, rows.index)

    @property
    def _width(self) -> int:
        return 1 if self.task in ("binary", "regression") else len(self.classes)

    def _batches(self, inputs: Mapping[str, Array], rows: int) -> Iterator[Array]:
        import keras

        for start in range(0, rows, _BATCH):
            # Tensors, because Keras takes no numpy array of texts.
            batch = {
                name: keras.ops.convert_to_tensor(
                    values[start : start + _BATCH], dtype="string" if values.dtype == object else "float32"
                )
                for name, values in inputs.items()
            }
            yield np.asarray(keras.ops.convert_to_numpy(self.model(batch, training=False)))

    def _inputs(self, rows: pd.DataFrame) -> dict[str, Array]:
        """The model's inputs by name. Raises RowsError with a line for every column that does not fit."""
        rows = _renamed(rows, self.manifest.get("rename") or {})
        problems = _missing([column["name"] for column in self.columns if column["name"] not in rows.columns], rows)
        inputs: dict[str, Array] = {}
        for column in self.columns:
            name = column["name"]
            if name not in rows.columns:
                continue
            if rows.columns.tolist().count(name) > 1:
                problems.append(f"column '{name}' is given twice")
                continue
            try:
                inputs[column.get("input", name)] = _READERS[column["kind"]](rows[name], column)
            except RowsError as error:
                problems.append(f"column '{name}'{error}")
        if problems:
            raise RowsError("\n".join(problems))
        return inputs

    def _framed(self, rows: Array) -> pd.DataFrame:
        """An array as the one column of a model of arrays."""
        import pandas as pd

        if self.columns[0]["kind"] != "array":
            raise RowsError(
                f"expected a table with the columns {_listed(c['name'] for c in self.columns)}, got an array"
            )
        if len(self.columns) > 1:
            raise RowsError(f"expected the arrays {_listed(c['name'] for c in self.columns)} by name, got one array")
        return pd.DataFrame({self.columns[0]["name"]: pd.Series(list(rows), dtype=object)})


def _by_name(rows: Mapping[str, Array]) -> pd.DataFrame:
    """Arrays by name as a table. Raises RowsError where they have not the same number of rows."""
    import pandas as pd

    arrays = {name: np.asarray(given) for name, given in rows.items()}
    lengths = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise RowsError(
            f"expected arrays of as many rows, got {_listed(f'{n} of {name}' for name, n in lengths.items())}"
        )
    return pd.DataFrame({name: pd.Series(list(array), dtype=object) for name, array in arrays.items()})


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        version = manifest["format"]
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}). Expected a folder that an export wrote") from None
    except (ValueError, KeyError, TypeError):
        raise ModelError(f"{path}: not the manifest of a model. Export the model again") from None
    if version != FORMAT:
        raise ModelError(
            f"{path}: expected format {FORMAT}, got {version}. Use the program that wrote it, or a newer one"
        )
    absent = [key for key in ("task", "target", "classes", "columns", "checksum") if key not in manifest]
    if absent or MODEL not in manifest["checksum"]:
        raise ModelError(
            f"{path}: {', '.join(absent) or f'the checksum of {MODEL}'} is missing. Export the model again"
        )
    return dict(manifest)


def _check_sum(path: Path, expected: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}). Export the model again") from None
    if found != expected:
        raise ModelError(f"{path}: damaged or replaced, its checksum is not that of {MANIFEST}. Export the model again")


def sums_of(folder: str | Path) -> frozenset[str]:
    """The sha256 of every file of a model, as its manifest has them: for who trusts whatever is in the folder."""
    return frozenset(_manifest(Path(folder))["checksum"].values())


def recorded(folder: str | Path) -> Champion:
    """The model of a record, for the program that travels with it: who runs that trusts what lies beside it as much."""
    return Champion(folder, sums_of(folder))


class _Code(MetaPathFinder, InspectLoader):
    """The user's own modules, from texts that were checked, and from nothing else: no cache beside them is read."""

    def __init__(self, folder: Path, sources: Mapping[str, str], packages: Collection[str]) -> None:
        self._folder, self._sources, self._packages = folder, dict(sources), set(packages)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in self._sources:
            return None
        spec = spec_from_loader(name, self, origin=str(self._folder / f"{name}.py"), is_package=self.is_package(name))
        if spec is not None:
            spec.has_location = True  # a module has its file
        return spec

    def is_package(self, name: str) -> bool:
        return name in self._packages

    def get_source(self, name: str) -> str:
        return self._sources[name]

    @contextmanager
    def main(self) -> Iterator[ModuleType]:
        """The first of the modules, run. Others of their names are back in place afterwards."""
        before = {name: sys.modules.pop(name) for name in self._sources if name in sys.modules}
        sys.meta_path.insert(0, self)
        try:
            yield importlib.import_module(next(iter(self._sources)))
        finally:
            sys.meta_path.remove(self)
            for name in self._sources:
                sys.modules.pop(name, None)
            sys.modules.update(before)


def _code(folder: Path, manifest: Mapping[str, Any], trust: Collection[str]) -> _Code | None:
    """The user's modules that the model needs. Raises ModelError where one is not whole, or nobody trusts it."""
    if not manifest.get("code"):
        return None
    sums, sources, strange = manifest["checksum"], {}, list[str]()
    for module in manifest["code"]["modules"]:
        name, file = str(module["module"]), f"{module['module']}.py"
        if name.partition(".")[0] in _TAKEN or not all(map(str.isidentifier, name.split("."))) or file not in sums:
            raise ModelError(f"{folder / MANIFEST}: '{file}' is no file of a model's code. Export the model again")
        text = (folder / file).read_bytes()
        if hashlib.sha256(text).hexdigest() not in trust and text.strip():
            strange.append(file)
        sources[name] = text.decode("utf-8")
    if strange:
        raise ModelError(
            f"runs code of its own where it predicts ({_listed(strange)}), which is not that of a search "
            f"here. Read it, and if you trust it, name your copy: {' '.join(f'--trust {name}' for name in strange)}"
        )
    packages = [module["module"] for module in manifest["code"]["modules"] if module.get("package")]
    return _Code(folder, sources, packages)


def _built(folder: Path, code: _Code, manifest: Mapping[str, Any], before: keras.Model) -> keras.Model:
    """What the user's code builds of the model's values, with its weights. Raises ModelError where that goes wrong."""
    import keras

    policy, drawn = keras.config.dtype_policy(), (random.getstate(), np.random.get_state())
    try:
        import keras_tuner

        hp = keras_tuner.HyperParameters()
        hp.values = dict(manifest["values"])
        keras.utils.set_random_seed(0)  # as where it was trained: what the code draws and keeps is the same again
        with code.main() as module:
            found = getattr(module, manifest["code"]["name"])
            found = found() if isinstance(found, type) else found
            keras.utils.set_random_seed(manifest["seed"])
            getattr(found, "declare_hyperparameters", lambda hp: None)(hp)
            core = getattr(found, "build", found)(hp)
            core(before({each.name: _nothing(each) for each in before.inputs}))  # one that is built by its first rows
        with np.load(folder / CORE, allow_pickle=False) as weights:
            core.set_weights([weights[name] for name in weights.files])
    except (Exception, SystemExit) as error:
        raise ModelError(f"its code cannot run here ({type(error).__name__}: {_first_line(error)})") from error
    finally:
        keras.config.set_dtype_policy(policy)
        random.setstate(drawn[0])
        np.random.set_state(drawn[1])
    return core


def _nothing(tensor: keras.KerasTensor) -> Any:
    """A row of it without anything in it."""
    import keras

    empty = np.full((1, *tensor.shape[1:]), "" if tensor.dtype == "string" else 0, object)
    return keras.ops.convert_to_tensor(empty if tensor.dtype == "string" else empty.astype(np.float32), tensor.dtype)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "")


def _loaded(path: Path) -> keras.Model:
    import keras

    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except (OSError, TypeError, ValueError, KeyError) as error:
        reason = _first_line(error) or type(error).__name__
        raise ModelError(f"{path}: Keras cannot load it ({reason})") from None


def check_archive(path: Path) -> None:
    """Raises ModelError unless the file is a Keras archive of stock layers, of a sound size, that reads no other file.

    A checksum says that a file is whole, not whose it is: both may come from elsewhere.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            strange = sorted({member.filename for member in members} - _MEMBERS)
            if strange:
                raise ModelError(f"{path}: refused, it holds '{strange[0]}', which no model of this kind has")
            if sum(member.file_size for member in members) > _MOST_BYTES:
                raise ModelError(f"{path}: refused, it unpacks to more than {_MOST_BYTES >> 30} GiB")
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{path}: not a Keras archive ({error})") from None
    for part in _parts(config):
        name, module = part["class_name"], part.get("module")
        allowed = name in _VALUES or (module in _MODULES and name not in _REFUSED)
        if not allowed or part.get("registered_name") not in (None, name):
            raise ModelError(f"{path}: refused, '{module}.{name}' is not a stock layer of Keras")
        if name in _LOOKUPS and not isinstance(part["config"].get("vocabulary"), list):
            raise ModelError(f"{path}: refused, a {name} of it would read its words from another file")


def _parts(config: Any) -> Iterator[dict[str, Any]]:
    """Everything in the configuration that names a class."""
    if isinstance(config, dict):
        if "class_name" in config:
            yield config
        for value in config.values():
            yield from _parts(value)
    elif isinstance(config, list):
        for value in config:
            yield from _parts(value)


def _renamed(rows: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """The rows with columns of the source's names under the names that the model knows; a name in use is kept."""
    given = set(rows.columns)
    return rows.rename(columns={old: new for old, new in names.items() if old in given and new not in given})


def _missing(names: Sequence[str], rows: pd.DataFrame) -> list[str]:
    """A line that names every column that the rows lack, or none."""
    if not names:
        return []
    found = {str(column).lower(): str(column) for column in rows.columns}
    near = {name: get_close_matches(name.lower(), list(found), n=1) for name in names}
    meant = [
        (f"'{found[close[0]]}'", f" for '{name}'" if len(names) > 1 else "") for name, close in near.items() if close
    ]
    hint = f" Did you mean {', '.join(word + whom for word, whom in meant)}?" if meant else ""
    which = f"column '{names[0]}' is" if len(names) == 1 else f"columns {', '.join(map(repr, names))} are"
    return [f"{which} missing. Columns: {_listed(found.values())}.{hint}"]


def _listed(words: Iterable[str], most: int = 12) -> str:
    words = list(words)
    return ", ".join(words[:most]) + (f", … ({len(words)} in all)" if len(words) > most else "")


def _numbers(cells: pd.Series[Any], column: Mapping[str, Any]) -> Array:
    """float32 (rows, 1), NaN where a cell is missing."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if is_numeric_dtype(cells) or is_bool_dtype(cells):
        numbers = cells.to_numpy(dtype=np.float64, na_value=np.nan)
        strays = np.array([], np.int64)
    else:
        empty = {*EMPTY, *column.get("empties", ())}
        read = [_number(cell, empty) for cell in cells]
        strays = np.flatnonzero([number is None for number in read])
        numbers = np.array([np.nan if number is None else number for number in read], np.float64)
    _refuse(cells, strays, "expected a number")
    _refuse(cells, np.flatnonzero(np.abs(numbers) > _LARGEST), "expected a number within ±3.4e38")
    return numbers.astype(np.float32)[:, None]


def _number(cell: Any, empty: set[str]) -> float | None:
    """The number in a cell, NaN where it is missing, None where it holds something else."""
    if isinstance(cell, str):
        text = cell.strip()
        if text in empty:
            return float("nan")
        if text.lower() in ("true", "false"):
            return float(text.lower() == "true")
        return float(text) if _NUMBER.fullmatch(text) else None
    if _absent(cell):
        return float("nan")
    # Dates and the like turn into numbers too, but into ones that mean nothing.
    return float(cell) if isinstance(cell, (bool, int, float, np.number, np.bool_)) else None


def _texts(cells: pd.Series[Any], _: Mapping[str, Any]) -> Array:
    """str (rows, 1) in an array of objects, "" where a cell is missing."""
    made = np.empty((len(cells), 1), dtype=object)
    made[:, 0] = [_text(cell) for cell in cells]
    return made


def _text(cell: Any) -> str:
    if _absent(cell):
        return ""
    if isinstance(cell, (bool, np.bool_)):
        return str(cell).lower()
    if isinstance(cell, (float, np.floating)) and float(cell).is_integer():
        return str(int(cell))
    text = str(cell).strip()
    return "" if text in EMPTY else text


def _absent(cell: Any) -> bool:
    import pandas as pd

    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, (float, np.floating)) and cell != cell)


def _arrays(cells: pd.Series[Any], column: Mapping[str, Any]) -> Array:
    """float32 (rows, …)."""
    shape = tuple(column["shape"])
    try:
        arrays = [np.asarray(cell, dtype=np.float32) for cell in cells]
    except (TypeError, ValueError):
        raise RowsError(f": expected arrays of numbers of shape {list(shape)}") from None
    if shape == (1,):  # one number in a row needs no brackets
        arrays = [array.reshape(1) if not array.ndim else array for array in arrays]
    for row, array in enumerate(arrays, start=1):
        if array.shape != shape:
            raise RowsError(f", row {row}: expected an array of shape {list(shape)}, got {list(array.shape)}")
        if not np.isfinite(array).all():
            raise RowsError(f", row {row}: expected a finite number in every cell, got NaN or infinity")
    return np.array(arrays, np.float32).reshape(-1, *shape)


_READERS = {"numeric": _numbers, "codes": _numbers, "text": _texts, "array": _arrays}


def _refuse(cells: pd.Series[Any], rows: Array, expected: str) -> None:
    if len(rows):
        more = f" (and {len(rows) - 1} more such cells)" if len(rows) > 1 else ""
        raise RowsError(f", row {rows[0] + 1}: {expected}, got '{str(cells.iloc[rows[0]])[:40]}'{more}")


def _labelled(output: Array, classes: list[Any], index: pd.Index[Any]) -> pd.DataFrame:
    """Class names and probabilities; a single output is the probability of the second of two classes."""
    import pandas as pd

    shares = np.hstack([1.0 - output, output]) if output.shape[1] == 1 else output
    # At one half the second of two classes is predicted, as the scores count it.
    chosen = (output[:, 0] >= 0.5).astype(np.int64) if output.shape[1] == 1 else shares.argmax(axis=1)
    labels = pd.Series([classes[number] for number in chosen], index=index, dtype=pd.Series(classes).dtype)
    table = {"label": labels, "probability": shares[np.arange(len(shares)), chosen]}
    return pd.DataFrame(table | {f"p({name})": shares[:, i] for i, name in enumerate(classes)}, index=index)
