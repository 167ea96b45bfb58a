"""Files with rows: CSV and Parquet here, arrays in `tuner.data.arrays`. What a bad file is told is said here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.data import delimited
from tuner.data.columns import conformed, frame, inferred, read_cells
from tuner.data.naming import not_found
from tuner.data.sheet import Sheet, check_header, rows_from, tidied
from tuner.data.table import Kind
from tuner.errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

# What is read lies in memory several times over while it is converted.
LIMIT_BYTES = 2 * 2**30


def read(path: Path, where: str | None = None) -> Sheet:
    """The rows of a CSV or Parquet file, named `where` in messages. Raises DataError, a line for each problem."""
    where = where or str(path)
    check(path, where)
    if path.suffix.lower() == ".parquet":
        return _parquet(path, where)
    return delimited.parse(path.read_bytes(), where)


def read_rows(
    path: Path, kinds: Mapping[str, Kind] | None = None, empties: Mapping[str, tuple[str, ...]] | None = None
) -> pd.DataFrame:
    """The rows of a CSV or Parquet file as raw columns: numbers as float64, texts as object, NaN or None where empty.

    `kinds` are the columns that somebody counts on, read as such, and `empties` their texts that mean an empty cell,
    as `Table` has them; any other column is what its cells look like, whatever those are, and is left out where they
    are neither numbers nor text. Without `kinds`, every column is counted on. Raises DataError where a column that is
    counted on is missing, or has a cell that is not of its kind, and for empty rows, which a search leaves out.
    """
    sheet = read(path)
    empties = empties or {}
    if sheet.left_out:
        raise DataError(
            f"{sheet.where}: {sheet.left_out}, and a prediction would not stand beside its row. Remove them"
        )
    problems = [not_found(sheet, name) for name in kinds or {} if name not in sheet.columns]
    made = {}
    for name, column in sheet.columns.items():
        # Nobody is told of what nobody looks at.
        told = problems if kinds is None or name in kinds else []
        try:
            cells = read_cells(column, empties.get(name, ()), sheet.semicolons)
        except TypeError as error:
            told.append(f"{sheet.where}: column '{name}' {error}, expected numbers or text. Save it as one of them")
        else:
            kind = (kinds or {}).get(name) or inferred(cells)
            made[name] = conformed(sheet, name, cells, kind, told)
    if problems:
        raise DataError(*problems)
    return frame(made)


def check(path: Path, where: str) -> None:
    """Raises DataError unless there is a file that can be read and is not too large."""
    if path.is_dir():
        raise DataError(f"{where}: is a folder, expected a file")
    try:
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except (FileNotFoundError, NotADirectoryError):
        if not path.parent.is_dir():
            raise DataError(f"{where}: no such file, and no such folder") from None
        near = [each.name for each in path.parent.iterdir() if each.suffix.lower() in (".csv", ".parquet", ".npz")]
        raise DataError(f"{where}: no such file.{nearest(path.name, near)}".removesuffix(".")) from None
    except OSError as error:
        raise DataError(f"{where}: cannot be read ({error.strerror})") from None
    if not size:
        raise DataError(f"{where}: is empty")
    check_size(size, where)


def check_size(size: int, where: str) -> None:
    """Raises DataError where so many bytes are more than is read."""
    if size > LIMIT_BYTES:
        raise DataError(
            f"{where}: {size / 2**30:.1f} GiB of rows; the limit is {LIMIT_BYTES / 2**30:.0f} GiB. "
            "Take a sample of the rows, or leave out columns"
        )


def _parquet(path: Path, where: str) -> Sheet:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file: Any = parquet.ParquetFile(path)
        about = file.metadata
        names = list(file.schema_arrow.names)
        # Repeated values take no room in the file, but do in memory.
        check_size(about.num_rows * len(names) * 8, where)
        check_size(sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups)), where)
        check_header(where, names, "the file")
        table = file.read()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"{where}: not a Parquet file, or a damaged one ({reason})") from None
    return tidied(Sheet(where, dict(zip(names, table.columns, strict=True)), rows_from(table.num_rows)))
