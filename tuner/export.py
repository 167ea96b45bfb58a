"""Hands a model over: the packed folder of a trial, with what the ledger knows, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner import quiet
from tuner.errors import ExportError
from tuner.home import Home
from tuner.ledger import Ledger, Search
from tuner.packaging import MANIFEST, folder_of, settle

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def export(home: Home, name: str, trial: int | None, output: Path, force: bool, say: Callable[[str], None]) -> Path:
    """Writes the champion of a search, or one of its trials, into a new folder, and returns that.

    A trial whose model was not kept is trained again first. Raises LedgerError where there is no such search, and
    ExportError where it has no champion or trial, or the folder cannot be written.
    """
    ledger, search = Ledger.lookup(home, name)
    number = champion_of(search) if trial is None else trial
    _writable(output, force)
    packed = folder_of(home.search(search.label), number)
    if (packed / MANIFEST).is_file():
        return _write(packed, ledger.runs(search).get(number), output)
    from tuner import replay

    with replay.packed(home, name, number, say) as made:
        return _write(made, ledger.runs(search).get(number), output)


def _write(packed: Path, run: str | None, output: Path) -> Path:
    """Copies a packed model, with the id of its MLflow run in the manifest."""
    manifest = json.loads((packed / MANIFEST).read_text(encoding="utf-8")) | {"run": run}
    if broken := manifest.get("broken"):
        raise ExportError(f"its model cannot be exported: {broken}")
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        for name in manifest["checksum"]:
            shutil.copyfile(packed / name, unfinished / name)
        (unfinished / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False), encoding="utf-8")
        return settle(unfinished, output)
    except OSError as error:
        raise ExportError(f"{output}: cannot be written ({error.strerror}). Name another folder with -o") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def rows_of(folder: Path) -> str:
    """What a file of rows for an exported model may be called: arrays come in an .npz, columns in a .csv."""
    first, *_ = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["columns"]
    return "rows.npz" if first["kind"] == "array" else "rows.csv"


def code_of(folder: Path) -> list[str]:
    """The Python files of the user's that an exported model runs where it predicts."""
    code = json.loads((folder / MANIFEST).read_text(encoding="utf-8")).get("code") or {"modules": []}
    return [f"{each['module']}.py" for each in code["modules"]]


def champion_of(search: Search) -> int:
    """The number of a search's champion. Raises ExportError while there is none."""
    if search.verdict is None:
        raise ExportError(f"{search.label} has no champion yet. Type: tuner search {search.label}")
    return int(search.verdict["champion"])


def predict(home: Home, model: str, rows: Path, trust: Sequence[Path] = ()) -> pd.DataFrame:
    """The predictions of an exported folder, or of a study's champion, for a file of raw rows.

    Code that came with a model runs only if a search here had the same, or each of its files is one of `trust`. Raises
    ExportError where the model or the rows cannot be read, or do not go together, and LedgerError where nothing was
    searched under that name.
    """
    folder = Path(model)
    if not folder.is_dir():
        if folder.exists() or folder.name != model:
            raise ExportError(f"{model}: expected a folder that `tuner export` wrote, or the name of a study")
        _, search = Ledger.lookup(home, model)
        folder = folder_of(home.search(search.label), champion_of(search))
    if not (folder / MANIFEST).is_file():
        raise ExportError(f"{folder}: has no {MANIFEST}; expected a folder that `tuner export` wrote")
    table, trusted = _raw_rows(folder, rows), {*_searched(home, folder), *map(_sum, trust)}
    from tuner.models.champion import Champion, RowsError

    try:
        with quiet.stderr():
            return Champion(folder, trusted).predict(table)
    except RowsError as error:
        raise ExportError(*(f"{rows}: {line}" for line in str(error).splitlines())) from None
    except (OSError, ValueError) as error:
        raise ExportError(f"{folder}: {error}") from None


def _searched(home: Home, folder: Path) -> Iterator[str]:
    """The checksums of a model with code of the user's, if it was packed by a search of this ledger."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    ledger = Ledger.existing(home) if manifest.get("code") else None
    search, trial = ledger.find(str(manifest.get("search"))) if ledger else None, manifest.get("trial")
    if search is None or not isinstance(trial, int):
        return
    packed = folder_of(home.search(search.label), trial) / MANIFEST
    known = json.loads(packed.read_text(encoding="utf-8"))["checksum"] if packed.is_file() else {}
    # The file that the ledger has begun the search with is among them, or they are not that search's.
    file = search.document.get("model") or {}
    if file.get("digest") in known.values():
        yield from known.values()


def _sum(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ExportError(f"--trust {path}: cannot be read ({error.strerror})") from None


def _raw_rows(folder: Path, rows: Path) -> pd.DataFrame | NDArray[Any] | dict[str, NDArray[Any]]:
    """The rows as the manifest says that the columns are: a name stays one, even if it looks like a number."""
    from tuner.data import arrays, files
    from tuner.data.table import Kind

    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if rows.suffix.lower() == ".npz":
        names = [column["name"] for column in manifest["columns"] if column["kind"] == "array"]
        return arrays.read_named(rows, names) if len(names) > 1 else arrays.read_rows(rows, *names)
    rename = manifest.get("rename", {})
    columns = {column["name"]: column for column in manifest["columns"]}
    there = {
        name: columns[rename.get(name, name)] for name in files.read(rows).columns if rename.get(name, name) in columns
    }
    return files.read_rows(
        rows,
        {name: Kind(column["kind"]) for name, column in there.items()},
        {name: tuple(column.get("empties", ())) for name, column in there.items()},
    )


def write_csv(table: pd.DataFrame, output: Path) -> None:
    """Writes predictions so that the file is there whole or not at all. Raises ExportError.

    What is no ordinary file, as a pipe or /dev/stdout, is written to and stays what it is.
    """
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        if output.exists() and not output.is_file():
            table.to_csv(output, index=False)
            return
        table.to_csv(unfinished, index=False)
        unfinished.replace(output.resolve() if output.is_symlink() else output)
    except OSError as error:
        raise ExportError(f"{output}: cannot be written ({error.strerror}). Name another file with -o") from None
    finally:
        unfinished.unlink(missing_ok=True)


def _writable(output: Path, force: bool) -> None:
    if not output.exists():
        return
    ours = output.is_dir() and (output / MANIFEST).is_file()
    if not (force and ours):
        hint = "--force replaces it" if ours else "it is not an earlier export, so it is left alone"
        raise ExportError(f"{output}: exists already; {hint}. Or name another folder with -o")
